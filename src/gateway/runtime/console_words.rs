//! What an owner can type at the console behind what stands in the line.

use openclaw_plugin_sdk::ChannelPlugin;

use crate::{
    Gateway,
    control::{access, invitations, pairing},
    registry,
    rules::pairing::PairingRequest,
    store::StoreError,
    world,
};

/// What a word may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Channels,
    /// Of people who wait, on one channel or all.
    Codes(Option<&'static str>),
    Commands,
    Fixed(&'static [&'static str]),
    Invitations,
    /// With access or a block: whole ids, or on one channel the ids there.
    People(Option<&'static str>),
    /// Of devices that wait.
    Requests,
}

/// What may stand behind these words: more than one kind where a word may be left out.
fn wanted(before: &[&str]) -> Vec<Wanted> {
    use Wanted::{Channels, Codes, Commands, Fixed, Invitations, People, Requests};
    let lower: Vec<String> = before.iter().map(|word| word.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let channel = |name: &str| registry::channel(name).map(|plugin: &ChannelPlugin| plugin.id);
    match *words {
        [] => vec![Commands],
        ["/pairing"] => vec![Fixed(&["approve", "block", "deny", "list"])],
        ["/pairing", "list"] | ["/access", "list" | "explain"] => vec![Channels],
        ["/pairing", "approve" | "block" | "deny"] => vec![Codes(None), Channels],
        ["/pairing", "approve" | "block" | "deny", name] => {
            channel(name).map(|id| Codes(Some(id))).into_iter().collect()
        }
        ["/access"] => vec![Fixed(&[
            "block", "explain", "extend", "list", "log", "rename", "revoke", "unblock",
        ])],
        ["/access", "block" | "extend" | "rename" | "revoke" | "unblock"] => vec![People(None)],
        ["/access", "explain", name] => {
            channel(name).map(|id| People(Some(id))).into_iter().collect()
        }
        ["/access", "extend", _] => vec![Fixed(&["24h", "30d", "always"])],
        ["/invite"] => vec![Fixed(&["cancel", "list"])],
        ["/invite", "cancel"] => vec![Invitations],
        ["/pair"] => vec![Fixed(&[
            "approve", "cleanup", "full", "help", "local", "notify", "qr", "reject", "status",
        ])],
        ["/pair", "approve" | "reject"] => vec![Requests],
        ["/pair", "notify"] => vec![Fixed(&["off", "on", "once", "status"])],
        _ => Vec::new(),
    }
}

/// The words themselves, in order.
pub(super) fn words(gateway: &Gateway, before: &[&str]) -> Vec<String> {
    let kinds = wanted(before).into_iter();
    // A file that cannot be read only costs its words.
    let mut all: Vec<String> =
        kinds.flat_map(|kind| known(gateway, kind).unwrap_or_default()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn known(gateway: &Gateway, wanted: Wanted) -> Result<Vec<String>, StoreError> {
    let (store, now) = (&gateway.store, world::now());
    Ok(match wanted {
        Wanted::Channels => pairing::channels(None).map(str::to_owned).collect(),
        Wanted::Codes(channel) => {
            let waiting = pairing::waiting(store, channel, now)?;
            waiting.iter().map(|request: &PairingRequest| request.code.spell()).collect()
        }
        Wanted::Commands => {
            let commands = registry::listed_commands().into_iter();
            commands.map(|(name, _)| format!("/{name}")).chain(["/help".to_owned()]).collect()
        }
        Wanted::Fixed(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        Wanted::Invitations => {
            invitations::open(store, now)?.into_iter().map(|one| one.id).collect()
        }
        Wanted::People(channel) => {
            let all = access::all(store, channel, now)?.into_iter().map(|one| one.who);
            let id = |who: String| match who.split_once(':') {
                Some((_, id)) if channel.is_some() => id.to_owned(),
                _ => who,
            };
            all.map(id).collect()
        }
        Wanted::Requests => {
            let waiting = store.device_requests(now)?;
            waiting.iter().map(|request| request.id.as_str().to_owned()).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_takes_what_fits_there_and_nothing_else() {
        use Wanted::{Channels, Codes, Commands, Invitations, People, Requests};
        for (line, expected) in [
            ("", vec![Commands]),
            ("/pairing approve", vec![Codes(None), Channels]),
            ("/Pairing DENY", vec![Codes(None), Channels]),
            ("/pairing block telegram", vec![Codes(Some("telegram"))]),
            ("/pairing approve AB3D7X9K", vec![]),
            ("/pairing list", vec![Channels]),
            ("/pair approve", vec![Requests]),
            ("/access revoke", vec![People(None)]),
            ("/access explain", vec![Channels]),
            ("/access explain telegram", vec![People(Some("telegram"))]),
            ("/invite cancel", vec![Invitations]),
            ("/whoami", vec![]),
            ("hello", vec![]),
        ] {
            let before: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(wanted(&before), expected, "{line}");
        }
        for command in ["/access", "/invite", "/pair", "/pairing"] {
            assert!(matches!(wanted(&[command])[..], [Wanted::Fixed(_)]), "{command}");
            let mut all = registry::listed_commands().into_iter();
            assert!(all.any(|(name, _)| name == command[1..]), "{command}");
        }
    }
}
