//! Tokens in an account's configuration: given there, or in a file.

use std::{io, path::PathBuf};

use crate::{ChannelError, Secret, SettingsError, own_file};

/// What is wrong with a token, which has no spaces around it.
pub type Check = fn(&str) -> Result<(), &'static str>;

/// A token that is given in the configuration, or in a file that it names.
#[derive(Debug)]
pub struct Token {
    key: &'static str,
    place: TokenSource,
    check: Check,
}

#[derive(Debug)]
enum TokenSource {
    Given(Secret),
    File(PathBuf),
}

/// The value of a key without spaces around it, if it is there and passes the check.
pub fn secret(key: &str, value: Option<&Secret>, check: Check) -> Result<Secret, SettingsError> {
    let value = value.map(Secret::expose).unwrap_or_default();
    checked(value, check).map_err(|problem| SettingsError::new(key, problem))
}

fn checked(text: &str, check: Check) -> Result<Secret, &'static str> {
    let text = text.trim();
    check(text).map(|()| Secret::new(text))
}

impl Token {
    /// A value under a key, or the file under another: exactly one of them. No file is read yet.
    pub fn read(
        key: &'static str,
        value: Option<&Secret>,
        file_key: &'static str,
        file: Option<PathBuf>,
        check: Check,
    ) -> Result<Self, SettingsError> {
        let wrong = |problem: &str| Err(SettingsError::new(file_key, problem));
        match file {
            Some(_) if value.is_some() => {
                wrong(&format!("stands beside `{key}`: give one of them"))
            }
            Some(file) if file.is_absolute() => {
                Ok(Self { key: file_key, place: TokenSource::File(file), check })
            }
            Some(_) => wrong("must be an absolute path"),
            None => Ok(Self { key, place: TokenSource::Given(secret(key, value, check)?), check }),
        }
    }

    /// The key that the token comes from.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The token. A file is read each time.
    pub async fn secret(&self) -> Result<Secret, ChannelError> {
        let file = match &self.place {
            TokenSource::Given(token) => return Ok(token.clone()),
            TokenSource::File(file) => file.clone(),
        };
        let shown = format!("`{}` {}", self.key, file.display());
        let read = tokio::task::spawn_blocking(move || own_file::read_to_string(&file)).await;
        let text = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        let token = match text {
            Ok(text) => checked(&text, self.check).map_err(str::to_owned),
            Err(error) => Err(error.to_string()),
        };
        token.map_err(|why| ChannelError::Unauthorized(format!("{shown}: {why}")))
    }
}

/// The value of a key that says where the account is served, if it is a plain path.
pub fn path(key: &str, path: &str) -> Result<(), SettingsError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    let whole = path.len() > 1 && path.starts_with('/') && !path.ends_with('/');
    if whole && path.chars().all(fits) && !path.contains("//") {
        return Ok(());
    }
    Err(SettingsError::new(key, "is no path such as `/slack/events`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), &'static str> {
        if text.starts_with("x-") { Ok(()) } else { Err("begins with `x-`") }
    }

    fn read(value: Option<&str>, file: Option<&str>) -> Result<Token, SettingsError> {
        let value = value.map(Secret::new);
        Token::read("token", value.as_ref(), "token_file", file.map(PathBuf::from), check)
    }

    #[test]
    fn exactly_one_token_is_needed() {
        for (value, file, key) in [
            (None, None, "token"),
            (Some(" "), None, "token"),
            (Some("y-1"), None, "token"),
            (Some("x-1"), Some("/run/token"), "token_file"),
            (None, Some("token"), "token_file"),
        ] {
            let error = read(value, file).unwrap_err();
            assert_eq!(error.key, key, "{error}");
        }
        assert_eq!(read(Some("x-1"), None).unwrap().key(), "token");
        assert_eq!(read(None, Some("/run/token")).unwrap().key(), "token_file");
    }

    #[tokio::test]
    async fn a_token_file_is_read_when_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let token = read(None, file.to_str()).unwrap();
        let error = token.secret().await.unwrap_err().to_string();
        assert!(error.contains("`token_file`"), "{error}");
        tokio::fs::write(&file, "x-1\n").await.unwrap();
        assert_eq!(token.secret().await.unwrap().expose(), "x-1");
        tokio::fs::write(&file, "y-secret").await.unwrap();
        let error = token.secret().await.unwrap_err().to_string();
        assert!(error.contains("`token_file`") && !error.contains("secret"), "{error}");
    }
}
