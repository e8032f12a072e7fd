//! Who decides. A decision needs an [`Approver`], and only an authenticated surface can make one:
//! there is no default, no `Option`, and no way from a responder to one.

use super::owner::Seat;

/// Somebody who may decide, and where he does it. Made from the owner's seat or on this host, and
/// from nothing else (`case_023`).
///
/// ```
/// use openclaw::access::{approver::Approver, owner::Seat};
/// fn decides(seat: &Seat) -> Option<Approver> {
///     Approver::in_chat(seat)
/// }
/// ```
///
/// Nobody puts one together, takes a default or makes it of what a responder is given:
///
/// ```compile_fail,E0451
/// use openclaw::access::approver::{Approver, Surface};
/// let forged = Approver { surface: Surface::Chat, actor: "telegram:1".to_owned() };
/// ```
///
/// ```compile_fail,E0277
/// use openclaw::access::approver::Approver;
/// fn default<T: Default>() {}
/// default::<Approver>();
/// ```
///
/// ```compile_fail,E0308
/// use openclaw::access::approver::Approver;
/// fn decides(prompt: &openclaw_plugin_sdk::Prompt) -> Option<Approver> {
///     Approver::in_chat(prompt)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Approver {
    surface: Surface,
    actor: String,
}

/// Where a decision is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// In a chat, by an owner.
    Chat,
    /// By a command on this host, by whoever may read and write the state folder.
    Cli,
}

impl Surface {
    /// The word that the access log uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Cli => "cli",
        }
    }
}

impl Approver {
    /// An owner in a direct chat; `None` in a group.
    pub fn in_chat(seat: &Seat) -> Option<Self> {
        let owner = seat.owner();
        let actor = format!("{}:{}", owner.channel, owner.sender);
        seat.is_direct().then_some(Self { surface: Surface::Chat, actor })
    }

    /// The user of this machine whose command has opened the state folder.
    pub fn on_host(user: u32) -> Self {
        Self { surface: Surface::Cli, actor: format!("uid:{user}") }
    }

    /// Where.
    pub fn surface(&self) -> Surface {
        self.surface
    }

    /// Who, as the access log names him.
    pub fn actor(&self) -> &str {
        &self.actor
    }
}
