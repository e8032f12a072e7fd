//! The one gate: from an event to a person who may be answered. [`Admitted`] has no other maker, and nothing
//! that answers takes anything else.

use openclaw_plugin_sdk::{
    ButtonPress, ChatKind, Conversation, EventId, InboundEvent, InboundMessage, Sender, SenderId,
    SentRef, UnixMs, neutral,
};

use super::words;
use crate::{
    config::Account,
    gateway::delivery::mail::Address,
    rules::{
        Ground, Lists, Verdict,
        claim::ClaimCode,
        group::{GroupMessage, GroupPolicy},
        is_direct, judge,
        owner::{OwnerProof, Owners, Writer, recognise},
        pairing::{AccessRequest, display_name},
        records::Standing,
        ticket::Ticket,
    },
    store::{Store, StoreError},
};

/// A message of an admitted sender that waits for its answer longer than this across a restart is not answered.
const ANSWER_WITHIN_MS: u64 = 600_000;

/// Why there is silence whatever is configured.
pub(crate) const BACKLOG: &str = "backlog";
pub(crate) const COMMAND: &str = "command in a group";
pub(crate) const EMPTY: &str = "no content";

/// A name is shown with at most so many characters.
pub(crate) const NAME_LIMIT: usize = 64;

/// The rules that an event of one account is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) account: &'a Account,
    pub(crate) owners: &'a Owners,
    pub(crate) store: &'a Store,
}

/// When it is, and what is old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// By this machine's clock: grants end by it.
    pub(crate) now: UnixMs,
    pub(crate) past: Past,
    /// The account never ran before.
    pub(crate) first_start: bool,
}

/// What tells a message from before the gateway's start. Never this machine's clock against the platform's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Past {
    /// The platform's clock: what it showed at the start, and shows now.
    Clock { started: UnixMs, now: UnixMs },
    /// The platform does not say what time it is: what came before the account was caught up is old.
    Order { caught_up: bool },
    /// Nothing is old any more.
    Settled,
}

/// Where an event may go.
pub(crate) enum Admission {
    /// To a command or a responder.
    Admitted(Box<Admitted>),
    /// To the challenge. The message is only for judging it again.
    Stranger(AccessRequest, Box<InboundMessage>),
    /// An owner has used a command in a group.
    Misplaced(Address),
    /// Nowhere, but worth a line in the access log: a press that the sender had no right to.
    Refused(Foreign),
    /// Nowhere.
    Silence(&'static str),
}

impl Admission {
    /// In a word, for the metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Admitted(_) => "admitted",
            Self::Stranger(..) => "stranger",
            Self::Misplaced(_) => "misplaced",
            Self::Refused(_) => "refused",
            Self::Silence(_) => "ignored",
        }
    }
}

/// An event that passed. Nothing outside of the gateway can name it, and nothing outside of this file can make it.
///
/// ```compile_fail,E0603
/// // case_023
/// use openclaw::gateway::gate::Admitted;
/// ```
pub(crate) struct Admitted {
    who: Who,
    what: What,
    seat: Option<OwnerProof>,
    old: bool,
}

/// Who is admitted, where, and why.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) conversation: Conversation,
    pub(crate) sender: SenderId,
    /// Neutralised.
    pub(crate) name: Option<String>,
    /// Why.
    pub(crate) ground: Ground,
}

/// What is admitted.
pub(crate) enum What {
    /// A message.
    Message(InboundMessage),
    /// A press of a button on one of our cards.
    Press {
        /// The card.
        on: SentRef,
        /// What the button is said to carry.
        data: String,
        /// The platform's id of the press.
        id: EventId,
    },
}

/// A person who pressed what they had no right to.
pub(crate) struct Foreign {
    pub(crate) sender: SenderId,
    pub(crate) why: &'static str,
}

impl Admitted {
    pub(crate) fn who(&self) -> &Who {
        &self.who
    }

    pub(crate) fn what(&self) -> &What {
        &self.what
    }

    /// The owner's seat, where an owner wrote.
    pub(crate) fn seat(&self) -> Option<&OwnerProof> {
        self.seat.as_ref()
    }

    /// True for a message older than the gateway's start: it may be answered, but not refused anything.
    pub(crate) fn is_old(&self) -> bool {
        self.old
    }
}

/// Judges one event. Every kind of event comes through here.
pub(crate) fn admit(
    rules: Rules<'_>,
    event: InboundEvent,
    moment: Clock,
) -> Result<Admission, StoreError> {
    if !rules.account.enabled {
        return Ok(Admission::Silence("the account is disabled"));
    }
    match event {
        InboundEvent::Message(message) => admit_message(rules, message, moment),
        InboundEvent::Press(press) => admit_press(rules, press, moment),
        InboundEvent::Moved(_) => Ok(Admission::Silence("a group has another id")),
    }
}

/// True where an owner's seat has sent this: it may decide about whatever comes after it. Nothing rests on it but the
/// order.
pub(crate) fn is_of_owner(rules: Rules<'_>, event: &InboundEvent) -> bool {
    let (conversation, sender, link) = match event {
        InboundEvent::Message(message) => (&message.conversation, &message.sender, message.link),
        InboundEvent::Press(press) => (&press.conversation, &press.sender, press.link),
        InboundEvent::Moved(_) => return false,
    };
    seat(rules, conversation, sender, link).is_ok_and(|seat| seat.is_some())
}

/// The claim code in a message that may claim the owner's seat: a direct one, not over an exposed link,
/// on an account that listens, no older than the start.
pub(crate) fn claim_code(
    account: &Account,
    message: &InboundMessage,
    moment: Clock,
) -> Option<ClaimCode> {
    claims(account, message).filter(|_| !is_old(message.sent_at, moment))
}

/// The claim code of `/claim` where nobody but the gateway reads it.
pub(crate) fn claims(account: &Account, message: &InboundMessage) -> Option<ClaimCode> {
    if !listens_to(account, message) || message.link != openclaw_plugin_sdk::Link::Private {
        return None;
    }
    let words = words::command(account.plugin.abilities.command_prefix, &message.text)?;
    words.is("claim").then(|| ClaimCode::parse(words.args))?
}

/// A direct message on an account that listens to those.
pub(crate) fn listens_to(account: &Account, message: &InboundMessage) -> bool {
    let listens = account.enabled && account.dm_policy != crate::rules::DmPolicy::Disabled;
    listens && is_direct(message.conversation.kind)
}

/// The ticket in a stranger's message: alone, or behind `/start` or `/link`. Not over an exposed link.
pub(crate) fn ticket(account: &Account, message: &InboundMessage) -> Option<Ticket> {
    if message.link != openclaw_plugin_sdk::Link::Private {
        return None;
    }
    let prefix = account.plugin.abilities.command_prefix;
    match words::command(prefix, &message.text) {
        Some(words) if words.is("start") || words.is("link") => Ticket::parse(words.args),
        Some(_) => None,
        None => Ticket::parse(&message.text),
    }
}

fn admit_message(
    rules: Rules<'_>,
    message: InboundMessage,
    moment: Clock,
) -> Result<Admission, StoreError> {
    if message.text.trim().is_empty() && message.attachment.is_none() {
        return Ok(Admission::Silence(EMPTY));
    }
    match message.conversation.kind {
        ChatKind::Direct => {
            let old = is_old(message.sent_at, moment);
            let (verdict, seat) = judge_direct(
                rules,
                &message.conversation,
                &message.sender,
                (message.link, moment.now),
            )?;
            Ok(match verdict {
                Verdict::Admit(_) if old && is_too_old(message.sent_at, moment) => {
                    Admission::Silence(BACKLOG)
                }
                Verdict::Admit(ground) => {
                    admitted(&message.conversation.clone(), ground, seat, old, message)
                }
                Verdict::Ignore => Admission::Silence("not on the list"),
                Verdict::Pair if old => Admission::Silence(BACKLOG),
                Verdict::Pair => {
                    Admission::Stranger(knock(rules.account, &message), Box::new(message))
                }
            })
        }
        ChatKind::Group => admit_in_group(rules, message, moment),
        ChatKind::Unknown => Ok(Admission::Silence("unknown kind of chat")),
    }
}

fn admit_in_group(
    rules: Rules<'_>,
    message: InboundMessage,
    moment: Clock,
) -> Result<Admission, StoreError> {
    let groups = &rules.account.groups;
    let old = is_old(message.sent_at, moment);
    let seat = seat(rules, &message.conversation, &message.sender, message.link)?;
    let (chat, sender) = (&message.conversation.id, &message.sender.id);
    let thread = message.conversation.thread.as_ref();
    let standing = rules.store.standing(&rules.account.key, sender, moment.now)?;
    if seat.is_none() && standing == Standing::Blocked {
        return Ok(Admission::Silence("blocked"));
    }
    if let Some(words) =
        words::command(rules.account.plugin.abilities.command_prefix, &message.text)
    {
        let counts = groups.policy != GroupPolicy::Disabled && groups.counts(chat, thread);
        let ours = !words.name.contains('@');
        let owner = seat.is_some() && counts && ours && !old;
        return Ok(if owner {
            Admission::Misplaced(Address::of(&message))
        } else {
            Admission::Silence(COMMAND)
        });
    }
    if !groups.admit(GroupMessage { chat, thread, sender, mentions_us: message.mentions_us }) {
        return Ok(Admission::Silence("not heard in this group"));
    }
    if old && is_too_old(message.sent_at, moment) {
        return Ok(Admission::Silence(BACKLOG));
    }
    let ground = if seat.is_some() { Ground::Owner } else { Ground::Listed };
    Ok(admitted(&message.conversation.clone(), ground, seat, old, message))
}

/// A press opens no request: a sender who is not admitted anyway gets silence.
fn admit_press(
    rules: Rules<'_>,
    press: ButtonPress,
    moment: Clock,
) -> Result<Admission, StoreError> {
    if !is_direct(press.conversation.kind) {
        let why = "a press outside a direct chat";
        return Ok(Admission::Refused(Foreign { sender: press.sender.id, why }));
    }
    let (verdict, seat) =
        judge_direct(rules, &press.conversation, &press.sender, (press.link, moment.now))?;
    let Verdict::Admit(ground) = verdict else {
        let why = "a press of a stranger";
        return Ok(Admission::Refused(Foreign { sender: press.sender.id, why }));
    };
    let who = who(&press.conversation, &press.sender, ground);
    let old = is_old(press.pressed_at, moment);
    let what = What::Press { on: press.on, data: press.data, id: press.id };
    Ok(Admission::Admitted(Box::new(Admitted { who, what, seat, old })))
}

/// A person who may be written to.
pub(crate) struct Hearer {
    /// The owner's seat, where they have it.
    pub(crate) seat: Option<OwnerProof>,
}

/// Who may still read what is sent into a conversation; `None` where the person is not let in any more.
pub(crate) fn hearer(
    rules: Rules<'_>,
    (conversation, sender, link): (&Conversation, &SenderId, openclaw_plugin_sdk::Link),
    now: UnixMs,
) -> Result<Option<Hearer>, StoreError> {
    let person = Sender { id: sender.clone(), name: None, meta: [].into() };
    if is_direct(conversation.kind) {
        let (verdict, seat) = judge_direct(rules, conversation, &person, (link, now))?;
        return Ok(matches!(verdict, Verdict::Admit(_)).then_some(Hearer { seat }));
    }
    let groups = &rules.account.groups;
    let seat = seat(rules, conversation, &person, link)?;
    if seat.is_none() {
        let standing = rules.store.standing(&rules.account.key, sender, now)?;
        // What is answered mentioned us when it came.
        let (chat, thread) = (&conversation.id, conversation.thread.as_ref());
        let heard = GroupMessage { chat, thread, sender, mentions_us: true };
        let may = standing != Standing::Blocked && groups.admit(heard);
        return Ok(may.then_some(Hearer { seat }));
    }
    let listed = groups.counts(&conversation.id, conversation.thread.as_ref());
    Ok((groups.policy != GroupPolicy::Disabled && listed).then_some(Hearer { seat }))
}

fn judge_direct(
    rules: Rules<'_>,
    conversation: &Conversation,
    sender: &Sender,
    (link, now): (openclaw_plugin_sdk::Link, UnixMs),
) -> Result<(Verdict, Option<OwnerProof>), StoreError> {
    let account = rules.account;
    let seat = seat(rules, conversation, sender, link)?;
    let approved = rules.store.approved(&account.key)?;
    let standing = rules.store.standing(&account.key, &sender.id, now)?;
    let lists = Lists { listed: &account.allow_from, approved: &approved, standing };
    let verdict = judge(account.dm_policy, seat.is_some(), lists, &sender.id);
    Ok((verdict, seat))
}

fn seat(
    rules: Rules<'_>,
    conversation: &Conversation,
    sender: &Sender,
    link: openclaw_plugin_sdk::Link,
) -> Result<Option<OwnerProof>, StoreError> {
    let claimed = rules.store.owners()?;
    let writer = Writer {
        channel: rules.account.plugin.id,
        account: &rules.account.key.account,
        sender: &sender.id,
        link,
        console: rules.account.plugin.abilities.console,
    };
    Ok(recognise(rules.owners, &claimed, writer, conversation.kind))
}

fn admitted(
    conversation: &Conversation,
    ground: Ground,
    seat: Option<OwnerProof>,
    old: bool,
    of: InboundMessage,
) -> Admission {
    let who = who(conversation, &of.sender, ground);
    Admission::Admitted(Box::new(Admitted { who, what: What::Message(of), seat, old }))
}

fn who(conversation: &Conversation, sender: &Sender, ground: Ground) -> Who {
    let name = sender
        .name
        .clone()
        .or_else(|| display_name(&sender.meta))
        .map(|name| neutral(&name, NAME_LIMIT));
    Who { conversation: conversation.clone(), sender: sender.id.clone(), name, ground }
}

fn knock(account: &Account, message: &InboundMessage) -> AccessRequest {
    let mut meta = message.sender.meta.clone();
    let address = meta.remove("address");
    if meta.is_empty() {
        meta.extend(message.sender.name.clone().map(|name| ("name".to_owned(), name)));
    }
    AccessRequest {
        key: account.key.clone(),
        sender: message.sender.id.clone(),
        meta,
        address,
        claims: None,
        first: None,
    }
}

/// Platforms date to the second: the second of the start itself is not old.
fn is_old(sent: UnixMs, moment: Clock) -> bool {
    match moment.past {
        Past::Clock { started, .. } => sent.0 / 1000 < started.0 / 1000,
        Past::Order { caught_up } => !caught_up,
        Past::Settled => false,
    }
}

fn is_too_old(sent: UnixMs, moment: Clock) -> bool {
    let now = match moment.past {
        Past::Clock { now, .. } => now,
        Past::Order { .. } | Past::Settled => moment.now,
    };
    moment.first_start || now.0.saturating_sub(sent.0) > ANSWER_WITHIN_MS
}
