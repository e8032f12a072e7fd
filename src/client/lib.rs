//! The gateway protocol from the client's side: our command line against any gateway, and a node without a screen.
//!
//! A secret goes to the gateway it is for, encrypted or to a private place, and into no error, log or URL.

pub mod address;
mod files;
pub mod identity;
mod known;
mod link;
pub mod node;
mod session;
mod target;
mod text;
mod tokens;
mod who;

use openclaw_local_client as local_client;
use openclaw_network as network;
use openclaw_protocol as protocol;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

use serde_json::Value;

pub use self::{
    link::Link,
    target::{Secret, Target},
    text::{AddressError, NoPlan, RemoteError},
};
pub use crate::network::tls::Fingerprint;
use crate::protocol::frame::Refused;

/// In the details of a refusal: the variable of the environment that was shown.
pub const SHOWN_FROM: &str = "shownFrom";

impl RemoteError {
    /// The word that programs go by, of a refusal.
    pub fn detail(&self, key: &str) -> Option<&str> {
        match self {
            Self::NotLetIn(refused) | Self::Refused(refused) => {
                refused.details.as_ref()?.get(key)?.as_str()
            }
            _ => None,
        }
    }

    /// True where this machine waits for an approval.
    pub fn is_waiting(&self) -> bool {
        let said = |refused: &Refused| refused.message.contains("pairing required");
        match self {
            Self::NotLetIn(refused) => {
                self.detail("code") == Some("PAIRING_REQUIRED") || said(refused)
            }
            _ => false,
        }
    }

    /// A refused token or password says which variable of the environment it came from.
    #[must_use]
    pub fn shown_from(mut self, variable: Option<&'static str>) -> Self {
        let wrong = ["AUTH_TOKEN_MISMATCH", "AUTH_PASSWORD_MISMATCH"];
        let is_wrong = self.detail("code").is_some_and(|code| wrong.contains(&code));
        if let (Self::NotLetIn(refused), Some(variable), true) = (&mut self, variable, is_wrong)
            && let Some(details) = refused.details.as_mut().and_then(Value::as_object_mut)
        {
            details.insert(SHOWN_FROM.to_owned(), variable.into());
        }
        self
    }

    /// A gateway may repeat what it was shown: the error does not.
    fn without(self, secrets: &[String]) -> Self {
        let clean = |text: &str| {
            let secrets = secrets.iter().filter(|secret| !secret.is_empty());
            secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
        };
        match self {
            Self::NotLetIn(mut refused) => {
                refused.message = clean(&refused.message);
                let details = refused.details.take().map(|details| clean(&details.to_string()));
                refused.details = details.and_then(|text| serde_json::from_str(&text).ok());
                Self::NotLetIn(refused)
            }
            Self::Closed { code, reason } => Self::Closed { code, reason: clean(&reason) },
            Self::Unreadable { at, why } => Self::Unreadable { at, why: clean(&why) },
            other => other,
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, RemoteError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(RemoteError::Runtime)
}
