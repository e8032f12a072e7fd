//! Which waiting devices a chat has been shown, as they were: what was displayed is what is approved.

use std::{collections::HashMap, time::Duration};

use openclaw_plugin_sdk::{ChatId, UnixMs, WaitingDevice, neutral};

use crate::{
    gate::NAME_LIMIT,
    rules::{
        AccountKey,
        device::{
            approver::Listed,
            request::{DeviceRequest, DeviceRequestId, DeviceRequests, LIFETIME_MS, Revision},
            role::{Profile, Role, is_exec_class},
        },
        pairing::RequestId,
    },
};

/// So many commands of one device are listed; a device with more is approved on the machine, if it can run programs.
const MOST_COMMANDS: usize = 100;
/// So many displays are remembered for one chat.
const REMEMBERED: usize = 128;

/// A chat on one account.
pub(crate) type AccountChat = (AccountKey, ChatId);

/// A request, as it was displayed.
#[derive(Clone, Debug)]
pub(crate) struct Display {
    pub(crate) id: DeviceRequestId,
    pub(crate) revision: Revision,
    pub(crate) listed: Listed,
}

/// A person's request as it was displayed: its name, and the revision that stood there.
pub(crate) type Person = (RequestId, String);

/// What each chat was shown. Only owners' direct chats are in it.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    devices: HashMap<AccountChat, Vec<Display>>,
    people: HashMap<AccountChat, Vec<Person>>,
}

impl Shown {
    /// The chat has these devices and people before it now.
    pub(crate) fn add(
        &mut self,
        place: &AccountChat,
        devices: impl IntoIterator<Item = Display>,
        people: impl IntoIterator<Item = Person>,
    ) {
        put(self.devices.entry(place.clone()).or_default(), devices, |display| &display.id);
        put(self.people.entry(place.clone()).or_default(), people, |(id, _)| id);
    }

    /// What the chat was shown of this request, last.
    pub(crate) fn find(&self, place: &AccountChat, id: &str) -> Option<Display> {
        self.devices.get(place)?.iter().find(|display| display.id.as_str() == id).cloned()
    }

    /// The revision of a person's request that the chat was shown last.
    pub(crate) fn person(&self, place: &AccountChat, id: &RequestId) -> Option<String> {
        let mut known = self.people.get(place)?.iter();
        known.find(|(known, _)| known == id).map(|(_, revision)| revision.clone())
    }

    /// The request is over.
    pub(crate) fn forget(&mut self, id: &DeviceRequestId) {
        for known in self.devices.values_mut() {
            known.retain(|display| display.id != *id);
        }
    }
}

/// What was displayed of a request takes the place of what was displayed of it before.
fn put<T, I: PartialEq>(
    known: &mut Vec<T>,
    new: impl IntoIterator<Item = T>,
    id: impl Fn(&T) -> &I,
) {
    for one in new {
        known.retain(|old| id(old) != id(&one));
        known.push(one);
    }
    let surplus = known.len().saturating_sub(REMEMBERED);
    known.drain(..surplus);
}

/// A request among all that wait, as owners see it, and what counts as displayed then.
pub(crate) fn displayed(
    row: &DeviceRequest,
    all: &[DeviceRequest],
    now: UnixMs,
) -> (WaitingDevice, Display) {
    let shown = |text: &str| neutral(text, NAME_LIMIT);
    let commands: Vec<String> =
        row.asked.commands.iter().take(MOST_COMMANDS).map(|one| shown(one)).collect();
    let whole = row.asked.commands.len() == commands.len()
        && row.asked.commands.iter().zip(&commands).all(|(asked, listed)| asked == listed);
    let listed = if whole { Listed::Commands } else { Listed::Nothing };
    let described = &row.described;
    let id: String = row.device.as_str().chars().take(12).collect();
    let name = described.name.as_deref().map(shown).filter(|name| !name.is_empty());
    let system = [&described.platform, &described.family];
    let system: Vec<String> = system.into_iter().flatten().map(|text| shown(text)).collect();
    let offered = &row.asked.capabilities;
    let mut offers: Vec<String> =
        offered.iter().take(MOST_COMMANDS).map(|one| shown(one)).collect();
    if let Some(more @ 1..) = offered.len().checked_sub(MOST_COMMANDS) {
        offers.push(format!("and {more} more"));
    }
    let since = |at: UnixMs| now.0.saturating_sub(at.0);
    let device = WaitingDevice {
        request: row.id.as_str().to_owned(),
        name: name.unwrap_or(id),
        platform: (!system.is_empty()).then(|| system.join(", ")),
        address: described.address.as_deref().map(shown),
        profile: row.profile.map(Profile::word).map(str::to_owned),
        words: row.words.map(|words| words.to_string()),
        roles: row.asked.roles.iter().map(|role| role.word().to_owned()).collect(),
        scopes: row.asked.scopes.words().into_iter().map(str::to_owned).collect(),
        commands_left_out: row.asked.commands.len() - commands.len(),
        commands,
        offers,
        runs_programs: row.asked.roles.contains(&Role::Node)
            && row.asked.commands.iter().any(|command| is_exec_class(command)),
        conflicts: DeviceRequests::from_rows(all.iter().cloned()).conflicts(row),
        known: row.repair,
        age: Duration::from_millis(since(row.asked_at)),
        left: Duration::from_millis(LIFETIME_MS.saturating_sub(since(row.refreshed_at))),
    };
    (device, Display { id: row.id.clone(), revision: row.revision(), listed })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rules::device::{
        identity::DeviceKey,
        request::{Described, RequestedRights},
        role::{Role, Scopes},
    };

    fn request(n: u8, commands: &[&str], instance: Option<&str>) -> DeviceRequest {
        let key = DeviceKey::from_raw([n; 32]);
        DeviceRequest {
            id: DeviceRequestId::parse(&format!("request-{n}")).unwrap(),
            device: key.id(),
            key,
            asked: RequestedRights {
                roles: BTreeSet::from([Role::Node]),
                scopes: Scopes::NONE,
                commands: commands.iter().map(|one| (*one).to_owned()).collect(),
                capabilities: BTreeSet::new(),
            },
            described: Described {
                name: Some("Ann\u{202e}'s\nphone".to_owned()),
                instance: instance.map(str::to_owned),
                ..Described::default()
            },
            profile: None,
            words: None,
            repair: false,
            asked_at: UnixMs(1_000),
            refreshed_at: UnixMs(2_000),
        }
    }

    #[test]
    fn case_111_what_a_device_says_of_itself_is_shown_and_not_obeyed() {
        let row = request(1, &["camera.snap"], None);
        let (device, display) = displayed(&row, std::slice::from_ref(&row), UnixMs(4_000));
        assert_eq!(device.name, "Ann 's phone");
        assert_eq!((device.age.as_secs(), device.left.as_secs()), (3, 298));
        assert_eq!((display.listed, display.revision), (Listed::Commands, row.revision()));
    }

    #[test]
    fn case_004_commands_that_are_not_all_listed_do_not_count_as_listed() {
        let many: Vec<String> = (0..=MOST_COMMANDS).map(|n| format!("a.{n:03}")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.push("system.run");
        let row = request(1, &many, None);
        let (device, display) = displayed(&row, std::slice::from_ref(&row), UnixMs(4_000));
        assert_eq!((device.commands.len(), device.commands_left_out), (MOST_COMMANDS, 2));
        assert!(device.runs_programs, "also where it is among those left out");
        assert_eq!(display.listed, Listed::Nothing);
        for odd in ["sys\u{200b}tem.run", &"x".repeat(NAME_LIMIT + 1)] {
            let row = request(1, &[odd], None);
            let display = displayed(&row, std::slice::from_ref(&row), UnixMs(4_000)).1;
            assert_eq!(display.listed, Listed::Nothing, "{odd:?} is not what is shown");
        }
    }

    #[test]
    fn two_who_claim_one_installation_are_both_doubted() {
        let rows = [request(1, &[], Some("i")), request(2, &[], Some("i")), request(3, &[], None)];
        let doubted = rows.each_ref().map(|row| displayed(row, &rows, UnixMs(4_000)).0.conflicts);
        assert_eq!(doubted, [true, true, false]);
    }

    #[test]
    fn case_028_a_chat_knows_what_it_was_shown_and_no_other_does() {
        let place = |chat: &str| {
            let account = openclaw_plugin_sdk::AccountId::default_account();
            (AccountKey { channel: "telegram".to_owned(), account }, ChatId::new(chat))
        };
        let row = request(1, &[], None);
        let display = displayed(&row, std::slice::from_ref(&row), UnixMs(4_000)).1;
        let mut shown = Shown::default();
        shown.add(&place("7"), [display], []);
        assert!(shown.find(&place("7"), "request-1").is_some());
        assert!(shown.find(&place("8"), "request-1").is_none());
        shown.forget(&row.id);
        assert!(shown.find(&place("7"), "request-1").is_none());
    }
}
