//! `openclaw gateway auth-token`: the secret that a client shows which is no paired device. Printed by word only.

use clap::Args;

use super::{
    failure::{Exit, Failure},
    host::Host,
    output::Output,
};
use crate::{
    config::gateway::Auth,
    network::secret::{SecretSource, kind_of, read},
    rules::device::handshake::SecretKind,
    store::paths::StateDir,
};

/// Which one it is.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw gateway auth-token
  openclaw gateway auth-token --show")]
pub(super) struct AuthToken {
    /// Print it
    #[arg(long)]
    show: bool,
}

/// What the gateway asks for where the environment says nothing.
fn beneath(auth: &Auth, what: &str, state: &StateDir) -> String {
    let is_token = kind_of(auth) == SecretKind::Token;
    if is_token && state.gateway_token().exists() {
        return format!(
            "`gateway.auth.{what}`, or else for the one in {}",
            state.gateway_token().display()
        );
    }
    format!("`gateway.auth.{what}`")
}

impl AuthToken {
    /// Says where it comes from, or prints it alone.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let (config, state) = (host.config()?, host.state()?);
        let auth = &config.gateway.auth;
        let is_password = kind_of(auth) == SecretKind::Password;
        let what = if is_password { "password" } else { "token" };
        let (secret, source) = read(auth, &state)?;
        let Some(secret) = secret else {
            let (text, hint) = match source {
                SecretSource::Nowhere => (
                    "there is no secret: `gateway.auth.mode` is `none`",
                    "`gateway.auth.mode = \"token\"` asks for one",
                ),
                _ if is_password => (
                    "no password is set",
                    "set `gateway.auth.password` or OPENCLAW_GATEWAY_PASSWORD",
                ),
                _ => ("no token was made yet", "the first start of the gateway makes one"),
            };
            return Err(Failure::new(Exit::NoMatch, text).hint(hint));
        };
        if self.show {
            output.line(secret.expose());
            if let SecretSource::Environment(name) = source {
                output.note(format!(
                    "This is what `{name}` holds in this environment. A gateway that was started without it asks \
                     for {}.",
                    beneath(auth, what, &state)
                ));
            }
            return Ok(Exit::Done);
        }
        let from = match source {
            SecretSource::Environment(name) => format!("from the environment, `{name}`"),
            SecretSource::File => format!("`gateway.auth.{what}` of the configuration"),
            SecretSource::Generated | SecretSource::Nowhere => {
                format!("made by the gateway, in {}", state.gateway_token().display())
            }
        };
        output.line(format!("The {what} is {from}."));
        output.line("`openclaw gateway auth-token --show` prints it.");
        Ok(Exit::Done)
    }
}
