//! The sentences, codes and details as the field's clients were recorded to receive them.

use std::{collections::BTreeSet, fmt::Write};

use expect_test::expect;

use super::*;
use crate::rules::device::{
    handshake::Shared,
    identity::{DeviceKey, ProofRefusal},
    request::RequestedRights,
    role::{Profile, Scopes},
    setup_code::Spent,
};

const OTHER: Tried =
    Tried { reader: Reader::Other, could_show_device_token: false, ahead_ms: -121_500 };

fn error(farewell: &Rejection) -> Refused {
    farewell.answer.clone().unwrap().error.unwrap()
}

#[test]
fn a_wrong_token_is_refused_as_recorded() {
    let wrong = Refusal::Unauthorized(Unauthorized::Shared(Shared::Mismatch(SecretKind::Token)));
    let tried = |reader| Tried { reader, ..OTHER };
    let farewell = of_handshake("1", wrong, tried(Reader::LocalCli));
    expect![[r#"{"type":"res","id":"1","ok":false,"error":{"code":"INVALID_REQUEST","message":"unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or pair the device)","details":{"code":"AUTH_TOKEN_MISMATCH","authReason":"token_mismatch","canRetryWithDeviceToken":false,"recommendedNextStep":"update_auth_credentials"}}}"#]]
    .assert_eq(&serde_json::to_string(&farewell.answer).unwrap());
    let text = "unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or pair the device)";
    assert_eq!((farewell.code, farewell.reason.as_str()), (1008, text));
    let old = of_handshake("1", wrong, tried(Reader::Cli)).reason;
    assert_eq!(
        old,
        "unauthorized: gateway token mismatch (set gateway.remote.token to match gateway.auth.token)"
    );
}

#[test]
fn a_client_that_could_show_its_device_token_is_told_so() {
    let tried = Tried { could_show_device_token: true, ..OTHER };
    let wrong = |shared| Refusal::Unauthorized(Unauthorized::Shared(shared));
    let next = |refusal| {
        let details = error(&of_handshake("1", refusal, tried)).details.unwrap();
        (details["canRetryWithDeviceToken"].clone(), details["recommendedNextStep"].clone())
    };
    let told = next(wrong(Shared::Mismatch(SecretKind::Token)));
    assert_eq!(told, (json!(true), json!("retry_with_device_token")));
    let told = next(wrong(Shared::Missing(SecretKind::Token)));
    assert_eq!(told, (json!(false), json!("update_auth_configuration")));
}

#[test]
fn every_way_to_be_unauthorized_has_its_words() {
    use SecretKind::{Password, Token};
    let shared = Unauthorized::Shared;
    let table = [
        shared(Shared::Missing(Token)),
        shared(Shared::Mismatch(Token)),
        shared(Shared::Missing(Password)),
        shared(Shared::Mismatch(Password)),
        Unauthorized::SetupCode(None),
        Unauthorized::DeviceToken,
        Unauthorized::DeviceTokenScopes,
        Unauthorized::RateLimited { retry_after_ms: 5 },
    ];
    let mut lines = String::new();
    for why in table {
        let error = error(&of_handshake("1", Refusal::Unauthorized(why), OTHER));
        let details = error.details.unwrap();
        let word = |key: &str| details[key].as_str().unwrap().to_owned();
        let (code, reason, next) = (word("code"), word("authReason"), word("recommendedNextStep"));
        writeln!(lines, "{} {code} {reason} {next}\n  {}", error.code, error.message).unwrap();
    }
    expect![[r"
        INVALID_REQUEST AUTH_TOKEN_MISSING token_missing update_auth_configuration
          unauthorized: gateway token missing (provide gateway auth token)
        INVALID_REQUEST AUTH_TOKEN_MISMATCH token_mismatch update_auth_credentials
          unauthorized: gateway token mismatch (provide gateway auth token)
        INVALID_REQUEST AUTH_PASSWORD_MISSING password_missing update_auth_configuration
          unauthorized: gateway password missing (provide gateway auth password)
        INVALID_REQUEST AUTH_PASSWORD_MISMATCH password_mismatch update_auth_credentials
          unauthorized: gateway password mismatch (provide gateway auth password)
        INVALID_REQUEST AUTH_BOOTSTRAP_TOKEN_INVALID bootstrap_token_invalid review_auth_configuration
          unauthorized: setup code invalid, expired, revoked, or already used (create a new code; review `openclaw devices list`)
        INVALID_REQUEST AUTH_DEVICE_TOKEN_MISMATCH device_token_mismatch update_auth_credentials
          unauthorized: device token mismatch (rotate/reissue device token)
        INVALID_REQUEST AUTH_SCOPE_MISMATCH scope_mismatch review_auth_configuration
          unauthorized: device token scope mismatch (re-pair or approve scope upgrade)
        INVALID_REQUEST AUTH_RATE_LIMITED rate_limited wait_then_retry
          unauthorized: too many failed authentication attempts (retry later)
    "]]
    .assert_eq(&lines);
}

#[test]
fn what_the_owner_knows_about_a_code_the_device_does_not() {
    let told =
        |spent| of_handshake("1", Refusal::Unauthorized(Unauthorized::SetupCode(spent)), OTHER);
    for spent in [Spent::Cancelled, Spent::Expired, Spent::Used] {
        assert_eq!(told(Some(spent)), told(None), "case_046");
    }
}

#[test]
fn a_bad_proof_says_which_part_of_it() {
    for why in ProofRefusal::ALL.into_iter().filter(|why| *why != ProofRefusal::Expired) {
        let farewell = of_handshake("1", Refusal::Proof(why), OTHER);
        let error = error(&farewell);
        assert_eq!((farewell.reason.as_str(), farewell.code), (why.message(), 1008));
        assert_eq!((error.code.as_str(), error.message.as_str()), (INVALID_REQUEST, why.message()));
        let (code, reason) = why.details();
        let details = json!({ "code": code, "reason": reason });
        assert_eq!(error.details, Some(details));
    }
}

#[test]
fn an_expired_signature_says_by_how_much_and_whose_clock() {
    let expired = Refusal::Proof(ProofRefusal::Expired);
    let farewell = of_handshake("1", expired, OTHER);
    let said = "device signature expired (its clock is 121 s behind the gateway's)";
    assert_eq!((farewell.reason.as_str(), error(&farewell).message.as_str()), (said, said));
    assert_eq!(error(&farewell).details.as_ref().unwrap()["skewMs"], -121_500);
    let ahead = of_handshake("1", expired, Tried { ahead_ms: i64::MAX, ..OTHER });
    assert!(ahead.reason.contains("s ahead of the gateway's"), "{}", ahead.reason);
}

#[test]
fn who_has_no_device_is_not_paired() {
    let farewell = of_handshake("1", Refusal::DeviceIdentity, OTHER);
    assert_eq!(farewell.reason, "device identity required");
    assert_eq!(error(&farewell).code, NOT_PAIRED);
    let page = of_handshake("1", Refusal::ControlPageIdentity, OTHER);
    assert_eq!(
        error(&page).details,
        Some(json!({ "code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED" }))
    );
}

fn waiting(why: Why, profile: Option<Profile>) -> Waiting {
    let asked = RequestedRights {
        roles: BTreeSet::from([Role::Node]),
        scopes: Scopes::of(&[Scope::Read]),
        ..RequestedRights::default()
    };
    Waiting { why, asked, profile, repair: false }
}

#[test]
fn a_waiting_device_reads_why_and_under_which_name() {
    let (request, device) =
        (DeviceRequestId::parse("50f9").unwrap(), DeviceKey::from_raw([0; 32]).id());
    let told = |why, profile| {
        pairing_required("1", &request, &device, Role::Node, &waiting(why, profile), None)
    };
    let farewell = told(Why::NotPaired, Some(Profile::Limited));
    assert_eq!(farewell.reason, "pairing required: device is not approved yet (requestId: 50f9)");
    let first = error(&farewell);
    assert_eq!((first.code.as_str(), farewell.code), (NOT_PAIRED, 1008));
    let details = first.details.unwrap();
    assert_eq!(details["recommendedNextStep"], "wait_then_retry");
    assert_eq!(details["pauseReconnect"], false);
    assert_eq!(details["requestedScopes"], json!(["operator.read"]));
    assert_eq!(details["deviceId"], device.as_str());
    let table = [
        (Why::NotPaired, "not-paired", "device is not approved yet"),
        (
            Why::RoleUpgrade,
            "role-upgrade",
            "device is asking for a higher role than currently approved",
        ),
        (
            Why::ScopeUpgrade,
            "scope-upgrade",
            "device is asking for more scopes than currently approved",
        ),
        (
            Why::MetadataUpgrade,
            "metadata-upgrade",
            "device identity changed and must be re-approved",
        ),
    ];
    for (why, reason, requirement) in table {
        let error = error(&told(why, None));
        let details = error.details.unwrap();
        assert_eq!(error.message, format!("pairing required: {requirement}"));
        assert_eq!((&details["reason"], &details["requestId"]), (&json!(reason), &json!("50f9")));
        assert_eq!(details.get("recommendedNextStep"), None);
    }
}

#[test]
fn a_version_of_nobody_is_closed_as_such() {
    let client = json!({ "id": "cli", "version": "1", "platform": "x", "mode": "cli" });
    let params = json!({ "minProtocol": 7, "maxProtocol": 8, "client": client });
    let params = ConnectParams::parse(params).ok().unwrap();
    let farewell = protocol_mismatch("1", &params);
    assert_eq!((farewell.code, farewell.reason.as_str()), (1002, "protocol mismatch"));
    expect![[r#"{"code":"PROTOCOL_MISMATCH","clientMinProtocol":7,"clientMaxProtocol":8,"expectedProtocol":4,"minimumProbeProtocol":3}"#]]
        .assert_eq(&error(&farewell).details.unwrap().to_string());
}

#[test]
fn a_full_house_says_when_to_come_back() {
    let error = error(&full("1", 7));
    assert_eq!(error.code, UNAVAILABLE);
    assert_eq!((error.retryable, error.retry_after_ms), (Some(true), Some(7)));
}

#[test]
fn a_reason_fits_a_close_frame_and_is_cut_between_characters() {
    assert_eq!(cut("short"), "short");
    let long = cut(&"é".repeat(200));
    assert_eq!(long.chars().count(), 60);
    assert!(cut(&format!("a{}", "é".repeat(200))).len() <= 120);
    assert_eq!(invalidated("token revoked"), "client invalidated: token revoked");
    let origin = foreign_origin("1");
    assert!(origin.reason.len() <= 120 && origin.reason.starts_with("origin not allowed"));
}
