//! An account's own keys: its number, and where the daemon of signal-cli answers.

use openclaw_plugin_sdk::{Settings, SettingsError, http_client, reqwest::Url};
use serde::Deserialize;

use crate::{is_number, text};

/// A checked configuration.
pub(crate) struct Config {
    /// The account's number.
    pub(crate) account: String,
    /// Where the daemon answers; nothing else is ever asked.
    pub(crate) root: Url,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    account: Option<String>,
    url: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let Keys { account, url } = settings.parse()?;
        let account = account.unwrap_or_default().trim().to_owned();
        if !is_number(&account) {
            return Err(SettingsError::new("account", text::NO_ACCOUNT));
        }
        let url = url.ok_or_else(|| SettingsError::new("url", text::URL_MISSING))?;
        Ok(Self { account, root: http_client::root("url", &url, "http://127.0.0.1:8080")? })
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
        assert_eq!(
            (config.account.as_str(), config.root.as_str()),
            ("+15551234567", "http://127.0.0.1:8080/")
        );
        refused("", "account");
        refused(url, "account");
        refused(&format!("account = '15551234567'\n{url}"), "account");
        refused(&format!("account = 'Ann'\n{url}"), "account");
        refused(account, "url");
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
