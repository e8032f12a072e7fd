//! What owners are told of an assistant that does not answer: one message an outage in each owner's chat, which says so
//! when it is over. The outbox keeps it across a restart.

use crate::{
    Gateway,
    accounts::owners_chat::OwnersChat,
    approvals::{
        outbox::{About, CardCopy},
        outcome::{How, Outcome},
        recipients::seats,
    },
    delivery::assistant::Health,
    text, world,
};

/// What fails again so soon after it worked is the same outage, unless an owner has to do something else now.
const SAME_MS: u64 = 600_000;

/// Brings the outbox in line with how the assistant is.
pub(super) fn follow(gateway: &Gateway) {
    match gateway.assistant.health() {
        // What an earlier run has told holds until an answer.
        Health::Unasked => {}
        Health::Working => over(gateway),
        Health::Failing { error, .. } => {
            let responder = &gateway.config().assistant.responder;
            let asks = gateway.responder().asks();
            let text = text::assistant::unreachable(responder, &asks, &error);
            fails(gateway, &text, error.is_temporary());
        }
    }
}

fn fails(gateway: &Gateway, text: &str, is_temporary: bool) {
    let now = world::now();
    let about = About::Outage { text: text.to_owned() };
    let told = told(gateway, |card| match &card.outcome {
        None => true,
        Some(over) => {
            let is_recent = now.0.saturating_sub(over.at) < SAME_MS;
            let is_same = is_temporary || card.about == about;
            over.how == How::Recovered && is_recent && is_same
        }
    });
    let seats = if told.is_empty() { seats(gateway, None) } else { Vec::new() };
    let mut outbox = gateway.cards.outbox.lock();
    for (n, old) in told {
        if old.outcome.is_some() || old.about != about {
            outbox.change(n, |card| {
                card.about = about.clone();
                (card.outcome, card.failures, card.next) = (None, 0, 0);
            });
        }
    }
    for (account, owner) in seats {
        let chat = account.chat_of(&owner.sender);
        let to = OwnersChat::new(&account.config.key, &chat.id, &owner.sender);
        outbox.add(about.clone(), to, false, now);
    }
}

fn over(gateway: &Gateway) {
    let open = told(gateway, |card| card.outcome.is_none());
    let mut outbox = gateway.cards.outbox.lock();
    for (n, _) in open {
        outbox.conclude(n, &Outcome::nobody(How::Recovered, world::now()));
    }
}

fn told(gateway: &Gateway, which: impl Fn(&CardCopy) -> bool) -> Vec<(u64, CardCopy)> {
    let outbox = gateway.cards.outbox.lock();
    let cards = outbox.cards().iter();
    let cards = cards.filter(|card| matches!(card.about, About::Outage { .. }) && which(card));
    cards.map(|card| (card.n, card.clone())).collect()
}
