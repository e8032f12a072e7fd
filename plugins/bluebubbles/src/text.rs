//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId, neutral};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "an iMessage handle is a number with its country, such as `+15551234567`, or an address, such as `ann@example.com`",
);
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a group's id is the `guid` of its chat on the Mac, such as `iMessage;+;chat831551415676550949`",
);

pub(crate) const NO_SERVER_URL: &str =
    "is missing: give the address of the BlueBubbles server, such as `http://127.0.0.1:1234`";
pub(crate) const NO_PASSWORD: &str = "is missing: the password of the BlueBubbles server";
pub(crate) const WRONG_PASSWORD: &str = "is no password: it has control characters";
pub(crate) const NO_CALLBACK: &str = "is missing: give the address at which the Mac reaches this gateway, such as \
                                      `https://gateway.example.com/bluebubbles-webhook`";
pub(crate) const OTHER_PATH: &str = "must end with the path of `webhook_path`";
pub(crate) const PLAIN: &str =
    "must be `https`: plain `http` is for this machine and your own network";
pub(crate) const NO_SERVICE: &str = "is `imessage` or `auto`";

pub(crate) const REFUSED: &str =
    "the BlueBubbles server refuses the password: check `password`, and the server's settings";
pub(crate) const NO_SERVER: &str =
    "no BlueBubbles server answers at `server_url` (404): start it, or correct the address";
pub(crate) const SIGNED_OUT: &str =
    "Messages on the Mac is not signed in to iMessage: sign in there, nothing arrives until then";
pub(crate) const EXPOSED: &str = "others on the network can read along, as `server_url` is plain `http`: what is caught up \
                                  there makes nobody an owner; use `https`";
pub(crate) const NOT_CALLED: &str = "the Mac has not called the gateway: it must reach `callback_url`; until then \
                                     messages come every 5 minutes";

pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on iMessage";
pub(crate) const NO_PICTURE: &str = "no pictures are sent by way of BlueBubbles";
pub(crate) const NO_REMOVAL: &str = "no message is taken away by way of BlueBubbles";
pub(crate) const QUEUED: &str = "the message is queued on the Mac";
pub(crate) const UNREADABLE: &str = "answered something unreadable";
pub(crate) const TOO_LONG: &str = "answered something that is too long to be read";
pub(crate) const SKIPPED: &str =
    "a message that BlueBubbles has kept is too long to be read: it is passed over";

/// The server does not take our webhook.
pub(crate) fn uncalled(words: &str) -> String {
    let words = neutral(words, 200);
    format!(
        "the BlueBubbles server cannot be asked to call the gateway (it says: {words}): check `callback_url`, and update \
         the server; until then messages come every 5 minutes"
    )
}

/// What the server says about one message.
pub(crate) fn said(words: &str) -> String {
    format!("BlueBubbles: {words}")
}

/// Nobody knows whether a message went.
pub(crate) fn unsure(why: &str) -> String {
    format!("BlueBubbles: {why}; whether the message was sent is not known")
}

/// A message that the server had taken was not delivered.
pub(crate) fn failed_later(code: Option<i64>) -> String {
    let code = code.unwrap_or_default();
    format!(
        "Messages on the Mac could not deliver it (error {code}): does this person use iMessage?"
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let (uncalled, said) = (uncalled("Webhook URL is required!"), said("Chat does not exist!"));
        let (unsure, failed) = (unsure("no answer in time"), failed_later(Some(22)));
        let mut all = vec![NO_SENDER.0, NO_GROUP.0, NO_SERVER_URL, NO_PASSWORD, WRONG_PASSWORD];
        all.extend([NO_CALLBACK, OTHER_PATH, PLAIN, NO_SERVICE, REFUSED, NO_SERVER, SIGNED_OUT]);
        all.extend([EXPOSED, NOT_CALLED, NO_CONVERSATION, NO_PICTURE, NO_REMOVAL, QUEUED]);
        all.extend([UNREADABLE, TOO_LONG, SKIPPED, &uncalled, &said, &unsure, &failed]);
        expect![[r"
            an iMessage handle is a number with its country, such as `+15551234567`, or an address, such as `ann@example.com`
            a group's id is the `guid` of its chat on the Mac, such as `iMessage;+;chat831551415676550949`
            is missing: give the address of the BlueBubbles server, such as `http://127.0.0.1:1234`
            is missing: the password of the BlueBubbles server
            is no password: it has control characters
            is missing: give the address at which the Mac reaches this gateway, such as `https://gateway.example.com/bluebubbles-webhook`
            must end with the path of `webhook_path`
            must be `https`: plain `http` is for this machine and your own network
            is `imessage` or `auto`
            the BlueBubbles server refuses the password: check `password`, and the server's settings
            no BlueBubbles server answers at `server_url` (404): start it, or correct the address
            Messages on the Mac is not signed in to iMessage: sign in there, nothing arrives until then
            others on the network can read along, as `server_url` is plain `http`: what is caught up there makes nobody an owner; use `https`
            the Mac has not called the gateway: it must reach `callback_url`; until then messages come every 5 minutes
            the conversation is not one on iMessage
            no pictures are sent by way of BlueBubbles
            no message is taken away by way of BlueBubbles
            the message is queued on the Mac
            answered something unreadable
            answered something that is too long to be read
            a message that BlueBubbles has kept is too long to be read: it is passed over
            the BlueBubbles server cannot be asked to call the gateway (it says: Webhook URL is required!): check `callback_url`, and update the server; until then messages come every 5 minutes
            BlueBubbles: Chat does not exist!
            BlueBubbles: no answer in time; whether the message was sent is not known
            Messages on the Mac could not deliver it (error 22): does this person use iMessage?"]].assert_eq(&all.join("\n"));
    }
}
