//! Clauses about a plugin's facts, its settings and its secrets.

use super::{FakePlatform, bench, log::Log};
use crate::{Channel, ChannelPlugin, Ingress, SettingsError, toml};

pub(super) async fn check<P: FakePlatform>(
    plugin: &'static ChannelPlugin,
    start: &impl AsyncFn() -> P,
) {
    facts_are_well_formed(plugin);
    a_blank_or_wildcard_sender_is_refused(plugin);
    let platform = start().await;
    an_unknown_key_is_refused_by_name(plugin, &platform);
    required_keys_are_required(plugin, &platform);
    a_secret_is_in_no_debug_print_and_no_error(plugin, &platform);
    opening_does_no_io(plugin, platform);
}

fn facts_are_well_formed(plugin: &ChannelPlugin) {
    let id = plugin.id;
    assert!(
        !id.is_empty() && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
        "{id}: a plain id"
    );
    assert!(!plugin.label.is_empty(), "{id} has a label");
    assert!(
        !plugin.id_label.is_empty() && !plugin.id_line.is_empty(),
        "{id} says what it calls a sender id"
    );
    assert!(plugin.text_limit.max > 0, "{id}: a positive text limit");
    assert!(plugin.abilities.buttons != Some(0), "{id}: no buttons is `None`");
    let streams = plugin.abilities.streams;
    assert!(streams.is_none() || plugin.abilities.edits, "{id}: what grows is edited");
    for key in plugin.secret_keys {
        assert!(plugin.keys.contains(key), "{id}: the secret key `{key}` is one of its keys");
    }
    for (key, name) in plugin.env_keys {
        assert!(plugin.keys.contains(key), "{id}: `{name}` gives one of its keys");
    }
    if let Ingress::Serve { path } = plugin.ingress {
        assert!(
            path.starts_with('/') && path.len() > 1 && !path.ends_with('/'),
            "{id}: a path such as `/{id}`"
        );
    }
}

/// `case_085`, for every channel.
fn a_blank_or_wildcard_sender_is_refused(plugin: &ChannelPlugin) {
    for text in ["", " ", "\t", "*", " * ", "\u{0}"] {
        assert!((plugin.parse_sender)(text).is_err(), "{}: {text:?} is no sender id", plugin.id);
    }
}

fn an_unknown_key_is_refused_by_name(plugin: &ChannelPlugin, platform: &impl FakePlatform) {
    let mut table = platform.settings();
    table.insert("no_such_key".to_owned(), toml::Value::Boolean(true));
    let Err(error) = open(plugin, table) else {
        panic!("{}: an unknown key is refused", plugin.id)
    };
    let named = error.key.contains("no_such_key") || error.problem.contains("no_such_key");
    assert!(named, "{}: the error names the key: {error:?}", plugin.id);
}

fn required_keys_are_required(plugin: &ChannelPlugin, platform: &impl FakePlatform) {
    for key in platform.settings().keys() {
        assert!(plugin.keys.contains(&key.as_str()), "{}: `{key}` is one of its keys", plugin.id);
    }
    if plugin.secret_keys.is_empty() {
        return;
    }
    assert!(open(plugin, toml::Table::new()).is_err(), "{}: credentials are required", plugin.id);
    for key in plugin.secret_keys {
        let mut table = platform.settings();
        if table.insert((*key).to_owned(), toml::Value::Integer(1)).is_some() {
            assert!(open(plugin, table).is_err(), "{}: `{key}` is a text", plugin.id);
        }
    }
}

fn a_secret_is_in_no_debug_print_and_no_error(
    plugin: &ChannelPlugin,
    platform: &impl FakePlatform,
) {
    let mut table = platform.settings();
    let shown = format!("{:?}", bench::settings(plugin, table.clone()));
    for (key, secret) in secrets(plugin, &table) {
        assert!(!shown.contains(&secret), "{}: `{key}` is not shown", plugin.id);
    }
    table.insert("no_such_key".to_owned(), toml::Value::Boolean(true));
    let shown = open(plugin, table.clone())
        .err()
        .map(|error| format!("{error} {error:?}"))
        .unwrap_or_default();
    for (key, secret) in secrets(plugin, &table) {
        assert!(!shown.contains(&secret), "{}: `{key}` is in no error", plugin.id);
    }
}

/// Opens in a thread without a runtime, with the platform gone.
fn opening_does_no_io(plugin: &'static ChannelPlugin, platform: impl FakePlatform) {
    let table = platform.settings();
    drop(platform);
    let opened = std::thread::spawn(move || open(plugin, table).map(drop)).join();
    assert_eq!(opened.ok(), Some(Ok(())), "{} opens without its platform", plugin.id);
}

/// `case_107`, for every channel: after all other clauses.
pub(super) fn no_secret_is_logged(plugin: &ChannelPlugin, platform: &impl FakePlatform, log: &Log) {
    let text = log.text();
    assert!(text.contains("receive begins"), "{}: the log is kept", plugin.id);
    for (key, secret) in secrets(plugin, &platform.settings()) {
        let line = text.lines().find(|line| line.contains(&secret));
        let line = line.map(|line| line.replace(&secret, "<secret>"));
        assert_eq!(line, None, "{}: `{key}` is in no log line", plugin.id);
    }
}

fn secrets(plugin: &ChannelPlugin, table: &toml::Table) -> Vec<(&'static str, String)> {
    let value =
        |key: &&'static str| table.get(*key)?.as_str().map(|secret| (*key, secret.to_owned()));
    plugin.secret_keys.iter().filter_map(value).collect()
}

fn open(plugin: &ChannelPlugin, table: toml::Table) -> Result<Box<dyn Channel>, SettingsError> {
    (plugin.open)(bench::settings(plugin, table))
}
