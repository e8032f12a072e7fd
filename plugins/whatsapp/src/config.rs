//! An account's own keys: the number, the token it is spoken for with, and what proves that Meta calls.

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError, http_client,
    kit::config::{self, Form, secret},
    reqwest::Url,
    toml,
};
use serde::Deserialize;

use crate::text;

const API: &str = "https://graph.facebook.com";
const VERSION: &str = "v25.0";
const WEBHOOK_PATH: &str = "/whatsapp/webhook";

const ACCESS_TOKEN: Form =
    Form { fits: |token| token.len() >= 16, missing: text::NO_TOKEN, wrong: text::WRONG_SECRET };
/// `case_089`: what is served without a secret would believe every sender.
const APP_SECRET: Form =
    Form { fits: |key| key.len() >= 16, missing: text::NO_APP_SECRET, wrong: text::WRONG_SECRET };
const VERIFY_TOKEN: Form = Form {
    fits: |token| token.len() >= 16,
    missing: text::NO_VERIFY_TOKEN,
    wrong: text::WRONG_SECRET,
};

/// A checked configuration.
pub(crate) struct Config {
    /// Names the number to Meta; it is not the number.
    pub(crate) number_id: String,
    pub(crate) access_token: Secret,
    /// Signs what Meta sends.
    pub(crate) app_secret: Secret,
    /// What Meta shows when it asks whether the path is ours.
    pub(crate) verify_token: Secret,
    /// Where this version of the API answers.
    pub(crate) root: Url,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    access_token: Option<Secret>,
    api_root: Option<String>,
    app_secret: Option<Secret>,
    graph_version: Option<String>,
    mode: Option<String>,
    phone_number_id: Option<String>,
    verify_token: Option<Secret>,
    webhook_path: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Table = settings.parse()?;
        let wrong = |key: &str, problem: &str| Err(SettingsError::new(key, problem));
        match keys.mode.as_deref().unwrap_or("cloud") {
            "cloud" => {}
            "web" => return wrong("mode", text::NO_WEB),
            _ => return wrong("mode", text::NO_MODE),
        }
        config::path("webhook_path", keys.webhook_path.as_deref().unwrap_or(WEBHOOK_PATH))?;
        let number_id = keys.phone_number_id.unwrap_or_default().trim().to_owned();
        let is_id = |id: &str| id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_digit());
        if number_id.is_empty() || !is_id(&number_id) {
            return wrong("phone_number_id", text::NO_NUMBER_ID);
        }
        let version = keys.graph_version.as_deref().unwrap_or(VERSION).trim();
        if !is_version(version) {
            return wrong("graph_version", text::NO_VERSION);
        }
        let mut root = http_client::root("api_root", keys.api_root.as_deref().unwrap_or(API), API)?;
        if let Ok(mut path) = root.path_segments_mut() {
            path.pop_if_empty().push(version);
        }
        Ok(Self {
            number_id,
            access_token: secret("access_token", keys.access_token, &ACCESS_TOKEN)?,
            app_secret: secret("app_secret", keys.app_secret, &APP_SECRET)?,
            verify_token: secret("verify_token", keys.verify_token, &VERIFY_TOKEN)?,
            root,
        })
    }
}

/// As `v25.0`.
fn is_version(text: &str) -> bool {
    let parts = text.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    let is_part = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    parts.is_some_and(|(major, minor)| is_part(major) && is_part(minor))
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

    const BASE: &str = "phone_number_id = '106540352242922'\naccess_token = 'EAAxxxxxxxxxxxxxxxxx'\n\
        app_secret = '0123456789abcdef0123456789abcdef'\nverify_token = 'a-text-of-my-own'\n";

    #[track_caller]
    fn refused(table: &str, key: &str, problem: &str) {
        let error = Config::read(&settings(table)).err();
        let error = error.unwrap_or_else(|| panic!("{table} is refused"));
        assert_eq!((error.key.as_str(), error.problem.contains(problem)), (key, true), "{error}");
    }

    #[test]
    fn four_keys_are_enough() {
        for more in ["", "mode = 'cloud'\n"] {
            let config = Config::read(&settings(&format!("{BASE}{more}"))).unwrap();
            assert_eq!(config.root.as_str(), "https://graph.facebook.com/v25.0");
            assert_eq!(config.number_id, "106540352242922");
        }
        let own = format!("{BASE}api_root = 'http://127.0.0.1:9/'\ngraph_version = 'v26.0'");
        let own = Config::read(&settings(&own)).unwrap();
        assert_eq!(own.root.as_str(), "http://127.0.0.1:9/v26.0");
    }

    #[test]
    fn the_mode_web_is_refused_with_the_reason_and_the_way_out() {
        for table in [&format!("{BASE}mode = 'web'"), "mode = 'web'"] {
            refused(table, "mode", "not offered");
            refused(table, "mode", "AGPL-3.0");
            refused(table, "mode", "use `cloud`");
        }
        refused(&format!("{BASE}mode = 'baileys'"), "mode", "cloud");
    }

    #[test]
    fn case_089_an_account_without_a_secret_is_not_served() {
        for key in ["phone_number_id", "access_token", "app_secret", "verify_token"] {
            let without: String = BASE
                .lines()
                .filter(|line| !line.starts_with(key))
                .fold(String::new(), |all, it| all + it + "\n");
            refused(&without, key, "");
            refused(&format!("{without}{key} = ''"), key, "");
            refused(&format!("{without}{key} = 'short'"), key, "");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        let with = |key: &str, value: &str| {
            let rest = BASE.lines().filter(|line| !line.starts_with(key));
            rest.fold(format!("{key} = '{value}'\n"), |all, it| all + it + "\n")
        };
        for number in ["+15551234567", "1 555", "abc"] {
            refused(&with("phone_number_id", number), "phone_number_id", "not the number");
        }
        for version in ["25.0", "v25", "v.0", "v25.0/x", "latest"] {
            refused(&with("graph_version", version), "graph_version", "v25.0");
        }
        refused(&with("api_root", "http://graph.example"), "api_root", "https");
        refused(&with("webhook_path", "whatsapp"), "webhook_path", "path");
    }

    #[test]
    fn an_account_is_served_at_its_own_path() {
        assert_eq!(path(&toml::Table::new()).as_deref(), Some("/whatsapp/webhook"));
        let table = "webhook_path = '/work'".parse().unwrap();
        assert_eq!(path(&table).as_deref(), Some("/work"));
    }
}
