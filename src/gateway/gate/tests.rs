//! The gate, `access explain` and `access simulate` on the same facts: one verdict.

use std::{collections::HashSet, sync::LazyLock};

use openclaw_plugin_sdk::{ChatId, ChatKind, Decision, Sender, ThreadId};
use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    config::{self, Config},
    control::{
        explain::{ExplainQuery, Subject, explain},
        simulate,
    },
    registry,
    rules::{
        AccountKey, Contact, DmPolicy,
        allowlist::Allowlist,
        approver::Approver,
        device::identity::DeviceKey,
        group::{GroupPolicy, GroupRules},
        owner::{Owner, Owners},
        pairing::{AskOutcome, Places, WhenFull},
    },
    store::{Decide, Store, paths::StateDir},
};

const NOW: UnixMs = UnixMs(1_795_168_800_000);
const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;

fn key() -> AccountKey {
    AccountKey::default_of("telegram")
}

fn guest() -> SenderId {
    SenderId::new("7").unwrap()
}

fn owner() -> Owner {
    Owner { channel: "telegram".to_owned(), sender: guest() }
}

/// A store that says one thing about the guest.
struct Bed {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bed {
    fn new(put: impl FnOnce(&Store)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(dir.path()), |_, id| SenderId::new(id));
        store.start(UnixMs(NOW.0 - HOUR)).unwrap();
        put(&store);
        Self { dir, store }
    }

    fn state(&self) -> StateDir {
        StateDir::at(self.dir.path())
    }
}

fn approve(store: &Store, until: Option<UnixMs>) {
    let then = UnixMs(NOW.0 - 10 * MINUTE);
    let knock = AccessRequest {
        key: key(),
        sender: guest(),
        meta: [].into(),
        address: None,
        claims: None,
        first: None,
    };
    let places = Places { max_pending: 3, when_full: WhenFull::Ignore };
    let AskOutcome::Opened { request, .. } = store.ask(&knock, places, then).unwrap() else {
        panic!("no request was opened")
    };
    let shown = request.displayed().revision;
    let decide = Decide {
        channel: "telegram",
        request: &request.id,
        decision: Decision::Approve,
        until,
        shown: Some(&shown),
    };
    store.decide(&Approver::on_host(0), &decide, then).unwrap();
}

/// Nothing, approved for good, for an hour, until a minute ago, blocked, approved and then blocked, an owner.
static BEDS: LazyLock<Vec<Bed>> = LazyLock::new(|| {
    let by = Approver::on_host(0);
    let block = |store: &Store| {
        let who = Contact { key: key(), sender: guest() };
        store.block(&by, &who, &Owners::default(), UnixMs(NOW.0 - MINUTE)).unwrap();
    };
    vec![
        Bed::new(|_| {}),
        Bed::new(|store| approve(store, None)),
        Bed::new(|store| approve(store, Some(UnixMs(NOW.0 + HOUR)))),
        Bed::new(|store| approve(store, Some(UnixMs(NOW.0 - MINUTE)))),
        Bed::new(block),
        Bed::new(|store| {
            approve(store, None);
            block(store);
        }),
        Bed::new(|store| assert!(store.add_owner(&by, &owner(), NOW).unwrap())),
    ]
});

fn list(entries: &[&str]) -> Allowlist {
    Allowlist::configured(entries, SenderId::new)
}

/// What a configuration says of one account.
fn account() -> impl Strategy<Value = Account> {
    let dir = tempfile::tempdir().unwrap();
    let plugins =
        config::Plugins { channels: registry::CHANNELS, responders: registry::RESPONDERS };
    let env = |name: &str| (name == "TELEGRAM_BOT_TOKEN").then(|| "1:a".to_owned());
    let state = StateDir::at(dir.path());
    let source = config::Source { flag: None, env: &env, state: &state };
    let config = config::load(&source, plugins).unwrap();
    let account = config.account(&key()).unwrap().clone();
    let lists: [&[&str]; 4] = [&[], &["7"], &["8"], &["*"]];
    let groups: [Option<&[&str]>; 4] = [None, Some(&["-5"]), Some(&["77"]), Some(&["-9"])];
    let policies = [
        DmPolicy::Allowlist,
        DmPolicy::Disabled,
        DmPolicy::Open,
        DmPolicy::Pairing,
        DmPolicy::Pairing,
    ];
    let in_groups = [GroupPolicy::Allowlist, GroupPolicy::Disabled, GroupPolicy::Open];
    let direct = (select(policies.to_vec()), select(lists.to_vec()));
    let group = (
        select(in_groups.to_vec()),
        select(lists.to_vec()),
        select(groups.to_vec()),
        any::<bool>(),
    );
    (prop::bool::weighted(0.9), direct, group).prop_map(move |(enabled, direct, group)| Account {
        enabled,
        dm_policy: direct.0,
        allow_from: list(direct.1),
        groups: GroupRules {
            policy: group.0,
            senders: list(group.1),
            groups: group
                .2
                .map(|ids| ids.iter().map(|id| ChatId::new(*id)).collect::<HashSet<_>>()),
            require_mention: group.3,
        },
        ..account.clone()
    })
}

fn message() -> impl Strategy<Value = InboundMessage> {
    let kinds = [ChatKind::Direct, ChatKind::Group, ChatKind::Group, ChatKind::Unknown];
    let threads = [None, Some("77"), Some("78")];
    let texts = ["hello", "hello", "", " ", "/help", "/help@another"];
    let links = [Link::Private, Link::Private, Link::Exposed];
    let ages = [0, 0, MINUTE, HOUR];
    let place = (select(kinds.to_vec()), select(threads.to_vec()), select(links.to_vec()));
    (place, select(texts.to_vec()), any::<bool>(), select(ages.to_vec())).prop_map(
        |((kind, thread, link), text, mentions_us, age)| InboundMessage {
            id: EventId::new("1"),
            conversation: Conversation::new(ChatId::new("-5"), kind)
                .in_thread(thread.map(ThreadId::new)),
            sender: Sender::new(guest(), None, &[]),
            sent_at: UnixMs(NOW.0 - age),
            text: text.to_owned(),
            attachment: None,
            files: Vec::new(),
            mentions_us,
            reply_to: None,
            link,
        },
    )
}

fn clock(first_start: bool) -> Clock {
    let past = Past::Clock { started: NOW, now: UnixMs(NOW.0 + 5_000) };
    Clock { now: NOW, past, first_start }
}

/// What is noted of a message at the gate, and its verdict there where one is noted.
fn at_the_gate(
    rules: Rules<'_>,
    message: &InboundMessage,
    clock: Clock,
) -> (Option<Record>, Option<Judged>) {
    let incoming = Incoming::Message(Arc::new(message.clone()));
    let record = seen(rules.account, &incoming, clock);
    let admission = admit(rules, &incoming, clock).unwrap();
    if let (Admission::Admitted(admitted), Incoming::Message(message)) = (&admission, &incoming) {
        assert!(std::ptr::eq(admitted.text(), message.text.as_str()), "the message is lent");
    }
    (record, admission.judged())
}

fn explained(bed: &Bed, config: &Config, message: &InboundMessage) -> &'static str {
    let (key, state) = (key(), bed.state());
    let subject = match message.conversation.kind {
        ChatKind::Direct => Subject::Direct(&message.sender.id),
        _ => Subject::Group(&message.conversation.id, Some(&message.sender.id)),
    };
    let asked = ExplainQuery { config, state: &state, key: &key, subject };
    explain(&bed.store, asked, NOW).unwrap().verdict
}

proptest! {
    #[test]
    fn gate_explanation_and_simulation_give_one_verdict(
        account in account(),
        message in message(),
        bed in 0..BEDS.len(),
        (names_owner, first_start, later) in any::<(bool, bool, bool)>(),
    ) {
        let bed = &BEDS[bed];
        let owners = Owners(names_owner.then(owner).into_iter().collect());
        let dir = bed.state();
        let plugins = config::Plugins { channels: &[], responders: registry::RESPONDERS };
        let source = config::Source { flag: None, env: &|_| None, state: &dir };
        let mut config = config::load(&source, plugins).unwrap();
        (config.owners, config.accounts) = (owners, vec![account.clone()]);
        let rules = Rules { account: &account, owners: &config.owners, store: &bed.store };

        let (record, judged) = at_the_gate(rules, &message, clock(first_start));
        if let (Some(mut record), Some(judged)) = (record, judged) {
            judged.word().clone_into(&mut record.verdict);
            let simulated =
                |record: &Record| simulate::judged(&bed.store, (&config, &dir), record, NOW).unwrap();
            prop_assert_eq!(simulated(&record), Some(judged), "{:?}", record);
            // What an older version noted gives the same verdict or none.
            let older = Record { exposed: None, thread: None, old: false, ..record };
            prop_assert!(simulated(&older).is_none_or(|one| one == judged), "{:?}", older);
        }

        // An explanation is about a new message without a command, over a link that nobody else reads.
        let plain = InboundMessage {
            text: "hello".to_owned(),
            sent_at: NOW,
            link: Link::Private,
            conversation: Conversation { thread: None, ..message.conversation.clone() },
            ..message
        };
        if plain.conversation.kind == ChatKind::Unknown {
            return Ok(());
        }
        let (_, judged) = at_the_gate(rules, &plain, clock(later));
        let expected = match (explained(bed, &config, &plain), plain.mentions_us) {
            ("admitted", _) | ("admitted when the bot is mentioned", true) => Judged::Admitted,
            ("asks for a code", _) => Judged::Asks,
            ("ignored", _) | ("admitted when the bot is mentioned", false) => Judged::Ignored,
            (other, _) => panic!("{other}"),
        };
        prop_assert_eq!(judged, Some(expected));
    }
}

#[test]
fn a_message_in_the_chat_of_a_device_is_judged_like_any_other_and_lent() {
    let message = Arc::new(InboundMessage {
        id: EventId::new("run"),
        conversation: Conversation::new(ChatId::new("device/7"), ChatKind::Direct),
        sender: Sender::new(guest(), Some(&"x".repeat(99)), &[]),
        sent_at: NOW,
        text: "hello".to_owned(),
        attachment: None,
        files: Vec::new(),
        mentions_us: false,
        reply_to: None,
        link: Link::Private,
    });
    let admitted = |device| admit_device(&BEDS[0].store, device, &message).unwrap();
    let device = DeviceKey::from_raw([7; 32]).id();
    assert!(admitted(Some(&device)).is_none(), "it is not paired");
    // A client that showed the shared secret needs no device.
    let admitted = admitted(None).unwrap();
    assert!(std::ptr::eq(admitted.text(), message.text.as_str()));
    assert_eq!((admitted.who().ground, admitted.owner_proof().is_none()), (Ground::Device, true));
    assert_eq!(admitted.who().name, Some(neutral(&"x".repeat(99), NAME_LIMIT)));
}

#[test]
fn nothing_is_old_by_this_machines_clock_and_the_second_of_the_start_is_new() {
    let at =
        |past, first_start| move |sent| age(UnixMs(sent), Clock { now: NOW, past, first_start });
    let started = UnixMs(1_000_900);
    let now = UnixMs(started.0 + MINUTE);
    let by_platform = at(Past::Clock { started, now }, false);
    assert_eq!([1_000_000, 1_000_900].map(by_platform), [Age::New; 2]);
    let last = now.0 - ANSWER_WITHIN_MS;
    assert_eq!([999_999, last, last - 1].map(by_platform), [Age::Old, Age::Old, Age::TooOld]);
    let first = at(Past::Clock { started, now }, true);
    assert_eq!([1_000_000, 999_999].map(first), [Age::New, Age::TooOld]);
    let by_order = |caught_up| at(Past::Order { caught_up }, false)(NOW.0);
    assert_eq!([true, false].map(by_order), [Age::New, Age::Old]);
    assert_eq!(at(Past::Settled, true)(0), Age::New);
}
