//! Every text of this plugin that a person reads.

use std::fmt::Display;

use openclaw_plugin_sdk::InvalidSenderId;

pub(crate) const NO_SENDER: InvalidSenderId =
    InvalidSenderId("a user of this machine is `local:` and a number");
pub(crate) const GONE: &str = "the console is gone";
pub(crate) const NOT_TAKEN: &str =
    "The gateway could not take that, and nothing was done. Try again.\n";
pub(crate) const ELSEWHERE: &str = "this conversation is not the console";
pub(crate) const NO_BUTTONS: &str = "the console has no buttons";
pub(crate) const STAYS: &str = "what the console has printed stays";
pub(crate) const NO_PICTURES: &str = "the console shows no pictures";
pub(crate) const NO_TYPING: &str = "the console shows nobody who writes";
pub(crate) const TOO_LONG: &str = "the text is too long for the console";
pub(crate) const NO_TERMINAL: &str = "there is no terminal here";
pub(crate) const NOT_UTF8: &str = "(dropped: not UTF-8)\n";

/// The console is gone for this reason.
pub(crate) fn gone(why: &impl Display) -> String {
    format!("{GONE}: {why}")
}

/// So many messages were not shown.
pub(crate) fn missed(many: u64) -> String {
    match many {
        1 => "(1 message was not shown)\n".to_owned(),
        many => format!("({many} messages were not shown)\n"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let all = [
            NO_SENDER.0,
            GONE,
            NOT_TAKEN,
            ELSEWHERE,
            NO_BUTTONS,
            STAYS,
            NO_PICTURES,
            NO_TYPING,
            TOO_LONG,
            NO_TERMINAL,
            NOT_UTF8,
            &missed(1),
            &missed(2),
        ];
        expect![[r"
            a user of this machine is `local:` and a number
            the console is gone
            The gateway could not take that, and nothing was done. Try again.

            this conversation is not the console
            the console has no buttons
            what the console has printed stays
            the console shows no pictures
            the console shows nobody who writes
            the text is too long for the console
            there is no terminal here
            (dropped: not UTF-8)

            (1 message was not shown)

            (2 messages were not shown)
        "]]
        .assert_eq(&all.join("\n"));
    }
}
