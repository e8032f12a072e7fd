//! `config.example.toml`: it loads, as it is and with every key in it, and leaves no key of any plugin out.

use openclaw_plugin_sdk::{ChannelPlugin, ResponderPlugin, toml};

use super::{Home, stand_in};
use crate::{
    Config, Plugins, Source, load, names, problem::ConfigError, registry, show::show,
    store::paths::StateDir,
};

const TEXT: &str = include_str!("../../../config.example.toml");

/// The registered plugins, and a stand-in for each that the example has and the registry lacks.
fn plugins() -> (Vec<&'static ChannelPlugin>, Vec<&'static ResponderPlugin>) {
    let mut channels = registry::CHANNELS.to_vec();
    for plugin in stand_in::CHANNELS {
        if channels.iter().all(|known| known.id != plugin.id) {
            channels.push(plugin);
        }
    }
    let mut responders = registry::RESPONDERS.to_vec();
    for plugin in stand_in::RESPONDERS {
        if responders.iter().all(|known| known.id != plugin.id) {
            responders.push(plugin);
        }
    }
    (channels, responders)
}

/// With every key switched on: a `#` with no blank behind it is taken away.
pub(super) fn switched_on() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        // `#:` is for editors.
        Some(rest) if !rest.starts_with([' ', ':']) => rest.to_owned(),
        _ => line.to_owned(),
    };
    TEXT.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn token(name: &str) -> &'static str {
    match name {
        "MSTEAMS_APP_ID" | "MSTEAMS_TENANT_ID" => "6a7e0000-1111-4222-8333-444444444444",
        "MSTEAMS_APP_PASSWORD"
        | "WHATSAPP_ACCESS_TOKEN"
        | "WHATSAPP_APP_SECRET"
        | "WHATSAPP_VERIFY_TOKEN" => "a-secret-of-32-characters",
        "SLACK_APP_TOKEN" => "xapp-1-A0123456789-0123456789-abcdef",
        "SLACK_BOT_TOKEN" => "xoxb-0123456789-0123456789-abcdef",
        _ => "123456:abcdef",
    }
}

/// The plugins that the program has.
pub(super) fn registered() -> Plugins<'static> {
    Plugins { channels: registry::CHANNELS, responders: registry::RESPONDERS }
}

fn loaded(text: &str) -> Config {
    try_load(text).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn try_load(text: &str) -> Result<Config, ConfigError> {
    let home = Home::with(text);
    let state = StateDir::at(home.folder.path());
    // No name is unset: each is a token of the form that its platform gives. A service account alone is no account, and
    // so are tokens without a number's id.
    let unset = ["OPENCLAW_", "CLAWDBOT_", "GOOGLE_CHAT_SERVICE_ACCOUNT"];
    let has_number = text.contains("\nphone_number_id");
    let env = |name: &str| {
        let is_unset = unset.iter().any(|head| name.starts_with(head))
            || (!has_number && name.starts_with("WHATSAPP_"));
        (!is_unset).then(|| token(name).to_owned())
    };
    let (channels, responders) = plugins();
    let plugins = Plugins { channels: &channels, responders: &responders };
    load(&Source { flag: None, env: &env, state: &state }, plugins)
}

#[test]
fn the_example_loads_as_it_is_and_changes_nothing() {
    let home = Home::with(TEXT);
    assert_eq!(show(&home.load().unwrap()), show(&Home::new().load().unwrap()));
    // Some accounts are there by the environment alone, and nothing leads to them yet.
    let warnings = loaded(TEXT).warnings;
    assert!(warnings.iter().all(|said| said.contains("its platform calls")), "{warnings:?}");
}

#[test]
fn the_example_loads_with_every_key_switched_on() {
    let config = loaded(&switched_on());
    assert_eq!(config.warnings, [""; 0]);
    let (channels, responders) = plugins();
    for plugin in channels {
        assert!(config.accounts.iter().any(|a| a.plugin.id == plugin.id), "{}", plugin.id);
    }
    for plugin in responders {
        assert!(config.assistant.tables.contains_key(plugin.id), "{}", plugin.id);
    }
    assert_eq!(config.pairing.message, crate::Template::default());
}

#[test]
fn every_plugin_has_a_block_with_every_key_and_every_key_is_explained() {
    let root: toml::Table = switched_on().parse().unwrap();
    let (channels, responders) = plugins();
    for plugin in channels {
        let table = root["channels"].get(plugin.id).unwrap_or_else(|| panic!("{}", plugin.id));
        let accounts = table.get("accounts").and_then(toml::Value::as_table);
        for key in names::common(plugin).iter().chain(plugin.keys) {
            let below = accounts.into_iter().flat_map(toml::Table::values);
            let said = below.chain([table]).any(|table| table.get(*key).is_some());
            assert!(said, "channels.{}.{key}", plugin.id);
        }
    }
    for plugin in responders {
        for key in plugin.keys {
            assert!(root["assistant"][plugin.id].get(*key).is_some(), "{}.{key}", plugin.id);
        }
    }
    let own = [("owner", names::OWNER), ("pairing", names::PAIRING)];
    for (path, keys) in own.iter().chain(names::NESTED) {
        let mut parts = path.split('.');
        let first = &root[parts.next().unwrap()];
        let table = parts.fold(first, |table, part| &table[part]);
        for key in *keys {
            assert!(table.get(key).is_some(), "{path}.{key}");
        }
    }
    let mut explained = String::new();
    for line in TEXT.lines() {
        let is_key = line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ");
        let again = line == "#dm_policy = \"allowlist\"";
        if is_key && !again {
            let marked = ["Default: ", "Required"].iter().any(|mark| explained.contains(mark));
            assert!(marked, "{line}: {explained}");
        }
        match line.strip_prefix("# ") {
            Some(text) => explained = format!("{explained}{text} "),
            None => explained.clear(),
        }
    }
}

/// The sections that are there without a channel, with each key at the value that its comment calls the default.
#[test]
fn the_defaults_that_the_example_names_are_those_of_the_program() {
    let general = TEXT.split("\n# Says that no assistant").next().unwrap();
    let (mut lines, mut default, mut set) = (Vec::new(), None, 0);
    for line in general.lines() {
        if let Some(explained) = line.strip_prefix("# ") {
            let named = explained.split_once("Default: ").map(|(_, named)| named);
            default = named.and_then(|named| named.split(['.', ';', ',']).next()).or(default);
        } else if let Some((key, _)) = line.strip_prefix('#').and_then(|key| key.split_once(" = "))
        {
            let value = default.take().filter(|it| it.parse::<toml::Value>().is_ok());
            if let Some(value) = value {
                lines.push(format!("{key} = {value}"));
                set += 1;
            }
        } else if line.starts_with('[') {
            lines.push(line.to_owned());
        }
    }
    let text = lines.join("\n");
    assert!(set >= 18, "{set}: {text}");
    assert_eq!(show(&loaded(&text)), show(&loaded("")), "{text}");
}
