//! An account's own keys: the service account it speaks as, and what proves that Google calls.

use std::path::PathBuf;

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError, http_client, kit::config, reqwest::Url, toml,
};
use serde::Deserialize;

use crate::{account::Source, text};

const API: &str = "https://chat.googleapis.com";
const KEYS: &str = "https://www.googleapis.com";
const WEBHOOK_PATH: &str = "/googlechat";

/// A checked configuration.
pub(crate) struct Config {
    pub(crate) source: Source,
    /// Where the Chat API answers.
    pub(crate) api_root: Url,
    /// Where the keys of Google's tokens are.
    pub(crate) keys_root: Url,
    pub(crate) audience: Audience,
}

/// What a token has to be for.
pub(crate) enum Audience {
    /// The number of the app's project.
    Project(String),
    /// The address that Google calls; an add-on is known by the number of its project.
    Url { url: String, project: Option<String> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    api_root: Option<String>,
    audience: Option<String>,
    audience_type: Option<String>,
    keys_root: Option<String>,
    project_number: Option<String>,
    service_account: Option<Secret>,
    service_account_file: Option<PathBuf>,
    webhook_path: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Table = settings.parse()?;
        config::path("webhook_path", keys.webhook_path.as_deref().unwrap_or(WEBHOOK_PATH))?;
        let root = |key, url: Option<String>, own| {
            http_client::root(key, url.as_deref().unwrap_or(own), own)
        };
        Ok(Self {
            source: source(keys.service_account, keys.service_account_file)?,
            api_root: root("api_root", keys.api_root, API)?,
            keys_root: root("keys_root", keys.keys_root, KEYS)?,
            audience: audience(
                keys.audience_type.as_deref(),
                keys.audience.unwrap_or_default(),
                keys.project_number,
            )?,
        })
    }
}

/// Exactly one of the two. Neither is read yet.
fn source(given: Option<Secret>, file: Option<PathBuf>) -> Result<Source, SettingsError> {
    let problem = match (given, file) {
        (Some(given), None) => return Ok(Source::Given(given)),
        (None, Some(file)) if file.is_absolute() => return Ok(Source::File(file)),
        (None, Some(_)) => "must be an absolute path",
        (Some(_), Some(_)) => text::TWO_ACCOUNTS,
        (None, None) => text::NO_ACCOUNT,
    };
    Err(SettingsError::new("service_account_file", problem))
}

fn audience(
    kind: Option<&str>,
    audience: String,
    project: Option<String>,
) -> Result<Audience, SettingsError> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let is_url = audience.starts_with("https://") && Url::parse(&audience).is_ok();
    let is_project = project.as_deref().is_none_or(is_number);
    let (key, problem) = match kind {
        Some("project-number") if project.is_some() => ("project_number", text::PROJECT_TWICE),
        Some("project-number") if is_number(&audience) => return Ok(Audience::Project(audience)),
        Some("project-number") => ("audience", text::NO_PROJECT),
        Some("app-url") if !is_url => ("audience", text::NO_URL),
        Some("app-url") if !is_project => ("project_number", text::NO_PROJECT),
        Some("app-url") => return Ok(Audience::Url { url: audience, project }),
        _ => ("audience_type", text::NO_AUDIENCE_TYPE),
    };
    Err(SettingsError::new(key, problem))
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

    const FILE: &str = "service_account_file = '/etc/chat.json'\n";
    const AUDIENCE: &str =
        "audience_type = 'app-url'\naudience = 'https://bot.example/googlechat'\n";

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
    fn exactly_one_service_account_is_needed() {
        assert!(read(&format!("{FILE}{AUDIENCE}")).is_ok());
        refused(AUDIENCE, "service_account_file");
        refused(
            &format!("{FILE}{AUDIENCE}service_account = 'secret-part'"),
            "service_account_file",
        );
        assert!(read(&format!("{AUDIENCE}service_account = 'secret-part'")).is_ok());
        refused(&format!("{AUDIENCE}service_account_file = 'chat.json'"), "service_account_file");
    }

    #[test]
    fn case_089_nothing_is_served_without_an_audience() {
        refused(FILE, "audience_type");
        for (audience, key) in [
            ("audience_type = 'app-url'", "audience"),
            ("audience_type = 'app-url'\naudience = ''", "audience"),
            ("audience_type = 'app-url'\naudience = 'http://bot.example/x'", "audience"),
            ("audience_type = 'app-url'\naudience = '123'", "audience"),
            ("audience_type = 'project-number'", "audience"),
            ("audience_type = 'project-number'\naudience = 'https://bot.example/x'", "audience"),
            ("audience_type = 'project-number'\naudience = ' 1'", "audience"),
            (
                "audience_type = 'project-number'\naudience = '1'\nproject_number = '1'",
                "project_number",
            ),
            ("audience_type = 'anything'\naudience = '1'", "audience_type"),
        ] {
            refused(&format!("{FILE}{audience}"), key);
        }
        refused(&format!("{FILE}{AUDIENCE}project_number = 'my-project'"), "project_number");
        assert!(read(&format!("{FILE}{AUDIENCE}project_number = '1234567890'")).is_ok());
        let number = read(&format!("{FILE}audience_type = 'project-number'\naudience = '12345'"));
        assert!(matches!(number.unwrap().audience, Audience::Project(number) if number == "12345"));
    }

    #[test]
    fn tokens_and_keys_are_spoken_of_in_secret_or_on_this_machine() {
        for key in ["api_root", "keys_root"] {
            for url in ["http://chat.example", "ftp://127.0.0.1", "x", "https://a@b"] {
                refused(&format!("{FILE}{AUDIENCE}{key} = '{url}'"), key);
            }
            assert!(read(&format!("{FILE}{AUDIENCE}{key} = 'http://127.0.0.1:1'")).is_ok());
        }
        refused(&format!("{FILE}{AUDIENCE}webhook_path = 'x'"), "webhook_path");
    }

    #[test]
    fn every_account_has_a_path() {
        let path = |table: &str| path(&table.parse().unwrap());
        assert_eq!(path("").as_deref(), Some("/googlechat"));
        assert_eq!(path("webhook_path = '/a'").as_deref(), Some("/a"));
    }
}
