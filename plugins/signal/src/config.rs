//! An account's own keys: its number, and the daemon of signal-cli, which answers somewhere or is the gateway's to start.

use std::path::PathBuf;

use openclaw_plugin_sdk::{
    Settings, SettingsError, http_client,
    kit::{
        config::{absolute, program},
        ids::is_phone,
    },
    reqwest::Url,
};
use serde::Deserialize;

use crate::{daemon::Program, text};

/// A checked configuration.
pub(crate) struct Config {
    /// The account's number.
    pub(crate) account: String,
    pub(crate) place: Place,
}

/// Where the daemon is.
pub(crate) enum Place {
    /// It answers here; nothing else is ever asked.
    Url(Url),
    /// The gateway starts it.
    Program(Program),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    account: Option<String>,
    url: Option<String>,
    cli_path: Option<PathBuf>,
    config_path: Option<PathBuf>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let Keys { account, url, cli_path, config_path } = settings.parse()?;
        let account = account.unwrap_or_default().trim().to_owned();
        if !is_phone(&account) {
            return Err(SettingsError::new("account", text::NO_ACCOUNT));
        }
        let wrong = |key: &str, problem: &str| Err(SettingsError::new(key, problem));
        let place = match (url, cli_path, config_path) {
            (Some(_), Some(_), _) => return wrong("cli_path", text::TWO_DAEMONS),
            (_, None, Some(_)) => return wrong("config_path", text::NO_PROGRAM),
            (None, None, None) => return wrong("url", text::URL_MISSING),
            (Some(url), None, None) => {
                Place::Url(http_client::root("url", &url, "http://127.0.0.1:8080")?)
            }
            (None, Some(path), data) => Place::Program(Program {
                path: program("cli_path", path)?,
                data: data.map(|data| absolute("config_path", data)).transpose()?,
            }),
        };
        Ok(Self { account, place })
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::testing::settings;

    use super::*;

    fn read(table: &str) -> Result<Config, SettingsError> {
        Config::read(&settings(table))
    }

    #[track_caller]
    fn refused(table: &str, key: &str) {
        let error = read(table).err().unwrap_or_else(|| panic!("{table} is refused"));
        assert_eq!(error.key, key, "{table}: {error}");
    }

    #[test]
    fn a_number_and_an_address_are_needed() {
        let (account, url) = ("account = '+15551234567'\n", "url = 'http://127.0.0.1:8080'\n");
        let config = read(&format!("{account}{url}")).unwrap();
        assert_eq!(config.account, "+15551234567");
        assert!(
            matches!(config.place, Place::Url(root) if root.as_str() == "http://127.0.0.1:8080/")
        );
        refused("", "account");
        refused(url, "account");
        refused(&format!("account = '15551234567'\n{url}"), "account");
        refused(&format!("account = 'Ann'\n{url}"), "account");
        refused(account, "url");
    }

    #[test]
    fn a_daemon_is_somewhere_or_is_started_and_never_both() {
        let place = |more: &str| format!("account = '+15551234567'\n{more}");
        for fits in [
            "cli_path = 'signal-cli'",
            "cli_path = '/opt/signal-cli/bin/signal-cli'\nconfig_path = '/srv/signal'",
        ] {
            let place = read(&place(fits)).unwrap().place;
            assert!(matches!(place, Place::Program(_)), "{fits}");
        }
        for (wrong, key) in [
            ("cli_path = 'signal-cli'\nurl = 'http://127.0.0.1:8080'", "cli_path"),
            ("config_path = '/srv/signal'", "config_path"),
            ("config_path = '/srv/signal'\nurl = 'http://127.0.0.1:8080'", "config_path"),
            ("cli_path = ''", "cli_path"),
            ("cli_path = 'bin/signal-cli'", "cli_path"),
            ("cli_path = '..'\n", "cli_path"),
            ("cli_path = 'signal-cli'\nconfig_path = 'signal'", "config_path"),
        ] {
            refused(&place(wrong), key);
        }
    }

    #[test]
    fn what_is_read_and_sent_leaves_in_plain_text_only_for_this_machine() {
        let url = |url: &str| format!("account = '+15551234567'\nurl = '{url}'");
        for fits in ["http://[::1]:9", "http://localhost:9/x", "https://signal.example/x"] {
            assert!(read(&url(fits)).is_ok(), "{fits}");
        }
        for wrong in ["http://10.0.0.1", "ftp://127.0.0.1", "https://ann@b.example", "x", ""] {
            refused(&url(wrong), "url");
        }
    }
}
