//! Making a setup code: one for chat, command line and socket. The rights are `rules::device`'s, the spelling is
//! `protocol`'s, the way to this gateway is `network`'s.

pub mod drawing;

use openclaw_plugin_sdk::UnixMs;
use serde_json::{Map, Value, json};

pub use crate::text::OfferError;
use crate::{
    protocol::setup_code::{MOST_URLS, SetupPayload},
    rules::device::{
        approver::DeviceApprover,
        role::Profile,
        setup_code::{LIFETIME_MS, SetupCode},
        token::Token,
    },
    store::Store,
    world,
};

/// How a device reaches this gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The best first; never empty.
    pub urls: Vec<String>,
    /// What its owner should know of them.
    pub notes: Vec<String>,
    /// Of the gateway's own certificate.
    pub tls_fingerprint: Option<String>,
    /// Which key or address the first was read from.
    pub source: String,
    /// Others in a network can read along.
    pub plaintext_beyond_loopback: bool,
}

/// A code as its owner gets it, once. It has no `Debug`.
#[expect(missing_debug_implementations, reason = "a code never prints itself")]
pub struct Minted {
    /// To be pasted.
    pub code: String,
    /// To be scanned: without the further addresses, so that it is coarse enough.
    pub drawn: String,
    /// What is kept of it.
    pub setup: SetupCode,
    /// When it is over, if nobody has used it.
    pub expires_at: UnixMs,
    /// Full access was wished for, and is not given away over this way.
    pub downgraded: bool,
}

impl Minted {
    /// As clients and programs read it.
    pub fn told(&self, way: &Way) -> Map<String, Value> {
        let mut all = Map::new();
        let mut put = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
        put("setupCode", json!(self.code));
        put("gatewayUrl", json!(way.urls.first()));
        if way.urls.len() > 1 {
            put("gatewayUrls", json!(way.urls));
        }
        put("auth", json!("token"));
        put("urlSource", json!(way.source));
        put("access", json!(self.setup.profile.access()));
        if self.downgraded {
            put("accessDowngraded", json!(true));
        }
        put("expiresAtMs", json!(self.expires_at.0));
        all
    }
}

/// Makes a code for one device. Over plain text beyond this machine it is never for full access.
pub fn make(
    store: &Store,
    by: &DeviceApprover,
    wished: Profile,
    way: &Way,
    now: UnixMs,
) -> Result<Minted, OfferError> {
    let (url, more) = way.urls.split_first().ok_or(OfferError::Nowhere)?;
    let downgraded = wished == Profile::Full && way.plaintext_beyond_loopback;
    let profile = if downgraded { Profile::Limited } else { wished };
    let token = Token::from_random(world::random().map_err(OfferError::Randomness)?);
    let expires_at = UnixMs(now.0.saturating_add(LIFETIME_MS));
    let mut payload = SetupPayload::new(url, &token.spell(), expires_at.0, profile.access());
    payload.tls_fingerprint.clone_from(&way.tls_fingerprint);
    let drawn = payload.encode().map_err(OfferError::Encoding)?;
    payload.urls = more.iter().take(MOST_URLS).cloned().collect();
    let code = payload.encode().map_err(OfferError::Encoding)?;
    let setup = store.mint_code(by, profile, &token, now)?;
    Ok(Minted { code, drawn, setup, expires_at, downgraded })
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::SenderId;

    use super::*;
    use crate::{
        rules::{approver::Approver, device::approver::Listed},
        store::{Store, paths::StateDir},
    };

    fn made(wished: Profile, way: &Way) -> (Minted, SetupPayload) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path().join("state"));
        let store = Store::new(state, |_, text| SenderId::new(text));
        let by = DeviceApprover::of(&Approver::on_host(1000), Listed::Commands);
        let minted = make(&store, &by, wished, way, UnixMs(1_000)).unwrap();
        let payload = SetupPayload::parse(&minted.code).unwrap();
        (minted, payload)
    }

    fn way(plain: bool) -> Way {
        Way {
            urls: ["wss://a.example", "wss://b.example"].map(str::to_owned).to_vec(),
            tls_fingerprint: Some("ab".repeat(32)),
            plaintext_beyond_loopback: plain,
            ..Way::default()
        }
    }

    #[test]
    fn case_054_full_access_is_not_given_away_over_plain_text() {
        for (wished, plain, access, downgraded) in [
            (Profile::Limited, false, "limited", false),
            (Profile::Limited, true, "limited", false),
            (Profile::Full, false, "full", false),
            (Profile::Full, true, "limited", true),
        ] {
            let (minted, payload) = made(wished, &way(plain));
            assert_eq!(payload.access.as_deref(), Some(access));
            assert_eq!((minted.setup.profile.word(), minted.downgraded), (access, downgraded));
        }
    }

    #[test]
    fn a_drawn_code_has_no_further_addresses_and_is_the_same_otherwise() {
        let (minted, payload) = made(Profile::Limited, &way(false));
        assert_eq!(payload.urls, ["wss://b.example"]);
        assert_eq!(payload.expires_at_ms, Some(1_000 + LIFETIME_MS));
        assert_eq!(payload.tls_fingerprint, Some("ab".repeat(32)));
        let drawn = SetupPayload::parse(&minted.drawn).unwrap();
        assert!(drawn == SetupPayload { urls: Vec::new(), ..payload });
    }

    #[test]
    fn where_there_is_no_way_there_is_no_code() {
        let by = DeviceApprover::of(&Approver::on_host(1000), Listed::Commands);
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path().to_owned());
        let store = Store::new(state, |_, text| SenderId::new(text));
        let none = make(&store, &by, Profile::Limited, &Way::default(), UnixMs(1_000));
        assert!(matches!(none, Err(OfferError::Nowhere)));
        assert!(store.setup_codes().unwrap().is_empty());
    }
}
