//! The proof against the published vectors, and against everything that is nearly one.

use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;

const ID: &str = "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c";
const KEY: &str = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
const NONCE: &str = "11111111-2222-4333-8444-555555555555";
const AT: UnixMs = UnixMs(1_760_000_000_000);

fn seed() -> [u8; 32] {
    std::array::from_fn(|at| u8::try_from(at).unwrap())
}

fn nonce() -> Nonce {
    Nonce(NONCE.to_owned())
}

fn node<'a>() -> Signed<'a> {
    Signed {
        client_id: "openclaw-ios",
        client_mode: "node",
        role: "node",
        scopes: &[],
        token: "secret-token",
        platform: "",
        device_family: "",
    }
}

fn proof(signature: &str) -> Proof<'_> {
    Proof { id: ID, public_key: KEY, signature, signed_at: AT, nonce: Some(NONCE) }
}

fn sign(text: &str) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed()).unwrap();
    general_purpose::URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()))
}

const V2_NODE: &str =
    "koy6VVcUyViSWyq7qEnlXgaxh44IKhgMP7h310W9__oBHiLzVQVBdHS4OA36J3DUzabW7nLQtYh30X0p2L5bBA";

#[test]
fn the_key_and_its_id_are_those_of_the_vectors() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed()).unwrap();
    let key = DeviceKey::from_raw(pair.public_key().as_ref().try_into().unwrap());
    assert_eq!((key.spell().as_str(), key.id().as_str()), (KEY, ID));
}

#[test]
fn every_form_of_a_key_is_the_same_key() {
    let body = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    let forms = [
        KEY.to_owned(),
        format!("{KEY}="),
        "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=".to_owned(),
        "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg".to_owned(),
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"),
        format!("-----BEGIN PUBLIC KEY-----\r\n{body}\r\n-----END PUBLIC KEY-----"),
    ];
    for form in forms {
        assert_eq!(DeviceKey::parse(&form).unwrap().spell(), KEY, "{form}");
    }
}

#[test]
fn what_is_no_key_is_not_read() {
    let pem = |body: &str| format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
    let table = [
        String::new(),
        "A6EH".to_owned(),
        format!("{KEY}AA"),
        // The last character carries bits beyond the 32 bytes.
        "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbh".to_owned(),
        "not base64 at all!".to_owned(),
        pem("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="),
        pem(""),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
    ];
    for text in table {
        assert!(DeviceKey::parse(&text).is_none(), "{text}");
    }
}

#[test]
fn the_published_signatures_hold() {
    let scopes = ["operator.read", "operator.write", "operator.talk.secrets"].map(str::to_owned);
    let operator = Signed { client_mode: "ui", role: "operator", scopes: &scopes, ..node() };
    let android = Signed {
        client_id: "openclaw-android",
        token: "",
        platform: " Android ",
        device_family: "ANDROID",
        ..node()
    };
    let table = [
        (node(), V2_NODE, Version::V2),
        (
            operator,
            "66-tAyd2GGyew8-DIHnVnEaK-uJT9TRZYd3N1wRlS5V6BY57Ni2TMxj0aEBg8l60x_K5MBvjq19R2YCVCgLsAw",
            Version::V2,
        ),
        (
            android,
            "mw7GRvtQtvu8yfOKrqMP7O3lL8WRvGKcI52O9-jcySlVYI0xHwg5mSMhi0M0_75On7wlLeHYlTPXGSVyN8QXDg",
            Version::V3,
        ),
    ];
    for (signed, signature, version) in table {
        let proven = prove(proof(signature), signed, nonce(), AT).unwrap();
        assert_eq!((proven.id().as_str(), proven.version()), (ID, version));
        assert_eq!(proven.key().spell(), KEY);
    }
}

#[test]
fn a_signature_of_version_1_is_none() {
    let v1 =
        "iYRYolrbntMkTOpbTL7Ueab9yHLjqU4VIcjOXM1WDCFX4uRGyqvsJKn5kc4_n6Mmp6QBen2SvvGecl1Mdi91Aw";
    let signed = Signed { token: "", ..node() };
    assert_eq!(prove(proof(v1), signed, nonce(), AT), Err(ProofRefusal::SignatureInvalid));
    let without = Proof { nonce: None, ..proof(v1) };
    assert_eq!(prove(without, signed, nonce(), AT), Err(ProofRefusal::NonceMissing));
}

#[test]
fn a_signature_in_the_other_base64_is_the_same_signature() {
    let standard = V2_NODE.replace('-', "+").replace('_', "/");
    assert!(prove(proof(&standard), node(), nonce(), AT).is_ok());
    assert!(prove(proof(&format!("{standard}==")), node(), nonce(), AT).is_ok());
}

#[test]
fn case_063_what_is_nearly_a_proof_is_refused_in_the_documented_order() {
    let good = proof(V2_NODE);
    let short = general_purpose::URL_SAFE_NO_PAD.encode([7; 31]);
    let short_id = HEXLOWER.encode(&sha256(&[&[7; 31]]));
    let stale = UnixMs(AT.0 + SKEW_MS + 1);
    let all_wrong = Proof { id: "x", nonce: None, signature: "x", signed_at: UnixMs(0), ..good };
    let table = [
        (all_wrong, AT, ProofRefusal::IdMismatch),
        (Proof { id: &ID.to_uppercase(), ..good }, AT, ProofRefusal::IdMismatch),
        (Proof { public_key: "%", ..good }, AT, ProofRefusal::IdMismatch),
        (Proof { nonce: None, ..good }, stale, ProofRefusal::Expired),
        (good, UnixMs(AT.0 - SKEW_MS - 1), ProofRefusal::Expired),
        (Proof { signed_at: UnixMs(u64::MAX), ..good }, AT, ProofRefusal::Expired),
        (Proof { nonce: None, signature: "x", ..good }, AT, ProofRefusal::NonceMissing),
        (Proof { nonce: Some(" "), ..good }, AT, ProofRefusal::NonceMissing),
        (Proof { nonce: Some("other"), signature: "x", ..good }, AT, ProofRefusal::NonceMismatch),
        (Proof { signature: "x", ..good }, AT, ProofRefusal::SignatureInvalid),
        (Proof { signature: "", ..good }, AT, ProofRefusal::SignatureInvalid),
        (Proof { signed_at: UnixMs(AT.0 + 1), ..good }, AT, ProofRefusal::SignatureInvalid),
        (Proof { id: &short_id, public_key: &short, ..good }, AT, ProofRefusal::KeyInvalid),
    ];
    for (wrong, now, refusal) in table {
        assert_eq!(prove(wrong, node(), nonce(), now), Err(refusal), "{wrong:?}");
    }
    assert!(prove(good, node(), nonce(), UnixMs(AT.0 + SKEW_MS)).is_ok());
    assert!(prove(good, node(), nonce(), UnixMs(AT.0 - SKEW_MS)).is_ok());
}

#[test]
fn case_063_a_key_that_signs_every_text_proves_nothing() {
    let mut raw = [0; 32];
    let mut signature = [0; 64];
    (raw[0], signature[0]) = (1, 1);
    let library = signature::UnparsedPublicKey::new(&signature::ED25519, raw);
    assert!(library.verify(b"any text", &signature).is_ok(), "the library alone takes it");
    for sign in [0, 0x80] {
        raw[31] |= sign;
        assert!(!DeviceKey::from_raw(raw).signed("any text", &signature));
    }
}

#[test]
fn case_063_the_answer_to_one_connection_is_none_to_another() {
    let other = Nonce::from_random([9; 16]);
    assert_eq!(prove(proof(V2_NODE), node(), other, AT), Err(ProofRefusal::NonceMismatch));
    let renamed = Nonce::from_random([9; 16]).0;
    let replayed = Proof { nonce: Some(&renamed), ..proof(V2_NODE) };
    let other = Nonce::from_random([9; 16]);
    assert_eq!(prove(replayed, node(), other, AT), Err(ProofRefusal::SignatureInvalid));
}

#[test]
fn case_058_scopes_and_role_other_than_signed_are_refused() {
    let scopes = ["operator.admin".to_owned()];
    let table = [
        Signed { scopes: &scopes, ..node() },
        Signed { role: "operator", ..node() },
        Signed { token: "other", ..node() },
        Signed { client_id: "cli", ..node() },
        Signed { client_mode: "ui", ..node() },
    ];
    for wider in table {
        let refused = prove(proof(V2_NODE), wider, nonce(), AT);
        assert_eq!(refused, Err(ProofRefusal::SignatureInvalid), "{wider:?}");
    }
}

#[test]
fn case_032_signed_metadata_cannot_be_exchanged_or_shifted() {
    let signed = Signed { platform: "ios 19", device_family: "iphone", ..node() };
    let signature = sign(&signed_text(Version::V3, ID, &signed, AT, NONCE));
    assert!(prove(proof(&signature), signed, nonce(), AT).is_ok());
    // A look-alike: Cyrillic small letter o.
    let table = [("i\u{43e}s 19", "iphone"), ("ios 19|iphone", ""), ("", "ios 19|iphone")];
    for (platform, device_family) in table {
        let other = Signed { platform, device_family, ..signed };
        assert_eq!(
            prove(proof(&signature), other, nonce(), AT),
            Err(ProofRefusal::SignatureInvalid),
            "{platform} {device_family}"
        );
    }
    let joined = Signed { platform: "a|b", device_family: "", ..node() };
    let signature = sign(&signed_text(Version::V3, ID, &joined, AT, NONCE));
    assert_eq!(
        prove(proof(&signature), joined, nonce(), AT),
        Err(ProofRefusal::SignatureInvalid),
        "well signed, and still two readings"
    );
}

#[test]
fn a_nonce_is_spelt_as_a_uuid() {
    assert_eq!(Nonce::from_random([0xff; 16]).as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(Nonce::from_random([0; 16]).as_str(), "00000000-0000-4000-8000-000000000000");
}

#[test]
fn an_id_is_sixty_four_small_digits() {
    assert!(DeviceId::parse(ID).is_some_and(|id| id.to_string() == ID));
    for text in ["", &ID[1..], &ID.to_uppercase(), &format!("{ID}0"), "g"] {
        assert!(DeviceId::parse(text).is_none(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_of_a_stranger_is_a_proof(id: String, public_key: String, signature: String) {
        let wrong = Proof { id: &id, public_key: &public_key, signature: &signature, ..proof("") };
        prop_assert!(prove(wrong, node(), nonce(), AT).is_err());
    }

    #[test]
    fn a_key_survives_being_spelt(raw: [u8; 32]) {
        let key = DeviceKey::from_raw(raw);
        prop_assert_eq!(DeviceKey::parse(&key.spell()), Some(key));
        prop_assert!(DeviceId::parse(key.id().as_str()).is_some());
    }

    #[test]
    fn a_changed_bit_of_a_signature_breaks_it(at in 0usize..64, bit in 0u8..8) {
        let mut bytes = general_purpose::URL_SAFE_NO_PAD.decode(V2_NODE).unwrap();
        bytes[at] ^= 1 << bit;
        let broken = general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        prop_assert!(prove(proof(&broken), node(), nonce(), AT).is_err());
    }
}
