//! Refusals as clients know them: codes, sentences they match on, details, and how the socket is closed.

use serde_json::{Value, json};

use super::{
    connect::{ConnectParams, NEWEST, OLDEST},
    frame::{INVALID_REQUEST, Refused, Response, UNAVAILABLE},
    node::filled,
};
use crate::rules::device::{
    handshake::{Refusal, SecretKind, Shared, Unauthorized, Waiting, Why},
    identity::{DeviceId, ProofRefusal},
    record::Device,
    request::DeviceRequestId,
    role::{Role, Scope},
};

/// A device or an identity is needed, or must wait.
pub const NOT_PAIRED: &str = "NOT_PAIRED";
/// Not with these scopes.
pub const FORBIDDEN: &str = "FORBIDDEN";

/// The other end broke the protocol's version.
pub const CLOSE_PROTOCOL: u16 = 1002;
/// The client may not do that.
pub const CLOSE_POLICY: u16 = 1008;
/// RFC 6455: what was called text is none.
pub const CLOSE_INVALID: u16 = 1007;
/// A message before the handshake was too large.
pub const CLOSE_TOO_LARGE: u16 = 1009;
/// The gateway stops or starts again.
pub const CLOSE_RESTART: u16 = 1012;
/// The gateway is not ready.
pub const CLOSE_STARTING: u16 = 1013;
/// The client's rights have changed.
pub const CLOSE_INVALIDATED: u16 = 4001;

/// With [`CLOSE_TOO_LARGE`].
pub const TOO_LARGE: &str = "preauth payload too large";
/// With [`CLOSE_TOO_LARGE`], once the client is known.
pub const TOO_LARGE_LATER: &str = "payload too large";
/// With [`CLOSE_RESTART`].
pub const RESTART: &str = "service restart";
/// With [`CLOSE_PROTOCOL`], for what is no frame.
pub const BROKEN: &str = "protocol error";
/// With [`CLOSE_INVALID`].
pub const NO_TEXT: &str = "invalid UTF-8";
/// With [`CLOSE_POLICY`].
pub const UNFINISHED: &str = "message took too long";
/// With [`CLOSE_STARTING`], which says "again later".
pub const TOO_MUCH: &str = "too many unfinished messages";
/// With [`CLOSE_POLICY`].
pub const SLOW: &str = "slow consumer";
/// With [`CLOSE_POLICY`].
pub const REPEATED: &str = "repeated unauthorized calls";

/// So many bytes of a reason are sent; a close frame has room for 123.
const REASON_BYTES: usize = 120;

/// The last words: an answer, where there is a request to answer, and the close.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// Sent first.
    pub answer: Option<Response>,
    /// Then the socket is closed with this.
    pub code: u16,
    /// And this.
    pub reason: String,
}

impl Rejection {
    fn new(id: Option<&str>, error: Refused, code: u16, reason: &str) -> Self {
        let answer = id.map(|id| Response::refused(id, error));
        Self { answer, code, reason: cut(reason) }
    }

    fn policy(id: &str, error: Refused) -> Self {
        let reason = error.message.clone();
        Self::new(Some(id), error, CLOSE_POLICY, &reason)
    }
}

/// A reason as long as a close frame carries, cut between characters.
pub fn cut(reason: &str) -> String {
    let mut end = reason.len().min(REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

/// The reason of [`CLOSE_INVALIDATED`].
pub fn invalidated(why: &str) -> String {
    cut(&format!("client invalidated: {why}"))
}

fn refused(code: &str, message: impl Into<String>, details: Value) -> Refused {
    let mut error = Refused::new(code, message);
    error.details = Some(details);
    error
}

/// The first frame is none, or no request.
pub fn invalid_frame(id: Option<&str>) -> Rejection {
    let text = "invalid request frame";
    Rejection::new(id, Refused::new(INVALID_REQUEST, text), CLOSE_POLICY, text)
}

/// The first frame asks for something.
pub(crate) fn first_must_be_connect(id: &str) -> Rejection {
    let text = "invalid handshake: first request must be connect";
    Rejection::policy(id, Refused::new(INVALID_REQUEST, text))
}

/// The parameters of the connect are none.
pub fn invalid_connect(id: &str, why: &str) -> Rejection {
    let text = format!("invalid connect params: {why}");
    Rejection::policy(id, Refused::new(INVALID_REQUEST, text))
}

/// No version in common.
pub fn protocol_mismatch(id: &str, params: &ConnectParams) -> Rejection {
    let details = json!({
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": params.min_protocol,
        "clientMaxProtocol": params.max_protocol,
        "expectedProtocol": NEWEST,
        "minimumProbeProtocol": OLDEST,
    });
    let error = refused(INVALID_REQUEST, "protocol mismatch", details);
    Rejection::new(Some(id), error, CLOSE_PROTOCOL, "protocol mismatch")
}

/// Neither operator nor node.
pub fn invalid_role(id: &str) -> Rejection {
    Rejection::policy(id, Refused::new(INVALID_REQUEST, "invalid role"))
}

/// A page of another site.
pub fn foreign_origin(id: &str) -> Rejection {
    let text = "origin not allowed (open the Control UI from the gateway host or allow it in \
                gateway.controlUi.allowedOrigins)";
    let details = json!({ "code": "CONTROL_UI_ORIGIN_NOT_ALLOWED" });
    Rejection::policy(id, refused(INVALID_REQUEST, text, details))
}

/// No place for another waiting device.
pub fn full(id: &str, retry_after_ms: u64) -> Rejection {
    let mut error = Refused::new(UNAVAILABLE, "too many devices wait for approval; retry later");
    (error.retryable, error.retry_after_ms) = (Some(true), Some(retry_after_ms));
    Rejection::policy(id, error)
}

/// Nothing can be decided now.
pub fn unavailable(id: &str, why: &str) -> Rejection {
    let mut error = Refused::new(UNAVAILABLE, why);
    error.retryable = Some(true);
    Rejection::policy(id, error)
}

/// Who reads the hint in the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A command line elsewhere.
    Cli,
    /// A command line on this machine.
    LocalCli,
    /// Any other program.
    Other,
    /// A page.
    Page,
}

/// What was sent with a refused secret; a newer client may try again with its device token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Who reads it.
    pub reader: Reader,
    /// A device signed, `auth.token` was sent and `auth.deviceToken` was not.
    pub could_show_device_token: bool,
    /// How far the device's clock is ahead of ours, by when it says that it has signed.
    pub ahead_ms: i64,
}

/// The handshake's refusal, encoded.
pub fn of_handshake(id: &str, refusal: Refusal, tried: Tried) -> Rejection {
    match refusal {
        Refusal::ControlPageIdentity => {
            let text =
                "control ui requires device identity (use HTTPS or localhost secure context)";
            let details = json!({ "code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED" });
            Rejection::policy(id, refused(INVALID_REQUEST, text, details))
        }
        Refusal::DeviceIdentity => {
            let details = json!({ "code": "DEVICE_IDENTITY_REQUIRED" });
            Rejection::policy(id, refused(NOT_PAIRED, "device identity required", details))
        }
        Refusal::Proof(why @ ProofRefusal::Expired) => {
            let (code, reason) = why.details();
            let details = json!({ "code": code, "reason": reason, "skewMs": tried.ahead_ms });
            let seconds = tried.ahead_ms.unsigned_abs() / 1000;
            let off = if tried.ahead_ms < 0 { "behind" } else { "ahead of" };
            let text = format!("{} (its clock is {seconds} s {off} the gateway's)", why.message());
            Rejection::policy(id, refused(INVALID_REQUEST, text, details))
        }
        Refusal::Proof(why) => {
            let (code, reason) = why.details();
            let details = json!({ "code": code, "reason": reason });
            Rejection::policy(id, refused(INVALID_REQUEST, why.message(), details))
        }
        Refusal::Unauthorized(why) => unauthorized(id, why, tried),
    }
}

fn unauthorized(id: &str, why: Unauthorized, tried: Tried) -> Rejection {
    let (reason, code, text) = unauthorized_words(why, tried.reader);
    let retry = reason == "token_mismatch" && tried.could_show_device_token;
    let next = match reason {
        _ if retry => "retry_with_device_token",
        "token_mismatch" | "password_mismatch" | "device_token_mismatch" => {
            "update_auth_credentials"
        }
        "rate_limited" => "wait_then_retry",
        reason if reason.contains("_missing") => "update_auth_configuration",
        _ => "review_auth_configuration",
    };
    let details = json!({
        "code": code,
        "authReason": reason,
        "canRetryWithDeviceToken": retry,
        "recommendedNextStep": next,
    });
    let mut error = refused(INVALID_REQUEST, format!("unauthorized: {text}"), details);
    if let Unauthorized::RateLimited { retry_after_ms } = why {
        (error.retryable, error.retry_after_ms) = (Some(true), Some(retry_after_ms));
    }
    Rejection::policy(id, error)
}

fn unauthorized_words(why: Unauthorized, reader: Reader) -> (&'static str, &'static str, String) {
    use SecretKind::{Password, Token};
    let hint = |kind| hint(kind, reader);
    let owned = str::to_owned;
    match why {
        Unauthorized::SetupCode(_) => (
            "bootstrap_token_invalid",
            "AUTH_BOOTSTRAP_TOKEN_INVALID",
            owned(
                "setup code invalid, expired, revoked, or already used (create a new code; review `openclaw devices list`)",
            ),
        ),
        Unauthorized::DeviceToken => (
            "device_token_mismatch",
            "AUTH_DEVICE_TOKEN_MISMATCH",
            owned("device token mismatch (rotate/reissue device token)"),
        ),
        Unauthorized::DeviceTokenScopes => (
            "scope_mismatch",
            "AUTH_SCOPE_MISMATCH",
            owned("device token scope mismatch (re-pair or approve scope upgrade)"),
        ),
        Unauthorized::RateLimited { .. } => (
            "rate_limited",
            "AUTH_RATE_LIMITED",
            owned("too many failed authentication attempts (retry later)"),
        ),
        Unauthorized::Shared(Shared::Missing(Token)) => (
            "token_missing",
            "AUTH_TOKEN_MISSING",
            format!("gateway token missing ({})", hint(Token)),
        ),
        Unauthorized::Shared(Shared::Missing(Password)) => (
            "password_missing",
            "AUTH_PASSWORD_MISSING",
            format!("gateway password missing ({})", hint(Password)),
        ),
        Unauthorized::Shared(Shared::Mismatch(Password)) => (
            "password_mismatch",
            "AUTH_PASSWORD_MISMATCH",
            format!("gateway password mismatch ({})", hint(Password)),
        ),
        // An accepted secret is never refused; the arm says the least.
        Unauthorized::Shared(Shared::Mismatch(Token) | Shared::Matched(_) | Shared::Open) => (
            "token_mismatch",
            "AUTH_TOKEN_MISMATCH",
            format!("gateway token mismatch ({})", hint(Token)),
        ),
    }
}

fn hint(kind: SecretKind, reader: Reader) -> &'static str {
    match (reader, kind) {
        (Reader::LocalCli, SecretKind::Token) => {
            "use this gateway's gateway.auth.token or pair the device"
        }
        (Reader::Cli, SecretKind::Token) => "set gateway.remote.token to match gateway.auth.token",
        (Reader::Cli | Reader::LocalCli, SecretKind::Password) => {
            "set gateway.remote.password to match gateway.auth.password"
        }
        (Reader::Page, SecretKind::Token) => {
            "open the dashboard URL and paste the token in Control UI settings"
        }
        (Reader::Page, SecretKind::Password) => "enter the password in Control UI settings",
        (Reader::Other, SecretKind::Token) => "provide gateway auth token",
        (Reader::Other, SecretKind::Password) => "provide gateway auth password",
    }
}

/// A device that must wait: its request's name, and what it has so far. The old clients go by the sentence,
/// the new ones by the details.
pub fn pairing_required(
    id: &str,
    request: &DeviceRequestId,
    device: &DeviceId,
    role: Role,
    waiting: &Waiting,
    known: Option<&Device>,
) -> Rejection {
    let (reason, requirement) = match waiting.why {
        Why::MetadataUpgrade => {
            ("metadata-upgrade", "device identity changed and must be re-approved")
        }
        Why::NotPaired => ("not-paired", "device is not approved yet"),
        Why::RoleUpgrade => {
            ("role-upgrade", "device is asking for a higher role than currently approved")
        }
        Why::ScopeUpgrade => {
            ("scope-upgrade", "device is asking for more scopes than currently approved")
        }
    };
    let has_code = waiting.profile.is_some();
    let roles = |known: &Device| -> Vec<_> {
        known.approved.roles.iter().map(|role| role.word()).collect()
    };
    let details = filled(json!({
        "code": "PAIRING_REQUIRED",
        "reason": reason,
        "requestId": request.as_str(),
        "remediationHint": "Approve this device from the pending pairing requests.",
        "recommendedNextStep": has_code.then_some("wait_then_retry"),
        "retryable": has_code.then_some(true),
        "pauseReconnect": has_code.then_some(false),
        "deviceId": device.as_str(),
        "requestedRole": role.word(),
        "requestedScopes": waiting.asked.scopes.words(),
        "approvedRoles": known.map(roles),
        "approvedScopes": known.map(|known| known.approved.scopes.words()),
    }));
    let message = format!("pairing required: {requirement}");
    let reason = format!("{message} (requestId: {})", request.as_str());
    let error = refused(NOT_PAIRED, message, details);
    Rejection::new(Some(id), error, CLOSE_POLICY, &reason)
}

/// A method that needs a scope more.
pub fn missing_scope(missing: Scope, required: &[Scope]) -> Refused {
    let required: Vec<_> = required.iter().map(|scope| scope.word()).collect();
    let details = json!({
        "code": "MISSING_SCOPE",
        "missingScope": missing.word(),
        "requiredScopes": required,
    });
    refused(FORBIDDEN, format!("missing scope: {}", missing.word()), details)
}

/// A method of the other role.
pub(crate) fn unauthorized_role(role: Role) -> Refused {
    Refused::new(INVALID_REQUEST, format!("unauthorized role: {}", role.word()))
}

#[cfg(test)]
mod tests;
