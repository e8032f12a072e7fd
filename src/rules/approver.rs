//! Who decides. A decision needs an [`Approver`], and only an authenticated surface can make one:
//! there is no default, no `Option`, and no way from a responder to one.

use super::{
    authority::{Authority, Rights},
    owner::OwnerProof,
};
use crate::device::{
    identity::DeviceId,
    role::{Role, Scope, Scopes},
};

/// How the access log names an import.
pub(crate) const IMPORT: &str = "import";

/// A person who may decide, and where they do it. Made from an owner in a chat, on this host, or from an
/// operator's session that holds `operator.pairing`, and from nothing else (`case_023`).
///
/// ```
/// use openclaw_rules::{approver::Approver, owner::OwnerProof};
/// fn decides(proof: &OwnerProof) -> Option<Approver> {
///     Approver::in_chat(proof)
/// }
/// ```
///
/// Nobody puts one together, takes a default or makes it of what a responder is given:
///
/// ```compile_fail,E0451
/// use openclaw_rules::{approver::{Approver, Surface}, authority::Authority};
/// let (surface, authority) = (Surface::Chat, Authority::Host);
/// let forged = Approver { surface, actor: "telegram:1".to_owned(), authority };
/// ```
///
/// ```compile_fail,E0277
/// use openclaw_rules::approver::Approver;
/// fn default<T: Default>() {}
/// default::<Approver>();
/// ```
///
/// ```compile_fail,E0308
/// use openclaw_rules::approver::Approver;
/// fn decides(prompt: &openclaw_plugin_sdk::Prompt) -> Option<Approver> {
///     Approver::in_chat(prompt)
/// }
/// ```
///
/// A session decides by its role and its scopes; there is no leaving them out (`case_002`):
///
/// ```compile_fail,E0061
/// use openclaw_rules::approver::Approver;
/// let everybody = Approver::over_socket("cli:127.0.0.1");
/// ```
///
/// ```compile_fail,E0308
/// use openclaw_rules::{approver::Approver, device::role::Role};
/// let unlimited = Approver::over_socket(&Role::Operator, "cli:127.0.0.1");
/// ```
#[derive(Clone, Debug)]
pub struct Approver {
    surface: Surface,
    actor: String,
    authority: Authority,
}

/// What an operator at a socket holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The operator's scopes.
    pub scopes: Scopes,
    /// The device of the token; `None` where the operator showed the shared secret.
    pub device: Option<DeviceId>,
}

/// Where a decision is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surface {
    /// In a chat, by an owner.
    Chat,
    /// By a command on this host, by a user who may read and write the state folder.
    Cli,
    /// Over the gateway's socket, by an operator who holds `operator.pairing`.
    Socket(Session),
}

impl Surface {
    /// The word that the access log uses.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Cli => "cli",
            Self::Socket(_) => "socket",
        }
    }
}

impl Approver {
    /// An owner in a direct chat; `None` in a group.
    pub fn in_chat(proof: &OwnerProof) -> Option<Self> {
        let owner = proof.owner();
        let actor = format!("{}:{}", owner.channel, owner.sender);
        let authority = proof.authority();
        proof.is_direct().then_some(Self { surface: Surface::Chat, actor, authority })
    }

    /// The user of this machine whose command has opened the state folder.
    pub fn on_host(user: u32) -> Self {
        let authority = Authority::Host;
        Self { surface: Surface::Cli, actor: format!("uid:{user}"), authority }
    }

    /// The user of this machine, where what they decide was decided before in another program. The access log names
    /// the import.
    pub fn importing() -> Self {
        Self { actor: IMPORT.to_owned(), ..Self::on_host(0) }
    }

    /// The operator at a socket; `None` for a node, and for an operator without `operator.pairing`.
    /// `actor` is how the access log names the caller.
    pub fn over_socket(rights: &Rights, actor: &str) -> Option<Self> {
        let may = rights.role == Role::Operator && rights.scopes.allow(Scope::Pairing);
        let session = || Session { scopes: rights.scopes, device: rights.own_device().cloned() };
        may.then(|| Self {
            surface: Surface::Socket(session()),
            actor: actor.to_owned(),
            authority: Authority::Session(rights.clone()),
        })
    }

    /// Where.
    pub fn surface(&self) -> &Surface {
        &self.surface
    }

    /// What it rests on; the store asks again under its lock.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The name of the approver in the access log.
    pub fn actor(&self) -> &str {
        &self.actor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_002_case_005_a_session_decides_with_pairing_and_with_nothing_less() {
        let of = |role, scopes: &[Scope]| {
            let rights = Rights::of_test(role, Scopes::of(scopes), None);
            Approver::over_socket(&rights, "cli:127.0.0.1")
        };
        for scope in Scope::ALL {
            let may = matches!(scope, Scope::Admin | Scope::Pairing);
            assert_eq!(of(Role::Operator, &[scope]).is_some(), may, "{scope:?}");
            assert!(of(Role::Node, &[scope]).is_none());
        }
        assert!(of(Role::Operator, &[]).is_none());
        let approver = of(Role::Operator, &[Scope::Pairing]).unwrap();
        assert_eq!((approver.surface().word(), approver.actor()), ("socket", "cli:127.0.0.1"));
    }
}
