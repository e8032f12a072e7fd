//! Tickets: single-use codes that a person sends in a chat. An invitation gives its sender access; a link says that
//! its sender is a person who already has access. Kept as digests only.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::pasted;
use subtle::ConstantTimeEq;

use super::sha256;

/// 96 bits: nobody guesses one, so that nobody need be counted who tries.
const LENGTH: usize = 12;
/// An invitation is open so long at most.
pub const LONGEST_INVITATION_MS: u64 = 24 * 3_600_000;
/// A link is open so long.
pub const LINK_MS: u64 = 600_000;

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TicketKind {
    /// Its sender gets access.
    Invitation,
    /// Its sender claims to be the person who asked for it.
    Link,
}

impl TicketKind {
    fn head(self) -> &'static str {
        match self {
            Self::Invitation => "inv-",
            Self::Link => "link-",
        }
    }
}

/// A ticket with its code, as made or as shown.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a code never prints itself")]
pub struct Ticket {
    kind: TicketKind,
    bytes: [u8; LENGTH],
}

/// What is kept of a ticket.
#[derive(Clone, Copy, Debug)]
pub struct TicketDigest(pub [u8; 32]);

impl TicketDigest {
    /// True for the digest of the same ticket, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Ticket {
    /// A ticket from random bytes.
    pub fn from_random(kind: TicketKind, bytes: [u8; LENGTH]) -> Self {
        Self { kind, bytes }
    }

    /// Reads a ticket as people paste it; `None` for any other text. Behind its first word letters count as they are:
    /// capitals differ from small ones.
    pub fn parse(text: &str) -> Option<Self> {
        let text = pasted(text);
        [TicketKind::Invitation, TicketKind::Link].into_iter().find_map(|kind| {
            let (head, code) = text.split_at_checked(kind.head().len())?;
            let code = Some(code).filter(|_| head.eq_ignore_ascii_case(kind.head()))?;
            let bytes = URL_SAFE_NO_PAD.decode(code).ok()?;
            Some(Self { kind, bytes: bytes.try_into().ok()? })
        })
    }

    /// What it is for.
    pub fn kind(&self) -> TicketKind {
        self.kind
    }

    /// The code itself: letters, digits, `-` and `_`, at most 64, as a platform's deep link takes them.
    pub fn spell(&self) -> String {
        format!("{}{}", self.kind.head(), URL_SAFE_NO_PAD.encode(self.bytes))
    }

    /// What is kept of it.
    pub fn digest(&self) -> TicketDigest {
        TicketDigest(sha256(&[b"openclaw-ticket\0", self.kind.head().as_bytes(), &self.bytes]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_is_spelt_and_as_nothing_else() {
        let invitation = Ticket::from_random(TicketKind::Invitation, [7; LENGTH]);
        let link = Ticket::from_random(TicketKind::Link, [7; LENGTH]);
        for ticket in [&invitation, &link] {
            let encoded = ticket.spell();
            for text in
                [format!(" {encoded}\n"), format!("<{encoded}>."), format!("\u{200b}`{encoded}`")]
            {
                let read = Ticket::parse(&text).unwrap();
                assert_eq!(read.kind(), ticket.kind());
                assert!(read.digest().matches(&ticket.digest()));
            }
            assert!(ticket.spell().len() <= 64);
        }
        assert!(!invitation.digest().matches(&link.digest()), "a link invites nobody");
        for text in ["", "inv-", "inv-short", "hello", "inv-BwcHBwcHBwcHBwcHBwcH", "link-!!!!"] {
            assert!(Ticket::parse(text).is_none(), "{text}");
        }
    }
}
