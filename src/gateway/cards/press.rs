//! Presses of buttons and replies to cards. Whoever presses is an owner, in his chat, on the very message of the card,
//! with a token of that card, and nothing has changed since it was shown: else nothing happens.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use openclaw_plugin_sdk::{
    CommandError, Conversation, Decision, DeviceChoice, DeviceDecided, EventId, InboundMessage,
    InboundRef, OutboundMessage, SentRef, Text, UnixMs,
};
use tracing::info;

use super::{
    asks,
    book::{About, Choice, Entry, Face},
    face,
    outcome::{self, How, Outcome},
    save,
};
use crate::{
    access::{
        Contact,
        approver::Approver,
        notify::LATER_MS,
        pairing::{PairingRequest, RequestId},
    },
    gateway::{
        Gateway,
        account::Running,
        answer, blocking,
        decide::{self, Ruling},
        gate::{Admitted, Foreign},
        inbound::Halt,
        outbound,
        port::Port,
        shown::displayed,
        words,
    },
    store::{self, Note, StoreError},
    world,
};

const CHANGED: &str =
    "Something has changed since this card was shown, so nothing was done. Look at it again.";
const CLAIM_IS_OVER: &str =
    "Whoever he says to be is let in no more, so nothing was done. Deny him, or block him.";
const NO_CARD: &str = "That is no card of mine in this chat. Nothing was done.";
const USED: &str = "That button was used already. Look at the card again.";

/// A button that somebody admitted has pressed.
pub(crate) struct Press<'a> {
    pub(crate) on: &'a SentRef,
    pub(crate) data: &'a str,
    pub(crate) id: &'a EventId,
}

/// An admitted person has pressed a button.
pub(crate) async fn pressed(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    admitted: &Admitted,
    press: Press<'_>,
) -> Result<(), Halt> {
    let who = admitted.who();
    let Some(approver) = admitted.seat().and_then(Approver::in_chat) else {
        return refuse(gateway, account, who.sender.as_str(), "a press of somebody else").await;
    };
    let card = gateway.cards.shown_by(&account.config.key, press.on).await;
    let Some(card) = card.filter(|card| card.to.owner == who.sender.as_str()) else {
        refuse(gateway, account, who.sender.as_str(), "a press on no card").await?;
        toast(gateway, account, &who.conversation, press.id, NO_CARD.to_owned());
        return Ok(());
    };
    let zone = &gateway.config().telling.zone;
    let token = card.tokens.iter().find(|token| token.text == press.data);
    let current = card.sent.as_deref() == Some(press.on.id.as_str());
    let text = match (&card.outcome, token) {
        (Some(outcome), _) => face::sentence(outcome, &card.to, zone),
        (None, Some(token)) if current && asks_for_how_long(account, &card, token.choice) => {
            ask_how_long(gateway, &card).await?
        }
        (None, Some(token)) if current => {
            act(gateway, (account, admitted), &approver, &card, token.choice).await?
        }
        (None, _) if card.used.iter().any(|used| used == press.data) => USED.to_owned(),
        (None, _) => {
            refuse(gateway, account, who.sender.as_str(), "a press with foreign data").await?;
            NO_CARD.to_owned()
        }
    };
    toast(gateway, account, &who.conversation, press.id, text);
    Ok(())
}

/// A person is let in for a while or for good, where the card can ask.
fn asks_for_how_long(account: &Running, card: &Entry, choice: Choice) -> bool {
    let asks = match card.about {
        About::Lapse { .. } => choice == Choice::Extend,
        About::Sender { .. } => choice == Choice::Approve,
        About::Device { .. } | About::Notice { .. } => false,
    };
    asks && account.config.plugin.abilities.edits
}

/// A press that the gate has turned away: a line in the access log, and nothing else.
pub(crate) async fn foreign(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    foreign: &Foreign,
) -> Result<(), Halt> {
    refuse(gateway, account, foreign.sender.as_str(), foreign.why).await
}

/// An owner's reply to a card decides. True where the message was such a reply.
pub(crate) async fn reply_decides(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    admitted: &Admitted,
    message: &InboundMessage,
) -> Result<bool, Halt> {
    let Some(replied) = &message.reply_to else { return Ok(false) };
    let Some(approver) = admitted.seat().and_then(Approver::in_chat) else { return Ok(false) };
    if words::choice(&message.text).is_none() && number(&message.text).is_none() {
        return Ok(false);
    }
    let card = gateway.cards.shown_by(&account.config.key, replied).await;
    let Some(card) = card.filter(|card| card.to.owner == admitted.who().sender.as_str()) else {
        return Ok(false);
    };
    let numbered = account.config.plugin.abilities.buttons.is_none();
    let Some(choice) = words::choice(&message.text).or_else(|| {
        let number = number(&message.text).filter(|_| numbered)?;
        face::choices(&card.about, card.face, &card.facts).get(number.checked_sub(1)?).copied()
    }) else {
        return Ok(false);
    };
    let zone = &gateway.config().telling.zone;
    let text = match &card.outcome {
        Some(outcome) => face::sentence(outcome, &card.to, zone),
        None => act(gateway, (account, admitted), &approver, &card, choice).await?,
    };
    let reply = OutboundMessage::new(message.conversation.clone(), Text::plain(text));
    answer::send(gateway, account, vec![reply]).await;
    Ok(true)
}

fn number(text: &str) -> Option<usize> {
    text.trim().trim_end_matches('.').parse().ok()
}

/// Does what an owner has chosen, and says what was done.
async fn act(
    gateway: &Arc<Gateway>,
    (account, admitted): (&Arc<Running>, &Admitted),
    approver: &Approver,
    card: &Entry,
    choice: Choice,
) -> Result<String, StoreError> {
    let hours = |hours: u32| Some(Duration::from_hours(hours.into()));
    let (decision, lasting) = match choice {
        Choice::Approve | Choice::Deliver | Choice::Extend | Choice::ForGood => {
            (Decision::Approve, None)
        }
        Choice::Back => return turn(gateway, card, Face::Ask, "Nothing was done.".into()).await,
        Choice::Block => (Decision::Block, None),
        Choice::Deny => (Decision::Deny, None),
        Choice::Hours(many) => (Decision::Approve, hours(many)),
        Choice::Later => {
            let until = UnixMs(world::now().0.saturating_add(LATER_MS));
            let at = world::clock(until, &gateway.config().telling.zone);
            let text = format!("You are asked again at {at}.");
            return turn(gateway, card, Face::Later(until.0), text).await;
        }
    };
    let text = match &card.about {
        About::Device { request, .. } => {
            let port = Port::new(
                Arc::clone(gateway),
                Arc::clone(account),
                admitted.who(),
                Some(approver.clone()),
            );
            device(gateway, &port, card, (request, decision)).await?
        }
        About::Lapse { who, until } => {
            extend(gateway, approver, card, (who, *until, lasting)).await?
        }
        About::Notice { .. } => NO_CARD.to_owned(),
        About::Sender { channel, request, .. } => {
            let deliver = choice == Choice::Deliver;
            let ruling = Ruling { decision, lasting, deliver, shown: None };
            sender(gateway, approver, card, (channel, request, ruling)).await?
        }
    };
    gateway.cards.look();
    Ok(text)
}

/// Turns a card to another face, which is not a decision.
async fn turn(
    gateway: &Arc<Gateway>,
    card: &Entry,
    face: Face,
    text: String,
) -> Result<String, StoreError> {
    gateway.cards.book().change(card.n, |card| {
        card.face = face;
        card.arm(Vec::new());
    });
    save(gateway).await;
    gateway.cards.look();
    Ok(text)
}

async fn ask_how_long(gateway: &Arc<Gateway>, card: &Entry) -> Result<String, StoreError> {
    if let About::Sender { channel, request, .. } = &card.about {
        let waits = waiting(gateway, channel, &RequestId::from_text(request)).await?;
        if waits.as_ref().is_none_or(|request| asks::revision(gateway, request) != card.revision) {
            gateway.cards.look();
            return Ok(match waits {
                Some(_) => CHANGED.to_owned(),
                None => ended(gateway, card).await?,
            });
        }
    }
    turn(gateway, card, Face::Terms, "For how long?".to_owned()).await
}

/// Lets somebody in again whose leave has ended, as the card says it.
async fn extend(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    card: &Entry,
    (who, ended_at, lasting): (&str, u64, Option<Duration>),
) -> Result<String, StoreError> {
    let Some(contact) = Contact::parse(who) else { return Ok(NO_CARD.to_owned()) };
    let (store, by, now) = (Arc::clone(&gateway.store), approver.clone(), world::now());
    let ms = lasting.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    let until = ms.map(|ms| UnixMs(now.0.saturating_add(ms)));
    let deciding = || gateway.cards.deciding.lock().unwrap_or_else(PoisonError::into_inner);
    deciding().push(card.about.clone());
    let extended = blocking(move || {
        let records = store.records()?;
        let grant = records.grant(&contact.key, &contact.sender);
        let same = grant.is_some_and(|grant| grant.until == Some(UnixMs(ended_at)));
        Ok(same && store.extend(&by, &contact, until, now)?)
    })
    .await;
    if !matches!(extended, Ok(true)) {
        deciding().retain(|about| *about != card.about);
        extended?;
        return ended(gateway, card).await;
    }
    let (how, by, surface) = (How::Extended, approver.actor(), approver.surface().word());
    let outcome = Outcome {
        how,
        by: Some(by.to_owned()),
        surface: Some(surface.to_owned()),
        at: now.0,
        until: until.map(world::iso),
    };
    gateway.cards.conclude(&card.about, &outcome);
    deciding().retain(|about| *about != card.about);
    save(gateway).await;
    let zone = &gateway.config().telling.zone;
    Ok(face::sentence(&outcome, &card.to, zone))
}

async fn sender(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    card: &Entry,
    (channel, request, ruling): (&str, &str, Ruling),
) -> Result<String, StoreError> {
    let id = RequestId::from_text(request);
    let (decision, lasting) = (ruling.decision, ruling.lasting);
    let Some(waits) = waiting(gateway, channel, &id).await? else {
        return ended(gateway, card).await;
    };
    if asks::revision(gateway, &waits) != card.revision {
        return Ok(CHANGED.to_owned());
    }
    // What was just compared with the card is what is decided, whatever is written meanwhile.
    let shown = waits.revision();
    let ruling = Ruling { shown: Some(shown.clone()), ..ruling };
    let decided = decide::decide(gateway, approver, channel, &id, ruling).await;
    Ok(match decided {
        Ok(store::Outcome::Changed) => match waiting(gateway, channel, &id).await? {
            Some(request) if request.revision() == shown => CLAIM_IS_OVER.to_owned(),
            _ => CHANGED.to_owned(),
        },
        Ok(store::Outcome::Done(decided)) => {
            let hours = |span: Duration| u32::try_from(span.as_secs() / 3_600).unwrap_or(u32::MAX);
            let label = |span| Choice::Hours(hours(span)).label();
            let lasting = lasting.map(|span| format!(", for {}", label(span)));
            decide::sentence(decision, &decided) + &lasting.unwrap_or_default()
        }
        Ok(store::Outcome::Gone) => ended(gateway, card).await?,
        Err(error) => format!("Nothing was changed: {error}"),
    })
}

/// A device goes the way that `/pair approve` goes: what this card displays is what is approved.
async fn device(
    gateway: &Arc<Gateway>,
    port: &Port,
    card: &Entry,
    (request, decision): (&str, Decision),
) -> Result<String, StoreError> {
    let store = Arc::clone(&gateway.store);
    let rows = blocking(move || store.device_requests(world::now())).await?;
    let Some(row) = rows.iter().find(|row| row.id.as_str() == request) else {
        return ended(gateway, card).await;
    };
    let display = displayed(row, &rows, world::now()).1;
    if display.revision.spell() != card.revision {
        return Ok(CHANGED.to_owned());
    }
    let place = (card.to.account(), card.to.conversation().id);
    gateway.shown.lock().unwrap_or_else(PoisonError::into_inner).add(&place, [display]);
    Ok(match port.decide_device(decision, DeviceChoice::Id(request)).await {
        Ok(DeviceDecided::Done(device)) => {
            let done = if decision == Decision::Approve { "✅ Paired" } else { "⛔ Turned away" };
            format!("{done} {}.", device.name)
        }
        Ok(DeviceDecided::Denied(Some(scope))) => format!(
            "Nothing was changed: {scope} is not granted in a chat. On the machine: openclaw devices approve"
        ),
        Ok(DeviceDecided::Denied(None)) => {
            "Nothing was changed: not all of its commands are listed here. On the machine: openclaw devices approve"
                .to_owned()
        }
        Ok(DeviceDecided::NotYet(..)) => CHANGED.to_owned(),
        Err(CommandError::Failed(why) | CommandError::Usage(why)) => {
            format!("Nothing was changed: {why}")
        }
    })
}

async fn waiting(
    gateway: &Arc<Gateway>,
    channel: &str,
    id: &RequestId,
) -> Result<Option<PairingRequest>, StoreError> {
    let (store, channel, id) = (Arc::clone(&gateway.store), channel.to_owned(), id.clone());
    blocking(move || {
        let waiting = store.waiting(&channel, world::now())?;
        Ok(waiting.into_iter().find(|request| request.id == id))
    })
    .await
}

/// What became of a card's request, though the card does not say so yet.
async fn ended(gateway: &Arc<Gateway>, card: &Entry) -> Result<String, StoreError> {
    let (here, asked) = (Arc::clone(gateway), [(card.about.clone(), UnixMs(card.ends))]);
    let find = move || outcome::find(&here.state, &*here.store, &asked, world::now());
    let found = blocking(find).await?;
    let (outcome, zone) = (found.get(&card.about), &gateway.config().telling.zone);
    Ok(outcome.map_or_else(|| USED.to_owned(), |outcome| face::sentence(outcome, &card.to, zone)))
}

/// The answer to a press does not wait for what else is said in the chat: whoever has pressed looks at the button.
fn toast(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    to: &Conversation,
    press: &EventId,
    text: String,
) {
    let mut answer = OutboundMessage::new(to.clone(), Text::plain(text));
    answer.answers = Some(InboundRef::Press(press.clone()));
    let account = Arc::clone(account);
    gateway.beside(async move {
        outbound::deliver(&account, answer).await;
    });
}

/// Of a person's refused presses the access log has one line an hour.
async fn refuse(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    sender: &str,
    why: &'static str,
) -> Result<(), Halt> {
    let (channel, key) = (account.config.plugin.id, account.config.key.clone());
    info!(channel, account = %key.account, sender, why, "press refused");
    let actor = format!("{channel}:{sender}");
    if !gateway.cards.is_to_be_noted(&format!("{}/{actor}", key.account), world::now()) {
        return Ok(());
    }
    let store = Arc::clone(&gateway.store);
    let note = move || {
        let (action, surface) = ("refused", "chat");
        let note = Note { action, surface, actor: &actor, key: Some(&key), subject: why };
        store.note(&note, world::now())
    };
    Ok(blocking(note).await?)
}
