//! `openclaw plugins list`: what this gateway is built with, and what each part can do.

use clap::Subcommand;
use openclaw_plugin_sdk::{
    Access, ChannelPlugin, Command, CommandPlugin, Ingress, ResponderPlugin, TextUnit,
};
use serde_json::{Value, json};

use crate::{Ended, Exit, Output, Text, Whole, registry};

/// What can be done about plugins.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  openclaw plugins list --json")]
pub(super) enum Plugins {
    /// Show the channels, commands and responders
    #[command(after_help = "\
Examples:
  openclaw plugins list
  openclaw plugins list --json")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Plugins {
    /// Shows them.
    pub(super) fn run(&self, output: &mut Output) -> Ended {
        let Self::List { json } = self;
        if *json {
            return output.json(&json!({
                "channels": registry::CHANNELS.iter().map(|it| channel(it)).collect::<Vec<_>>(),
                "commands": registry::COMMANDS.iter().map(|it| command(it)).collect::<Vec<_>>(),
                "responders": registry::RESPONDERS.iter().map(|it| responder(it)).collect::<Vec<_>>(),
            }));
        }
        let row = |kind: &str, id: &str, can: String| {
            let cells = [Whole("Kind", kind.to_owned()), Whole("Id", id.to_owned())];
            cells.into_iter().chain([Text("What it can do", can)]).collect()
        };
        let mut rows = Vec::new();
        rows.extend(registry::CHANNELS.iter().map(|it| row("channel", it.id, abilities(it))));
        rows.extend(registry::COMMANDS.iter().map(|it| row("command", it.id, names(it))));
        let responders = registry::RESPONDERS.iter();
        rows.extend(responders.map(|it| row("responder", it.id, it.summary.to_owned())));
        output.table(rows);
        Ok(Exit::Done)
    }
}

/// A channel's abilities, in words.
fn abilities(plugin: &ChannelPlugin) -> String {
    let it = &plugin.abilities;
    let buttons = it.buttons.map(|count| format!("{count} buttons"));
    let words = [
        ("console", it.console),
        ("pairing", !it.console),
        ("accounts", it.accounts),
        ("groups", it.groups),
        ("replies", it.replies),
        ("edits", it.edits),
        ("setup codes as pictures", it.images),
    ];
    let words = words.into_iter().filter(|(_, can)| *can).map(|(word, _)| word.to_owned());
    words.chain(buttons).collect::<Vec<_>>().join(", ")
}

fn names(plugin: &CommandPlugin) -> String {
    let name = |command: &Command| match command.access {
        Access::Admitted => format!("/{}", command.name),
        Access::Owner => format!("/{} (owner)", command.name),
    };
    plugin.commands.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn channel(plugin: &ChannelPlugin) -> Value {
    let it = &plugin.abilities;
    let unit = match plugin.text_limit.unit {
        TextUnit::Bytes => "bytes",
        TextUnit::Chars => "chars",
        TextUnit::Utf16 => "utf16",
    };
    let (ingress, path) = match plugin.ingress {
        Ingress::Connect => ("connect", None),
        Ingress::Serve { path } => ("serve", Some(path)),
        Ingress::Chosen { .. } => ("chosen", None),
    };
    json!({
        "id": plugin.id,
        "label": plugin.label,
        "idLabel": plugin.id_label,
        "ingress": ingress,
        "path": path,
        "textLimit": { "max": plugin.text_limit.max, "unit": unit },
        "abilities": {
            "accounts": it.accounts,
            "buttons": it.buttons,
            "commandPrefix": it.command_prefix,
            "console": it.console,
            "edits": it.edits,
            "groups": it.groups,
            "images": it.images,
            "pairing": !it.console,
            "replies": it.replies,
        },
        "keys": plugin.keys,
    })
}

fn command(plugin: &CommandPlugin) -> Value {
    let command = |command: &Command| {
        let access = match command.access {
            Access::Admitted => "admitted",
            Access::Owner => "owner",
        };
        json!({ "name": command.name, "summary": command.summary, "access": access })
    };
    let commands: Vec<Value> = plugin.commands.iter().map(command).collect();
    json!({ "id": plugin.id, "commands": commands })
}

fn responder(plugin: &ResponderPlugin) -> Value {
    json!({ "id": plugin.id, "summary": plugin.summary, "keys": plugin.keys })
}
