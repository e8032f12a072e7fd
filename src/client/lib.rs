//! The gateway protocol from the client's side: our command line against any gateway, and a node without a screen.
//!
//! A secret goes to the gateway it is for, encrypted or to a private place, and into no error, log or URL.

pub mod address;
pub mod identity;
mod known;
pub mod node;
mod session;
mod target;
mod tls;
mod tokens;
mod who;

use openclaw_local_client as local_client;
use openclaw_network as network;
use openclaw_protocol as protocol;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

use serde_json::Value;

use self::{
    address::AddressError,
    identity::{Identity, IdentityError},
    known::KnownKeys,
    session::{Dial, Session},
    tokens::TokenBook,
    who::Who,
};
pub use self::{
    target::{Secret, Target},
    tls::Fingerprint,
};
use crate::{
    local_client::LocalError,
    network::identity::GatewayKey,
    protocol::{
        connect::{AuthParams, ClientMode},
        frame::Refused,
        hello::HelloOk,
    },
    rules::device::role::{Role, Scope, Scopes},
    store::StoreError,
};

/// The longest message that a command reads: the list of a hundred thousand devices fits.
const LARGEST: usize = 96 << 20;

/// Why a gateway did not do it, or was not asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The URL is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It hung up.
    #[error("the gateway closed the connection{}", closing(*.code, .reason))]
    Closed {
        /// Its close code, where it sent one.
        code: Option<u16>,
        /// What it said.
        reason: String,
    },
    /// Its certificate is not believed.
    #[error("the certificate of {at} {}", if *.pinned { "is not the one with the pinned fingerprint" } else { "is not vouched for by a public authority" })]
    Distrust {
        /// Where.
        at: String,
        /// There is a pin.
        pinned: bool,
    },
    /// What listens on this machine's port has not proven to be its gateway.
    #[error("another program listens at {at}, and not this machine's gateway; no secret was sent")]
    Foreign {
        /// Where.
        at: String,
    },
    /// This machine has no identity to show.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The socket of this machine's gateway.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A gateway that was named has no secret beside it.
    #[error("no token or password was given for {at}")]
    NoSecret {
        /// Where.
        at: String,
    },
    /// It did not let us in.
    #[error("{}", .0.message)]
    NotLetIn(Box<Refused>),
    /// It has not proven the key that was proven there before.
    #[error("{at} has not proven the key of the gateway that was there before; no secret was sent")]
    OtherKey {
        /// Where.
        at: String,
    },
    /// A secret would go in the clear.
    #[error("{at} is not encrypted, and neither this machine nor a private address")]
    Plaintext {
        /// Where.
        at: String,
    },
    /// It let us in, and did not do it.
    #[error("{}", .0.message)]
    Refused(Box<Refused>),
    /// No thread, no timer.
    #[error("cannot start: {0}")]
    Runtime(#[source] std::io::Error),
    /// It did not answer in time.
    #[error("the gateway at {at} did not answer in time")]
    Silent {
        /// Where.
        at: String,
    },
    /// A file of this machine.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token that it once gave is good for nothing any more.
    #[error("{at} no longer accepts the token that it gave this machine")]
    TokenOver {
        /// Where.
        at: String,
    },
    /// It has a token of that gateway, and nothing says that it still is that one.
    #[error("{at} is not encrypted and has never proven a key, so its token is not sent there")]
    Unproven {
        /// Where.
        at: String,
    },
    /// Nobody listens.
    #[error("no gateway answers at {at}: {why}")]
    Unreachable {
        /// Where.
        at: String,
        /// What the operating system said.
        why: String,
    },
    /// It is no gateway, or a broken one.
    #[error("{at} does not answer like a gateway: {why}")]
    Unreadable {
        /// Where.
        at: String,
        /// What it did.
        why: String,
    },
}

/// In the details of a refusal: the variable of the environment that was shown.
pub const SHOWN_FROM: &str = "shownFrom";

fn closing(code: Option<u16>, reason: &str) -> String {
    match (code, reason) {
        (None, _) => String::new(),
        (Some(code), "") => format!(" ({code})"),
        (Some(code), reason) => format!(": {reason} ({code})"),
    }
}

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

/// A connection of a command, for as many requests as it has.
pub struct Link {
    runtime: tokio::runtime::Runtime,
    session: Session,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("hello", self.session.hello()).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects as an operator with these scopes. On this machine the shared secret is enough; elsewhere, and
    /// without it, this machine's device shows itself.
    pub fn open(to: &Target, scopes: Scopes) -> Result<Self, RemoteError> {
        to.check()?;
        let runtime = runtime()?;
        let session = runtime.block_on(enter(to, scopes));
        let session = session.map_err(|error| error.shown_from(to.secret_from))?;
        Ok(Self { runtime, session })
    }

    /// What the gateway said about itself and us.
    pub fn hello(&self) -> &HelloOk {
        self.session.hello()
    }

    /// Asks.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, RemoteError> {
        self.runtime.block_on(self.session.call(method, params))
    }

    /// Waits for the next answers as long as this, where that is longer.
    pub fn be_patient(&mut self, patience: std::time::Duration) {
        self.session.set_patience(patience);
    }

    /// Says goodbye.
    pub fn close(self) {
        let Self { runtime, session } = self;
        runtime.block_on(session.close(1000, ""));
        runtime.shutdown_background();
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, RemoteError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(RemoteError::Runtime)
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
    let session = show(to, scopes, dial).await?;
    if let (false, Some(key)) = (to.implied, session.proven()) {
        known.keep(&to.address, key)?;
    }
    Ok(session)
}

async fn show(to: &Target, scopes: Scopes, dial: Dial<'_>) -> Result<Session, RemoteError> {
    let mut who = Who {
        client: "cli",
        mode: ClientMode::Cli,
        role: Role::Operator,
        scopes: scopes.words().into_iter().map(str::to_owned).collect(),
        caps: &[],
        commands: &[],
        name: None,
        identity: None,
        auth: to.secret.auth(),
    };
    if to.address.is_loopback() && !to.secret.is_empty() {
        return Session::open(dial, &who).await;
    }
    if !identity::exists(&to.state) {
        // A gateway that is not there is no reason to become a device.
        session::knock(dial).await?;
    }
    let identity = Identity::open(&to.state)?;
    let tokens = TokenBook::of(&to.state, identity.id());
    let stored = tokens.token(Role::Operator, &to.address)?;
    who.identity = Some(&identity);
    if to.secret.is_empty() {
        who.auth = AuthParams { token: stored.clone(), ..AuthParams::default() };
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
        && node::retry::is_token_over(error)
    {
        tokens.forget(Role::Operator, stored)?;
        if to.secret.is_empty() {
            return Err(RemoteError::TokenOver { at: to.address.to_string() });
        }
    }
    let session = opened?;
    if let Some(token) = &session.hello().auth.device_token {
        tokens.keep(Role::Operator, token, &session.hello().auth.scopes, &to.address)?;
    }
    Ok(session)
}

/// What a command that calls this method asks for, and no more.
pub fn scopes_for(method: &str) -> Scopes {
    match crate::protocol::method::need(method) {
        Some(crate::protocol::method::Need::Operator(scope)) => Scopes::of(&[scope]),
        Some(crate::protocol::method::Need::Node) | None => Scopes::of(&[Scope::Admin]),
    }
}
