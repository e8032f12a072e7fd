//! What each visitor's pages are told: the newest messages, in memory, within bounds. What a stranger wrote passes
//! through and is not kept; the stranger's page remembers it. Gone when the gateway stops, but for the history.

use std::collections::{HashMap, VecDeque};

use futures_util::{StreamExt, future, stream::FuturesUnordered};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    history,
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
    /// Nothing for what a stranger wrote, and for what was taken away: of those only the id is known.
    shown: Option<Shown>,
    cost: usize,
    mark: Mark,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The gateway has not taken it yet.
    Announced,
    /// A page of the visitor was open to show it.
    Seen,
    /// Waits for the visitor.
    Waiting,
}

struct Page {
    number: u64,
    frames: mpsc::Sender<Utf8Bytes>,
    /// So many frames it was sent, and so many it has confirmed.
    sent: u64,
    confirmed: watch::Sender<u64>,
}

/// A visitor's open page. Dropped, it is closed.
pub(crate) struct OpenPage<'a> {
    conversations: &'a Conversations,
    pub(crate) visitor: Visitor,
    number: u64,
}

/// What a page is to be told, in order; at its end the page must be closed.
pub(crate) type Frames = mpsc::Receiver<Utf8Bytes>;

/// No room for one more message to a visitor who is not here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// What is known of a message that a page sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Before,
    New,
}

impl Conversations {
    /// Opens a page: it is told first who it is and what was said, with what is `kept` of earlier runs.
    pub(crate) fn join(
        &self,
        visitor: &Visitor,
        (title, files): (&str, bool),
        mut kept: Vec<Shown>,
    ) -> (OpenPage<'_>, Frames) {
        let mut state = self.lock();
        let number = state.tick();
        let conversation = state.of.entry(visitor.clone()).or_default();
        conversation.touched = number;
        let (frames_in, frames) = mpsc::channel(QUEUE);
        let taken = conversation.entries.iter_mut().filter(|entry| entry.mark != Mark::Announced);
        let mut gone = Vec::new();
        for entry in taken {
            entry.mark = Mark::Seen;
            let at = kept.iter().position(|one| one.id == entry.id);
            match (&entry.shown, at) {
                (Some(shown), Some(at)) => kept[at] = shown.clone(),
                (Some(shown), None) => kept.push(shown.clone()),
                (None, _) if is_ours(&entry.id) => {
                    at.map(|at| kept.remove(at));
                    gone.push(entry.id.as_str());
                }
                (None, _) => {}
            }
        }
        history::in_order(&mut kept);
        let history = kept.iter().collect();
        let you = visitor.as_str();
        let now = openclaw_plugin_sdk::now().0;
        let ready = ToPage::Ready { you, title, now, files, history, gone };
        let mut page = Page { number, frames: frames_in, sent: 0, confirmed: watch::channel(0).0 };
        page.tell(ready.frame());
        conversation.pages.push(page);
        self.joined.notify_waiters();
        (OpenPage { conversations: self, visitor: visitor.clone(), number }, frames)
    }

    /// Shows a message of ours on all pages of a visitor, or keeps it until a page opens.
    pub(crate) fn post(&self, visitor: &Visitor, shown: Shown) -> Result<(), NoRoom> {
        let mut state = self.lock();
        let known = state.of.get(visitor).and_then(|conversation| conversation.find(&shown.id));
        if known.is_some() {
            // The message with this key: it is there, or was taken away.
            return Ok(());
        }
        let frame = ToPage::Message(&shown).frame();
        state.show(visitor, Entry::sent(shown, frame.len()), &frame)
    }

    /// Shows a message in the place of the one with its id. Gives it as it stands then.
    pub(crate) fn edit(&self, visitor: &Visitor, mut shown: Shown) -> Result<Shown, NoRoom> {
        let mut state = self.lock();
        let old = state.of.get(visitor).and_then(|conversation| conversation.find(&shown.id));
        if let Some(old) = old.and_then(|old| old.shown.as_ref()) {
            // It stays where it stood.
            (shown.at, shown.answers) = (old.at, shown.answers.or_else(|| old.answers.clone()));
        }
        let frame = ToPage::Edit(&shown).frame();
        state.show(visitor, Entry::sent(shown.clone(), frame.len()), &frame)?;
        Ok(shown)
    }

    /// Tells the open pages of a visitor what is not kept.
    pub(crate) fn tell(&self, visitor: &Visitor, what: &ToPage<'_>) {
        self.lock().tell(visitor, &what.frame(), None);
    }

    /// Takes a message away, also from a page that comes back later.
    pub(crate) fn remove(&self, visitor: &Visitor, id: &str) -> Result<(), NoRoom> {
        self.lock().show(visitor, Entry::id_only(id, Mark::Waiting), &ToPage::Gone { id }.frame())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Waits until a visitor has a page open.
    pub(crate) async fn page_open(&self, visitor: &Visitor) {
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

    /// True once a page of the visitor has confirmed all that it was sent by now; false when none is open any more.
    pub(crate) async fn confirmed(&self, visitor: &Visitor) -> bool {
        let open: FuturesUnordered<_> = {
            let state = self.lock();
            let pages = state.of.get(visitor).into_iter().flat_map(|one| &one.pages);
            let confirms = |page: &Page| {
                let (sent, mut confirmed) = (page.sent, page.confirmed.subscribe());
                async move { confirmed.wait_for(|count| *count >= sent).await.is_ok() }
            };
            pages.map(confirms).collect()
        };
        open.any(future::ready).await
    }

    /// Drops what waits for a visitor: they may not be told it any more.
    pub(crate) fn drop_waiting(&self, visitor: &Visitor) {
        self.lock().forget(visitor, |entry| entry.mark == Mark::Waiting);
    }

    /// Drops what a visitor has seen: their access has ended.
    pub(crate) fn drop_seen(&self, visitor: &Visitor) {
        self.lock().forget(visitor, |entry| entry.mark == Mark::Seen);
    }
}

impl OpenPage<'_> {
    /// Notes that a page sends something. Unknown to other pages until it is accepted.
    pub(crate) fn announce(&self, id: &str) -> Known {
        let mut state = self.conversations.lock();
        let old = state.of.get(&self.visitor).and_then(|conversation| conversation.find(id));
        if let Some(old) = old {
            return if old.mark == Mark::Announced { Known::New } else { Known::Before };
        }
        // Without room it is taken all the same: the gateway too knows what it has seen.
        state.keep(&self.visitor, Entry::id_only(id, Mark::Announced)).ok();
        Known::New
    }

    /// The gateway has taken what the page sent: all other open pages show it. Its text stays where it is `kept`.
    pub(crate) fn accepted(&self, shown: &Shown, kept: bool) {
        let state = &mut *self.conversations.lock();
        let conversation = state.of.get_mut(&self.visitor);
        let found = conversation.and_then(|conversation| conversation.find_mut(&shown.id));
        let Some(entry) = found.filter(|entry| entry.mark == Mark::Announced) else { return };
        let frame = ToPage::Message(shown).frame();
        let before = entry.cost;
        if kept {
            *entry = Entry::sent(shown.clone(), frame.len());
        }
        entry.mark = Mark::Seen;
        state.cost = state.cost + entry.cost - before;
        state.tell(&self.visitor, &frame, Some(self.number));
    }

    /// The gateway has not taken what the page sent: nothing of it is kept.
    pub(crate) fn rejected(&self, id: &str) {
        let mut state = self.conversations.lock();
        state.forget(&self.visitor, |entry| entry.mark == Mark::Announced && entry.id == id);
    }

    /// This page has so many frames.
    pub(crate) fn confirm(&self, frames: u64) {
        let state = self.conversations.lock();
        let pages = state.of.get(&self.visitor).into_iter().flat_map(|one| &one.pages);
        for page in pages.filter(|page| page.number == self.number) {
            page.confirmed.send_if_modified(|confirmed| {
                frames > std::mem::replace(confirmed, frames.max(*confirmed))
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

impl Drop for OpenPage<'_> {
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

    /// Keeps a message, and shows it on all open pages.
    fn show(&mut self, visitor: &Visitor, entry: Entry, frame: &Utf8Bytes) -> Result<(), NoRoom> {
        self.keep(visitor, entry)?;
        self.tell(visitor, frame, None);
        Ok(())
    }

    /// Keeps a message in the place of the one with its id, or as the newest.
    fn keep(&mut self, visitor: &Visitor, mut entry: Entry) -> Result<(), NoRoom> {
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
            return Err(NoRoom);
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
    fn sent(shown: Shown, cost: usize) -> Self {
        Self { id: shown.id.clone(), shown: Some(shown), cost: cost + 256, mark: Mark::Waiting }
    }

    fn id_only(id: &str, mark: Mark) -> Self {
        Self { id: id.to_owned(), shown: None, cost: id.len() + 64, mark }
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
        self.sent += 1;
        self.frames.try_send(frame).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{self, Author};

    fn visitor(number: usize) -> Visitor {
        Visitor::parse(&format!("web:{number:032x}")).unwrap()
    }

    fn shown(id: &str, length: usize) -> Shown {
        let (id, body) = (id.to_owned(), wire::written(&"x".repeat(length), &[]));
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
        drop(all.join(&visitor(7), ("", false), Vec::new()));
        for number in 1..=2 {
            all.post(&visitor(VISITORS + number), shown("m", 1)).unwrap();
        }
        assert_eq!((kept(&all, 0), kept(&all, 1), kept(&all, 2)), (0, 0, 1));
        assert_eq!((kept(&all, 7), kept(&all, VISITORS + 2)), (0, 1));
    }

    #[test]
    fn an_open_page_is_answered_after_a_thousand_and_ten_visitors_left_without_reading() {
        let all = Conversations::default();
        let (_open, mut frames) = all.join(&visitor(5_000), ("", false), Vec::new());
        for number in 0..1_010 {
            drop(all.join(&visitor(number), ("", false), Vec::new()));
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
        let (open, _frames) = all.join(&visitor(0), ("", false), Vec::new());
        let large = 1 << 20;
        for number in 0..40 {
            assert_eq!(open.announce(&number.to_string()), Known::New);
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
        let (open, frames) = all.join(&visitor(0), ("", false), Vec::new());
        drop((open, frames));
        assert!(all.lock().of.is_empty());
    }
}
