//! What a transcript expects: text in which `…` stands for anything and `<name>` for a code of eight characters.

use std::collections::HashMap;

/// The codes that a transcript has seen, by name.
pub(crate) type Codes = HashMap<String, String>;

/// Matches a text against a pattern; new names are bound. `⏎` in a pattern is a line break.
pub(crate) fn matches(pattern: &str, text: &str, codes: &mut Codes) -> bool {
    let pattern = pattern.replace('⏎', "\n");
    let mut bound = codes.clone();
    let fits = walk(&pattern, None, text.trim_end(), &mut bound);
    if fits {
        *codes = bound;
    }
    fits
}

/// Puts known codes in the place of their names.
pub(crate) fn fill(line: &str, codes: &Codes) -> String {
    codes.iter().fold(line.replace('⏎', "\n"), |line, (name, code)| {
        line.replace(&format!("<{name}>"), code)
    })
}

/// `before` is what stands before the text: a code is a word of its own.
fn walk(pattern: &str, before: Option<char>, text: &str, codes: &mut Codes) -> bool {
    if pattern.is_empty() {
        return text.is_empty();
    }
    if let Some(rest) = pattern.strip_prefix('…') {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        return ends.into_iter().any(|at| {
            let mut tried = codes.clone();
            let last = text[..at].chars().next_back().or(before);
            let fits = walk(rest, last, &text[at..], &mut tried);
            if fits {
                codes.clone_from(&tried);
            }
            fits
        });
    }
    if let Some((name, rest)) = name(pattern) {
        if let Some(known) = codes.get(name).cloned() {
            return text
                .strip_prefix(&*known)
                .is_some_and(|left| walk(rest, Some('X'), left, codes));
        }
        let Some(code) = text
            .get(..8)
            .filter(|code| is_code(code) && !joined(before) && !joined(text[8..].chars().next()))
        else {
            return false;
        };
        codes.insert(name.to_owned(), code.to_owned());
        return walk(rest, Some('X'), &text[8..], codes);
    }
    let c = pattern.chars().next().unwrap();
    text.strip_prefix(c).is_some_and(|left| walk(&pattern[c.len_utf8()..], Some(c), left, codes))
}

fn name(pattern: &str) -> Option<(&str, &str)> {
    let (name, rest) = pattern.strip_prefix('<')?.split_once('>')?;
    name.starts_with("code").then_some((name, rest))
}

fn joined(neighbour: Option<char>) -> bool {
    neighbour.is_some_and(char::is_alphanumeric)
}

fn is_code(text: &str) -> bool {
    text.len() == 8 && text.chars().all(|c| "ABCDEFGHJKLMNPQRSTUVWXYZ23456789".contains(c))
}

#[test]
fn a_pattern_binds_and_compares_codes() {
    let mut codes = Codes::new();
    assert!(matches("code <code>, …!", "code ABCD2345, and more!", &mut codes));
    assert_eq!(codes["code"], "ABCD2345");
    assert!(matches("<code>", "ABCD2345\n", &mut codes));
    assert!(!matches("<code>", "ABCD2346", &mut codes));
    assert!(!matches("code", "codes", &mut codes));
    assert_eq!(fill("/x <code>", &codes), "/x ABCD2345");
}
