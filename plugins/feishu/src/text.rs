//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "a Feishu user is the `open_id` that this app knows them by, such as `ou_84aad35d084aa403a838cf73ee18467a`",
);
pub(crate) const NO_GROUP: InvalidGroupId =
    InvalidGroupId("a Feishu group is a `chat_id`, such as `oc_84aad35d084aa403a838cf73ee18467a`");

pub(crate) const NO_APP: &str = "must be the app's id, such as `cli_a1b2c3d4e5f60718`: the app's page shows it under Credentials";
pub(crate) const SECRET_MISSING: &str = "is missing: the app's page shows it under Credentials";
pub(crate) const KEY_MISSING: &str = "is missing: `connection_mode = \"webhook\"` needs it, from Events & Callbacks of the app's page";
pub(crate) const TOKEN_MISSING: &str = KEY_MISSING;
pub(crate) const NO_SECRET: &str =
    "is not what the app's page shows: at least 8 letters and digits";
pub(crate) const NO_MODE: &str = "is `websocket` or `webhook`";

pub(crate) const TOO_MANY_SOCKETS: &str = "other programs hold all the connections that Feishu allows this app: stop those that use its `app_id`";
pub(crate) const NOTHING_HEARD: &str = "nothing heard since the start: if nobody has written, all is well; otherwise check on the app's page that \
     `im.message.receive_v1` and `card.action.trigger` are subscribed and that a version is published";
pub(crate) const CLOSED: &str = "closed the socket";
pub(crate) const SILENT: &str = "went silent";
pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on Feishu";
pub(crate) const NO_MESSAGE: &str = "the message is not one on Feishu";
pub(crate) const NO_EDIT: &str = "a file cannot take the place of a message";

/// What Feishu says, with its code.
pub(crate) fn refused(code: &str, words: &str) -> String {
    format!("Feishu: {words} ({code})")
}

/// Feishu does not take the app or its secret.
pub(crate) fn credential(code: &str) -> String {
    format!("Feishu refuses the app ({code}): check `app_id`, `app_secret` and `domain`")
}

/// A call needs a permission that the app has not.
pub(crate) fn no_permission(words: &str) -> String {
    format!("{words}: add the permission to the app of `app_id`, and publish a version")
}

/// Feishu names an address that is not its own.
pub(crate) fn foreign_socket(host: &str) -> String {
    format!("names `{host}` for its socket, which is not its own")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let (refused, credential) =
            (refused("230002", "Bot is not in the chat"), credential("10014"));
        let (permission, foreign) = (no_permission(&refused), foreign_socket("evil.example"));
        let mut all = vec![NO_SENDER.0, NO_GROUP.0, NO_APP, SECRET_MISSING, KEY_MISSING];
        all.extend([NO_SECRET, NO_MODE, TOO_MANY_SOCKETS, NOTHING_HEARD, CLOSED, SILENT]);
        all.extend([NO_CONVERSATION, NO_MESSAGE, NO_EDIT, &refused, &credential, &permission]);
        all.push(&foreign);
        expect![[r#"
            a Feishu user is the `open_id` that this app knows them by, such as `ou_84aad35d084aa403a838cf73ee18467a`
            a Feishu group is a `chat_id`, such as `oc_84aad35d084aa403a838cf73ee18467a`
            must be the app's id, such as `cli_a1b2c3d4e5f60718`: the app's page shows it under Credentials
            is missing: the app's page shows it under Credentials
            is missing: `connection_mode = "webhook"` needs it, from Events & Callbacks of the app's page
            is not what the app's page shows: at least 8 letters and digits
            is `websocket` or `webhook`
            other programs hold all the connections that Feishu allows this app: stop those that use its `app_id`
            nothing heard since the start: if nobody has written, all is well; otherwise check on the app's page that `im.message.receive_v1` and `card.action.trigger` are subscribed and that a version is published
            closed the socket
            went silent
            the conversation is not one on Feishu
            the message is not one on Feishu
            a file cannot take the place of a message
            Feishu: Bot is not in the chat (230002)
            Feishu refuses the app (10014): check `app_id`, `app_secret` and `domain`
            Feishu: Bot is not in the chat (230002): add the permission to the app of `app_id`, and publish a version
            names `evil.example` for its socket, which is not its own"#]].assert_eq(&all.join("\n"));
    }
}
