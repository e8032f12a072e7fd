//! The tree of keys and its JSON Schema, against the parser: they know the same keys, and refuse the same values.

use openclaw_plugin_sdk::toml::{Table, Value};

use super::example::{registered, switched_on, try_load};
use crate::{
    schema::{Key, Kind, schema},
    show::{show, value},
};

/// Puts a value at a dotted path; tables on the way are made.
fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(table.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let below = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            put(below.as_table_mut().unwrap(), rest, value);
        }
    }
}

fn fits(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Flag, Value::Boolean(_))
        | (Kind::Number, Value::Integer(_))
        | (Kind::Text, Value::String(_)) => true,
        (Kind::Words(words), Value::String(text)) => words.contains(&text.as_str()),
        (Kind::List { ids }, Value::Array(list)) => {
            list.iter().all(|one| one.is_str() || *ids && one.is_integer())
        }
        (Kind::Tables(keys), Value::Array(list)) => list.iter().all(|one| {
            let table = one.as_table().into_iter().flatten();
            table
                .into_iter()
                .all(|(name, value)| keys.get(name).is_some_and(|key| fits(&key.kind, value)))
        }),
        (Kind::Table(keys, other), Value::Table(table)) => table.iter().all(|(name, value)| {
            let key = keys.get(name).or(other.as_deref());
            key.is_some_and(|key| fits(&key.kind, value))
        }),
        _ => false,
    }
}

#[test]
fn the_tree_has_every_key_of_the_example_with_its_kind() {
    let root = Key::root(registered());
    let example: Table = switched_on().parse().unwrap();
    for (name, value) in &example {
        assert!(fits(&root.find(name).unwrap().kind, value), "{name}: {value}");
    }
    for (path, key) in root.leaves() {
        // What one account may say is explained where its channel is.
        assert!(!key.about().is_empty() || path.contains('*'), "{path} is not explained");
    }
}

#[test]
fn what_the_tree_refuses_the_parser_refuses() {
    let root = Key::root(registered());
    let example: Table = switched_on().parse().unwrap();
    let samples = [
        Value::Boolean(true),
        Value::Integer(7),
        Value::String("no such word".to_owned()),
        Value::Array(vec![Value::Array(Vec::new())]),
    ];
    let mut tried = 0;
    for (path, key) in root.leaves() {
        let path = path.replace("accounts.*", "accounts.work").replace('*', "345678901234567890");
        if path.starts_with("channels.slack.accounts") {
            continue; // One of each kind, of which the example's is another.
        }
        for sample in samples.iter().filter(|sample| !fits(&key.kind, sample)) {
            let mut table = example.clone();
            if let Some(responder) = path.strip_prefix("assistant.") {
                let chosen = responder.split_once('.').map_or("echo", |(id, _)| id);
                put(&mut table, "assistant.responder", chosen.into());
            }
            put(&mut table, &path, sample.clone());
            let said = try_load(&table.to_string()).map(drop).map_err(|error| error.to_string());
            let Err(said) = said else { panic!("{path} = {sample} is taken") };
            let named = path.rsplit('.').next().unwrap();
            assert!(said.contains(named), "{path} = {sample}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_key_is_found_by_its_path_or_the_nearest_is_named() {
    let root = Key::root(registered());
    let kind = |path: &str| root.find(path).map(|key| key.kind.clone());
    assert!(matches!(kind("gateway.port"), Ok(Kind::Number)));
    assert!(matches!(kind("channels.telegram.accounts.any.dm_policy"), Ok(Kind::Words(_))));
    assert!(matches!(kind("channels.discord.guilds.7.channels"), Ok(Kind::List { .. })));
    for (path, said) in [
        ("gateway.prt", "unknown key `prt` in `gateway`; did you mean `port`?"),
        ("gatewy", "unknown key `gatewy` at the top level; did you mean `gateway`?"),
        ("gateway.port.x", "`gateway.port` has no keys below it"),
        ("owner.cards.", "unknown key `` in `owner.cards`; there are `burst`, `per_minute`"),
    ] {
        assert_eq!(kind(path).unwrap_err(), said);
    }
}

#[test]
fn the_schema_forbids_what_is_no_key_and_explains_what_is_one() {
    let schema = schema(registered());
    assert_eq!(schema["additionalProperties"], false);
    let telegram = &schema["properties"]["channels"]["properties"]["telegram"];
    assert_eq!(telegram["additionalProperties"], false);
    let account = &telegram["properties"]["accounts"]["additionalProperties"]["properties"];
    assert_eq!(account["token_file"]["type"], "string");
    let port = &schema["properties"]["gateway"]["properties"]["port"];
    assert_eq!(port["type"], "integer");
    assert!(port["description"].as_str().unwrap().contains("Default: 18789"));
}

#[test]
fn what_is_in_effect_has_the_defaults_of_plugins() {
    let text = "[channels.webchat]\ntitle = 'Ann'\n[channels.telegram]\nbot_token = '1:a'\n\
                [assistant.openai]\nbase_url = 'http://127.0.0.1:1/v1'\nmodel = 'm'\ntimeout_seconds = 7\n";
    let config = try_load(text).unwrap();
    for (key, expected) in [
        ("channels.webchat.history", Value::Integer(200)),
        ("channels.webchat.title", Value::String("Ann".to_owned())),
        ("channels.telegram.require_mention", Value::Boolean(true)),
        ("assistant.openai.timeout_seconds", Value::Integer(7)),
        ("assistant.openai.history_turns", Value::Integer(10)),
        ("assistant.openai.describe_sender", Value::Boolean(true)),
    ] {
        assert_eq!(value(&config, key), Some(expected), "{key}");
    }
    assert_eq!(value(&config, "assistant.openai.system_prompt"), None);
    assert_eq!(value(&config, "assistant.command.history_turns"), None, "no table");
}

/// The same text names the default for people, editors and `config show`: the file says nothing else then.
#[test]
fn a_default_of_the_schema_changes_nothing_where_it_is_written() {
    let base = "[channels.telegram]\nbot_token = '1:a'\n[channels.discord]\ntoken = '2'\n\
                [channels.bluebubbles]\nserver_url = 'http://127.0.0.1:1'\npassword = 'x'\n\
                callback_url = 'http://127.0.0.1:2/bluebubbles-webhook'\n\
                [channels.slack]\nbot_token = 'xoxb-0123456789-0123456789-abcdef'\n\
                app_token = 'xapp-1-A0123456789-0123456789-abcdef'\n\
                [channels.feishu]\napp_id = 'cli_a1b2c3d4e5f60718'\napp_secret = 'abcdefgh'\n\
                [channels.googlechat]\nservice_account_file = '/chat.json'\n\
                audience_type = 'project-number'\naudience = '1'\n\
                [channels.imessage]\nenabled = true\n\
                [channels.msteams]\napp_id = '6a7e0000-1111-4222-8333-444444444444'\n\
                tenant_id = '7e4a0000-1111-4222-8333-444444444444'\napp_password = 'a-secret-of-32-characters'\n\
                [channels.signal]\naccount = '+15551234567'\nurl = 'http://127.0.0.1:1'\n\
                [channels.whatsapp]\nphone_number_id = '1'\naccess_token = 'a-secret-of-32-characters'\n\
                app_secret = 'a-secret-of-32-characters'\nverify_token = 'a-secret-of-32-characters'\n\
                [assistant.openai]\nbase_url = 'http://127.0.0.1:1/v1'\nmodel = 'm'\n\
                [assistant.command]\nprogram = '/bin/cat'\n";
    let (schema, plain) = (schema(registered()), try_load(base).unwrap());
    let mut tried = 0;
    // Slack and Feishu have a path in another mode only.
    let in_another_mode = ["channels.feishu.webhook_path", "channels.slack.webhook_path"];
    let root = Key::root(registered());
    let all = root.leaves().into_iter().map(|(path, _)| path);
    for path in all.filter(|path| !in_another_mode.contains(&&**path)) {
        let at = format!("/properties/{}", path.replace('.', "/properties/"));
        let Some(default) = schema.pointer(&at).and_then(|key| key.get("default")) else {
            continue;
        };
        let mut root: Table = base.parse().unwrap();
        put(&mut root, &path, Value::try_from(default).unwrap());
        let config = try_load(&root.to_string()).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(show(&config), show(&plain), "{path}");
        tried += 1;
    }
    assert!(tried > 40, "{tried}");
}
