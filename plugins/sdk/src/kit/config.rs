//! Tokens in an account's configuration: given there, or in a file.

use std::{io, path::PathBuf};

use crate::{ChannelError, Secret, SettingsError, own_file};

/// What a token has to be like, beside printable ASCII; and what is said of another.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the type says it")]
pub struct Form {
    pub fits: fn(&str) -> bool,
    pub missing: &'static str,
    pub wrong: &'static str,
}

/// A token that is given in the configuration, or in a file that it names.
#[derive(Debug)]
pub struct Token {
    key: &'static str,
    source: TokenSource,
    form: Form,
}

#[derive(Debug)]
enum TokenSource {
    Given(Secret),
    File(PathBuf),
}

/// The value of a key without spaces around it, if it is there and has this form.
pub fn secret(key: &str, value: Option<Secret>, form: &Form) -> Result<Secret, SettingsError> {
    let value = value.unwrap_or_else(|| Secret::new(""));
    checked(value.expose(), form).map_err(|problem| SettingsError::new(key, problem))
}

fn checked(text: &str, form: &Form) -> Result<Secret, &'static str> {
    let text = text.trim();
    match text {
        "" => Err(form.missing),
        _ if text.chars().all(|c| c.is_ascii_graphic()) && (form.fits)(text) => {
            Ok(Secret::new(text))
        }
        _ => Err(form.wrong),
    }
}

impl Token {
    /// A value under a key, or the file under another: exactly one of them. No file is read yet.
    pub fn read(
        key: &'static str,
        value: Option<Secret>,
        file_key: &'static str,
        file: Option<PathBuf>,
        form: Form,
    ) -> Result<Self, SettingsError> {
        let wrong = |problem: &str| Err(SettingsError::new(file_key, problem));
        match file {
            Some(_) if value.is_some() => {
                wrong(&format!("stands beside `{key}`: give one of them"))
            }
            Some(file) if file.is_absolute() => {
                Ok(Self { key: file_key, source: TokenSource::File(file), form })
            }
            Some(_) => wrong("must be an absolute path"),
            None => Ok(Self { key, source: TokenSource::Given(secret(key, value, &form)?), form }),
        }
    }

    /// The key that the token comes from.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The token. A file is read each time.
    pub async fn secret(&self) -> Result<Secret, ChannelError> {
        let file = match &self.source {
            TokenSource::Given(token) => return Ok(token.clone()),
            TokenSource::File(file) => file.clone(),
        };
        let shown = format!("`{}` {}", self.key, file.display());
        let read = tokio::task::spawn_blocking(move || own_file::read_to_string(&file)).await;
        let text = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        let token = match text {
            Ok(text) if text.trim().is_empty() => Err("is blank".to_owned()),
            Ok(text) => checked(&text, &self.form).map_err(str::to_owned),
            Err(error) => Err(error.to_string()),
        };
        token.map_err(|why| ChannelError::Unauthorized(format!("{shown}: {why}")))
    }
}

/// The value of a key that names a program: an absolute path, or a name in `PATH`.
pub fn program(key: &str, path: PathBuf) -> Result<PathBuf, SettingsError> {
    if path.is_absolute() || path.file_name() == Some(path.as_os_str()) {
        return Ok(path);
    }
    Err(SettingsError::new(key, "must be an absolute path, or the name of a program in `PATH`"))
}

/// The value of a key that names a file or a folder.
pub fn absolute(key: &str, path: PathBuf) -> Result<PathBuf, SettingsError> {
    if path.is_absolute() {
        return Ok(path);
    }
    Err(SettingsError::new(key, "must be an absolute path"))
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

    const FORM: Form = Form {
        fits: |text| text.starts_with("x-"),
        missing: "is missing",
        wrong: "begins with `x-`",
    };

    fn read(value: Option<&str>, file: Option<&str>) -> Result<Token, SettingsError> {
        let value = value.map(Secret::new);
        Token::read("token", value, "token_file", file.map(PathBuf::from), FORM)
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
