//! Every text of this crate, to be read in one go.

#![expect(
    clippy::needless_raw_string_hashes,
    clippy::too_many_lines,
    reason = "`UPDATE_EXPECT=1` writes them so, and each test is a list"
)]

use expect_test::expect;
use openclaw_plugin_sdk::SenderId;

use super::*;
use crate::rules::{
    AccountKey,
    pairing::{PairingCode, RequestId},
};

fn request(name: Option<&str>, later: Option<&str>) -> PairingRequest {
    let key = AccountKey::default_of("telegram");
    let sender = SenderId::new("123456789").unwrap();
    PairingRequest {
        id: RequestId::derive(&key, &sender, ""),
        key,
        sender,
        code: PairingCode::parse("AB3D7X9K").unwrap(),
        created_at: UnixMs(0),
        last_seen_at: UnixMs(0),
        meta: name.map(|name| ("firstName".to_owned(), name.to_owned())).into_iter().collect(),
        later_name: later.map(str::to_owned),
        claims: None,
        held: None,
        opened: None,
    }
}

#[test]
fn texts() {
    let line: Line = serde_json::from_value(serde_json::json!({
        "seq": 7, "at": "2026-02-13T10:00:00.000Z", "action": "approve", "surface": "cli",
        "actor": "uid:1000", "channel": "telegram", "account": "default", "subject": "42", "prev": "",
    }))
    .unwrap();
    let fixed = [
        WELCOME,
        CHANGED,
        CLAIM_IS_OVER,
        GONE,
        AS_OWNER,
        ADMITTED,
        WHEN_MENTIONED,
        ASKS,
        IGNORED,
        NO_ACCOUNT,
        SWITCHED_OFF,
        GROUPS_OFF,
        NO_GROUP,
        GROUP_OPEN,
        GROUP_LISTED,
        NOT_IN_GROUP,
        OWNER,
        EVERYONE,
        LISTED,
        APPROVED,
        NOT_APPROVED,
        BLOCKED,
    ];
    let texts = [
        decided(Decision::Approve, &request(None, None)),
        decided(Decision::Approve, &request(Some("Ann"), None)),
        decided(Decision::Deny, &request(None, Some("Eve"))),
        decided(Decision::Block, &request(Some("Ann"), Some("Eve"))),
        no_id("x"),
        unknown_channel("irc"),
        decider("telegram:7", "telegram:7"),
        decider("terminal:local:0", ""),
        decider("uid:1000", "telegram:7"),
        spoken(&line),
        approved("telegram:7", None, UnixMs(0)),
        approved("telegram:7", Some(UnixMs(86_400_000)), UnixMs(0)),
        blocked("telegram:7", UnixMs(0)),
        denied(UnixMs(0)),
        nobody_can_ask("allowlist"),
    ];
    let texts = fixed.map(str::to_owned).into_iter().chain(texts);
    expect![[r#"
        ✅ OpenClaw access approved. Send a message to start chatting.
        This request has changed. Nothing was decided.
        The linked person no longer has access. Nothing was decided.
        This request is no longer open. Nothing was decided.
        as an owner
        admitted
        admitted when the bot is mentioned
        asks for a code
        ignored
        no account of that name is configured
        the account is switched off
        nobody is heard in groups
        this group is not listed
        everyone in it is heard
        the senders of the list are heard; where `group_allow_from` is not written, that is `allow_from`
        the sender is not listed; an approval counts in direct chats only
        the sender is an owner
        `*` gives everyone access
        the configuration lists the sender
        an owner approved the sender
        nobody has approved the sender
        the sender is blocked
        ✅ Approved telegram sender 123456789
        ✅ Approved telegram sender 123456789 (Ann)
        ⛔ Denied telegram sender 123456789 (later: Eve)
        ⛔ Blocked telegram sender 123456789 (Ann; later: Eve)
        x is not an id; write one as the list shows it, such as telegram:4711
        there is no channel irc; these are: bluebubbles, discord, feishu, googlechat, imessage, msteams, signal, slack, telegram, webchat, whatsapp
        you
        terminal:local:0 at the console
        uid:1000 at the command line
        2026-02-13T10:00:00.000Z approve telegram:42 by uid:1000 at the command line
        telegram:7 approved the sender permanently, on 1970-01-01T00:00:00.000Z
        telegram:7 approved the sender until 1970-01-02T00:00:00.000Z, on 1970-01-01T00:00:00.000Z
        telegram:7 blocked the sender on 1970-01-01T00:00:00.000Z
        an owner denied the sender's request: they get no code until 1970-01-01T00:00:00.000Z
        the sender is not listed, and with the policy `allowlist` nobody can ask"#]]
    .assert_eq(&texts.collect::<Vec<_>>().join("\n"));
}
