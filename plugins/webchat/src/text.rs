//! Every text of this plugin that a person reads, but for those of the page itself.

use openclaw_plugin_sdk::InvalidSenderId;

pub(crate) const NO_SENDER: InvalidSenderId =
    InvalidSenderId("a visitor id is `web:` and 32 lower-case hex digits");

pub(crate) const NO_VISITOR: &str = "there is no such visitor";
pub(crate) const NO_MESSAGE: &str = "there is no such message to replace";
pub(crate) const NOTHING_TO_TAKE_AWAY: &str = "there is no message to take away";
pub(crate) const NO_RANDOMNESS: &str = "the system's random generator failed";
pub(crate) const NO_ROOM: &str = "too much waits for this visitor, who is not here";
pub(crate) const TOO_MANY_BUTTONS: &str = "a card has at most 8 buttons";
pub(crate) const PICTURE_TOO_LARGE: &str = "a picture has at most 256 KiB";
pub(crate) const TEXT_TOO_LONG: &str = "a text has at most 16 KiB";

// On the page, and where its socket ends.
pub(crate) const TOO_MANY_PAGES: &str = "too many pages are open from this address";
pub(crate) const TOO_SLOW: &str = "this page reads too slowly";
pub(crate) const TOO_FAST: &str = "that was too much at once";
pub(crate) const WAIT: &str = "That was too much at once. Wait ten seconds, then send it again.";
pub(crate) const NO_BUTTON: &str = "The gateway does not know this button.";
pub(crate) const NOT_NOW: &str = "The gateway cannot take messages now. Try again in a while.";
pub(crate) const LONG: &str = "This message is longer than 16 KiB. Send it in parts.";
pub(crate) const NO_FILE_KEPT: &str = "the file cannot be kept for this visitor";
pub(crate) const FILE_GONE: &str = "A file of this message is not here any more. Add it again.";
pub(crate) const EMPTY: &str = "There is nothing in this message.";
pub(crate) const NOT_UNDERSTOOD: &str = "The gateway does not understand this page. Reload it.";

// Where a file is sent.
pub(crate) const NO_FILES: &str = "Files can be sent once the owner has let you in.\n";
pub(crate) const EMPTY_FILE: &str = "There is nothing in this file.\n";

// Where there is no page.
pub(crate) const OTHER_HOST: &str = "The chat is not served under this name. Its owner can allow the name: `allowed_hosts` of `webchat`.\n";
pub(crate) const OTHER_PAGE: &str = "Only the chat's own page may open this.\n";
pub(crate) const NO_COOKIE: &str = "Open the page first: it knows its visitors by a cookie.\n";
pub(crate) const TWO_COOKIES: &str = "The browser sends two cookies of this page, and one of them may be planted. Delete this site's cookies, then reload.\n";
pub(crate) const NO_HANDSHAKE: &str = "This is a WebSocket, version 13.\n";
pub(crate) const TOO_MANY: &str = "Too many pages are open from this address.\n";
pub(crate) const NOT_FOUND: &str = "There is nothing here.\n";
pub(crate) const WRONG_METHOD: &str = "Only GET and HEAD work here.\n";
pub(crate) const NO_COOKIE_MADE: &str = "The system's random generator failed.\n";

/// A title that is no title.
pub(crate) fn title(longest: usize) -> String {
    format!("the title has 1 to {longest} characters")
}

/// More messages than are kept of a person.
pub(crate) fn history(most: usize) -> String {
    format!("of a conversation 0 to {most} messages are kept")
}

/// A name under which nothing can be served.
pub(crate) fn no_host(name: &str) -> String {
    format!("`{name}` is not a `host`, `host:port` or `https://host`")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_text_can_be_read_in_one_go() {
        let made = [title(60), history(1000), no_host("a b")];
        let mut all = vec![NO_SENDER.0, &made[0], &made[1], &made[2]];
        all.extend([NO_VISITOR, NO_MESSAGE, NOTHING_TO_TAKE_AWAY, NO_RANDOMNESS, NO_ROOM]);
        all.extend([TOO_MANY_BUTTONS, PICTURE_TOO_LARGE, TEXT_TOO_LONG, TOO_MANY_PAGES, TOO_SLOW]);
        all.extend([TOO_FAST, WAIT, NO_BUTTON, NOT_NOW, LONG]);
        all.extend([NO_FILE_KEPT, FILE_GONE, NO_FILES, EMPTY_FILE]);
        all.extend([EMPTY, NOT_UNDERSTOOD, OTHER_HOST, OTHER_PAGE, NO_COOKIE]);
        all.extend([TWO_COOKIES, NO_HANDSHAKE, TOO_MANY, NOT_FOUND, WRONG_METHOD]);
        all.extend([NO_COOKIE_MADE]);
        expect![[r"
            a visitor id is `web:` and 32 lower-case hex digits
            the title has 1 to 60 characters
            of a conversation 0 to 1000 messages are kept
            `a b` is not a `host`, `host:port` or `https://host`
            there is no such visitor
            there is no such message to replace
            there is no message to take away
            the system's random generator failed
            too much waits for this visitor, who is not here
            a card has at most 8 buttons
            a picture has at most 256 KiB
            a text has at most 16 KiB
            too many pages are open from this address
            this page reads too slowly
            that was too much at once
            That was too much at once. Wait ten seconds, then send it again.
            The gateway does not know this button.
            The gateway cannot take messages now. Try again in a while.
            This message is longer than 16 KiB. Send it in parts.
            the file cannot be kept for this visitor
            A file of this message is not here any more. Add it again.
            Files can be sent once the owner has let you in.

            There is nothing in this file.

            There is nothing in this message.
            The gateway does not understand this page. Reload it.
            The chat is not served under this name. Its owner can allow the name: `allowed_hosts` of `webchat`.

            Only the chat's own page may open this.

            Open the page first: it knows its visitors by a cookie.

            The browser sends two cookies of this page, and one of them may be planted. Delete this site's cookies, then reload.

            This is a WebSocket, version 13.

            Too many pages are open from this address.

            There is nothing here.

            Only GET and HEAD work here.

            The system's random generator failed.
        "]].assert_eq(&all.join("\n"));
    }
}
