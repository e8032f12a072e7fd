//! Where a key stands in the text of a configuration, and which variables it names.

use std::collections::BTreeSet;

use toml_edit::{Document, Item, TableLike};

/// The line of a key by its dotted path, from 1. `None` where the text has no such key.
pub fn line(text: &str, path: &str) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let mut table: &dyn TableLike = document.as_table();
    let mut parts = path.split('.').peekable();
    loop {
        let part = parts.next()?;
        let item: &Item = table.get(part)?;
        if parts.peek().is_none() {
            let span = table.key(part).and_then(toml_edit::Key::span).or_else(|| item.span())?;
            return Some(1 + text.get(..span.start)?.matches('\n').count());
        }
        table = item.as_table_like()?;
    }
}

/// The value of a key by its dotted path as it is written, where it is a text.
pub fn written(text: &str, path: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let mut table: &dyn TableLike = document.as_table();
    let mut parts = path.split('.').peekable();
    loop {
        let item: &Item = table.get(parts.next()?)?;
        if parts.peek().is_none() {
            return item.as_str().map(str::to_owned);
        }
        table = item.as_table_like()?;
    }
}

/// The variables that its texts name as `${NAME}`; comments name none.
pub fn variables(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut names = BTreeSet::new();
    for line in lines {
        for (at, _) in line.match_indices("${") {
            let is_literal = line[..at].ends_with('$');
            let name = line[at + 2..].split_once('}').map(|(name, _)| name).unwrap_or_default();
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_literal && is_name && !name.is_empty() {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ${NOT}\n[gateway]\nport = 1\nauth.token = \"${TOKEN}\"\n[channels.x]\n\
                        a = \"$${NOT} ${OTHER}\"\n";

    #[test]
    fn keys_have_lines_and_texts_name_variables() {
        assert_eq!(line(TEXT, "gateway.port"), Some(3));
        assert_eq!(line(TEXT, "channels.x.a"), Some(6));
        assert_eq!(line(TEXT, "channels.y.a"), None);
        assert_eq!(written(TEXT, "gateway.auth.token").as_deref(), Some("${TOKEN}"));
        assert_eq!(variables(TEXT), ["OTHER", "TOKEN"].map(str::to_owned).into());
    }
}
