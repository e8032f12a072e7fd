//! Tables of devices, as people see them.

use expect_test::expect;

use super::*;
use crate::{
    Exit,
    output::{Look, table},
};

fn listing() -> Listing {
    let known = "1f".repeat(32);
    Listing::read(&json!({
        "pending": [
            {
                "requestId": "r-2", "deviceId": "ab".repeat(32), "publicKey": "k",
                "displayName": "Ann's iPhone\u{1b}[2J", "platform": "iOS 18.0.0", "remoteIp": "192.168.1.20",
                "role": "node", "roles": ["node", "operator"],
                "scopes": ["operator.read", "operator.write"],
                "commands": ["camera.list", "device.info"], "access": "limited",
                "words": "abandon ability able", "silent": false, "isRepair": false, "ts": 60_000
            },
            { "requestId": "r-1", "deviceId": known, "publicKey": "k", "role": "operator",
              "scopes": ["operator.admin"], "isRepair": true, "ts": 1_000 }
        ],
        "paired": [{
            "deviceId": known, "publicKey": "k", "operatorLabel": "desk", "displayName": "x",
            "role": "operator", "roles": ["operator"], "scopes": ["operator.read"],
            "tokens": [{ "role": "node", "scopes": [], "createdAtMs": 1, "revokedAtMs": 2 },
                       { "role": "operator", "scopes": [], "createdAtMs": 1 }],
            "connected": true, "createdAtMs": 1, "approvedAtMs": 1, "future": {}
        }]
    }))
    .unwrap()
}

#[test]
fn who_waits_is_a_table_with_words() {
    let rows = pending_rows(&listing(), UnixMs(185_000));
    expect![[r"
        ┌─────────┬──────────────────┬──────────────────────────────────────────────────────────────┬────────────────────────────────────────┬──────────────┬─────┬───────────────────────┬──────────────────────┐
        │ Request │ Device           │ Requested                                                    │ Approved                               │ IP           │ Age │ Status                │ Words                │
        ├─────────┼──────────────────┼──────────────────────────────────────────────────────────────┼────────────────────────────────────────┼──────────────┼─────┼───────────────────────┼──────────────────────┤
        │ r-2     │ Ann's iPhone [2J │ roles: node, operator; scopes: operator.read, operator.write │ none                                   │ 192.168.1.20 │ 2m  │ new pairing           │ abandon ability able │
        │ r-1     │ 1f1f1f1f1f1f     │ roles: operator; scopes: operator.admin                      │ roles: operator; scopes: operator.read │              │ 3m  │ scope upgrade, repair │                      │
        └─────────┴──────────────────┴──────────────────────────────────────────────────────────────┴────────────────────────────────────────┴──────────────┴─────┴───────────────────────┴──────────────────────┘"]].assert_eq(&table(rows, Look { width: Some(400), ..Look::default() }));
}

#[test]
fn who_was_let_in_is_a_table() {
    let rows = paired_rows(&listing());
    expect![[r"
        ┌────────┬──────────────┬──────────┬───────────────┬──────────────────────────┬────┬───────────┐
        │ Device │ Device ID    │ Roles    │ Scopes        │ Tokens                   │ IP │ State     │
        ├────────┼──────────────┼──────────┼───────────────┼──────────────────────────┼────┼───────────┤
        │ desk   │ 1f1f1f1f1f1f │ operator │ operator.read │ node (revoked), operator │    │ connected │
        └────────┴──────────────┴──────────┴───────────────┴──────────────────────────┴────┴───────────┘"]].assert_eq(&table(rows, Look { width: Some(400), ..Look::default() }));
}

#[test]
fn case_028_an_approval_shows_all_that_it_grants() {
    let listing = listing();
    let lines = listing.pending[0].lines(None).join("\n");
    expect![[r"
        Device:    Ann's iPhone [2J (abababababababababababababababababababababababababababababababab)
        Platform:  iOS 18.0.0
        IP:        192.168.1.20
        Requested: roles: node, operator; scopes: operator.read, operator.write
        Commands:  camera.list, device.info
        Approved:  none
        Words:     abandon ability able"]].assert_eq(&lines);
    assert!(!lines.contains('\u{1b}'));
}

#[test]
fn a_request_says_why_it_asks() {
    let listing = listing();
    let known = listing.known(&listing.pending[1].device_id);
    assert_eq!(listing.pending[0].kind(None), "new-pairing");
    assert_eq!(listing.pending[1].kind(known), "scope-upgrade");
    assert_eq!(listing.pending[0].kind(known), "role-upgrade");
    let same = Pending { roles: vec!["operator".to_owned()], ..Pending::default() };
    assert_eq!(same.kind(known), "re-approval");
    assert_eq!(listing.pending[1].status(known), "scope upgrade, repair");
}

#[test]
fn a_device_is_found_by_the_beginning_of_its_id_alone() {
    let mut listing = listing();
    assert_eq!(listing.find("1F1F1F").unwrap(), "1f".repeat(32));
    assert_eq!(listing.find("1f1f1").unwrap_err().exit(), Exit::NoMatch);
    assert_eq!(listing.find("abcdef").unwrap_err().exit(), Exit::NoMatch);
    let twin = format!("{}00", "1f".repeat(31));
    listing.paired.push(Paired { device_id: twin, ..Paired::default() });
    assert_eq!(listing.find("1f1f1f").unwrap_err().exit(), Exit::Usage);
}

#[test]
fn ages_are_short() {
    let now = UnixMs(10 * 86_400_000);
    let ages = [0, 59, 60, 3600, 86_400].map(|seconds| age(now.0 - seconds * 1000, now));
    assert_eq!(ages, ["0s", "59s", "1m", "1h", "1d"]);
    assert_eq!(age(now.0 + 5, now), "0s");
}
