//! An account's own keys: a token, or the file it stands in, and where the Bot API answers.

use std::path::PathBuf;

use openclaw_plugin_sdk::{
    ChannelError, Secret, Settings, SettingsError, http_client, own_file, reqwest::Url,
};
use serde::Deserialize;

const PUBLIC: &str = "https://api.telegram.org";

/// A checked configuration.
pub(crate) struct Config {
    token: Token,
    /// Where the Bot API answers; once configured, nothing else is ever asked.
    pub(crate) root: Url,
}

enum Token {
    File(PathBuf),
    Given(Secret),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    api_root: Option<String>,
    bot_token: Option<Secret>,
    token_file: Option<PathBuf>,
}

impl Config {
    /// Reads no file yet: opening does no I/O.
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Keys = settings.parse()?;
        let token = match (keys.bot_token, keys.token_file) {
            (Some(token), None) => {
                Token::Given(checked(&token).map_err(|problem| error("bot_token", problem))?)
            }
            (None, Some(file)) if file.is_absolute() => Token::File(file),
            (None, Some(_)) => return Err(error("token_file", "must be an absolute path")),
            (None, None) => {
                return Err(error("bot_token", "is missing: give `bot_token`, or `token_file`"));
            }
            (Some(_), Some(_)) => {
                return Err(error("token_file", "stands beside `bot_token`: give one of them"));
            }
        };
        let root = keys.api_root.as_deref().unwrap_or(PUBLIC);
        let root = http_client::root("api_root", root, "https://host/path")?;
        Ok(Self { token, root })
    }

    /// The token; a file is read anew each time.
    pub(crate) async fn token(&self) -> Result<Secret, ChannelError> {
        let file = match &self.token {
            Token::File(file) => file,
            Token::Given(token) => return Ok(token.clone()),
        };
        let unusable = |why: &dyn std::fmt::Display| {
            ChannelError::Unauthorized(format!("`token_file` {}: {why}", file.display()))
        };
        let path = file.clone();
        let read = tokio::task::spawn_blocking(move || own_file::read_to_string(&path));
        let text = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let text = text.map(Secret::new).map_err(|error| unusable(&error))?;
        checked(&text).map_err(|problem| unusable(&problem))
    }

    /// True where the Bot API answers on this machine: then the token passes no proxy.
    pub(crate) fn is_local(&self) -> bool {
        http_client::is_local(&self.root)
    }

    /// The key that a refused token came from.
    pub(crate) fn token_key(&self) -> &'static str {
        match self.token {
            Token::File(_) => "token_file",
            Token::Given(_) => "bot_token",
        }
    }
}

fn checked(token: &Secret) -> Result<Secret, &'static str> {
    let text = token.expose().trim();
    let fits = |c: char| c.is_ascii_graphic() && c != '/';
    if text.is_empty() {
        return Err("is blank");
    }
    if !text.chars().all(fits) || !text.contains(':') {
        return Err("is not of the form that BotFather gives, `<number>:<letters>`");
    }
    Ok(Secret::new(text))
}

fn error(key: &str, problem: &str) -> SettingsError {
    SettingsError::new(key, problem)
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{AccountId, toml::Table};

    use super::*;

    fn read(table: &str) -> Result<Config, SettingsError> {
        let table: Table = table.parse().unwrap();
        Config::read(&Settings {
            account: AccountId::default_account(),
            table,
            key: [0; 32],
            commands: Vec::new(),
        })
    }

    #[track_caller]
    fn refused(table: &str, key: &str) {
        let error = read(table).err().unwrap_or_else(|| panic!("{table} is refused"));
        assert_eq!(error.key, key, "{table}: {error}");
        assert!(!error.problem.contains("AAF"), "no token in {error}");
    }

    #[test]
    fn exactly_one_token_is_needed() {
        refused("", "bot_token");
        refused("bot_token = ''", "bot_token");
        refused("bot_token = '  '", "bot_token");
        refused("bot_token = '1:AAF x'", "bot_token");
        refused("bot_token = 'AAF'", "bot_token");
        refused("bot_token = '1:AAF/../x'", "bot_token");
        refused("bot_token = '1:AAF'\ntoken_file = '/run/token'", "token_file");
        refused("token_file = 'token'", "token_file");
        assert_eq!(read("bot_token = ' 1:AAF '").unwrap().token_key(), "bot_token");
        assert_eq!(read("token_file = '/run/token'").unwrap().token_key(), "token_file");
    }

    #[test]
    fn without_a_root_the_public_one_is_asked() {
        assert_eq!(read("bot_token = '1:AAF'").unwrap().root.as_str(), "https://api.telegram.org/");
    }

    #[test]
    fn a_token_leaves_in_plain_text_only_for_this_machine() {
        for root in [
            "http://127.0.0.1:9/",
            "http://[::1]:9",
            "http://localhost:9/x",
            "https://bots.example/x",
        ] {
            assert!(read(&format!("bot_token = '1:AAF'\napi_root = '{root}'")).is_ok(), "{root}");
        }
        for root in [
            "http://api.telegram.org",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://ann@bots.example",
            "https://bots.example/?x=1",
            "api.telegram.org",
            "",
        ] {
            refused(&format!("bot_token = '1:AAF'\napi_root = '{root}'"), "api_root");
        }
    }

    #[test]
    fn a_token_for_this_machine_passes_no_proxy() {
        assert!(read("bot_token = '1:AAF'\napi_root = 'http://127.0.0.1:9'").unwrap().is_local());
        assert!(!read("bot_token = '1:AAF'").unwrap().is_local());
    }

    #[tokio::test]
    async fn a_token_file_is_read_when_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let config = read(&format!("token_file = '{}'", file.display())).unwrap();
        let missing = config.token().await.err().map(|error| error.to_string()).unwrap();
        assert!(missing.contains("token_file"), "{missing}");
        tokio::fs::write(&file, "1:AAF\n").await.unwrap();
        assert_eq!(config.token().await.unwrap().expose(), "1:AAF");
        tokio::fs::write(&file, "1:AAF one\n2:AAF two").await.unwrap();
        let wrong = config.token().await.err().map(|error| error.to_string()).unwrap();
        assert!(wrong.contains("token_file") && !wrong.contains("AAF"), "{wrong}");
    }
}
