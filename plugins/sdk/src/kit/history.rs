//! What people and a responder said in each conversation, as much of it as is kept. Only in memory.

use std::collections::VecDeque;

use serde::Serialize;

use super::bounded::Bounded;

/// What is kept of one conversation, in bytes.
const BYTES: usize = 64 * 1024;
/// Of how many conversations; the one unused for longest makes room.
const CONVERSATIONS: usize = 200;

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// As it stands in a history: in a group with its speaker.
    pub question: String,
    /// As it was passed on.
    pub answer: String,
}

/// What was said, by conversation.
#[derive(Debug)]
pub struct History {
    turns: usize,
    conversations: Bounded<String, Conversation>,
    begun: u64,
}

#[derive(Debug)]
struct Conversation {
    /// Tells a conversation from one of the same name that was forgotten meanwhile.
    ticket: Ticket,
    turns: VecDeque<Turn>,
}

/// Names a conversation as it was when a question was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl History {
    /// Keeps at most so many turns of a conversation.
    pub fn new(turns: usize) -> Self {
        Self { turns, conversations: Bounded::new(CONVERSATIONS), begun: 0 }
    }

    /// What was said so far, oldest first, and the ticket to add what is said next.
    pub fn recall(&mut self, name: &str) -> (Ticket, Vec<Turn>) {
        let conversation = self.conversations.remove(name).unwrap_or_else(|| {
            self.begun += 1;
            Conversation { ticket: Ticket(self.begun), turns: VecDeque::new() }
        });
        let recalled = (conversation.ticket, conversation.turns.iter().cloned().collect());
        self.conversations.insert(name.to_owned(), conversation);
        recalled
    }

    /// Adds a turn, unless the conversation was forgotten since the ticket was given.
    pub fn add(&mut self, name: &str, ticket: Ticket, turn: Turn) {
        let known = self.conversations.get_mut(name).filter(|known| known.ticket == ticket);
        let Some(Conversation { turns, .. }) = known else { return };
        turns.push_back(turn);
        let size = |turn: &Turn| turn.question.len() + turn.answer.len();
        while turns.len() > self.turns || turns.iter().map(size).sum::<usize>() > BYTES {
            turns.pop_front();
        }
    }

    /// Forgets a conversation.
    pub fn forget(&mut self, name: &str) {
        self.conversations.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(number: usize) -> Turn {
        Turn { question: format!("question {number}"), answer: format!("answer {number}") }
    }

    fn say(history: &mut History, name: &str, turn: Turn) {
        let (ticket, _) = history.recall(name);
        history.add(name, ticket, turn);
    }

    #[test]
    fn the_last_turns_of_each_conversation_are_kept() {
        let mut history = History::new(2);
        for number in 0..4 {
            say(&mut history, "ann", turn(number));
        }
        say(&mut history, "bob", turn(9));
        assert_eq!(history.recall("ann").1, [turn(2), turn(3)]);
        assert_eq!(history.recall("bob").1, [turn(9)]);
        history.forget("ann");
        assert_eq!(history.recall("ann").1, []);
        assert_eq!(history.recall("bob").1, [turn(9)]);
    }

    #[test]
    fn no_turns_means_no_memory() {
        let mut history = History::new(0);
        say(&mut history, "ann", turn(1));
        assert_eq!(history.recall("ann").1, []);
    }

    #[test]
    fn a_conversation_is_bounded_by_bytes_too() {
        let mut history = History::new(100);
        let long = Turn { question: "q".repeat(BYTES / 3), answer: "a".repeat(10) };
        for _ in 0..5 {
            say(&mut history, "ann", long.clone());
        }
        assert_eq!(history.recall("ann").1.len(), 2);
        let longest = Turn { answer: "a".repeat(BYTES), ..long };
        say(&mut history, "ann", longest);
        assert_eq!(history.recall("ann").1, []);
    }

    #[test]
    fn an_answer_to_a_question_from_before_a_reset_is_not_kept() {
        let mut history = History::new(10);
        let (ticket, _) = history.recall("ann");
        history.forget("ann");
        history.add("ann", ticket, turn(1));
        let (_, said) = history.recall("ann");
        assert_eq!(said, []);
        history.add("ann", ticket, turn(1));
        assert_eq!(history.recall("ann").1, []);
    }

    #[test]
    fn the_conversation_unused_for_longest_makes_room() {
        let mut history = History::new(10);
        for number in 0..CONVERSATIONS {
            say(&mut history, &number.to_string(), turn(number));
        }
        assert_eq!(history.recall("0").1, [turn(0)]);
        say(&mut history, "one more", turn(0));
        assert_eq!(history.conversations.len(), CONVERSATIONS);
        assert_eq!(history.recall("0").1, [turn(0)], "it was used just now");
        assert!(!history.conversations.contains("1"));
    }
}
