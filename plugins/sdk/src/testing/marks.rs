//! What a person reads of a text with the signs `*_~` and backticks, on platforms that write marks so.

const NOTHING: char = '\u{200b}';

/// Something that a text begins with: what is read of it, and what follows.
pub type Taken<'a> = Option<(String, &'a str)>;

/// The text, its marks taken away. `also` knows what else the platform reads in another way.
pub fn reads(text: &str, also: fn(&str) -> Taken<'_>) -> String {
    let (mut read, mut rest, mut before) = (String::new(), text, None);
    while let Some(c) = rest.chars().next() {
        let taken = fence(rest)
            .or_else(|| code(rest))
            .or_else(|| also(rest))
            .or_else(|| mark(rest, before, also));
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

/// The text without what nobody sees.
pub fn seen(text: &str) -> String {
    text.replace(NOTHING, "")
}

fn fence(text: &str) -> Taken<'_> {
    let (inner, after) = text.strip_prefix("```")?.split_once("```")?;
    let inner = inner.strip_prefix('\n').unwrap_or(inner);
    Some((seen(inner.strip_suffix('\n').unwrap_or(inner)), after))
}

fn code(text: &str) -> Taken<'_> {
    let (inner, after) = text.strip_prefix('`')?.split_once('`')?;
    let is_code = !inner.is_empty() && !inner.starts_with(NOTHING) && !inner.contains('\n');
    is_code.then(|| (seen(inner), after))
}

fn mark(text: &str, before: Option<char>, also: fn(&str) -> Taken<'_>) -> Taken<'_> {
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
    Some((reads(&inside[..at], also), &inside[at + 1..]))
}
