//! What may be typed: the helps as people read them, and the forms that are refused.

#![expect(clippy::needless_raw_string_hashes, reason = "`UPDATE_EXPECT=1` writes them so")]

use clap::CommandFactory;
use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn help(words: &[&str], expected: &Expect) {
    let mut command = Cli::command().term_width(80);
    command.build();
    let command = words.iter().fold(&mut command, |command, word| {
        command.find_subcommand_mut(word).expect("there is no such command")
    });
    expected.assert_eq(&command.render_help().to_string());
}

#[track_caller]
fn parses(line: &str) -> Cli {
    Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[track_caller]
fn refused(line: &str) {
    let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}: {error}");
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn help_of_the_program() {
    help(
        &[],
        &expect![[r#"
            A chat gateway for people that its owner has approved

            Usage: openclaw [OPTIONS] <COMMAND>

            Commands:
              setup        Set a gateway up, question by question
              gateway      Start the gateway in the foreground
              pairing      Show who asks for access, and decide
              access       Show who has access, and change it
              invite       Give access in advance with a one-time code
              devices      Show phones and programs that connect, and decide
              node         Connect this machine to a gateway as a node
              nodes        Show nodes, and run commands on them
              status       Show an overview: channels, requests, devices, owners, decisions
              service      Run the gateway in the background, as a service
              logs         Show the log of the gateway that runs as a service
              channels     Show the channels and their state
              qr           Make a setup code for a phone or another device, as a QR code
              owner        Show, add and remove owners, who decide and run owner commands
              config       Check, show and change the configuration
              plugins      Show the built-in channels, commands and responders
              import       Take over the settings of another OpenClaw
              audit        Read and verify the access log
              doctor       Look for what does not work, and say how to end it
              security     Look for what lets others in, or lets them read secrets
              backup       Back up the state folder, and restore it
              reset        Set the configuration, access, devices or everything back
              completions  Print the completion script of a shell
              help         Print the help of a command, or its man page

            Options:
                  --config <FILE>  The configuration file, instead of config.toml in the
                                   state folder
                  --wide           Show whole ids in tables, even where they do not fit the
                                   terminal
              -h, --help           Print help
              -V, --version        Print version

            Examples:
              openclaw gateway run                        Start; strangers get a code
              openclaw pairing list                       Show who waits
              openclaw pairing approve telegram AB3D7X9K  Approve this person
              openclaw owner claim                        Become owner from a chat

            The state folder is ~/.openclaw; OPENCLAW_STATE_DIR names another one,
            OPENCLAW_HOME another home folder.
            OPENCLAW_CONFIG_PATH names another configuration file.

            Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing matched,
            4 no gateway answers.
        "#]],
    );
}

#[test]
fn help_of_the_gateway() {
    help(
        &["gateway"],
        &expect![[r#"
            Start the gateway in the foreground

            Usage: openclaw gateway [OPTIONS]
                   openclaw gateway <COMMAND>

            Commands:
              run         Start it in the foreground; the same as `openclaw gateway`
              status      Show whether a gateway runs, and which one
              call        Call a method of a gateway
              auth-token  Show where the command line's token comes from, or print it

            Options:
                  --config <FILE>        The configuration file, instead of config.toml in
                                         the state folder
                  --wide                 Show whole ids in tables, even where they do not
                                         fit the terminal
                  --port <PORT>          The port, instead of `gateway.port`
                  --log <LEVELS>         The log level, or levels by target; instead of
                                         `OPENCLAW_LOG`
                  --log-format <FORMAT>  The log format [default: text] [possible values:
                                         text, json]
                  --ignore-database      Start although a database was not imported
              -h, --help                 Print help (see more with '--help')

            Examples:
              openclaw gateway run
              openclaw gateway run --config ~/openclaw.toml --port 18790

            It listens on this machine only, unless `gateway.bind` says otherwise.
            Ctrl-C stops it. `--log debug` logs more; `--log info,openclaw_gateway=debug`
            logs more of one part.

            Exit codes: 0 asked to stop, 71 files unreadable, 75 state folder or port
            taken, 78 wrong configuration, 1 anything else.
        "#]],
    );
    help(
        &["gateway", "run"],
        &expect![[r#"
            Start it in the foreground; the same as `openclaw gateway`

            Usage: openclaw gateway run [OPTIONS]

            Options:
                  --config <FILE>        The configuration file, instead of config.toml in
                                         the state folder
                  --port <PORT>          The port, instead of `gateway.port`
                  --log <LEVELS>         The log level, or levels by target; instead of
                                         `OPENCLAW_LOG`
                  --wide                 Show whole ids in tables, even where they do not
                                         fit the terminal
                  --log-format <FORMAT>  The log format [default: text] [possible values:
                                         text, json]
                  --ignore-database      Start although a database was not imported
              -h, --help                 Print help (see more with '--help')

            Examples:
              openclaw gateway run
              openclaw gateway run --config ~/openclaw.toml --port 18790

            It listens on this machine only, unless `gateway.bind` says otherwise.
            Ctrl-C stops it. `--log debug` logs more; `--log info,openclaw_gateway=debug`
            logs more of one part.

            Exit codes: 0 asked to stop, 71 files unreadable, 75 state folder or port
            taken, 78 wrong configuration, 1 anything else.
        "#]],
    );
}

#[test]
fn help_of_pairing() {
    help(
        &["pairing"],
        &expect![[r#"
            Show who asks for access, and decide

            Usage: openclaw pairing [OPTIONS] <COMMAND>

            Commands:
              list     Show who waits
              approve  Approve the person with this code
              deny     Deny the person with this code; they get no new code until it expires
              block    Block the person with this code, on every list and in every group
              allowed  Show who has access on a channel, and why
              revoke   Revoke an approval at once

            Options:
                  --config <FILE>  The configuration file, instead of config.toml in the
                                   state folder
                  --wide           Show whole ids in tables, even where they do not fit the
                                   terminal
              -h, --help           Print help

            Examples:
              openclaw pairing list
              openclaw pairing approve telegram AB3D7X9K --notify
              openclaw pairing revoke telegram 123456789

            They work with and without a running gateway, which needs no restart.
        "#]],
    );
    help(
        &["pairing", "list"],
        &expect![[r#"
            Show who waits

            Usage: openclaw pairing list [OPTIONS] [CHANNEL]

            Arguments:
              [CHANNEL]  Only this channel

            Options:
                  --channel <CHANNEL>  The same, as an option
                  --config <FILE>      The configuration file, instead of config.toml in the
                                       state folder
                  --account <ACCOUNT>  Only this account
                  --wide               Show whole ids in tables, even where they do not fit
                                       the terminal
                  --json               Print JSON
                  --watch              Show it again every 2 seconds until Ctrl-C; with
                                       `--json` a line each time
              -h, --help               Print help

            Examples:
              openclaw pairing list                          Every channel
              openclaw pairing list telegram --account work  One account of one channel
              openclaw pairing list --watch                  Again every two seconds
              openclaw pairing list telegram --json          For a script
        "#]],
    );
}

#[test]
fn help_of_decisions() {
    help(
        &["pairing", "approve"],
        &expect![[r#"
            Approve the person with this code

            Usage: openclaw pairing approve [OPTIONS] [CHANNEL] <CODE>

            Arguments:
              [CHANNEL]  The channel; without it all are searched
              <CODE>     The person's code of eight characters, in upper or lower case

            Options:
                  --channel <CHANNEL>    The channel, as an option
                  --config <FILE>        The configuration file, instead of config.toml in
                                         the state folder
                  --account <ACCOUNT>    Only this account
                  --wide                 Show whole ids in tables, even where they do not
                                         fit the terminal
                  --as-shown <REVISION>  The revision from `openclaw pairing list`, if the
                                         code alone is not enough
                  --json                 Print JSON
                  --for <SPAN>           End the access after this time, such as `90m`,
                                         `24h` or `30d`
                  --notify               Tell the person, through the running gateway
              -h, --help                 Print help

            Examples:
              openclaw pairing approve AB3D7X9K                    On any channel
              openclaw pairing approve telegram AB3D7X9K           On this channel
              openclaw pairing approve telegram AB3D7X9K --for 24h Until tomorrow
              openclaw pairing approve telegram AB3D7X9K --notify  And tell the sender

            An approval gives access. It never makes an owner.
        "#]],
    );
    help(
        &["pairing", "revoke"],
        &expect![[r#"
            Revoke an approval at once

            Usage: openclaw pairing revoke [OPTIONS] <CHANNEL> <ID>

            Arguments:
              <CHANNEL>  The channel
              <ID>       The sender's id, as `pairing allowed` shows it

            Options:
                  --account <ACCOUNT>  Only this account
                  --config <FILE>      The configuration file, instead of config.toml in the
                                       state folder
                  --json               Print JSON
                  --wide               Show whole ids in tables, even where they do not fit
                                       the terminal
              -h, --help               Print help

            Examples:
              openclaw pairing revoke telegram 123456789                 Every account
              openclaw pairing revoke telegram 123456789 --account work  This one

            The person's next message is that of a stranger. Access that the configuration
            gives stays: the command names file and line, and exits with 1.
        "#]],
    );
}

#[test]
fn help_of_the_owner() {
    help(
        &["owner"],
        &expect![[r#"
            Show, add and remove owners, who decide and run owner commands

            Usage: openclaw owner [OPTIONS] <COMMAND>

            Commands:
              show    Show the owners, and how each became one [alias: list]
              add     Make a person an owner
              remove  Remove an owner who was added or has claimed
              claim   Print a one-time code; the first person who sends it to the bot is an
                      owner

            Options:
                  --config <FILE>  The configuration file, instead of config.toml in the
                                   state folder
                  --wide           Show whole ids in tables, even where they do not fit the
                                   terminal
              -h, --help           Print help

            Examples:
              openclaw owner claim                   Print a code; send it to the bot
              openclaw owner add telegram:123456789
              openclaw owner list

            A change takes effect at the next message.
        "#]],
    );
}

/// Commands that print no result of their own: they run until they are stopped, or print what another program reads.
const WITHOUT_JSON: &[&str] = &[
    "openclaw gateway run",
    "openclaw node run",
    "openclaw completions",
    "openclaw help",
    "openclaw __complete",
];

#[test]
fn every_command_that_prints_has_json() {
    fn walk(command: &clap::Command, name: &str, found: &mut Vec<String>) {
        let below = command.get_subcommands().filter(|one| one.get_name() != "help");
        let mut is_leaf = true;
        for one in below {
            is_leaf = false;
            walk(one, &format!("{name} {}", one.get_name()), found);
        }
        let json = command.get_arguments().any(|arg| arg.get_long() == Some("json"));
        if is_leaf && !json {
            found.push(name.to_owned());
        }
    }
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    for one in root.get_subcommands() {
        let name = format!("openclaw {}", one.get_name());
        walk(one, &name, &mut found);
    }
    found.sort();
    let mut expected = WITHOUT_JSON.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// Each `openclaw …` of a text, up to its first word that is no name of a command. `/openclaw` is Slack's.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let is_name = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    let all = text.match_indices("openclaw ").filter(|(at, _)| !text[..*at].ends_with('/'));
    let line = |(at, head): (usize, &str)| text[at + head.len()..].lines().next();
    all.filter_map(line).map(|line| line.split(' ').take_while(is_name).collect()).collect()
}

#[test]
fn every_command_of_the_readme_is_one() {
    let readme = include_str!("../../README.md");
    let code: String = readme.split('`').skip(1).step_by(2).flat_map(|code| [code, "\n"]).collect();
    let mut root = Cli::command();
    root.build();
    let mut found = 0;
    for words in commands(&code) {
        let mut command = &root;
        for word in &words {
            if !command.has_subcommands() {
                break; // What follows are its arguments.
            }
            let next = command.find_subcommand(word);
            command =
                next.unwrap_or_else(|| panic!("the README has `openclaw {}`", words.join(" ")));
            found += 1;
        }
    }
    assert!(found > 40, "{found}");
}

#[test]
fn the_forms_of_the_tutorial_and_of_the_field_are_read() {
    for line in [
        "openclaw gateway",
        "openclaw gateway run --config f --port 1",
        "openclaw gateway --port 1",
        "openclaw --config f gateway run",
        "openclaw pairing list",
        "openclaw pairing list telegram --account work --json",
        "openclaw pairing list --channel telegram",
        "openclaw pairing approve AB3D7X9K",
        "openclaw pairing approve telegram AB3D7X9K --notify",
        "openclaw pairing approve --channel telegram AB3D7X9K --account work",
        "openclaw pairing deny telegram AB3D7X9K",
        "openclaw pairing block AB3D7X9K --json",
        "openclaw invite create Ann --for 2h",
        "openclaw owner list",
        "openclaw config set gateway.port 1",
        "openclaw help --man pairing",
        "openclaw pairing allowed telegram",
        "openclaw pairing revoke telegram 1 --account work",
        "openclaw channels status --json",
        "openclaw owner add telegram:1",
        "openclaw config check --config f",
        "openclaw plugins list --json",
        "openclaw audit show 5",
        "openclaw completions zsh",
    ] {
        parses(line);
    }
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    for line in [
        "openclaw",
        "openclaw nonsense",
        "openclaw pairing",
        "openclaw pairing approve",
        "openclaw pairing approve --channel telegram telegram AB3D7X9K",
        "openclaw pairing approve telegram AB3D7X9K more",
        "openclaw pairing deny telegram AB3D7X9K --notify",
        "openclaw pairing list telegram --channel webchat",
        "openclaw pairing list telegram --account ",
        "openclaw pairing list telegram --account ../x",
        "openclaw pairing allowed",
        "openclaw pairing revoke telegram",
        "openclaw gateway run --port 65536",
    ] {
        refused(line);
    }
}
