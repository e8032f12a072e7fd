//! The command line: what may be typed, and which module does it. A command opens the files of the state folder
//! itself; only what needs the running gateway asks it.

mod access;
mod ask;
mod audit;
mod auth_token;
mod backup;
mod channels;
mod completions;
mod configuration;
mod devices;
mod doctor;
mod failure;
mod host;
mod import;
mod invite;
mod log;
mod manual;
mod meant;
mod node;
mod nodes;
mod output;
mod owner;
mod pairing;
mod plugins;
mod prompt;
mod qr;
mod reach;
mod reset;
mod run;
mod security;
mod services;
mod setup;
mod status;
mod text;
mod watch;

use openclaw_backup as copies;
use openclaw_client as client;
use openclaw_config as config;
use openclaw_control as control;
use openclaw_decision_history as decision_history;
use openclaw_doctor as checks;
use openclaw_gateway as gateway;
use openclaw_import as import_room;
use openclaw_local_client as local_client;
use openclaw_network as network;
use openclaw_protocol as protocol;
use openclaw_registry as registry;
use openclaw_rules as rules;
use openclaw_service as service;
use openclaw_store as store;
use openclaw_world as world;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use openclaw_plugin_sdk::whole;

use self::{
    failure::{Ended, Exit, Failure},
    host::Host,
    output::{
        Cell::{self, Text, Whole},
        Output,
    },
};
use crate::store::UNFINISHED;

/// A chat gateway for people that its owner has approved.
#[derive(Debug, Parser)]
#[command(
    name = "openclaw",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
struct Arguments<C: Subcommand> {
    /// The configuration file, instead of config.toml in the state folder
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show whole ids in tables, even where they do not fit the terminal
    #[arg(long, global = true)]
    wide: bool,
    #[command(subcommand)]
    command: C,
}

type Cli = Arguments<Command>;

const EXAMPLES: &str = "\
Examples:
  openclaw gateway run                        Start; strangers get a code
  openclaw pairing list                       Show who waits
  openclaw pairing approve telegram AB3D7X9K  Approve this person
  openclaw owner claim                        Become owner from a chat

The state folder is ~/.openclaw; OPENCLAW_STATE_DIR names another one,
OPENCLAW_HOME another home folder.
OPENCLAW_CONFIG_PATH names another configuration file.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing matched,
4 no gateway answers.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Set a gateway up, question by question
    Setup(setup::Setup),
    /// Start the gateway in the foreground
    Gateway(run::Gateway),
    /// Show who asks for access, and decide
    #[command(subcommand)]
    Pairing(pairing::Pairing),
    /// Show who has access, and change it
    #[command(subcommand)]
    Access(access::Access),
    /// Give access in advance with a one-time code
    #[command(subcommand)]
    Invite(invite::Invite),
    /// Show phones and programs that connect, and decide
    #[command(subcommand)]
    Devices(devices::Devices),
    /// Connect this machine to a gateway as a node
    #[command(subcommand)]
    Node(node::Node),
    /// Show nodes, and run commands on them
    #[command(subcommand)]
    Nodes(nodes::Nodes),
    /// Show an overview: channels, requests, devices, owners, decisions
    Status(status::Status),
    /// Run the gateway in the background, as a service
    #[command(subcommand)]
    Service(services::Service),
    /// Show the log of the gateway that runs as a service
    Logs(services::Logs),
    /// Show the channels and their state
    #[command(subcommand)]
    Channels(channels::Channels),
    /// Make a setup code for a phone or another device, as a QR code
    Qr(qr::Qr),
    /// Show, add and remove owners, who decide and run owner commands
    #[command(subcommand)]
    Owner(owner::OwnerCommand),
    /// Check, show and change the configuration
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// Show the built-in channels, commands and responders
    #[command(subcommand)]
    Plugins(plugins::Plugins),
    /// Take over the settings of another OpenClaw
    Import(import::Import),
    /// Read and verify the access log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look for what does not work, and say how to end it
    Doctor(doctor::Doctor),
    /// Look for what lets others in, or lets them read secrets
    #[command(subcommand)]
    Security(security::Security),
    /// Back up the state folder, and restore it
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Set the configuration, access, devices or everything back
    Reset(reset::Reset),
    /// Print the completion script of a shell
    Completions(completions::Completions),
    /// Print the help of a command, or its man page
    Help(manual::Help),
    /// What the completions ask
    #[command(name = "__complete", hide = true, disable_help_flag = true)]
    Complete(completions::Complete),
}

#[derive(Debug, Subcommand)]
enum Start {
    Gateway(run::Gateway),
}

/// Runs the command that the arguments name, on the standard streams of this process.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = start(&args).map_or_else(|| Cli::try_parse_from(&args), Ok);
    let otherwise = || [in_small(args.clone()), manual::with_help_first(args)].into_iter();
    let cli = match parsed
        .or_else(|error| otherwise().find_map(|args| Cli::try_parse_from(args).ok()).ok_or(error))
    {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error).into(),
    };
    let mut output = Output::standard(cli.wide);
    let exit = dispatch(cli, &mut output).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    });
    match output.finish() {
        Ok(()) => exit.into(),
        Err(error) => unprinted(&error).into(),
    }
}

/// A start of the gateway, read without building the other commands: that is a quarter of the work of a start.
fn start(args: &[OsString]) -> Option<Cli> {
    if args.get(1)? != "gateway" {
        return None;
    }
    let Arguments { config, wide, command } = Arguments::try_parse_from(args).ok()?;
    let Start::Gateway(gateway) = command;
    Some(Cli { config, wide, command: Command::Gateway(gateway) })
}

/// The same arguments with the words of commands in lower case, whatever case they were typed in.
fn in_small(args: Vec<OsString>) -> Vec<OsString> {
    let mut known = Some(Cli::command());
    let mut value = true;
    let spell = |arg: OsString| {
        let word = arg.to_str().unwrap_or_default();
        if std::mem::replace(&mut value, word == "--config") || word.starts_with('-') {
            return arg;
        }
        let found = known.as_ref().and_then(|command| {
            command.get_subcommands().find(|one| one.get_name().eq_ignore_ascii_case(word)).cloned()
        });
        known = found;
        known.as_ref().map_or(arg, |command| command.get_name().into())
    };
    args.into_iter().map(spell).collect()
}

fn dispatch(cli: Cli, output: &mut Output) -> Ended {
    let host = Host::of_process(cli.config);
    // A service is a matter of the user who asks for it.
    let is_stateless = matches!(
        cli.command,
        Command::Plugins(_) | Command::Completions(_) | Command::Help(_) | Command::Service(_)
    );
    // A gateway runs as the user who starts it; everything else acts as the owner of its state folder.
    if !is_stateless && !matches!(&cli.command, Command::Gateway(gateway) if gateway.serves()) {
        host.act_as_owner()?;
    }
    let done = run(&host, cli.command, output);
    if host.has_left_something() {
        output.note(UNFINISHED);
    }
    done
}

fn run(host: &Host, command: Command, output: &mut Output) -> Ended {
    match command {
        Command::Setup(setup) => setup.run(host, output),
        Command::Gateway(gateway) => gateway.run(host, output),
        Command::Pairing(pairing) => pairing.run(host, output),
        Command::Access(access) => access.run(host, output),
        Command::Invite(invite) => invite.run(host, output),
        Command::Devices(devices) => devices.run(host, output),
        Command::Node(node) => node.run(host, output),
        Command::Nodes(nodes) => nodes.run(host, output),
        Command::Status(status) => status.run(host, output),
        Command::Service(service) => service.run(host, output),
        Command::Logs(logs) => logs.run(host, output),
        Command::Channels(channels) => channels.run(host, output),
        Command::Qr(qr) => qr.run(host, output),
        Command::Owner(owner) => owner.run(host, output),
        Command::Config(config) => config.run(host, output),
        Command::Plugins(plugins) => plugins.run(output),
        Command::Import(import) => import.run(host, output),
        Command::Audit(audit) => audit.run(host, output),
        Command::Doctor(doctor) => doctor.run(host, output),
        Command::Security(security) => security.run(host, output),
        Command::Backup(backup) => backup.run(host, output),
        Command::Reset(reset) => reset.run(host, output),
        Command::Completions(completions) => Ok(completions.run(output)),
        Command::Help(help) => help.run(output),
        Command::Complete(complete) => Ok(complete.run(host, output)),
    }
}

/// Help and version go to standard output and are no error; a reader that went away needs neither.
fn unparsed(error: &clap::Error) -> Exit {
    if let Some((word, what)) = meant::meant(error) {
        let mut output = Output::standard(false);
        output.failure(&text::no_command(word).hint(what));
        return Exit::Usage;
    }
    drop(error.print());
    if error.exit_code() == 0 { Exit::Done } else { Exit::Usage }
}

fn unprinted(error: &std::io::Error) -> Exit {
    let mut output = Output::standard(false);
    output.note(text::unprinted(error));
    Exit::Failed
}

#[cfg(test)]
mod tests;
