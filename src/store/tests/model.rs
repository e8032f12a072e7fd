//! Any interleaving of what can become of a permission, through the real store and beside a small model of it.

mod reference;

use proptest::{prelude::*, test_runner::TestCaseError};

use self::reference::{Id, Model, OWNER, Verdict};
use super::*;
use crate::{
    access::{Blocked, Ends},
    rules::{
        DmPolicy,
        admission::{self, Age, Chat, Direct, Event, Facts},
        records::Standing,
        ticket::{Ticket, TicketKind},
    },
};

/// The owner's id is the last.
const IDS: [Id; 6] = [
    ("telegram", "default", 1),
    ("telegram", "default", 2),
    ("telegram", "default", 3),
    ("telegram", "work", 1),
    ("webchat", "default", 1),
    (OWNER.0, "default", OWNER.1),
];
/// Those who knock.
const STRANGERS: usize = 5;

#[derive(Clone, Debug)]
enum Step {
    Accept(Id, u8),
    Approve(Id, Option<u64>),
    /// The newest link is shown with it, where `true`.
    Ask(Id, bool),
    Block(Id),
    Deny(Id),
    Extend(Id, Option<u64>),
    Invite(u64),
    Link(Id),
    Press(Id),
    Restart,
    Revoke(Id),
    Unblock(Id),
    Uninvite(u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || prop::sample::select(&IDS[..STRANGERS]);
    let anyone = || prop::sample::select(&IDS[..]);
    let lasting = || prop::option::of(1..6 * HOUR);
    prop_oneof![
        6 => (who(), any::<bool>()).prop_map(|(id, link)| Step::Ask(id, link)),
        5 => (who(), lasting()).prop_map(|(id, lasting)| Step::Approve(id, lasting)),
        2 => who().prop_map(Step::Link),
        2 => anyone().prop_map(Step::Block),
        2 => anyone().prop_map(Step::Unblock),
        2 => anyone().prop_map(Step::Revoke),
        1 => who().prop_map(Step::Deny),
        1 => who().prop_map(Step::Press),
        1 => (who(), lasting()).prop_map(|(id, lasting)| Step::Extend(id, lasting)),
        1 => (HOUR..30 * HOUR).prop_map(Step::Invite),
        1 => (who(), 0..3u8).prop_map(|(id, n)| Step::Accept(id, n)),
        1 => (0..3u8).prop_map(Step::Uninvite),
        1 => Just(Step::Restart),
        1 => (1..2 * HOUR).prop_map(Step::Wait),
        1 => (1..HOUR / 6).prop_map(Step::Wait),
    ]
}

fn contact((channel, account, sender): Id) -> Contact {
    let account = AccountId::parse(account).unwrap();
    let key = AccountKey { channel: channel.to_owned(), account };
    Contact { key, sender: id(&sender.to_string()) }
}

/// Both, and what was given out.
struct Both {
    bed: Bed,
    model: Model,
    links: u8,
    /// The name of each invitation.
    invitations: Vec<String>,
}

impl Both {
    fn new() -> Self {
        let model = Model::at(NOW.0);
        Self { bed: Bed::new(), model, links: 0, invitations: Vec::new() }
    }

    fn now(&self) -> UnixMs {
        UnixMs(self.model.now)
    }

    fn owners() -> Owners {
        Owners([Owner { channel: OWNER.0.to_owned(), sender: id(&OWNER.1.to_string()) }].into())
    }

    fn request(&self, who: Id) -> Option<PairingRequest> {
        let waiting = self.bed.store.waiting(who.0, self.now()).unwrap();
        waiting.into_iter().find(|request| request.contact() == contact(who))
    }

    fn rule(&self, who: Id, decision: Decision, until: Option<UnixMs>) -> Option<Outcome> {
        let request = self.request(who)?;
        let shown = request.displayed().revision;
        let shown = Some(&*shown);
        let decide = Decide { channel: who.0, request: &request.id, decision, until, shown };
        Some(self.bed.store.decide(&by(), &decide, self.now()).unwrap())
    }

    fn invitation(n: u8) -> Ticket {
        Ticket::from_random(TicketKind::Invitation, [n; 12])
    }

    fn link(n: u8) -> Ticket {
        Ticket::from_random(TicketKind::Link, [n; 12])
    }

    /// One step in both; the answers must be the same.
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        // No two things happen at once.
        self.model.wait(1);
        let now = self.now();
        match *step {
            Step::Ask(who, with_link) => self.ask(who, with_link)?,
            Step::Restart => {
                self.bed.store = open(self.bed.dir.path());
                self.bed.store.start(now).unwrap();
            }
            Step::Wait(ms) => self.model.wait(ms),
            Step::Approve(..) | Step::Deny(_) | Step::Press(_) => self.rule_both(step)?,
            Step::Block(_) | Step::Extend(..) | Step::Revoke(_) | Step::Unblock(_) => {
                self.change_both(step)?;
            }
            Step::Accept(..) | Step::Invite(_) | Step::Link(_) | Step::Uninvite(_) => {
                self.ticket_both(step)?;
            }
        }
        self.compare()
    }

    /// A decision about a request.
    fn rule_both(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let now = self.now();
        let (who, decision, lasting) = match *step {
            Step::Approve(who, lasting) => (who, Decision::Approve, lasting),
            Step::Deny(who) => (who, Decision::Deny, None),
            Step::Press(who) => (who, Decision::Block, None),
            _ => return Ok(()),
        };
        let waits = self.model.waits.contains_key(&who);
        let outcome = self.rule(who, decision, lasting.map(|ms| UnixMs(now.0 + ms)));
        prop_assert_eq!(outcome.is_some(), waits);
        let done = waits
            && match decision {
                Decision::Approve => self.model.approve(who, lasting),
                Decision::Block => self.model.block(who),
                Decision::Deny => self.model.deny(who),
            };
        prop_assert_eq!(matches!(outcome, Some(Outcome::Done(_))), done);
        Ok(())
    }

    /// A decision about a known person.
    fn change_both(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (store, now) = (&self.bed.store, self.now());
        let (done, meant) = match *step {
            Step::Block(who) => {
                let done = store.block(&by(), &contact(who), &Self::owners(), now).unwrap();
                (matches!(done, Blocked::Done(_)), self.model.block(who))
            }
            Step::Extend(who, lasting) => {
                let until = lasting.map(|ms| UnixMs(now.0 + ms));
                let done =
                    store.extend(&by(), &contact(who), Ends { was: None, until }, now).unwrap();
                (done, self.model.extend(who, lasting))
            }
            Step::Revoke(who) => {
                let lost = store.revoke(&by(), &contact(who), now).unwrap();
                (!lost.is_empty(), self.model.revoke(who))
            }
            Step::Unblock(who) => {
                let done = store.unblock(&by(), &contact(who), now).unwrap();
                (!done.is_empty(), self.model.unblock(who))
            }
            _ => return Ok(()),
        };
        prop_assert_eq!(done, meant);
        Ok(())
    }

    /// What is done with a link or an invitation.
    fn ticket_both(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (store, now) = (&self.bed.store, self.now());
        match *step {
            Step::Accept(who, n) => {
                let accepted = store.accept(&Self::invitation(n), &contact(who), now).unwrap();
                prop_assert_eq!(accepted.is_some(), self.model.accept(who, n));
            }
            Step::Invite(lasting) => {
                let n = u8::try_from(self.invitations.len()).unwrap();
                let (code, until) = (Self::invitation(n), UnixMs(now.0 + lasting));
                self.invitations.push(store.invite(&by(), &code, (None, until), now).unwrap());
                self.model.invite(n, lasting);
            }
            // Only a person with access is given one.
            Step::Link(who) if self.model.verdict(who) == Verdict::Admit => {
                self.links += 1;
                store.open_link(&contact(who), &Self::link(self.links), now).unwrap();
                self.model.open_link(who, self.links);
            }
            Step::Uninvite(n) => {
                let name = self.invitations.get(usize::from(n)).map_or("", String::as_str);
                let done = store.uninvite(&by(), name, now).unwrap();
                prop_assert_eq!(done, self.model.uninvite(n));
            }
            _ => {}
        }
        Ok(())
    }

    /// The gate has judged before; but an owner may have decided since.
    fn ask(&mut self, who: Id, with_link: bool) -> Result<(), TestCaseError> {
        let link = with_link.then_some(self.links);
        let claims = link.and_then(|n| self.bed.store.linked(&Self::link(n), self.now()).unwrap());
        let said = link.and_then(|n| self.model.says(n)).map(contact);
        prop_assert_eq!(&claims, &said);
        let Contact { key, sender } = contact(who);
        let (meta, claims) = (BTreeMap::new(), claims.map(Box::new));
        let knock = AccessRequest { key, sender, meta, address: None, claims, first: None };
        let places = Places { max_pending: reference::PLACES, when_full: WhenFull::EvictOldest };
        let asked = self.bed.store.ask(&knock, places, self.now()).unwrap();
        let opened = matches!(asked, AskOutcome::Opened { .. });
        prop_assert_eq!(opened, self.model.ask(who, link));
        Ok(())
    }

    /// What the gate would do, who waits, and what was written down.
    fn compare(&self) -> Result<(), TestCaseError> {
        let (store, now) = (&self.bed.store, self.now());
        for one in IDS {
            let Contact { key, sender } = contact(one);
            let standing = store.standing(&key, &sender, now).unwrap();
            let approved = store.approved(&key).unwrap();
            let chat = Chat::Direct(Direct {
                policy: DmPolicy::Pairing,
                listed: false,
                everyone: false,
                approved: standing == Standing::Granted || approved.names(&sender),
            });
            let blocked = standing == Standing::Blocked;
            let facts = Facts { enabled: true, owner: false, blocked, chat };
            let event = Event::Message { age: Age::New, mentions_us: false };
            let verdict = match admission::judge(&event, &facts) {
                admission::Verdict::Admit(_) => Verdict::Admit,
                admission::Verdict::Pair => Verdict::Ask,
                _ => Verdict::Ignore,
            };
            prop_assert_eq!(verdict, self.model.verdict(one), "{:?}", one);
            let said = self.request(one).map(|request| request.claims.map(|claims| *claims));
            let meant = self.model.waits.get(&one).map(|waits| waits.says_to_be.map(contact));
            prop_assert_eq!(said, meant, "{:?} waits", one);
        }
        let actions = self.bed.actions();
        prop_assert_eq!(&actions, &self.model.log);
        Ok(())
    }
}

/// More rounds if there is time.
fn rounds() -> u32 {
    std::env::var("OC_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(rounds()) })]

    #[test]
    fn case_117_any_interleaving_admits_nobody_unapproved_or_blocked_and_loses_no_decision(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut both = Both::new();
        for step in steps {
            both.take(&step)?;
        }
        let report = both.bed.store.verify(both.now()).unwrap();
        prop_assert!(report.is_whole());
        prop_assert!(report.unexplained.is_empty(), "{:?}", report.unexplained);
    }
}
