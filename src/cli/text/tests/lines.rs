//! Lines about people and devices, the start of the gateway, and the state of everything.

use super::*;
use crate::invite::Link;

fn links() -> [Link; 2] {
    let link = |account: &str, bot: &str| Link {
        channel: "telegram".to_owned(),
        account: account.to_owned(),
        url: format!("https://t.me/{bot}?start=inv-AAAAAAAAAAAAAAAA"),
    };
    [link("default", "ann_bot"), link("work", "work_bot")]
}

#[test]
fn lines_about_people() {
    let request = request(&[("firstName", "Ann")], Some("Owner"));
    let local = LocalError::Unreadable("x".to_owned());
    let config = Some(Path::new("/s/config.toml"));
    let (hour, at) = (Duration::from_hours(1), request.created_at);
    let mut lines = vec![
        ONE_CHANNEL.to_owned(),
        NEEDS_REVISION.to_owned(),
        nobody_waits(None),
        nobody_waits(Some("telegram")),
        requests(2),
        notified(&request),
        not_notified(&approval_stands(&local, false)),
        approval_stands(&local, true),
        allowed("telegram", 0),
        allowed("telegram", 2),
        UNKNOWN_STILL.to_owned(),
        sender_revoked("telegram", "7"),
        NO_ACCESS.to_owned(),
        NO_ACCESS_NOTE.to_owned(),
        not_compared(1),
        nothing_would_change(1),
        nothing_would_change(2),
        replayed(1),
        replayed(2),
        owners(0),
        owners(2),
        owner_at_console("terminal"),
        configured_owners(Path::new("/s/config.toml")),
        owner_in_config("telegram:7", None),
        owner_in_config("telegram:7", config),
        owner_added("telegram:7"),
        owner_already("telegram:7"),
        owner_removed("telegram:7"),
        told_in_vain(&Owner { channel: "telegram".to_owned(), sender: request.sender.clone() }),
        told_in_windows(&["WhatsApp"]),
        claim("BBBB-BBBB-BBBB"),
        NO_INVITATIONS.to_owned(),
        invited("inv-AAAAAAAAAAAAAAAA", &[], "3f9a0c1b", hour),
        invited("inv-AAAAAAAAAAAAAAAA", &links(), "3f9a0c1b", hour),
        no_links(&LocalError::Unreadable("torn".to_owned())),
        INVITATION_CANCELLED.to_owned(),
        SECRET_IS_SET.to_owned(),
        key_set("owner.quiet", Path::new("/s/config.toml")),
        key_removed("owner.quiet", Path::new("/s/config.toml")),
    ];
    lines.extend(decided(Decision::Approve, &request));
    lines.extend(decided(Decision::Deny, &request));
    let by = [
        AdmittedBy::Approval(None),
        AdmittedBy::Approval(Some(at)),
        AdmittedBy::Config(4),
        AdmittedBy::Ownership,
    ];
    lines.extend(by.map(|by| admitted_by(by, config)));
    let states = [
        AccessState::Blocked,
        AccessState::Ended(hour),
        AccessState::Lasting,
        AccessState::Until(hour),
    ];
    lines.extend(states.map(permit_state));
    let changes = [
        AccessChange::Block,
        AccessChange::Extend(None),
        AccessChange::Rename(Some("n".to_owned())),
        AccessChange::Rename(None),
        AccessChange::Revoke,
        AccessChange::Unblock,
    ];
    lines.extend(changes.map(|change| permit_changed(&change, "telegram:7")));
    let unheard = [
        unheard(false, DmPolicy::Pairing, true),
        unheard(true, DmPolicy::Disabled, true),
        unheard(true, DmPolicy::Open, true),
        unheard(true, DmPolicy::Open, false),
    ];
    lines.extend(unheard.into_iter().flatten().map(str::to_owned));
    expect![[r#"
        name the channel to search only that one

        A request with a claim, or one that has changed since its code was sent, needs its revision:
        openclaw pairing approve <code> --as-shown <revision>
        No pending pairing requests.
        No pending telegram pairing requests.
        Pairing requests (2)

        Notified telegram sender 123456789
        Failed to notify requester: the gateway's answer is unreadable: x; the approval stands
        the gateway's answer is unreadable: x; the approval stands, the notice was not sent
        No allowed telegram senders.
        Allowed telegram senders (2)

        so it is unknown whether the configuration gives that sender access
        ✅ Revoked telegram sender 7
        No stored access and no blocks.
        `openclaw pairing allowed <channel>` also shows the senders in the configuration
        1 message: not compared; an older version did not note enough
        Nothing would change for the last message.
        Nothing would change for the last 2 messages.
        1 message was replayed; nothing was changed
        2 messages were replayed; nothing was changed
        No owner is configured, added or claimed.
        Owners (2)

        The user at the terminal of a foreground gateway is an owner.
        Configured owners are in /s/config.toml.
        telegram:7 is an owner already: the configuration
        telegram:7 is an owner already: /s/config.toml
        ✅ Added owner telegram:7
        telegram:7 is an owner already
        ✅ Removed owner telegram:7
        `owner.notify` names telegram:123456789, who is not an owner and gets no card; `openclaw owner add telegram:123456789` makes them one
        `owner.notify` names WhatsApp alone, which takes messages only for a day after your last one: cards wait until you write; name another channel too
        BBBB-BBBB-BBBB

        Send this to the bot in a direct chat, or on the page, within ten minutes:

          /claim BBBB-BBBB-BBBB

        The first person who sends it is an owner from then on. It works once; a new code replaces it.
        No invitation is open.
        inv-AAAAAAAAAAAAAAAA

        Give this to one person. The first person who sends it to the bot in a direct chat has access.
        It works once, within 1 h 0 min. To take it back: openclaw invite cancel 3f9a0c1b
        inv-AAAAAAAAAAAAAAAA

        Link for telegram: https://t.me/ann_bot?start=inv-AAAAAAAAAAAAAAAA

        Link for telegram (work): https://t.me/work_bot?start=inv-AAAAAAAAAAAAAAAA

        Give this to one person. The first person who sends it to the bot in a direct chat has access.
        It works once, within 1 h 0 min. To take it back: openclaw invite cancel 3f9a0c1b
        note: the gateway's answer is unreadable: torn; the invitation counts, and there is no link
        Invitation cancelled. Its code gives no access.
        It is set. Its value is a secret and is not printed.
        ✅ Set `owner.quiet` in /s/config.toml
        ✅ Removed `owner.quiet` from /s/config.toml
        ✅ Approved telegram sender 123456789
        name: Ann (later: Owner)
        ⛔ Denied telegram sender 123456789
        name: Ann (later: Owner)
        approved
        approved until 2026-01-27T10:30:00.000Z
        /s/config.toml:4
        owner
        blocked
        ended 1 h 0 min ago
        permanent
        1 h 0 min left
        ⛔ Blocked telegram:7
        ✅ New end of access for telegram:7
        Note saved for telegram:7
        Note removed for telegram:7
        ✅ Revoked telegram:7
        ✅ Block removed for telegram:7
        is not enabled: nobody is answered
        has `dm_policy = "disabled"`: nobody is answered
        does not have `dm_policy = "pairing"`: approved entries do not count"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn lines_about_devices() {
    let why = RemoteError::Unreachable { at: "ws://h:1".to_owned(), why: "refused".to_owned() };
    let address = Address::parse("wss://h:1").unwrap();
    let mut lines = vec![
        NO_DEVICES.to_owned(),
        DEVICE_IDS.to_owned(),
        more_devices(501, "abcdef"),
        commands_of("r-1", "camera.list"),
        approve_device(true),
        approve_device(false),
        working_on_files(&on_files(&why).unwrap(), Path::new("/s")),
        on_files(&RemoteError::Foreign("ws://h:1".to_owned())).unwrap(),
        device_approved("abcdef", "r-1"),
        device_rejected("abcdef"),
        device_removed("abcdef"),
        device_renamed("abcdef", "desk"),
        cleared(2),
        cleared_pending(1),
        NO_NODES_PENDING.to_owned(),
        NO_COMMANDS.to_owned(),
        COMMANDS.to_owned(),
        nodes_known(3, 2, 1),
        nodes_paired(1, 2),
        node_asks("kitchen", "r-1"),
        node_renamed("abcdef", "kitchen"),
        node_removed("abcdef"),
        told(&Told::Connected { at: &address }),
        told(&Told::Lost { why: &why, again: Some(Duration::ZERO) }),
        told(&Told::Lost { why: &why, again: Some(Duration::from_secs(2)) }),
        told(&Told::Lost { why: &why, again: None }),
        SCAN.to_owned(),
        TOO_WIDE.to_owned(),
        scan_to_link("Signal"),
        drawn_into(Path::new("/tmp/code.png"), "Signal"),
        linked("Signal", "+15551234567", None),
        linked("Signal", "+15551234567", Some(&("channels.x.account".to_owned(), "+1".to_owned()))),
        package_written(Path::new("/tmp/app.zip"), "Slack"),
    ];
    lines.extend(device_selected("r-1", vec!["Device: …".to_owned()], 2, "openclaw …"));
    expect![[r#"
        No device pairing entries.
        Full device IDs:
        501 devices in all, by their ids; the next ones: openclaw devices list --after abcdef
        Commands of r-1: camera.list
        Approve one after comparing the words: openclaw devices approve <request>
        Approve one: openclaw devices approve <request>
        No gateway runs; working on the files in /s/devices.
        No gateway runs, and another program listens at ws://h:1
        Approved abcdef (r-1)
        Rejected abcdef
        Removed abcdef
        Renamed abcdef → desk
        Cleared 2 paired device(s)
        Rejected 1 pending request(s)
        No pending pairing requests.
        no commands
        Commands
        Known: 3 · Paired: 2 · Connected: 1
        Pending: 1 · Paired: 2
        kitchen asks for more: openclaw nodes approve r-1
        node rename ok: abcdef -> kitchen
        Removed paired node abcdef
        Connected to wss://h:1. Ctrl-C ends it.
        no gateway answers at ws://h:1: refused; trying the next address.
        no gateway answers at ws://h:1: refused; trying again in 2 s.
        After the approval, start this command again: the gateway allows no retries.
        Scan this with the OpenClaw app, or paste the code below it.

        The code is too wide to be drawn here: paste it, or draw it into a file with --png.
        Scan this with Signal on the phone, within a few minutes. It links the first account that scans it.

        The code is in /tmp/code.png: scan it with Signal on the phone, then remove the file.
        ✅ Linked to +15551234567 on Signal.
        The configuration fits; restart the gateway if it runs.
        ✅ Linked to +15551234567 on Signal.
        Now: openclaw config set channels.x.account +1
        ✅ Wrote /tmp/app.zip. Give it to Slack as an app.
        Selected pending device request r-1
        Device: …
        Note:      2 more wait; `openclaw devices list` shows them
        Nothing was approved.
        Approve this exact request with: openclaw …"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn a_node_that_waits_says_what_to_do() {
    let device = DeviceKey::from_raw([7; 32]).id();
    let words = Some(words(&device, &TokenDigest::of("t")));
    let waiting = Told::Waiting { device: &device, request: Some("r-1"), words };
    expect![[r"
        Waiting for the gateway's owner to approve this machine (4bb06f8e4e3a).
        Words:   plate picture scene
                 Approve only if the owner sees the same three words.
        Approve: openclaw devices approve r-1, or /pair approve in the chat"]]
    .assert_eq(&told(&waiting));
}

#[test]
fn case_111_a_notice_cannot_steer_the_terminal() {
    let shown = told(&Told::Notice { title: "\u{1b}[2JTea", body: "now\r\nApproved" });
    assert_eq!(shown, "Notice: [2JTea: now Approved");
}

fn said(console: bool, ownership: Ownership) -> String {
    let address = SocketAddr::from(([127, 0, 0, 1], 18789));
    let state = StateDir::at("/home/ann/.openclaw");
    ready(&Ready {
        address,
        elsewhere: Vec::new(),
        tls_fingerprint: None,
        pages: vec!["/chat"],
        state: &state,
        console,
        ownership,
    })
    .join("\n")
}

#[test]
fn a_start_says_how_to_go_on() {
    expect![[r"
        Page:     http://127.0.0.1:18789/chat
        State:    /home/ann/.openclaw
        Approve:  /pairing approve <code>, here
        Help:     type /help; Tab completes
        Owner:    you, at this terminal; to be owner in a chat too: send /claim BBBB-BBBB-BBBB to the bot or on the page, within ten minutes"]]
    .assert_eq(&said(true, Ownership::Unclaimed(ClaimCode::from_random([1; 12]))));
    expect![[r"
        Page:     http://127.0.0.1:18789/chat
        State:    /home/ann/.openclaw
        Approve:  openclaw pairing approve <code>, in another shell"]]
    .assert_eq(&said(false, Ownership::Claimed));
}

#[test]
fn a_start_that_others_reach_says_where_and_by_which_certificate() {
    let state = StateDir::at("/s");
    let lines = ready(&Ready {
        address: SocketAddr::from(([127, 0, 0, 1], 7)),
        elsewhere: vec![SocketAddr::from(([192, 168, 1, 10], 7))],
        tls_fingerprint: Fingerprint::parse(&"ab".repeat(32)),
        pages: vec!["/chat"],
        state: &state,
        console: false,
        ownership: Ownership::Claimed,
    });
    let pin = format!("TLS:      sha256:{}", "ab".repeat(32));
    let said: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected = ["Page:     https://127.0.0.1:7/chat", "Network:  192.168.1.10:7", &pin];
    assert_eq!(said[..3], expected);
}

#[test]
fn a_start_whose_output_is_no_terminal_prints_no_code() {
    let last =
        |console| said(console, Ownership::UnclaimedQuiet).lines().last().unwrap().to_owned();
    assert_eq!(last(false), "Owner:    none yet; `openclaw owner claim` prints a code");
    assert_eq!(
        last(true),
        "Owner:    you, at this terminal; to be owner in a chat too: `openclaw owner claim` prints a code"
    );
}

#[test]
fn one_screen_says_it_all() {
    let line = json!({
        "seq": 7, "at": "2026-02-13T10:00:00.000Z", "action": "approve", "surface": "cli",
        "actor": "uid:1000", "channel": "telegram", "account": "default", "subject": "42", "prev": "",
    });
    let unnamed_proxies = UnnamedProxies {
        requests: 12,
        addresses: vec!["203.0.113.5".to_owned(), "fd00::5".to_owned()],
    };
    let health = Health {
        ok: true,
        pid: 7,
        port: 18789,
        version: "1.2.3".to_owned(),
        unnamed_proxies: Some(unnamed_proxies),
        restart: Vec::new(),
        assistant: Some(crate::local_client::status::AssistantStatus {
            responder: "openai".to_owned(),
            asks: "http://h/v1/chat/completions".to_owned(),
            state: "failing".to_owned(),
            since: Some(1_770_976_800_000),
            error: Some("answered 401 Unauthorized: check `api_key`".to_owned()),
        }),
    };
    let mut seen = Seen {
        gateway: Some(health),
        responder: "openai".to_owned(),
        channels: ChannelsStatus::default(),
        pending: vec![("telegram".to_owned(), 2, 3)],
        pending_devices: 1,
        devices: 3,
        owners: ["telegram:1".to_owned()].into(),
        decisions: vec![serde_json::from_value(line).unwrap()],
        outbox: Some(Outbox { depth: 2, oldest_ms: Some(61_000) }),
        unconfirmed: None,
    };
    expect![[r#"
        Gateway    runs: version 1.2.3, port 18789, process 7
        Proxies    12 requests with forwarding headers from 203.0.113.5, fd00::5, which `gateway.trusted_proxies` does not name
        Assistant  openai at http://h/v1/chat/completions: does not answer since 2026-02-13T10:00:00.000Z: answered 401 Unauthorized: check `api_key`
        Channels
        Pending    telegram 2 of 3; devices 1
        Devices    3
        Owners     telegram:1
        Outbox     2, the oldest for 61 s
        Decisions
          2026-02-13T10:00:00.000Z approve telegram:42 by uid:1000 at the command line"#]]
    .assert_eq(&status(&seen, Vec::new()).join("\n"));
    (seen.gateway, seen.outbox) = (None, None);
    (seen.owners, seen.decisions) = (BTreeSet::new(), Vec::new());
    expect![[r"
        No gateway runs. This is the content of the state folder.
        Assistant  openai
        Channels
        Pending    telegram 2 of 3; devices 1
        Devices    3
        Owners     none yet; `openclaw owner claim` prints a code
        Decisions  none"]]
    .assert_eq(&status(&seen, Vec::new()).join("\n"));
}

#[test]
fn what_is_told_of_backups() {
    let manifest: crate::copies::Manifest = serde_json::from_value(json!({
        "schema": 1, "version": "1.2.3", "madeAt": 1_770_976_800_000_u64,
        "log": { "lines": 7, "hash": "" }, "files": [],
    }))
    .unwrap();
    let (file, now) =
        (Path::new("a.backup"), openclaw_plugin_sdk::UnixMs(1_770_976_800_000 + 3 * 86_400_000));
    let restored = crate::store::copies::Restored { made: manifest.made_at, at: now.0 };
    let mut said = ["none", "passphrase", "recipients"]
        .map(|word| backup_made(file, &manifest, word))
        .to_vec();
    said.push(backup_whole(file, &manifest, now));
    said.extend(backup_restored(Path::new("/s"), &manifest, now, true));
    said.extend(backup_restored(Path::new("/s"), &manifest, now, false));
    said.push(unconfirmed(&restored));
    said.push(unconfirmed(&crate::store::copies::Restored::default()));
    said.extend(
        [CONFIRMED, NOTHING_TO_CONFIRM, ASK_PASSPHRASE, ASK_AGAIN, ASK_CONFIRM].map(str::to_owned),
    );
    let failed = std::io::Error::from(std::io::ErrorKind::NotFound);
    let failures =
        [no_protection(), other_passphrase(), given_up(), not_confirmed(), unread(file, &failed)];
    said.extend(failures.iter().map(|failure| failure.spell(false)));
    expect![[r#"
        a.backup was made: 0 files, 7 lines in the access log.
        It is NOT encrypted: it holds tokens and keys, and all who can read the file can use them.
        a.backup was made: 0 files, 7 lines in the access log.
        It is encrypted. Without its passphrase nobody can open it.
        a.backup was made: 0 files, 7 lines in the access log.
        It is encrypted for its recipients.
        a.backup is whole: a backup of 2026-02-13T10:00:00.000Z, 3 d 0 h ago, made by version 1.2.3: 0 files, 7 lines in the access log.
        A backup of 2026-02-13T10:00:00.000Z, 3 d 0 h ago would be restored into /s: 0 files, 7 lines in the access log.
        What was decided since then is missing: people who were blocked or revoked, owners and devices that were removed, and tokens that were revoked since then are in again.
        The backup of 2026-02-13T10:00:00.000Z, 3 d 0 h ago, was restored into /s: 0 files, 7 lines in the access log.
        What was decided since then is missing: people who were blocked or revoked, owners and devices that were removed, and tokens that were revoked since then are in again.
        No account starts and no device connects yet. Look at `openclaw access list`, `openclaw devices list` and `openclaw owner list`, then type `openclaw backup confirm`.
        this state folder was restored from a backup of 2026-02-13T10:00:00.000Z, and nobody has confirmed it: no account starts and no device connects. What was decided since then is missing: people who were blocked or revoked, owners and devices that were removed, and tokens that were revoked since then are in again. Look at `openclaw access list`, `openclaw devices list` and `openclaw owner list`, then type `openclaw backup confirm`.
        this state folder was restored from a backup of an unknown time, and nobody has confirmed it: no account starts and no device connects. What was decided since then is missing: people who were blocked or revoked, owners and devices that were removed, and tokens that were revoked since then are in again. Look at `openclaw access list`, `openclaw devices list` and `openclaw owner list`, then type `openclaw backup confirm`.
        Confirmed. A line in the access log says so. A gateway that runs starts its accounts now.
        Nothing was changed: no restored backup waits for a confirmation.
        Passphrase of the backup
        The same again
        Do accounts start and devices connect now?
        error: a passphrase is asked for on a terminal, and there is none
        hint: give `--passphrase-file FILE` or `--recipient AGE`, or `--plain` to leave it readable

        error: the two passphrases are different; no backup was made

        error: given up; nothing was changed

        error: nothing was changed
        hint: `openclaw backup confirm --yes` confirms it without a question

        error: cannot read a.backup: entity not found
    "#]].assert_eq(&said.join("\n"));
}

#[test]
fn what_became_of_a_trial_of_the_assistant() {
    use openclaw_plugin_sdk::ResponderError::{Failed, Misconfigured};

    let all = [
        assistant_asked("openai", "http://h/v1/chat/completions"),
        assistant_asked("echo", ""),
        assistant_answers("the model `m` answers"),
        assistant_failed(&Failed("cannot connect".to_owned())).spell(false),
        assistant_failed(&Misconfigured("answered 401: check `api_key`".to_owned())).spell(false),
    ];
    expect![[r"
        Asked the assistant: openai at http://h/v1/chat/completions
        Asked the assistant: echo
        OK: the model `m` answers
        error: the assistant does not answer: cannot connect
        hint: that may pass by itself; if it does not, look at that service or program

        error: the assistant does not answer: answered 401: check `api_key`
        hint: change what is named there, and try again
    "]]
    .assert_eq(&all.join("\n"));
}
