//! All that this crate says to people: why a gateway did not do it or was not asked, and what a node answers.

use std::io;

use crate::{local_client::LocalError, protocol::frame::Refused, store::StoreError};

/// Why a URL is none of a gateway. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No URL, or of another kind.
    #[error("the gateway URL is not of the form ws://host:port or wss://host:port")]
    Shape,
    /// Words before the host, a query or a fragment.
    #[error("the gateway URL must hold no user, password, query or fragment")]
    Secret,
}

/// A setup code leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// It is none.
    #[error("this is not a setup code")]
    Code,
    /// It is over.
    #[error("this setup code has expired")]
    Expired,
    /// Its fingerprint is none.
    #[error("the certificate fingerprint in this setup code is invalid")]
    Pin,
    /// Another certificate was named beside it.
    #[error("the setup code and --tls-fingerprint name different certificates")]
    Pins,
    /// No gateway in it can be reached safely.
    #[error("this setup code names no gateway that is safe for a secret")]
    Nowhere,
}

/// Why a gateway did not do it, or was not asked. A text alone is the place of the gateway.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The URL is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It hung up.
    #[error("the gateway closed the connection{}", closing(*.code, .reason))]
    Closed {
        /// Its close code, where it sent one.
        code: Option<u16>,
        /// What it said.
        reason: String,
    },
    /// Its certificate is not believed.
    #[error("the certificate of {at} {}", if *.pinned { "is not the one with the pinned fingerprint" } else { "is not vouched for by a public authority" })]
    Distrust {
        /// The place.
        at: String,
        /// There is a pin.
        pinned: bool,
    },
    /// What listens on this machine's port has not proven to be its gateway.
    #[error("another program listens at {0}, and not this machine's gateway; no secret was sent")]
    Foreign(String),
    /// The socket of this machine's gateway.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A gateway that was named has no secret beside it.
    #[error("no token or password was given for {0}")]
    NoSecret(String),
    /// It did not let us in.
    #[error("{}", .0.message)]
    NotLetIn(Box<Refused>),
    /// It has not proven the key that was proven there before.
    #[error("{0} has not proven the key of the gateway that was there before; no secret was sent")]
    OtherKey(String),
    /// A secret would go in the clear.
    #[error("{0} is not encrypted, and neither this machine nor a private address")]
    Plaintext(String),
    /// It let us in, and did not do it.
    #[error("{}", .0.message)]
    Refused(Box<Refused>),
    /// No thread, no timer.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    /// It did not answer in time.
    #[error("the gateway at {0} did not answer in time")]
    Silent(String),
    /// A file of this machine.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token that it once gave is good for nothing any more.
    #[error("{0} no longer accepts the token that it gave this machine")]
    TokenOver(String),
    /// It has a token of that gateway, and nothing says that it still is that one.
    #[error("{0} is not encrypted and has never proven a key, so its token is not sent there")]
    Unproven(String),
    /// Nobody listens.
    #[error("no gateway answers at {at}: {why}")]
    Unreachable {
        /// The place.
        at: String,
        /// What the operating system said.
        why: String,
    },
    /// It is no gateway, or a broken one.
    #[error("{at} does not answer like a gateway: {why}")]
    Unreadable {
        /// The place.
        at: String,
        /// What it did.
        why: String,
    },
}

fn closing(code: Option<u16>, reason: &str) -> String {
    match (code, reason) {
        (None, _) => String::new(),
        (Some(code), "") => format!(" ({code})"),
        (Some(code), reason) => format!(": {reason} ({code})"),
    }
}

/// A refusal without a message.
pub(super) const NO_REASON: &str = "the gateway gave no reason";
/// In [`RemoteError::Closed`]: the gateway was silent for too long.
pub(super) const SILENT: &str = "nothing was heard from it";

/// In [`RemoteError::Unreadable`].
pub(super) const BAD_FRAME: &str = "it sent a frame that is none of the protocol";
pub(super) const BINARY: &str = "it sent a binary message";
pub(super) const TOO_LONG: &str = "it sent a message that is too long";

/// Why a file of this machine is of no use.
pub(super) const NO_IDENTITY: &str = "no device identity; move it aside to become a new device";
pub(super) const NO_KEY: &str = "no Ed25519 key; move it aside to become a new device";
pub(super) const OTHER_ID: &str =
    "the device id is of another key; move it aside to become a new device";
pub(super) const NO_KEYS: &str = "no list of the keys of gateways";
pub(super) const NO_TOKENS: &str = "no list of device tokens; move it aside";
pub(super) const NO_MEMORY: &str = "no memory of a node";
pub(super) const NO_ADDRESS: &str = "the gateway in it is none";
pub(super) const NO_PIN: &str = "the fingerprint in it is none";

/// Why a node does not do what a gateway asks of it.
pub(super) const NO_COMMAND: &str = "this node has no such command";
pub(super) const NO_NOTICE: &str = "`title` or `body` is missing";
pub(super) const NO_JSON: &str = "the parameters are no JSON";
pub(super) const NO_TEXT: &str = "the parameters are no text";

#[cfg(test)]
mod tests;
