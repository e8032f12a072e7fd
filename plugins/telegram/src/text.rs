//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId};

pub(crate) const NO_SENDER: InvalidSenderId =
    InvalidSenderId("a Telegram user id is a positive number, such as `123456789`");
pub(crate) const NO_GROUP: InvalidGroupId =
    InvalidGroupId("a Telegram group's id is a negative number, such as `-1001234567890`");

pub(crate) const TOKEN_MISSING: &str =
    "is missing: BotFather gives it when you make a bot (`bot_token`, or `token_file`)";
pub(crate) const TOKEN_FORM: &str = "is not of the form that BotFather gives, `<number>:<letters>`";
/// What stands beside `/start` in the menu of a stranger.
pub(crate) const START: &str = "begin";
pub(crate) const CONTENDED: &str = "another program polls this bot: stop it, or use another bot";

/// What to do where the bot is shown only a part of what is written in groups.
pub(crate) const PRIVACY: &str = "in groups the bot is shown only commands, mentions and replies, although `require_mention` is \
                                  false: send /setprivacy to BotFather, choose the bot and Disable, then take the bot out of \
                                  each group and add it again";

pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on Telegram";
pub(crate) const NO_MESSAGE: &str = "the message is not one on Telegram";
pub(crate) const NO_FILE: &str = "Telegram names no file that can be fetched";
pub(crate) const NO_TOPIC: &str = "the thread is not a topic on Telegram";

/// Telegram refuses the token of this key.
pub(crate) fn token_refused(key: &str) -> String {
    format!("Telegram refuses the token: check `{key}`")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let refused = token_refused("bot_token");
        let mut all = vec![NO_SENDER.0, NO_GROUP.0, TOKEN_MISSING, TOKEN_FORM, &refused, CONTENDED];
        all.extend([START, PRIVACY, NO_CONVERSATION, NO_MESSAGE, NO_FILE, NO_TOPIC]);
        expect![[r"
            a Telegram user id is a positive number, such as `123456789`
            a Telegram group's id is a negative number, such as `-1001234567890`
            is missing: BotFather gives it when you make a bot (`bot_token`, or `token_file`)
            is not of the form that BotFather gives, `<number>:<letters>`
            Telegram refuses the token: check `bot_token`
            another program polls this bot: stop it, or use another bot
            begin
            in groups the bot is shown only commands, mentions and replies, although `require_mention` is false: send /setprivacy to BotFather, choose the bot and Disable, then take the bot out of each group and add it again
            the conversation is not one on Telegram
            the message is not one on Telegram
            Telegram names no file that can be fetched
            the thread is not a topic on Telegram"]].assert_eq(&all.join("\n"));
    }
}
