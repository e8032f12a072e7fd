//! What is to be done for a card now, by what stands in the chat and what is known. No clock, no disk.

use openclaw_plugin_sdk::UnixMs;

use crate::{
    approvals::outbox::{About, CardCopy, CardState, Chat, Digest, UNDOABLE},
    rules::notify::{CardRate, Spent},
};

/// A sentence that could not be told for so long is not told any more.
const STALE_MS: u64 = 24 * 3_600_000;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its message is to show something else.
    Edit,
    /// Nobody needs it any more, and nobody was told of it.
    Forget,
    /// A new message, but not before this: the chat has got its share.
    Held(UnixMs),
    /// As it is, it stands for good: nothing is to be sent.
    Leave,
    /// A new message. `counts` towards the chat's rate.
    Post { counts: bool },
    /// Nothing, as long as nothing happens.
    Rest,
    /// An older message of the card loses its buttons.
    Retire,
    /// Nothing before this.
    Wait(UnixMs),
}

/// What holds in a chat now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChatState {
    pub(crate) now: UnixMs,
    /// No card comes now.
    pub(crate) quiet: bool,
    pub(crate) rate: CardRate,
    pub(crate) spent: Spent,
    /// The platform replaces messages.
    pub(crate) edits: bool,
    /// Its cards offer to undo a block.
    pub(crate) undoes: bool,
}

/// What an open card looks like that shows this revision with this face.
pub(crate) fn look(revision: &str, face: CardState) -> String {
    match face {
        CardState::Later(until) => format!("{revision}/later/{until}"),
        CardState::Ask => format!("{revision}/ask"),
        CardState::Terms => format!("{revision}/terms"),
    }
}

/// The next step for one card.
pub(crate) fn next(card: &CardCopy, sight: ChatState) -> Step {
    let step = wished(card, sight);
    match step {
        Step::Edit | Step::Post { .. } | Step::Retire if card.next > sight.now.0 => {
            Step::Wait(UnixMs(card.next))
        }
        step => step,
    }
}

fn wished(card: &CardCopy, sight: ChatState) -> Step {
    if let Some(outcome) = &card.outcome {
        let undoable = card.undoable_until().filter(|until| sight.undoes && *until > sight.now);
        let look = undoable.map_or(outcome.look(), |_| UNDOABLE);
        let told = card.look.as_deref() == Some(look);
        return match (&card.sent, told) {
            (None, _) => Step::Forget,
            (Some(_), true) => undoable.map_or(Step::Rest, Step::Wait),
            (Some(_), false) if sight.edits => Step::Edit,
            (Some(_), false) if outcome.is_by(&card.to) => Step::Leave,
            (Some(_), false) if sight.quiet => Step::Rest,
            (Some(_), false) => Step::Post { counts: false },
        };
    }
    if card.sent.is_none() {
        // What came in quiet hours is listed first.
        return match &card.about {
            about if about.is_told() && sight.now.0.saturating_sub(card.came) > STALE_MS => {
                Step::Forget
            }
            About::Notice { .. } | About::Outage { .. } => Step::Post { counts: false },
            _ if card.held => Step::Rest,
            About::Device { .. } | About::Lapse { .. } | About::Sender { .. } => ask(sight),
        };
    }
    if let About::Outage { text } = &card.about {
        let changes = card.look.as_ref() != Some(text) && sight.edits;
        return if changes { Step::Edit } else { Step::Rest };
    }
    if card.stale.is_some() && sight.edits {
        return Step::Retire;
    }
    match card.face {
        CardState::Later(until) if until <= sight.now.0 => ask(sight),
        _ if card.look.as_deref() != Some(&*look(&card.wants, card.face)) => {
            if sight.edits {
                Step::Edit
            } else {
                changed(card, sight)
            }
        }
        CardState::Later(until) => Step::Wait(UnixMs(until)),
        CardState::Ask | CardState::Terms => Step::Rest,
    }
}

/// Where nothing can be edited, only what has changed is worth a new message: an owner who
/// chose to be asked later knows that.
fn changed(card: &CardCopy, sight: ChatState) -> Step {
    if card.revision == card.wants {
        return match card.face {
            CardState::Later(until) => Step::Wait(UnixMs(until)),
            CardState::Ask | CardState::Terms => Step::Rest,
        };
    }
    if sight.quiet { Step::Rest } else { Step::Post { counts: false } }
}

fn ask(sight: ChatState) -> Step {
    if sight.quiet {
        return Step::Rest;
    }
    let due = sight.rate.next(sight.spent, sight.now);
    if due > sight.now { Step::Held(due) } else { Step::Post { counts: true } }
}

/// What a digest says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// So many cards of the chat wait for their share of the rate.
    pub(crate) waiting: usize,
    /// So many people got no code, since the queue is full.
    pub(crate) turned_away: usize,
}

/// What is to be done for a chat beside its cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Its digest is to say this.
    Count(Counts),
    /// Nothing is left to be counted, and there is no way to say so.
    Forget,
    /// It is to be told what came in quiet hours.
    Morning,
    /// Nothing.
    Rest,
    /// Nothing before this.
    Wait(UnixMs),
}

/// What is to be done for a chat. `held` of its cards came in quiet hours.
pub(crate) fn beside(chat: &Chat, counts: Counts, held: usize, sight: ChatState) -> Beside {
    if sight.quiet {
        return Beside::Rest;
    }
    let shown = chat.digest.as_ref().filter(|digest| digest.sent.is_some());
    let wish = if held > 0 || !chat.missed.is_empty() {
        Beside::Morning
    } else {
        let nothing = counts == Counts::default();
        match shown.map(Digest::counts) {
            None if nothing => Beside::Rest,
            None => Beside::Count(counts),
            Some(known) if known == counts => Beside::Rest,
            Some(_) if sight.edits => Beside::Count(counts),
            Some(_) if nothing => Beside::Forget,
            Some(_) => Beside::Rest,
        }
    };
    match wish {
        Beside::Count(_) | Beside::Morning if chat.next > sight.now.0 => {
            Beside::Wait(UnixMs(chat.next))
        }
        wish => wish,
    }
}

#[cfg(test)]
mod tests;
