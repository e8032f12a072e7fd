//! Commands as people type them.

use openclaw_plugin_sdk::is_unseen;

/// A command as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words<'a> {
    /// Its name, without prefix. An `@account` that still stands in it names another bot: channels take ours off.
    pub(crate) name: &'a str,
    /// What stands after it, trimmed.
    pub(crate) args: &'a str,
}

impl Words<'_> {
    /// True for the command of this name, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Reads a command; `None` for a text that is none.
pub(crate) fn command<'a>(prefix: &str, text: &'a str) -> Option<Words<'a>> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c));
    let rest = text.strip_prefix(prefix)?;
    let (head, args) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-@".contains(c);
    let named = head.starts_with(|c: char| c != '@') && head.chars().all(fits);
    named.then(|| Words { name: head, args: args.trim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_people_type_it() {
        let words = |name, args| Some(Words { name, args });
        assert_eq!(
            command("/", "/pairing approve  ABCD2345 "),
            words("pairing", "approve  ABCD2345")
        );
        assert_eq!(command("/", "\u{200b}/Pairing list\u{feff}"), words("Pairing", "list"));
        assert_eq!(command("/", " /help@other_bot"), words("help@other_bot", ""));
        assert_eq!(command("/", "/start x\ny"), words("start", "x\ny"));
        for text in ["", "hello", "/", "/ help", "//x", "/päir", "a /help", "/@bot"] {
            assert_eq!(command("/", text), None, "{text}");
        }
    }
}
