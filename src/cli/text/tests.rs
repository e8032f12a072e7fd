//! Every text of the command line but its help, to be read in one go.

#![expect(
    clippy::needless_raw_string_hashes,
    clippy::too_many_lines,
    reason = "`UPDATE_EXPECT=1` writes them so, and each test is a list"
)]

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use expect_test::{Expect, expect};
use openclaw_plugin_sdk::{
    AccessChange, AccessState, AccountId, ChannelError, Decision, SettingsError,
};
use serde_json::json;

use super::*;
use crate::{
    client::{Fingerprint, address::Address, node::Told},
    config::{Location, edit::EditError},
    control::admissions::AdmittedBy,
    gateway::{Ownership, Ready},
    local_client::{
        Health, UnnamedProxies,
        status::{ChannelsStatus, Outbox},
    },
    network::{secret::SecretSource, setup_code::drawing::Drawing, url::NoWayIn},
    pairing::tests::request,
    protocol::frame::Refused,
    rules::{
        DmPolicy,
        claim::ClaimCode,
        device::{
            approver::{Act, Denied},
            endpoint::NoEndpoint,
            handshake::SecretKind,
            identity::DeviceKey,
            role::Scope,
            setup_code::words,
            token::TokenDigest,
        },
        owner::Owner,
    },
    status::Seen,
    store::paths::StateDir,
};

mod lines;
mod setup;

#[track_caller]
fn failures(expected: &Expect, failures: &[Failure]) {
    let said = |failure: &Failure| format!("{:?} {}", failure.exit(), failure.spell(false));
    expected.assert_eq(&failures.iter().map(said).collect::<String>());
}

#[test]
fn failures_of_every_command() {
    let json = serde_json::from_str::<u8>("x").unwrap_err();
    let sender = (registry::channel("telegram").unwrap().parse_sender)("@x").unwrap_err();
    let (slack, account) = (registry::channel("slack").unwrap(), AccountId::default_account());
    failures(
        &expect![[r#"
            Failed error: cannot find the state folder: no home
            hint: set OPENCLAW_STATE_DIR to a folder of your own
            Failed error: HOME is not set; a service needs it
            Failed error: the gateway is not ready: draining
            Failed error: f.toml does not exist
            Usage error: there is no folder /no
            Usage Channel irc does not support pairing
            hint: these do: bluebubbles, discord, feishu, googlechat, imessage, msteams, signal, slack, telegram, webchat, whatsapp
            Usage error: the time an approval lasts goes behind `--for`
            hint: `openclaw pairing approve <code> --for 24h`
            Usage error: the time an invitation can be used goes behind `--for`
            hint: `openclaw invite create <note> --for 2h`
            Usage error: there is no channel `irc`
            hint: channels are bluebubbles, discord, feishu, googlechat, imessage, msteams, signal, slack, telegram, terminal, webchat, whatsapp
            Usage error: `＠x` is not a Telegram sender id: a Telegram user id is a positive number, such as `123456789`
            Failed error: the gateway's list of nodes is unreadable: expected value at line 1 column 1
            Usage error: `debg` of --log is not a log level: `debg` is none of `error`, `warn`, `info`, `debug`, `trace` and `off`
            hint: levels are like `info`, or `warn,openclaw_gateway=debug`
            Usage error: Telegram takes no manifest
            hint: these do: msteams, slack
            Failed error: Slack needs more for its manifest: `app_id` is missing
            hint: put it into the configuration of account default
            Usage error: Slack takes its manifest alone, without a package
            hint: `openclaw channels manifest slack` prints it
            Usage error: Telegram is not linked by a code to scan: its keys stand in the configuration
            hint: config.example.toml explains them, and the README has the steps
            NoMatch error: Slack has no account `default` in the configuration
            hint: put it there first: config.example.toml explains its keys
            Failed error: no account was linked on Slack: no answer
            Failed error: the terminal is too narrow for the code
            hint: make it wider, or draw the code into a file with `--png`
            Usage error: that is not a valid name for an app
            hint: give `--name` at most 35 letters, digits, blanks or marks
            NoMatch error: there is no secret: `gateway.auth.mode` is `none`
            hint: `gateway.auth.mode = "token"` asks for one
            NoMatch error: no password is set
            hint: set `gateway.auth.password` or OPENCLAW_GATEWAY_PASSWORD
            NoMatch error: no token was made yet
            hint: the first start of the gateway makes one
            Failed Nothing was changed.
            hint: `openclaw audit accept --yes` accepts the files as they are
            Failed error: the access log or a state file in /s is not as it was written
            hint: put copies of the right files back, or see `openclaw audit accept --help`
        "#]],
        &[
            no_state(anyhow::anyhow!("no home")),
            no_home(),
            not_ready("draining"),
            no_file(Path::new("f.toml")),
            no_folder(Path::new("/no")),
            no_pairing("irc"),
            span_without_for(),
            invitation_without_for(),
            no_channel("irc"),
            no_sender("@x", "Telegram", &sender),
            unreadable_list("nodes", &json),
            bad_log_level("debg", "--log", &no_log_level("debg")),
            no_manifest("Telegram"),
            not_written("Slack", &account, &SettingsError::new("app_id", "is missing")),
            no_package(slack),
            no_login("Telegram"),
            not_configured(slack, &account),
            not_linked("Slack", &ChannelError::Disconnected("no answer".to_owned())),
            no_room_to_draw(),
            bad_app_name(),
            no_secret(SecretKind::Token, SecretSource::Nowhere),
            no_secret(SecretKind::Password, SecretSource::File),
            no_secret(SecretKind::Token, SecretSource::Generated),
            not_accepted(),
            not_as_written(Path::new("/s")),
        ],
    );
}

#[test]
fn failures_about_people() {
    let place = Location { file: Path::new("/s/config.toml"), line: 4 };
    let account = AccountId::default_account();
    let request = request(&[], None);
    failures(
        &expect![[r#"
            Usage error: 2 requests have this code; nothing was changed
            hint: add the channel, and the account with `--account`
            Failed error: the request no longer has that revision; nothing was changed
            hint: look at it with `openclaw pairing list telegram`, then repeat this with `--as-shown <revision>`
            Failed error: this request has changed since its code was sent; nothing was changed
            hint: look at it with `openclaw pairing list telegram`, then repeat this with `--as-shown <revision>`
            Failed error: the linked person  no longer has access; nothing was changed
            hint: deny the request; the sender can then ask again as a stranger
            Usage error: `telegram` is a channel; the code is missing
            hint: `openclaw pairing list` shows who waits
            NoMatch No pending pairing request found for code: AB3D7X9K
            hint: `openclaw pairing list` shows who waits; a code is valid for one hour
            NoMatch No pending pairing request found for code: AB3D7X9K
            hint: `openclaw pairing list telegram` shows who waits; a code is valid for one hour
            Failed error: telegram sender 7 still has access: /s/config.toml:4
            hint: that line gives access to account default; remove the id there
            Failed error: telegram sender 7 is an owner and still has access
            hint: `openclaw owner remove telegram:7`
            NoMatch No approved telegram sender found with id: 7
            hint: `openclaw pairing allowed telegram` shows them
            NoMatch Already blocked: telegram:7
            hint: `openclaw access list` shows who has access and who is blocked
            NoMatch No temporary access: telegram:7
            hint: `openclaw access list` shows who has access and who is blocked
            NoMatch The note says that already: telegram:7
            hint: `openclaw access list` shows who has access and who is blocked
            NoMatch No approved access: telegram:7
            hint: `openclaw access list` shows who has access and who is blocked
            NoMatch Not blocked: telegram:7
            hint: `openclaw access list` shows who has access and who is blocked
            Failed error: telegram:7 is an owner, and an owner cannot be blocked
            hint: `openclaw owner show` shows the owners, `openclaw owner remove` removes one
            Failed error: telegram:7 still has access: as an owner
            hint: remove it there; `openclaw access block <WHO>` ignores anyone but an owner
            Failed error: telegram:7 is an owner in /s/config.toml
            hint: remove it from `owner.allow_from` there
            NoMatch No owner found: telegram:7
            hint: `openclaw owner show` shows them
            Usage error: `7` names no channel
            hint: write <channel>:<id>, such as telegram:123456789
            Usage error: telegram…89abcdef is a shortened id, and nobody in the list has an id that could be meant; nothing was changed
            hint: `openclaw access list --wide` shows whole ids
            Usage error: telegram…89abcdef is a shortened id, and 2 people in the list have ids that could be meant; nothing was changed
            hint: `openclaw access list --wide` shows whole ids
            NoMatch No open invitation found: 3f9a0c1b
            hint: `openclaw invite list` shows the ids
            NoMatch No open invitation found: what was typed is not the id of one
            hint: `openclaw invite list` shows the ids
        "#]],
        &[
            several_requests(2),
            request_changed(&request, true),
            request_changed(&request, false),
            claim_is_over(&request),
            code_is_missing("telegram"),
            no_request("AB3D7X9K", None),
            no_request("AB3D7X9K", Some("telegram")),
            still_admitted("telegram", "7", &place, &account),
            still_owner("telegram", "7"),
            none_approved("telegram", "7"),
            permit_not_changed(&AccessChange::Block, "telegram:7"),
            permit_not_changed(&AccessChange::Extend(None), "telegram:7"),
            permit_not_changed(&AccessChange::Rename(None), "telegram:7"),
            permit_not_changed(&AccessChange::Revoke, "telegram:7"),
            permit_not_changed(&AccessChange::Unblock, "telegram:7"),
            owner_not_blocked("telegram:7"),
            still_has_access("telegram:7", "as an owner"),
            owner_stays("telegram:7", Some(place.file)),
            no_owner("telegram:7"),
            no_channel_named("7"),
            shortened_id("telegram…89abcdef", 0),
            shortened_id("telegram…89abcdef", 2),
            no_invitation("3f9a0c1b"),
            no_invitation("inv-AAAAAAAAAAAAAAAA"),
        ],
    );
}

#[test]
fn failures_about_keys_and_words() {
    let absent = EditError::Absent("gateway.port".to_owned(), "/s/config.toml".to_owned());
    failures(
        &expect![[r#"
            Usage error: there is no command `setup`
            Usage error: `--watch` draws on a terminal, and standard output is none
            hint: with `--json` beside it, it prints a line of JSON every two seconds
            NoMatch `owner.quiet` is not set, and no default is in effect.
            hint: `openclaw config show` prints what is in effect, defaults included
            NoMatch error: `gateway.port` is not in /s/config.toml
            hint: `openclaw config show` prints what is in effect, defaults included
            Usage error: unknown key `prt` in `gateway`
            hint: `openclaw config schema` prints every key; config.example.toml explains them
            Failed error: /s/config.toml was changed meanwhile; nothing was written
            hint: try again
        "#]],
        &[
            no_command("setup"),
            nothing_to_draw_on(),
            not_set("owner.quiet"),
            not_edited(absent),
            not_edited(EditError::Key("unknown key `prt` in `gateway`".to_owned())),
            not_edited(EditError::Changed("/s/config.toml".to_owned())),
        ],
    );
}

#[test]
fn failures_about_devices() {
    let invalid = NoEndpoint::Path;
    let drawing = Drawing::of(&"x".repeat(4000)).err().unwrap();
    failures(
        &expect![[r#"
            NoMatch No pending device pairing requests to approve
            NoMatch No pending device request matches r-1
            hint: `openclaw devices list` shows what waits; a request is open for five minutes after the device last asked
            Failed error: request r-1 has changed or is over; nothing was decided
            hint: `openclaw devices list` shows what waits now
            Failed error: request r-1 was replaced by r-2 meanwhile; nothing was decided
            hint: look at the new one: `openclaw devices list`
            NoMatch error: there is no device abcdef
            hint: `openclaw devices list` shows their ids
            Usage error: 2 devices have ids that begin like that
            hint: type more of the id
            Usage error: abc is not the full id of a device
            NoMatch error: there is no such device, or it lacks the role
            hint: `openclaw devices list` shows what there is
            Failed error: device pairing approval denied
            Failed error: the device was never approved for operator.admin
            hint: it has to ask for it, and be approved
            Failed Refusing to clear pairing table without --yes
            NoMatch error: there is no node kitchen
            hint: `openclaw nodes status` shows all
            Usage error: 2 nodes match kitchen
            hint: use the id of the node
            NoMatch Unknown node pairing requestId: r-1
            No pending node pairing requests are currently visible.
            hint: `openclaw nodes pending` shows what waits
            NoMatch Unknown node pairing requestId: r-1
            Pending requestIds: r-2, r-3
            hint: `openclaw nodes pending` shows what waits
            Usage error: this machine is not paired with a gateway yet
            hint: name the gateway with `--pair CODE` or `--host HOST`
            Failed error: the gateway has removed this machine's access (device removed)
            hint: ask its owner for a new setup code
            Failed error: only this machine can reach this gateway: it is down
            hint: set `plugins.device-pair.public_url` or `gateway.bind = "lan"`; `openclaw qr --local` makes a code for a program on this machine
            Failed error: another gateway answers at wss://h
            hint: correct the address, or the proxy or tunnel behind it
            Failed error: the address has a path: a phone is given host and port only
            hint: write it like `wss://gateway.example.com`
            Failed error: the code is too long to be drawn: data too long
            hint: `--setup-code-only` prints it, to be pasted
            Usage error: this is not a setup code
            hint: it is one long word, as /pair and `openclaw qr` print it
            Usage error: this setup code has expired
            hint: make a new one with /pair or `openclaw qr`
            Usage error: this setup code names no gateway that is safe for a secret
            hint: a gateway on a public address needs wss://; OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if you own the whole network path
            Usage error: the certificate fingerprint in this setup code is invalid
            hint: nothing was sent; ask the gateway for its own fingerprint
            Usage error: the setup code and --tls-fingerprint name different certificates
            hint: nothing was sent; ask the gateway for its own fingerprint
        "#]],
        &[
            no_devices_pending(),
            no_device_request("r-1"),
            request_moved("r-1", None),
            request_moved("r-1", Some("r-2")),
            no_device("abcdef"),
            several_devices(2),
            no_device_id("abc"),
            no_device_or_role(),
            device_denied(Denied::NotYours, Act::Approve),
            device_denied(Denied::Scope(Scope::Admin), Act::RotateToken),
            not_cleared(),
            no_node("kitchen"),
            several_nodes(2, "kitchen"),
            no_node_request("r-1", &[]),
            no_node_request("r-1", &["r-2", "r-3"]),
            not_paired(),
            revoked("client invalidated: device removed"),
            no_way_in(&NoWayIn::Loopback(vec!["it is down".to_owned()])),
            no_way_in(&NoWayIn::Another(vec!["wss://h".to_owned()])),
            no_way_in(&NoWayIn::Invalid(invalid)),
            not_drawn(&drawing),
            no_plan(NoPlan::Code),
            no_plan(NoPlan::Expired),
            no_plan(NoPlan::Nowhere),
            no_plan(NoPlan::Pin),
            no_plan(NoPlan::Pins),
        ],
    );
}

#[test]
fn hints() {
    let at = || "ws://h:1".to_owned();
    let refused = |details: serde_json::Value| {
        let mut refused = Refused::new("CODE", "no");
        refused.details = Some(details);
        Box::new(refused)
    };
    let not_let_in = |details| RemoteError::NotLetIn(refused(details));
    let errors = [
        RemoteError::Distrust { at: at(), pinned: true },
        RemoteError::Distrust { at: at(), pinned: false },
        RemoteError::Foreign(at()),
        LocalError::Refused(refused(json!({}))).into(),
        RemoteError::OtherKey(at()),
        RemoteError::Unproven(at()),
        RemoteError::NoSecret(at()),
        RemoteError::Plaintext(at()),
        RemoteError::Silent(at()),
        RemoteError::Refused(refused(json!({ "reason": "too many" }))),
        RemoteError::TokenOver(at()),
        RemoteError::Unreachable { at: at(), why: "refused".to_owned() },
        not_let_in(json!({ "code": "PAIRING_REQUIRED" })),
        not_let_in(json!({ "code": "PAIRING_REQUIRED", "requestId": "r-1" })),
        not_let_in(json!({ "code": "AUTH_TOKEN_MISMATCH", "shownFrom": "VARIABLE" })),
        not_let_in(json!({ "code": "AUTH_TOKEN_MISSING" })),
        not_let_in(json!({ "code": "AUTH_SCOPE_MISMATCH" })),
        not_let_in(json!({ "code": "OTHER" })),
    ];
    let hints = errors.iter().map(|error| hint_remote(error).unwrap_or_default() + "\n");
    let io = || std::io::Error::other("full");
    let path = || std::path::PathBuf::from("/s/a");
    let store = [
        StoreError::Busy { path: path(), holder: "process 7".to_owned() },
        StoreError::Damaged { path: path(), line: None, why: "torn".to_owned() },
        StoreError::Io { doing: "write", path: path(), source: io() },
        StoreError::InDoubt { path: path(), source: io() },
        StoreError::Withdrawn,
    ];
    let hints = hints.chain(store.iter().map(|error| hint_store(error).unwrap_or_default() + "\n"));
    let local = LocalError::Unreachable { socket: path(), source: io() };
    let hints = hints.chain([hint_local(&local).unwrap_or_default()]);
    expect![[r#"
        nothing was sent; if the gateway has a new certificate, take its fingerprint from the gateway itself
        `--tls-fingerprint` names the certificate of a gateway that made its own
        `openclaw gateway run --port PORT` starts this machine's gateway on another port
        a gateway of another version runs; restart it
        if that gateway was reinstalled, remove its line from identity/gateways.json in the state folder
        pass its token again with `--token`, use wss://, or set OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if you own the whole network path
        `--token` or `--password` beside `--url`
        use wss://, or set OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if you own the whole network path
        `--timeout` waits longer
        too many
        ask the gateway's owner for its token or a new setup code, and connect with that
        `openclaw gateway run` starts one here
        the gateway's owner approves this machine with `openclaw devices approve <request>`
        the gateway's owner approves this machine with `openclaw devices approve r-1`
        the value of `VARIABLE` in this environment was used; unset it, or set it to the gateway's secret
        on the gateway's machine, `openclaw gateway auth-token --show` shows its token
        this machine was not approved for that; `--token` shows the gateway's own token

        wait for it, or end it; nothing was changed
        repair the file, or put a copy of it back; nothing was changed
        nothing was changed
        start the gateway, then look: openclaw audit show

        `openclaw gateway run` starts it"#]].assert_eq(&hints.collect::<String>());
}

#[test]
fn lines_about_the_gateway() {
    let made = Path::new("/s/token");
    let of = SecretSource::Environment("VARIABLE");
    let lines = [
        REACHABLE.to_owned(),
        NOT_REACHABLE.to_owned(),
        other_state(Path::new("/new"), Path::new("/old")),
        unprinted(&std::io::Error::other("full")),
        NO_CONFIG.to_owned(),
        config_checked(None, false, 0),
        config_checked(Some(Path::new("/s/config.toml")), false, 0),
        config_checked(Some(Path::new("/s/config.toml")), false, 2),
        config_checked(Some(Path::new("/s/config.toml")), true, 0),
        SHOW_SECRET.to_owned(),
        secret_of_environment("VARIABLE", SecretKind::Token, Some(made)),
        secret_of_environment("VARIABLE", SecretKind::Password, None),
        secret_source(SecretKind::Token, of, made),
        secret_source(SecretKind::Password, SecretSource::File, made),
        secret_source(SecretKind::Token, SecretSource::Generated, made),
        NO_LINES.to_owned(),
        ACCEPTED.to_owned(),
    ];
    expect![[r#"
        Gateway reachable.
        Gateway not reachable; showing config-only status.
        the state folder /new is new; the older folder /old is not used. To use it, set OPENCLAW_STATE_DIR=/old
        error: cannot write to standard output: full
        note: it does not exist; the built-in channels run without it
        There is no configuration file; the built-in channels run.
        /s/config.toml is fine.
        /s/config.toml loads; look at the warnings: 2.
        /s/config.toml is empty or has only comments: the defaults are in effect, and the built-in channels run.
        `openclaw gateway auth-token --show` prints it.
        This is what `VARIABLE` holds in this environment. A gateway that was started without it asks for `gateway.auth.token`, or else for the one in /s/token.
        This is what `VARIABLE` holds in this environment. A gateway that was started without it asks for `gateway.auth.password`.
        The token is from the environment, `VARIABLE`.
        The password is `gateway.auth.password` of the configuration.
        The token is made by the gateway, in /s/token.
        The access log is empty.
        Accepted. A new line in the access log says so."#]].assert_eq(&lines.join("\n"));
    let words =
        [BLANK, NO_ACCOUNT, NO_END, NO_FINGERPRINT, NO_LABEL, NO_ROLE, NO_SCOPE, NO_SPAN, NO_TIME];
    expect![[r#"
        it must not be blank
        an account id is at most 64 of a-z, 0-9, `-` and `_`
        write an end such as 24h, 30d or always
        a SHA-256 has 64 hexadecimal digits
        a name has 1 to 64 characters
        it is `node` or `operator`
        no such scope; one is `operator.read`
        write a duration such as 90m, 24h or 30d
        write a duration such as 30m, 24h or 7d"#]]
    .assert_eq(&words.join("\n"));
}
