//! The field's own configuration file, which is not read: only its keys are listed, for users who move over.
//!
//! A scan that never fails and never looks at a value: the file is JSON5, and may be torn.

use std::path::Path;

use openclaw_plugin_sdk::{ChannelPlugin, own_file};

use super::names;

const FILES: &[&str] = &["openclaw.json", "moltbot.json", "clawdbot.json"];

/// One line about a file of the field's in this folder, if there is one.
pub(super) fn notice(folder: &Path, channels: &[&'static ChannelPlugin]) -> Option<String> {
    // An import has taken it over.
    if folder.join("settings/imported.json").exists() {
        return None;
    }
    let path = FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file())?;
    let file = path.display();
    let text = match own_file::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return Some(format!("{file} is not read ({error})")),
    };
    let mut known: Vec<String> = Vec::new();
    for key in keys(&text) {
        if let Some(ours) = names::counterpart(&key, channels) {
            let line =
                format!("`{}` is `{ours}`", openclaw_plugin_sdk::neutral(&key.join("."), 120));
            if !known.contains(&line) {
                known.push(line);
            }
        }
    }
    Some(if known.is_empty() {
        format!(
            "{file} is not read; `openclaw import` takes it over. None of its keys has a counterpart here"
        )
    } else {
        format!(
            "{file} is not read; `openclaw import` takes it over. With a counterpart here: {}",
            known.join(", ")
        )
    })
}

/// The path of every key of an object, in order; objects in lists have none.
fn keys(text: &str) -> Vec<Vec<String>> {
    let mut keys = Vec::new();
    // The key that each open bracket is the value of; `None` inside a list.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut word: Option<String> = None;
    for token in (Tokens { rest: text }) {
        match token {
            Token::Colon => {
                let inside = open.iter().all(Option::is_some) && !open.is_empty();
                if let Some(key) = word.take().filter(|_| inside) {
                    let path = open.iter().skip(1).flatten().chain([&key]).cloned().collect();
                    keys.push(path);
                    word = Some(key);
                }
            }
            Token::Open('{') => open.push(Some(word.take().unwrap_or_default())),
            Token::Open(_) => {
                open.push(None);
                word = None;
            }
            Token::Close => {
                open.pop();
                word = None;
            }
            Token::Comma => word = None,
            // After a colon the key waits for its value, which is of no interest.
            Token::Word(text) => {
                let waits = word.is_some();
                word = (!waits).then_some(text);
            }
        }
    }
    keys
}

enum Token {
    Close,
    Colon,
    Comma,
    Open(char),
    Word(String),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest =
                self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            let first = self.rest.chars().next()?;
            if let Some(behind) = self.rest.strip_prefix("//") {
                self.rest = behind.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            if let Some(behind) = self.rest.strip_prefix("/*") {
                self.rest = behind.split_once("*/").map_or("", |(_, rest)| rest);
                continue;
            }
            return Some(match first {
                '"' | '\'' => Token::Word(self.quoted(first)),
                '{' | '[' => self.one(Token::Open(first)),
                '}' | ']' => self.one(Token::Close),
                ':' => self.one(Token::Colon),
                ',' => self.one(Token::Comma),
                _ => Token::Word(self.bare(first)),
            });
        }
    }
}

impl Tokens<'_> {
    fn one(&mut self, token: Token) -> Token {
        self.rest = &self.rest[1..];
        token
    }

    fn bare(&mut self, first: char) -> String {
        let ends = |c: char| c.is_whitespace() || "{}[]:,\"'/".contains(c);
        // A lone slash is a word of its own, so that the scan continues.
        let end = self.rest[first.len_utf8()..].find(ends);
        let end = end.map_or(self.rest.len(), |at| at + first.len_utf8());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn quoted(&mut self, quote: char) -> String {
        let mut word = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => word.extend(chars.next().map(|(_, c)| c)),
                c if c == quote => {
                    self.rest = &self.rest[at + 2..];
                    return word;
                }
                c => word.push(c),
            }
        }
        self.rest = "";
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = keys(text).iter().map(|key| key.join(".")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn keys_are_found_in_json_and_in_json5() {
        check(
            r#"{"channels": {"telegram": {"botToken": "123:abc", "allowFrom": ["tg:1", 2]}}, "x": 1}"#,
            &[
                "channels",
                "channels.telegram",
                "channels.telegram.botToken",
                "channels.telegram.allowFrom",
                "x",
            ],
        );
        check(
            "// a: 1\n{ channels: /* b: {} */ { 'tele\\'gram': { dmPolicy: 'open', }, }, gateway: { port: 0x10 } }",
            &[
                "channels",
                "channels.tele'gram",
                "channels.tele'gram.dmPolicy",
                "gateway",
                "gateway.port",
            ],
        );
    }

    #[test]
    fn objects_in_lists_and_torn_files_are_harmless() {
        check(r#"{"a": [{"b": 1}, [2]], "c": {"d": "x: {"#, &["a", "c", "c.d"]);
        check("", &[]);
        check("}}]]::,,/", &[]);
        check(&"[".repeat(100_000), &[]);
        check("a: 1", &[]);
    }
}
