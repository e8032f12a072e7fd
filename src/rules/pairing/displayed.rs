//! What owners are shown of a request: made here only, whichever surface renders it. What was shown is what is decided.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::UnixMs;

use super::{LIFETIME_MS, PairingRequest, RequestId};

/// A request as owners are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Displayed {
    /// Of everything that is shown, but for the code. A decision names it.
    pub revision: String,
    /// The name that stands for this one displayed value where a call carries no revision.
    pub id: RequestId,
    /// The person that the sender claims to be; shown whole, for an approval joins the two.
    pub claims: Option<String>,
    /// How many characters the held first message has. An approval may have it answered.
    pub held: Option<usize>,
    /// When its time is over.
    pub ends: UnixMs,
    /// Nothing of it has changed since the code was sent, and it claims nothing: the code alone stands for it.
    pub by_code: bool,
}

impl Displayed {
    /// What is said of the held message.
    pub fn first_message(&self) -> Option<String> {
        let many = self.held?;
        Some(format!("held, {many} character{}", if many == 1 { "" } else { "s" }))
    }

    /// True where this revision is enough for a decision; without a revision, where the code or name alone is.
    pub fn is_shown(&self, shown: Option<&str>) -> bool {
        shown.map_or(self.by_code, |shown| shown == self.revision)
    }
}

impl PairingRequest {
    /// What owners are shown of it.
    pub fn displayed(&self) -> Displayed {
        let revision = self.revision();
        let unchanged = match &self.opened {
            Some(opened) => *opened == revision,
            None => self.later_name.is_none(),
        };
        let id = if unchanged { self.id.clone() } else { self.id.clone().showing(&revision) };
        Displayed {
            id,
            claims: self.claims.as_ref().map(ToString::to_string),
            held: self.held,
            ends: UnixMs(self.created_at.0.saturating_add(LIFETIME_MS)),
            by_code: unchanged && self.claims.is_none(),
            revision,
        }
    }

    fn revision(&self) -> String {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let (name, later) = (self.name(), self.later_name.as_deref());
        let given = [name.as_deref().unwrap_or_default(), later.unwrap_or_default()];
        let held = self.held.map(|many| many.to_string()).unwrap_or_default();
        let claims = self.claims.as_ref().map(ToString::to_string).unwrap_or_default();
        let ids = [self.id.as_str(), self.sender.as_str(), &claims, &held];
        for text in ids.into_iter().chain(given) {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut revision = URL_SAFE_NO_PAD.encode(context.finish());
        revision.truncate(22);
        revision
    }
}
