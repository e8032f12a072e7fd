//! The gateway that a command means: options, environment, configuration, in this order, and what may be shown to it.

use std::time::Duration;

use clap::Args;
use openclaw_plugin_sdk::neutral;

use super::{
    caller::Caller,
    failure::{Exit, Failure},
    host::Host,
};
use crate::{
    client::{Fingerprint, RemoteError, SHOWN_FROM, Secret, Target, address::Address},
    config::gateway::{Auth, AuthMode, Tls},
    local_client::LocalError,
    network::{
        secret::{self, SecretSource},
        tls,
    },
    store::paths::StateDir,
};

/// Which gateway, and how.
#[derive(Clone, Args)]
#[command(next_help_heading = "Gateway")]
pub(super) struct Reach {
    /// The address of another gateway: ws://host:port or wss://host:port
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// Its token
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Its password
    #[arg(long, value_name = "PASSWORD", conflicts_with = "token")]
    password: Option<String>,
    /// SHA-256 of its certificate; other certificates are refused
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    tls_fingerprint: Option<Fingerprint>,
    /// How long connecting, and each answer, may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout: u64,
}

/// No secret is shown.
impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Reads `--tls-fingerprint`.
pub(super) fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).ok_or_else(|| "a SHA-256 has 64 hexadecimal digits".to_owned())
}

impl Reach {
    /// True where a secret was typed, which a command that is printed for copying leaves out.
    pub(super) fn typed(&self) -> (bool, bool) {
        (self.token.is_some(), self.password.is_some())
    }

    /// The gateway.
    pub(super) fn target(&self, host: &Host) -> Result<Target, Failure> {
        let typed = Secret::new(self.token.clone(), self.password.clone());
        let given = || {
            if !typed.is_empty() {
                return (typed.clone(), None);
            }
            let [token, password] = VARIABLES.map(Host::env);
            let secret = Secret::new(token, password);
            let from = [secret.token.is_some(), secret.password.is_some()];
            (secret, from.iter().position(|known| *known).map(|at| VARIABLES[at]))
        };
        let named = Host::env("OPENCLAW_GATEWAY_URL").filter(|url| !url.trim().is_empty());
        let (address, implied, (secret, secret_from), pin) = match (&self.url, named) {
            // The secret of the environment is that of another gateway than the one that was typed.
            (Some(url), _) => (parse(url)?, false, (typed, None), None),
            (None, Some(url)) => (parse(&url)?, false, given(), None),
            (None, None) => local(host, given())?,
        };
        Ok(Target {
            address,
            implied,
            secret,
            secret_from,
            pin: self.tls_fingerprint.or(pin),
            patience: Duration::from_millis(self.timeout),
            insecure: insecure(),
            state: host.state()?,
        })
    }
}

/// The user answers for the network.
pub(super) fn insecure() -> bool {
    Host::env("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS").is_some_and(|word| word.trim() == "1")
}

fn parse(url: &str) -> Result<Address, Failure> {
    Address::parse(url).map_err(|error| RemoteError::from(error).into())
}

/// A secret, and the variable of the environment that it came from.
type Given = (Secret, Option<&'static str>);
type Local = (Address, bool, Given, Option<Fingerprint>);

const VARIABLES: [&str; 2] = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"];

/// The gateway of this state folder, where it listens now, or else where it would.
fn local(host: &Host, given: Given) -> Result<Local, Failure> {
    let running = host.gateway()?.and_then(|mut gateway| gateway.health());
    let (config, state) = (host.config()?, host.state()?);
    let port = running.map_or(config.port, |health| health.port);
    let speaks = &config.gateway.tls;
    let address = Address::of("127.0.0.1", port, speaks.enabled).map_err(RemoteError::from)?;
    let secret = if given.0.is_empty() { known(&config.gateway.auth, &state)? } else { given };
    let pin = own_certificate(speaks, &state)?;
    Ok((address, true, secret, pin))
}

/// What the configuration says, else what the gateway made up for itself.
fn known(auth: &Auth, state: &StateDir) -> Result<Given, Failure> {
    let (secret, source) = secret::read(auth, state)?;
    let text = secret.map(|secret| secret.expose().to_owned());
    let from = match source {
        SecretSource::Environment(name) => Some(name),
        SecretSource::File | SecretSource::Generated | SecretSource::Nowhere => None,
    };
    let secret = match auth.mode {
        AuthMode::Password => Secret::new(None, text),
        AuthMode::None | AuthMode::Token => Secret::new(text, None),
    };
    Ok((secret, from))
}

/// The certificate of this machine's gateway is known from its file, and no other one is taken.
fn own_certificate(tls: &Tls, state: &StateDir) -> Result<Option<Fingerprint>, Failure> {
    let known = tls::fingerprint(tls, state).map_err(anyhow::Error::from)?;
    Ok(known.as_deref().and_then(Fingerprint::parse))
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let (exit, hint) = (exit(&error), hint(&error));
        let failure = Self::from(anyhow::Error::from(error)).exiting(exit);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

fn exit(error: &RemoteError) -> Exit {
    match error {
        RemoteError::Address(_) | RemoteError::NoSecret { .. } | RemoteError::Plaintext { .. } => {
            Exit::Usage
        }
        RemoteError::Local(error) => local_exit(error),
        RemoteError::Closed { .. }
        | RemoteError::Foreign { .. }
        | RemoteError::Silent { .. }
        | RemoteError::Unreachable { .. } => Exit::Unreachable,
        RemoteError::Refused(refused) if is_unknown(&refused.message) => Exit::NoMatch,
        _ => Exit::Failed,
    }
}

fn local_exit(error: &LocalError) -> Exit {
    match error {
        LocalError::Broken(_) | LocalError::Unreachable { .. } => Exit::Unreachable,
        LocalError::Place(_)
        | LocalError::Refused(_)
        | LocalError::Stranger { .. }
        | LocalError::Unreadable(_) => Exit::Failed,
    }
}

/// True where the gateway knows no such request, device or node.
pub(super) fn is_unknown(message: &str) -> bool {
    ["unknown requestId", "unknown deviceId", "unknown nodeId"]
        .iter()
        .any(|start| message.starts_with(start))
}

fn hint(error: &RemoteError) -> Option<String> {
    let fixed = match error {
        RemoteError::Distrust { pinned: true, .. } => {
            "nothing was sent; if the gateway has a new certificate, take its fingerprint from the gateway itself"
        }
        RemoteError::Distrust { pinned: false, .. } => {
            "`--tls-fingerprint` names the certificate of a gateway that made its own"
        }
        RemoteError::Foreign { .. } => {
            "`openclaw gateway run --port PORT` starts this machine's gateway on another port"
        }
        RemoteError::Local(LocalError::Refused(_)) => {
            "a gateway of another version runs; restart it"
        }
        RemoteError::OtherKey { .. } => {
            "if that gateway was reinstalled, remove its line from identity/gateways.json in the state folder"
        }
        RemoteError::Unproven { .. } => {
            "pass its token again with `--token`, use wss://, or set OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if you own the whole network path"
        }
        RemoteError::NoSecret { .. } => "`--token` or `--password` beside `--url`",
        RemoteError::Plaintext { .. } => {
            "use wss://, or set OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if you own the whole network path"
        }
        RemoteError::Silent { .. } => "`--timeout` waits longer",
        RemoteError::Refused(_) => return reason(error),
        RemoteError::TokenOver { .. } => {
            "ask the gateway's owner for its token or a new setup code, and connect with that"
        }
        RemoteError::Unreachable { .. } => "`openclaw gateway run` starts one here",
        RemoteError::NotLetIn(_) if error.is_waiting() => return Some(waiting(error)),
        RemoteError::NotLetIn(_) if error.detail(SHOWN_FROM).is_some() => {
            let name = neutral(error.detail(SHOWN_FROM).unwrap_or_default(), 64);
            return Some(format!(
                "the value of `{name}` in this environment was used; unset it, or set it to the gateway's secret"
            ));
        }
        RemoteError::NotLetIn(_) => match error.detail("code") {
            Some("AUTH_TOKEN_MISSING" | "AUTH_TOKEN_MISMATCH") => {
                "on the gateway's machine, `openclaw gateway auth-token --show` shows its token"
            }
            Some("AUTH_SCOPE_MISMATCH") => {
                "this machine was not approved for that; `--token` shows the gateway's own token"
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(fixed.to_owned())
}

/// Some refusals say more for programs than for people.
fn reason(error: &RemoteError) -> Option<String> {
    let reason = error.detail("reason").map(|reason| neutral(reason, 160));
    reason.filter(|reason| !reason.is_empty())
}

fn waiting(error: &RemoteError) -> String {
    let id = error.detail("requestId").map(|id| format!(" {}", neutral(id, 128)));
    let id = id.unwrap_or_else(|| " <request>".to_owned());
    format!("the gateway's owner approves this machine with `openclaw devices approve{id}`")
}

/// Where, and how it is printed.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) reach: Reach,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Common {
    /// The caller of these methods there.
    pub(super) fn caller(&self, methods: &[&str], host: &Host) -> Result<Caller, Failure> {
        Ok(Caller::open(self.reach.target(host)?, methods)?)
    }
}
