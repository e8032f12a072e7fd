//! The slash commands: told to Discord where they differ from what it has, in direct chats too.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::{ChannelError, reqwest::Method};
use serde_json::{Value, json};
use serenity::{
    builder::{CreateCommand, CreateCommandOption},
    model::application::{CommandOptionType, InstallationContext, InteractionContext},
};

use crate::{
    api::{Call, of_account},
    gateway::Discord,
};

/// As Discord lists it.
pub(crate) fn command(name: &str, summary: String) -> CreateCommand {
    let words =
        CreateCommandOption::new(CommandOptionType::String, "words", "What follows the command");
    CreateCommand::new(name)
        .description(summary)
        .add_option(words)
        .integration_types(vec![InstallationContext::Guild])
        .contexts(vec![InteractionContext::Guild, InteractionContext::BotDm])
}

impl Discord {
    /// Tells Discord the commands, unless it knows them so already: it counts how often they are told.
    pub(crate) async fn list_commands(&self, application: String) -> Result<(), ChannelError> {
        let api = self.api()?;
        let call = |method| Call::at(method, "/applications/{}/commands", &application);
        let known: Vec<Value> = api.ask(call(Method::GET)).await.map_err(of_account)?;
        let wanted: Vec<Value> = self.commands.iter().map(|command| json!(command)).collect();
        if !same(&known, &wanted) {
            api.ask::<Vec<Value>>(call(Method::PUT).with(&wanted)).await.map_err(of_account)?;
        }
        Ok(())
    }
}

/// True where both list the same, in whatever order, by what we say of a command.
fn same(known: &[Value], wanted: &[Value]) -> bool {
    let option = |option: &Value| {
        json!([option["type"], option["name"], option["description"], option["required"] == true])
    };
    let facts = |command: &Value| {
        let options = command["options"].as_array().into_iter().flatten().map(option);
        let kind = command["type"].as_u64().unwrap_or(1);
        let parts =
            ["name", "description", "integration_types", "contexts"].map(|key| &command[key]);
        json!([kind, parts, options.collect::<Vec<_>>()]).to_string()
    };
    let all = |commands: &[Value]| commands.iter().map(facts).collect::<BTreeSet<_>>();
    all(known) == all(wanted)
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::kit;

    use super::*;

    fn value(name: &str, summary: &str) -> Value {
        let commands = [(name.to_owned(), summary.to_owned())];
        let (name, summary) = kit::listed(&commands, "-", 100).next().unwrap();
        serde_json::to_value(command(name, summary)).unwrap()
    }

    #[test]
    fn a_command_takes_words_in_servers_and_in_direct_chats() {
        let command = value("pairing", "Requests");
        assert_eq!(command["name"], "pairing");
        assert_eq!(command["contexts"], json!([0, 1]), "in servers and in direct chats");
        assert_eq!(command["options"][0]["type"], 3);
        let long = value("pair", &"ä".repeat(300));
        assert_eq!(long["description"].as_str().unwrap().chars().count(), 100);
    }

    #[test]
    fn what_discord_adds_to_a_command_is_no_difference() {
        let wanted = [value("pair", "Pairs"), value("help", "Helps")];
        let mut known: Vec<Value> = wanted.iter().rev().cloned().collect();
        for command in &mut known {
            command["id"] = "1".into();
            command["version"] = "2".into();
            command["type"] = 1.into();
            command["options"][0]["required"] = false.into();
        }
        assert!(same(&known, &wanted));
        known[0]["description"] = "Helps more".into();
        assert!(!same(&known, &wanted));
        assert!(!same(&known[..1], &wanted));
    }
}
