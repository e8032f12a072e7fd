//! Every text of `/pair`, and what the gateway is asked for each.

use expect_test::{Expect, expect};
use openclaw_plugin_sdk::{Body, Offered};
use port::{Port, offered, phone, server};

use super::*;

mod decide;
mod port;

/// What is asked of the gateway, and each message of the answer.
#[track_caller]
fn check(args: &str, port: &Port, expected: &Expect) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ran = runtime.block_on(pair(Invocation { prefix: "/", args, gateway: port }));
    let mut shown: Vec<String> =
        port.asked.lock().unwrap().iter().map(|asked| format!("[{asked}]")).collect();
    match ran {
        Ok(replies) => shown.extend(replies.iter().map(spelled)),
        Err(error) => shown.push(format!("{error:?}")),
    }
    expected.assert_eq(&(shown.join("\n---\n") + "\n"));
}

fn spelled(reply: &Reply) -> String {
    let flat = |text: &Text| text.filled(|code| format!("<code {}>", code.0)).to_plain();
    match reply {
        Reply::Body(Body::Text(text)) => flat(text),
        Reply::Body(other) => panic!("a text, not {other:?}"),
        Reply::Qr { code, caption } => format!("<qr {}>\n{}", code.0, flat(caption)),
    }
}

#[test]
fn a_code_stands_alone_below_what_is_to_be_done_with_it() {
    check(
        "",
        &Port::new(Vec::new()),
        &expect![[r#"
        [SetupWish { full: false, local: false }]
        ---
        A setup code for one device, good for 10 minutes.

        1. In the OpenClaw app, under Settings → Gateway: paste the next message, then connect
        2. When the device waits, you are told here. Compare its details, then send /pair approve

        Gateway: wss://gw.example.com
        Access: limited (it cannot administer this gateway)

        If another person may have seen the code: /pair cleanup
        ---
        <code 7>
    "#]],
    );
    check(
        "qr",
        &Port::new(Vec::new()),
        &expect![[r#"
        [SetupWish { full: false, local: false }]
        ---
        A setup code for one device, good for 10 minutes.

        1. In the OpenClaw app, under Settings → Gateway: scan the next message, then connect
        2. When the device waits, you are told here. Compare its details, then send /pair approve

        Gateway: wss://gw.example.com
        Access: limited (it cannot administer this gateway)

        If another person may have seen the code: /pair cleanup
        ---
        <qr 7>
        Scan this with the OpenClaw app. It is for one device only.
    "#]],
    );
    let local = Offered { url: "ws://127.0.0.1:18789".into(), ..offered() };
    check(
        "local",
        &Port::making(Setup::Made(local)),
        &expect![[r#"
        [SetupWish { full: false, local: true }]
        ---
        A setup code for one device, good for 10 minutes.

        1. On this machine: openclaw node run --pair <code>, with the next message as its code
        2. When the device waits, you are told here. Compare its details, then send /pair approve

        Gateway: ws://127.0.0.1:18789
        Access: limited (it cannot administer this gateway)

        If another person may have seen the code: /pair cleanup
        ---
        <code 7>
    "#]],
    );
}

#[test]
fn case_054_full_access_takes_its_word_and_says_so() {
    let full = Offered { access: "full".into(), ..offered() };
    check(
        "full",
        &Port::making(Setup::Made(full)),
        &expect![[r#"
        [SetupWish { full: true, local: false }]
        ---
        A setup code for one device, good for 10 minutes.

        1. In the OpenClaw app, under Settings → Gateway: paste the next message, then connect
        2. When the device waits, you are told here. Compare its details, then send /pair approve

        Gateway: wss://gw.example.com
        Access: full (it may also administer this gateway)

        If another person may have seen the code: /pair cleanup
        ---
        <code 7>
    "#]],
    );
    let notes = vec!["Others in this network can read along.".to_owned()];
    let plain = Offered { downgraded: true, notes, ..offered() };
    check(
        "full",
        &Port::making(Setup::Made(plain)),
        &expect![[r#"
        [SetupWish { full: true, local: false }]
        ---
        A setup code for one device, good for 10 minutes.

        1. In the OpenClaw app, under Settings → Gateway: paste the next message, then connect
        2. When the device waits, you are told here. Compare its details, then send /pair approve

        Gateway: wss://gw.example.com
        Access: limited (no full access over an unencrypted connection)
        ⚠️ Others in this network can read along.

        If another person may have seen the code: /pair cleanup
        ---
        <code 7>
    "#]],
    );
}

#[test]
fn where_no_device_could_come_there_is_no_code() {
    let why = "only this machine can reach this gateway.".to_owned();
    check(
        "",
        &Port::making(Setup::NoWayIn(why)),
        &expect![[r#"
        [SetupWish { full: false, local: false }]
        ---
        No code was made: only this machine can reach this gateway.

        Ways out:
        • plugins.device-pair.public_url = "wss://…" in the configuration, where a proxy or a tunnel leads here
        • gateway.bind = "lan" in the configuration, for devices in your own network
        • /pair local for a program on this machine
    "#]],
    );
}

#[test]
fn what_waits_is_shown_with_everything_that_an_approval_grants() {
    check(
        "status",
        &Port::new(Vec::new()),
        &expect![[r#"
        [list]
        ---
        No device waits. A code for one: /pair
    "#]],
    );
    check(
        "pending",
        &Port::new(vec![phone()]),
        &expect![[r#"
        [list]
        ---
        One device waits.

        Name (not verified): Ann's phone
        System: iOS 26.1, iPhone
        From: 192.0.2.7
        Words: abandon ability able
        Code: came with your setup code (limited)
        Roles: node and operator
        Scopes: operator.read, operator.write
        Commands: camera.snap, location.get
        Capabilities: camera
        Request: req-1
        asked 3 s ago, 4 min left

        To approve it: /pair approve
        To reject it: /pair reject req-1
    "#]],
    );
    check(
        "status",
        &Port::new(vec![server(), phone()]),
        &expect![[r#"
        [list]
        ---
        2 devices wait.

        Name (not verified): build server
        Code: none
        Roles: node
        Commands: system.run, and 3 more that are not shown
        ⚠️ Warning: this device can run programs or open its files on command
        ⚠️ Conflict: another waiting device claims to be the same installation
        Known: it was paired before, and asks again or for more
        Request: req-2
        asked 0 s ago, 0 s left

        Name (not verified): Ann's phone
        System: iOS 26.1, iPhone
        From: 192.0.2.7
        Words: abandon ability able
        Code: came with your setup code (limited)
        Roles: node and operator
        Scopes: operator.read, operator.write
        Commands: camera.snap, location.get
        Capabilities: camera
        Request: req-1
        asked 3 s ago, 4 min left

        To approve one:
        /pair approve req-2 (build server)
        /pair approve req-1 (Ann's phone)
        To reject one: /pair reject <request>
    "#]],
    );
}

#[test]
fn case_028_the_latest_is_named_and_nothing_is_decided() {
    check(
        "approve latest",
        &Port::new(vec![server(), phone()]),
        &expect![[r#"
            [list]
            ---
            The newest device is build server, request req-2. Another one can come while you type, so approve it by that id.

            Name (not verified): build server
            Code: none
            Roles: node
            Commands: system.run, and 3 more that are not shown
            ⚠️ Warning: this device can run programs or open its files on command
            ⚠️ Conflict: another waiting device claims to be the same installation
            Known: it was paired before, and asks again or for more
            Request: req-2
            asked 0 s ago, 0 s left

            Name (not verified): Ann's phone
            System: iOS 26.1, iPhone
            From: 192.0.2.7
            Words: abandon ability able
            Code: came with your setup code (limited)
            Roles: node and operator
            Scopes: operator.read, operator.write
            Commands: camera.snap, location.get
            Capabilities: camera
            Request: req-1
            asked 3 s ago, 4 min left

            To approve one:
            /pair approve req-2 (build server)
            /pair approve req-1 (Ann's phone)
            To reject one: /pair reject <request>
        "#]],
    );
    check(
        "approve latest",
        &Port::new(Vec::new()),
        &expect![[r#"
        [list]
        ---
        No device waits. A code for one: /pair
    "#]],
    );
}

#[test]
fn codes_are_taken_back() {
    check(
        "cleanup",
        &Port::new(Vec::new()),
        &expect![[r#"
        [cancel]
        ---
        There is no unused setup code. A new one: /pair
    "#]],
    );
    check(
        "cleanup",
        &Port::new(vec![phone()]),
        &expect![[r#"
        [cancel]
        ---
        Cancelled the one unused setup code. A new one: /pair
    "#]],
    );
    check(
        "cleanup",
        &Port::new(vec![phone(), server()]),
        &expect![[r#"
        [cancel]
        ---
        Cancelled 2 unused setup codes. A new one: /pair
    "#]],
    );
}

#[test]
fn an_owner_chooses_whether_to_be_told() {
    check(
        "notify on",
        &Port::new(Vec::new()),
        &expect![[r#"
        [notify Some(On)]
        ---
        You are told here of every device that comes without a setup code. You are always told of devices with your code.
    "#]],
    );
    check(
        "notify off",
        &Port::new(Vec::new()),
        &expect![[r#"
        [notify Some(Off)]
        ---
        You are not told here of devices that come without a setup code. You are always told of devices with your code.
    "#]],
    );
    check(
        "notify once",
        &Port::new(Vec::new()),
        &expect![[r#"
        [notify Some(Once)]
        ---
        You are told here of the next device that comes without a setup code, and then not again. You are always told of devices with your code.
    "#]],
    );
    check(
        "notify status",
        &Port::new(Vec::new()),
        &expect![[r#"
        [notify None]
        ---
        You are not told here of devices that come without a setup code. You are always told of devices with your code.
        To change it: /pair notify on|off|once
    "#]],
    );
}

#[test]
fn case_009_other_words_ask_the_gateway_for_nothing() {
    check(
        "help",
        &Port::new(Vec::new()),
        &expect![[r#"
        /pair makes a setup code for one device, to paste into the app
        /pair qr makes the code as a picture, to scan
        /pair full makes one that may also administer this gateway
        /pair local makes one for a program on this machine
        /pair status shows which devices wait
        /pair approve approves the only waiting device, after you were shown it; with a request id, that one
        /pair reject <request> rejects a device
        /pair cleanup cancels every unused code
        /pair notify on|off|once|status sets whether you are told of devices without a code
    "#]],
    );
    check(
        "please",
        &Port::new(Vec::new()),
        &expect![[r#"
        /pair makes a setup code for one device, to paste into the app
        /pair qr makes the code as a picture, to scan
        /pair full makes one that may also administer this gateway
        /pair local makes one for a program on this machine
        /pair status shows which devices wait
        /pair approve approves the only waiting device, after you were shown it; with a request id, that one
        /pair reject <request> rejects a device
        /pair cleanup cancels every unused code
        /pair notify on|off|once|status sets whether you are told of devices without a code
    "#]],
    );
    check(
        "approve a b",
        &Port::new(Vec::new()),
        &expect![[r#"
        Usage("`/pair approve`, or `/pair approve <request>`; `/pair status` shows what waits")
    "#]],
    );
    check(
        "reject",
        &Port::new(Vec::new()),
        &expect![[r#"
        Usage("`/pair reject <request>`; `/pair status` shows what waits")
    "#]],
    );
    check(
        "notify maybe",
        &Port::new(Vec::new()),
        &expect![[r#"
        Usage("`/pair notify on|off|once|status`")
    "#]],
    );
}
