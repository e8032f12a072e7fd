//! The wire: what of the chat completions we use. Names nothing of it to the outside.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use openclaw_plugin_sdk::{File, SettingsError, http_client, kit::history::Turn, reqwest::Url};
use serde::{Deserialize, Serialize};

/// A request for an answer.
#[derive(Serialize)]
pub(crate) struct Request<'a> {
    model: &'a str,
    stream: bool,
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Words<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Words<'a> {
    Alone(&'a str),
    WithPictures(Vec<Shown<'a>>),
}

/// A part of a question that has pictures.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Shown<'a> {
    ImageUrl { image_url: ImageUrl },
    Text { text: &'a str },
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

impl<'a> Request<'a> {
    /// The system prompt, what was said, and the question.
    pub(crate) fn new(
        model: &'a str,
        system: Option<&'a str>,
        said: &'a [Turn],
        question: &'a str,
    ) -> Self {
        let message = |role, text| Message { role, content: Words::Alone(text) };
        let system = system.map(|text| message("system", text));
        let said = said
            .iter()
            .flat_map(|turn| [message("user", &turn.question), message("assistant", &turn.answer)]);
        let question = message("user", question);
        let messages = system.into_iter().chain(said).chain([question]).collect();
        Self { model, stream: true, messages }
    }

    /// Adds the pictures to the question.
    pub(crate) fn show(&mut self, files: &[File]) {
        let picture = |file: &File| {
            let (kind, data) = (file.kind.media_type(), BASE64_STANDARD.encode(&file.bytes));
            Shown::ImageUrl { image_url: ImageUrl { url: format!("data:{kind};base64,{data}") } }
        };
        let pictures: Vec<_> =
            files.iter().filter(|file| file.kind.is_picture()).map(picture).collect();
        if let Some(Message { content, .. }) = self.messages.last_mut()
            && let Words::Alone(text) = *content
            && !pictures.is_empty()
        {
            *content =
                Words::WithPictures([Shown::Text { text }].into_iter().chain(pictures).collect());
        }
    }

    /// True where the question has pictures.
    pub(crate) fn shows_pictures(&self) -> bool {
        self.messages.last().is_some_and(|it| matches!(it.content, Words::WithPictures(_)))
    }
}

/// An answer as a whole, an event of a stream, or an error: every field may be missing.
#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Said>,
    message: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Parts(Vec<Part>),
    Text(String),
}

#[derive(Deserialize)]
struct Part {
    /// Some servers give what the model thinks as a part of its own.
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

/// What one piece of JSON brings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A failure, with its code where that is a plain word.
    Error(Option<String>),
    /// Text, perhaps none, and whether it was the last.
    Text { text: String, last: bool },
    /// It is no completion.
    Unreadable,
}

/// Reads an event of a stream, or a whole answer.
pub(crate) fn read(json: &[u8]) -> Piece {
    if json.trim_ascii() == b"[DONE]" {
        return Piece::Text { text: String::new(), last: true };
    }
    let Ok(completion) = serde_json::from_slice::<Completion>(json) else {
        return Piece::Unreadable;
    };
    if let Some(error) = completion.error {
        return Piece::Error(code(&error));
    }
    let Some(choice) = completion.choices.into_iter().next() else {
        return Piece::Text { text: String::new(), last: false };
    };
    let last = choice.message.is_some() || choice.finish_reason.is_some();
    let text = match choice.message.or(choice.delta).and_then(|said| said.content) {
        Some(Content::Parts(parts)) => {
            let said = |part: &Part| !["reason", "think"].iter().any(|it| part.kind.contains(it));
            parts.into_iter().filter(said).map(|part| part.text).collect()
        }
        Some(Content::Text(text)) => text,
        None => String::new(),
    };
    Piece::Text { text, last }
}

/// The code of an error. Never its message, which may quote the key.
fn code(error: &serde_json::Value) -> Option<String> {
    let word = |text: &&str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let named = |field: &str| error.get(field)?.as_str().filter(word).map(str::to_owned);
    named("code").or_else(|| named("type"))
}

/// What is added to the configured `base_url`.
const PATH: &str = "/chat/completions";

/// Where to ask, from the configured `base_url`: encrypted, or on this machine, or on a private network where
/// `allow_plain_http` allows that.
pub(crate) fn endpoint(base_url: &str, allow_plain_http: bool) -> Result<Url, SettingsError> {
    let wrong = |problem: &str| Err(SettingsError::new("base_url", problem));
    let base_url = base_url.trim();
    let mut url = http_client::address("base_url", base_url, "https://api.example.com/v1")?;
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("must be `https`");
    }
    if url.scheme() == "http" && !http_client::is_local(&url) {
        if !allow_plain_http {
            return wrong(
                "must be `https`, or on this machine; `assistant.openai.allow_plain_http = true` allows plain HTTP on \
                 your private network",
            );
        }
        if http_client::ip(&url).is_some_and(|it| !http_client::is_private(it)) {
            return wrong(
                "must be `https`: `allow_plain_http` allows plain HTTP on a private network only",
            );
        }
    }
    let path = url.path().trim_end_matches('/');
    if path.ends_with(PATH) {
        return wrong("is the address before `/chat/completions`; leave that out");
    }
    let path = format!("{path}{PATH}");
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn text(json: &str, text: &str, last: bool) {
        assert_eq!(read(json.as_bytes()), Piece::Text { text: text.to_owned(), last }, "{json}");
    }

    #[test]
    fn pieces_and_whole_answers_are_read() {
        text(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#, "", false);
        text(r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}"#, "Hi", false);
        text(r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#, "", false);
        text(r#"{"choices":[{"delta":{"content":null},"finish_reason":"stop"}]}"#, "", true);
        text(r#"{"choices":[],"usage":{"total_tokens":3}}"#, "", false);
        text(r#"{"choices":[{"message":{"role":"assistant","content":"Hi"}}]}"#, "Hi", true);
        let parts =
            r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"x"}]}}]}"#;
        text(parts, "a", true);
        let thinks = r#"{"choices":[{"delta":{"reasoning":"hm","content":[{"type":"reasoning","text":"hm"},{"type":"text","text":"a"}]}}]}"#;
        text(thinks, "a", false);
        text(" [DONE] ", "", true);
        for json in ["", "{", "null", "<html>"] {
            assert_eq!(read(json.as_bytes()), Piece::Unreadable, "{json:?}");
        }
    }

    #[test]
    fn an_error_gives_its_code_and_nothing_else() {
        for (json, code) in [
            (
                r#"{"error":{"message":"bad key sk-1","type":"auth_error","code":"invalid_api_key"}}"#,
                Some("invalid_api_key"),
            ),
            (
                r#"{"error":{"message":"bad key sk-1","type":"auth_error","code":null}}"#,
                Some("auth_error"),
            ),
            (r#"{"error":{"code":"sk-1"}}"#, None),
            (r#"{"error":"bad key sk-1"}"#, None),
        ] {
            assert_eq!(read(json.as_bytes()), Piece::Error(code.map(str::to_owned)), "{json}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (base, expected) in [
            ("https://api.example.com/v1", "https://api.example.com/v1/chat/completions"),
            (" https://api.example.com/v1/ ", "https://api.example.com/v1/chat/completions"),
            ("http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions"),
            ("http://127.0.0.2:1", "http://127.0.0.2:1/chat/completions"),
            ("http://[::1]:1/v1", "http://[::1]:1/v1/chat/completions"),
        ] {
            assert_eq!(endpoint(base, false).unwrap().as_str(), expected);
        }
        for base in [
            "",
            "api.example.com",
            "ftp://localhost",
            "http://api.example.com/v1",
            "http://192.168.1.2/v1",
            "http://localhost.example.com",
            "https://ann:pw@api.example.com",
            "https://api.example.com/v1?key=pw",
            "https://api.example.com/#pw",
            "http://0.0.0.0:1",
        ] {
            let error = endpoint(base, false).unwrap_err();
            assert_eq!(error.key, "base_url", "{base}");
            assert!(!error.problem.contains("pw"), "{error:?}");
        }
    }

    #[test]
    fn plain_http_on_a_private_network_is_a_choice() {
        for base in ["http://ollama:11434/v1", "http://192.168.1.2/v1", "http://[fd00::1]:1"] {
            let error = endpoint(base, false).unwrap_err();
            assert!(error.problem.contains("assistant.openai.allow_plain_http"), "{error:?}");
            let url = endpoint(base, true).unwrap();
            assert_eq!(url.as_str(), format!("{base}/chat/completions"));
        }
        for base in ["http://8.8.8.8/v1", "http://[2001:db8::1]/v1", "ftp://ollama/v1"] {
            let error = endpoint(base, true).unwrap_err();
            assert!(error.problem.starts_with("must be `https`"), "{base}: {error:?}");
        }
    }

    #[test]
    fn the_end_of_the_address_is_not_given_twice() {
        for base in ["https://h/v1/chat/completions", "http://127.0.0.1:1/chat/completions/"] {
            let error = endpoint(base, false).unwrap_err();
            assert_eq!(error.key, "base_url");
            assert!(error.problem.contains("before `/chat/completions`"), "{error:?}");
        }
    }
}
