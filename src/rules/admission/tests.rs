//! Every event with every combination of facts.

use openclaw_plugin_sdk::SenderId;

use super::*;
use crate::allowlist::Allowlist;

const POLICIES: [DmPolicy; 4] =
    [DmPolicy::Allowlist, DmPolicy::Disabled, DmPolicy::Open, DmPolicy::Pairing];
const LISTENING: [DmPolicy; 3] = [DmPolicy::Allowlist, DmPolicy::Open, DmPolicy::Pairing];
const GROUPS: [GroupPolicy; 3] = [GroupPolicy::Allowlist, GroupPolicy::Disabled, GroupPolicy::Open];
const AGES: [Age; 3] = [Age::New, Age::Old, Age::TooOld];
const BOTH: [bool; 2] = [false, true];

const HELLO: Event = Event::Message { age: Age::New, mentions_us: true };
const NOBODY: Direct =
    Direct { policy: DmPolicy::Pairing, listed: false, everyone: false, approved: false };
const GROUP: Group =
    Group { policy: GroupPolicy::Allowlist, listed: true, counts: true, require_mention: true };

fn of(chat: Chat) -> Facts {
    Facts { enabled: true, owner: false, blocked: false, chat }
}

fn direct(chat: Direct) -> Verdict {
    judge(&HELLO, &of(Chat::Direct(chat)))
}

fn events() -> Vec<Event> {
    let mut all = vec![Event::Delivery, Event::Empty, Event::Press, Event::Reaction];
    for age in AGES {
        all.extend(BOTH.map(|ours| Event::Command { age, ours }));
        all.extend(BOTH.map(|mentions_us| Event::Message { age, mentions_us }));
    }
    all
}

/// All combinations of so many facts that are true or not.
fn bits<const N: usize>() -> impl Iterator<Item = [bool; N]> {
    (0..1 << N).map(|n: usize| std::array::from_fn(|bit| n >> bit & 1 == 1))
}

fn chats() -> Vec<Chat> {
    let mut all = vec![Chat::Unknown];
    all.extend(BOTH.map(|may_write| Chat::Device { may_write }));
    for [one, two, three] in bits() {
        all.extend(POLICIES.map(|policy| {
            Chat::Direct(Direct { policy, listed: one, everyone: two, approved: three })
        }));
        all.extend(GROUPS.map(|policy| {
            Chat::Group(Group { policy, listed: one, counts: two, require_mention: three })
        }));
    }
    all
}

/// Calls `check` with each event, all facts and the verdict.
fn each(check: impl Fn(Event, Facts, Verdict)) {
    for chat in chats() {
        for [enabled, owner, blocked] in bits() {
            let facts = Facts { enabled, owner, blocked, chat };
            for event in events() {
                check(event, facts, judge(&event, &facts));
            }
        }
    }
}

fn admits(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Admit(_))
}

#[track_caller]
fn check(policy: DmPolicy, entries: &[&str], ann: Verdict, bob: Verdict) {
    let list = Allowlist::configured(entries, SenderId::new);
    for (name, expected) in [("ann", ann), ("bob", bob)] {
        let listed = list.names(&SenderId::new(name).unwrap());
        let facts = Direct { policy, listed, everyone: list.everyone(), approved: false };
        assert_eq!(direct(facts), expected, "{name}");
    }
}

#[test]
fn case_087_one_table_for_every_channel() {
    use {DmPolicy as P, Verdict as V};
    let (here, all) = (V::Admit(Ground::Listed), V::Admit(Ground::Everyone));
    let no = V::Ignore(Reason::SenderNotListed);
    let table = [
        (P::Pairing, V::Pair, all, (here, V::Pair)),
        (P::Allowlist, no, all, (here, no)),
        (P::Open, no, all, (here, no)),
        (P::Disabled, no, no, (no, no)),
    ];
    for (policy, none, everyone, (ann, rest)) in table {
        check(policy, &[], none, none);
        check(policy, &[""], none, none);
        check(policy, &["*"], everyone, everyone);
        check(policy, &["ann"], ann, rest);
    }
}

#[test]
fn an_approval_counts_under_pairing_only() {
    let verdict = |policy| direct(Direct { policy, approved: true, ..NOBODY });
    assert_eq!(verdict(DmPolicy::Pairing), Verdict::Admit(Ground::Approved));
    for policy in [DmPolicy::Allowlist, DmPolicy::Open, DmPolicy::Disabled] {
        assert_eq!(verdict(policy), Verdict::Ignore(Reason::SenderNotListed), "{policy:?}");
    }
}

#[test]
fn an_owner_needs_no_entry_but_a_policy_that_listens() {
    for blocked in BOTH {
        let verdict = |policy| {
            let chat = Chat::Direct(Direct { policy, ..NOBODY });
            judge(&HELLO, &Facts { owner: true, blocked, ..of(chat) })
        };
        for policy in LISTENING {
            assert_eq!(verdict(policy), Verdict::Admit(Ground::Owner));
        }
        assert_eq!(verdict(DmPolicy::Disabled), Verdict::Ignore(Reason::SenderNotListed));
    }
}

#[test]
fn case_071_a_block_beats_every_list_and_every_policy() {
    for [listed, everyone] in bits() {
        for policy in LISTENING {
            let chat = Chat::Direct(Direct { policy, listed, everyone, approved: true });
            let verdict = judge(&HELLO, &Facts { blocked: true, ..of(chat) });
            assert_eq!(verdict, Verdict::Ignore(Reason::Blocked), "{policy:?}");
        }
    }
    each(|event, facts, verdict| {
        let person = !matches!(facts.chat, Chat::Device { .. });
        if person && facts.blocked && !facts.owner {
            let silence = matches!(verdict, Verdict::Ignore(_) | Verdict::Refuse(_));
            assert!(silence, "{event:?} {facts:?}: {verdict:?}");
        }
    });
}

#[test]
fn an_account_that_is_off_answers_nobody_and_sends_later_what_it_owes() {
    each(|event, facts, verdict| {
        if event == Event::Delivery {
            assert_eq!(verdict, judge(&event, &Facts { enabled: true, ..facts }));
        } else if !facts.enabled {
            assert_eq!(verdict, Verdict::Ignore(Reason::Disabled), "{event:?} {facts:?}");
        }
    });
}

#[test]
fn case_010_what_is_missing_never_gives_access() {
    let without = |chat: Chat| -> Vec<Chat> {
        match chat {
            Chat::Device { .. } => vec![Chat::Device { may_write: false }],
            Chat::Direct(it) => [
                Direct { listed: false, ..it },
                Direct { everyone: false, ..it },
                Direct { approved: false, ..it },
            ]
            .map(Chat::Direct)
            .into(),
            Chat::Group(it) => [Group { listed: false, ..it }, Group { counts: false, ..it }]
                .map(Chat::Group)
                .into(),
            Chat::Unknown => Vec::new(),
        }
    };
    each(|event, facts, verdict| {
        let mut fewer = vec![
            Facts { owner: false, ..facts },
            Facts { enabled: false, ..facts },
            Facts { chat: Chat::Unknown, ..facts },
        ];
        fewer.extend(without(facts.chat).into_iter().map(|chat| Facts { chat, ..facts }));
        for less in fewer {
            let got = judge(&event, &less);
            assert!(admits(verdict) || !admits(got), "{event:?} {less:?}: {got:?}");
            let is_open = matches!(facts.chat, Chat::Direct(_)) && !less.blocked;
            assert!(got != Verdict::Pair || is_open, "{event:?} {less:?}");
        }
    });
}

#[test]
fn case_073_no_approval_counts_in_a_group_and_no_group_opens_a_request() {
    each(|event, facts, verdict| {
        let Chat::Group(group) = facts.chat else { return };
        assert_ne!(verdict, Verdict::Pair, "{event:?} {facts:?}");
        if let Verdict::Admit(ground) = verdict {
            let heard = group.listed || group.policy == GroupPolicy::Open;
            assert!(heard || facts.owner && event == Event::Delivery, "{event:?} {facts:?}");
            assert!(group.counts && group.policy != GroupPolicy::Disabled);
            let expected = if facts.owner { Ground::Owner } else { Ground::Listed };
            assert_eq!(ground, expected);
        }
    });
}

#[test]
fn case_115_what_is_old_gets_no_code_and_what_is_too_old_no_answer() {
    each(|event, facts, verdict| {
        let (Event::Message { age, .. } | Event::Command { age, .. }) = event else { return };
        let Chat::Direct(_) = facts.chat else { return };
        let new = match event {
            Event::Message { mentions_us, .. } => Event::Message { age: Age::New, mentions_us },
            _ => Event::Command { age: Age::New, ours: true },
        };
        let expected = match (judge(&new, &facts), age) {
            (Verdict::Pair, Age::Old | Age::TooOld) | (Verdict::Admit(_), Age::TooOld) => {
                Verdict::Ignore(Reason::Backlog)
            }
            (verdict, _) => verdict,
        };
        assert_eq!(verdict, expected, "{event:?} {facts:?}");
    });
    let group = of(Chat::Group(GROUP));
    let verdicts = AGES.map(|age| judge(&Event::Message { age, mentions_us: true }, &group));
    let (in_time, late) = (Verdict::Admit(Ground::Listed), Verdict::Ignore(Reason::Backlog));
    assert_eq!(verdicts, [in_time, in_time, late]);
}

#[test]
fn case_091_a_press_counts_in_direct_chats_and_opens_no_request() {
    each(|event, facts, verdict| {
        if event != Event::Press || !facts.enabled {
            return;
        }
        let expected = match facts.chat {
            Chat::Direct(chat) if admits(in_direct_chat(facts, chat)) => {
                in_direct_chat(facts, chat)
            }
            Chat::Direct(_) => Verdict::Refuse(Reason::PressOfStranger),
            _ => Verdict::Refuse(Reason::PressInGroup),
        };
        assert_eq!(verdict, expected, "{facts:?}");
    });
}

#[test]
fn a_reaction_counts_like_a_press_and_of_a_stranger_it_is_silence() {
    each(|event, facts, verdict| {
        if event != Event::Reaction || !facts.enabled {
            return;
        }
        let expected = match judge(&Event::Press, &facts) {
            Verdict::Refuse(_) => Verdict::Ignore(Reason::Reaction),
            verdict => verdict,
        };
        assert_eq!(verdict, expected, "{facts:?}");
    });
}

#[test]
fn case_088_nothing_is_answered_in_a_chat_of_an_unknown_kind() {
    for (event, expected) in [
        (HELLO, Verdict::Ignore(Reason::UnknownChat)),
        (Event::Delivery, Verdict::Ignore(Reason::UnknownChat)),
        (Event::Command { age: Age::New, ours: true }, Verdict::Ignore(Reason::UnknownChat)),
        (Event::Empty, Verdict::Ignore(Reason::Empty)),
        (Event::Press, Verdict::Refuse(Reason::PressInGroup)),
    ] {
        for owner in BOTH {
            let facts = Facts { owner, ..of(Chat::Unknown) };
            assert_eq!(judge(&event, &facts), expected, "{event:?}");
        }
    }
}

#[test]
fn in_a_group_each_rule_has_its_reason() {
    let ignored = |group: Group| judge(&HELLO, &of(Chat::Group(group)));
    let quiet = Event::Message { age: Age::New, mentions_us: false };
    for (group, reason) in [
        (Group { policy: GroupPolicy::Disabled, ..GROUP }, Reason::GroupsOff),
        (Group { counts: false, ..GROUP }, Reason::GroupNotListed),
        (Group { listed: false, ..GROUP }, Reason::SenderNotListed),
    ] {
        assert_eq!(ignored(group), Verdict::Ignore(reason));
    }
    assert_eq!(judge(&quiet, &of(Chat::Group(GROUP))), Verdict::Ignore(Reason::NotMentioned));
    let open = Group { policy: GroupPolicy::Open, listed: false, ..GROUP };
    assert_eq!(ignored(open), Verdict::Admit(Ground::Listed));
    let unasked = Group { require_mention: false, ..GROUP };
    assert_eq!(judge(&quiet, &of(Chat::Group(unasked))), Verdict::Admit(Ground::Listed));
    let facts = Facts { blocked: true, ..of(Chat::Group(GROUP)) };
    assert_eq!(judge(&HELLO, &facts), Verdict::Ignore(Reason::Blocked));
    let facts = Facts { owner: true, ..of(Chat::Group(GROUP)) };
    assert_eq!(judge(&HELLO, &facts), Verdict::Admit(Ground::Owner));
}

#[test]
fn only_a_new_command_of_an_owner_in_a_group_that_counts_is_told_where_to_go() {
    each(|event, facts, verdict| {
        let Event::Command { age, ours } = event else { return };
        let Chat::Group(group) = facts.chat else { return };
        let counts = group.counts && group.policy != GroupPolicy::Disabled;
        let told = facts.enabled && facts.owner && counts && ours && age == Age::New;
        assert_eq!(verdict == Verdict::Misplaced, told, "{event:?} {facts:?}");
        assert!(!admits(verdict), "a command in a group");
    });
    let command = |ours| Event::Command { age: Age::New, ours };
    let (facts, no) = (of(Chat::Group(GROUP)), Verdict::Ignore(Reason::Command));
    assert_eq!(BOTH.map(|ours| judge(&command(ours), &facts)), [no; 2]);
}

#[test]
fn what_is_owed_in_a_group_needs_no_mention_and_reaches_an_owner_who_is_not_listed() {
    let owed = |facts: &Facts| judge(&Event::Delivery, facts);
    let strange = Chat::Group(Group { listed: false, ..GROUP });
    assert_eq!(owed(&of(Chat::Group(GROUP))), Verdict::Admit(Ground::Listed));
    assert_eq!(owed(&of(strange)), Verdict::Ignore(Reason::SenderNotListed));
    let owner = Facts { owner: true, ..of(strange) };
    assert_eq!(owed(&owner), Verdict::Admit(Ground::Owner));
    assert_eq!(judge(&HELLO, &owner), Verdict::Ignore(Reason::SenderNotListed));
}

#[test]
fn a_device_writes_while_it_has_the_right_to() {
    for event in [HELLO, Event::Command { age: Age::New, ours: true }, Event::Delivery] {
        let verdict = |may_write| judge(&event, &of(Chat::Device { may_write }));
        assert_eq!(verdict(true), Verdict::Admit(Ground::Device));
        assert_eq!(verdict(false), Verdict::Ignore(Reason::DeviceRights));
    }
}

#[test]
fn each_reason_has_words_of_its_own() {
    let mut found = std::collections::HashMap::new();
    let note = std::cell::RefCell::new(&mut found);
    each(|_, _, verdict| {
        if let Verdict::Ignore(reason) | Verdict::Refuse(reason) = verdict {
            note.borrow_mut().insert(reason.text(), format!("{reason:?}"));
        }
    });
    assert_eq!(found.len(), 14, "{found:?}");
}
