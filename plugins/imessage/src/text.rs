//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId, neutral};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "an iMessage handle is a number with its country, such as `+15551234567`, or an address, such as `ann@example.com`",
);
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a group's id is the `guid` that `imsg chats --json` shows, such as `iMessage;+;chat831551415676550949`",
);

pub(crate) const NO_SERVICE: &str = "must be `imessage`, or `auto` to hear SMS too";

pub(crate) const NO_AUTOMATION: &str = "macOS does not let imsg send: System Settings > Privacy & Security > Automation, turn on Messages for \
                                        the program that starts the gateway, and restart the gateway";
pub(crate) const OTHER_DATABASE: &str = "the database of Messages is not the one that was read before: what was written while the gateway was \
                                         away may be missing";
pub(crate) const NO_SERVICE_SAID: &str =
    "a message was not heard: imsg does not say whether it was iMessage or SMS";
pub(crate) const POISONED: &str =
    "imsg sends nothing until it is started again, as a message of before hangs";

pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on iMessage";
pub(crate) const NO_REMOVAL: &str = "no message is taken away by way of imsg";
pub(crate) const NO_FOLDER: &str = "there is no folder of our own for the file";
pub(crate) const UNREADABLE: &str = "imsg answered something unreadable";
pub(crate) const SILENT: &str = "imsg went silent";
pub(crate) const ENDLESS: &str = "imsg writes a line that does not end";
pub(crate) const ENDED: &str = "imsg closed the connection";
pub(crate) const TOO_MUCH: &str = "more arrives than can be kept at once";

/// A version that lacks what is needed.
pub(crate) fn too_old(version: &str) -> String {
    let version = neutral(version, 32);
    let version = if version.is_empty() { version } else { format!(" ({version})") };
    format!(
        "the program of `cli_path` is too old{version}: `brew upgrade imsg` to 0.15 or newer, and restart the gateway"
    )
}

/// A protocol that is newer than this gateway.
pub(crate) fn other_protocol(protocol: &str) -> String {
    let protocol = neutral(protocol, 32);
    format!(
        "the program of `cli_path` speaks protocol {protocol}, and this gateway protocol 1: update the gateway"
    )
}

/// The program cannot read the messages.
pub(crate) fn no_database(words: &str) -> String {
    let words = neutral(words, 200);
    format!(
        "Full Disk Access is missing: System Settings > Privacy & Security > Full Disk Access, add the program that \
         starts the gateway, and restart the gateway (imsg: {words})"
    )
}

/// What the program says.
pub(crate) fn said(words: &str) -> String {
    format!("imsg: {}", neutral(words, 200))
}

/// Nobody knows whether a message went.
pub(crate) fn unsure(words: &str) -> String {
    format!("imsg: {}; whether the message was sent is not known", neutral(words, 200))
}

/// What became of the program.
pub(crate) fn child(words: &str) -> String {
    format!("the program of `cli_path` {words}")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let (old, unnamed, other) = (too_old("0.14.2"), too_old(""), other_protocol("2"));
        let (database, said) = (no_database("authorization denied"), said("Chat not found"));
        let (unsure, child) = (unsure("no answer in time"), child("ended with exit status: 1"));
        let mut all = vec![NO_SENDER.0, NO_GROUP.0, NO_SERVICE, &old, &unnamed, &other, &database];
        all.extend([NO_AUTOMATION, OTHER_DATABASE, NO_SERVICE_SAID, POISONED, NO_CONVERSATION]);
        all.extend([NO_REMOVAL, NO_FOLDER, UNREADABLE, SILENT, ENDLESS, ENDED, TOO_MUCH]);
        all.extend([said.as_str(), &unsure, &child]);
        expect![[r"
            an iMessage handle is a number with its country, such as `+15551234567`, or an address, such as `ann@example.com`
            a group's id is the `guid` that `imsg chats --json` shows, such as `iMessage;+;chat831551415676550949`
            must be `imessage`, or `auto` to hear SMS too
            the program of `cli_path` is too old (0.14.2): `brew upgrade imsg` to 0.15 or newer, and restart the gateway
            the program of `cli_path` is too old: `brew upgrade imsg` to 0.15 or newer, and restart the gateway
            the program of `cli_path` speaks protocol 2, and this gateway protocol 1: update the gateway
            Full Disk Access is missing: System Settings > Privacy & Security > Full Disk Access, add the program that starts the gateway, and restart the gateway (imsg: authorization denied)
            macOS does not let imsg send: System Settings > Privacy & Security > Automation, turn on Messages for the program that starts the gateway, and restart the gateway
            the database of Messages is not the one that was read before: what was written while the gateway was away may be missing
            a message was not heard: imsg does not say whether it was iMessage or SMS
            imsg sends nothing until it is started again, as a message of before hangs
            the conversation is not one on iMessage
            no message is taken away by way of imsg
            there is no folder of our own for the file
            imsg answered something unreadable
            imsg went silent
            imsg writes a line that does not end
            imsg closed the connection
            more arrives than can be kept at once
            imsg: Chat not found
            imsg: no answer in time; whether the message was sent is not known
            the program of `cli_path` ended with exit status: 1"]].assert_eq(&all.join("\n"));
    }
}
