//! Who decides about a device, and what they may grant: one table for every path. There is no default approver,
//! no `Option`, and none for a node, a guest or a responder.

use super::{
    identity::DeviceId,
    request::{DeviceRequest, RequestedRights},
    role::{Profile, Role, Scope, Scopes, is_exec_class},
};
use crate::{
    approver::{Approver, Session, Surface},
    authority::Rights,
};

/// A person who may decide about devices.
#[derive(Clone, Debug)]
pub struct DeviceApprover {
    approver: Approver,
    listed: Listed,
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
        Self { approver: approver.clone(), listed }
    }

    /// The operator at a socket; `None` for a node, and for an operator who may not decide about devices.
    /// `actor` is how the access log names the caller.
    pub fn of_session(rights: &Rights, actor: &str) -> Option<Self> {
        let approver = Approver::over_socket(rights, actor)?;
        Some(Self::of(&approver, Listed::Nothing))
    }

    /// Who decides, and where.
    pub fn approver(&self) -> &Approver {
        &self.approver
    }

    /// True where the approver may grant the whole request.
    pub(super) fn may_approve(&self, request: &DeviceRequest) -> Result<(), Denied> {
        let asked = &request.asked;
        match self.approver.surface() {
            Surface::Cli => Ok(()),
            Surface::Chat => owner_may(self.listed, asked, request.profile),
            Surface::Socket(Session { scopes, .. }) if scopes.allow(Scope::Admin) => Ok(()),
            Surface::Socket(Session { scopes, device }) => {
                let foreign = device.as_ref().is_some_and(|device| *device != request.device);
                if foreign || asked.roles.iter().any(|role| *role != Role::Operator) {
                    return Err(Denied::NotYours);
                }
                within(*scopes, asked.scopes)
            }
        }
    }

    /// True where the approver may add a node to the legacy store, where it has no key. Same rules for every caller.
    pub fn may_approve_legacy(&self, commands: &[String]) -> Result<(), Denied> {
        match self.approver.surface() {
            Surface::Cli => Ok(()),
            Surface::Chat => {
                let commands = commands.iter().cloned().collect();
                let roles = [Role::Node].into();
                owner_may(
                    self.listed,
                    &RequestedRights { roles, commands, ..RequestedRights::default() },
                    None,
                )
            }
            Surface::Socket(session) if session.scopes.allow(Scope::Admin) => Ok(()),
            Surface::Socket(_) => Err(Denied::NotYours),
        }
    }

    /// True where the approver may do anything else there: its nodes are no device's own.
    pub fn may_manage_legacy(&self) -> Result<(), Denied> {
        match self.approver.surface() {
            Surface::Socket(Session { scopes, device: Some(_) }) if !scopes.allow(Scope::Admin) => {
                Err(Denied::NotYours)
            }
            Surface::Cli | Surface::Chat | Surface::Socket(_) => Ok(()),
        }
    }

    /// True where the approver may do anything else about this device, which holds these scopes: with the right to
    /// pair alone, the approver's own device, and over the shared secret any but an administrator's: the command line of
    /// `OpenClaw` asks for no more than that right where it removes a device.
    pub fn may_manage(&self, device: &DeviceId, held: Scopes) -> Result<(), Denied> {
        let Surface::Socket(session) = self.approver.surface() else { return Ok(()) };
        match &session.device {
            _ if session.scopes.allow(Scope::Admin) => Ok(()),
            Some(own) if own == device => Ok(()),
            Some(_) => Err(Denied::NotYours),
            None if held.allow(Scope::Admin) => Err(Denied::Scope(Scope::Admin)),
            None => Ok(()),
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
        within(approved, wished)?;
        match self.approver.surface() {
            Surface::Socket(session) => within(session.scopes, wished)?,
            Surface::Cli => {}
            Surface::Chat => within(Profile::Full.scopes(), wished)?,
        }
        Ok(wished)
    }
}

/// Names the first of `wished` that `held` is not good for.
fn within(held: Scopes, wished: Scopes) -> Result<(), Denied> {
    held.lacks(wished).map_or(Ok(()), |scope| Err(Denied::Scope(scope)))
}

fn owner_may(
    listed: Listed,
    asked: &RequestedRights,
    profile: Option<Profile>,
) -> Result<(), Denied> {
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
