//! A file that is no TOML: what it looks like instead, and the line with a mark under what is wrong.

use std::ops::Range;

use openclaw_plugin_sdk::is_unseen;

use super::names;

/// So many characters of a line are shown.
const SHOWN: usize = 100;
/// So many of them stand before the mark at most.
const BEFORE: usize = 60;
/// A word with letters that is shorter, or has fewer digits, is no secret.
const SECRET: (usize, usize) = (10, 4);
/// A longer word is one, whatever is in it.
const LONG: usize = 40;

const QUOTES: &[char] = &['“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»'];

/// What is wrong, in a sentence of its own where the mistake is a usual one.
pub(super) fn what(text: &str, at: usize, message: &str) -> String {
    let (_, line) = line_at(text, at);
    if is_json(text, line) {
        return instead_of("JSON");
    }
    if line.contains(QUOTES) {
        return "this line has typographic quotes; in TOML a text stands in `\"` or `'`".to_owned();
    }
    if line.split_once('=').is_some_and(|(_, value)| value.trim_start().starts_with('$')) {
        return "the name of an environment variable stands in quotes: `\"${NAME}\"`".to_owned();
    }
    if is_yaml(line) {
        return instead_of("YAML");
    }
    format!("this is not valid TOML: {message}")
}

fn instead_of(what: &str) -> String {
    format!(
        "this is {what}, and the configuration is TOML: `[gateway]` on a line of its own, then `port = 18789`; \
         `config.example.toml` has every key"
    )
}

fn is_json(text: &str, line: &str) -> bool {
    let mut lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim_start());
    let first = lines.find(|line| !line.is_empty() && !line.starts_with("//"));
    let quoted = line.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
    first.is_some_and(|first| first.starts_with('{'))
        || quoted.is_some_and(|(_, rest)| rest.trim_start().starts_with(':'))
}

fn is_yaml(line: &str) -> bool {
    let line = line.trim();
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_key = |key: &str, rest: &str| {
        !key.is_empty() && key.chars().all(name) && (rest.is_empty() || rest.starts_with(' '))
    };
    line == "---"
        || line.starts_with("- ")
        || line.split_once(':').is_some_and(|(key, rest)| is_key(key, rest))
}

/// The line, and a mark under what is wrong in it. What may be a secret is covered.
pub(super) fn excerpt(text: &str, span: &Range<usize>) -> String {
    let (start, line) = line_at(text, span.start);
    let chars_to = |end: usize| text.get(start..end).map_or(0, |part| part.chars().count());
    let length = line.chars().count();
    let mark = chars_to(span.start).min(length);
    let marked = chars_to(span.end).min(length).saturating_sub(mark).max(1);
    let above = &text[..start];
    let covered = if is_inside(above, line) {
        line.chars().map(star).collect()
    } else {
        covered(line, belongs_to_secret(above, line))
    };
    let cut = if length > SHOWN { mark.saturating_sub(BEFORE) } else { 0 };
    let shown: String = covered.chars().skip(cut).take(SHOWN).map(tame).collect();
    let number = 1 + text[..start].matches('\n').count();
    let margin = " ".repeat(number.to_string().len());
    let (shown, marks) = (shown.trim_end(), "^".repeat(marked.min(SHOWN)));
    format!("  {number} | {shown}\n  {margin} | {}{marks}", " ".repeat(mark - cut))
}

/// Where a line begins, and the line.
fn line_at(text: &str, at: usize) -> (usize, &str) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].split('\n').next().unwrap_or_default();
    (start, line.trim_end_matches('\r'))
}

/// True where the whole value in a line is covered: its key, or the last one above, is that of a secret, or it may hold
/// more than one value, or a comment.
fn belongs_to_secret(above: &str, line: &str) -> bool {
    let parts = line.chars().filter(|c| matches!(c, '=' | '#' | ';' | ',' | '{')).count();
    let parts = parts + line.matches(": ").count() + line.matches("\":").count();
    if separator(line).is_some() && parts > 1 {
        return true;
    }
    let mut lines = [line].into_iter().chain(above.lines().rev());
    first_word(line).is_some() || lines.find_map(key).is_some_and(is_secret)
}

fn is_secret(key: &str) -> bool {
    names::names_a_secret(&names::snake(key))
}

/// The end of the first word, where nothing parts it from a value and it is the key of a secret.
fn first_word(line: &str) -> Option<usize> {
    let begin = line.len() - line.trim_start().len();
    let end = line[begin..].find(char::is_whitespace).map_or(line.len(), |end| begin + end);
    (separator(line).is_none() && is_secret(line[begin..end].trim_matches('"'))).then_some(end)
}

fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_at(separator(line)?);
    let quotes = |c: char| matches!(c, '"' | '\'') || QUOTES.contains(&c) || c.is_whitespace();
    Some(key.rsplit('.').next().unwrap_or(key).trim_matches(quotes))
}

fn separator(line: &str) -> Option<usize> {
    line.find('=').or_else(|| line.find(": ")).or_else(|| line.find("\":").map(|at| at + 1))
}

/// The same line with stars for what may be a secret.
fn covered(line: &str, whole: bool) -> String {
    let value = separator(line).or_else(|| first_word(line)).unwrap_or_default();
    if whole {
        let (key, value) = line.split_at(value);
        return cover_words(key) + &value.chars().map(star).collect::<String>();
    }
    cover_words(line)
}

fn star(c: char) -> char {
    if c.is_whitespace() || "=:\"'".contains(c) { c } else { '*' }
}

/// True where a line goes on with a text that was begun above, or begins one that does not end before the separator:
/// what looks like a key there is none.
fn is_inside(above: &str, line: &str) -> bool {
    let is_open = |quotes: &str| above.matches(quotes).count() % 2 == 1;
    let head = separator(line).map_or(line, |at| &line[..at]);
    let begins =
        |quote: char| head.trim_start().starts_with(quote) && head.matches(quote).count() % 2 == 1;
    is_open("\"\"\"") || is_open("'''") || begins('"') || begins('\'')
}

fn cover_words(text: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '+' | '@');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| part(c) != part(first)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        let length = word.chars().count();
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let mixed = digits < length && length >= SECRET.0 && digits >= SECRET.1;
        if part(first) && (mixed || length > LONG || word.contains('@')) {
            shown.extend(std::iter::repeat_n('*', length));
        } else {
            shown.push_str(word);
        }
    }
    shown
}

/// Nothing in a line moves what stands behind it, or steers a terminal.
fn tame(c: char) -> char {
    match c {
        c if c.is_control() => ' ',
        c if is_unseen(c) => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(text: &str, wrong: &str, expected: &str) {
        let at = text.find(wrong).unwrap();
        assert_eq!(excerpt(text, &(at..at + wrong.len())), expected);
    }

    #[test]
    fn the_mark_stands_under_what_is_wrong() {
        shows("[gateway]\nport = 18x\n", "18x", "  2 | port = 18x\n    |        ^^^");
        shows("a\u{1b}\té = x\r\n", "x", "  1 | a  é = x\n    |        ^");
        let long = format!("{} = x", "a ".repeat(100));
        let shown = excerpt(&long, &(203..204));
        assert_eq!(shown.lines().next().unwrap().chars().count(), 4 + 2 + BEFORE + 1);
        assert!(shown.lines().all(|line| line.ends_with(['x', '^'])), "{shown}");
    }

    #[test]
    fn case_114_a_secret_in_the_line_is_covered() {
        for (text, hidden) in [
            ("bot_token = hunter two", "hunter"),
            ("password: hunter", "hunter"),
            ("\"apiKey\": \"hunter\",", "hunter"),
            ("bot_token = “hunter”", "hunter"),
            ("api_key = \"\"\"\nfirst\nhunter", "hunter"),
            ("title = 123456:AAFhunter", "hunter"),
            ("123456:AAFhunter", "hunter"),
            ("bot_token 'hunter'", "hunter"),
            ("base_url = https://ann:hunter@host", "hunter"),
            ("hunter12345 = 1 1", "hunter"),
            ("telegram = { enabled = true, bot_token = \"hunter two }", "hunter"),
            ("port = 1; auth.token = \"hunter\"", "hunter"),
            ("port = 1 bot_token = hunter", "hunter"),
            ("model = \"m\", api_key = \"hunter\"", "hunter"),
            ("{\"title\":\"x\",\"bot_token\":\"hunter two\"}", "hunter"),
            ("port = 18x # password hunter", "hunter"),
            ("api_key = \"\"\"\nhunter=two", "hunter"),
            ("api_key = '''\nfoo: hunter", "hunter"),
            ("api_key = [\n\"hunter\",\n\"foo=hunter", "hunter"),
        ] {
            let shown = excerpt(text, &(text.len() - 1..text.len()));
            assert!(!shown.contains(hidden) && shown.contains('*'), "{shown}");
        }
        for text in ["port = 18x89", "base_url = http://127.0.0.1:11434/v1", "bind = lan tailnet"] {
            let shown = excerpt(text, &(0..1));
            assert!(shown.contains(text), "{shown}");
        }
    }
}
