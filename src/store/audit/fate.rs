//! Who had access by the log and lost it, so that no older list brings them back.

use std::collections::BTreeSet;

use super::{Line, action, read::Reading};
use crate::{StoreError, imports::IMPORT, paths::StateDir, reset::Scope, rules::Contact};

/// What the log says of people who lost access, and of devices whose import was taken back. It grows with the log.
#[derive(Debug)]
pub(crate) struct Fates {
    reading: Reading,
    lost: BTreeSet<Contact>,
    /// Everyone who was let in here, and not by an import.
    let_in: BTreeSet<Contact>,
    /// Channel and id of everyone who was ever blocked, and not let in since.
    blocked: BTreeSet<(String, String)>,
    people: Vec<BTreeSet<Contact>>,
    undone: BTreeSet<String>,
    /// Contacts, devices and legacy nodes that were taken over, and that nothing has changed since.
    untouched: BTreeSet<String>,
}

impl Fates {
    /// Nothing of the log was read yet.
    pub(crate) fn new(state: &StateDir) -> Self {
        let (lost, let_in, blocked, undone, untouched) = Default::default();
        let (reading, people) = (Reading::new(state), Vec::new());
        Self { reading, lost, let_in, blocked, people, undone, untouched }
    }

    /// Reads what is new.
    pub(crate) fn follow(&mut self) -> Result<(), StoreError> {
        let Self { reading, lost, let_in, blocked, people, undone, untouched } = self;
        reading
            .go(&mut |_, _, bytes| {
                if let Ok(line) = serde_json::from_slice::<Line>(bytes) {
                    if line.resets(Scope::Access) {
                        untouched.retain(|what| Contact::parse(what).is_none());
                    }
                    if line.resets(Scope::Devices) {
                        untouched.retain(|what| Contact::parse(what).is_some());
                    }
                    device(undone, &line);
                    touch(untouched, &line);
                    let_in.extend(line.contact().filter(|_| lets_in(&line)));
                    person(lost, blocked, people, &line);
                }
                true
            })
            .map(drop)
    }

    /// True where an owner took this person's access away, or it was to end, and nothing has given it back.
    pub(crate) fn lost(&self, who: &Contact) -> bool {
        self.lost.contains(who) || self.blocked.contains(&id(who))
    }

    /// True where a decision here, and no import, has ever let this person in.
    pub(crate) fn was_let_in_here(&self, who: &Contact) -> bool {
        self.let_in.contains(who)
    }

    /// All that was taken over and is as it was then.
    pub(crate) fn as_imported(&self) -> impl Iterator<Item = &String> {
        self.untouched.iter()
    }

    /// True where this was taken over, and is as it was then: a contact, a device or a legacy node.
    pub(crate) fn is_as_imported(&self, what: &str) -> bool {
        self.untouched.contains(what)
    }

    /// True where this device was removed only because its import was taken back.
    pub(crate) fn was_undone(&self, device: &str) -> bool {
        self.undone.contains(device)
    }
}

fn lets_in(line: &Line) -> bool {
    let is_ours = line.actor != IMPORT;
    is_ours && matches!(line.action.as_str(), action::ACCEPT | action::APPROVE | action::EXTEND)
}

fn id(who: &Contact) -> (String, String) {
    (who.key.channel.clone(), who.sender.to_string())
}

fn device(undone: &mut BTreeSet<String>, line: &Line) {
    let Some(device) = &line.subject else { return };
    match line.action.as_str() {
        action::DEVICE_REMOVE if line.actor == IMPORT => drop(undone.insert(device.clone())),
        action::DEVICE_REMOVE => drop(undone.remove(device)),
        _ => {}
    }
}

fn touch(untouched: &mut BTreeSet<String>, line: &Line) {
    let contact = line.contact().map(|who| who.to_string());
    let Some(what) = contact.or_else(|| line.subject.clone()) else { return };
    match line.action.as_str() {
        action::APPROVE | action::DEVICE_ADMIT | action::NODE_APPROVE if line.actor == IMPORT => {
            untouched.insert(what);
        }
        action::ACCEPT
        | action::APPROVE
        | action::BLOCK
        | action::DEVICE_APPROVE
        | action::DEVICE_REMOVE
        | action::DEVICE_RENAME
        | action::EXTEND
        | action::NODE_APPROVE
        | action::NODE_REMOVE
        | action::NODE_RENAME
        | action::REVOKE
        | action::TOKEN_REVOKE
        | action::TOKEN_ROTATE => drop(untouched.remove(&what)),
        _ => {}
    }
}

fn person(
    lost: &mut BTreeSet<Contact>,
    blocked: &mut BTreeSet<(String, String)>,
    people: &mut Vec<BTreeSet<Contact>>,
    line: &Line,
) {
    let Some(who) = line.contact() else { return };
    match line.action.as_str() {
        action::ACCEPT | action::APPROVE | action::EXTEND => {
            if let Some(with) = line.with.as_deref().and_then(Contact::parse) {
                join(people, [who.clone(), with].into());
            }
            blocked.remove(&id(&who));
            // What ends was meant to end: an older list does not lengthen it.
            if line.until.is_some() {
                lost.insert(who)
            } else {
                lost.remove(&who)
            };
        }
        action::JOIN => {
            if let Some(with) = line.with.as_deref().and_then(Contact::parse) {
                join(people, [who, with].into());
            }
        }
        action::BLOCK => {
            blocked.extend(ids(people, &who).iter().map(id));
        }
        action::REVOKE if line.actor == IMPORT => {
            lost.remove(&who);
        }
        action::REVOKE => lost.extend(ids(people, &who)),
        _ => {}
    }
}

/// Every id that was ever joined to this one, and itself.
fn ids(people: &[BTreeSet<Contact>], who: &Contact) -> BTreeSet<Contact> {
    let person = people.iter().find(|person| person.contains(who)).cloned();
    let mut ids = person.unwrap_or_default();
    ids.insert(who.clone());
    ids
}

fn join(people: &mut Vec<BTreeSet<Contact>>, mut person: BTreeSet<Contact>) {
    people.retain(|one| {
        let apart = one.is_disjoint(&person);
        if !apart {
            person.extend(one.iter().cloned());
        }
        apart
    });
    people.push(person);
}
