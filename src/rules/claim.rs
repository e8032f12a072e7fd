//! Claiming ownership with a one-time code that only the host prints.

use std::collections::HashMap;

use openclaw_plugin_sdk::{UnixMs, pasted_capitals};
use subtle::ConstantTimeEq;

use super::{AccountKey, pairing::PairingCode, sha256};

/// A claim code lives this long.
pub const LIFETIME_MS: u64 = 600_000;
/// So many wrong tries silence `/claim` for a sender.
const WRONG_TRIES: u32 = 5;
/// For this long at first, and twice as long after each further wrong try.
const FIRST_SILENCE_MS: u64 = 60_000;
/// Nobody is silenced longer than this; a try that is this old no longer counts.
const LONGEST_SILENCE_MS: u64 = 3_600_000;

const LENGTH: usize = 12;
/// So many who tried wrong codes are remembered.
const MANY: usize = 10_000;

/// Twelve characters of the pairing alphabet: 60 bits. Printed once, by the host; kept as a digest.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a code never prints itself")]
pub struct ClaimCode([u8; LENGTH]);

impl ClaimCode {
    /// Spells a code from random bytes, without bias.
    pub fn from_random(bytes: [u8; LENGTH]) -> Self {
        Self(bytes.map(|byte| super::pairing::ALPHABET[usize::from(byte % 32)]))
    }

    /// Reads a code as people paste it; blanks inside it do not count.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = pasted_capitals(text);
        let plain: String = plain.chars().filter(|c| !c.is_whitespace()).collect();
        Self::read(plain.as_bytes())
    }

    /// Every code that a reader may find in a text: what stands between its letters and digits does not count.
    pub fn all_in(text: &str) -> impl Iterator<Item = Self> {
        let plain: Vec<u8> = text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .filter_map(|c| u8::try_from(c.to_ascii_uppercase()).ok())
            .collect();
        let many = (plain.len() + 1).saturating_sub(LENGTH);
        (0..many).filter_map(move |at| Self::read(&plain[at..at + LENGTH]))
    }

    fn read(plain: &[u8]) -> Option<Self> {
        let bytes: [u8; LENGTH] = plain.try_into().ok()?;
        bytes.iter().all(|byte| super::pairing::ALPHABET.contains(byte)).then_some(Self(bytes))
    }

    /// The code itself, for the host's terminal.
    pub fn spell(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }

    /// What is kept of it.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&[b"openclaw-claim\0", &self.0])
    }
}

/// The one open claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenClaim {
    /// Of its code.
    pub digest: [u8; 32],
    /// When it was printed.
    pub created_at: UnixMs,
}

impl OpenClaim {
    /// True for the very code, in its ten minutes. A creation time in the future is a clock set back.
    pub fn accepts(&self, code: &ClaimCode, now: UnixMs) -> bool {
        let fresh = now.0.checked_sub(self.created_at.0).is_some_and(|age| age < LIFETIME_MS);
        let same: bool = self.digest.ct_eq(&code.digest()).into();
        fresh && same
    }
}

/// Who has tried wrong codes lately. Kept by the gateway in memory, bounded.
#[derive(Clone, Debug, Default)]
pub struct WrongTries(HashMap<(AccountKey, String), (u32, UnixMs)>);

impl WrongTries {
    /// True while `/claim` is silent for this sender.
    pub fn silenced(&self, key: &AccountKey, sender: &str, now: UnixMs) -> bool {
        self.0.get(&(key.clone(), sender.to_owned())).is_some_and(|(tries, last)| {
            tries.checked_sub(WRONG_TRIES).is_some_and(|over| {
                let silence = (FIRST_SILENCE_MS << over.min(6)).min(LONGEST_SILENCE_MS);
                now.0.saturating_sub(last.0) < silence
            })
        })
    }

    /// Counts a wrong try. True where it is the first one that silences.
    pub fn count(&mut self, key: &AccountKey, sender: &str, now: UnixMs) -> bool {
        if self.0.len() >= MANY {
            self.0.retain(|_, (_, last)| now.0.saturating_sub(last.0) < LONGEST_SILENCE_MS);
        }
        if self.0.len() >= MANY {
            // So many who guess at once are not one who guesses often, and 60 bits are not guessed.
            self.0.clear();
        }
        let (tries, last) = self.0.entry((key.clone(), sender.to_owned())).or_insert((0, now));
        if now.0.saturating_sub(last.0) >= LONGEST_SILENCE_MS {
            *tries = 0;
        }
        (*tries, *last) = (tries.saturating_add(1), now);
        *tries == WRONG_TRIES
    }
}

/// True where a text could be a pairing code or a claim code: such a text never reaches a responder.
pub fn looks_like_a_code(text: &str) -> bool {
    PairingCode::parse(text).is_some() || ClaimCode::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_takes_its_code_only_and_for_ten_minutes_only() {
        let (code, other) = (ClaimCode::from_random([1; 12]), ClaimCode::from_random([2; 12]));
        let claim = OpenClaim { digest: code.digest(), created_at: UnixMs(1000) };
        assert!(claim.accepts(&code, UnixMs(1000)));
        assert!(claim.accepts(&code, UnixMs(1000 + LIFETIME_MS - 1)));
        assert!(!claim.accepts(&code, UnixMs(1000 + LIFETIME_MS)));
        assert!(!claim.accepts(&code, UnixMs(999)));
        assert!(!claim.accepts(&other, UnixMs(1000)));
    }

    #[test]
    fn five_wrong_tries_silence_one_sender_and_each_further_one_for_longer() {
        let (key, mut tries) = (AccountKey::default_of("telegram"), WrongTries::default());
        for now in 0..5 {
            assert!(!tries.silenced(&key, "7", UnixMs(now)));
            assert_eq!(tries.count(&key, "7", UnixMs(now)), now == 4);
        }
        assert!(!tries.silenced(&key, "8", UnixMs(5)));
        let mut now = 4;
        for minutes in [1, 2, 4, 8, 16, 32, 60] {
            let over = now + minutes * 60_000;
            assert!(tries.silenced(&key, "7", UnixMs(over - 1)), "{minutes}");
            assert!(!tries.silenced(&key, "7", UnixMs(over)), "{minutes}");
            assert!(!tries.count(&key, "7", UnixMs(over)), "it was said before");
            now = over;
        }
        // After an hour without a try, that one counts as the first.
        assert!(!tries.silenced(&key, "7", UnixMs(now)));
    }

    #[test]
    fn case_131_a_claim_code_is_found_wherever_it_stands_in_a_text() {
        let code = ClaimCode::from_random([3; 12]);
        let encoded = code.spell();
        let (head, tail) = encoded.split_at(4);
        let dashed = format!("{head}-{}-{}", &tail[..4], &tail[4..]);
        for text in [
            format!("my code is {dashed}, thanks"),
            format!("x{}y", encoded.to_lowercase()),
            format!("{head}\u{200b}{tail}"),
            format!("`{head}\n{tail}`"),
        ] {
            let found = ClaimCode::all_in(&text).any(|read| read.digest() == code.digest());
            assert!(found, "{text}");
        }
        assert_eq!(ClaimCode::all_in("short").count(), 0);
        assert_eq!(ClaimCode::all_in("").count(), 0);
    }

    #[test]
    fn a_claim_code_is_read_as_people_write_it() {
        let code = ClaimCode::from_random([3; 12]);
        let encoded = code.spell().to_lowercase();
        let written = format!(" {}-{} {} ", &encoded[..4], &encoded[4..8], &encoded[8..]);
        assert!(ClaimCode::parse(&written).is_some_and(|read| read.digest() == code.digest()));
    }
}
