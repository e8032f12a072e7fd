//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId};

pub(crate) const NO_SENDER: InvalidSenderId =
    InvalidSenderId("a Discord user id is a positive number, such as `123456789012345678`");
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a Discord channel's id is a number, such as `234567890123456789`; \"Copy Channel ID\" gives it",
);

pub(crate) const TOKEN_MISSING: &str = "is missing: the Developer Portal shows it under Bot";
pub(crate) const TOKEN_FORM: &str =
    "is not of the form that the Developer Portal gives, `<letters>.<letters>.<letters>`";
pub(crate) const TOKEN_REFUSED: &str =
    "Discord refuses the token: reset it in the Developer Portal, under Bot, and change `token`";

pub(crate) const NO_SERVER: &str = "is no server's id, such as `\"123456789012345678\"`: a name decides nothing; leave `guilds` out for any server";
pub(crate) const NO_CHANNELS: &str =
    "lists no channel: leave it out for all of the server's, or leave the server out";
pub(crate) const NO_CHANNEL: &str =
    "has an entry that is no channel's id, such as `\"123456789012345678\"`";
pub(crate) const NO_LIST: &str = "is a list of ids, such as `[\"123456789012345678\"]`";

pub(crate) const GATEWAY_NO_URL: &str = "Discord names a gateway that is no URL";
pub(crate) const GATEWAY_NOT_WSS: &str =
    "Discord names a gateway that is not `wss`: the token would show";
pub(crate) const GATEWAY_ELSEWHERE: &str =
    "the gateway is at another host than `api_root`: the token does not go there";

/// What does not work without the intent, and how to change that.
pub(crate) const LIMITED: &str = "in servers only messages that mention the bot are heard: turn on Message Content Intent \
                                  in the Developer Portal, under Bot, and restart the gateway";

pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on Discord";
pub(crate) const NO_MESSAGE: &str = "the message is not one on Discord";
pub(crate) const NO_TEXT: &str = "Discord takes no message without a text";
pub(crate) const TOO_MANY_MARKS: &str = "the text has too many marks for Discord";

/// The next step, where Discord's code alone does not say it.
pub(crate) fn hint(code: &str) -> &'static str {
    match code {
        "50001" | "50013" => ": give the bot the permission in the channel",
        "50007" => {
            ": the person has to share a server with the bot and let its members write to them"
        }
        _ => "",
    }
}

/// Why Discord closes for good.
pub(crate) fn refused(code: u16) -> String {
    let why = match code {
        4010 | 4011 => {
            "wants this bot to be divided, which it cannot be: give `token` of a bot in fewer servers"
        }
        4012 => "no longer speaks this version: update the gateway; `token` is not at fault",
        _ => {
            "refuses the intents of this bot: look at it in the Developer Portal, or give `token` of another"
        }
    };
    format!("Discord {why} ({code})")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let mut all = vec![NO_SENDER.0, NO_GROUP.0, TOKEN_MISSING, TOKEN_FORM, TOKEN_REFUSED];
        all.extend([NO_SERVER, NO_CHANNELS, NO_CHANNEL, NO_LIST]);
        all.extend([GATEWAY_NO_URL, GATEWAY_NOT_WSS, GATEWAY_ELSEWHERE, LIMITED]);
        all.extend([NO_CONVERSATION, NO_MESSAGE, NO_TEXT, TOO_MANY_MARKS]);
        all.extend([hint("50001"), hint("50007")]);
        let refused = [4010, 4012, 4013].map(refused);
        all.extend(refused.iter().map(String::as_str));
        expect![[r#"
            a Discord user id is a positive number, such as `123456789012345678`
            a Discord channel's id is a number, such as `234567890123456789`; "Copy Channel ID" gives it
            is missing: the Developer Portal shows it under Bot
            is not of the form that the Developer Portal gives, `<letters>.<letters>.<letters>`
            Discord refuses the token: reset it in the Developer Portal, under Bot, and change `token`
            is no server's id, such as `"123456789012345678"`: a name decides nothing; leave `guilds` out for any server
            lists no channel: leave it out for all of the server's, or leave the server out
            has an entry that is no channel's id, such as `"123456789012345678"`
            is a list of ids, such as `["123456789012345678"]`
            Discord names a gateway that is no URL
            Discord names a gateway that is not `wss`: the token would show
            the gateway is at another host than `api_root`: the token does not go there
            in servers only messages that mention the bot are heard: turn on Message Content Intent in the Developer Portal, under Bot, and restart the gateway
            the conversation is not one on Discord
            the message is not one on Discord
            Discord takes no message without a text
            the text has too many marks for Discord
            : give the bot the permission in the channel
            : the person has to share a server with the bot and let its members write to them
            Discord wants this bot to be divided, which it cannot be: give `token` of a bot in fewer servers (4010)
            Discord no longer speaks this version: update the gateway; `token` is not at fault (4012)
            Discord refuses the intents of this bot: look at it in the Developer Portal, or give `token` of another (4013)"#]].assert_eq(&all.join("\n"));
    }
}
