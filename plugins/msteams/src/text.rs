//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "a Teams user is an object id of the directory, such as `0f1e2d3c-4b5a-4968-8776-655443322110`, or begins with `29:`; \
     a name or an address can be handed on",
);
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a group chat's or channel's id begins with `19:`, such as `19:8f2a11c04d@thread.tacv2`",
);

pub(crate) const NO_GUID: &str = "must be an id such as `0f1e2d3c-4b5a-4968-8776-655443322110`, as the overview of the app in Azure shows it";
pub(crate) const NO_PASSWORD: &str = "is missing: it is the value of a client secret of the app";
pub(crate) const WRONG_PASSWORD: &str =
    "is not the value of a client secret; Azure shows it once, when the secret is made";
pub(crate) const NO_CLOUD: &str = "must be `public`, `gcc`, `usgov`, `usgovdod` or `china`";
pub(crate) const NO_SERVICE: &str = "is not an address of Teams in this `cloud`";

pub(crate) const NOTHING_HEARD: &str = "nothing heard since the start: Azure must have `https://<your name>` with `webhook_path` behind \
                                        it as the bot's messaging endpoint";
pub(crate) const OTHER_SERVICE: &str =
    "Teams calls from an address that is not in this `cloud`: check that key";
pub(crate) const TOKEN_REFUSED: &str =
    "Teams refuses the bot's token: check `app_id`, `tenant_id` and `app_password`";
pub(crate) const NOT_INSTALLED: &str = "Teams lets the bot write only to people who have its app: they must add the app and write first";
pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on Teams";
pub(crate) const DESCRIPTION: &str = "A gateway for people that its owner has approved";
/// Where tokens are given.
pub(crate) const LOGIN: &str = "Microsoft's login";
/// What a person is told who presses a button.
pub(crate) const TAKEN: &str = "Received.";

/// The tenant does not let the app do anything.
pub(crate) fn not_allowed(code: &str) -> String {
    format!(
        "the tenant in `tenant_id` does not allow the app ({code}): allow it in the Teams admin center"
    )
}

/// A key that Microsoft's login does not take.
pub(crate) fn wrong_key(key: &str) -> String {
    format!("Microsoft's login does not take `{key}`: check it, or make a new one in Azure")
}

/// The login refuses for another reason.
pub(crate) fn no_token(code: &str) -> String {
    format!(
        "Microsoft's login gives no token ({code}): check `app_id`, `tenant_id` and `app_password`"
    )
}

/// One message is refused.
pub(crate) fn refused(status: u16, code: &str, words: &str) -> String {
    format!("Microsoft Teams: answered {status} {code} {words}").trim_end().to_owned()
}

/// Nobody knows whether a message went.
pub(crate) fn unsure(why: &str) -> String {
    format!("Microsoft Teams: {why}; whether the message was sent is not known")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let made = [
            not_allowed("TenantNotAllowed"),
            wrong_key("app_password"),
            no_token("invalid_scope"),
            refused(404, "ConversationNotFound", "no"),
            unsure("no answer in time"),
        ];
        let mut all = vec![NO_SENDER.0, NO_GROUP.0, NO_GUID, NO_PASSWORD, WRONG_PASSWORD, NO_CLOUD];
        all.extend([NO_SERVICE, NOTHING_HEARD, OTHER_SERVICE, TOKEN_REFUSED, NOT_INSTALLED]);
        all.extend([NO_CONVERSATION, DESCRIPTION, TAKEN, LOGIN]);
        all.extend(made.iter().map(String::as_str));
        expect![[r"
            a Teams user is an object id of the directory, such as `0f1e2d3c-4b5a-4968-8776-655443322110`, or begins with `29:`; a name or an address can be handed on
            a group chat's or channel's id begins with `19:`, such as `19:8f2a11c04d@thread.tacv2`
            must be an id such as `0f1e2d3c-4b5a-4968-8776-655443322110`, as the overview of the app in Azure shows it
            is missing: it is the value of a client secret of the app
            is not the value of a client secret; Azure shows it once, when the secret is made
            must be `public`, `gcc`, `usgov`, `usgovdod` or `china`
            is not an address of Teams in this `cloud`
            nothing heard since the start: Azure must have `https://<your name>` with `webhook_path` behind it as the bot's messaging endpoint
            Teams calls from an address that is not in this `cloud`: check that key
            Teams refuses the bot's token: check `app_id`, `tenant_id` and `app_password`
            Teams lets the bot write only to people who have its app: they must add the app and write first
            the conversation is not one on Teams
            A gateway for people that its owner has approved
            Received.
            Microsoft's login
            the tenant in `tenant_id` does not allow the app (TenantNotAllowed): allow it in the Teams admin center
            Microsoft's login does not take `app_password`: check it, or make a new one in Azure
            Microsoft's login gives no token (invalid_scope): check `app_id`, `tenant_id` and `app_password`
            Microsoft Teams: answered 404 ConversationNotFound no
            Microsoft Teams: no answer in time; whether the message was sent is not known"]].assert_eq(&all.join("\n"));
    }
}
