//! What a handshake costs without its socket: the frame is read, the proof is checked, and it is decided.
//!
//! `cargo bench --bench handshake`. The load program measures the same with everything around it.

#![expect(clippy::unwrap_used, reason = "a bench that fails has nothing to tell")]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use divan::Bencher;
use openclaw::{
    protocol::connect::first_frame,
    rules::device::{
        handshake::{
            Arrival, Locality, Policy, Program, Record, SecretKind, Setup, SetupApproval, Shared,
            decide,
        },
        identity::{DeviceKey, Nonce, Proof, ProvenDevice, Signed, Version, prove, signed_text},
        record::{ApprovedVia, Device},
        request::{Described, DeviceRequest, DeviceRequestId, RequestedRights},
        role::{Role, Scope, Scopes},
        token::Token,
    },
};
use openclaw_plugin_sdk::UnixMs;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

const NOW: UnixMs = UnixMs(1_795_168_800_000);
const SCOPES: [&str; 2] = ["operator.read", "operator.write"];

fn main() {
    divan::main();
}

/// A phone's connect, and what is checked of it.
struct Phone {
    id: String,
    key: DeviceKey,
    public: String,
    scopes: Vec<String>,
    client: &'static str,
    signature: String,
    nonce: String,
}

impl Phone {
    fn new(client: &'static str, version: Version) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = DeviceKey::from_raw(pair.public_key().as_ref().try_into().unwrap());
        let (id, public) = (key.id().as_str().to_owned(), key.spell());
        let nonce = Nonce::from_random([1; 16]).as_str().to_owned();
        let scopes = SCOPES.map(str::to_owned).to_vec();
        let mut phone = Self { id, key, public, scopes, client, signature: String::new(), nonce };
        let text = signed_text(version, &phone.id, &phone.signed(), NOW, &phone.nonce);
        phone.signature = URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()).as_ref());
        phone
    }

    fn signed(&self) -> Signed<'_> {
        Signed {
            client_id: self.client,
            client_mode: "ui",
            role: "operator",
            scopes: &self.scopes,
            token: "a-device-token-of-forty-three-characters-00",
            platform: "iOS 26.0.0",
            device_family: "iPhone",
        }
    }

    fn prove(&self) -> ProvenDevice {
        let proof = Proof {
            id: &self.id,
            public_key: &self.public,
            signature: &self.signature,
            signed_at: NOW,
            nonce: Some(&self.nonce),
        };
        prove(proof, self.signed(), Nonce::from_random([1; 16]), NOW).unwrap()
    }

    fn frame(&self) -> String {
        json!({ "type": "req", "id": "1", "method": "connect", "params": {
            "minProtocol": 3, "maxProtocol": 4,
            "client": {
                "id": self.client, "displayName": "iPhone of Ann", "version": "2026.9.1",
                "platform": "iOS 26.0.0", "deviceFamily": "iPhone", "mode": "ui",
            },
            "role": "operator", "scopes": self.scopes, "caps": [], "locale": "en_US",
            "auth": { "token": "a-device-token-of-forty-three-characters-00" },
            "device": {
                "id": self.id, "publicKey": self.public, "signature": self.signature,
                "signedAt": NOW.0, "nonce": self.nonce,
            },
        } })
        .to_string()
    }
}

#[divan::bench]
fn read_the_frame(bencher: Bencher<'_, '_>) {
    let frame = Phone::new("openclaw-ios", Version::V2).frame();
    bencher.bench(|| first_frame(&frame).is_ok());
}

#[divan::bench]
fn prove_an_app_in_swift(bencher: Bencher<'_, '_>) {
    let phone = Phone::new("openclaw-ios", Version::V2);
    bencher.bench(|| phone.prove());
}

#[divan::bench]
fn prove_a_command_line(bencher: Bencher<'_, '_>) {
    let phone = Phone::new("cli", Version::V3);
    bencher.bench(|| phone.prove());
}

#[divan::bench]
fn decide_about_a_known_device(bencher: Bencher<'_, '_>) {
    let phone = Phone::new("openclaw-ios", Version::V2);
    let proven = phone.prove();
    let scopes = Scopes::of(&[Scope::Read, Scope::Write]);
    let request = DeviceRequest {
        id: DeviceRequestId::parse("r").unwrap(),
        device: proven.id().clone(),
        key: phone.key,
        asked: RequestedRights {
            roles: [Role::Operator].into(),
            scopes,
            ..RequestedRights::default()
        },
        described: Described::default(),
        profile: None,
        words: None,
        repair: false,
        asked_at: NOW,
        refreshed_at: NOW,
    };
    let mut device = Device::approve(None, &request, ApprovedVia::Owner, NOW).unwrap();
    let token = Token::from_random([3; 32]);
    assert!(device.issue(&token, Role::Operator, NOW));
    let arrival = Arrival {
        role: Role::Operator,
        scopes,
        commands: &[],
        capabilities: &[],
        described: Described::default(),
        locality: Locality::Remote,
        program: Program::Plain,
        shared: Shared::Mismatch(SecretKind::Token),
        setup: Setup::NotShown,
        token: Some(token.digest()),
        token_is_explicit: true,
        locked_ms: None,
        device: Some(Ok(proven)),
    };
    let policy = Policy {
        auto_approve_local: true,
        trusted_network: false,
        setup_approval: SetupApproval::Owner,
    };
    bencher.bench(|| decide(&arrival, Record::Known(&device), policy, NOW));
}
