//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId, neutral};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "a Slack user id begins with `U` or `W`, such as `U024BE7LH`; a person copies it from their profile",
);
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a Slack channel's id begins with `C` or `G`, such as `C024BE7LR`; it stands at the end of the channel's details",
);

pub(crate) const TOKEN_MISSING: &str = "is missing: the app's page at api.slack.com/apps shows it";
pub(crate) const NO_BOT_TOKEN: &str = "is not the right token: it begins with `xoxb-`";
pub(crate) const NO_APP_TOKEN: &str = "is not the right token: it begins with `xapp-`";
pub(crate) const SECRET_MISSING: &str =
    "is missing: `mode = \"http\"` needs it, from Basic Information of the app's page";
pub(crate) const NO_SECRET: &str = "is not what Slack shows: 32 letters and digits";
pub(crate) const NO_MODE: &str = "is `socket` or `http`";
pub(crate) const NOT_SERVED: &str = "is for `mode = \"http\"`: with Socket Mode nothing is served";

pub(crate) const SWITCHED_OFF: &str = "Slack: Socket Mode is switched off for this app: switch it on at api.slack.com/apps, and check `app_token`";
pub(crate) const TOO_MANY_SOCKETS: &str =
    "Slack has too many sockets of this app open: stop the other programs that use its token";
pub(crate) const FOREIGN_PICTURE: &str =
    "Slack names an address for the picture that is not its own";
pub(crate) const FOREIGN_FILE: &str = "Slack does not keep this file itself";

/// Slack refuses a token for this reason.
pub(crate) fn token_refused(code: &str, key: &str) -> String {
    let code = neutral(code, 64);
    format!("Slack refuses the token ({code}): check `{key}`, or install the app again")
}

/// A token lacks a scope.
pub(crate) fn scope_missing(scope: &str) -> String {
    let scope = neutral(scope, 100);
    format!(
        "Slack: the app lacks the scope `{scope}`: add it under OAuth & Permissions and install the app again"
    )
}

/// The bot's token lacks these scopes, and the account works all the same.
pub(crate) fn scopes_missing(scopes: &[&str]) -> String {
    let scopes: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    let scopes = scopes.join(", ");
    format!(
        "the Slack app lacks {scopes}: add them under OAuth & Permissions, and install it again"
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let mut all = vec![NO_SENDER.0.to_owned(), NO_GROUP.0.to_owned()];
        all.extend([TOKEN_MISSING, NO_BOT_TOKEN, NO_APP_TOKEN].map(str::to_owned));
        all.extend([SECRET_MISSING, NO_SECRET, NO_MODE, NOT_SERVED].map(str::to_owned));
        all.extend(
            [SWITCHED_OFF, TOO_MANY_SOCKETS, FOREIGN_PICTURE, FOREIGN_FILE].map(str::to_owned),
        );
        all.push(token_refused("invalid_auth", "bot_token"));
        all.push(scope_missing("chat:write"));
        all.push(scopes_missing(&["chat:write", "im:read"]));
        expect![[r#"
            a Slack user id begins with `U` or `W`, such as `U024BE7LH`; a person copies it from their profile
            a Slack channel's id begins with `C` or `G`, such as `C024BE7LR`; it stands at the end of the channel's details
            is missing: the app's page at api.slack.com/apps shows it
            is not the right token: it begins with `xoxb-`
            is not the right token: it begins with `xapp-`
            is missing: `mode = "http"` needs it, from Basic Information of the app's page
            is not what Slack shows: 32 letters and digits
            is `socket` or `http`
            is for `mode = "http"`: with Socket Mode nothing is served
            Slack: Socket Mode is switched off for this app: switch it on at api.slack.com/apps, and check `app_token`
            Slack has too many sockets of this app open: stop the other programs that use its token
            Slack names an address for the picture that is not its own
            Slack does not keep this file itself
            Slack refuses the token (invalid_auth): check `bot_token`, or install the app again
            Slack: the app lacks the scope `chat:write`: add it under OAuth & Permissions and install the app again
            the Slack app lacks `chat:write`, `im:read`: add them under OAuth & Permissions, and install it again"#]].assert_eq(&all.join("\n"));
    }
}
