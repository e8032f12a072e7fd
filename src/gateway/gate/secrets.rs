//! Codes in what people write: they never reach a responder.

use crate::{
    Gateway,
    protocol::setup_code::SetupPayload,
    rules::{claim::ClaimCode, device::token::TokenDigest, pairing::PairingCode, ticket::Ticket},
    store::StoreError,
};

/// No setup code is shorter, and no run of letters shorter than this is tried.
const SHORTEST: usize = 24;
/// No setup code is longer.
const LONGEST: usize = 8 * 1024;
/// How long a pairing token is.
const TOKEN: usize = 43;

/// What kind of code stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of a person who waits, or for ownership.
    Pairing,
    /// For a device.
    Setup,
    /// An invitation, or a link.
    Ticket,
}

/// Finds a code that a person waits with, a setup code or its token, or a text that is written like a claim code
/// as a whole.
pub(crate) fn code_in(gateway: &Gateway, text: &str) -> Result<Option<Kind>, StoreError> {
    if holds_a_setup_code(gateway, text)? {
        return Ok(Some(Kind::Setup));
    }
    if holds_a_ticket(text) {
        return Ok(Some(Kind::Ticket));
    }
    Ok(holds_a_code(gateway, text)?.then_some(Kind::Pairing))
}

/// Also one that a chat or an app has broken into lines. A spent one is a secret too.
fn holds_a_setup_code(gateway: &Gateway, text: &str) -> Result<bool, StoreError> {
    let whole = std::iter::once(text).filter(|text| text.len() <= LONGEST);
    let runs: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || "-_+/=".contains(c)))
        .filter(|run| (SHORTEST..=LONGEST).contains(&run.len()))
        .collect();
    let is_code = |text: &str| {
        SetupPayload::parse(text).is_some_and(|payload| payload.pairing_token().is_some())
    };
    if whole.chain(runs.iter().copied()).any(is_code) {
        return Ok(true);
    }
    let tokens = runs.iter().filter(|run| run.len() == TOKEN);
    let tokens: Vec<TokenDigest> = tokens.map(|run| TokenDigest::of(run)).collect();
    if tokens.is_empty() {
        return Ok(false);
    }
    let codes = gateway.store.setup_codes()?;
    Ok(codes.iter().any(|code| tokens.iter().any(|token| code.digest.matches(token))))
}

/// Also one that is spent: it says that its like are secrets.
fn holds_a_ticket(text: &str) -> bool {
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
    runs.filter(|run| run.len() < 64).any(|run| Ticket::parse(run).is_some())
}

fn holds_a_code(gateway: &Gateway, text: &str) -> Result<bool, StoreError> {
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
        gateway.accounts.on().iter().map(|account| account.config.plugin.id).collect::<Vec<_>>();
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

/// What may be a code alone, and what may be one with dashes or unseen characters in it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let plain = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 8);
    plain.chain(text.split_whitespace().filter(|word| (8..64).contains(&word.len())))
}
