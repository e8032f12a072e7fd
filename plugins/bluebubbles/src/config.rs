//! An account's own keys: the server on the Mac, and where the Mac reaches the gateway.

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError, http_client, kit::config, reqwest::Url, toml,
};
use serde::Deserialize;

use crate::text;

const WEBHOOK_PATH: &str = "/bluebubbles-webhook";

/// A checked configuration.
pub(crate) struct Config {
    /// Where the server answers.
    pub(crate) server: Url,
    pub(crate) password: Secret,
    /// Where the server reaches the gateway.
    pub(crate) callback: Url,
    /// Senders that Apple does not vouch for are heard too.
    pub(crate) takes_all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    callback_url: Option<String>,
    password: Option<Secret>,
    server_url: Option<String>,
    service: Option<String>,
    webhook_path: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Table = settings.parse()?;
        let path = keys.webhook_path.as_deref().unwrap_or(WEBHOOK_PATH);
        config::path("webhook_path", path)?;
        let missing = |key, problem| move || SettingsError::new(key, problem);
        let server = keys.server_url.ok_or_else(missing("server_url", text::NO_SERVER_URL))?;
        let callback = keys.callback_url.ok_or_else(missing("callback_url", text::NO_CALLBACK))?;
        let callback =
            address("callback_url", &callback, "https://gateway.example.com/bluebubbles-webhook")?;
        if !callback.path().ends_with(path) {
            return Err(SettingsError::new("callback_url", text::OTHER_PATH));
        }
        let takes_all = match keys.service.as_deref() {
            None | Some("imessage") => false,
            Some("auto") => true,
            Some(_) => return Err(SettingsError::new("service", text::NO_SERVICE)),
        };
        Ok(Self {
            server: address("server_url", &server, "http://127.0.0.1:1234")?,
            password: password(keys.password)?,
            callback,
            takes_all,
        })
    }
}

fn password(given: Option<Secret>) -> Result<Secret, SettingsError> {
    let given = given.unwrap_or_else(|| Secret::new(""));
    match given.expose().trim() {
        "" => Err(SettingsError::new("password", text::NO_PASSWORD)),
        text if text.contains(char::is_control) => {
            Err(SettingsError::new("password", text::WRONG_PASSWORD))
        }
        text => Ok(Secret::new(text)),
    }
}

/// An address that is spoken to in secret, or in plain text on this machine or a private network.
fn address(key: &str, text: &str, example: &str) -> Result<Url, SettingsError> {
    let url = http_client::address(key, text.trim(), example)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_near(&url) => Ok(url),
        _ => Err(SettingsError::new(key, text::PLAIN)),
    }
}

fn is_near(url: &Url) -> bool {
    let named = || {
        let host = url.host_str().unwrap_or_default();
        !host.is_empty() && host.strip_suffix(".local").unwrap_or(host).find('.').is_none()
    };
    http_client::ip(url).map_or_else(named, http_client::is_private)
}

/// True where others on the network can read along.
pub(crate) fn is_exposed(url: &Url) -> bool {
    url.scheme() != "https" && !http_client::is_local(url)
}

/// Where an account with these settings is served.
#[allow(clippy::unnecessary_wraps, reason = "every account is served")]
pub(crate) fn path(table: &toml::Table) -> Option<String> {
    let path = table.get("webhook_path").and_then(toml::Value::as_str);
    Some(path.unwrap_or(WEBHOOK_PATH).to_owned())
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::testing::settings;

    use super::*;

    const SERVER: &str = "server_url = 'http://127.0.0.1:1234'\npassword = 'secret-part'\n";
    const CALLBACK: &str = "callback_url = 'https://gateway.example/bluebubbles-webhook'\n";

    fn read(table: &str) -> Result<Config, SettingsError> {
        Config::read(&settings(table))
    }

    #[track_caller]
    fn refused(table: &str, key: &str) {
        let error = read(table).err().unwrap_or_else(|| panic!("{table} is refused"));
        assert_eq!(error.key, key, "{table}: {error}");
        assert!(!error.problem.contains("secret-part"), "no secret in {error}");
    }

    #[test]
    fn case_089_a_server_its_password_and_a_way_back_are_needed() {
        assert!(read(&format!("{SERVER}{CALLBACK}")).is_ok());
        refused("", "server_url");
        refused(SERVER, "callback_url");
        refused(&format!("server_url = 'http://127.0.0.1:1234'\n{CALLBACK}"), "password");
        for password in ["", "  ", "secret-part\\u0000"] {
            let table = format!("server_url = 'http://127.0.0.1:1'\npassword = \"{password}\"\n");
            refused(&format!("{table}{CALLBACK}"), "password");
        }
        let spaced = "server_url = 'http://127.0.0.1:1'\npassword = ' pass wörd '\n";
        let config = read(&format!("{spaced}{CALLBACK}")).unwrap();
        assert_eq!(config.password.expose(), "pass wörd");
    }

    #[test]
    fn plain_text_stays_on_this_machine_or_the_private_network() {
        let server =
            |url: &str| format!("server_url = '{url}'\npassword = 'secret-part'\n{CALLBACK}");
        let callback = |url: &str| format!("{SERVER}callback_url = '{url}/bluebubbles-webhook'");
        for (url, exposed) in [
            ("https://mac.example.com", false),
            ("http://127.0.0.1:1234", false),
            ("http://[::1]:1234", false),
            ("http://192.168.1.20:1234", true),
            ("http://100.101.102.103:1234", true),
            ("http://mac.local:1234", true),
            ("http://mac", true),
        ] {
            let config = read(&server(url)).unwrap();
            assert_eq!(is_exposed(&config.server), exposed, "{url}");
            assert!(read(&callback(url)).is_ok(), "{url}");
        }
        for url in [
            "http://mac.example.com",
            "http://8.8.8.8",
            "ftp://127.0.0.1",
            "x",
            "",
            "https://a@b.example",
        ] {
            refused(&server(url), "server_url");
            refused(&callback(url), "callback_url");
        }
        refused(&server("https://mac.example.com/?password=secret-part"), "server_url");
    }

    #[test]
    fn the_mac_is_told_the_path_that_is_served() {
        for (callback, path, fits) in [
            ("https://gateway.example", "", false),
            ("https://gateway.example/hook", "", false),
            ("https://gateway.example/hook", "webhook_path = '/hook'", true),
            ("https://gateway.example/below/hook", "webhook_path = '/hook'", true),
        ] {
            let read = read(&format!("{SERVER}callback_url = '{callback}'\n{path}"));
            assert_eq!(read.is_ok(), fits, "{callback} {path}");
        }
        refused(&format!("{SERVER}{CALLBACK}webhook_path = 'x'"), "webhook_path");
        let path = |table: &str| path(&table.parse().unwrap());
        assert_eq!(path("").as_deref(), Some("/bluebubbles-webhook"));
        assert_eq!(path("webhook_path = '/a'").as_deref(), Some("/a"));
    }

    #[test]
    fn senders_that_apple_does_not_vouch_for_are_not_heard_by_themselves() {
        for (service, takes_all) in
            [("", false), ("service = 'imessage'", false), ("service = 'auto'", true)]
        {
            let config = read(&format!("{SERVER}{CALLBACK}{service}")).unwrap();
            assert_eq!(config.takes_all, takes_all, "{service}");
        }
        refused(&format!("{SERVER}{CALLBACK}service = 'sms'"), "service");
    }
}
