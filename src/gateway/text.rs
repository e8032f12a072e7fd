//! What people read of the gateway itself: in a browser, in answer to commands, and about setup codes. Texts that programs go
//! by stand beside their codes.

use openclaw_plugin_sdk::Text;

use crate::rules::{admission::Ground, device::setup_code::Spent};

/// Why nothing opens on a restored copy.
pub(crate) const UNCONFIRMED: &str = "this state folder was restored from a backup: no account starts and no device connects before `openclaw backup confirm` at the host";

/// Pages, and what stands in their place.
pub(crate) mod page {
    pub(crate) const BAD_NONCE: &str = "Ask with `nonce=` and 16 to 64 of A-Z, a-z, 0-9, - and _.";
    pub(crate) const BODY_CUT: &str = "The request's body is not whole.";
    pub(crate) const BODY_LONG: &str = "The request's body is too long.";
    pub(crate) const BODY_SLOW: &str = "The request's body took too long.";
    pub(crate) const CHANNEL_BUSY: &str = "This channel is busy. Try again in a moment.";
    pub(crate) const CHANNEL_SILENT: &str =
        "This channel does not answer now. Try again in a moment.";
    pub(crate) const FAILED: &str = "See the log of the gateway.";
    pub(crate) const NEEDS_SECRET: &str =
        "Ask from this machine, or with `Authorization: Bearer` and the gateway's secret.";
    pub(crate) const NOT_FOUND: &str = "There is nothing here. The chat page is at /chat.";
    pub(crate) const NO_WEBSOCKET: &str = "This is no WebSocket handshake of version 13.";
    pub(crate) const ONE_SOCKET: &str = "One connection carries one socket.";
    pub(crate) const READ_ONLY: &str = "read it";
    pub(crate) const TOO_MANY_REQUESTS: &str =
        "Too many requests are unfinished. Try again in a moment.";
    pub(crate) const TOO_MANY_SECRETS: &str = "Too many wrong secrets. Try again later.";
}

/// What owners are told of an account.
pub(crate) mod account {
    /// That of a fault in the program.
    pub(crate) const PANICKED: &str = "its channel failed, which is a fault in this program: see the log, then restart the gateway";

    /// Until its cause is mended.
    pub(crate) fn stopped(channel: &str, account: &str, why: &str) -> String {
        format!("{channel} ({account}) has stopped: {why}")
    }

    /// It had stopped.
    pub(crate) fn works_again(channel: &str, account: &str) -> String {
        format!("{channel} ({account}) works again.")
    }
}

/// Answers to commands.
pub(crate) mod command {
    use super::{Ground, Text};

    pub(crate) const ACCESS: &str = "only an owner may see or change who may talk";
    pub(crate) const CHECKS: &str = "only an owner may see what is wrong with the gateway";
    pub(crate) const DEVICES: &str = "only an owner decides about devices";
    pub(crate) const DIRECTLY: &str =
        "Commands work in a direct chat only. Please write to me there.";
    pub(crate) const FORGOTTEN: &str = "Forgotten. We start afresh.";
    pub(crate) const HELP: &str = "Write to me, and the assistant answers. Commands:";
    pub(crate) const NOT_BLOCKED: &str = "a device is turned away or removed, not blocked";
    pub(crate) const OWNERS_ONLY: &str = "Only the owner of this gateway can use that command.";
    pub(crate) const PEOPLE: &str = "only an owner decides";
    pub(crate) const WAITING: &str = "only an owner may see who waits";
    pub(crate) const WRONG_CLAIM: &str = "That claim code is not open: it is wrong, spent, or older than ten minutes. \
                                          On the gateway's machine, `openclaw owner claim` prints a new one.";

    /// It may have been done.
    pub(crate) fn in_doubt(why: &str) -> Text {
        Text::plain(format!("That did not work: {why}"))
    }

    /// It was not done.
    pub(crate) fn failed(why: &str) -> Text {
        Text::plain(format!("That did not work, and nothing was changed: {why}"))
    }

    /// There is no command of this name.
    pub(crate) fn unknown(prefix: &str) -> Text {
        Text::plain(format!("There is no such command. {prefix}help lists them."))
    }

    /// The names of a person, and why they have access.
    pub(crate) fn whoami(
        (channel, account): (&str, &str),
        id_line: &str,
        sender: &str,
        ground: Ground,
    ) -> Text {
        let why = match ground {
            Ground::Approved => "an owner has approved you",
            Ground::Device => "your device is paired",
            Ground::Everyone => "the configuration admits everyone",
            Ground::Listed => "the configuration lists you",
            Ground::Owner => "you are an owner",
        };
        let text = Text::plain(format!("Channel: {channel} ({account})\n{id_line}: "));
        text.code(sender).and(format!("\nAdmitted, because {why}."))
    }
}

/// About an assistant that does not answer.
pub(crate) mod assistant {
    use openclaw_plugin_sdk::ResponderError;

    pub(crate) const TRY_LATER: &str =
        "The assistant could not answer just now. Please try again in a while.";
    pub(crate) const NEEDS_OWNER: &str = "The assistant cannot answer now. Trying again does not help: the owner of \
                                          this gateway has to fix it.";

    /// For the person who asked.
    pub(crate) fn failed(error: &ResponderError) -> &'static str {
        if error.is_temporary() { TRY_LATER } else { NEEDS_OWNER }
    }

    /// For owners. `asks` is where the responder asks; neither it nor the error holds what others wrote.
    pub(crate) fn unreachable(responder: &str, asks: &str, error: &ResponderError) -> String {
        let at = if asks.is_empty() { String::new() } else { format!(" at {asks}") };
        let next = if error.is_temporary() {
            "It may recover by itself. If it does not, look at that service or program"
        } else {
            "Change what is named there"
        };
        format!(
            "The assistant does not answer (assistant.unreachable).\nAsked: {responder}{at}\nResult: {error}\n\
             Next: {next}. To try it: openclaw config check --deep"
        )
    }
}

/// About files that came with a message. The numbers are those of `delivery::files`.
pub(crate) mod files {
    pub(crate) const LOST: &str =
        "The gateway restarted before a file could be sent. Please ask for it again.";
    pub(crate) const PICTURES_ONLY: &str =
        "The assistant reads text and pictures only. Other files were left out.";
    pub(crate) const REFUSED: &str = "A file of the answer could not be sent here.";
    pub(crate) const TEXT_ONLY: &str = "I can only read text. Please write what you mean.";
    pub(crate) const TOO_LARGE: &str =
        "The files of a message may have 10 MB together. What is larger was left out.";
    pub(crate) const TOO_MANY: &str = "Only the first four files of a message are read.";
    pub(crate) const UNAVAILABLE: &str =
        "A file could not be fetched and was left out. Please send it again.";
    pub(crate) const UNREADABLE: &str = "I cannot read that. Please write what you mean.";
}

/// What became of a setup code that stands in an owner's chat.
pub(crate) fn spent(spent: Spent, prefix: &str) -> Text {
    match spent {
        Spent::Cancelled => Text::plain("That setup code was taken back."),
        Spent::Expired => Text::plain("Your setup code has expired; nobody used it. A new one: ")
            .code(format!("{prefix}pair")),
        Spent::Used => Text::plain("Your setup code is used: it is one device's now, for good."),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_owners_are_told_of_an_account_can_be_read_in_one_go() {
        let all = [
            account::stopped("signal", "default", "unauthorized, the daemon lets nobody in"),
            account::stopped("signal", "default", account::PANICKED),
            account::works_again("signal", "default"),
        ];
        expect![[r"
            signal (default) has stopped: unauthorized, the daemon lets nobody in
            signal (default) has stopped: its channel failed, which is a fault in this program: see the log, then restart the gateway
            signal (default) works again."]]
        .assert_eq(&all.join("\n"));
    }

    #[test]
    fn pages_can_be_read_in_one_go() {
        let all = [
            page::BAD_NONCE,
            page::BODY_CUT,
            page::BODY_LONG,
            page::BODY_SLOW,
            page::CHANNEL_BUSY,
            page::CHANNEL_SILENT,
            page::FAILED,
            page::NEEDS_SECRET,
            page::NOT_FOUND,
            page::NO_WEBSOCKET,
            page::ONE_SOCKET,
            page::READ_ONLY,
            page::TOO_MANY_REQUESTS,
            page::TOO_MANY_SECRETS,
        ];
        expect![[r"
            Ask with `nonce=` and 16 to 64 of A-Z, a-z, 0-9, - and _.
            The request's body is not whole.
            The request's body is too long.
            The request's body took too long.
            This channel is busy. Try again in a moment.
            This channel does not answer now. Try again in a moment.
            See the log of the gateway.
            Ask from this machine, or with `Authorization: Bearer` and the gateway's secret.
            There is nothing here. The chat page is at /chat.
            This is no WebSocket handshake of version 13.
            One connection carries one socket.
            read it
            Too many requests are unfinished. Try again in a moment.
            Too many wrong secrets. Try again later."]]
        .assert_eq(&all.join("\n"));
    }

    #[test]
    fn answers_to_commands_can_be_read_in_one_go() {
        let plain = [
            command::ACCESS,
            command::CHECKS,
            command::DEVICES,
            command::DIRECTLY,
            command::FORGOTTEN,
            command::HELP,
            command::NOT_BLOCKED,
            command::OWNERS_ONLY,
            command::PEOPLE,
            command::WAITING,
            command::WRONG_CLAIM,
        ];
        let of_why = [command::in_doubt("WHY"), command::failed("WHY"), command::unknown("/")];
        let all: Vec<_> =
            plain.into_iter().map(str::to_owned).chain(of_why.iter().map(Text::to_plain)).collect();
        expect![[r"
            only an owner may see or change who may talk
            only an owner may see what is wrong with the gateway
            only an owner decides about devices
            Commands work in a direct chat only. Please write to me there.
            Forgotten. We start afresh.
            Write to me, and the assistant answers. Commands:
            a device is turned away or removed, not blocked
            Only the owner of this gateway can use that command.
            only an owner decides
            only an owner may see who waits
            That claim code is not open: it is wrong, spent, or older than ten minutes. On the gateway's machine, `openclaw owner claim` prints a new one.
            That did not work: WHY
            That did not work, and nothing was changed: WHY
            There is no such command. /help lists them."]]
        .assert_eq(&all.join("\n"));
    }

    #[test]
    fn what_is_said_of_an_assistant_can_be_read_in_one_go() {
        use openclaw_plugin_sdk::ResponderError::{Misconfigured, TimedOut};

        let late = TimedOut(std::time::Duration::from_mins(2));
        let wrong = Misconfigured("`answer` cannot be started: check `program`".to_owned());
        let all = [
            assistant::failed(&late).to_owned(),
            assistant::failed(&wrong).to_owned(),
            assistant::unreachable("openai", "http://h/v1/chat/completions", &late),
            assistant::unreachable("command", "answer", &wrong),
            assistant::unreachable("other", "", &wrong),
        ];
        expect![[r"
            The assistant could not answer just now. Please try again in a while.
            The assistant cannot answer now. Trying again does not help: the owner of this gateway has to fix it.
            The assistant does not answer (assistant.unreachable).
            Asked: openai at http://h/v1/chat/completions
            Result: no answer within 120 s
            Next: It may recover by itself. If it does not, look at that service or program. To try it: openclaw config check --deep
            The assistant does not answer (assistant.unreachable).
            Asked: command at answer
            Result: `answer` cannot be started: check `program`
            Next: Change what is named there. To try it: openclaw config check --deep
            The assistant does not answer (assistant.unreachable).
            Asked: other
            Result: `answer` cannot be started: check `program`
            Next: Change what is named there. To try it: openclaw config check --deep"]]
        .assert_eq(&all.join("\n"));
    }

    #[test]
    fn who_one_is_and_what_became_of_a_code_can_be_read_in_one_go() {
        let grounds =
            [Ground::Approved, Ground::Device, Ground::Everyone, Ground::Listed, Ground::Owner];
        let whoami = |ground| command::whoami(("Telegram", "default"), "Your id", "7", ground);
        let codes = [Spent::Cancelled, Spent::Expired, Spent::Used].map(|of| spent(of, "/"));
        let all: Vec<_> = grounds.map(whoami).iter().chain(&codes).map(Text::to_plain).collect();
        expect![[r"
            Channel: Telegram (default)
            Your id: 7
            Admitted, because an owner has approved you.
            Channel: Telegram (default)
            Your id: 7
            Admitted, because your device is paired.
            Channel: Telegram (default)
            Your id: 7
            Admitted, because the configuration admits everyone.
            Channel: Telegram (default)
            Your id: 7
            Admitted, because the configuration lists you.
            Channel: Telegram (default)
            Your id: 7
            Admitted, because you are an owner.
            That setup code was taken back.
            Your setup code has expired; nobody used it. A new one: /pair
            Your setup code is used: it is one device's now, for good."]]
        .assert_eq(&all.join("\n"));
    }
}
