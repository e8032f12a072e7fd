//! What a person reads of a text with Chat's marks, and of a card with its few tags.

use serde_json::Value;

const NOTHING: char = '\u{200b}';

/// A message's text, its marks taken away. A person who is called is called out.
pub(crate) fn reads(text: &str) -> String {
    let (mut read, mut rest, mut before) = (String::new(), text, None);
    while let Some(c) = rest.chars().next() {
        let taken = fence(rest)
            .or_else(|| code(rest))
            .or_else(|| angle(rest))
            .or_else(|| mark(rest, before));
        if let Some((inner, after)) = taken {
            read.push_str(&inner);
            rest = after;
            before = Some('*');
            continue;
        }
        if c != NOTHING {
            read.push(c);
        }
        (before, rest) = (Some(c), &rest[c.len_utf8()..]);
    }
    read
}

fn fence(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.strip_prefix("```")?.split_once("```")?;
    let inner = inner.strip_prefix('\n').unwrap_or(inner);
    Some((seen(inner.strip_suffix('\n').unwrap_or(inner)), after))
}

fn code(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.strip_prefix('`')?.split_once('`')?;
    let is_code = !inner.is_empty() && !inner.starts_with(NOTHING) && !inner.contains('\n');
    is_code.then(|| (seen(inner), after))
}

/// A person or a link.
fn angle(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.strip_prefix('<')?.split_once('>')?;
    if let Some(who) = inner.strip_prefix("users/") {
        return Some((format!("(called: {who})"), after));
    }
    let (url, label) = inner.split_once('|').filter(|(url, _)| url.starts_with("http"))?;
    Some((format!("{} ({url})", seen(label)), after))
}

fn mark(text: &str, before: Option<char>) -> Option<(String, &str)> {
    let sign = text.chars().next().filter(|c| "*_~".contains(*c))?;
    let begins = before.is_none_or(|c| !c.is_alphanumeric() && c != NOTHING);
    let inside = &text[1..];
    let adjoins = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace() && c != NOTHING);
    if !begins || !adjoins(inside.chars().next()) {
        return None;
    }
    let line = inside.split('\n').next().unwrap_or_default();
    let ends = |at: usize| {
        let after = line[at + 1..].chars().next();
        at > 0
            && adjoins(line[..at].chars().next_back())
            && after.is_none_or(|c| !c.is_alphanumeric() && c != NOTHING)
    };
    let (at, _) = line.match_indices(sign).find(|(at, _)| ends(*at))?;
    Some((reads(&inside[..at]), &inside[at + 1..]))
}

fn seen(text: &str) -> String {
    text.replace(NOTHING, "")
}

/// A card's text.
pub(crate) fn card(cards: &Value) -> String {
    let html = cards[0]["card"]["sections"][0]["widgets"][0]["textParagraph"]["text"].as_str();
    let text =
        html.unwrap_or_default().replace("<br>", "\n").replace("<b>", "").replace("</b>", "");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// True for what a card takes: its tags, and everything else escaped.
pub(crate) fn is_html(html: &str) -> bool {
    let rest = html.replace("<br>", "").replace("<b>", "").replace("</b>", "");
    !rest.contains(['<', '>'])
        && rest.match_indices('&').all(|(at, _)| {
            ["&lt;", "&gt;", "&amp;"].iter().any(|entity| rest[at..].starts_with(entity))
        })
}
