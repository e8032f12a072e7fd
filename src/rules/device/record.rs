//! A paired device: its roles, its scopes, its tokens, and what it was when it was approved.

use std::collections::{BTreeMap, BTreeSet};

use openclaw_plugin_sdk::UnixMs;

use super::{
    identity::{DeviceId, DeviceKey, folded},
    request::{Described, DeviceRequest, RequestedRights},
    role::{Role, Scopes},
    token::{DeviceToken, Token, TokenDigest},
};

/// Who let a device in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovedVia {
    /// The owner's own fresh code was approval enough.
    Code,
    /// An address that the configuration trusts.
    Network,
    /// A decision.
    Owner,
    /// The shared secret, shown on this machine.
    Silent,
}

impl ApprovedVia {
    /// As state files spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "bootstrap",
            Self::Network => "trusted-cidr",
            Self::Owner => "owner",
            Self::Silent => "silent",
        }
    }
}

/// A device with rights.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its key; the id is its hash, and no approval changes it.
    pub key: DeviceKey,
    /// What it may do.
    pub approved: RequestedRights,
    /// What it said about itself then.
    pub described: Described,
    /// One a role at most.
    pub tokens: BTreeMap<Role, DeviceToken>,
    /// The name that an owner gave it, shown instead of its own.
    pub label: Option<String>,
    /// Who let it in, last.
    pub via: ApprovedVia,
    /// First.
    pub created_at: UnixMs,
    /// Last.
    pub approved_at: UnixMs,
    /// When it last came, with a token of its own or with the shared secret.
    pub seen_at: Option<UnixMs>,
}

impl Device {
    /// Grants a decided request. The tokens of the roles it names are over; the device comes for new ones. A node
    /// that is one already, and asks without a setup code, keeps its token: it only does more, and may know
    /// nothing else to come with. `None` where the request is of another key.
    pub fn approve(
        known: Option<Self>,
        request: &DeviceRequest,
        via: ApprovedVia,
        now: UnixMs,
    ) -> Option<Self> {
        let mut device = known.unwrap_or_else(|| Self {
            key: request.key,
            approved: RequestedRights::default(),
            described: Described::default(),
            tokens: BTreeMap::new(),
            label: None,
            via,
            created_at: now,
            approved_at: now,
            seen_at: None,
        });
        if device.key != request.key || request.key.id() != request.device {
            return None;
        }
        let widens = request.profile.is_none() && device.may_be(Role::Node);
        device.approved = device.living().union(&request.asked);
        for role in &request.asked.roles {
            if !(widens && *role == Role::Node) {
                device.tokens.remove(role);
            }
        }
        device.described = request.described.clone();
        (device.via, device.approved_at) = (via, now);
        Some(device)
    }

    /// Its id.
    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// True where it may connect as `role`: approved for it, and not revoked since.
    pub fn may_be(&self, role: Role) -> bool {
        self.approved.roles.contains(&role)
            && self.tokens.get(&role).is_none_or(DeviceToken::is_good)
    }

    /// The scopes of the role as they stand; `None` where it may not connect as it.
    pub fn scopes_as(&self, role: Role) -> Option<Scopes> {
        self.may_be(role).then(|| role.fitting(self.approved.scopes))
    }

    /// True where the token of this role has never been shown: the device may not have received it.
    pub fn awaits_token(&self, role: Role) -> bool {
        self.may_be(role) && self.tokens.get(&role).is_none_or(|token| token.last_used_at.is_none())
    }

    /// True once the device has shown any token of its present roles.
    pub(super) fn has_shown_a_token(&self) -> bool {
        self.tokens.values().any(|token| token.is_good() && token.last_used_at.is_some())
    }

    /// Puts a fresh token in the role's place, with the approved scopes.
    pub fn issue(&mut self, fresh: &Token, role: Role, now: UnixMs) -> bool {
        let Some(scopes) = self.scopes_as(role) else { return false };
        let old = self.tokens.get(&role);
        let mut token = DeviceToken::issue(fresh, role, scopes, now);
        if let Some(old) = old {
            (token.created_at, token.rotated_at) = (old.created_at, Some(now));
        }
        self.tokens.insert(role, token);
        true
    }

    /// The device has shown its token.
    pub fn shown(&mut self, role: Role, digest: &TokenDigest, now: UnixMs) {
        if let Some(token) = self.tokens.get_mut(&role).filter(|token| token.digest.matches(digest))
        {
            token.last_used_at = Some(now);
        }
    }

    /// Takes a role away until it is approved again. `false` where there was none to take.
    pub fn revoke(&mut self, role: Role, now: UnixMs) -> bool {
        if !self.approved.roles.contains(&role) {
            return false;
        }
        let gone = DeviceToken::issue(&Token::from_random([0; 32]), role, Scopes::NONE, now);
        let token = self.tokens.entry(role).or_insert(gone);
        *token = token.revoke(now);
        true
    }

    /// True where what it says about itself is of another kind than what was approved. A new version of the
    /// same system is the same kind.
    pub(super) fn is_disguised(&self, described: &Described) -> bool {
        let differ = |before: &Option<String>, after: &Option<String>| {
            before
                .as_deref()
                .is_some_and(|before| kind(before) != kind(after.as_deref().unwrap_or("")))
        };
        differ(&self.described.platform, &described.platform)
            || differ(&self.described.family, &described.family)
    }

    /// What is approved and not revoked.
    fn living(&self) -> RequestedRights {
        let roles: BTreeSet<Role> =
            self.approved.roles.iter().copied().filter(|role| self.may_be(*role)).collect();
        let scopes = self.scopes_as(Role::Operator).unwrap_or(Scopes::NONE);
        let node = roles.contains(&Role::Node);
        let claims = if node { self.approved.clone() } else { RequestedRights::default() };
        RequestedRights { roles, scopes, ..claims }
    }
}

/// `iOS 18.0.0` and `ios 19.2` are one kind; so are an `iPadOS` and an `iOS`, which name one app.
fn kind(text: &str) -> String {
    let folded = folded(text);
    let word = folded.split([' ', '/']).next().unwrap_or_default();
    match word {
        "ipados" => "ios".to_owned(),
        "darwin" => "macos".to_owned(),
        word => word.to_owned(),
    }
}

#[cfg(test)]
mod tests;
