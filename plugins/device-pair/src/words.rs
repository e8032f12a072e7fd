//! What the owner typed after `pairing`, as a value. Knows no store and no channel.

use std::time::Duration;

use openclaw_plugin_sdk::{Decision, lasting};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words<'a> {
    /// A verb, and the words that a decision needs: the code, perhaps after its channel, perhaps before a span.
    Decide { decision: Decision, channel: Option<String>, code: &'a str, lasting: Option<Duration> },
    /// How it works.
    Help,
    /// Who waits, on one channel or all.
    List { channel: Option<String> },
    /// A verb that is known, with too few or too many words.
    Misused(&'static str),
    /// No verb of ours.
    Unknown,
}

/// What each verb decides; `list` decides nothing.
const VERBS: [(&str, Option<Decision>); 4] = [
    ("approve", Some(Decision::Approve)),
    ("block", Some(Decision::Block)),
    ("deny", Some(Decision::Deny)),
    ("list", None),
];

/// How a decision is typed.
pub(crate) fn verb(decision: Decision) -> &'static str {
    let verb = VERBS.into_iter().find(|(_, known)| *known == Some(decision));
    verb.map_or("", |(verb, _)| verb)
}

/// Reads the words. A lone word that is a channel's id is no code: the code was forgotten.
pub(crate) fn parse<'a>(args: &'a str, channels: &[&str]) -> Words<'a> {
    let words: Vec<&str> = args.split_whitespace().collect();
    let Some((first, rest)) = words.split_first() else { return Words::Help };
    let known = VERBS.into_iter().find(|(verb, _)| verb.eq_ignore_ascii_case(first));
    let Some((verb, decision)) = known else {
        let help = rest.is_empty() && first.eq_ignore_ascii_case("help");
        return if help { Words::Help } else { Words::Unknown };
    };
    // Only an approval ends by itself.
    let span = rest.last().filter(|_| decision == Some(Decision::Approve) && rest.len() > 1);
    let lasting = span.and_then(|span| lasting(span));
    let rest = if lasting.is_some() { &rest[..rest.len() - 1] } else { rest };
    match (decision, rest) {
        (None, []) => Words::List { channel: None },
        (None, [channel]) => Words::List { channel: Some(channel.to_ascii_lowercase()) },
        (Some(decision), [code]) if !channels.iter().any(|id| id.eq_ignore_ascii_case(code)) => {
            Words::Decide { decision, channel: None, code, lasting }
        }
        (Some(decision), [channel, code]) => {
            let channel = Some(channel.to_ascii_lowercase());
            Words::Decide { decision, channel, code, lasting }
        }
        _ => Words::Misused(verb),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &str, expected: &Words<'_>) {
        assert_eq!(&parse(args, &["telegram", "webchat"]), expected, "{args:?}");
    }

    fn decide<'a>(decision: Decision, channel: Option<&str>, code: &'a str) -> Words<'a> {
        let channel = channel.map(str::to_owned);
        Words::Decide { decision, channel, code, lasting: None }
    }

    #[test]
    fn every_form_is_understood() {
        check("", &Words::Help);
        check("  ", &Words::Help);
        check("Help", &Words::Help);
        check("list", &Words::List { channel: None });
        check(" LIST  Telegram ", &Words::List { channel: Some("telegram".into()) });
        check("list matrix", &Words::List { channel: Some("matrix".into()) });
        check("approve ab3d7x9k", &decide(Decision::Approve, None, "ab3d7x9k"));
        check(
            "Approve  TELEGRAM AB3D7X9K",
            &decide(Decision::Approve, Some("telegram"), "AB3D7X9K"),
        );
        let day = Some(Duration::from_hours(24));
        for (text, channel) in
            [("approve AB3D7X9K 24h", None), ("approve webchat AB3D7X9K 24h", Some("webchat"))]
        {
            let channel = channel.map(str::to_owned);
            let (decision, code) = (Decision::Approve, "AB3D7X9K");
            check(text, &Words::Decide { decision, channel, code, lasting: day });
        }
        check("block AB3D7X9K", &decide(Decision::Block, None, "AB3D7X9K"));
        check("deny AB3D7X9K", &decide(Decision::Deny, None, "AB3D7X9K"));
        check("deny webchat\tAB3D7X9K", &decide(Decision::Deny, Some("webchat"), "AB3D7X9K"));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        check("approve", &Words::Misused("approve"));
        check("approve telegram AB3D7X9K please", &Words::Misused("approve"));
        check("deny", &Words::Misused("deny"));
        check("list telegram default", &Words::Misused("list"));
        check("help me", &Words::Unknown);
        check("AB3D7X9K", &Words::Unknown);
        check("latest", &Words::Unknown);
    }

    #[test]
    fn a_channel_without_a_code_is_no_code() {
        // `TELEGRAM` is made of eight letters that a code may have.
        check("approve telegram", &Words::Misused("approve"));
        check("deny Webchat", &Words::Misused("deny"));
    }
}
