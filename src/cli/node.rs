//! `openclaw node run`: this machine as a node of a gateway, in the foreground.

use std::{io::BufRead, time::Duration};

use clap::{Args, Subcommand};

use crate::{
    Ended, Exit, Failure, Host, Output,
    client::{
        Fingerprint, NoPlan, RemoteError, Secret,
        address::{self, Address},
        node::{Plan, Told, recall, run},
    },
    reach::{fingerprint, insecure},
    store::paths::StateDir,
    text,
};

const VARIABLE: &str = "OPENCLAW_GATEWAY_TOKEN";

/// This machine as a node.
#[derive(Debug, Subcommand)]
pub(super) enum Node {
    /// Offer this machine to a gateway, until Ctrl-C
    Run(Run),
}

/// Runs it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  openclaw node run --pair CODE  With a code of /pair or `openclaw qr`
  openclaw node run --pair -     The code comes from standard input
  openclaw node run --host 192.168.1.10 --token TOKEN
  openclaw node run              To the gateway that knows this machine

The node tells the gateway which machine this is and how it is doing, and prints
the notices that the gateway's user sends. It runs no programs.")]
pub(super) struct Run {
    /// A setup code; `-` reads it from standard input
    #[arg(long, value_name = "CODE", conflicts_with_all = ["host", "token"])]
    pair: Option<String>,
    /// The gateway's host
    #[arg(long)]
    host: Option<String>,
    /// The gateway's port
    #[arg(long, requires = "host", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Connect with TLS
    #[arg(long, requires = "host")]
    tls: bool,
    /// SHA-256 of its certificate; other certificates are refused
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    tls_fingerprint: Option<Fingerprint>,
    /// The gateway's token, instead of `OPENCLAW_GATEWAY_TOKEN`
    #[arg(long, requires = "host")]
    token: Option<String>,
    /// The name of this machine, as the gateway's owner sees it
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Timeout for the connection, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout: u64,
}

/// No secret is shown.
impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Node {
    /// Runs until it is told to stop.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let Self::Run(given) = self;
        let from_env = given.token.is_none() && given.host.is_some();
        let variable = Some(VARIABLE).filter(|name| from_env && Host::env(name).is_some());
        let plan = given.plan(host.state()?)?;
        let mut tell = |told: Told<'_>| {
            output.line(text::told(&told));
            output.flush();
        };
        match run(&plan, &mut tell) {
            Ok(()) => Ok(Exit::Done),
            Err(RemoteError::Closed { code: Some(4001), reason }) => Err(text::revoked(&reason)),
            Err(error) => Err(error.shown_from(variable).into()),
        }
    }
}

impl Run {
    fn plan(self, state: StateDir) -> Result<Plan, Failure> {
        let known = recall(&state)?;
        let mut plan = if let Some(code) = &self.pair {
            let code = if code.trim() == "-" { typed()? } else { code.clone() };
            let now = Host::now();
            Plan::of_code(&code, self.tls_fingerprint, insecure(), now, state)
                .map_err(text::no_plan)?
        } else {
            let (address, pin) = match (&self.host, &known) {
                (Some(host), _) => {
                    let tls = self.tls || self.tls_fingerprint.is_some();
                    let port = self.port.unwrap_or(address::PORT);
                    (Address::of(host, port, tls).map_err(RemoteError::from)?, None)
                }
                (None, Some(known)) => (known.address.clone(), known.pin),
                (None, None) => return Err(text::not_paired()),
            };
            if pin.is_some() && self.tls_fingerprint.is_some_and(|named| Some(named) != pin) {
                return Err(text::no_plan(NoPlan::Pins));
            }
            let token = self.token.or_else(|| self.host.as_ref().and_then(|_| Host::env(VARIABLE)));
            Plan {
                gateways: vec![address],
                pin: self.tls_fingerprint.or(pin),
                secret: Secret::new(token, None),
                setup: None,
                name: None,
                insecure: insecure(),
                patience: Duration::ZERO,
                state,
            }
        };
        plan.name = self.display_name.or_else(|| known.and_then(|known| known.name));
        plan.patience = Duration::from_millis(self.timeout);
        Ok(plan)
    }
}

/// The code, from a pipe or pasted.
fn typed() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}
