//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "a Signal user is an ACI, such as `0f1e2d3c-4b5a-4968-8776-655443322110`, or a number, such as `+15551234567`",
);
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a Signal group's id is 44 letters and digits that `signal-cli listGroups` shows, such as \
     `WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=`",
);

pub(crate) const NO_ACCOUNT: &str = "must be the account's number, such as `+15551234567`";
pub(crate) const URL_MISSING: &str = "is missing: give the address of the signal-cli daemon, such as `http://127.0.0.1:8080`, or \
                                      `cli_path` for one that the gateway starts";
pub(crate) const TWO_DAEMONS: &str =
    "stands beside `url`: the gateway starts a daemon, or uses one that runs; give one of them";
pub(crate) const NO_PROGRAM: &str = "is for the daemon that `cli_path` starts, and that is missing";

pub(crate) const NO_DAEMON: &str = "there is no signal-cli daemon at `url`: start one with `signal-cli daemon --http` \
                                    (signal-cli-rest-api is another program)";
pub(crate) const NOT_ALLOWED: &str = "what answers at `url` lets nobody in";
pub(crate) const OTHER_HOST: &str = "the signal-cli daemon takes only its own address: `url` must have the host and port of its `--http`";
pub(crate) const NOTHING_HEARD: &str = "nothing heard since the start: if nobody has written, all is well; otherwise write to the account to be sure";
pub(crate) const SILENT: &str = "the signal-cli daemon went silent";
pub(crate) const ENDED: &str = "the signal-cli daemon closed the connection";
pub(crate) const ENDLESS: &str = "the signal-cli daemon sends an event that does not end";

pub(crate) const SINGLE: &str =
    "the signal-cli daemon serves one account alone: to link another, start it without `-a`";
pub(crate) const CAPTCHA: &str = "Signal wants a captcha before it takes more messages: see `signal-cli submitRateLimitChallenge`";
pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on Signal";
pub(crate) const NO_MESSAGE: &str = "the message is not one on Signal";

/// The daemon does not know the account, or Signal does not take it any more.
pub(crate) fn no_account(account: &str) -> String {
    format!(
        "signal-cli is not linked to the number in `account` ({account}) any more, or never was: \
         `openclaw channels login signal`; the gateway tries again within 5 minutes"
    )
}

/// A version that knows no way to leave them.
pub(crate) fn fetches(version: &str) -> String {
    let version = openclaw_plugin_sdk::neutral(version, 32);
    format!(
        "signal-cli {version} fetches avatars and sticker packs, of strangers too: version 0.14 and later is told not to"
    )
}

/// The safety number of a person, or in a group, has changed.
pub(crate) fn untrusted(chat: &str) -> String {
    format!("the safety number of {chat} has changed: compare it, then `signal-cli trust`")
}

/// Nobody knows whether a message went.
pub(crate) fn unsure(why: &str) -> String {
    format!("the signal-cli daemon: {why}; whether the message was sent is not known")
}

/// What the daemon says, without a link, which is a secret.
pub(crate) fn daemon(words: &str) -> String {
    let small = words.to_ascii_lowercase();
    let end = ["sgnl:", "tsdevice:"].iter().filter_map(|link| small.find(link)).min();
    format!("signal-cli: {}", words[..end.unwrap_or(words.len())].trim_end())
}

/// What became of the daemon that the gateway starts.
pub(crate) fn child(words: &str) -> String {
    daemon(&format!("the program of `cli_path` {words}"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let (account, chat) = (no_account("+15551234567"), untrusted("+15557654321"));
        let (unsure, daemon) = (unsure("no answer in time"), daemon("Group not found"));
        let child = child("ended with exit status: 1: link sgnl://linkdevice?uuid=x");
        let fetches = fetches("0.13.19");
        let mut all =
            vec![NO_SENDER.0, NO_GROUP.0, NO_ACCOUNT, URL_MISSING, TWO_DAEMONS, NO_PROGRAM];
        all.extend([&fetches, &child, NO_DAEMON, NOTHING_HEARD]);
        all.extend([NOT_ALLOWED, OTHER_HOST, SILENT, ENDED, ENDLESS, CAPTCHA, NO_CONVERSATION]);
        all.extend([NO_MESSAGE, SINGLE, &account, &chat, &unsure, &daemon]);
        expect![[r"
            a Signal user is an ACI, such as `0f1e2d3c-4b5a-4968-8776-655443322110`, or a number, such as `+15551234567`
            a Signal group's id is 44 letters and digits that `signal-cli listGroups` shows, such as `WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=`
            must be the account's number, such as `+15551234567`
            is missing: give the address of the signal-cli daemon, such as `http://127.0.0.1:8080`, or `cli_path` for one that the gateway starts
            stands beside `url`: the gateway starts a daemon, or uses one that runs; give one of them
            is for the daemon that `cli_path` starts, and that is missing
            signal-cli 0.13.19 fetches avatars and sticker packs, of strangers too: version 0.14 and later is told not to
            signal-cli: the program of `cli_path` ended with exit status: 1: link
            there is no signal-cli daemon at `url`: start one with `signal-cli daemon --http` (signal-cli-rest-api is another program)
            nothing heard since the start: if nobody has written, all is well; otherwise write to the account to be sure
            what answers at `url` lets nobody in
            the signal-cli daemon takes only its own address: `url` must have the host and port of its `--http`
            the signal-cli daemon went silent
            the signal-cli daemon closed the connection
            the signal-cli daemon sends an event that does not end
            Signal wants a captcha before it takes more messages: see `signal-cli submitRateLimitChallenge`
            the conversation is not one on Signal
            the message is not one on Signal
            the signal-cli daemon serves one account alone: to link another, start it without `-a`
            signal-cli is not linked to the number in `account` (+15551234567) any more, or never was: `openclaw channels login signal`; the gateway tries again within 5 minutes
            the safety number of +15557654321 has changed: compare it, then `signal-cli trust`
            the signal-cli daemon: no answer in time; whether the message was sent is not known
            signal-cli: Group not found"]].assert_eq(&all.join("\n"));
    }
}
