//! Any parameters of `connect`, and any two wishes under one signature: a proven device has signed just that.

#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use openclaw::{rules::device::identity::{self, Nonce, Proof, Signed, Version, folded}, protocol::connect::ConnectParams};
use openclaw_plugin_sdk::UnixMs;
use ring::signature::{Ed25519KeyPair, KeyPair};

const NOW: UnixMs = UnixMs(1_760_000_000_000);

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Params(&'a str),
    Proof { id: &'a str, key: &'a str, signature: &'a str, at: u64, nonce: Option<&'a str> },
    Signed { wished: NewDeviceRequest, shown: Option<NewDeviceRequest>, older: bool },
}

#[derive(Arbitrary, Clone, Debug)]
struct NewDeviceRequest {
    client_id: String,
    client_mode: String,
    role: String,
    scopes: Vec<String>,
    token: String,
    platform: String,
    family: String,
}

impl NewDeviceRequest {
    fn signed(&self) -> Signed<'_> {
        Signed {
            client_id: &self.client_id,
            client_mode: &self.client_mode,
            role: &self.role,
            scopes: &self.scopes,
            token: &self.token,
            platform: &self.platform,
            device_family: &self.family,
        }
    }

    /// True where its text can be read in one way only.
    fn is_plain(&self) -> bool {
        let fields = [&self.client_id, &self.client_mode, &self.role, &self.platform, &self.family];
        fields.iter().all(|field| !field.contains('|'))
            && self.scopes.iter().all(|scope| !scope.contains(['|', ',']))
    }
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Params(text) => params(text),
    Input::Proof { id, key, signature, at, nonce } => {
        let challenge = Nonce::from_random([7; 16]);
        let proof = Proof { id, public_key: key, signature, signed_at: UnixMs(at), nonce };
        let wish = ["node", "operator"].map(str::to_owned);
        let signed = Signed {
            client_id: "cli",
            client_mode: "cli",
            role: "operator",
            scopes: &wish,
            token: id,
            platform: key,
            device_family: "",
        };
        assert!(identity::prove(proof, signed, challenge, NOW).is_err());
    }
    Input::Signed { wished, shown, older } => signed(&wished, shown.as_ref(), older),
});

fn params(text: &str) {
    let Ok(value) = serde_json::from_str(text) else { return };
    let Ok(params) = ConnectParams::parse(value) else { return };
    params.role();
    params.scopes();
    if let Some(version) = params.protocol() {
        assert!((params.min_protocol..=params.max_protocol).contains(&version));
        assert!((3..=4).contains(&version));
    }
    if let Some(auth) = &params.auth {
        auth.signed_token();
    }
}

fn signed(wished: &NewDeviceRequest, shown: Option<&NewDeviceRequest>, older: bool) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("a key");
    let key = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let id = identity::DeviceKey::parse(&key).expect("the key is one").id();
    let nonce = Nonce::from_random([7; 16]);
    let word = nonce.as_str().to_owned();
    let version = if older { Version::V2 } else { Version::V3 };
    let text = identity::signed_text(version, id.as_str(), &wished.signed(), NOW, &word);
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()).as_ref());
    let shown = shown.unwrap_or(wished);
    let proof = Proof {
        id: id.as_str(),
        public_key: &key,
        signature: &signature,
        signed_at: NOW,
        nonce: Some(&word),
    };
    let proven = identity::prove(proof, shown.signed(), nonce, NOW);
    let Ok(proven) = proven else {
        let same = std::ptr::eq(shown, wished) && wished.is_plain();
        assert!(!same, "a plain proof is refused");
        return;
    };
    if !wished.is_plain() {
        return;
    }
    let all = |wish: &NewDeviceRequest| {
        let NewDeviceRequest { client_id, client_mode, role, scopes, token, .. } = wish.clone();
        // No scopes and one without a name are spelt alike; the latter is none.
        (client_id, client_mode, role, scopes.join(","), token)
    };
    assert_eq!(all(shown), all(wished));
    if proven.version() == Version::V3 {
        assert_eq!(folded(&shown.platform), folded(&wished.platform));
        assert_eq!(folded(&shown.family), folded(&wished.family));
    }
}
