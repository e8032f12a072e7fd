//! Presses of buttons, and reactions and replies to cards. They count where an owner presses in their chat, on the
//! card's own message, with a token of that card, and nothing has changed since it was shown: else nothing happens.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    AccessChange, AccountId, ButtonPress, Decision, EventId, InboundMessage, InboundRef,
    OutboundMessage, Reaction, SenderId, SentRef, Text, UnixMs,
};
use tracing::{info, warn};

use crate::{
    Gateway,
    accounts::{
        account::AccountRuntime,
        outbound,
        owners_chat::{OwnersChat, is_owners},
    },
    approvals::{
        decide,
        outbox::{About, CardCopy, CardState, Choice},
        outcome::{self, How, Outcome},
        pending,
        said::{self, Said},
        save, view,
    },
    control::{access, devices::Verdict, pairing, text},
    delivery::{Fresh, answer, shown::displayed},
    gate::{Admitted, AdmittedSender, Halt},
    journal::{
        EventKey,
        mail::{Address, Mail},
    },
    rules::{
        AccountKey, Contact,
        approver::Approver,
        device::{
            approver::{Denied, DeviceApprover},
            request::Undecided,
        },
        notify::LATER_MS,
        pairing::RequestId,
    },
    store::{self, Store, StoreError, UNFINISHED, access::Ends},
    world,
};

const NO_CARD: &str = "That is no card of mine in this chat. Nothing was done.";
const OLDER: &str =
    "That message does not show how it stands now, so nothing was done. Answer the newest one.";
const NOTHING_ASKED: &str = "That message asks for no decision. Nothing was done.";
const TOO_LATE: &str = "It is too late to undo this here. To unblock them: /access unblock";
const UNDONE: &str = "The block is undone. They can ask again.";
const USED: &str = "That button was used already. Look at the card again.";

/// An admitted person has pressed a button.
pub(crate) async fn pressed(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    admitted: &Admitted,
    press: &ButtonPress,
) -> Result<(), Halt> {
    let who = admitted.who();
    let Some(approver) = admitted.owner_proof().and_then(Approver::in_chat) else {
        return refuse(gateway, account, &who.sender, "a press of another person").await;
    };
    let card = gateway.cards.shown_by(&account.config.key, &press.on).await;
    let Some(card) = card.filter(|card| card.to.owner == who.sender.as_str()) else {
        refuse(gateway, account, &who.sender, "a press on no card").await?;
        toast(gateway, account, who, (&press.id, NO_CARD.to_owned()));
        return Ok(());
    };
    let zone = &gateway.config().telling.zone;
    let token = card.tokens.iter().find(|token| token.text == press.data);
    let token = token.filter(|_| card.sent.as_deref() == Some(press.on.id.as_str()));
    let text = match (&card.outcome, token) {
        (Some(_), Some(token)) if token.choice == Choice::Undo => {
            undo(gateway, &approver, &card).await?
        }
        (Some(outcome), _) => view::sentence(outcome, &card.to, zone),
        (None, Some(token)) => {
            let answer = Answer::Pressed(token.choice);
            act(gateway, account, &approver, &card, answer).await?
        }
        (None, None) if card.used.contains(&press.data) => USED.to_owned(),
        (None, None) => {
            refuse(gateway, account, &who.sender, "a press with foreign data").await?;
            NO_CARD.to_owned()
        }
    };
    toast(gateway, account, who, (&press.id, text));
    Ok(())
}

/// What an owner has answered a card with.
enum Answer {
    Pressed(Choice),
    Said(Said),
}

impl Answer {
    /// The choice that is meant, if the present state of the card offers it.
    fn choice(&self, offered: &[Choice]) -> Option<Choice> {
        match self {
            Self::Pressed(choice) => offered.iter().find(|one| *one == choice),
            Self::Said(Said::Close) => None,
            Self::Said(Said::Number(number)) => offered.get(number.checked_sub(1)?),
            Self::Said(Said::Word(word)) => offered.iter().find(|one| one.is_said(word)),
        }
        .copied()
    }
}

/// An owner's reply to a card decides. True where the message was such a reply.
pub(crate) async fn reply_decides(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    admitted: &Admitted,
    (key, message): (&EventKey, &InboundMessage),
) -> Result<bool, Halt> {
    let Some(replied) = &message.reply_to else { return Ok(false) };
    let Some(said) = said::said(&message.text, account.config.plugin.abilities.buttons.is_none())
    else {
        return Ok(false);
    };
    let said = said_to_card(gateway, account, admitted, (replied, said)).await?;
    let Some(text) = said else { return Ok(false) };
    let reply = Mail::to_owner(Address::of(message), text);
    answer::send_for(gateway, account, key.clone(), (reply, Fresh::default())).await;
    Ok(true)
}

/// An owner's 👍 or 👎 on a card decides; every other reaction is silence.
pub(crate) async fn reaction_decides(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    admitted: &Admitted,
    (key, reaction): (&EventKey, &Reaction),
) -> Result<(), Halt> {
    let Some(said) = said::reacted(&reaction.emoji) else { return Ok(()) };
    let said = said_to_card(gateway, account, admitted, (&reaction.on, said)).await?;
    let Some(text) = said else { return Ok(()) };
    let to = Address::new(&reaction.conversation, &reaction.sender.id, reaction.link);
    let reply = Mail::to_owner(to, text);
    answer::send_for(gateway, account, key.clone(), (reply, Fresh::default())).await;
    Ok(())
}

/// What an owner says to this message of a card is done, and told; `None` where it is no card of theirs.
async fn said_to_card(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    admitted: &Admitted,
    (on, said): (&SentRef, Said),
) -> Result<Option<String>, Halt> {
    let Some(approver) = admitted.owner_proof().and_then(Approver::in_chat) else {
        return Ok(None);
    };
    let card = gateway.cards.shown_by(&account.config.key, on).await;
    let Some(card) = card.filter(|card| card.to.owner == admitted.who().sender.as_str()) else {
        return Ok(None);
    };
    let (zone, edits) = (&gateway.config().telling.zone, account.config.plugin.abilities.edits);
    Ok(Some(match &card.outcome {
        Some(outcome) => view::sentence(outcome, &card.to, zone),
        None if card.about.is_told() => NOTHING_ASKED.to_owned(),
        None if !card.stands_on(on.id.as_str(), edits) => OLDER.to_owned(),
        None => act(gateway, account, &approver, &card, Answer::Said(said)).await?,
    }))
}

/// What a choice does.
enum Deed {
    /// The card asks something else, or again in a while.
    Turn(CardState),
    /// Approve for how long?
    AskHowLong,
    /// A device is approved or rejected.
    Device(Decision),
    /// Access is given again, for this long or permanently.
    Extend(Option<Duration>),
    /// A person is decided about.
    Person(pairing::Choice),
}

/// The one meaning of a choice, however it was made; `None` where what the card is about has no such choice.
fn deed(about: &About, choice: Choice, asks: bool, later: CardState) -> Option<Deed> {
    use Choice::{Approve, Back, Block, Deliver, Deny, Extend, ForGood, Hours, Later, Undo};
    let hours = |many: u32| Some(Duration::from_hours(many.into()));
    Some(match (about, choice) {
        (About::Device { .. } | About::Lapse { .. } | About::Sender { .. }, Later) => {
            Deed::Turn(later)
        }
        (About::Notice { .. } | About::Outage { .. }, _)
        | (About::Device { .. }, Back | Block | Deliver | Extend | ForGood | Hours(_))
        | (About::Lapse { .. }, Approve | Block | Deliver | Deny)
        | (About::Sender { .. }, Extend)
        | (_, Undo) => return None,
        (About::Lapse { .. } | About::Sender { .. }, Back) => Deed::Turn(CardState::Ask),
        (About::Device { .. }, Approve) => Deed::Device(Decision::Approve),
        (About::Device { .. }, Deny) => Deed::Device(Decision::Deny),
        (About::Lapse { .. }, Extend) | (About::Sender { .. }, Approve) if asks => Deed::AskHowLong,
        (About::Lapse { .. }, Extend | ForGood) => Deed::Extend(None),
        (About::Lapse { .. }, Hours(many)) => Deed::Extend(hours(many)),
        (About::Sender { .. }, Approve | ForGood) => Deed::Person(Decision::Approve.into()),
        (About::Sender { .. }, Hours(many)) => {
            Deed::Person(pairing::Choice { lasting: hours(many), ..Decision::Approve.into() })
        }
        (About::Sender { .. }, Deliver) => {
            Deed::Person(pairing::Choice { deliver: true, ..Decision::Approve.into() })
        }
        (About::Sender { .. }, Block) => Deed::Person(Decision::Block.into()),
        (About::Sender { .. }, Deny) => Deed::Person(Decision::Deny.into()),
    })
}

/// Does what an owner has chosen, if the card offers it in its present state, and says what was done.
async fn act(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    approver: &Approver,
    card: &CardCopy,
    answer: Answer,
) -> Result<String, StoreError> {
    let offered = view::choices(&card.about, card.face, &card.facts);
    let Some(choice) = answer.choice(offered) else { return Ok(not_offered(offered)) };
    // The word says it whole: without a button nothing more is asked, except for access that is given again.
    let whole = matches!((&answer, &card.about), (Answer::Said(_), About::Sender { .. }));
    let asks = account.config.plugin.abilities.edits && !whole;
    let later = UnixMs(world::now().0.saturating_add(LATER_MS));
    let Some(deed) = deed(&card.about, choice, asks, CardState::Later(later.0)) else {
        return Ok(not_offered(offered));
    };
    let text = match deed {
        Deed::Turn(face) => {
            let text = match face {
                CardState::Later(_) => {
                    let at = world::clock(later, &gateway.config().telling.zone);
                    format!("You are asked again at {at}.")
                }
                CardState::Ask | CardState::Terms => "Nothing was done.".to_owned(),
            };
            return turn(gateway, card, face, text).await;
        }
        Deed::AskHowLong => return ask_how_long(gateway, card).await,
        Deed::Device(decision) => device(gateway, approver, card, decision).await?,
        Deed::Extend(lasting) => extend(gateway, approver, card, lasting).await?,
        Deed::Person(choice) => sender(gateway, approver, card, choice).await?,
    };
    gateway.cards.look();
    let unfinished = gateway.store.is_unfinished();
    Ok(if unfinished { format!("{text}\n{UNFINISHED}") } else { text })
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + rest.as_str()
}

fn not_offered(offered: &[Choice]) -> String {
    let words: Vec<String> = offered.iter().map(|one| one.label().to_lowercase()).collect();
    format!("Nothing was done: this card takes {} now.", words.join(", "))
}

/// Turns a card to another face, which is not a decision.
async fn turn(
    gateway: &Arc<Gateway>,
    card: &CardCopy,
    face: CardState,
    text: String,
) -> Result<String, StoreError> {
    gateway.cards.outbox.lock().change(card.n, |card| {
        card.face = face;
        card.arm(Vec::new());
    });
    save(gateway).await;
    gateway.cards.look();
    Ok(text)
}

async fn ask_how_long(gateway: &Arc<Gateway>, card: &CardCopy) -> Result<String, StoreError> {
    if let Some(why) = not_as_shown(gateway, card).await? {
        gateway.cards.look();
        return Ok(why);
    }
    turn(gateway, card, CardState::Terms, "Approve for how long?".to_owned()).await
}

/// Why nothing is decided on what this card shows: it has changed, or it is over.
async fn not_as_shown(
    gateway: &Arc<Gateway>,
    card: &CardCopy,
) -> Result<Option<String>, StoreError> {
    let now = match &card.about {
        About::Lapse { who, .. } => match Contact::parse(who) {
            Some(contact) => {
                let ask = pending::lapse(gateway, &contact).await?;
                ask.filter(|ask| ask.about == card.about).map(|ask| ask.revision)
            }
            None => None,
        },
        About::Sender { channel, request, .. } => {
            let (channel, id) = (channel.clone(), RequestId::from_text(request));
            let find = move |store: &Store| pairing::by_id(store, &channel, &id, world::now());
            gateway.read(find).await?.map(|request| request.displayed().revision)
        }
        About::Device { .. } | About::Notice { .. } | About::Outage { .. } => return Ok(None),
    };
    Ok(match now {
        Some(revision) if revision == card.revision => None,
        Some(_) => Some(text::CHANGED.to_owned()),
        None => Some(ended(gateway, card).await?),
    })
}

/// Gives access again that has expired, as the card says it.
async fn extend(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    card: &CardCopy,
    lasting: Option<Duration>,
) -> Result<String, StoreError> {
    let About::Lapse { who, until: ended_at } = &card.about else { return Ok(NO_CARD.to_owned()) };
    let Some(contact) = Contact::parse(who) else { return Ok(NO_CARD.to_owned()) };
    if let Some(why) = not_as_shown(gateway, card).await? {
        return Ok(why);
    }
    let (by, now) = (approver.clone(), world::now());
    let ms = lasting.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    let until = ms.map(|ms| UnixMs(now.0.saturating_add(ms)));
    let ends = Ends { was: Some(UnixMs(*ended_at)), until };
    match gateway.change(move |store| store.extend(&by, &contact, ends, now)).await {
        Ok(_) => ended(gateway, card).await,
        Err(error) => Ok(capital(&error.told())),
    }
}

/// Takes back the block that was just chosen: an unblock like any other.
async fn undo(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    card: &CardCopy,
) -> Result<String, StoreError> {
    let About::Sender { channel, account, sender, .. } = &card.about else {
        return Ok(NO_CARD.to_owned());
    };
    let (Some(account), Ok(sender)) = (AccountId::parse(account), SenderId::new(sender)) else {
        return Ok(NO_CARD.to_owned());
    };
    if card.undoable_until().is_none_or(|until| until <= world::now()) {
        return Ok(TOO_LATE.to_owned());
    }
    let who = Contact { key: AccountKey { channel: channel.clone(), account }, sender };
    let (by, config, now) = (approver.clone(), gateway.config(), world::now());
    let change = move |store: &Store| {
        access::change(store, &config, (&by, &who, &AccessChange::Unblock), now)
    };
    if let Err(error) = gateway.change(change).await {
        return Ok(capital(&error.told()));
    }
    let outcome = Outcome::undone(approver.actor(), now);
    {
        let mut outbox = gateway.cards.outbox.lock();
        let blocked = |one: &&CardCopy| {
            let is_over = one.outcome.as_ref().is_some_and(|it| it.how == How::Blocked);
            is_over && one.about == card.about
        };
        let blocked: Vec<u64> = outbox.cards().iter().filter(blocked).map(|card| card.n).collect();
        for n in blocked {
            outbox.conclude(n, &outcome);
        }
    }
    gateway.cards.look();
    Ok(UNDONE.to_owned())
}

async fn sender(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    card: &CardCopy,
    choice: pairing::Choice,
) -> Result<String, StoreError> {
    let About::Sender { channel, request, .. } = &card.about else { return Ok(NO_CARD.to_owned()) };
    let (decision, lasting) = (choice.decision, choice.lasting);
    let choice = pairing::Choice { shown: Some(card.revision.clone()), ..choice };
    let id = RequestId::from_text(request);
    let decided = decide::decide(gateway, approver, channel, &id, choice).await;
    Ok(match decided {
        Ok(store::Outcome::Done(decided)) => {
            let hours = |span: Duration| u32::try_from(span.as_secs() / 3_600).unwrap_or(u32::MAX);
            let label = |span| Choice::Hours(hours(span)).label();
            let lasting = lasting.map(|span| format!(", for {}", label(span)));
            text::decided(decision, &decided) + &lasting.unwrap_or_default()
        }
        Ok(store::Outcome::Gone) => ended(gateway, card).await?,
        Ok(refused) => text::refused(&refused).unwrap_or_default().to_owned(),
        Err(error) => capital(&error.told()),
    })
}

/// What this card displays is what is approved.
async fn device(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    card: &CardCopy,
    decision: Decision,
) -> Result<String, StoreError> {
    let About::Device { request, .. } = &card.about else { return Ok(NO_CARD.to_owned()) };
    let rows = gateway.read(|store| store.device_requests(world::now())).await?;
    let Some(row) = rows.iter().find(|row| row.id.as_str() == *request) else {
        return ended(gateway, card).await;
    };
    let (device, display) = displayed(row, &rows, world::now());
    if display.revision.spell() != card.revision {
        return Ok(text::CHANGED.to_owned());
    }
    let by = DeviceApprover::of(approver, display.listed);
    Ok(match decide::device(gateway, by, decision, (display.id, display.revision)).await {
        Ok(Ok(Verdict::Approved(_))) => format!("✅ Paired {}.", device.name),
        Ok(Ok(Verdict::Rejected(_))) => format!("⛔ Rejected {}.", device.name),
        Ok(Err(Undecided::Denied(denied))) => {
            let why = match denied {
                Denied::NotYours => "not all of its commands are listed here".to_owned(),
                Denied::Scope(scope) => format!("{} cannot be given in a chat", scope.word()),
            };
            format!("Nothing was changed: {why}. On the machine: openclaw devices approve")
        }
        Ok(Err(_)) => text::CHANGED.to_owned(),
        Err(error) => capital(&error.told()),
    })
}

/// What became of a card's request, though the card does not say so yet.
async fn ended(gateway: &Arc<Gateway>, card: &CardCopy) -> Result<String, StoreError> {
    let gone = vec![(card.about.clone(), UnixMs(card.ends))];
    outcome::conclude(gateway, gone).await?;
    let outbox = gateway.cards.outbox.lock();
    let outcome = outbox.card(card.n).and_then(|card| card.outcome.as_ref());
    let zone = &gateway.config().telling.zone;
    Ok(outcome.map_or_else(|| USED.to_owned(), |outcome| view::sentence(outcome, &card.to, zone)))
}

/// The answer to a press does not wait for what else is said in the chat: the owner looks at the button.
fn toast(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    who: &AdmittedSender,
    (press, text): (&EventId, String),
) {
    let mut answer = OutboundMessage::new(who.conversation.clone(), Text::plain(text));
    answer.answers = Some(InboundRef::Press(press.clone()));
    let chat = OwnersChat::new(&account.config.key, &who.conversation.id, &who.sender);
    let (here, account) = (Arc::clone(gateway), Arc::clone(account));
    gateway.beside(async move {
        let may = || is_owners(&here, &account, &chat);
        if let Err(error) = outbound::send(&account, answer, may).await {
            warn!(channel = account.config.plugin.id, %error, "a press is not answered");
        }
    });
}

/// A press that was not the person's to make: of those the access log has one line a person and an hour.
pub(crate) async fn refuse(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    sender: &SenderId,
    why: &'static str,
) -> Result<(), Halt> {
    let (channel, key) = (account.config.plugin.id, account.config.key.clone());
    let sender = sender.as_str();
    info!(channel, account = %key.account, sender, why, "press refused");
    let actor = format!("{channel}:{sender}");
    if !gateway.cards.is_to_be_noted(&format!("{}/{actor}", key.account), world::now()) {
        return Ok(());
    }
    Ok(gateway.note_in_chat("refused", &key, sender, why).await?)
}

#[cfg(test)]
mod tests;
