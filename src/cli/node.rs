//! `openclaw node run`: this machine as a node of a gateway, in the foreground.

use std::{io::BufRead, time::Duration};

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::neutral;

use super::{
    failure::{Exit, Failure},
    host::Host,
    output::{Output, whole},
    reach::{fingerprint, insecure},
};
use crate::{
    client::{
        Fingerprint, RemoteError, Secret,
        address::{self, Address},
        node::{Credential, NoPlan, Plan, Told, recall, run},
    },
    store::paths::StateDir,
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
  openclaw node run --pair CODE              With a setup code, as /pair and `openclaw qr` make one
  openclaw node run --pair -                 The code is read from standard input, and stays out of `ps`
  openclaw node run --host 192.168.1.10 --token TOKEN
  openclaw node run                          To the gateway that let this machine in before

It tells the gateway what machine this is and how it fares, and prints what the gateway's user sends here.
It runs no programs.")]
pub(super) struct Run {
    /// A setup code
    #[arg(long, value_name = "CODE", conflicts_with_all = ["host", "token"])]
    pair: Option<String>,
    /// The gateway's host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The gateway's port
    #[arg(long, value_name = "PORT", requires = "host", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// It speaks TLS
    #[arg(long, requires = "host")]
    tls: bool,
    /// SHA-256 of its certificate; other certificates are refused
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    tls_fingerprint: Option<Fingerprint>,
    /// The gateway's token, instead of `OPENCLAW_GATEWAY_TOKEN`
    #[arg(long, value_name = "TOKEN", requires = "host")]
    token: Option<String>,
    /// The name that the gateway's owner reads
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// How long connecting may take, in milliseconds
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
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let Self::Run(given) = self;
        let from_env = given.token.is_none() && given.host.is_some();
        let variable = Some(VARIABLE).filter(|name| from_env && Host::env(name).is_some());
        let plan = given.plan(host.state()?)?;
        let mut tell = |told: Told<'_>| {
            for line in lines(&told) {
                output.line(line);
            }
            output.flush();
        };
        match run(&plan, &mut tell) {
            Ok(()) => Ok(Exit::Done),
            Err(RemoteError::Closed { code: Some(4001), reason }) => Err(revoked(&reason)),
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
            Plan::of_code(&code, self.tls_fingerprint, insecure(), now, state).map_err(no_plan)?
        } else {
            let (address, pin) = match (&self.host, &known) {
                (Some(host), _) => {
                    let tls = self.tls || self.tls_fingerprint.is_some();
                    let port = self.port.unwrap_or(address::PORT);
                    (Address::of(host, port, tls).map_err(RemoteError::from)?, None)
                }
                (None, Some(known)) => (known.address.clone(), known.pin),
                (None, None) => {
                    let text = "this machine is not paired with a gateway yet";
                    let hint = "name the gateway with `--pair CODE` or `--host HOST`";
                    return Err(Failure::usage(text).hint(hint));
                }
            };
            if pin.is_some() && self.tls_fingerprint.is_some_and(|named| Some(named) != pin) {
                return Err(no_plan(NoPlan::Pins));
            }
            let token = self.token.or_else(|| self.host.as_ref().and_then(|_| Host::env(VARIABLE)));
            let secret = Secret::new(token, None);
            Plan {
                gateways: vec![address],
                pin: self.tls_fingerprint.or(pin),
                credential: if secret.is_empty() {
                    Credential::None
                } else {
                    Credential::Shared(secret)
                },
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
    std::io::stdin().lock().read_line(&mut line).map_err(anyhow::Error::from)?;
    Ok(line)
}

fn no_plan(why: NoPlan) -> Failure {
    let hint = match why {
        NoPlan::Code => "it is one long word, as /pair and `openclaw qr` print it",
        NoPlan::Expired => "make a new one with /pair or `openclaw qr`",
        NoPlan::Nowhere => {
            "a gateway on a public address needs wss://; OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if you own the whole network path"
        }
        NoPlan::Pin | NoPlan::Pins => "nothing was sent; ask the gateway for its own fingerprint",
    };
    Failure::usage(why.to_string()).hint(hint)
}

fn revoked(reason: &str) -> Failure {
    let reason = reason.trim_start_matches("client invalidated: ");
    let text = format!("the gateway has removed this machine's access ({})", neutral(reason, 80));
    Failure::new(Exit::Failed, text).hint("ask its owner for a new setup code")
}

fn lines(told: &Told<'_>) -> Vec<String> {
    match told {
        Told::Connected { at } => vec![format!("Connected to {at}. Ctrl-C ends it.")],
        Told::Lost { why, again: Some(again) } if again.is_zero() => {
            vec![format!("{why}; trying the next address.")]
        }
        Told::Lost { why, again: Some(again) } => {
            vec![format!("{why}; trying again in {} s.", again.as_millis().div_ceil(1000))]
        }
        Told::Lost { again: None, .. } => {
            vec![
                "After the approval, start this command again: the gateway allows no retries."
                    .to_owned(),
            ]
        }
        Told::Notice { title, body } => {
            let parts = [title, body].map(|text| neutral(text, 400));
            let parts: Vec<_> = parts.into_iter().filter(|text| !text.is_empty()).collect();
            vec![format!("Notice: {}", parts.join(": "))]
        }
        Told::Waiting { device, request, words } => {
            let mut lines = vec![format!(
                "Waiting for the gateway's owner to approve this machine ({}).",
                super::devices::short(device.as_str())
            )];
            if let Some(words) = words {
                lines.push(format!("Words:   {words}"));
                lines.push(
                    "         Approve only if the owner sees the same three words.".to_owned(),
                );
            }
            let id = request.map_or_else(|| "<request>".to_owned(), |id| whole(&neutral(id, 128)));
            lines.push(format!(
                "Approve: openclaw devices approve {id}, or /pair approve in the chat"
            ));
            lines
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::rules::device::{identity::DeviceKey, setup_code::words, token::TokenDigest};

    #[test]
    fn a_node_that_waits_says_what_to_do() {
        let device = DeviceKey::from_raw([7; 32]).id();
        let words = Some(words(&device, &TokenDigest::of("t")));
        let told = Told::Waiting { device: &device, request: Some("r-1"), words };
        expect![[r"
            Waiting for the gateway's owner to approve this machine (4bb06f8e4e3a).
            Words:   plate picture scene
                     Approve only if the owner sees the same three words.
            Approve: openclaw devices approve r-1, or /pair approve in the chat"]]
        .assert_eq(&lines(&told).join("\n"));
    }

    #[test]
    fn case_111_a_notice_cannot_steer_the_terminal() {
        let told = Told::Notice { title: "\u{1b}[2JTea", body: "now\r\nApproved" };
        let shown = lines(&told);
        assert_eq!(shown, ["Notice: [2JTea: now Approved"]);
    }
}
