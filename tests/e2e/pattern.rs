//! What a transcript expects: text in which `…` stands for anything, `<code…>` for a code of eight characters,
//! `<claim…>` for one that claims ownership, `<setup…>` for a setup code, `<ticket…>` for an invitation or a link, and `<request…>` for the id of a waiting device.

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
        let end = word_end(name, text);
        let (code, left) = text.split_at(end);
        if !is_code(name, code) || joined(before) || joined(left.chars().next()) {
            return false;
        }
        codes.insert(name.to_owned(), code.to_owned());
        return walk(rest, Some('X'), left, codes);
    }
    let c = pattern.chars().next().unwrap();
    text.strip_prefix(c).is_some_and(|left| walk(&pattern[c.len_utf8()..], Some(c), left, codes))
}

fn name(pattern: &str) -> Option<(&str, &str)> {
    let (name, rest) = pattern.strip_prefix('<')?.split_once('>')?;
    ["claim", "code", "request", "setup", "ticket"]
        .iter()
        .any(|kind| name.starts_with(kind))
        .then_some((name, rest))
}

/// Whether what a name stands for must stand in no log.
pub(crate) fn is_secret(name: &str) -> bool {
    !name.starts_with("request")
}

/// Where the word that a name may stand for ends.
fn word_end(name: &str, text: &str) -> usize {
    let part =
        |c: char| c.is_ascii_alphanumeric() || (!name.starts_with("code") && "-_".contains(c));
    text.find(|c| !part(c)).unwrap_or(text.len())
}

fn joined(neighbour: Option<char>) -> bool {
    neighbour.is_some_and(char::is_alphanumeric)
}

fn is_code(name: &str, text: &str) -> bool {
    if name.starts_with("setup") {
        return text.len() > 80 && text.starts_with("eyJ");
    }
    if name.starts_with("request") {
        return text.len() == 36 && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    }
    if name.starts_with("claim") {
        let part = |part: &str| part.len() == 4 && part.chars().all(|c| c.is_ascii_alphanumeric());
        return text.split('-').count() == 3 && text.split('-').all(part);
    }
    if name.starts_with("ticket") {
        return text.starts_with("inv-") || text.starts_with("link-");
    }
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
    let request = "id 11111111-2222-4333-8444-555555555555.";
    assert!(matches("id <request>.", request, &mut codes));
    assert!(!matches("id <request2>.", "id 1111.", &mut codes));
    let setup = format!("eyJ{}", "x-_9".repeat(20));
    assert!(matches("<claim>", "QW4K-UJUK-T6A7", &mut codes));
    assert!(!matches("<claim2>", "QW4K-UJUK", &mut codes));
    assert!(matches("<setup>", &setup, &mut codes) && codes["setup"] == setup);
    assert_eq!(fill("/x <code>", &codes), "/x ABCD2345");
}
