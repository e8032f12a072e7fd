//! The legacy nodes.

use super::*;
use crate::rules::device::request::{LIFETIME_MS, MOST};

fn asks(name: &str) -> NodeRequest {
    NodeRequest {
        node: name.to_owned(),
        described: [("displayName".to_owned(), "Box".to_owned())].into(),
        commands: vec!["system.notify".to_owned()],
        ..NodeRequest::default()
    }
}

fn asked(store: &Store, name: &str, now: UnixMs) -> NodeRequest {
    let (request, new) = store.ask_node(&asks(name), now).unwrap().unwrap();
    assert!(new);
    request
}

#[test]
fn a_legacy_node_asks_is_approved_once_and_goes() {
    let bed = Bed::new();
    let request = asked(&bed.store, "box", NOW);
    let (again, new) = bed.store.ask_node(&asks("box"), later(5)).unwrap().unwrap();
    assert_eq!((&again, new), (&request, false));
    assert_eq!(bed.other().nodes(NOW).unwrap().0, std::slice::from_ref(&request));
    let (store, by) = (&bed.store, host());
    let node = store.approve_node(&by, &request.id, &token(1), NOW).unwrap().unwrap();
    assert!(node.digest.matches(&token(1).digest()));
    assert!(store.approve_node(&by, &request.id, &token(2), NOW).unwrap().is_none());
    assert!(!bed.text("nodes/paired.json").contains(&token(1).spell()));
    assert!(store.rename_node(&by, "box", "Shed", NOW).unwrap());
    let (waiting, nodes) = bed.other().nodes(NOW).unwrap();
    assert!(waiting.is_empty());
    assert_eq!(nodes[0].request.described["displayName"], "Shed");
    assert_eq!(nodes[0].request.commands, ["system.notify"]);
    let repair = asked(store, "box", later(9));
    assert!(repair.repair);
    assert!(store.remove_node(&by, "box", later(9)).unwrap());
    let (waiting, nodes) = bed.other().nodes(later(9)).unwrap();
    assert!(waiting.is_empty() && nodes.is_empty());
    assert!(!store.remove_node(&by, "box", NOW).unwrap());
    assert!(!store.rename_node(&by, "box", "x", NOW).unwrap());
    assert!(matches!(store.device(&key(1).id()).unwrap(), Known::Stranger));
}

#[test]
fn legacy_requests_end_are_rejected_and_are_64_at_most() {
    let bed = Bed::new();
    let first = asked(&bed.store, "first", NOW);
    let rejected = bed.store.reject_node(&host(), &first.id, NOW).unwrap();
    assert_eq!(rejected, Some(first.clone()));
    assert_eq!(bed.store.reject_node(&host(), &first.id, NOW).unwrap(), None);
    for number in 0..MOST {
        asked(&bed.store, &number.to_string(), NOW);
    }
    let before = bed.snapshot();
    assert_eq!(bed.store.ask_node(&asks("more"), NOW).unwrap(), None);
    assert_eq!(bed.snapshot(), before);
    let late = later(LIFETIME_MS + 1);
    assert!(bed.store.nodes(late).unwrap().0.is_empty());
    asked(&bed.store, "more", late);
    assert_eq!(bed.json("nodes/pending.json").as_object().unwrap().len(), 1);
}

#[test]
fn a_folder_of_openclaw_keeps_its_nodes_and_no_plain_token() {
    let bed = Bed::new();
    let text = r#"{
  "old-box": {
    "nodeId": "old-box", "token": "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d", "displayName": "Old",
    "bins": ["git"], "createdAtMs": 5, "approvedAtMs": 6
  },
  "other": { "nodeId": "other", "token": "aaaa", "createdAtMs": 1, "approvedAtMs": 2 }
}"#;
    bed.write("nodes/paired.json", text);
    let nodes = bed.store.nodes(NOW).unwrap().1;
    let shown = TokenDigest::of("9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d");
    assert!(nodes.len() == 2 && nodes[0].digest.matches(&shown));
    assert!(bed.store.rename_node(&host(), "other", "x", NOW).unwrap());
    assert_eq!(bed.text("nodes/paired.json.orig"), text);
    let rows = bed.json("nodes/paired.json");
    assert_eq!(rows["old-box"]["tokenSha256"], shown.spell());
    assert_eq!(rows["old-box"]["bins"][0], "git");
    assert!(rows["old-box"].get("token").is_none() && rows["other"].get("token").is_none());
    assert!(bed.other().nodes(NOW).unwrap().1[0].digest.matches(&shown));
}
