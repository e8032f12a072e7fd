//! What the store knows of people beside the lists of the field: grants that end, blocks, people with several ids,
//! the owners' notes, open tickets. A block beats every grant; the lists of the field know of none of it.

use std::collections::{HashMap, HashSet};

use openclaw_plugin_sdk::{SenderId, UnixMs};

use super::{
    AccountKey, Contact,
    approver::IMPORT,
    ticket::{LINK_MS, LONGEST_INVITATION_MS, TicketDigest},
};

/// A grant that has ended is kept so long, so that an owner can extend it.
const LAPSED_KEPT_MS: u64 = 7 * 24 * 3_600_000;

/// A grant that ends, or one of a person with several ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who has access, and where.
    pub contact: Contact,
    /// Since when.
    pub since: UnixMs,
    /// Until when; for good where nothing stands there.
    pub until: Option<UnixMs>,
    /// The approver, as the access log names them.
    pub by: String,
}

impl Grant {
    /// When it ends, where it does. One that begins in the future is of a clock set back: it began when it was made,
    /// and has its whole time before it.
    pub fn ends(&self, now: UnixMs) -> Option<UnixMs> {
        let ahead = self.since.0.saturating_sub(now.0);
        self.until.map(|until| UnixMs(until.0.saturating_sub(ahead)))
    }

    /// True while it lasts.
    pub fn lasts(&self, now: UnixMs) -> bool {
        self.ends(now).is_none_or(|ends| now < ends)
    }
}

/// A sender who is ignored on a channel, whatever else gives access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The channel, with all its accounts.
    pub channel: String,
    /// Who.
    pub sender: SenderId,
    /// Since when.
    pub since: UnixMs,
    /// The owner who blocked, as the access log names them.
    pub by: String,
}

/// A person with several ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The ids of the person, two at least.
    pub contacts: Vec<Contact>,
}

/// An owner's name for a person. It decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The channel.
    pub channel: String,
    /// The person's id.
    pub sender: SenderId,
    /// What it says.
    pub text: String,
}

/// An invitation that nobody has used.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its opaque name, by which it is listed and cancelled.
    pub id: String,
    /// Of its code.
    pub digest: TicketDigest,
    /// The owner's note about its recipient.
    pub note: Option<String>,
    /// When it was made.
    pub since: UnixMs,
    /// Until when it is open.
    pub until: UnixMs,
    /// The owner who made it, as the access log names them.
    pub by: String,
}

impl Invitation {
    /// True while it can be used. Never longer than a day, whatever the clock does.
    pub fn is_open(&self, now: UnixMs) -> bool {
        let age = now.0.checked_sub(self.since.0);
        now < self.until && age.is_some_and(|age| age < LONGEST_INVITATION_MS)
    }
}

/// An unused link: a sender who shows it claims to be this person.
#[derive(Clone, Debug)]
pub struct OpenLink {
    /// Of its code.
    pub digest: TicketDigest,
    /// Who asked for it.
    pub contact: Contact,
    /// When.
    pub since: UnixMs,
}

impl OpenLink {
    /// True for ten minutes.
    pub fn is_open(&self, now: UnixMs) -> bool {
        now.0.checked_sub(self.since.0).is_some_and(|age| age < LINK_MS)
    }
}

/// What the records say of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Blocked.
    Blocked,
    /// A grant gives access.
    Granted,
    /// Nothing: the lists decide.
    #[default]
    Unknown,
}

/// Everything that is kept beside the lists.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Grants, also those that have ended lately.
    pub grants: Vec<Grant>,
    /// Blocks.
    pub blocks: Vec<Block>,
    /// People with several ids.
    pub people: Vec<Person>,
    /// Notes.
    pub notes: Vec<Note>,
    /// Invitations.
    pub invitations: Vec<Invitation>,
    /// Links.
    pub links: Vec<OpenLink>,
}

impl Records {
    /// The ids of the person that an id belongs to; itself where no other is joined to it.
    pub fn person(&self, contact: &Contact) -> Vec<Contact> {
        let of = self.people.iter().find(|person| person.contacts.contains(contact));
        of.map_or_else(|| vec![contact.clone()], |person| person.contacts.clone())
    }

    /// Every id that may be the same person on this channel, whatever the account.
    pub fn on_channel(&self, channel: &str, sender: &SenderId) -> Vec<Contact> {
        let here = |contact: &&Contact| contact.key.channel == channel && contact.sender == *sender;
        let people = self.people.iter().filter(|person| person.contacts.iter().any(|c| here(&c)));
        people.flat_map(|person| person.contacts.iter().cloned()).collect()
    }

    /// True where the sender is blocked.
    pub fn is_blocked(&self, channel: &str, sender: &SenderId) -> bool {
        self.blocks.iter().any(|block| block.channel == channel && block.sender == *sender)
    }

    /// The grant of an id, lasting or ended.
    pub fn grant(&self, contact: &Contact) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.contact == *contact)
    }

    /// The note about a sender.
    pub fn note(&self, channel: &str, sender: &SenderId) -> Option<&str> {
        let about = |note: &&Note| note.channel == channel && note.sender == *sender;
        self.notes.iter().find(about).map(|note| note.text.as_str())
    }

    /// Writes a note, or takes it away. False where that changes nothing.
    pub fn annotate(&mut self, channel: &str, sender: &SenderId, text: Option<&str>) -> bool {
        if self.note(channel, sender) == text {
            return false;
        }
        self.notes.retain(|note| note.channel != channel || note.sender != *sender);
        self.notes.extend(text.map(|text| Note {
            channel: channel.to_owned(),
            sender: sender.clone(),
            text: text.to_owned(),
        }));
        true
    }

    /// Lets an id in, in place of the grant it may have had.
    pub fn let_in(&mut self, grant: Grant) {
        self.grants.retain(|old| old.contact != grant.contact);
        self.grants.push(grant);
    }

    /// Takes the grants of an id away. False where there was none.
    pub fn take_away(&mut self, contact: &Contact) -> bool {
        let before = self.grants.len();
        self.grants.retain(|grant| grant.contact != *contact);
        self.links.retain(|link| link.contact != *contact);
        self.grants.len() < before
    }

    /// Forgets that ids belong together.
    pub fn part(&mut self, contact: &Contact) {
        self.people.retain(|person| !person.contacts.contains(contact));
    }

    /// Joins two ids, and everybody joined to either.
    pub fn join(&mut self, one: &Contact, other: &Contact) {
        let mut contacts = self.person(one);
        for contact in self.person(other) {
            if !contacts.contains(&contact) {
                contacts.push(contact);
            }
        }
        self.part(one);
        self.part(other);
        self.people.push(Person { contacts });
    }

    /// Blocks a sender. False where the sender is blocked already; what a person decides goes over what an import did,
    /// so that no undo takes it back.
    pub fn block(&mut self, block: Block) -> bool {
        let fits = |it: &&mut Block| it.channel == block.channel && it.sender == block.sender;
        match self.blocks.iter_mut().find(fits) {
            None => self.blocks.push(block),
            Some(known) if known.by == IMPORT && block.by != IMPORT => *known = block,
            Some(_) => return false,
        }
        true
    }

    /// Takes a block away. False where there is none.
    pub fn unblock(&mut self, channel: &str, sender: &SenderId) -> bool {
        let before = self.blocks.len();
        self.blocks.retain(|block| block.channel != channel || block.sender != *sender);
        self.blocks.len() < before
    }

    /// Takes out what has run its time.
    pub fn prune(&mut self, now: UnixMs) {
        let kept = |grant: &Grant| {
            grant.until.is_none_or(|until| now.0 < until.0.saturating_add(LAPSED_KEPT_MS))
        };
        self.grants.retain(kept);
        self.invitations.retain(|invitation| invitation.is_open(now));
        self.links.retain(|link| link.is_open(now));
    }
}

/// The records, laid out for the one question of the gate.
#[derive(Clone, Debug, Default)]
pub struct Index {
    records: Records,
    blocked: HashMap<String, HashSet<SenderId>>,
    granted: HashMap<AccountKey, HashMap<SenderId, usize>>,
}

impl Index {
    /// Lays the records out.
    pub fn of(records: Records) -> Self {
        let mut index = Self { records, ..Self::default() };
        for block in &index.records.blocks {
            index.blocked.entry(block.channel.clone()).or_default().insert(block.sender.clone());
        }
        for (at, Grant { contact, .. }) in index.records.grants.iter().enumerate() {
            let here = index.granted.entry(contact.key.clone()).or_default();
            here.insert(contact.sender.clone(), at);
        }
        index
    }

    /// The records themselves.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The grant of a sender, lasting or ended.
    pub fn grant(&self, key: &AccountKey, sender: &SenderId) -> Option<&Grant> {
        self.records.grants.get(*self.granted.get(key)?.get(sender)?)
    }

    /// What they say of a sender now.
    pub fn standing(&self, key: &AccountKey, sender: &SenderId, now: UnixMs) -> Standing {
        if self.blocked.get(&key.channel).is_some_and(|blocked| blocked.contains(sender)) {
            return Standing::Blocked;
        }
        match self.grant(key, sender) {
            Some(grant) if grant.lasts(now) => Standing::Granted,
            _ => Standing::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(channel: &str, sender: &str) -> Contact {
        Contact { key: AccountKey::default_of(channel), sender: SenderId::new(sender).unwrap() }
    }

    fn grant(of: &Contact, until: Option<u64>) -> Grant {
        Grant {
            contact: of.clone(),
            since: UnixMs(1_000),
            until: until.map(UnixMs),
            by: "uid:0".to_owned(),
        }
    }

    fn standing(records: &Records, of: &Contact, now: u64) -> Standing {
        Index::of(records.clone()).standing(&of.key, &of.sender, UnixMs(now))
    }

    #[test]
    fn a_grant_lasts_until_its_end_and_all_its_time_where_the_clock_was_set_back() {
        let ann = contact("telegram", "7");
        let mut records = Records::default();
        records.let_in(grant(&ann, Some(5_000)));
        for (now, meant) in [
            (0, Standing::Granted),
            (999, Standing::Granted),
            (1_000, Standing::Granted),
            (4_999, Standing::Granted),
            (5_000, Standing::Unknown),
        ] {
            assert_eq!(standing(&records, &ann, now), meant, "{now}");
        }
        assert_eq!(records.grants[0].ends(UnixMs(400)), Some(UnixMs(4_400)));
        records.let_in(grant(&ann, None));
        assert_eq!(standing(&records, &ann, u64::MAX), Standing::Granted);
        assert_eq!(standing(&records, &contact("webchat", "7"), 2_000), Standing::Unknown);
    }

    #[test]
    fn case_071_a_block_beats_a_grant_on_every_account_of_the_channel() {
        let ann = contact("telegram", "7");
        let mut records = Records::default();
        records.let_in(grant(&ann, None));
        let (channel, sender) = (ann.key.channel.clone(), ann.sender.clone());
        let block = Block { channel, sender, since: UnixMs(1), by: "uid:0".to_owned() };
        assert!(records.block(block.clone()) && !records.block(block));
        let mut second = ann.clone();
        second.key.account = openclaw_plugin_sdk::AccountId::parse("second").unwrap();
        for of in [&ann, &second] {
            assert_eq!(standing(&records, of, 2_000), Standing::Blocked);
        }
        assert!(records.unblock("telegram", &ann.sender));
        assert_eq!(standing(&records, &ann, 2_000), Standing::Granted);
    }

    #[test]
    fn case_086_joined_ids_are_one_person_in_any_order_of_joining() {
        let (a, b, c) = (contact("telegram", "1"), contact("discord", "2"), contact("slack", "3"));
        let mut records = Records::default();
        records.join(&a, &b);
        records.join(&c, &b);
        for one in [&a, &b, &c] {
            let mut person = records.person(one);
            person.sort();
            assert_eq!(person, [b.clone(), c.clone(), a.clone()]);
        }
        records.part(&b);
        assert_eq!(records.person(&a), [a]);
    }

    #[test]
    fn what_has_run_its_time_goes() {
        let ann = contact("telegram", "7");
        let digest = TicketDigest([0; 32]);
        let invitation = Invitation {
            id: "1".to_owned(),
            digest,
            note: None,
            since: UnixMs(1_000),
            until: UnixMs(u64::MAX),
            by: "uid:0".to_owned(),
        };
        assert!(invitation.is_open(UnixMs(1_000)) && !invitation.is_open(UnixMs(999)));
        assert!(!invitation.is_open(UnixMs(1_000 + LONGEST_INVITATION_MS)), "a day at most");
        let link = OpenLink { digest, contact: ann.clone(), since: UnixMs(1_000) };
        let mut records = Records {
            grants: vec![grant(&ann, Some(2_000))],
            invitations: vec![invitation],
            links: vec![link],
            ..Records::default()
        };
        records.prune(UnixMs(1_000 + LINK_MS));
        assert_eq!((records.grants.len(), records.links.len()), (1, 0));
        records.prune(UnixMs(2_000 + LAPSED_KEPT_MS));
        assert!(records.grants.is_empty() && records.invitations.is_empty());
    }
}
