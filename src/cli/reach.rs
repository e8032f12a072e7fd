//! The gateway that a command means: options, environment, configuration, in this order, and what may be shown to it.

use std::time::Duration;

use clap::Args;

use crate::{
    Failure, Host,
    client::{Fingerprint, Link, RemoteError, Secret, Target, address::Address},
    config::gateway::Auth,
    network::{
        secret::{self, SecretSource, kind_of},
        tls,
    },
    rules::device::handshake::SecretKind,
    store::paths::StateDir,
    text,
};

/// Which gateway, and how.
#[derive(Clone, Args)]
#[command(next_help_heading = "Gateway")]
pub(super) struct Reach {
    /// The address of another gateway: ws://host:port or wss://host:port
    #[arg(long)]
    pub(super) url: Option<String>,
    /// The token of that gateway
    #[arg(long)]
    token: Option<String>,
    /// The password of that gateway
    #[arg(long, conflicts_with = "token")]
    password: Option<String>,
    /// SHA-256 of its certificate; other certificates are refused
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    tls_fingerprint: Option<Fingerprint>,
    /// Timeout for the connection and for each answer, in milliseconds
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
    Fingerprint::parse(text).ok_or_else(|| text::NO_FINGERPRINT.to_owned())
}

/// A secret, and the variable of the environment that it came from.
type Given = (Secret, Option<&'static str>);

impl Reach {
    /// True where a secret was typed, which a command that is printed for copying leaves out.
    pub(super) fn typed(&self) -> (bool, bool) {
        (self.token.is_some(), self.password.is_some())
    }

    /// The gateway.
    pub(super) fn target(&self, host: &Host) -> Result<Target, Failure> {
        let typed = Secret::new(self.token.clone(), self.password.clone());
        let given = || if typed.is_empty() { of_environment() } else { (typed.clone(), None) };
        let named = Host::env("OPENCLAW_GATEWAY_URL").filter(|url| !url.trim().is_empty());
        let state = host.state()?;
        let (address, (secret, secret_from), pin) = match (&self.url, &named) {
            // The secret of the environment is that of another gateway than the one that was typed.
            (Some(url), _) => (parse(url)?, (typed, None), None),
            (None, Some(url)) => (parse(url)?, given(), None),
            (None, None) => local(host, &state, given())?,
        };
        Ok(Target {
            address,
            implied: self.url.is_none() && named.is_none(),
            secret,
            secret_from,
            pin: self.tls_fingerprint.or(pin),
            patience: Duration::from_millis(self.timeout),
            insecure: insecure(),
            state,
        })
    }
}

/// The user answers for the network.
pub(super) fn insecure() -> bool {
    Host::env("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS").is_some_and(|word| word.trim() == "1")
}

fn parse(url: &str) -> Result<Address, Failure> {
    Ok(Address::parse(url).map_err(RemoteError::from)?)
}

fn of_environment() -> Given {
    let variables = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"];
    let [token, password] = variables.map(Host::env);
    let is_set = |name: &&str| Host::env(name).is_some_and(|value| !value.trim().is_empty());
    (Secret::new(token, password), variables.into_iter().find(is_set))
}

/// The gateway of this state folder, where it listens now, or else where it would.
fn local(
    host: &Host,
    state: &StateDir,
    given: Given,
) -> Result<(Address, Given, Option<Fingerprint>), Failure> {
    let gateway = &host.config()?.gateway;
    let address = Address::of("127.0.0.1", host.port()?, gateway.tls.enabled);
    let given = if given.0.is_empty() { known(&gateway.auth, state)? } else { given };
    // The certificate of this machine's gateway is known from its file, and no other one is taken.
    Ok((address.map_err(RemoteError::from)?, given, tls::fingerprint(&gateway.tls, state)?))
}

/// What the configuration says, else what the gateway made up for itself.
fn known(auth: &Auth, state: &StateDir) -> Result<Given, Failure> {
    let (secret, source) = secret::read(auth, state)?;
    let text = secret.map(|secret| secret.expose().to_owned());
    let secret = match kind_of(auth) {
        SecretKind::Password => Secret::new(None, text),
        SecretKind::Token => Secret::new(text, None),
    };
    match source {
        SecretSource::Environment(name) => Ok((secret, Some(name))),
        _ => Ok((secret, None)),
    }
}

/// Where, and how it is printed.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) reach: Reach,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Common {
    /// A connection for these methods.
    pub(super) fn link(&self, methods: &[&str], host: &Host) -> Result<Link, Failure> {
        Ok(Link::open(self.reach.target(host)?, methods)?)
    }
}
