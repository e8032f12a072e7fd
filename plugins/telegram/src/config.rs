//! An account's own keys: a token, or the file that holds it, and where the Bot API answers.

use std::path::PathBuf;

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError, http_client,
    kit::config::{Form, Token},
    reqwest::Url,
};
use serde::Deserialize;

use crate::text;

const PUBLIC: &str = "https://api.telegram.org";

const TOKEN: Form = Form {
    fits: |token| token.contains(':') && !token.contains('/'),
    missing: text::TOKEN_MISSING,
    wrong: text::TOKEN_FORM,
};

/// A checked configuration.
pub(crate) struct Config {
    pub(crate) token: Token,
    /// Where the Bot API answers; nothing else is ever asked.
    pub(crate) root: Url,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    api_root: Option<String>,
    bot_token: Option<Secret>,
    token_file: Option<PathBuf>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let Keys { api_root, bot_token, token_file } = settings.parse()?;
        let token = Token::read("bot_token", bot_token, "token_file", token_file, TOKEN)?;
        let root = api_root.as_deref().unwrap_or(PUBLIC);
        Ok(Self { token, root: http_client::root("api_root", root, "https://host/path")? })
    }
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
        assert_eq!(read("bot_token = ' 1:AAF '").unwrap().token.key(), "bot_token");
        assert_eq!(read("token_file = '/run/token'").unwrap().token.key(), "token_file");
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
        let is_local = |table: &str| http_client::is_local(&read(table).unwrap().root);
        assert!(is_local("bot_token = '1:AAF'\napi_root = 'http://127.0.0.1:9'"));
        assert!(!is_local("bot_token = '1:AAF'"));
    }

    #[tokio::test]
    async fn a_token_file_is_read_when_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let config = read(&format!("token_file = '{}'", file.display())).unwrap();
        let missing = config.token.secret().await.err().map(|error| error.to_string()).unwrap();
        assert!(missing.contains("token_file"), "{missing}");
        tokio::fs::write(&file, "1:AAF\n").await.unwrap();
        assert_eq!(config.token.secret().await.unwrap().expose(), "1:AAF");
        tokio::fs::write(&file, "1:AAF one\n2:AAF two").await.unwrap();
        let wrong = config.token.secret().await.err().map(|error| error.to_string()).unwrap();
        assert!(wrong.contains("token_file") && !wrong.contains("AAF"), "{wrong}");
    }
}
