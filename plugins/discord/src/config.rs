//! An account's own keys: the token, where Discord answers, and which of its servers count.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError,
    http_client::{self, is_local},
    kit::{
        config::{Form, secret},
        ids,
    },
    reqwest::Url,
    toml,
};
use serde::Deserialize;

use crate::text;

const PUBLIC: &str = "https://discord.com";

const TOKEN: Form =
    Form { fits: |token| token != "Bot", missing: text::TOKEN_MISSING, wrong: text::TOKEN_FORM };

/// A checked configuration.
pub(crate) struct Config {
    pub(crate) token: Secret,
    /// Where Discord answers; once configured, nothing else is ever asked.
    pub(crate) root: Url,
    /// The servers that count, and in each the channels; empty for all of its channels. `None` for all servers.
    pub(crate) guilds: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    api_root: Option<String>,
    token: Option<Secret>,
    guilds: Option<BTreeMap<String, Guild>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guild {
    channels: Option<toml::Value>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Keys = settings.parse()?;
        // Others write the kind of the token before it.
        let given = keys.token.as_ref().map(Secret::expose).unwrap_or_default().trim_start();
        let token = Secret::new(given.strip_prefix("Bot ").unwrap_or(given));
        let token = secret("token", Some(token), &TOKEN)?;
        // Others write the path behind the host too.
        let root = keys.api_root.as_deref().unwrap_or(PUBLIC).trim_end_matches('/');
        let root = root.trim_end_matches("/v10").trim_end_matches("/api");
        let root = http_client::root("api_root", root, "https://host")?;
        let guilds = keys.guilds.map(|guilds| guilds.into_iter().map(guild).collect());
        Ok(Self { token, root, guilds: guilds.transpose()? })
    }

    /// Checks where the gateway is said to be: the token goes to no other host.
    pub(crate) fn gateway(&self, said: &str) -> Result<Url, &'static str> {
        let url = Url::parse(said).map_err(|_| text::GATEWAY_NO_URL)?;
        let private = url.scheme() == "wss" || (url.scheme() == "ws" && is_local(&url));
        if !private {
            return Err(text::GATEWAY_NOT_WSS);
        }
        let public = self.root.as_str().trim_end_matches('/') == PUBLIC;
        let same =
            url.host_str() == self.root.host_str() || (is_local(&self.root) && is_local(&url));
        let fits = if public { !is_local(&url) } else { same };
        fits.then_some(url).ok_or(text::GATEWAY_ELSEWHERE)
    }
}

fn guild((id, guild): (String, Guild)) -> Result<(String, Vec<String>), SettingsError> {
    if ids::number(&id).is_none() {
        return Err(SettingsError::new(format!("guilds.{id}"), text::NO_SERVER));
    }
    let channels = match guild.channels {
        None => Ok(Vec::new()),
        Some(toml::Value::Array(listed)) if listed.is_empty() => Err(text::NO_CHANNELS),
        Some(toml::Value::Array(listed)) => {
            listed.iter().map(channel).collect::<Option<_>>().ok_or(text::NO_CHANNEL)
        }
        Some(_) => Err(text::NO_LIST),
    };
    let wrong = |problem| SettingsError::new(format!("guilds.{id}.channels"), problem);
    Ok((id.clone(), channels.map_err(wrong)?))
}

fn channel(listed: &toml::Value) -> Option<String> {
    let text = match listed {
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    ids::number(&text).map(|_| text)
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
        assert!(!error.problem.contains("MTk4"), "no token in {error}");
    }

    #[test]
    fn a_token_is_needed() {
        refused("", "token");
        refused("token = ''", "token");
        refused("token = 'Bot '", "token");
        refused("token = 'MTk4 x'", "token");
        assert_eq!(read("token = ' Bot MTk4.x.y '").unwrap().token.expose(), "MTk4.x.y");
    }

    #[test]
    fn without_a_root_the_public_one_is_asked() {
        for root in [
            "",
            "api_root = 'https://discord.com/api'",
            "api_root = 'https://discord.com/api/v10/'",
        ] {
            let config = read(&format!("token = 'x'\n{root}")).unwrap();
            assert_eq!(config.root.as_str(), "https://discord.com/");
        }
    }

    #[test]
    fn a_token_leaves_in_plain_text_only_for_this_machine() {
        for root in ["http://127.0.0.1:9/", "http://[::1]:9", "https://chat.example/x"] {
            assert!(read(&format!("token = 'x'\napi_root = '{root}'")).is_ok(), "{root}");
        }
        for root in ["http://chat.example", "ftp://127.0.0.1", "x", "https://u@h", "https://h?a=b"]
        {
            refused(&format!("token = 'x'\napi_root = '{root}'"), "api_root");
        }
    }

    #[test]
    fn the_token_goes_to_no_other_host_than_the_one_configured() {
        let public = read("token = 'x'").unwrap();
        assert!(public.gateway("wss://gateway-us-east1-b.discord.gg").is_ok());
        assert!(public.gateway("ws://gateway.discord.gg").is_err(), "in plain text");
        assert!(public.gateway("ws://127.0.0.1:9").is_err(), "to this machine");
        let local = read("token = 'x'\napi_root = 'http://127.0.0.1:9'").unwrap();
        assert!(local.gateway("ws://127.0.0.1:10/socket").is_ok());
        assert!(local.gateway("ws://localhost:10").is_ok());
        for url in ["wss://gateway.discord.gg", "ws://192.168.1.2", "http://127.0.0.1:9", "x"] {
            assert!(local.gateway(url).is_err(), "{url}");
        }
        let own = read("token = 'x'\napi_root = 'https://chat.example'").unwrap();
        assert!(own.gateway("wss://chat.example/socket").is_ok());
        for url in ["wss://gateway.discord.gg", "ws://chat.example", "ws://127.0.0.1:9"] {
            assert!(own.gateway(url).is_err(), "{url}");
        }
    }

    #[test]
    fn case_081_servers_and_channels_are_listed_by_id() {
        refused("token = 'x'\n[guilds.family]", "guilds.family");
        refused("token = 'x'\n[guilds.'*']", "guilds.*");
        refused("token = 'x'\n[guilds.1]\nchannels = []", "guilds.1.channels");
        refused("token = 'x'\n[guilds.1]\nchannels = ['general']", "guilds.1.channels");
        refused("token = 'x'\n[guilds.1.channels.2]\nallow = true", "guilds.1.channels");
        assert!(
            read("token = 'x'\n[guilds.1]\nusers = [1]").is_err(),
            "what does nothing is refused"
        );
        let config = read("token = 'x'\n[guilds.1]\nchannels = ['2', 3]\n[guilds.4]").unwrap();
        let guilds = config.guilds.unwrap();
        assert_eq!(guilds["1"], ["2", "3"]);
        assert!(guilds["4"].is_empty());
    }
}
