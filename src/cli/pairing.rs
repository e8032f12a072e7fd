//! `openclaw pairing`: who waits, who was approved, and the owner's decisions, on the files themselves.

mod allowed;
mod decide;
mod list;
mod revoke;

use clap::Subcommand;
use openclaw_plugin_sdk::neutral;

use crate::{Ended, Host, Output, rules::pairing::PairingRequest};

/// What can be done about strangers.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw pairing list
  openclaw pairing approve telegram AB3D7X9K --notify
  openclaw pairing revoke telegram 123456789

They work with and without a running gateway, which needs no restart.")]
pub(super) enum Pairing {
    /// Show who waits
    List(list::List),
    /// Approve the person with this code
    Approve(decide::Approve),
    /// Deny the person with this code; they get no new code until it expires
    Deny(decide::Deny),
    /// Block the person with this code, on every list and in every group
    Block(decide::Block),
    /// Show who has access on a channel, and why
    Allowed(allowed::Allowed),
    /// Revoke an approval at once
    Revoke(revoke::Revoke),
}

impl Pairing {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::List(list) => list.run(host, output),
            Self::Approve(approve) => approve.run(host, output),
            Self::Deny(deny) => deny.run(host, output),
            Self::Block(block) => block.run(host, output),
            Self::Allowed(allowed) => allowed.run(host, output),
            Self::Revoke(revoke) => revoke.run(host, output),
        }
    }
}

/// What a request says of its sender besides the id, as a table shows it: `first name Ann, username ann`, neutralised;
/// empty for nothing.
fn meta(request: &PairingRequest) -> String {
    let hidden = ["accountId", "address"];
    let known = request.meta.iter().filter(|(key, _)| !hidden.contains(&key.as_str()));
    let later = request.later_name.iter().map(|name| ("laterName", name));
    let all = known.map(|(key, value)| (key.as_str(), value)).chain(later);
    let said = all.map(|(key, value)| (words(&neutral(key, 32)), neutral(value, 64)));
    let said = said.filter(|(_, value)| !value.trim().is_empty());
    said.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
}

/// `firstName` as `first name`.
fn words(key: &str) -> String {
    let spaced = |c: char| [c.is_uppercase().then_some(' '), Some(c.to_ascii_lowercase())];
    key.chars().flat_map(spaced).flatten().collect()
}

#[cfg(test)]
pub(super) mod tests {
    use openclaw_plugin_sdk::{SenderId, UnixMs};

    use super::*;
    use crate::{
        rules::{
            AccountKey,
            pairing::{PairingCode, RequestId},
        },
        world,
    };

    pub(crate) fn request(meta: &[(&str, &str)], later_name: Option<&str>) -> PairingRequest {
        let (key, at) = (AccountKey::default_of("telegram"), "2026-01-27T10:30:00.000Z");
        let sender = SenderId::new("123456789").unwrap();
        let created_at = world::from_iso(at).unwrap();
        PairingRequest {
            id: RequestId::derive(&key, &sender, at),
            key,
            sender,
            code: PairingCode::parse("AB3D7X9K").unwrap(),
            created_at,
            last_seen_at: UnixMs(created_at.0 + 60_000),
            meta: meta
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            later_name: later_name.map(str::to_owned),
            claims: None,
            held: None,
            opened: None,
        }
    }

    #[test]
    fn a_request_without_names_shows_an_empty_cell() {
        assert_eq!(meta(&request(&[("accountId", "default"), ("address", "192.0.2.1")], None)), "");
    }

    #[test]
    fn case_035_both_names_are_shown() {
        let request = request(&[("firstName", "Ann")], Some("Owner"));
        assert_eq!(meta(&request), "first name Ann, later name Owner");
    }

    #[test]
    fn case_111_names_are_neutralised() {
        let shown = meta(&request(&[("name", "\u{1b}[31mAnn\r\n\u{202e}@everyone")], None));
        assert_eq!(shown, "name [31mAnn ＠everyone");
    }
}
