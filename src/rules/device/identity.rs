//! The device's key: its forms, the id that is its hash, and the proof that the client holds it.

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::UnixMs;
use ring::signature;

use crate::sha256;

/// A signature older or newer than this is refused.
const SKEW_MS: u64 = 120_000;

/// What stands before the raw key in its DER form.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PADDED_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, PADDED_OR_NOT);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PADDED_OR_NOT);

/// An Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceKey([u8; 32]);

/// What a device is called everywhere: the SHA-256 of its key, 64 hexadecimal digits. Nobody can choose it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

impl DeviceKey {
    /// The raw key.
    pub fn from_raw(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// Reads base64 in either alphabet, padded or not, or PEM. `None` where it is no Ed25519 key.
    pub fn parse(text: &str) -> Option<Self> {
        decode_key(text)?.try_into().ok().map(Self)
    }

    /// As the wire spells it: base64url without padding, 43 characters.
    pub fn spell(&self) -> String {
        general_purpose::URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The id of its device.
    pub fn id(&self) -> DeviceId {
        DeviceId(HEXLOWER.encode(&sha256(&[&self.0])))
    }

    /// A key of small order signs every text with one signature, so it proves nothing.
    fn is_weak(&self) -> bool {
        const SMALL: [&str; 7] = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        let mut bare = self.0;
        // The sign of the other coordinate.
        bare[31] &= 0x7f;
        SMALL.contains(&&*HEXLOWER.encode(&bare))
    }

    fn signed(&self, text: &str, signature: &[u8]) -> bool {
        if self.is_weak() {
            return false;
        }
        let key = signature::UnparsedPublicKey::new(&signature::ED25519, self.0);
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

impl DeviceId {
    /// An id read back from where it was written. `None` where it can be nobody's.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DeviceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The server's word for one connection. It can be answered once: [`prove`] consumes it.
#[derive(Debug)]
pub struct Nonce(String);

impl Nonce {
    /// Spelt as a version 4 UUID, as the field's clients expect it.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = HEXLOWER.encode(&bytes);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Self(parts.join("-"))
    }

    /// What the challenge says.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a device signs besides the time and the nonce. Texts as it sent them.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The client's id.
    pub client_id: &'a str,
    /// The client's mode.
    pub client_mode: &'a str,
    /// The role it connects in.
    pub role: &'a str,
    /// The scopes it asks for, in its order.
    pub scopes: &'a [String],
    /// The token it shows, or nothing.
    pub token: &'a str,
    /// Covered by version 3 only.
    pub platform: &'a str,
    /// Covered by version 3 only.
    pub device_family: &'a str,
}

/// The `rules::device` part of a connect, as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// Who it claims to be.
    pub id: &'a str,
    /// The key in any of its forms.
    pub public_key: &'a str,
    /// In either base64.
    pub signature: &'a str,
    /// The time it signed.
    pub signed_at: UnixMs,
    /// The nonce it signed.
    pub nonce: Option<&'a str>,
}

/// Which text was signed. Version 1 has no nonce, and does not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// All but platform and family.
    V2,
    /// All.
    V3,
}

/// Why a proof is none, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofRefusal {
    /// The id is not the hash of the key.
    IdMismatch,
    /// Signed too long ago, or in the future.
    Expired,
    /// No nonce.
    NonceMissing,
    /// Another connection's nonce.
    NonceMismatch,
    /// Not signed with this key, or something else was signed.
    SignatureInvalid,
    /// The id fits, and still it is no Ed25519 key.
    KeyInvalid,
}

impl ProofRefusal {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::IdMismatch,
        Self::Expired,
        Self::NonceMissing,
        Self::NonceMismatch,
        Self::SignatureInvalid,
        Self::KeyInvalid,
    ];

    /// The sentence that clients match on; also the reason of the close.
    pub fn message(self) -> &'static str {
        match self {
            Self::IdMismatch => "device identity mismatch",
            Self::Expired => "device signature expired",
            Self::NonceMissing => "device nonce required",
            Self::NonceMismatch => "device nonce mismatch",
            Self::SignatureInvalid => "device signature invalid",
            Self::KeyInvalid => "device public key invalid",
        }
    }

    /// `details.code`, and `details.reason`.
    pub fn details(self) -> (&'static str, &'static str) {
        match self {
            Self::IdMismatch => ("DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch"),
            Self::Expired => ("DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale"),
            Self::NonceMissing => ("DEVICE_AUTH_NONCE_REQUIRED", "device-nonce-missing"),
            Self::NonceMismatch => ("DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch"),
            Self::SignatureInvalid => ("DEVICE_AUTH_SIGNATURE_INVALID", "device-signature"),
            Self::KeyInvalid => ("DEVICE_AUTH_PUBLIC_KEY_INVALID", "device-public-key"),
        }
    }
}

/// A key whose holder has answered this connection's nonce. Only [`prove`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenDevice {
    key: DeviceKey,
    id: DeviceId,
    version: Version,
}

impl ProvenDevice {
    /// Its key.
    pub fn key(&self) -> &DeviceKey {
        &self.key
    }

    /// Its id.
    pub fn id(&self) -> &DeviceId {
        &self.id
    }

    /// What the signature covered.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// Checks a proof against the nonce of its connection; whatever comes of it, the nonce is spent.
pub fn prove(
    proof: Proof<'_>,
    signed: Signed<'_>,
    nonce: Nonce,
    now: UnixMs,
) -> Result<ProvenDevice, ProofRefusal> {
    let nonce = nonce.0;
    let bytes = decode_key(proof.public_key).ok_or(ProofRefusal::IdMismatch)?;
    let id = DeviceId(HEXLOWER.encode(&sha256(&[&bytes])));
    if id.as_str() != proof.id {
        return Err(ProofRefusal::IdMismatch);
    }
    if now.0.abs_diff(proof.signed_at.0) > SKEW_MS {
        return Err(ProofRefusal::Expired);
    }
    match proof.nonce.map(str::trim) {
        None | Some("") => return Err(ProofRefusal::NonceMissing),
        Some(answered) if answered != nonce => return Err(ProofRefusal::NonceMismatch),
        Some(_) => {}
    }
    let key = DeviceKey(bytes.try_into().map_err(|_| ProofRefusal::KeyInvalid)?);
    let signature = decode(proof.signature).ok_or(ProofRefusal::SignatureInvalid)?;
    if !is_unambiguous(&signed) {
        return Err(ProofRefusal::SignatureInvalid);
    }
    let version = likely(signed.client_id).into_iter().find(|version| {
        let text = signed_text(*version, proof.id, &signed, proof.signed_at, &nonce);
        key.signed(&text, &signature)
    });
    let version = version.ok_or(ProofRefusal::SignatureInvalid)?;
    Ok(ProvenDevice { key, id, version })
}

/// Both versions, first the one that this client signs: no text is of both, and each check takes its time. Apps in
/// Swift sign version 2 to this day.
fn likely(client_id: &str) -> [Version; 2] {
    let name = client_id.rsplit('-').next().unwrap_or_default();
    match name {
        "ios" | "macos" | "watchos" => [Version::V2, Version::V3],
        _ => [Version::V3, Version::V2],
    }
}

/// The very text a device signs.
pub fn signed_text(
    version: Version,
    id: &str,
    signed: &Signed<'_>,
    at: UnixMs,
    nonce: &str,
) -> String {
    let Signed { client_id, client_mode, role, token, .. } = signed;
    let (scopes, at) = (signed.scopes.join(","), at.0);
    let common = format!("{id}|{client_id}|{client_mode}|{role}|{scopes}|{at}|{token}|{nonce}");
    match version {
        Version::V2 => format!("v2|{common}"),
        Version::V3 => {
            let (platform, family) = (folded(signed.platform), folded(signed.device_family));
            format!("v3|{common}|{platform}|{family}")
        }
    }
}

/// Metadata as version 3 signs it: no blanks around it, ASCII letters small, nothing else folded.
pub fn folded(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// The fields are joined without escaping: one that holds the joint could be read as two. The token may,
/// because the server's own nonce ends it.
fn is_unambiguous(signed: &Signed<'_>) -> bool {
    let fields =
        [signed.client_id, signed.client_mode, signed.role, signed.platform, signed.device_family];
    fields.iter().all(|field| !field.contains('|'))
        && signed.scopes.iter().all(|scope| !scope.contains(['|', ',']))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).or_else(|_| BASE64.decode(text)).ok()
}

fn decode_key(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let Some(pem) = text.strip_prefix("-----BEGIN PUBLIC KEY-----") else { return decode(text) };
    let body: String = pem.strip_suffix("-----END PUBLIC KEY-----")?.split_whitespace().collect();
    BASE64.decode(body).ok()?.strip_prefix(&SPKI).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests;
