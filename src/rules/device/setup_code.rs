//! Setup codes: a pairing token for one device, and the three words by which its owner knows it.
//! A code's encoding for a phone is the protocol's; what it is worth is decided here.

use bip39::Language;
use openclaw_plugin_sdk::UnixMs;

use super::{
    identity::{DeviceId, DeviceKey},
    request::LIFETIME_MS as WAITING_MS,
    role::Profile,
    token::{Token, TokenDigest},
};
use crate::sha256;

/// An unused code is good this long; after the approval, its device has as long to come for its tokens.
pub const LIFETIME_MS: u64 = 600_000;

/// The opaque name of one code: it says nothing about its token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetupId(String);

impl SetupId {
    /// A name made up by the gateway, or read back.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is kept of a code. The token itself is in the message to the owner and nowhere else.
#[derive(Clone, Debug)]
pub struct SetupCode {
    /// Its opaque name.
    pub id: SetupId,
    /// Of its token.
    pub digest: TokenDigest,
    /// What it is good for.
    pub profile: Profile,
    /// When it was made.
    pub minted_at: UnixMs,
    /// What has become of it.
    pub state: State,
}

/// What becomes of a code. It goes down this list and never up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has come with it.
    Unused,
    /// One device has, and waits.
    Bound {
        /// Whose it is for good.
        key: DeviceKey,
        /// When the device last came.
        seen_at: UnixMs,
    },
    /// That device was approved.
    Approved {
        /// Whose it is for good.
        key: DeviceKey,
        /// When.
        at: UnixMs,
        /// When the device first connected with it.
        fetched_at: Option<UnixMs>,
    },
    /// It was taken back, or died with its device's rights.
    Cancelled,
}

/// Why a code is worth nothing. A device is told one thing for all of these; the owner is told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Taken back.
    Cancelled,
    /// Its time is over.
    Expired,
    /// Another device's.
    Used,
}

impl Spent {
    /// The owner's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Used => "used",
        }
    }
}

/// How a device stands to the code it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Let in: from here the code is as good as its tokens.
    Approved {
        /// When the owner said so.
        at: UnixMs,
    },
    /// The code is this device's, and the owner has not decided.
    Waiting,
}

impl SetupCode {
    /// A fresh code.
    pub fn mint(id: SetupId, token: &Token, profile: Profile, now: UnixMs) -> Self {
        Self { id, digest: token.digest(), profile, minted_at: now, state: State::Unused }
    }

    /// True while a device can still use it.
    pub fn is_unused(&self, now: UnixMs) -> bool {
        self.state == State::Unused && within(self.minted_at, now, LIFETIME_MS)
    }

    /// Whose it is.
    pub fn key(&self) -> Option<&DeviceKey> {
        match &self.state {
            State::Bound { key, .. } | State::Approved { key, .. } => Some(key),
            State::Cancelled | State::Unused => None,
        }
    }

    /// A device that has proven its key shows the code. The first one has it for good; a later one
    /// changes nothing. The caller holds the writer's lock.
    pub fn show(&mut self, by: &DeviceKey, now: UnixMs) -> Result<Standing, Spent> {
        if self.key().is_some_and(|key| key != by) {
            return Err(Spent::Used);
        }
        let young = within(self.minted_at, now, LIFETIME_MS);
        match &mut self.state {
            State::Cancelled => Err(Spent::Cancelled),
            State::Unused if !young => Err(Spent::Expired),
            State::Unused => {
                self.state = State::Bound { key: *by, seen_at: now };
                Ok(Standing::Waiting)
            }
            State::Bound { seen_at, .. } if young || within(*seen_at, now, WAITING_MS + 1) => {
                *seen_at = now.max(*seen_at);
                Ok(Standing::Waiting)
            }
            State::Bound { .. } => Err(Spent::Expired),
            State::Approved { at, fetched_at, .. } => {
                if fetched_at.is_none() && !within(*at, now, LIFETIME_MS) {
                    return Err(Spent::Expired);
                }
                fetched_at.get_or_insert(now);
                Ok(Standing::Approved { at: *at })
            }
        }
    }

    /// The owner has let its device in. A code of another key, or none's, is not touched.
    pub fn approve(&mut self, device: &DeviceKey, now: UnixMs) {
        if let State::Bound { key, .. } = self.state
            && key == *device
        {
            self.state = State::Approved { key, at: now, fetched_at: None };
        }
    }

    /// Taken back by the owner, or its device was rejected, removed, revoked or given new tokens.
    pub fn cancel(&mut self) {
        self.state = State::Cancelled;
    }

    /// What the owner reads about a code that is no longer offered; `None` while it is.
    pub fn spent(&self, now: UnixMs) -> Option<Spent> {
        match self.state {
            State::Unused if self.is_unused(now) => None,
            State::Unused => Some(Spent::Expired),
            State::Bound { .. } | State::Approved { .. } => Some(Spent::Used),
            State::Cancelled => Some(Spent::Cancelled),
        }
    }
}

/// Three words that the owner sees beside a waiting device, and reads on the device itself if it shows them:
/// the first 33 bits, eleven a word, the highest first, of SHA-256 over
///
/// ```text
/// "openclaw-words" 0x00  device id (64 ASCII digits)  token digest (32 raw bytes)
/// ```
///
/// in the English list of BIP-39. The token digest is the SHA-256 of the token's text, so that a device can
/// compute the words from its code.
pub fn words(device: &DeviceId, token: &TokenDigest) -> Words {
    let hash = sha256(&[b"openclaw-words\0", device.as_str().as_bytes(), token.bytes()]);
    let bits = hash.iter().take(5).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    let list = Language::English.word_list();
    Words([29, 18, 7].map(|shift| {
        let index = usize::try_from((bits >> shift) & 0x7ff).unwrap_or_default();
        list[index]
    }))
}

/// Three words of the English list of BIP-39; see [`words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words([&'static str; 3]);

impl Words {
    /// Reads them back: three words of the list with one blank between.
    pub fn parse(text: &str) -> Option<Self> {
        let known = |word: &str| Language::English.word_list().iter().copied().find(|w| *w == word);
        let found: Option<Vec<&'static str>> = text.split(' ').map(known).collect();
        found?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// True where no more than `ms` have passed. A moment in the future is a clock set back: it counts as over.
fn within(since: UnixMs, now: UnixMs, ms: u64) -> bool {
    now.0.checked_sub(since.0).is_some_and(|age| age < ms)
}

#[cfg(test)]
mod tests;
