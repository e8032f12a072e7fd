//! An account's own keys: its app, which of the two platforms, and how events arrive.

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError, http_client,
    kit::config::{self, Form, secret},
    reqwest::Url,
    toml,
};
use serde::Deserialize;

use crate::text;

const FEISHU: &str = "https://open.feishu.cn";
const LARK: &str = "https://open.larksuite.com";
const WEBHOOK_PATH: &str = "/feishu/events";

const APP_SECRET: Form = Form {
    fits: |secret| secret.len() >= 8,
    missing: text::SECRET_MISSING,
    wrong: text::NO_SECRET,
};
/// `case_089`: what is served without a secret would believe every sender.
const ENCRYPT_KEY: Form =
    Form { fits: |key| key.len() >= 8, missing: text::KEY_MISSING, wrong: text::NO_SECRET };
const VERIFICATION_TOKEN: Form =
    Form { fits: |token| token.len() >= 8, missing: text::TOKEN_MISSING, wrong: text::NO_SECRET };

/// A checked configuration.
pub(crate) struct Config {
    pub(crate) app_id: String,
    pub(crate) app_secret: Secret,
    /// Where the platform's API answers.
    pub(crate) root: Url,
    pub(crate) events: Events,
}

/// How events arrive.
pub(crate) enum Events {
    /// We hold a socket.
    Socket,
    /// Feishu calls us.
    Webhook(Keys),
}

/// What a request of Feishu's is proven with.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) encrypt_key: Secret,
    pub(crate) verification_token: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    app_id: Option<String>,
    app_secret: Option<Secret>,
    connection_mode: Option<String>,
    domain: Option<String>,
    encrypt_key: Option<Secret>,
    verification_token: Option<Secret>,
    webhook_path: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let table: Table = settings.parse()?;
        let app_id = table.app_id.unwrap_or_default().trim().to_owned();
        let rest = app_id.strip_prefix("cli_").unwrap_or_default();
        if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(SettingsError::new("app_id", text::NO_APP));
        }
        let app_secret = secret("app_secret", table.app_secret, &APP_SECRET)?;
        let root = match table.domain.as_deref().map_or("feishu", str::trim) {
            "feishu" => FEISHU,
            "lark" => LARK,
            own => own,
        };
        let root = http_client::root("domain", root, FEISHU).map_err(|_| {
            SettingsError::new("domain", "must be `feishu`, `lark`, or an `https` address")
        })?;
        let events = match table.connection_mode.as_deref().unwrap_or("websocket") {
            "webhook" => {
                let path = table.webhook_path.as_deref().unwrap_or(WEBHOOK_PATH);
                config::path("webhook_path", path)?;
                Events::Webhook(Keys {
                    encrypt_key: secret("encrypt_key", table.encrypt_key, &ENCRYPT_KEY)?,
                    verification_token: secret(
                        "verification_token",
                        table.verification_token,
                        &VERIFICATION_TOKEN,
                    )?,
                })
            }
            // The other keys may stay: the app's page shows them, and OpenClaw keeps them.
            "websocket" => Events::Socket,
            _ => return Err(SettingsError::new("connection_mode", text::NO_MODE)),
        };
        Ok(Self { app_id, app_secret, root, events })
    }
}

/// Where an account with these settings is served.
pub(crate) fn path(table: &toml::Table) -> Option<String> {
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    let is_called = text("connection_mode") == Some("webhook");
    is_called.then(|| text("webhook_path").unwrap_or(WEBHOOK_PATH).to_owned())
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::testing::settings;

    use super::*;

    const APP: &str = "app_id = 'cli_a1b2c3d4e5f60718'\napp_secret = 'secret-part'\n";

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
    fn an_app_and_its_secret_are_needed() {
        assert!(matches!(read(APP).unwrap().events, Events::Socket));
        refused("", "app_id");
        refused("app_secret = 'secret-part'", "app_id");
        refused("app_id = 'cli_'\napp_secret = 'secret-part'", "app_id");
        refused("app_id = 'a1b2'\napp_secret = 'secret-part'", "app_id");
        refused("app_id = 'cli_a1'", "app_secret");
        refused("app_id = 'cli_a1'\napp_secret = ' '", "app_secret");
        refused(&format!("{APP}connection_mode = 'socket'"), "connection_mode");
    }

    #[test]
    fn the_platform_is_named_or_addressed() {
        let root = |domain: &str| read(&format!("{APP}domain = '{domain}'")).unwrap().root;
        assert_eq!(read(APP).unwrap().root.host_str(), Some("open.feishu.cn"));
        assert_eq!(root("feishu").host_str(), Some("open.feishu.cn"));
        assert_eq!(root("lark").host_str(), Some("open.larksuite.com"));
        assert_eq!(root("https://feishu.example/").as_str(), "https://feishu.example/");
        assert_eq!(root("http://127.0.0.1:1").as_str(), "http://127.0.0.1:1/");
        for domain in ["larksuite", "http://open.feishu.cn", "https://a@b.example", ""] {
            refused(&format!("{APP}domain = '{domain}'"), "domain");
        }
    }

    #[test]
    fn case_089_nothing_is_served_without_both_keys() {
        let called = format!("{APP}connection_mode = 'webhook'\n");
        let (key, token) =
            ("encrypt_key = 'secret-part'\n", "verification_token = 'secret-part'\n");
        refused(&called, "encrypt_key");
        refused(&format!("{called}{token}"), "encrypt_key");
        refused(&format!("{called}{token}encrypt_key = ''"), "encrypt_key");
        refused(&format!("{called}{token}encrypt_key = 'short'"), "encrypt_key");
        refused(&format!("{called}{key}"), "verification_token");
        let whole = format!("{called}{key}{token}");
        assert!(matches!(read(&whole).unwrap().events, Events::Webhook(_)));
        for path in ["", "/", "feishu", "/feishu/", "/a//b", "/a?b"] {
            refused(&format!("{whole}webhook_path = '{path}'"), "webhook_path");
        }
        assert!(read(&format!("{APP}{key}{token}")).is_ok(), "kept for another mode");
    }

    #[test]
    fn only_an_account_that_is_called_has_a_path() {
        let path = |table: &str| path(&table.parse().unwrap());
        assert_eq!(path("connection_mode = 'webhook'").as_deref(), Some("/feishu/events"));
        let own = "connection_mode = 'webhook'\nwebhook_path = '/a'";
        assert_eq!(path(own).as_deref(), Some("/a"));
        assert_eq!(path("webhook_path = '/a'"), None);
    }
}
