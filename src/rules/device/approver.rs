//! Who decides about a device, and what they may grant: one table for every path. There is no default approver,
//! no `Option`, and none for a node, a guest or a responder.

use super::{
    identity::DeviceId,
    request::{Asked, DeviceRequest},
    role::{Profile, Role, Scope, Scopes, is_exec_class},
};
use crate::{
    approver::{Approver, Surface},
    authority::{Authority, Rights},
};

/// A person who may decide about devices.
#[derive(Clone, Debug)]
pub struct DeviceApprover {
    kind: Kind,
    surface: &'static str,
    actor: String,
    authority: Authority,
}

#[derive(Clone, Debug)]
enum Kind {
    Host,
    Owner(Listed),
    Session { scopes: Scopes, device: Option<DeviceId> },
}

/// Whether the notice that the owner decides upon named each command of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Each.
    Commands,
    /// Not each.
    Nothing,
}

/// Why the caller may not make a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Not this request, or not this kind of request.
    NotYours,
    /// The caller does not hold this scope.
    Scope(Scope),
}

/// What is to be done about a device. It decides the sentence of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Let it in.
    Approve,
    /// Turn it away.
    Reject,
    /// Forget it.
    Remove,
    /// Give it another name.
    Rename,
    /// Take a token back.
    RevokeToken,
    /// Replace a token.
    RotateToken,
}

impl Act {
    /// What a caller reads who may not.
    pub fn denial(self) -> &'static str {
        match self {
            Self::Approve => "device pairing approval denied",
            Self::Reject => "device pairing rejection denied",
            Self::Remove => "device pairing removal denied",
            Self::Rename => "device pairing rename denied",
            Self::RevokeToken => "device token revocation denied",
            Self::RotateToken => "device token rotation denied",
        }
    }
}

impl DeviceApprover {
    /// An owner in a chat, or the user of this machine. `listed` counts in the chat only.
    pub fn of(approver: &Approver, listed: Listed) -> Self {
        let kind = match approver.surface() {
            Surface::Chat => Kind::Owner(listed),
            Surface::Cli => Kind::Host,
            Surface::Socket(session) => {
                Kind::Session { scopes: session.scopes, device: session.device.clone() }
            }
        };
        Self {
            kind,
            surface: approver.surface().word(),
            actor: approver.actor().to_owned(),
            authority: approver.authority().clone(),
        }
    }

    /// The operator at a socket; `None` for a node, and for an operator who may not decide about devices.
    /// `actor` is how the access log names the caller.
    pub fn of_session(rights: &Rights, actor: &str) -> Option<Self> {
        let approver = Approver::over_socket(rights, actor)?;
        Some(Self::of(&approver, Listed::Nothing))
    }

    /// What it rests on; the store asks again under its lock.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where the decision is made, as the access log says it.
    pub fn surface(&self) -> &'static str {
        self.surface
    }

    /// The name of the approver in the access log.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// True where the approver may grant the whole request.
    pub fn may_approve(&self, request: &DeviceRequest) -> Result<(), Denied> {
        let asked = &request.asked;
        match &self.kind {
            Kind::Host => Ok(()),
            Kind::Owner(listed) => owner_may(*listed, asked, request.profile),
            Kind::Session { scopes, .. } if scopes.allow(Scope::Admin) => Ok(()),
            Kind::Session { scopes, device } => {
                let foreign = device.as_ref().is_some_and(|device| *device != request.device);
                if foreign || asked.roles.iter().any(|role| *role != Role::Operator) {
                    return Err(Denied::NotYours);
                }
                scopes.lacks(asked.scopes).map_or(Ok(()), |scope| Err(Denied::Scope(scope)))
            }
        }
    }

    /// True where the approver may add a node to the legacy store, where it has no key. Same rules for every caller.
    pub fn may_approve_legacy(&self, commands: &[String]) -> Result<(), Denied> {
        match &self.kind {
            Kind::Host => Ok(()),
            Kind::Owner(listed) => {
                let commands = commands.iter().cloned().collect();
                let roles = [Role::Node].into();
                owner_may(*listed, &Asked { roles, commands, ..Asked::default() }, None)
            }
            Kind::Session { scopes, .. } if scopes.allow(Scope::Admin) => Ok(()),
            Kind::Session { .. } => Err(Denied::NotYours),
        }
    }

    /// True where the approver may do anything else there: its nodes are no device's own.
    pub fn may_manage_legacy(&self) -> Result<(), Denied> {
        match &self.kind {
            Kind::Session { scopes, device: Some(_) } if !scopes.allow(Scope::Admin) => {
                Err(Denied::NotYours)
            }
            Kind::Host | Kind::Owner(_) | Kind::Session { .. } => Ok(()),
        }
    }

    /// True where the approver may do anything else about this device, which holds these scopes: with the right to
    /// pair alone, the approver's own device, and over the shared secret one that may do no more than the approver.
    pub fn may_manage(&self, device: &DeviceId, held: Scopes) -> Result<(), Denied> {
        match &self.kind {
            Kind::Session { scopes, .. } if scopes.allow(Scope::Admin) => Ok(()),
            Kind::Session { device: Some(own), .. } if own == device => Ok(()),
            Kind::Session { device: Some(_), .. } => Err(Denied::NotYours),
            Kind::Session { scopes, device: None } => {
                scopes.lacks(held).map_or(Ok(()), |scope| Err(Denied::Scope(scope)))
            }
            Kind::Host | Kind::Owner(_) => Ok(()),
        }
    }

    /// The scopes of a rotated token: those asked for, else the present ones. Never a role or a scope beyond
    /// the approval, for any caller; never a scope that the caller lacks.
    pub fn may_rotate(
        &self,
        device: &DeviceId,
        approved: Option<Scopes>,
        role: Role,
        wished: Scopes,
    ) -> Result<Scopes, Denied> {
        let approved = approved.ok_or(Denied::NotYours)?;
        self.may_manage(device, approved)?;
        if role == Role::Node {
            return Ok(Scopes::NONE);
        }
        if let Some(beyond) = approved.lacks(wished) {
            return Err(Denied::Scope(beyond));
        }
        match &self.kind {
            Kind::Session { scopes, .. } => {
                scopes.lacks(wished).map_or(Ok(wished), |scope| Err(Denied::Scope(scope)))
            }
            Kind::Host => Ok(wished),
            Kind::Owner(_) => Profile::Full
                .scopes()
                .lacks(wished)
                .map_or(Ok(wished), |scope| Err(Denied::Scope(scope))),
        }
    }
}

fn owner_may(listed: Listed, asked: &Asked, profile: Option<Profile>) -> Result<(), Denied> {
    let hidden = listed == Listed::Nothing
        && asked.roles.contains(&Role::Node)
        && asked.commands.iter().any(|command| is_exec_class(command));
    if hidden {
        return Err(Denied::NotYours);
    }
    let may = profile.unwrap_or(Profile::Limited);
    let beyond = asked.scopes.iter().find(|scope| may.cut(Scopes::of(&[*scope])).is_empty());
    beyond.map_or(Ok(()), |scope| Err(Denied::Scope(scope)))
}

#[cfg(test)]
mod tests;
