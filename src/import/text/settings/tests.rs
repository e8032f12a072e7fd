//! Every text about settings, to be read in one go.

#![expect(
    clippy::needless_raw_string_hashes,
    clippy::too_many_lines,
    reason = "`UPDATE_EXPECT=1` writes them so, and each test is a list"
)]

use expect_test::expect;

use super::*;

fn key(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

#[test]
fn what_becomes_of_a_key() {
    let groups = key("channels.discord.guilds");
    let lines = [
        THE_SAME.to_owned(),
        LEFT_OUT.to_owned(),
        WRONG_KIND.to_owned(),
        NO_CHANNEL.to_owned(),
        NO_ACCOUNT.to_owned(),
        BLOCKED.to_owned(),
        OPEN_TO_LISTED.to_owned(),
        OPEN_GROUPS.to_owned(),
        NO_GROUPS.to_owned(),
        NARROWER_POLICY.to_owned(),
        STRICTEST_MENTION.to_owned(),
        EVERYONE.to_owned(),
        SHORT_TOKEN.to_owned(),
        NO_TLS.to_owned(),
        TAILSCALE.to_owned(),
        NO_ENDPOINT.to_owned(),
        PUBLIC_ORIGIN.to_owned(),
        HOOKS.to_owned(),
        HOOK_TOKEN.to_owned(),
        ONE_ASSISTANT.to_owned(),
        PAIR_IS_THERE.to_owned(),
        NO_PROVIDER.to_owned(),
        PLAIN_HTTP.to_owned(),
        NO_API.to_owned(),
        NO_HEADERS.to_owned(),
        UNSET.to_owned(),
        SECRET_EXEC.to_owned(),
        SECRET_FILE.to_owned(),
        SECRET_STORE.to_owned(),
        SECRET_UNKNOWN.to_owned(),
        accepted(THEN_EVERYONE),
        no_word("bind"),
        said_above(&key("gateway.port")),
        no_stable_id("@ann"),
        no_access_group("family"),
        expanded(2, &key("channels.telegram.allowFrom")),
        no_group_id("#general"),
        members(&groups, true),
        members(&groups, false),
        became("dm_policy", "open"),
        plugin_off("telegram"),
        lacks("channels.whatsapp", "`access_token`"),
        not_accepted("channels.slack.signing_secret"),
        lost(&key("7.8"), ("channels.telegram.allow_from", "[\"7\", \"8\"]")),
        lost_on_account(&["7", "8"].map(|id| SenderId::new(id).unwrap()), "telegram"),
        lost_in_groups(&key("7.8"), "channels.telegram.group_allow_from"),
        no_owner("7"),
        owners_left_out(&key("telegram:7")),
        env_vars(&["LOG"; 22]),
        no_assistant("anthropic"),
        heading(Path::new("/home/ann/.openclaw/openclaw.json")),
    ];
    expect![[r#"
        the same here
        closed there, so it is left out
        is of a kind that is not read; left out
        there is no such channel here
        is no account id here: use `a-z`, `0-9`, `_` and `-`
        closed there, so the person is blocked
        `open` without `"*"` admits the listed people only: dm_policy = "allowlist"
        everyone in a group with the bot is answered, as before
        no group is listed there, so group_policy = "disabled"
        everyone in the group was heard; here only the people of `group_allow_from` are
        groups differ in `requireMention`; here every group asks for a mention
        everyone has access; `--accept-open` takes this over, a list of ids in `allowFrom` ends it
        is short enough to be guessed; `openclaw gateway auth-token` tells of a new one
        the port is open to the network without TLS; set gateway.tls.enabled
        set it up yourself: `tailscale serve` is not run for you
        programs that call `/v1` lose it
        is plugins.device-pair.public_url here
        there are no webhooks for programs here
        the token of the hooks is the gateway's own; give the gateway another one
        one assistant answers everyone here
        was off; here owners have `/pair`
        names no provider; set `[assistant]` by hand
        plain HTTP to another machine; see `allow_plain_http`, and set `[assistant]` by hand
        is not said; taken for OpenAI's chat completions
        is not sent here
        is not set now; set it where the gateway is started, or it does not start
        the secret comes from a program, which is not run; set it by hand
        the secret is in a file that this key cannot name; set it by hand
        the secret is in the database, which is not read for it; set it by hand
        the secret is written in a way that is not known; set it by hand
        accepted: everyone has access
        has a value that `bind` does not have; left out
        another key says gateway.port already
        `＠ann` is no stable id; they have to ask again
        there is no access group `family`; left out
        2 of its senders in channels.telegram.allowFrom
        `#general` is no id of a group; left out
        where no people are listed, every member of the channel was heard; here the people of `group_allow_from` are. To hear every member: openclaw config set channels.discord.group_policy open
        where no people are listed, every member of the channel was heard; here the people of `allow_from` are. To hear every member: openclaw config set channels.discord.group_policy open
        dm_policy = "open"
        the plugin of telegram is off there, so channels.telegram.enabled = false
        channels.whatsapp lacks `access_token`; it is written with enabled = false until you add that
        channels.slack.signing_secret is not accepted here; the channel is written with enabled = false until you change that
        before, `allowlist` also let in those who were approved: 7, 8 lose access. To keep them: openclaw config set channels.telegram.allow_from '["7", "8"]'
        versions before 2026.2.26 gave the people of telegram-allowFrom.json access to this account too: 7, 8 lose it, if yours was one. `--all-accounts` then keeps it on every account
        before 2026.2.26 those who were approved in direct chats were heard in groups too: 7, 8 are not here, unless `channels.telegram.group_allow_from` lists them
        `7` is no whole id with its channel; left out
        telegram:7 not taken: OpenClaw makes the first approved sender an owner, unasked. `--owners` takes all of them
        set these where the gateway is started: LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG, LOG and 2 more
        `anthropic` is no service that the assistant can ask; set `[assistant]` by hand
        # Taken over by `openclaw import` from /home/ann/.openclaw/openclaw.json

    "#]].assert_eq(&lines.join("\n"));
}

#[test]
fn what_is_refused() {
    let lines = [
        refused(LIVE_GROUP, "a.b", THEN_LIVE_GROUP),
        refused(CLOSED_GROUP, "a.b", THEN_CLOSED_GROUP),
        refused(OWN_POLICY, "a.b", THEN_OWN_POLICY),
        refused(OWN_PEOPLE, "a.b", THEN_COMMON),
        refused(OWN_PEOPLE, "a.b", THEN_LEFT_OUT),
        refused(OWN_TOPIC, "a.b", THEN_OWN_TOPIC),
        refused(ONE_SERVER, "a.b", THEN_ONE_SERVER),
        refused(WHOLE_TEAM, "a.b", THEN_LEFT_OUT),
        refused(OWN_PERSON, "a.b", THEN_OWN_PERSON),
        refused(RELAY, "a.b", THEN_DROPPED),
        refused(POST_AS, "a.b", THEN_DROPPED),
        refused(REMOTE, "a.b", THEN_DROPPED),
        refused(NO_AUTH, "a.b", THEN_NO_AUTH),
        refused(PROXY_AUTH, "a.b", THEN_NO_AUTH),
        refused(ROLES, "a.b", THEN_ROLES),
        refused(ANY_ORIGIN, "a.b", THEN_ORIGINS),
    ];
    expect![[r#"
        only the platform knows who is in this group; no list can hold it; with `--accept a.b` its members are left out and ask for access again
        one group is closed while `*` opens the others; with `--accept a.b` the group is heard too
        the group is narrower than the others; with `--accept a.b` everyone in it is heard
        the list differs from that of the other groups; an account has one list here; with `--accept a.b` everyone of `group_allow_from` is heard there
        the list differs from that of the other groups; an account has one list here; with `--accept a.b` it is left out of `groups`, and nobody is heard there
        the topic has rules of its own; a group has one rule here; with `--accept a.b` the rules of the group count in it
        only some channels of the server are open while `*` opens all servers; with `--accept a.b` all its channels are open
        a team without a list of its channels; here channels are listed by id; with `--accept a.b` it is left out of `groups`, and nobody is heard there
        the person has rules of their own in the direct chat; with `--accept a.b` the rules of the account count for them
        Slack is reached by socket or HTTP here; with `--accept a.b` the key is left out
        the bot writes as itself here, never as a person; with `--accept a.b` the key is left out
        this machine is the client of another gateway; `--url` of a command names that; with `--accept a.b` the key is left out
        nothing is asked of clients on a network; both programs refuse that; with `--accept a.b` clients show a token that the first start makes
        a header of a proxy says who connects; no header is believed here; with `--accept a.b` clients show a token that the first start makes
        roles narrow what operators may do; here the rights of each paired device do; with `--accept a.b` every client that shows the gateway's secret has all rights
        pages of every origin could open a socket; with `--accept a.b` `*` is left out: only named origins may"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn why_a_file_cannot_be_read() {
    let file = Path::new("/home/ann/.openclaw/openclaw.json");
    let good = Path::new("/home/ann/.openclaw/openclaw.json.last-good");
    let lines = [
        unread(file, &io::Error::other("the disk is broken")),
        torn(file, Some((3, 7)), "expected comma", Some(good)),
        torn(file, None, "", None),
        no_text(file),
        no_object(file),
        too_deep(file),
        too_long(file, 2),
        too_much(file),
        include_cycle(file),
        include_depth(file, 10),
        include_kind(file),
        include_missing(file, "a.json5"),
        include_outside(file, "../a.json5"),
    ];
    expect![[r#"
        cannot read /home/ann/.openclaw/openclaw.json: the disk is broken
        /home/ann/.openclaw/openclaw.json:3:7: this is not valid JSON5: expected comma; `--from /home/ann/.openclaw/openclaw.json.last-good` takes the last good one
        /home/ann/.openclaw/openclaw.json: this is not valid JSON5: it cannot be read
        /home/ann/.openclaw/openclaw.json: this is not UTF-8
        /home/ann/.openclaw/openclaw.json: this is no configuration; it has to be an object
        /home/ann/.openclaw/openclaw.json: it is nested too deeply
        /home/ann/.openclaw/openclaw.json: it is longer than 2 bytes
        /home/ann/.openclaw/openclaw.json: with it, too much is included
        /home/ann/.openclaw/openclaw.json: it includes itself
        /home/ann/.openclaw/openclaw.json: more than 10 files include each other
        /home/ann/.openclaw/openclaw.json: `$include` is the name of a file or a list of names
        /home/ann/.openclaw/openclaw.json: `$include` names a.json5, which does not exist
        /home/ann/.openclaw/openclaw.json: `$include` names ../a.json5, which is outside the folder of the configuration"#]].assert_eq(&lines.join("\n"));
}
