//! Slack's spelling of texts, and the words that count as commands. Slack lets an app have only the slash
//! words of its manifest, so that everything goes through `/openclaw`, or through plain words in the DM.

use openclaw_plugin_sdk::kit::ids;

/// What stands before a command.
pub(crate) const PREFIX: &str = "/openclaw ";

/// A text as a person reads it: entities and `<…>` marks spelled out.
pub(crate) fn plain(text: &str) -> String {
    let mut parts = text.split('<');
    let mut plain = entities(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once('>') {
            Some((mark, after)) => plain.extend([spelled(mark), entities(after)]),
            None => plain.extend(["<", &entities(part)]),
        }
    }
    plain
}

/// `<https://host|label>`, `<@U1>`, `<#C1|name>`, `<!here>`, `<!subteam^S1|@name>`.
fn spelled(mark: &str) -> String {
    let (target, label) = mark.split_once('|').unwrap_or((mark, ""));
    let (target, label) = (entities(target), entities(label));
    match target.chars().next() {
        Some('!') if label.is_empty() => target.replacen('!', "@", 1),
        _ if label.is_empty() => target,
        Some('!') => label,
        Some(sign @ ('@' | '#')) => format!("{sign}{label}"),
        // What Slack has made a link of by itself.
        _ if target.ends_with(&label) => label,
        _ => format!("{label} ({target})"),
    }
}

fn entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A text without the mention that it begins with, where that is ours.
pub(crate) fn without_mention<'a>(text: &'a str, us: &str) -> &'a str {
    let rest = ids::after_mention(text, us);
    rest.map_or(text, |rest| rest.trim_start_matches([',', ':']).trim_start())
}

/// The text of a command typed behind the app's slash word.
pub(crate) fn slash(words: &str) -> String {
    let words = words.trim();
    format!("{PREFIX}{}", if words.is_empty() { "help" } else { words })
}

/// A text of a direct chat: with the command prefix where it begins with a command's name, or with `openclaw`.
pub(crate) fn direct(text: String, commands: &[String]) -> String {
    let (head, rest) = first_word(text.trim_start());
    let word = head.trim_start_matches('/').to_ascii_lowercase();
    if word == PREFIX.trim_matches(['/', ' ']) {
        // A phone's keyboard begins a message with a capital.
        let (head, rest) = first_word(rest.trim_start());
        return slash(&(head.to_ascii_lowercase() + rest));
    }
    if commands.contains(&word) { format!("{PREFIX}{word}{rest}") } else { text }
}

fn first_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_entities_are_spelled_out() {
        for (text, read) in [
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
            ("&amp;lt;", "&lt;"),
            ("see <https://a.example/?b=1&amp;c=2>", "see https://a.example/?b=1&c=2"),
            ("<http://a.example|a.example>", "a.example"),
            ("<mailto:a@b.example|a@b.example>", "a@b.example"),
            ("<https://evil.example|bank.example>", "bank.example (https://evil.example)"),
            ("<@U024BE7LH> and <@U024BE7LH|ann>", "@U024BE7LH and @ann"),
            ("<#C1|general> <#C1>", "#general #C1"),
            ("<!here> <!subteam^S1|@team>", "@here @team"),
            ("a < b", "a < b"),
            ("<", "<"),
            ("", ""),
        ] {
            assert_eq!(plain(text), read, "{text}");
        }
    }

    #[test]
    fn only_our_own_mention_is_taken_off() {
        for (text, rest) in [
            ("<@U0BOT> hello", "hello"),
            (" <@U0BOT|gate>: hello", "hello"),
            ("<@U0BOT2> hello", "<@U0BOT2> hello"),
            ("hello <@U0BOT>", "hello <@U0BOT>"),
            ("<@U0BOT", "<@U0BOT"),
        ] {
            assert_eq!(without_mention(text, "U0BOT"), rest, "{text}");
        }
    }

    #[test]
    fn a_command_can_be_written_in_four_ways() {
        let commands = ["help".to_owned(), "pairing".to_owned()];
        for text in [
            "pairing approve AB3D7X9K",
            "Pairing approve AB3D7X9K",
            "openclaw pairing approve AB3D7X9K",
            "OpenClaw Pairing approve AB3D7X9K",
            "/openclaw pairing approve AB3D7X9K",
            " /pairing approve AB3D7X9K",
        ] {
            let read = direct(text.to_owned(), &commands);
            assert_eq!(read, "/openclaw pairing approve AB3D7X9K", "{text}");
        }
        assert_eq!(slash(" pairing approve AB3D7X9K "), "/openclaw pairing approve AB3D7X9K");
        for text in ["openclaw", "/openclaw ", "help"] {
            assert_eq!(direct(text.to_owned(), &commands), "/openclaw help");
        }
        assert_eq!(slash(""), "/openclaw help");
        assert_eq!(direct("openclaw claim X".to_owned(), &commands), "/openclaw claim X");
        for text in ["", "hello", "helpful", "please help", "opencl", "pairing-x", "/other x"] {
            assert_eq!(direct(text.to_owned(), &commands), text, "no command");
        }
    }
}
