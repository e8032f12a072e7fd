//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId, neutral};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "a person on WhatsApp is a number such as `+15551234567`, or the id that the pairing request shows, such as `US.13491208655302741918`",
);
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a WhatsApp group's id is what the Groups API of Meta calls it, such as `Y2FwaV9ncm91cA==`: no name, no number, and not `…@g.us`",
);

pub(crate) const NO_MODE: &str = "is `cloud`, for Meta's Cloud API";
pub(crate) const NO_WEB: &str = "is `web`: linking a phone's WhatsApp is not offered, as its one maintained client in Rust contains code under the AGPL-3.0; use `cloud`, with a business number at Meta";
pub(crate) const NO_NUMBER_ID: &str = "must be the phone number id of Meta's page (WhatsApp, API Setup), such as `106540352242922`: not the number";
pub(crate) const NO_TOKEN: &str = "is missing: a token of a system user of the business, that does not end (or the environment's WHATSAPP_ACCESS_TOKEN)";
pub(crate) const NO_APP_SECRET: &str = "is missing: the App secret under App settings, Basic, of Meta's page (or the environment's WHATSAPP_APP_SECRET)";
pub(crate) const NO_VERIFY_TOKEN: &str = "is missing: any text of your own, of at least 16 characters, that Meta is given too (or the environment's WHATSAPP_VERIFY_TOKEN)";
pub(crate) const WRONG_SECRET: &str = "must have at least 16 characters, and no blanks";
pub(crate) const NO_VERSION: &str = "is no version of the Graph API, such as `v25.0`";

pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on WhatsApp";
pub(crate) const NO_MESSAGE_TO_ANSWER: &str =
    "WhatsApp shows that we write only to a person who has written since the start";
pub(crate) const WINDOW_CLOSED: &str = "WhatsApp takes no message for a person whose last one is more than 24 hours old: it goes once they write again";

pub(crate) const WRONG_SIGNATURE: &str = "who calls the webhook_path does not sign with `app_secret`: if that is Meta, check it (App settings, Basic), and restart";
pub(crate) const NOTHING_HEARD: &str = "nothing heard from Meta since the start: the app must be subscribed to `messages` with this account's webhook_path (WhatsApp, Configuration)";

/// The token is not taken.
pub(crate) const TOKEN: &str = "Meta refuses `access_token`: it has ended or was revoked; make another one for the system user, and restart";

/// The token lacks a permission.
pub(crate) fn permission(words: &str) -> String {
    format!(
        "`access_token` lacks the permission whatsapp_business_messaging, or the system user is not assigned to the WhatsApp account (Meta says: {words})"
    )
}

/// There is no such number, or it is not registered.
pub(crate) fn number(words: &str) -> String {
    format!(
        "`phone_number_id` is no number that this token may use, or it is not registered: check it, or register the number at Meta, and restart (Meta says: {words})"
    )
}

/// The account is locked.
pub(crate) fn locked(words: &str) -> String {
    format!(
        "Meta has locked the account of `phone_number_id`: see the business settings (Meta says: {words})"
    )
}

/// A message is refused.
pub(crate) fn refused(code: &str, words: &str) -> String {
    format!("WhatsApp: {words} ({code})")
}

/// Nobody knows whether a message went.
pub(crate) fn unsure(why: &str) -> String {
    format!("WhatsApp: whether it was sent is not known, so it is not sent again ({why})")
}

/// A person cannot be written to now.
pub(crate) fn closed(chat: &str) -> String {
    let chat = neutral(chat, 160);
    format!("waits until {chat} writes again: their last message is more than 24 hours old")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let (permission, number) = (permission("Permission denied"), number("Unsupported request"));
        let (locked, refused) = (locked("Account locked"), refused("131026", "Undeliverable"));
        let (unsure, closed) = (unsure("no answer in time"), closed("US.13491208655302741918"));
        let mut all = vec![NO_SENDER.0, NO_GROUP.0, NO_MODE, NO_WEB, NO_NUMBER_ID, NO_TOKEN];
        all.extend([
            NO_APP_SECRET,
            NO_VERIFY_TOKEN,
            WRONG_SECRET,
            WRONG_SIGNATURE,
            NO_VERSION,
            NO_CONVERSATION,
        ]);
        all.extend([NO_MESSAGE_TO_ANSWER, WINDOW_CLOSED, NOTHING_HEARD, TOKEN, &permission]);
        all.extend([&*number, &locked, &refused, &unsure, &closed]);
        expect![[r"
            a person on WhatsApp is a number such as `+15551234567`, or the id that the pairing request shows, such as `US.13491208655302741918`
            a WhatsApp group's id is what the Groups API of Meta calls it, such as `Y2FwaV9ncm91cA==`: no name, no number, and not `…@g.us`
            is `cloud`, for Meta's Cloud API
            is `web`: linking a phone's WhatsApp is not offered, as its one maintained client in Rust contains code under the AGPL-3.0; use `cloud`, with a business number at Meta
            must be the phone number id of Meta's page (WhatsApp, API Setup), such as `106540352242922`: not the number
            is missing: a token of a system user of the business, that does not end (or the environment's WHATSAPP_ACCESS_TOKEN)
            is missing: the App secret under App settings, Basic, of Meta's page (or the environment's WHATSAPP_APP_SECRET)
            is missing: any text of your own, of at least 16 characters, that Meta is given too (or the environment's WHATSAPP_VERIFY_TOKEN)
            must have at least 16 characters, and no blanks
            who calls the webhook_path does not sign with `app_secret`: if that is Meta, check it (App settings, Basic), and restart
            is no version of the Graph API, such as `v25.0`
            the conversation is not one on WhatsApp
            WhatsApp shows that we write only to a person who has written since the start
            WhatsApp takes no message for a person whose last one is more than 24 hours old: it goes once they write again
            nothing heard from Meta since the start: the app must be subscribed to `messages` with this account's webhook_path (WhatsApp, Configuration)
            Meta refuses `access_token`: it has ended or was revoked; make another one for the system user, and restart
            `access_token` lacks the permission whatsapp_business_messaging, or the system user is not assigned to the WhatsApp account (Meta says: Permission denied)
            `phone_number_id` is no number that this token may use, or it is not registered: check it, or register the number at Meta, and restart (Meta says: Unsupported request)
            Meta has locked the account of `phone_number_id`: see the business settings (Meta says: Account locked)
            WhatsApp: Undeliverable (131026)
            WhatsApp: whether it was sent is not known, so it is not sent again (no answer in time)
            waits until US.13491208655302741918 writes again: their last message is more than 24 hours old"]].assert_eq(&all.join("\n"));
    }
}
