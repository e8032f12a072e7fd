//! Who this machine is to gateways: an Ed25519 key in `<state>/identity/device.json`, in the field's shape, so that
//! the field's command line and ours are one device. Every program that can read the file is this device.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};

use super::{
    files,
    text::{NO_IDENTITY, NO_KEY, OTHER_ID},
};
use crate::{
    rules::device::identity::{DeviceId, DeviceKey},
    store::{StoreError, paths::StateDir, private},
    world,
};

/// What stands before the raw public key in DER.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before the seed in DER.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// This machine's key. It prints nothing of itself.
pub struct Identity {
    pair: Ed25519KeyPair,
    key: DeviceKey,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity {{ {} .. }}", self.id())
    }
}

/// The file. No `Debug`: it holds the key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdentityFile {
    version: u32,
    device_id: String,
    public_key_pem: String,
    private_key_pem: String,
    created_at_ms: u64,
}

fn path(state: &StateDir) -> PathBuf {
    files::folder(state).join("device.json")
}

/// True where there is one. It may be damaged.
pub(super) fn exists(state: &StateDir) -> bool {
    path(state).exists()
}

impl Identity {
    /// The identity of the state folder; made where there is none. Of two that make it at once, one wins, and
    /// both have it.
    pub fn open(state: &StateDir) -> Result<Self, StoreError> {
        let path = path(state);
        let bytes = private::once(state, &path, make)?;
        read(&bytes).map_err(|why| files::damaged(&path, why))
    }

    fn of_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let raw = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, key: DeviceKey::from_raw(raw) })
    }

    /// The hash of its key.
    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// For `device.publicKey`.
    pub fn key(&self) -> &DeviceKey {
        &self.key
    }

    /// For `device.signature`.
    pub fn sign(&self, text: &str) -> String {
        general_purpose::URL_SAFE_NO_PAD.encode(self.pair.sign(text.as_bytes()))
    }
}

fn make() -> std::io::Result<Vec<u8>> {
    let seed: [u8; 32] = world::random()?;
    let no_key = || std::io::Error::other("the seed makes no key");
    let made = Identity::of_seed(&seed).ok_or_else(no_key)?;
    let kept = IdentityFile {
        version: 1,
        device_id: made.id().as_str().to_owned(),
        public_key_pem: pem("PUBLIC KEY", &SPKI, made.pair.public_key().as_ref()),
        private_key_pem: pem("PRIVATE KEY", &PKCS8, &seed),
        created_at_ms: world::now().0,
    };
    Ok(files::text(&kept)?)
}

/// An error says what is wrong with the text.
fn read(text: &[u8]) -> Result<Identity, &'static str> {
    let kept: IdentityFile = serde_json::from_slice(text).map_err(|_| NO_IDENTITY)?;
    let seed = seed(&kept.private_key_pem).ok_or(NO_KEY)?;
    let identity = Identity::of_seed(&seed).ok_or(NO_KEY)?;
    if identity.id().as_str() == kept.device_id { Ok(identity) } else { Err(OTHER_ID) }
}

fn pem(label: &str, prefix: &[u8], raw: &[u8]) -> String {
    let body = general_purpose::STANDARD.encode([prefix, raw].concat());
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn seed(pem: &str) -> Option<[u8; 32]> {
    let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?;
    let body: String = body.strip_suffix("-----END PRIVATE KEY-----")?.split_whitespace().collect();
    let der = general_purpose::STANDARD.decode(body).ok()?;
    der.strip_prefix(&PKCS8)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, path::Path};

    use openclaw_plugin_sdk::UnixMs;

    use super::*;
    use crate::rules::device::identity::{Nonce, Proof, Signed, Version, prove, signed_text};

    fn state() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        (folder, state)
    }

    #[test]
    fn an_identity_is_made_once_and_for_this_user_alone() {
        let (_folder, state) = state();
        let first = Identity::open(&state).unwrap();
        assert_eq!(Identity::open(&state).unwrap().id(), first.id());
        let path = path(&state);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&files::folder(&state))), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(files::folder(&state)).unwrap().count(), 1);
        assert!(!format!("{first:?}").contains("PRIVATE"));
    }

    #[test]
    fn the_fields_own_file_is_read() {
        let (_folder, state) = state();
        let seed: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let known = Identity::of_seed(&seed).unwrap();
        let kept = serde_json::json!({
            "version": 1,
            "deviceId": known.id().as_str(),
            "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n",
            "privateKeyPem": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n",
            "createdAtMs": 1_760_000_000_000_u64,
        });
        let path = path(&state);
        private::replace(&path, kept.to_string().as_bytes()).unwrap();
        assert_eq!(Identity::open(&state).unwrap().id(), known.id());
    }

    #[test]
    fn a_damaged_identity_is_named_and_not_replaced() {
        let (_folder, state) = state();
        let path = path(&state);
        for text in [
            "",
            "{}",
            r#"{"version":1,"deviceId":"x","publicKeyPem":"","privateKeyPem":"s3cret","createdAtMs":1}"#,
        ] {
            private::replace(&path, text.as_bytes()).unwrap();
            let error = Identity::open(&state).unwrap_err().to_string();
            assert!(error.contains("device.json") && !error.contains("s3cret"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn what_it_signs_proves_its_key() {
        let (_folder, state) = state();
        let identity = Identity::open(&state).unwrap();
        let (nonce, at, scopes) = (Nonce::from_random([7; 16]), UnixMs(5), ["s".to_owned()]);
        let signed = Signed {
            client_id: "cli",
            client_mode: "cli",
            role: "operator",
            scopes: &scopes,
            token: "t",
            platform: "linux",
            device_family: "Linux",
        };
        let id = identity.id();
        let text = signed_text(Version::V3, id.as_str(), &signed, at, nonce.as_str());
        let (key, signature) = (identity.key().spell(), identity.sign(&text));
        let answered = nonce.as_str().to_owned();
        let proof = Proof {
            id: id.as_str(),
            public_key: &key,
            signature: &signature,
            signed_at: at,
            nonce: Some(&answered),
        };
        assert_eq!(prove(proof, signed, nonce, at).unwrap().version(), Version::V3);
    }
}
