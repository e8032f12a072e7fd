//! A word that is no command of ours, and what does what it means.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What does it here, for words that people try.
const MEANT: &[(&[&str], &str)] = &[
    (
        &["configure", "init", "install", "onboard", "quickstart", "wizard"],
        "`openclaw setup` asks for what a gateway needs; `openclaw config set` changes the configuration, \
         `openclaw service install --now` runs the gateway in the background",
    ),
    (
        &["daemon", "restart", "serve", "start", "up"],
        "`openclaw service install --now` runs the gateway in the background, `openclaw service restart` restarts it, \
         `openclaw gateway run` runs it in the foreground; a changed configuration needs no restart",
    ),
    (
        &["kill", "quit", "shutdown", "stop"],
        "`openclaw service stop` stops the service, Ctrl-C or SIGTERM a gateway in a terminal; `openclaw status` names \
         its process",
    ),
    (
        &["journal", "log", "tail"],
        "`openclaw logs` shows what the service has logged; a gateway in a terminal logs to standard error \
         (`--log debug` says more); `openclaw audit show` shows the decisions, `openclaw status` how everything is",
    ),
    (
        &["diagnose", "health", "test", "verify"],
        "`openclaw doctor` looks for what does not work, `openclaw security audit` for what is not safe, \
         `openclaw audit verify` at the access log",
    ),
    (
        &["allow", "approve", "deny", "pending", "requests", "users"],
        "`openclaw pairing list` shows who waits, `openclaw pairing approve|deny|block <code>` decides, \
         `openclaw access list` shows who has access",
    ),
    (
        &["ban", "block", "kick", "revoke", "unblock"],
        "`openclaw access block|unblock|revoke <who>` is about people with access, \
         `openclaw pairing block <code>` about those who ask",
    ),
    (&["invitation", "invitations"], "`openclaw invite create|list|cancel`"),
    (&["admin", "admins", "claim", "owners"], "`openclaw owner list`, `add`, `remove` and `claim`"),
    (
        &["pair", "phone"],
        "`openclaw qr` makes a setup code for a phone, `openclaw pairing` is about people",
    ),
    (
        &["chat", "dashboard", "open", "page", "ui", "web"],
        "the page is at `/chat` of the gateway; `openclaw gateway run` prints its address",
    ),
    (&["man", "manual"], "`openclaw help --man | man -l -`"),
    (
        &["info", "version"],
        "`openclaw --version`, and `openclaw plugins list` for what is built in",
    ),
    (
        &["export", "restore"],
        "`openclaw backup create` copies the state folder, `openclaw backup restore` makes a new one from that",
    ),
    (
        &["clean", "factory-reset", "purge", "wipe"],
        "`openclaw reset --scope config|access|devices|all --dry-run` says what a reset would remove",
    ),
    (&["update", "upgrade"], "put a new program in place of the old one; the state folder stays"),
];

/// The word, and what does what it means; nothing for an error of another kind, or a word that means nothing here.
pub(super) fn meant(error: &clap::Error) -> Option<(&str, &'static str)> {
    let kinds = [ErrorKind::InvalidSubcommand, ErrorKind::UnknownArgument];
    let key = match error.kind() {
        kind if !kinds.contains(&kind) => return None,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => ContextKind::InvalidArg,
    };
    let Some(ContextValue::String(word)) = error.get(key) else { return None };
    let lower = word.to_ascii_lowercase();
    let found = MEANT.iter().find(|(words, _)| words.contains(&&*lower));
    found.map(|(_, what)| (word.as_str(), *what))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::Cli;

    #[test]
    fn what_is_meant_is_a_command_that_there_is() {
        for (_, text) in MEANT {
            let commands = text.split('`').filter_map(|part| part.strip_prefix("openclaw "));
            for line in commands {
                let words = line
                    .split(' ')
                    .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '|'));
                let mut at = vec![Cli::command()];
                for word in words {
                    let below =
                        |command: &clap::Command, one: &str| command.find_subcommand(one).cloned();
                    at = word
                        .split('|')
                        .map(|one| below(&at[0], one).unwrap_or_else(|| panic!("{line}: {one}")))
                        .collect();
                }
            }
        }
    }

    #[test]
    fn no_word_is_a_command_or_stands_twice() {
        let words: Vec<&str> = MEANT.iter().flat_map(|(words, _)| *words).copied().collect();
        for word in &words {
            assert!(Cli::command().find_subcommand(word).is_none(), "{word}");
            assert_eq!(words.iter().filter(|other| *other == word).count(), 1, "{word}");
            let error = Cli::try_parse_from(["openclaw", word]).unwrap_err();
            assert!(meant(&error).is_some(), "{word}");
        }
        let error = Cli::try_parse_from(["openclaw", "gateway", "stop"]).unwrap_err();
        assert_eq!(meant(&error).map(|(word, _)| word), Some("stop"));
        for typo in ["pairng", "stauts"] {
            let error = Cli::try_parse_from(["openclaw", typo]).unwrap_err();
            assert!(meant(&error).is_none() && error.to_string().contains("tip:"), "{error}");
        }
    }
}
