//! What the owner typed after `pair`, as a value. What is not understood mints nothing.

use openclaw_plugin_sdk::{DeviceChoice, Notify, SetupWish};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words<'a> {
    /// Let a device in: this one, or the only one.
    Approve(DeviceChoice<'a>),
    /// Take back what nobody has used.
    Cleanup,
    /// How it works.
    Help,
    /// Which one would be the latest.
    Latest,
    /// Make a code.
    Mint { wish: SetupWish, qr: bool },
    /// Tell of devices without a code, or say whether that is so.
    Notify(Option<Notify>),
    /// Turn a device away.
    Reject(&'a str),
    /// What waits.
    Status,
    /// A verb that is known, with too few or too many words.
    Misused(&'static str),
    /// No word of ours.
    Unknown,
}

/// Reads the words; verbs in any case, names of requests as they stand.
pub(crate) fn parse(args: &str) -> Words<'_> {
    let words: Vec<&str> = args.split_whitespace().collect();
    let verb = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    let rest = words.get(1..).unwrap_or_default();
    match (verb.as_str(), rest) {
        ("help", []) => Words::Help,
        ("status" | "pending", []) => Words::Status,
        ("cleanup", []) => Words::Cleanup,
        ("approve", []) => Words::Approve(DeviceChoice::Only),
        ("approve", [word]) if word.eq_ignore_ascii_case("latest") => Words::Latest,
        ("approve", [id]) => Words::Approve(DeviceChoice::Id(id)),
        ("approve", _) => Words::Misused("approve"),
        ("reject", [id]) => Words::Reject(id),
        ("reject", _) => Words::Misused("reject"),
        ("notify", [word]) => notify(word),
        ("notify", _) => Words::Misused("notify"),
        _ => mint(&words),
    }
}

fn notify(word: &str) -> Words<'static> {
    match word.to_ascii_lowercase().as_str() {
        "on" => Words::Notify(Some(Notify::On)),
        "off" => Words::Notify(Some(Notify::Off)),
        "once" => Words::Notify(Some(Notify::Once)),
        "status" => Words::Notify(None),
        _ => Words::Misused("notify"),
    }
}

/// `qr`, `full` and `local`, each at most once, in any order; none of them is a plain code.
fn mint(words: &[&str]) -> Words<'static> {
    let (mut wish, mut qr) = (SetupWish::default(), false);
    for word in words {
        let asked = match word.to_ascii_lowercase().as_str() {
            "full" => &mut wish.full,
            "local" => &mut wish.local,
            "qr" => &mut qr,
            _ => return Words::Unknown,
        };
        if std::mem::replace(asked, true) {
            return Words::Unknown;
        }
    }
    Words::Mint { wish, qr }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(full: bool, local: bool, qr: bool) -> Words<'static> {
        Words::Mint { wish: SetupWish { full, local }, qr }
    }

    #[test]
    fn every_form_is_understood() {
        let table = [
            ("", made(false, false, false)),
            (" \n", made(false, false, false)),
            ("QR", made(false, false, true)),
            ("full", made(true, false, false)),
            ("local", made(false, true, false)),
            ("qr full", made(true, false, true)),
            ("full local qr", made(true, true, true)),
            ("help", Words::Help),
            ("status", Words::Status),
            ("Pending", Words::Status),
            ("cleanup", Words::Cleanup),
            ("approve", Words::Approve(DeviceChoice::Only)),
            ("approve LATEST", Words::Latest),
            ("approve Ab-1", Words::Approve(DeviceChoice::Id("Ab-1"))),
            ("reject Ab-1", Words::Reject("Ab-1")),
            ("notify on", Words::Notify(Some(Notify::On))),
            ("notify off", Words::Notify(Some(Notify::Off))),
            ("notify Once", Words::Notify(Some(Notify::Once))),
            ("notify status", Words::Notify(None)),
        ];
        for (args, expected) in table {
            assert_eq!(parse(args), expected, "{args:?}");
        }
    }

    #[test]
    fn case_009_what_is_no_form_makes_no_code() {
        let table = [
            ("approve a b", Words::Misused("approve")),
            ("reject", Words::Misused("reject")),
            ("reject a b", Words::Misused("reject")),
            ("notify", Words::Misused("notify")),
            ("notify maybe", Words::Misused("notify")),
            ("notify on off", Words::Misused("notify")),
        ];
        for (args, expected) in table {
            assert_eq!(parse(args), expected, "{args:?}");
        }
        for args in
            ["please", "qr qr", "qr please", "help me", "status all", "latest", "config", "-"]
        {
            assert_eq!(parse(args), Words::Unknown, "{args:?}");
        }
    }
}
