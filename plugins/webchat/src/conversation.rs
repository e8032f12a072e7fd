//! What each visitor's pages are told: the newest messages of the gateway, in memory, within bounds. What a visitor
//! wrote passes through and is not kept; the visitor's page remembers it. Gone when the gateway stops.

use std::collections::{HashMap, VecDeque};

use futures_util::{StreamExt, stream::FuturesUnordered};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    visitor::Visitor,
    wire::{Shown, ToPage, is_ours},
};

/// Messages kept for a visitor, also while no page is open.
const MESSAGES: usize = 50;
/// Visitors with kept messages.
const VISITORS: usize = 1000;
/// Bytes of all kept messages, roughly.
const COST: usize = 16 << 20;
/// Frames that wait for one page; a page that is further behind is closed and may come back.
const QUEUE: usize = 64;

/// Every visitor's conversation and open pages.
#[derive(Default)]
pub(crate) struct Conversations {
    state: Mutex<State>,
    /// A page was opened.
    joined: Notify,
}

#[derive(Default)]
struct State {
    of: HashMap<Visitor, Conversation>,
    /// Counts what happens, to know who was longest without anything.
    clock: u64,
    cost: usize,
}

#[derive(Default)]
struct Conversation {
    entries: VecDeque<Entry>,
    pages: Vec<Page>,
    touched: u64,
}

struct Entry {
    id: String,
    /// Nothing for what the visitor wrote, and for what was taken away: of those only the id is known.
    shown: Option<Shown>,
    cost: usize,
    mark: Mark,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The gateway has not taken it yet.
    Saying,
    /// A page of the visitor was open to show it.
    Seen,
    /// Waits for the visitor.
    Waiting,
}

struct Page {
    number: u64,
    frames: mpsc::Sender<Utf8Bytes>,
    /// So many frames it was told, and so many it has said to have.
    told: u64,
    heard: watch::Sender<u64>,
}

/// A visitor's open page. Dropped, it is closed.
pub(crate) struct Seat<'a> {
    conversations: &'a Conversations,
    visitor: Visitor,
    number: u64,
}

/// What a page is to be told, in order; at its end the page must be closed.
pub(crate) type Frames = mpsc::Receiver<Utf8Bytes>;

/// No room for one more message to a visitor who is not here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// What is known of a message a page says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Before,
    New,
}

impl Conversations {
    /// Opens a page: it is told first who it is and what was said.
    pub(crate) fn join(&self, visitor: &Visitor, title: &str) -> (Seat<'_>, Frames) {
        let mut state = self.lock();
        let number = state.tick();
        let conversation = state.of.entry(visitor.clone()).or_default();
        conversation.touched = number;
        let (frames_in, frames) = mpsc::channel(QUEUE);
        let taken = conversation.entries.iter_mut().filter(|entry| entry.mark != Mark::Saying);
        let (mut history, mut gone) = (Vec::new(), Vec::new());
        for entry in taken {
            entry.mark = Mark::Seen;
            match &entry.shown {
                Some(shown) => history.push(shown),
                None if is_ours(&entry.id) => gone.push(entry.id.as_str()),
                None => {}
            }
        }
        let you = visitor.as_str();
        let ready = ToPage::Ready { you, title, now: crate::now().0, history, gone };
        let mut page = Page { number, frames: frames_in, told: 0, heard: watch::channel(0).0 };
        page.tell(ready.frame());
        conversation.pages.push(page);
        self.joined.notify_waiters();
        (Seat { conversations: self, visitor: visitor.clone(), number }, frames)
    }

    /// Shows a message of ours on all pages of a visitor, or keeps it until a page opens.
    pub(crate) fn post(&self, visitor: &Visitor, shown: Shown) -> Result<(), Full> {
        let mut state = self.lock();
        let known = state.of.get(visitor).and_then(|conversation| conversation.find(&shown.id));
        if known.is_some() {
            // The message with this key: it is there, or was taken away.
            return Ok(());
        }
        let frame = ToPage::Message(&shown).frame();
        state.keep(visitor, Entry::sent(shown))?;
        state.tell(visitor, &frame, None);
        Ok(())
    }

    /// Shows a message in the place of the one with its id.
    pub(crate) fn edit(&self, visitor: &Visitor, mut shown: Shown) -> Result<(), Full> {
        let mut state = self.lock();
        let old = state.of.get(visitor).and_then(|conversation| conversation.find(&shown.id));
        if let Some(old) = old.and_then(|old| old.shown.as_ref()) {
            // It stays where it stood.
            (shown.at, shown.answers) = (old.at, shown.answers.or_else(|| old.answers.clone()));
        }
        let frame = ToPage::Edit(&shown).frame();
        state.keep(visitor, Entry::sent(shown))?;
        state.tell(visitor, &frame, None);
        Ok(())
    }

    /// Takes a message away, also from a page that comes back later.
    pub(crate) fn remove(&self, visitor: &Visitor, id: &str) -> Result<(), Full> {
        let mut state = self.lock();
        state.keep(visitor, Entry::gone(id))?;
        state.tell(visitor, &ToPage::Gone { id }.frame(), None);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Waits until a visitor has a page open.
    pub(crate) async fn here(&self, visitor: &Visitor) {
        loop {
            let joined = self.joined.notified();
            tokio::pin!(joined);
            // From here on no page is missed.
            joined.as_mut().enable();
            if self.lock().of.get(visitor).is_some_and(|one| !one.pages.is_empty()) {
                return;
            }
            joined.await;
        }
    }

    /// True once a page of the visitor has all that it was told by now.
    pub(crate) async fn heard(&self, visitor: &Visitor) -> bool {
        let mut open: FuturesUnordered<_> = {
            let state = self.lock();
            let pages = state.of.get(visitor).into_iter().flat_map(|one| &one.pages);
            let hears = |page: &Page| {
                let (told, mut heard) = (page.told, page.heard.subscribe());
                async move { heard.wait_for(|heard| *heard >= told).await.is_ok() }
            };
            pages.map(hears).collect()
        };
        while let Some(heard) = open.next().await {
            if heard {
                return true;
            }
        }
        false
    }

    /// Drops what waits for a visitor: they may not be told it any more.
    pub(crate) fn drop_waiting(&self, visitor: &Visitor) {
        self.lock().forget(visitor, |entry| entry.mark == Mark::Waiting);
    }
}

impl Seat<'_> {
    /// Notes that a page says something. Unknown to other pages until it is taken.
    pub(crate) fn say(&self, id: &str) -> Said {
        let mut state = self.conversations.lock();
        let old = state.of.get(&self.visitor).and_then(|conversation| conversation.find(id));
        if let Some(old) = old {
            return if old.mark == Mark::Saying { Said::New } else { Said::Before };
        }
        // Without room it is said all the same: the gateway too knows what it has seen.
        state.keep(&self.visitor, Entry::said(id)).ok();
        Said::New
    }

    /// The gateway has taken what the page said: all other open pages show it.
    pub(crate) fn taken(&self, shown: &Shown) {
        let mut state = self.conversations.lock();
        let conversation = state.of.get_mut(&self.visitor);
        let found = conversation.and_then(|conversation| conversation.find_mut(&shown.id));
        let Some(entry) = found.filter(|entry| entry.mark == Mark::Saying) else { return };
        entry.mark = Mark::Seen;
        let frame = ToPage::Message(shown).frame();
        state.tell(&self.visitor, &frame, Some(self.number));
    }

    /// The gateway has not taken what the page said: nothing of it is kept.
    pub(crate) fn unsaid(&self, id: &str) {
        let mut state = self.conversations.lock();
        state.forget(&self.visitor, |entry| entry.mark == Mark::Saying && entry.id == id);
    }

    /// This page has so many frames.
    pub(crate) fn heard(&self, frames: u64) {
        let state = self.conversations.lock();
        let pages = state.of.get(&self.visitor).into_iter().flat_map(|one| &one.pages);
        for page in pages.filter(|page| page.number == self.number) {
            page.heard.send_if_modified(|heard| {
                let more = frames > *heard;
                *heard = frames.max(*heard);
                more
            });
        }
    }

    /// Tells this page alone.
    pub(crate) fn tell(&self, what: &ToPage<'_>) {
        let mut state = self.conversations.lock();
        let Some(conversation) = state.of.get_mut(&self.visitor) else { return };
        let frame = what.frame();
        let pages = &mut conversation.pages;
        pages.retain_mut(|page| page.number != self.number || page.tell(frame.clone()));
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.conversations.lock();
        if let Some(conversation) = state.of.get_mut(&self.visitor) {
            conversation.pages.retain(|page| page.number != self.number);
            state.sweep(&self.visitor);
        }
    }
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Keeps a message in the place of the one with its id, or as the newest.
    fn keep(&mut self, visitor: &Visitor, mut entry: Entry) -> Result<(), Full> {
        let (touched, cost) = (self.tick(), entry.cost);
        let conversation = self.of.entry(visitor.clone()).or_default();
        conversation.touched = touched;
        if entry.mark == Mark::Waiting && !conversation.pages.is_empty() {
            entry.mark = Mark::Seen;
        }
        if let Some(old) = conversation.find_mut(&entry.id) {
            self.cost = self.cost + cost - old.cost;
            *old = entry;
            return Ok(());
        }
        let oldest =
            conversation.entries.front().filter(|_| conversation.entries.len() >= MESSAGES);
        let full = oldest.is_some_and(|oldest| oldest.mark == Mark::Waiting);
        if full || !self.make_room(visitor, cost) {
            self.sweep(visitor);
            return Err(Full);
        }
        let conversation = self.of.entry(visitor.clone()).or_default();
        if conversation.entries.len() >= MESSAGES {
            self.cost -= conversation.entries.pop_front().map_or(0, |oldest| oldest.cost);
        }
        conversation.entries.push_back(entry);
        self.cost += cost;
        Ok(())
    }

    /// Forgets whole conversations in which nothing waits, the longest untouched first; then what this visitor has read;
    /// then the conversations that wait longest: an open page is not to wait for visitors who never come back.
    fn make_room(&mut self, visitor: &Visitor, cost: usize) -> bool {
        loop {
            let others =
                || self.of.iter().filter(|(one, talk)| *one != visitor && !talk.entries.is_empty());
            let crowded = others().count() >= VISITORS;
            if self.cost + cost <= COST && !crowded {
                return true;
            }
            let oldest = others().min_by_key(|(_, talk)| (talk.waits(), talk.touched));
            let oldest = oldest.map(|(one, talk)| (one.clone(), talk.waits()));
            let own = self.of.get_mut(visitor).filter(|_| !crowded).map(|talk| &mut talk.entries);
            if oldest.as_ref().is_none_or(|(_, waits)| *waits)
                && let Some(seen) =
                    own.and_then(|own| own.pop_front_if(|oldest| oldest.mark != Mark::Waiting))
            {
                self.cost -= seen.cost;
                continue;
            }
            let Some((oldest, _)) = oldest else { return false };
            self.forget(&oldest, |_| true);
        }
    }

    fn forget(&mut self, visitor: &Visitor, which: impl Fn(&Entry) -> bool) {
        let Some(conversation) = self.of.get_mut(visitor) else { return };
        let cost = &mut self.cost;
        conversation.entries.retain(|entry| {
            let goes = which(entry);
            *cost -= if goes { entry.cost } else { 0 };
            !goes
        });
        self.sweep(visitor);
    }

    fn sweep(&mut self, visitor: &Visitor) {
        if self.of.get(visitor).is_some_and(|one| one.entries.is_empty() && one.pages.is_empty()) {
            self.of.remove(visitor);
        }
    }

    fn tell(&mut self, visitor: &Visitor, frame: &Utf8Bytes, but: Option<u64>) {
        if let Some(conversation) = self.of.get_mut(visitor) {
            let pages = &mut conversation.pages;
            pages.retain_mut(|page| Some(page.number) == but || page.tell(frame.clone()));
        }
    }
}

impl Entry {
    fn sent(shown: Shown) -> Self {
        let cost = shown.id.len() + shown.body.cost();
        Self { id: shown.id.clone(), shown: Some(shown), cost, mark: Mark::Waiting }
    }

    fn gone(id: &str) -> Self {
        Self { id: id.to_owned(), shown: None, cost: id.len() + 64, mark: Mark::Waiting }
    }

    fn said(id: &str) -> Self {
        Self { id: id.to_owned(), shown: None, cost: id.len() + 64, mark: Mark::Saying }
    }
}

impl Conversation {
    fn waits(&self) -> bool {
        self.entries.iter().any(|entry| entry.mark == Mark::Waiting)
    }

    fn find(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    fn find_mut(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }
}

impl Page {
    /// False for a page that is too far behind, or gone.
    fn tell(&mut self, frame: Utf8Bytes) -> bool {
        self.told += 1;
        self.frames.try_send(frame).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Author, ShownBody};

    fn visitor(number: usize) -> Visitor {
        Visitor::parse(&format!("web:{number:032x}")).unwrap()
    }

    fn shown(id: &str, length: usize) -> Shown {
        let (id, body) = (id.to_owned(), ShownBody::said(&"x".repeat(length)));
        Shown { id, at: 1, from: Author::Gateway, answers: None, body }
    }

    fn kept(all: &Conversations, number: usize) -> usize {
        let state = all.lock();
        state.of.get(&visitor(number)).map_or(0, |conversation| conversation.entries.len())
    }

    #[test]
    fn what_was_seen_makes_room_first_and_then_what_waits_longest() {
        let all = Conversations::default();
        for number in 0..=VISITORS {
            all.post(&visitor(number), shown("m", 1)).unwrap();
        }
        drop(all.join(&visitor(7), ""));
        for number in 1..=2 {
            all.post(&visitor(VISITORS + number), shown("m", 1)).unwrap();
        }
        assert_eq!((kept(&all, 0), kept(&all, 1), kept(&all, 2)), (0, 0, 1));
        assert_eq!((kept(&all, 7), kept(&all, VISITORS + 2)), (0, 1));
    }

    #[test]
    fn an_open_page_is_answered_after_a_thousand_and_ten_visitors_left_without_reading() {
        let all = Conversations::default();
        let (_seat, mut frames) = all.join(&visitor(5_000), "");
        for number in 0..1_010 {
            drop(all.join(&visitor(number), ""));
            all.post(&visitor(number), shown("code", 200)).unwrap();
        }
        frames.try_recv().unwrap();
        for number in 0..60 {
            all.post(&visitor(5_000), shown(&format!("m{number}"), 400_000)).unwrap();
            assert!(frames.try_recv().unwrap().contains(&format!("m{number}")));
        }
        assert!(all.lock().cost <= COST);
    }

    #[test]
    fn all_conversations_together_have_a_size() {
        let all = Conversations::default();
        let (seat, _frames) = all.join(&visitor(0), "");
        let large = 1 << 20;
        for number in 0..40 {
            assert_eq!(seat.say(&number.to_string()), Said::New);
            all.post(&visitor(0), shown(&format!("m{number}"), large)).ok();
            all.post(&visitor(1 + number / 20), shown(&number.to_string(), large)).ok();
            let state = all.lock();
            let sum: usize =
                state.of.values().flat_map(|one| &one.entries).map(|entry| entry.cost).sum();
            assert_eq!(state.cost, sum);
            assert!(sum <= COST);
        }
        // An edit takes a place, it needs none.
        all.post(&visitor(3), shown("long", large)).unwrap();
        all.edit(&visitor(3), shown("long", 1)).unwrap();
        assert!(kept(&all, 3) == 1 && all.lock().cost < COST - large / 2);
    }

    #[test]
    fn nothing_is_left_of_a_page_that_said_nothing() {
        let all = Conversations::default();
        let (seat, frames) = all.join(&visitor(0), "");
        drop((seat, frames));
        assert!(all.lock().of.is_empty());
    }
}
