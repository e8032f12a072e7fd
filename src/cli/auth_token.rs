//! `openclaw gateway auth-token`: the secret that a client shows which is no paired device. Printed by word only.

use clap::Args;
use serde_json::json;

use crate::{
    Ended, Exit, Host, Output,
    network::secret::{SecretSource, kind_of, read},
    rules::device::handshake::SecretKind,
    text,
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
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl AuthToken {
    /// Says where it comes from, or prints it alone.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Ended {
        let (config, state) = (host.config()?, host.state()?);
        let (kind, made) = (kind_of(&config.gateway.auth), state.gateway_token());
        let (secret, source) = read(&config.gateway.auth, &state)?;
        let Some(secret) = secret else { return Err(text::no_secret(kind, source)) };
        if self.json {
            let (variable, from) = match source {
                SecretSource::Environment(name) => (Some(name), "environment"),
                SecretSource::File => (None, "config"),
                SecretSource::Generated | SecretSource::Nowhere => (None, "generated"),
            };
            let kind = match kind {
                SecretKind::Password => "password",
                SecretKind::Token => "token",
            };
            let mut said = json!({ "kind": kind, "from": from, "variable": variable });
            if self.show {
                said["secret"] = secret.expose().into();
            }
            return output.json(&said);
        }
        if self.show {
            output.line(secret.expose());
            if let SecretSource::Environment(name) = source {
                let made = (kind == SecretKind::Token && made.exists()).then_some(&*made);
                output.note(text::secret_of_environment(name, kind, made));
            }
        } else {
            output.line(text::secret_source(kind, source, &made));
            output.line(text::SHOW_SECRET);
        }
        Ok(Exit::Done)
    }
}
