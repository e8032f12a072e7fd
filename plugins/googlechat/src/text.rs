//! Every text of this plugin that a person reads.

use openclaw_plugin_sdk::{InvalidGroupId, InvalidSenderId, neutral};

pub(crate) const NO_SENDER: InvalidSenderId = InvalidSenderId(
    "a Google Chat user is `users/` and a number, such as `users/123456789012345678901`, as the pairing request shows",
);
pub(crate) const NO_ADDRESS: InvalidSenderId = InvalidSenderId(
    "an e-mail address can be handed on to another person: give the id `users/…` that the pairing request shows",
);
pub(crate) const NO_GROUP: InvalidGroupId = InvalidGroupId(
    "a Google Chat space's id is `spaces/` and what stands behind `/room/` in its address, such as `spaces/AAAAB3NzaC1`",
);

pub(crate) const NO_ACCOUNT: &str = "is missing: the JSON file with a key of the service account, from the Google Cloud console (or `service_account`)";
pub(crate) const TWO_ACCOUNTS: &str = "stands beside `service_account`: give one of them";
pub(crate) const NO_AUDIENCE_TYPE: &str =
    "is `app-url` or `project-number`, as \"Authentication Audience\" of the Chat API says";
pub(crate) const NO_URL: &str =
    "must be the app's whole address, exactly as in the Google Cloud console: `https://…`";
pub(crate) const NO_PROJECT: &str =
    "must be the number of the project, such as `123456789012`: its id is another thing";
pub(crate) const PROJECT_TWICE: &str =
    "is for `audience_type = \"app-url\"`: here `audience` is the number";

pub(crate) const NO_KEY_FILE: &str = "is not the JSON of a service account's key";
pub(crate) const NO_PRIVATE_KEY: &str = "has no `private_key` that can be read: make a new key";
pub(crate) const FOREIGN_TOKEN_URI: &str =
    "has another `token_uri` than `https://oauth2.googleapis.com/token`: it is not from Google";

pub(crate) const NO_CONVERSATION: &str = "the conversation is not one on Google Chat";
pub(crate) const NO_MESSAGE: &str = "the message is not one on Google Chat";
pub(crate) const NO_PICTURE: &str = "an app of Google Chat cannot send pictures";
pub(crate) const NEVER_WROTE: &str =
    "Google Chat: the person has never written to the app, and it cannot begin";

pub(crate) const NOTHING_HEARD: &str = "nothing heard from Google since the start: its HTTP endpoint URL and audience must be those of the configuration";

/// The service account gets no token.
pub(crate) fn grant_refused(code: &str, key: &str) -> String {
    format!(
        "Google gives the service account no token ({code}): check `{key}`, and this machine's clock"
    )
}

/// The token is not taken, a fresh one neither.
pub(crate) fn token_refused(key: &str) -> String {
    format!("Google Chat refuses the token of the service account: check `{key}`")
}

/// The account may not use the API.
pub(crate) fn denied(words: &str, key: &str) -> String {
    let words = neutral(words, 200);
    format!("enable the Google Chat API in the project of `{key}` (Google Chat says: {words})")
}

/// The project has no app.
pub(crate) fn no_app(words: &str, key: &str) -> String {
    let words = neutral(words, 200);
    format!(
        "fill in the Configuration of the Google Chat API in the project of `{key}` (Google Chat says: {words})"
    )
}

/// Nobody can tell whose requests are Google's.
pub(crate) fn no_keys(why: &str) -> String {
    format!("Google's keys cannot be fetched ({why}): until then Google is told to come again")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let key = "service_account_file";
        let grant = grant_refused("invalid_grant", key);
        let (token, denied) = (token_refused(key), denied("The API is disabled.", key));
        let (no_app, no_keys) = (no_app("App not found.", key), no_keys("cannot connect"));
        let mut all = vec![NO_SENDER.0, NO_ADDRESS.0, NO_GROUP.0, NO_ACCOUNT, TWO_ACCOUNTS];
        all.extend([NO_AUDIENCE_TYPE, NO_URL, NO_PROJECT, PROJECT_TWICE, NO_KEY_FILE]);
        all.extend([NO_PRIVATE_KEY, FOREIGN_TOKEN_URI, NO_CONVERSATION, NO_MESSAGE, NO_PICTURE]);
        all.extend([NEVER_WROTE, NOTHING_HEARD, &grant, &token, &denied, &no_app, &no_keys]);
        expect![[r#"
            a Google Chat user is `users/` and a number, such as `users/123456789012345678901`, as the pairing request shows
            an e-mail address can be handed on to another person: give the id `users/…` that the pairing request shows
            a Google Chat space's id is `spaces/` and what stands behind `/room/` in its address, such as `spaces/AAAAB3NzaC1`
            is missing: the JSON file with a key of the service account, from the Google Cloud console (or `service_account`)
            stands beside `service_account`: give one of them
            is `app-url` or `project-number`, as "Authentication Audience" of the Chat API says
            must be the app's whole address, exactly as in the Google Cloud console: `https://…`
            must be the number of the project, such as `123456789012`: its id is another thing
            is for `audience_type = "app-url"`: here `audience` is the number
            is not the JSON of a service account's key
            has no `private_key` that can be read: make a new key
            has another `token_uri` than `https://oauth2.googleapis.com/token`: it is not from Google
            the conversation is not one on Google Chat
            the message is not one on Google Chat
            an app of Google Chat cannot send pictures
            Google Chat: the person has never written to the app, and it cannot begin
            nothing heard from Google since the start: its HTTP endpoint URL and audience must be those of the configuration
            Google gives the service account no token (invalid_grant): check `service_account_file`, and this machine's clock
            Google Chat refuses the token of the service account: check `service_account_file`
            enable the Google Chat API in the project of `service_account_file` (Google Chat says: The API is disabled.)
            fill in the Configuration of the Google Chat API in the project of `service_account_file` (Google Chat says: App not found.)
            Google's keys cannot be fetched (cannot connect): until then Google is told to come again"#]].assert_eq(&all.join("\n"));
    }
}
