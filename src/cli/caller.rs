//! A command's line to a gateway: it asks for the rights that its method needs, and for more only where it must.

use serde_json::Value;

use super::failure::Failure;
use crate::{
    client::{Link, RemoteError, Target, scopes_for},
    rules::device::role::{Scope, Scopes},
};

/// A gateway that answers.
#[derive(Debug)]
pub(super) struct Caller {
    target: Target,
    link: Link,
    scopes: Scopes,
}

impl Caller {
    /// Connects with what these methods need. A caller with the shared secret on the gateway's own machine is its
    /// user, and asks for everything at once.
    pub(super) fn open(target: Target, methods: &[&str]) -> Result<Self, RemoteError> {
        let needed = methods.iter().fold(Scopes::NONE, |all, method| all.union(scopes_for(method)));
        let is_user = target.address.is_loopback() && !target.secret.is_empty();
        let scopes = if is_user { needed.union(Scopes::of(&[Scope::Admin])) } else { needed };
        let link = Link::open(&target, scopes)?;
        Ok(Self { target, link, scopes })
    }

    /// What is spoken to.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The connection.
    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Asks; where that needs more rights, connects once more and asks for those.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value, RemoteError> {
        match self.link.call(method, params.clone()) {
            Err(RemoteError::Refused(refused))
                if lacks_rights(&refused.message) && !self.scopes.name(Scope::Admin) =>
            {
                self.scopes = self.scopes.union(Scopes::of(&[Scope::Admin]));
                self.link = Link::open(&self.target, self.scopes)?;
                self.link.call(method, params)
            }
            answer => answer,
        }
    }

    /// Says goodbye.
    pub(super) fn close(self) {
        self.link.close();
    }
}

fn lacks_rights(message: &str) -> bool {
    message.starts_with("missing scope: ")
        || (message.starts_with("device ") && message.ends_with(" denied"))
}

/// One question to a gateway.
pub(super) fn ask(target: Target, method: &str, params: Value) -> Result<Value, Failure> {
    let mut caller = Caller::open(target, &[method])?;
    let answer = caller.call(method, params);
    caller.close();
    Ok(answer?)
}
