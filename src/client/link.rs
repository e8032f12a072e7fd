//! A command's connection to a gateway. It asks for the rights that its methods need, and for more only where it must.

use std::time::Duration;

use serde_json::Value;

use super::{
    RemoteError, Target,
    identity::{self, Identity},
    known::KnownKeys,
    node::retry::is_token_over,
    runtime,
    session::{self, Dial, Session},
    tokens::TokenFile,
    who::{ClientInfo, with_token},
};
use crate::{
    network::identity::GatewayKey,
    protocol::{
        connect::ClientMode,
        hello::HelloOk,
        method::{Need, need},
    },
    rules::device::role::{Role, Scope, Scopes},
};

/// The longest message that a command reads: the list of a hundred thousand devices fits.
const LARGEST: usize = 96 << 20;

/// A connection for as many requests as a command has.
pub struct Link {
    /// The gateway.
    pub target: Target,
    runtime: tokio::runtime::Runtime,
    session: Session,
    scopes: Scopes,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects as an operator with what these methods need. A caller with the shared secret on the gateway's own
    /// machine is its user, and asks for everything at once; without it, and elsewhere, this machine's device shows
    /// itself.
    pub fn open(target: Target, methods: &[&str]) -> Result<Self, RemoteError> {
        target.check()?;
        let needed = methods.iter().fold(Scopes::NONE, |all, method| all.union(scopes_for(method)));
        let scopes = if target.is_user() { with_admin(needed) } else { needed };
        let runtime = runtime()?;
        let session = runtime.block_on(enter(&target, scopes))?;
        Ok(Self { target, runtime, session, scopes })
    }

    /// What the gateway said about itself and us.
    pub fn hello(&self) -> &HelloOk {
        &self.session.hello
    }

    /// Waits so long for the next answers.
    pub fn be_patient(&mut self, patience: Duration) {
        self.session.patience = patience;
    }

    /// Asks; where that needs more rights, connects once more and asks for those.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, RemoteError> {
        match self.runtime.block_on(self.session.call(method, params.clone())) {
            Err(RemoteError::Refused(refused))
                if lacks_rights(&refused.message) && !self.scopes.name(Scope::Admin) =>
            {
                self.scopes = with_admin(self.scopes);
                self.session = self.runtime.block_on(enter(&self.target, self.scopes))?;
                self.runtime.block_on(self.session.call(method, params))
            }
            answer => answer,
        }
    }

    /// Says goodbye.
    pub fn close(self) {
        self.runtime.block_on(self.session.close(1000, ""));
        self.runtime.shutdown_background();
    }
}

/// What a command that calls this method asks for, and no more.
fn scopes_for(method: &str) -> Scopes {
    match need(method) {
        Some(Need::Operator(scope)) => Scopes::of(&[scope]),
        Some(Need::Node) | None => with_admin(Scopes::NONE),
    }
}

fn with_admin(scopes: Scopes) -> Scopes {
    scopes.union(Scopes::of(&[Scope::Admin]))
}

fn lacks_rights(message: &str) -> bool {
    message.starts_with("missing scope: ")
        || (message.starts_with("device ") && message.ends_with(" denied"))
}

async fn enter(to: &Target, scopes: Scopes) -> Result<Session, RemoteError> {
    let known = KnownKeys::of(&to.state);
    let (own, there) = (GatewayKey::of_folder(&to.state)?, known.key(&to.address)?);
    let trust = to.trust(own.as_ref(), there.as_ref())?;
    let dial = Dial {
        address: &to.address,
        door: to.implied.then_some(&to.state),
        pin: to.pin,
        trust,
        direct: trust.is_direct(own.as_ref(), &to.address),
        patience: to.patience,
        limit: LARGEST,
    };
    let session = show(to, scopes, dial).await.map_err(|error| error.shown_from(to.secret_from))?;
    if let (false, Some(key)) = (to.implied, &session.proven) {
        known.keep(&to.address, key)?;
    }
    Ok(session)
}

async fn show(to: &Target, scopes: Scopes, dial: Dial<'_>) -> Result<Session, RemoteError> {
    let mut who = ClientInfo {
        client: "cli",
        mode: ClientMode::Cli,
        role: Role::Operator,
        scopes: scopes.words().into_iter().map(str::to_owned).collect(),
        caps: &[],
        commands: &[],
        name: None,
        identity: None,
        auth: to.secret.0.clone(),
    };
    if to.is_user() {
        return Session::open(dial, &who).await;
    }
    if !identity::exists(&to.state) {
        // A gateway that is not there is no reason to become a device.
        session::knock(dial).await?;
    }
    let identity = Identity::open(&to.state)?;
    let tokens = TokenFile::of(&to.state, identity.id());
    let stored = tokens.token(Role::Operator, &to.address)?;
    who.identity = Some(&identity);
    if to.secret.is_empty() {
        who.auth = with_token(stored.clone());
    }
    let opened = match Session::open(dial, &who).await {
        Err(error) if to.may_retry(&error) && stored.is_some() && !to.secret.is_empty() => {
            who.auth.device_token.clone_from(&stored);
            Session::open(dial, &who).await
        }
        opened => opened,
    };
    if let (Err(error), Some(stored)) = (&opened, &stored)
        && (to.secret.is_empty() || who.auth.device_token.is_some())
        && is_token_over(error)
    {
        tokens.forget(Role::Operator, stored)?;
        if to.secret.is_empty() {
            return Err(RemoteError::TokenOver(to.address.to_string()));
        }
    }
    let session = opened?;
    let auth = &session.hello.auth;
    if let Some(token) = &auth.device_token {
        tokens.keep(Role::Operator, token, &auth.scopes, &to.address)?;
    }
    Ok(session)
}
