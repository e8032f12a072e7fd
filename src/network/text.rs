//! All that this crate says to people: why something cannot be had, and what is noted of addresses.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use crate::{
    rules::device::endpoint::{Endpoint, NoEndpoint},
    store::StoreError,
};

/// Why the port listens nowhere.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has it.
    #[error("port {} is taken by another program; choose another with `--port` or `gateway.port`", .0.port())]
    Taken(SocketAddr),
    /// This machine has no such address.
    #[error("`gateway.custom_bind_host` is {0}, which is not an address of this machine")]
    NotOurs(IpAddr),
    /// There is no tailnet.
    #[error(
        "`gateway.bind` is `tailnet`, and this machine has no address of one (100.64.0.0/10); \
         start Tailscale first, or choose another `gateway.bind`"
    )]
    NoTailnet,
    /// The operating system refused.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// What it said.
        source: io::Error,
    },
}

/// Why there is no secret to ask for.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A password is asked for, and nobody could know it.
    #[error(
        "`gateway.auth.mode` is `password`, and there is none; set `gateway.auth.password` or \
         OPENCLAW_GATEWAY_PASSWORD, or `gateway.auth.mode = \"token\"` for a token that the gateway makes"
    )]
    NoPassword,
    /// The one that was made cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the port speaks no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing that was named, or that is not to be made.
    #[error("there is no {path}; {1}", path = .0.display())]
    Missing(PathBuf, &'static str),
    /// A file holds something else.
    #[error("{path} holds no {1} in PEM", path = .0.display())]
    NoPem(PathBuf, &'static str),
    /// The certificate is for another key, or for nothing that TLS could use.
    #[error("{cert} and {key} do not fit together: {why}", cert = .cert.display(), key = .key.display())]
    Mismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong with them.
        why: String,
    },
    /// None could be made.
    #[error("cannot make a certificate: {0}")]
    Making(#[from] rcgen::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What TLS is made of is lacking.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The kept key is none.
    #[error("the key of the gateway is damaged; move it away, and the next start makes another")]
    Damaged,
    /// It cannot be read or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The system's random generator failed.
    #[error("the system's random generator failed: {0}")]
    Randomness(#[source] std::io::Error),
    /// It cannot be encoded.
    #[error("cannot write the setup code: {0}")]
    Encoding(#[source] serde_json::Error),
    /// It could not be remembered.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no way to this gateway.
    #[error("there is no address to put into it")]
    Nowhere,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// So long a text fits into none.
    #[error("the code is too long to be drawn: {0}")]
    TooLong(#[from] qrcode::types::QrError),
    /// The picture could not be written.
    #[error("cannot write the picture: {0}")]
    Png(#[from] png::EncodingError),
}

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoWayIn {
    /// Another program answers at every one.
    Another(Vec<String>),
    /// What was asked for is no address.
    Invalid(NoEndpoint),
    /// This machine alone reaches the port; and what was tried beside it.
    Loopback(Vec<String>),
}

impl NoWayIn {
    /// The reason, as a sentence.
    pub fn why(&self) -> String {
        match self {
            Self::Another(urls) => format!("another gateway answers at {}.", urls.join(", ")),
            Self::Invalid(why) => format!("the address {why}."),
            Self::Loopback(tried) if tried.is_empty() => {
                "only this machine can reach this gateway.".to_owned()
            }
            Self::Loopback(tried) => {
                format!("only this machine can reach this gateway: {}.", tried.join("; "))
            }
        }
    }
}

// What is noted of addresses, and why there is none.
pub(super) const NO_PRIVATE: &str = "this machine has no private address";
pub(super) const NO_PRIVATE_HERE: &str = "this container has no private address";
pub(super) const NO_TAILNET: &str = "this machine has no address of a tailnet";
pub(super) const NO_TAILSCALE: &str = "`tailscale` is not in `PATH`";
pub(super) const TAILSCALE_SILENT: &str =
    "`tailscale status --json` did not answer within 5 seconds";
pub(super) const TAILSCALE_FAILED: &str = "`tailscale status --json` failed; is Tailscale up?";
pub(super) const TAILSCALE_ENDLESS: &str = "the answer of `tailscale status --json` does not end";
pub(super) const TAILSCALE_NAMELESS: &str = "`tailscale status --json` names no host";
pub(super) const NOT_ASKED: &str = "it could not be asked";
pub(super) const NO_ANSWER: &str = "it did not answer within 3 seconds";
pub(super) const NO_CERTIFICATE: &str = "it is the gateway's certificate";
pub(super) const NO_KEY: &str = "it is the key of the certificate beside it";
pub(super) const NONE_MADE: &str = "name one, or set `gateway.tls.auto_generate`";
pub(super) const NO_TOKEN: &str = "it holds no token; remove it, and the gateway makes a new one";

pub(super) fn no_start(error: &io::Error) -> String {
    format!("`tailscale` cannot be started: {error}")
}

pub(super) fn no_name(why: &str) -> String {
    format!("`gateway.tailscale.mode` led to no name: {why}")
}

pub(super) fn unsafe_address(source: &str, why: NoEndpoint) -> String {
    format!("`{source}` {why}; `gateway.tls.enabled` or `tailscale serve` encrypts")
}

pub(super) fn answers_with(status: u16) -> String {
    format!("it answers with {status}")
}

pub(super) fn left_out(url: &str) -> String {
    format!("{url} leads to another gateway and was left out")
}

pub(super) fn unreached(url: &Endpoint, why: &str) -> String {
    format!("{url} could not be reached from here ({why})")
}

pub(super) fn not_encrypted(url: &Endpoint) -> String {
    format!(
        "{url} is not encrypted: the network can read along, the device gets limited rights, \
         and some versions of the app take `wss` only; `gateway.tls.enabled` encrypts"
    )
}

#[cfg(test)]
mod tests;
