//! An account's own keys: its tokens, how events arrive, and where the Web API answers.

use openclaw_plugin_sdk::{Secret, Settings, SettingsError, kit::config::secret, toml};
use serde::Deserialize;

use crate::address::Root;

const WEBHOOK_PATH: &str = "/slack/events";
const MISSING: &str = "is missing: the app's page at api.slack.com/apps shows it";

/// A checked configuration.
pub(crate) struct Config {
    pub(crate) bot_token: Secret,
    /// Where the Web API answers.
    pub(crate) root: Root,
    pub(crate) events: Events,
}

/// How events arrive.
pub(crate) enum Events {
    /// Slack calls us, and signs with this.
    Http { signing_secret: Secret },
    /// We hold a socket, which this token opens.
    Socket { app_token: Secret },
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Http,
    #[default]
    Socket,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    api_url: Option<String>,
    app_token: Option<Secret>,
    bot_token: Option<Secret>,
    #[serde(default)]
    mode: Mode,
    signing_secret: Option<Secret>,
    webhook_path: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Keys = settings.parse()?;
        let bot_token = secret("bot_token", keys.bot_token.as_ref(), bot_token)?;
        let events = match keys.mode {
            Mode::Http => {
                checked_path(keys.webhook_path.as_deref().unwrap_or(WEBHOOK_PATH))?;
                let secret =
                    secret("signing_secret", keys.signing_secret.as_ref(), signing_secret)?;
                Events::Http { signing_secret: secret }
            }
            Mode::Socket if keys.webhook_path.is_some() => {
                let problem = "is for `mode = \"http\"`: with Socket Mode nothing is served";
                return Err(SettingsError::new("webhook_path", problem));
            }
            Mode::Socket => {
                let app_token = secret("app_token", keys.app_token.as_ref(), app_token)?;
                Events::Socket { app_token }
            }
        };
        Ok(Self { bot_token, root: Root::read(keys.api_url.as_deref())?, events })
    }
}

/// Where an account with these settings is served.
pub(crate) fn path(table: &toml::Table) -> Option<String> {
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    (text("mode") == Some("http")).then(|| text("webhook_path").unwrap_or(WEBHOOK_PATH).to_owned())
}

fn bot_token(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err(MISSING),
        _ if is_token(text, &["xoxb-", "xoxe.xoxb-"]) => Ok(()),
        _ => Err("is not the right token: it begins with `xoxb-`"),
    }
}

fn app_token(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err(MISSING),
        _ if is_token(text, &["xapp-"]) => Ok(()),
        _ => Err("is not the right token: it begins with `xapp-`"),
    }
}

fn is_token(text: &str, heads: &[&str]) -> bool {
    heads.iter().any(|head| text.starts_with(head)) && text.chars().all(|c| c.is_ascii_graphic())
}

/// `case_089`: what is served without a secret would believe every sender.
fn signing_secret(text: &str) -> Result<(), &'static str> {
    match text {
        "" => {
            Err("is missing: `mode = \"http\"` needs it, from Basic Information of the app's page")
        }
        _ if text.len() >= 16 && is_token(text, &[""]) => Ok(()),
        _ => Err("is not what Slack shows: 32 letters and digits"),
    }
}

fn checked_path(path: &str) -> Result<(), SettingsError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    let whole = path.len() > 1 && path.starts_with('/') && !path.ends_with('/');
    if whole && path.chars().all(fits) && !path.contains("//") {
        return Ok(());
    }
    Err(SettingsError::new("webhook_path", "is no path such as `/slack/events`"))
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::AccountId;

    use super::*;

    fn read(table: &str) -> Result<Config, SettingsError> {
        let account = AccountId::default_account();
        let table = table.parse().unwrap();
        Config::read(&Settings { account, table, key: [0; 32], commands: Vec::new() })
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
}
