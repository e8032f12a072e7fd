//! An account's own keys: its tokens, how events arrive, and where the Web API answers.

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError, http_client,
    kit::config::{self, Form, secret},
    reqwest::Url,
    toml,
};
use serde::Deserialize;

use crate::text;

const PUBLIC: &str = "https://slack.com/api";
const WEBHOOK_PATH: &str = "/slack/events";

const BOT_TOKEN: Form = Form {
    fits: |token| token.starts_with("xoxb-") || token.starts_with("xoxe.xoxb-"),
    missing: text::TOKEN_MISSING,
    wrong: text::NO_BOT_TOKEN,
};
const APP_TOKEN: Form = Form {
    fits: |token| token.starts_with("xapp-"),
    missing: text::TOKEN_MISSING,
    wrong: text::NO_APP_TOKEN,
};
/// `case_089`: what is served without a secret would believe every sender.
const SECRET: Form = Form {
    fits: |secret| secret.len() >= 16,
    missing: text::SECRET_MISSING,
    wrong: text::NO_SECRET,
};

/// A checked configuration.
pub(crate) struct Config {
    pub(crate) bot_token: Secret,
    /// Where the Web API answers.
    pub(crate) root: Url,
    pub(crate) events: Events,
}

/// How events arrive.
pub(crate) enum Events {
    /// Slack calls us, and signs with this.
    Http { signing_secret: Secret },
    /// We hold a socket, which this token opens.
    Socket { app_token: Secret },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    api_url: Option<String>,
    app_token: Option<Secret>,
    bot_token: Option<Secret>,
    mode: Option<String>,
    signing_secret: Option<Secret>,
    webhook_path: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Keys = settings.parse()?;
        let bot_token = secret("bot_token", keys.bot_token, &BOT_TOKEN)?;
        let events = match keys.mode.as_deref().unwrap_or("socket") {
            "http" => {
                config::path("webhook_path", keys.webhook_path.as_deref().unwrap_or(WEBHOOK_PATH))?;
                let signing_secret = secret("signing_secret", keys.signing_secret, &SECRET)?;
                Events::Http { signing_secret }
            }
            "socket" if keys.webhook_path.is_some() => {
                return Err(SettingsError::new("webhook_path", text::NOT_SERVED));
            }
            "socket" => {
                Events::Socket { app_token: secret("app_token", keys.app_token, &APP_TOKEN)? }
            }
            _ => return Err(SettingsError::new("mode", text::NO_MODE)),
        };
        let root = keys.api_url.as_deref().unwrap_or(PUBLIC);
        let root = http_client::root("api_url", root, "https://host/api")?;
        Ok(Self { bot_token, root, events })
    }
}

/// Where an account with these settings is served.
pub(crate) fn path(table: &toml::Table) -> Option<String> {
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    (text("mode") == Some("http")).then(|| text("webhook_path").unwrap_or(WEBHOOK_PATH).to_owned())
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
        assert!(!error.problem.contains("secret-part"), "no token in {error}");
    }

    #[test]
    fn both_tokens_are_needed_and_not_mixed_up() {
        let (bot, app) = ("bot_token = 'xoxb-secret-part'\n", "app_token = 'xapp-secret-part'\n");
        assert!(read(&format!("{bot}{app}")).is_ok());
        refused("", "bot_token");
        refused(app, "bot_token");
        refused(bot, "app_token");
        refused("bot_token = 'xapp-secret-part'\napp_token = 'xoxb-secret-part'", "bot_token");
        refused(&format!("{bot}app_token = 'xoxp-secret-part'"), "app_token");
        refused(&format!("{app}bot_token = ' '"), "bot_token");
        refused(&format!("{bot}{app}mode = 'relay'"), "mode");
        refused(&format!("{bot}{app}webhook_path = '/slack/events'"), "webhook_path");
    }

    #[test]
    fn case_089_nothing_is_served_without_a_signing_secret() {
        let http = "bot_token = 'xoxb-secret-part'\nmode = 'http'\n";
        refused(http, "signing_secret");
        refused(&format!("{http}app_token = 'xapp-secret-part'"), "signing_secret");
        refused(&format!("{http}signing_secret = ''"), "signing_secret");
        refused(&format!("{http}signing_secret = '   '"), "signing_secret");
        refused(&format!("{http}signing_secret = 'short'"), "signing_secret");
        let whole = format!("{http}signing_secret = '8f742231b10e8888abcd99yyyzzz85a5'\n");
        assert!(read(&whole).is_ok());
        for path in ["", "/", "slack", "/slack/", "/a//b", "/sl ack", "/a?b"] {
            refused(&format!("{whole}webhook_path = '{path}'"), "webhook_path");
        }
    }

    #[test]
    fn only_an_account_that_is_called_has_a_path() {
        let path = |table: &str| path(&table.parse().unwrap());
        assert_eq!(path("mode = 'http'").as_deref(), Some("/slack/events"));
        assert_eq!(path("mode = 'http'\nwebhook_path = '/a'").as_deref(), Some("/a"));
        assert_eq!(path("mode = 'socket'\nwebhook_path = '/a'"), None);
        assert_eq!(path(""), None);
    }

    #[test]
    fn the_web_api_is_encrypted_or_on_this_machine() {
        let tokens = "bot_token = 'xoxb-secret-part'\napp_token = 'xapp-secret-part'\n";
        for url in ["http://slack.com/api", "ftp://127.0.0.1", "x", "https://a@b/", "https://b/?c"]
        {
            refused(&format!("{tokens}api_url = '{url}'"), "api_url");
        }
        let own = read(&format!("{tokens}api_url = 'http://127.0.0.1:1/api/'")).unwrap();
        assert_eq!(own.root.as_str(), "http://127.0.0.1:1/api");
        assert_eq!(read(tokens).unwrap().root.as_str(), "https://slack.com/api");
    }
}
