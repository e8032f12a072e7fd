//! The one gate: from an event to a person who may be answered. [`Admitted`] has no other maker, and nothing
//! that answers takes anything else.

pub(crate) mod secrets;
pub(crate) mod words;

use std::sync::Arc;

use openclaw_plugin_sdk::{
    ButtonPress, ChatKind, Conversation, EventId, InboundEvent, InboundMessage, Link, Reaction,
    Sender, SenderId, UnixMs, neutral,
};

use crate::{
    config::Account,
    control::facts::{self, Person, Rules},
    decision_history::{Judged, Record},
    rules::{
        admission::{Age, Event, Ground, Reason, Verdict, judge},
        claim::ClaimCode,
        device::identity::DeviceId,
        is_direct,
        owner::OwnerProof,
        pairing::{AccessRequest, display_name},
        ticket::Ticket,
    },
    store::{Store, StoreError},
    world,
};

/// A message of an admitted sender that waits for its answer longer than this across a restart is not answered.
const ANSWER_WITHIN_MS: u64 = 600_000;

/// Why an event is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    #[error("{0}")]
    Journal(#[from] std::io::Error),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// A name is shown with at most so many characters.
pub(crate) const NAME_LIMIT: usize = 64;

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

/// What a channel has delivered, lent to all who read it.
#[derive(Clone)]
pub(crate) enum Incoming {
    Message(Arc<InboundMessage>),
    Press(Arc<ButtonPress>),
    Reaction(Arc<Reaction>),
}

impl Incoming {
    /// The conversation and the sender.
    pub(crate) fn person(&self) -> Person<'_> {
        match self {
            Self::Message(it) => person(&it.conversation, &it.sender, it.link),
            Self::Press(it) => person(&it.conversation, &it.sender, it.link),
            Self::Reaction(it) => person(&it.conversation, &it.sender, it.link),
        }
    }

    /// What the platform calls it.
    pub(crate) fn id(&self) -> &EventId {
        match self {
            Self::Message(message) => &message.id,
            Self::Press(press) => &press.id,
            Self::Reaction(reaction) => &reaction.id,
        }
    }
}

/// The conversation and the sender of an event, where it has them.
pub(crate) fn person_of(event: &InboundEvent) -> Option<Person<'_>> {
    match event {
        InboundEvent::Message(it) => Some(person(&it.conversation, &it.sender, it.link)),
        InboundEvent::Press(it) => Some(person(&it.conversation, &it.sender, it.link)),
        InboundEvent::Reaction(it) => Some(person(&it.conversation, &it.sender, it.link)),
        InboundEvent::Changed(_) | InboundEvent::Failed(_) | InboundEvent::Moved(_) => None,
    }
}

fn person<'a>(conversation: &'a Conversation, sender: &'a Sender, link: Link) -> Person<'a> {
    Person { conversation, sender: &sender.id, also: &sender.also, link }
}

/// Where an event may go.
pub(crate) enum Admission {
    /// To a command or a responder.
    Admitted(Box<Admitted>),
    /// To the challenge.
    Stranger(AccessRequest, Arc<InboundMessage>),
    /// An owner has used a command in a group.
    Misplaced(Arc<InboundMessage>),
    /// Nowhere, but worth a line in the access log: a press that was not the sender's to make.
    Refused(SenderId, &'static str),
    /// Nowhere.
    Silence(Reason),
}

impl Admission {
    /// In a word, for the metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Admitted(_) => "admitted",
            Self::Stranger(..) => "stranger",
            Self::Misplaced(_) => "misplaced",
            Self::Refused(..) => "refused",
            Self::Silence(_) => "ignored",
        }
    }

    /// Only what the configuration and the store decide, for another configuration is tried against it.
    pub(crate) fn judged(&self) -> Option<Judged> {
        match self {
            Self::Admitted(_) => Some(Judged::Admitted),
            Self::Misplaced(_) | Self::Silence(Reason::Backlog) => None,
            Self::Refused(..) | Self::Silence(_) => Some(Judged::Ignored),
            Self::Stranger(..) => Some(Judged::Asks),
        }
    }
}

/// An event that passed. Nothing outside of the gateway can name it, and nothing outside of this file can make it.
///
/// ```compile_fail,E0603
/// // case_023
/// use openclaw_gateway::gate::Admitted;
/// ```
pub(crate) struct Admitted {
    who: AdmittedSender,
    what: Incoming,
    owner: Option<OwnerProof>,
    old: bool,
}

/// Who is admitted, where, and why.
#[derive(Clone, Debug)]
pub(crate) struct AdmittedSender {
    pub(crate) conversation: Conversation,
    pub(crate) sender: SenderId,
    /// Neutralised.
    pub(crate) name: Option<String>,
    /// Why.
    pub(crate) ground: Ground,
}

impl AdmittedSender {
    fn of(sender: &Sender, conversation: &Conversation, ground: Ground) -> Self {
        let name = sender.name.clone().or_else(|| display_name(&sender.meta));
        let name = name.map(|name| neutral(&name, NAME_LIMIT));
        Self { conversation: conversation.clone(), sender: sender.id.clone(), name, ground }
    }
}

impl Admitted {
    pub(crate) fn who(&self) -> &AdmittedSender {
        &self.who
    }

    pub(crate) fn what(&self) -> &Incoming {
        &self.what
    }

    /// What was written; nothing for what is no message.
    pub(crate) fn text(&self) -> &str {
        match &self.what {
            Incoming::Message(message) => &message.text,
            Incoming::Press(_) | Incoming::Reaction(_) => "",
        }
    }

    /// Where an owner wrote.
    pub(crate) fn owner_proof(&self) -> Option<&OwnerProof> {
        self.owner.as_ref()
    }

    /// True for a message older than the gateway's start: it may be answered, but not refused anything.
    pub(crate) fn is_old(&self) -> bool {
        self.old
    }
}

/// Judges one event. Every kind of event comes through here.
pub(crate) fn admit(
    rules: Rules<'_>,
    what: &Incoming,
    moment: Clock,
) -> Result<Admission, StoreError> {
    let (facts, owner) = rules.facts(what.person(), moment.now)?;
    let verdict = judge(&event(rules.account, what, moment), &facts);
    let (sender, old) = match what {
        Incoming::Message(it) => (&it.sender, age(it.sent_at, moment) != Age::New),
        Incoming::Press(it) => (&it.sender, age(it.pressed_at, moment) != Age::New),
        Incoming::Reaction(it) => (&it.sender, false),
    };
    Ok(match (verdict, what) {
        (Verdict::Admit(ground), _) => {
            let who = AdmittedSender::of(sender, what.person().conversation, ground);
            Admission::Admitted(Box::new(Admitted { who, what: what.clone(), owner, old }))
        }
        (Verdict::Pair, Incoming::Message(message)) => {
            Admission::Stranger(knock(rules.account, message), Arc::clone(message))
        }
        (Verdict::Misplaced, Incoming::Message(message)) => {
            Admission::Misplaced(Arc::clone(message))
        }
        (Verdict::Ignore(reason), _) => Admission::Silence(reason),
        (Verdict::Refuse(reason), _) => Admission::Refused(sender.id.clone(), reason.text()),
        // No verdicts about what is no message.
        (Verdict::Misplaced | Verdict::Pair, Incoming::Press(_) | Incoming::Reaction(_)) => {
            Admission::Silence(Reason::PressOfStranger)
        }
    })
}

/// Judges a message in the chat of a device, which is on no account. `None` where the device may not write.
pub(crate) fn admit_device(
    store: &Store,
    device: Option<&DeviceId>,
    message: &Arc<InboundMessage>,
) -> Result<Option<Admitted>, StoreError> {
    let event = Event::Message { age: Age::New, mentions_us: false };
    Ok(match judge(&event, &facts::of_device(store, device)?) {
        Verdict::Admit(ground) => {
            let who = AdmittedSender::of(&message.sender, &message.conversation, ground);
            let what = Incoming::Message(Arc::clone(message));
            Some(Admitted { who, what, owner: None, old: false })
        }
        _ => None,
    })
}

/// An event as the rules see it.
pub(crate) fn event(account: &Account, what: &Incoming, moment: Clock) -> Event {
    let message = match what {
        Incoming::Message(message) => message,
        Incoming::Press(_) => return Event::Press,
        Incoming::Reaction(_) => return Event::Reaction,
    };
    let age = age(message.sent_at, moment);
    match words::command(account.plugin.abilities.command_prefix, &message.text) {
        Some(words) => Event::Command { age, ours: !words.name.contains('@') },
        None if message.text.trim().is_empty() && message.attachment.is_none() => Event::Empty,
        None => Event::Message { age, mentions_us: message.mentions_us },
    }
}

/// What the verdict about a message depends on, beside the configuration and the store. Nothing is noted of what no
/// configuration decides: presses, commands in groups, and messages without content.
pub(crate) fn seen(account: &Account, what: &Incoming, moment: Clock) -> Option<Record> {
    let Incoming::Message(message) = what else { return None };
    let Conversation { id, kind, thread, .. } = &message.conversation;
    let old = match (event(account, what, moment), kind) {
        (Event::Message { age, .. }, ChatKind::Direct | ChatKind::Group)
        | (Event::Command { age, .. }, ChatKind::Direct) => age != Age::New,
        _ => return None,
    };
    let is_group = *kind == ChatKind::Group;
    Some(Record {
        at: world::now().0,
        channel: account.key.channel.clone(),
        account: account.key.account.as_str().to_owned(),
        sender: message.sender.id.as_str().to_owned(),
        group: is_group.then(|| id.as_str().to_owned()),
        thread: thread.as_ref().filter(|_| is_group).map(|thread| thread.as_str().to_owned()),
        mentioned: message.mentions_us,
        exposed: Some(message.link == Link::Exposed),
        old,
        verdict: String::new(),
    })
}

/// A person who may be written to.
pub(crate) struct Hearer {
    /// Where they are an owner.
    pub(crate) owner: Option<OwnerProof>,
}

/// Who may still read what is sent into a conversation; `None` where the person has no access any more.
pub(crate) fn hearer(
    rules: Rules<'_>,
    person: Person<'_>,
    now: UnixMs,
) -> Result<Option<Hearer>, StoreError> {
    let (facts, owner) = rules.facts(person, now)?;
    let verdict = judge(&Event::Delivery, &facts);
    Ok(matches!(verdict, Verdict::Admit(_)).then_some(Hearer { owner }))
}

/// The claim code in a message that may claim ownership: a direct one, not over an exposed link,
/// on an account that listens, no older than the start.
pub(crate) fn claim_code(
    account: &Account,
    message: &InboundMessage,
    moment: Clock,
) -> Option<ClaimCode> {
    claims(account, message).filter(|_| age(message.sent_at, moment) == Age::New)
}

/// The claim code of `/claim` where nobody but the gateway reads it.
pub(crate) fn claims(account: &Account, message: &InboundMessage) -> Option<ClaimCode> {
    if !listens_to(account, message) || message.link != Link::Private {
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
    if message.link != Link::Private {
        return None;
    }
    let prefix = account.plugin.abilities.command_prefix;
    match words::command(prefix, &message.text) {
        Some(words) if words.is("start") || words.is("link") => Ticket::parse(words.args),
        Some(_) => None,
        None => Ticket::parse(&message.text),
    }
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

/// How old something is that was sent then. Platforms date to the second: the second of the start itself is not old.
fn age(sent: UnixMs, moment: Clock) -> Age {
    let (is_old, now) = match moment.past {
        Past::Clock { started, now } => (sent.0 / 1000 < started.0 / 1000, now),
        Past::Order { caught_up } => (!caught_up, moment.now),
        Past::Settled => (false, moment.now),
    };
    let is_too_old = moment.first_start || now.0.saturating_sub(sent.0) > ANSWER_WITHIN_MS;
    match (is_old, is_too_old) {
        (false, _) => Age::New,
        (true, false) => Age::Old,
        (true, true) => Age::TooOld,
    }
}

#[cfg(test)]
mod tests;
