//! What a decision says, and what is said instead of one.

use expect_test::expect;
use openclaw_plugin_sdk::{DeviceDecided, NotYet, WaitingDevice};

use super::{
    check,
    port::{Port, phone, server},
};

#[test]
fn a_decision_says_what_was_done() {
    check(
        "approve",
        &Port::deciding(DeviceDecided::Done(phone().into())),
        &expect![[r#"
        [Approve Only]
        ---
        ✅ Paired Ann's phone (iOS 26.1, iPhone). It connects by itself, or when you tap Connect on it.
    "#]],
    );
    check(
        "approve req-1",
        &Port::deciding(DeviceDecided::Done(server().into())),
        &expect![[r#"
        [Approve Id("req-1")]
        ---
        ✅ Paired build server. It connects by itself, or when you tap Connect on it.
    "#]],
    );
    check(
        "reject req-1",
        &Port::deciding(DeviceDecided::Done(phone().into())),
        &expect![[r#"
        [Deny Id("req-1")]
        ---
        ⛔ Rejected Ann's phone (iOS 26.1, iPhone). Its setup code no longer works.
    "#]],
    );
    check(
        "reject req-2",
        &Port::deciding(DeviceDecided::Done(server().into())),
        &expect![[r#"
        [Deny Id("req-2")]
        ---
        ⛔ Rejected build server.
    "#]],
    );
}

fn not_yet(why: NotYet, waiting: Vec<WaitingDevice>) -> Port {
    Port::deciding(DeviceDecided::NotYet(why, waiting))
}

#[test]
fn case_027_what_was_not_shown_as_it_is_is_shown_and_not_decided() {
    check(
        "approve",
        &not_yet(NotYet::None, Vec::new()),
        &expect![[r#"
        [Approve Only]
        ---
        No device waits. A code for one: /pair
    "#]],
    );
    check(
        "approve req-1",
        &not_yet(NotYet::None, Vec::new()),
        &expect![[r#"
        [Approve Id("req-1")]
        ---
        No device waits. A code for one: /pair
    "#]],
    );
    check(
        "reject req-9",
        &not_yet(NotYet::None, vec![phone()]),
        &expect![[r#"
        [Deny Id("req-9")]
        ---
        No device waits under that id. Nothing changed. These wait:

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
}

#[test]
fn case_028_only_what_was_shown_alone_is_approved_without_a_name() {
    check(
        "approve",
        &not_yet(NotYet::NotShown, vec![phone()]),
        &expect![[r#"
        [Approve Only]
        ---
        Nothing changed yet: look at it first.

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
        "approve",
        &not_yet(NotYet::Changed, vec![phone()]),
        &expect![[r#"
        [Approve Only]
        ---
        It has changed since you were shown it. Nothing changed. Look again:

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
        "approve",
        &not_yet(NotYet::Several, vec![server(), phone()]),
        &expect![[r#"
        [Approve Only]
        ---
        Several devices wait. Nothing changed. Choose one:

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
fn case_001_what_a_chat_may_not_grant_is_named() {
    let scope = Some("operator.admin".to_owned());
    check(
        "approve",
        &Port::deciding(DeviceDecided::Denied(scope)),
        &expect![[r#"
        [Approve Only]
        ---
        Nothing changed: the device asks for operator.admin, which cannot be given in a chat. To give it, make a code with /pair full, or on the gateway's machine send openclaw devices approve
    "#]],
    );
    check(
        "approve",
        &Port::deciding(DeviceDecided::Denied(None)),
        &expect![[r#"
        [Approve Only]
        ---
        Nothing changed: the device can run programs, and this chat cannot show all of its commands. On the gateway's machine: openclaw devices approve
    "#]],
    );
}
