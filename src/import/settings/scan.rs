//! A look over a JSON5 text without recursion: how deep it is, and on which line each key stands.

use std::collections::BTreeMap;

/// The deepest nesting that is read.
const DEEPEST: usize = 64;

/// Where a key stands: the keys above it and itself.
pub(super) type Path = Vec<String>;

/// The line of each key, from 1. What stands in a list has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(BTreeMap<Path, u32>);

impl Lines {
    /// The line of a key.
    pub(super) fn of(&self, path: &[String]) -> Option<u32> {
        self.0.get(path).copied()
    }
}

/// Looks it over; `None` where it is nested too deeply to be read. A torn text gives what there is.
pub(super) fn scan(text: &str) -> Option<Lines> {
    let mut scan = Scan { lines: Lines::default(), open: Vec::new(), word: None, line: 1 };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => scan.line += 1,
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => scan.comment(&mut chars),
            '"' | '\'' => scan.quoted(c, &mut chars),
            '{' | '[' => {
                scan.open.push((c == '{').then(|| scan.word.take().unwrap_or_default()));
                scan.word = None;
                if scan.open.len() > DEEPEST {
                    return None;
                }
            }
            '}' | ']' => {
                scan.open.pop();
                scan.word = None;
            }
            ',' => scan.word = None,
            ':' => scan.key(),
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                let more = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '-');
                while let Some(c) = chars.next_if(more) {
                    word.push(c);
                }
                scan.take(word);
            }
        }
    }
    Some(scan.lines)
}

struct Scan {
    lines: Lines,
    /// The key that each open bracket is the value of; `None` inside a list.
    open: Vec<Option<String>>,
    word: Option<String>,
    line: u32,
}

impl Scan {
    fn comment(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        chars.next();
        while let Some(c) = chars.next() {
            if c == '\n' {
                self.line += 1;
            }
            if c == '*' && chars.next_if_eq(&'/').is_some() {
                return;
            }
        }
    }

    fn quoted(&mut self, end: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        let mut word = String::new();
        while let Some(c) = chars.next() {
            let c = if c == '\\' { chars.next().unwrap_or_default() } else { c };
            if c == '\n' {
                self.line += 1;
            }
            if c == end {
                break;
            }
            word.push(c);
        }
        self.take(word);
    }

    /// A word behind a colon is a value.
    fn take(&mut self, word: String) {
        if self.word.is_none() {
            self.word = Some(word);
        }
    }

    fn key(&mut self) {
        let in_objects = self.open.iter().all(Option::is_some) && !self.open.is_empty();
        if let Some(key) = self.word.clone().filter(|_| in_objects) {
            let path = self.open.iter().skip(1).flatten().cloned().chain([key]).collect();
            self.lines.0.insert(path, self.line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_lines_and_what_is_no_key_has_none() {
        let lines = scan(
            "{ // a: 1\n a: {\n'b': \"c: {\", /* d: \n */ e: [ { f: 1 } ] },\n g: 'h',\n i: -1 }",
        )
        .unwrap();
        let of = |path: &str| lines.of(&path.split('.').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(
            (of("a"), of("a.b"), of("a.e"), of("g"), of("i")),
            (Some(2), Some(3), Some(4), Some(5), Some(6))
        );
        assert_eq!((of("d"), of("f"), of("h")), (None, None, None));
    }

    #[test]
    fn a_text_that_is_nested_too_deeply_is_not_read() {
        assert!(scan(&"[".repeat(64)).is_some());
        assert!(scan(&"[".repeat(65)).is_none());
        assert!(scan(&"{a:".repeat(1_000_000)).is_none());
    }
}
