//! The pairing code: eight characters an owner can read aloud.

use openclaw_plugin_sdk::pasted_capitals;
use subtle::ConstantTimeEq;

/// No `0`, `O`, `1` or `I`.
pub(crate) const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Eight characters of an alphabet of 32: 40 bits. It has no `Debug`, no `Display`, no equality but [`Self::matches`].
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a code never prints itself")]
pub struct PairingCode([u8; 8]);

impl PairingCode {
    /// Spells a code from random bytes, without bias: 256 is a multiple of 32.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(bytes.map(|byte| ALPHABET[usize::from(byte % 32)]))
    }

    /// Reads a code as people paste it. `None` where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = pasted_capitals(text);
        let bytes: [u8; 8] = upper.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| ALPHABET.contains(byte)).then_some(Self(bytes))
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The code itself: for the owner's files and lists, and for the one challenge.
    pub fn spell(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_code_is_of_the_alphabet_and_read_in_any_case(bytes: [u8; 8]) {
            let code = PairingCode::from_random(bytes);
            let encoded = code.spell();
            prop_assert_eq!(encoded.len(), 8);
            prop_assert!(encoded.bytes().all(|byte| ALPHABET.contains(&byte)));
            let (head, tail) = encoded.split_at(4);
            let apart = format!("`{head}-{tail}`.");
            for text in [encoded.clone(), encoded.to_lowercase(), format!(" <{encoded}>\n"), apart] {
                prop_assert!(PairingCode::parse(&text).is_some_and(|read| read.matches(&code)));
            }
        }
    }

    #[test]
    fn case_100_each_letter_is_as_likely_as_any_other() {
        let mut seen = [0usize; 32];
        for byte in 0..=255u8 {
            let letter = PairingCode::from_random([byte; 8]).spell().as_bytes()[0];
            seen[ALPHABET.iter().position(|known| *known == letter).unwrap()] += 1;
        }
        assert_eq!(seen, [8; 32]);
    }

    #[test]
    fn what_is_no_code_is_not_read() {
        for text in ["", "ABCD234", "ABCD23456", "ABCD234O", "ABCD2341", "ÄBCD234"] {
            assert!(PairingCode::parse(text).is_none(), "{text}");
        }
    }
}
