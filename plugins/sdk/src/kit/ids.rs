//! Ids as people write them.

/// The text without the first of these prefixes that it has, in any case, and without spaces around it.
pub fn without_prefix<'a>(text: &'a str, prefixes: &[&str]) -> &'a str {
    let text = text.trim();
    let rest = |prefix: &&str| {
        let (head, rest) = text.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest)
    };
    prefixes.iter().find_map(rest).unwrap_or(text).trim()
}

/// The positive number that a text is, if it is one in the one way in which platforms write it.
pub fn number(text: &str) -> Option<u64> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// True for a telephone number as `+15551234567`.
pub fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// True for a UUID in small letters that is not all zeros.
pub fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq(lengths)
        && parts.iter().all(|part| part.bytes().all(hex))
        && text.bytes().any(|byte| !matches!(byte, b'0' | b'-'))
}

/// What follows on the mention `<@id>`, `<@!id>` or `<@id|name>` that a text begins with, where it is of this id.
pub fn after_mention<'a>(text: &'a str, id: &str) -> Option<&'a str> {
    let (mark, rest) = text.trim_start().strip_prefix("<@")?.split_once('>')?;
    let name = mark.strip_prefix('!').unwrap_or(mark).strip_prefix(id)?;
    (name.is_empty() || name.starts_with('|')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prefix_is_removed() {
        for text in ["7", " 7 ", "chat:7", "CHAT: 7", "c:7"] {
            assert_eq!(without_prefix(text, &["chat:", "c:"]), "7", "{text:?}");
        }
        assert_eq!(without_prefix("chat:chat:7", &["chat:"]), "chat:7");
        assert_eq!(without_prefix("ä", &["c:"]), "ä");
    }

    #[test]
    fn case_085_a_padded_or_signed_number_is_none() {
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        for text in ["", "0", "007", "+1", "-1", "1.0", "1e3", "12 3", "٣", "18446744073709551616"]
        {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
