//! Codes in what people write: they never reach a responder.

use crate::{
    access::{claim::ClaimCode, pairing::PairingCode},
    store::StoreError,
};

use super::Gateway;

/// True where a text holds a code that somebody waits with, or is written like a claim code as a whole.
pub(crate) fn holds_a_code(gateway: &Gateway, text: &str) -> Result<bool, StoreError> {
    let whole = text.trim();
    let claim = whole.len() <= 20
        && whole.chars().any(|c| c.is_ascii_digit())
        && ClaimCode::parse(whole).is_some();
    if claim {
        return Ok(true);
    }
    for code in words(text).filter_map(PairingCode::parse) {
        if waits(gateway, &code)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn waits(gateway: &Gateway, code: &PairingCode) -> Result<bool, StoreError> {
    let mut channels =
        gateway.accounts.iter().map(|account| account.config.plugin.id).collect::<Vec<_>>();
    channels.dedup();
    let now = crate::world::now();
    for channel in channels {
        let waiting = gateway.store.waiting(channel, now)?;
        if waiting.iter().any(|request| request.code.matches(code)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 8)
}
