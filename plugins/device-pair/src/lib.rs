//! `/pairing`: the owner sees who waits, and approves or refuses. The gateway has checked that it is
//! the owner, does what is asked, and alone can spell a code. `/pair` does the same for devices.

mod pair;
mod text;
mod words;

use openclaw_plugin_sdk::{
    Access, Choice, Command, CommandError, CommandPlugin, Decided, Decision, Gateway, Invocation,
    Reply, Text,
};
use words::{Words, verb};

/// The owner's commands about who waits, as the registry lists them.
pub const PLUGIN: CommandPlugin =
    CommandPlugin { id: "device-pair", commands: &[pair::PAIR, PAIRING] };

const PAIRING: Command = Command {
    name: "pairing",
    summary: "shows who waits for access, and decides",
    access: Access::Owner,
    run: |invocation| Box::pin(pairing(invocation)),
};

async fn pairing(invocation: Invocation<'_>) -> Result<Vec<Reply>, CommandError> {
    let Invocation { prefix, args, gateway } = invocation;
    let text = match words::parse(args, &gateway.pairing_channels()) {
        Words::Decide { decision, channel, code, lasting } => {
            let choice = Choice { channel: channel.as_deref(), code, lasting };
            decide(prefix, gateway, decision, choice).await?
        }
        Words::Help => text::help(prefix),
        Words::List { channel } => list(prefix, gateway, channel.as_deref()).await?,
        Words::Misused(verb) => return Err(CommandError::Usage(text::usage(prefix, verb))),
        Words::Unknown => return Err(CommandError::Usage(format!("`{prefix}pairing` shows how"))),
    };
    Ok(vec![text.into()])
}

async fn list(
    prefix: &str,
    gateway: &dyn Gateway,
    channel: Option<&str>,
) -> Result<Text, CommandError> {
    if let Some(channel) = channel.filter(|id| !gateway.pairing_channels().contains(id)) {
        return Ok(text::unknown_channel(&gateway.pairing_channels(), channel));
    }
    Ok(text::list(prefix, channel, &gateway.pairing_list(channel).await?))
}

async fn decide(
    prefix: &str,
    gateway: &dyn Gateway,
    decision: Decision,
    choice: Choice<'_>,
) -> Result<Text, CommandError> {
    Ok(match gateway.pairing_decide(decision, choice).await? {
        Decided::Done(one) => text::done(decision, &one, choice.lasting),
        Decided::NoMatch => text::no_match(prefix),
        Decided::Changed => text::changed(prefix),
        Decided::ClaimIsOver => Text::plain(text::CLAIM_IS_OVER),
        Decided::Several(found) => text::several(prefix, verb(decision), &found),
        Decided::Slow(wait) => text::slow(wait),
        Decided::UnknownChannel => {
            let channel = choice.channel.unwrap_or_default();
            text::unknown_channel(&gateway.pairing_channels(), channel)
        }
    })
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "the snapshots are written by a tool")]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use openclaw_plugin_sdk::{
        Body, DeviceChoice, DeviceDecided, Notify, Opaque, Setup, SetupWish, Waiting,
        WaitingDevice, async_trait,
    };

    use super::*;

    /// Two who wait with one code, and what the gateway would answer to a decision.
    struct Port(Decided);

    fn waiting() -> [Waiting; 2] {
        let ann = Waiting {
            channel: "telegram".into(),
            account: "default".into(),
            sender: "123456789".into(),
            name: Some("Ann".into()),
            later_name: None,
            claims: None,
            first_message: None,
            code: Opaque(1),
            age: Duration::from_secs(59),
            left: Duration::from_secs(3541),
        };
        let renamed = Waiting {
            channel: "webchat".into(),
            account: "second".into(),
            sender: "v-1".into(),
            later_name: Some("Owner".into()),
            claims: Some("telegram:123456789".into()),
            first_message: Some("held, 5 characters".into()),
            code: Opaque(2),
            age: Duration::from_secs(3599),
            left: Duration::ZERO,
            ..ann.clone()
        };
        [ann, renamed]
    }

    #[async_trait]
    impl Gateway for Port {
        async fn doctor(&self) -> Result<String, CommandError> {
            panic!("nothing is checked")
        }

        fn pairing_channels(&self) -> Vec<&'static str> {
            vec!["telegram", "webchat"]
        }

        async fn pairing_list(&self, channel: Option<&str>) -> Result<Vec<Waiting>, CommandError> {
            let asked = |one: &Waiting| channel.is_none_or(|id| id == one.channel);
            let mut waiting = waiting().to_vec();
            waiting.retain(asked);
            Ok(if matches!(self.0, Decided::NoMatch) { Vec::new() } else { waiting })
        }

        async fn pairing_decide(
            &self,
            _: Decision,
            choice: Choice<'_>,
        ) -> Result<Decided, CommandError> {
            assert_eq!(choice.code, "ab3d7x9k", "as it was typed");
            Ok(self.0.clone())
        }

        async fn device_list(&self) -> Result<Vec<WaitingDevice>, CommandError> {
            panic!("no device is asked for")
        }

        async fn device_decide(
            &self,
            _: Decision,
            _: DeviceChoice<'_>,
        ) -> Result<DeviceDecided, CommandError> {
            panic!("no device is asked for")
        }

        async fn setup_code(&self, _: SetupWish) -> Result<Setup, CommandError> {
            panic!("no code is asked for")
        }

        async fn setup_cancel(&self) -> Result<usize, CommandError> {
            panic!("no code is asked for")
        }

        async fn device_notify(&self, _: Option<Notify>) -> Result<Notify, CommandError> {
            panic!("no notice is asked for")
        }

        fn access(&self) -> &dyn openclaw_plugin_sdk::AccessControl {
            panic!("no permission is asked for")
        }
    }

    #[track_caller]
    fn check(args: &str, decided: Decided, expected: &Expect) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let invocation = Invocation { prefix: "/", args, gateway: &Port(decided) };
        let shown = match runtime.block_on(pairing(invocation)) {
            Ok(replies) => replies.iter().map(spelled).collect::<String>(),
            Err(error) => format!("{error:?}"),
        };
        assert!(!shown.to_lowercase().contains("ab3d7x9k"), "what was typed is not repeated");
        expected.assert_eq(&shown);
    }

    fn spelled(reply: &Reply) -> String {
        let Reply::Body(Body::Text(text)) = reply else { panic!("a text, not {reply:?}") };
        text.filled(|code| format!("<code {}>", code.0)).to_plain()
    }

    #[test]
    fn case_035_the_list_shows_both_names_and_codes_it_cannot_read() {
        let [ann, _] = waiting();
        let done = || Decided::Done(ann.clone());
        check(
            "list",
            done(),
            &expect![[r#"
            Pairing requests (2)

            <code 1> telegram/default sender 123456789 (Ann)
            asked 59 s ago, 59 min left

            <code 2> webchat/second sender v-1 (Ann; later: Owner)
            claims to be telegram:123456789
            first message: held, 5 characters
            asked 59 min ago, 0 s left

            /pairing approve <code> or /pairing deny <code>"#]],
        );
        check(
            "list webchat",
            done(),
            &expect![[r#"
            Pairing requests (1)

            <code 2> webchat/second sender v-1 (Ann; later: Owner)
            claims to be telegram:123456789
            first message: held, 5 characters
            asked 59 min ago, 0 s left

            /pairing approve <code> or /pairing deny <code>"#]],
        );
        check("list Telegram", Decided::NoMatch, &expect!["No pending telegram pairing requests."]);
        check("list", Decided::NoMatch, &expect!["No pending pairing requests."]);
        check(
            "list matrix",
            done(),
            &expect!["Channel matrix does not support pairing. These do: telegram, webchat"],
        );
    }

    #[test]
    fn a_decision_says_what_was_done_and_for_which_sender() {
        let [ann, renamed] = waiting();
        check(
            "approve ab3d7x9k",
            Decided::Done(ann.clone()),
            &expect!["✅ Approved telegram sender 123456789 (Ann)"],
        );
        check(
            "deny telegram ab3d7x9k",
            Decided::Done(renamed.clone()),
            &expect!["Denied webchat/second sender v-1 (Ann; later: Owner)"],
        );
        check(
            "deny ab3d7x9k",
            Decided::NoMatch,
            &expect![
                "No pending pairing request found for that code. /pairing list shows who waits."
            ],
        );
        check(
            "approve matrix ab3d7x9k",
            Decided::UnknownChannel,
            &expect!["Channel matrix does not support pairing. These do: telegram, webchat"],
        );
        check(
            "approve ab3d7x9k",
            Decided::Slow(Duration::from_secs(90)),
            &expect!["Too many wrong codes. Try again in 91 s."],
        );
        check(
            "approve ab3d7x9k",
            Decided::Several(vec![ann, renamed]),
            &expect![[r#"
            Several requests have that code. Nothing changed. Choose one:

            telegram/default sender 123456789 (Ann)
            /pairing approve telegram <code 1>

            webchat/second sender v-1 (Ann; later: Owner)
            claims to be telegram:123456789
            first message: held, 5 characters
            /pairing approve webchat <code 2>"#]],
        );
    }

    #[test]
    fn other_words_are_told_how_it_works() {
        check(
            "",
            Decided::NoMatch,
            &expect![[r#"
                A new sender gets a code and waits until you decide.

                /pairing list [channel] shows who waits
                /pairing approve <code> [24h|30d] gives access, permanent or for that time
                /pairing deny <code> refuses the request; no new code for an hour
                /pairing block <code> refuses the request and ignores the sender"#]],
        );
        check(
            "approve",
            Decided::NoMatch,
            &expect![[
                r#"Usage("`/pairing approve <code>`, or `/pairing approve <channel> <code>`, with a duration such as 24h or 30d if the access shall end; `/pairing list` shows the codes")"#
            ]],
        );
        check(
            "list a b",
            Decided::NoMatch,
            &expect![[r#"Usage("`/pairing list`, or `/pairing list <channel>`")"#]],
        );
        check("latest", Decided::NoMatch, &expect![[r#"Usage("`/pairing` shows how")"#]]);
    }
}
