//! `openclaw gateway`: the gateway in the foreground, and what it says when it is ready; `status` and `call` ask one.

use std::{io::IsTerminal, path::Path, sync::Arc};

use clap::{Args, Subcommand};

use super::{
    ask,
    auth_token::AuthToken,
    failure::{Exit, Failure},
    host::Host,
    log,
    output::Output,
    owner::grouped,
};
use crate::{
    gateway::{Ready, Seat, Start, run},
    store::paths::StateDir,
};

/// The gateway.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Gateway {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start it in the foreground; the same as `openclaw gateway`
    Run(Run),
    /// Show whether a gateway runs, and which one
    Status(ask::Status),
    /// Call a method of a gateway
    Call(ask::Call),
    /// Show where the command line's token comes from, or print it
    AuthToken(AuthToken),
}

/// Starts it.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw gateway run
  openclaw gateway run --config ~/openclaw.toml --port 18790

It listens on this machine only, unless `gateway.bind` says otherwise.
Ctrl-C stops it. `--log debug` tells more, `--log info,openclaw_gateway=debug` of one part.")]
struct Run {
    /// The port, instead of `gateway.port`
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The log level, or levels by target; instead of `OPENCLAW_LOG`
    #[arg(long, value_name = "LEVELS")]
    log: Option<String>,
    /// The log format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: log::Format,
}

impl Gateway {
    /// True where it is to become a gateway.
    pub(super) fn serves(&self) -> bool {
        matches!(self.what, None | Some(What::Run(_)))
    }

    /// Runs until it is told to stop.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let given = match self.what {
            Some(What::AuthToken(asked)) => return asked.run(host, output),
            Some(What::Run(given)) => given,
            Some(What::Status(status)) => return status.run(host, output),
            Some(What::Call(call)) => return call.run(host, output),
            None => self.run,
        };
        let origin = Arc::new(host.origin(given.port)?);
        let mut config = host.config()?;
        if let Some(port) = given.port {
            config.port = port;
        }
        let terminal = std::io::stdout().is_terminal();
        let console = openclaw_plugin_sdk::console::attended();
        log::start(given.log_format, given.log.as_deref())?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let state = host.state()?;
        if state.is_fresh() {
            for other in state.others(Host::env) {
                tracing::warn!("{}", beside(&state, &other));
            }
        }
        run(Start { config, state, origin, console, terminal }, |ready| {
            greet(ready, output);
        })
        .map_err(anyhow::Error::from)?;
        Ok(Exit::Done)
    }
}

/// Says that an older state folder has approved people, which this gateway does not use.
fn beside(state: &StateDir, other: &Path) -> String {
    format!(
        "the state folder {} is new; the older folder {} is not used. To use it, set OPENCLAW_STATE_DIR={}",
        state.path().display(),
        other.display(),
        other.display()
    )
}

fn greet(ready: &Ready<'_>, output: &mut Output) {
    for line in welcome(ready) {
        output.line(line);
    }
    output.flush();
}

/// The page's address, the state folder, how to approve; and how to become owner where nobody is.
fn welcome(ready: &Ready<'_>) -> Vec<String> {
    let scheme = if ready.tls_fingerprint.is_some() { "https" } else { "http" };
    let mut lines: Vec<String> = ready
        .pages
        .iter()
        .map(|path| format!("Page:     {scheme}://{}{path}", ready.address))
        .collect();
    if lines.is_empty() {
        lines.push(format!("Gateway:  {}", ready.address));
    }
    lines.extend(ready.elsewhere.iter().map(|address| format!("Network:  {address}")));
    if let Some(fingerprint) = &ready.tls_fingerprint {
        lines.push(format!("TLS:      sha256:{fingerprint}"));
    }
    lines.push(format!("State:    {}", ready.state.path().display()));
    let approve = if ready.console {
        "/pairing approve <code>, here"
    } else {
        "openclaw pairing approve <code>, in another shell"
    };
    lines.push(format!("Approve:  {approve}"));
    match &ready.seat {
        Seat::Free(code) => lines.push(format!(
            "Owner:    none yet; send /claim {} to the bot in a direct chat, within ten minutes",
            grouped(code)
        )),
        Seat::FreeUnprinted => {
            lines.push("Owner:    none yet; `openclaw owner claim` prints a code".to_owned());
        }
        Seat::Taken => {}
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use expect_test::expect;

    use super::*;
    use crate::rules::claim::ClaimCode;

    fn said(console: bool, seat: Seat) -> String {
        let address = SocketAddr::from(([127, 0, 0, 1], 18789));
        let state = StateDir::at("/home/ann/.openclaw");
        welcome(&Ready {
            address,
            elsewhere: Vec::new(),
            tls_fingerprint: None,
            pages: vec!["/chat"],
            state: &state,
            console,
            seat,
        })
        .join("\n")
    }

    #[test]
    fn a_start_says_how_to_go_on() {
        expect![[r"
            Page:     http://127.0.0.1:18789/chat
            State:    /home/ann/.openclaw
            Approve:  /pairing approve <code>, here
            Owner:    none yet; send /claim BBBB-BBBB-BBBB to the bot in a direct chat, within ten minutes"]]
        .assert_eq(&said(true, Seat::Free(ClaimCode::from_random([1; 12]))));
        expect![[r"
            Page:     http://127.0.0.1:18789/chat
            State:    /home/ann/.openclaw
            Approve:  openclaw pairing approve <code>, in another shell"]]
        .assert_eq(&said(false, Seat::Taken));
    }

    #[test]
    fn a_start_that_others_reach_says_where_and_by_which_certificate() {
        let state = StateDir::at("/s");
        let lines = welcome(&Ready {
            address: SocketAddr::from(([127, 0, 0, 1], 7)),
            elsewhere: vec![SocketAddr::from(([192, 168, 1, 10], 7))],
            tls_fingerprint: Some("ab".repeat(32)),
            pages: vec!["/chat"],
            state: &state,
            console: false,
            seat: Seat::Taken,
        });
        let pin = format!("TLS:      sha256:{}", "ab".repeat(32));
        let said: Vec<&str> = lines.iter().map(String::as_str).collect();
        let expected = ["Page:     https://127.0.0.1:7/chat", "Network:  192.168.1.10:7", &pin];
        assert_eq!(said[..3], expected);
    }

    #[test]
    fn a_start_whose_output_is_no_terminal_prints_no_code() {
        let last = said(false, Seat::FreeUnprinted).lines().last().unwrap().to_owned();
        assert_eq!(last, "Owner:    none yet; `openclaw owner claim` prints a code");
    }
}
