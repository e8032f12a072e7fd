//! The keys that gateways have proven to this machine, by their place: `<state>/identity/gateways.json`. A gateway
//! that was shown a secret once has to prove the same key before it is shown another one. It holds no secret.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{address::Address, files, text::NO_KEYS};
use crate::{
    network::identity::GatewayKey,
    store::{StoreError, paths::StateDir, private},
};

/// The file.
#[derive(Debug)]
pub(super) struct KnownKeys {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct KnownKeysFile {
    version: u32,
    gateways: BTreeMap<String, String>,
}

impl KnownKeys {
    pub(super) fn of(state: &StateDir) -> Self {
        Self { path: files::folder(state).join("gateways.json") }
    }

    /// The key that has to be proven at this place. One that cannot be read is not taken for none.
    pub(super) fn key(&self, at: &Address) -> Result<Option<GatewayKey>, StoreError> {
        let place = at.place();
        let kept = self.read()?;
        let named = kept.gateways.get(&place);
        named
            .map(|text| GatewayKey::parse(text).ok_or_else(|| files::damaged(&self.path, NO_KEYS)))
            .transpose()
    }

    /// Keeps the first key of a place.
    pub(super) fn keep(&self, at: &Address, key: &GatewayKey) -> Result<(), StoreError> {
        let mut kept = self.read()?;
        if kept.gateways.contains_key(&at.place()) {
            return Ok(());
        }
        kept.gateways.insert(at.place(), key.as_str().to_owned());
        private::replace_json(&self.path, &kept)
    }

    fn read(&self) -> Result<KnownKeysFile, StoreError> {
        let kept = files::read(&self.path, NO_KEYS)?;
        Ok(kept.unwrap_or_else(|| KnownKeysFile { version: 1, gateways: BTreeMap::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_210_the_first_key_of_a_place_stays_and_damage_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownKeys::of(&StateDir::at(folder.path()));
        let at = |url: &str| Address::parse(url).unwrap();
        let (home, other) = (at("ws://10.0.0.1:1"), at("ws://10.0.0.1:2"));
        let (first, second) =
            (GatewayKey::parse(&"A".repeat(43)), GatewayKey::parse(&"B".repeat(42)));
        assert_eq!((first.is_some(), second.is_some()), (true, false), "a key has 32 bytes");
        let first = first.unwrap();
        assert_eq!(known.key(&home).unwrap(), None);
        known.keep(&home, &first).unwrap();
        let second = GatewayKey::parse(&format!("{}E", "B".repeat(42))).unwrap();
        known.keep(&home, &second).unwrap();
        assert_eq!(known.key(&home).unwrap(), Some(first));
        assert_eq!(known.key(&other).unwrap(), None);
        for text in ["", "{}", r#"{"version":1,"gateways":{"10.0.0.1:1":"x"}}"#] {
            private::replace(&known.path, text.as_bytes()).unwrap();
            assert!(known.key(&home).is_err(), "{text}");
        }
    }
}
