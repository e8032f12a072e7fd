//! The `[assistant]` table: who answers the admitted.

use std::collections::{BTreeMap, BTreeSet};

use openclaw_plugin_sdk::{AccountId, ResponderPlugin, Settings, toml};

use super::{Assistant, names, opening::scrub, section::Section};

/// Who answers where nothing is said.
const DEFAULT: &str = "echo";

/// The keys of `[assistant]` itself.
pub(super) const KEYS: &[&str] = &["attachments", "responder", "stream"];

/// The words of `assistant.stream`.
pub(super) const STREAM: &[(&str, bool)] = &[("edit", true), ("off", false)];

/// The `[assistant]` table. The table of the chosen responder is tried on it.
pub(super) fn read(root: &Section<'_>, responders: &[&'static ResponderPlugin]) -> Assistant {
    let mut assistant = Assistant::default();
    if let Some(section) = root.section("assistant") {
        let ids: Vec<&str> = responders.iter().map(|plugin| plugin.id).collect();
        let keys: Vec<&str> = ids.iter().chain(KEYS).copied().collect();
        section.check_keys(&keys, |_| None);
        let choices: Vec<(&str, &str)> = ids.iter().map(|id| (*id, *id)).collect();
        if section.has("responder") {
            let Some(id) = section.choice("responder", &choices) else { return assistant };
            id.clone_into(&mut assistant.responder);
        }
        if let Some(attachments) = section.flag("attachments") {
            assistant.attachments = attachments;
        }
        if let Some(stream) = section.choice("stream", STREAM) {
            assistant.stream = stream;
        }
        for plugin in responders {
            if let Some(table) = section.section(plugin.id) {
                assistant.read(&table, plugin);
            }
        }
    }
    let chosen = responders.iter().find(|plugin| plugin.id == assistant.responder);
    if let Some(plugin) = chosen {
        assistant.try_open(root, plugin);
    }
    assistant
}

impl Default for Assistant {
    fn default() -> Self {
        let (tables, hidden) = (BTreeMap::new(), BTreeMap::new());
        Self { attachments: true, responder: DEFAULT.to_owned(), stream: true, tables, hidden }
    }
}

impl Assistant {
    fn read(&mut self, section: &Section<'_>, plugin: &ResponderPlugin) {
        section.check_keys(plugin.keys, |_| None);
        let (mut settings, mut hidden) = (toml::Table::new(), BTreeSet::new());
        for key in plugin.keys {
            let Some(node) = section.table.get(key) else { continue };
            settings.extend(node.to_toml().map(|value| ((*key).to_owned(), value)));
            if node.holds_env() || names::names_a_secret(key) {
                hidden.insert((*key).to_owned());
            }
        }
        self.tables.insert(plugin.id.to_owned(), settings);
        self.hidden.insert(plugin.id.to_owned(), hidden);
    }

    fn try_open(&self, root: &Section<'_>, plugin: &ResponderPlugin) {
        let assistant = root.table.get("assistant");
        let said = root.section("assistant").and_then(|section| section.section(plugin.id));
        let broken =
            |section: &Section<'_>| section.table.entries.iter().any(|(_, n)| n.is_broken());
        if said.as_ref().is_some_and(broken) {
            return;
        }
        let table = self.tables.get(plugin.id).cloned().unwrap_or_default();
        let settings = Settings {
            account: AccountId::default_account(),
            table: table.clone(),
            key: [0; 32],
            commands: Vec::new(),
        };
        let (error, is_wrong) = match (plugin.open)(settings).map(|responder| responder.check()) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => (error, false),
            Err(error) => (error, true),
        };
        let path = format!("assistant.{}", plugin.id);
        let path = if error.key.is_empty() { path } else { format!("{path}.{}", error.key) };
        let hidden = self.hidden.get(plugin.id).cloned().unwrap_or_default();
        let why = scrub(&error.problem, &table, &hidden);
        let top = error.key.split('.').next().unwrap_or_default();
        let at = said.map_or_else(
            || assistant.map_or(root.table.at, |node| node.at),
            |section| section.at(top),
        );
        let text = format!("`{path}`: {why}");
        if is_wrong { root.problems.add(at, text) } else { root.problems.lacks(at, text) }
    }
}
