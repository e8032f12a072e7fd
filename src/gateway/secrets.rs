//! Codes in what people write: they never reach a responder.

use crate::access::{claim::ClaimCode, pairing::PairingCode};

use super::Gateway;

/// True where a text holds a code that somebody waits with, or is written like a claim code as a whole.
pub(crate) fn holds_a_code(gateway: &Gateway, text: &str) -> bool {
    let whole = text.trim();
    let claim = whole.len() <= 20
        && whole.chars().any(|c| c.is_ascii_digit())
        && ClaimCode::parse(whole).is_some();
    claim || words(text).filter_map(PairingCode::parse).any(|code| waits(gateway, &code))
}

fn waits(gateway: &Gateway, code: &PairingCode) -> bool {
    let mut channels =
        gateway.accounts.iter().map(|account| account.config.plugin.id).collect::<Vec<_>>();
    channels.dedup();
    let now = crate::world::now();
    let waiting = |channel| gateway.store.waiting(channel, now).unwrap_or_default();
    channels
        .into_iter()
        .any(|channel| waiting(channel).iter().any(|request| request.code.matches(code)))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 8)
}
