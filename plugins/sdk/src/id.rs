//! The identifiers that everything is keyed by. None of them is a display name.

use std::fmt;

/// Milliseconds since the Unix epoch, as platforms and state files write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub u64);

/// One configured login on a channel; `default` where only one is configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// `None` for an id that is blank or could not be part of a file name: only `[a-z0-9_-]`, at most 64.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        (!text.is_empty() && text.len() <= 64 && text.chars().all(fits)).then_some(Self(text))
    }

    /// The account of a channel that configures no other.
    pub fn default_account() -> Self {
        Self("default".to_owned())
    }

    /// True for the account whose files carry no account name.
    pub fn is_default(&self) -> bool {
        self.0 == "default"
    }

    /// The id as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The platform's stable id of a person, normalised by its channel. Never blank, never `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderId(String);

impl SenderId {
    /// Trims; refuses a blank, the wildcard, control characters and more than 256 bytes.
    pub fn new(text: &str) -> Result<Self, InvalidSenderId> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidSenderId("a sender id must not be blank"));
        }
        if text == "*" {
            return Err(InvalidSenderId("`*` is not a sender id"));
        }
        if text.len() > 256 || !is_one_word(text) {
            return Err(InvalidSenderId(
                "a sender id is at most 256 bytes, without spaces or control characters",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as stored in state files.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// True without spaces and control characters. Lists are long, and nearly all ids are ASCII.
fn is_one_word(text: &str) -> bool {
    if text.is_ascii() {
        return text.bytes().all(|byte| byte.is_ascii_graphic());
    }
    !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// The platform's stable id of a conversation. Another type than [`SenderId`]: neither matches the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChatId(String);

/// The platform's id of a topic or thread; unique within its conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(String);

/// What the platform calls one event; unique within its conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

macro_rules! opaque_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// Takes the platform's text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The platform's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )*};
}

opaque_text!(ChatId, EventId, ThreadId);

macro_rules! shown_as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

shown_as_text!(AccountId, SenderId, ChatId, EventId, ThreadId);

/// Why a text is no sender id on a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSenderId(pub &'static str);

/// Why a text is no group's id on a channel: what its ids are like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidGroupId(pub &'static str);

/// For a channel without groups.
pub fn no_groups(_: &str) -> Result<ChatId, InvalidGroupId> {
    Err(InvalidGroupId("this channel has no groups"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_085_a_blank_or_a_wildcard_is_no_sender() {
        for text in ["", " ", "\t", "*", " * ", "a b", "a\u{0}b", "a\u{7f}", "é b", "é\u{85}b"] {
            assert!(SenderId::new(text).is_err(), "{text:?}");
        }
        assert_eq!(SenderId::new(" 4711 ").unwrap().as_str(), "4711");
        assert_eq!(SenderId::new("!~é").unwrap().as_str(), "!~é");
    }

    #[test]
    fn an_account_id_is_fit_for_a_file_name() {
        for text in ["", "a/b", "..", "a.b", "ä"] {
            assert!(AccountId::parse(text).is_none(), "{text:?}");
        }
        assert_eq!(AccountId::parse(" Work ").unwrap().as_str(), "work");
    }
}
