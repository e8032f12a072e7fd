//! The way of what is owed to a person: piece by piece, in its conversation's turn, until the platform has taken it or
//! refused it for good. Before each piece and each retry the gate is asked whether this person may still read it.

pub(crate) mod answer;
pub(crate) mod asker;
pub(crate) mod assistant;
pub(crate) mod challenge;
pub(crate) mod files;
pub(crate) mod owed_files;
pub(crate) mod pages;
pub(crate) mod queue;
mod reply;
pub(crate) mod shown;
mod stream;

use std::{pin::pin, sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    Body, ChannelError, ChatId, ChatKind, Conversation, File, InboundRef, Link, OutboundMessage,
    Reader, SenderId, SentRef, kit::backoff::Backoff,
};
use tokio::{
    sync::{RwLockReadGuard, broadcast, oneshot, watch},
    time::Instant,
};
use tracing::{debug, info, warn};

use self::{reply::Written, shown::Display};
use crate::{
    Gateway,
    accounts::{account::AccountRuntime, outbound},
    blocking,
    control::facts::{Person, Rules},
    gate,
    journal::{
        EventKey, Journal,
        mail::{Address, Mail, Only, Secret, Stands},
    },
    rules::{
        approver::Approver,
        device::{
            approver::{DeviceApprover, Listed},
            setup_code::SetupId,
        },
        pairing::RequestId,
        records::Standing,
    },
    store::StoreError,
    text, world,
};

/// What the platform has not taken within this is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(24);
/// The first wait after a failure; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait that the platform has not asked for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Where the store cannot be read, or the account is switched off, it is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A message has fewer pieces than this; each has a number of its own.
const PIECES: usize = 1_000;

const LOST: &str =
    "The gateway restarted before this code could be sent. Please ask for a new one.";
const TAKEN_BACK: &str = "The code could not be sent here, so it is taken back.";

/// What only this run of the gateway knows of a message.
#[derive(Default)]
pub(crate) struct Fresh {
    /// Its codes, in the order of [`Mail::codes`].
    pub(crate) secrets: Vec<Secret>,
    /// Its files, in the order of [`Part::File`](crate::journal::mail::Part).
    pub(crate) files: Vec<File>,
    /// The devices that the chat has before it once all has arrived.
    pub(crate) shown: Vec<Display>,
    /// The people, likewise.
    pub(crate) people: Vec<shown::Person>,
    /// Hears how the first attempt ended.
    pub(crate) first: Option<oneshot::Sender<Result<(), String>>>,
    /// The platform has asked to wait until then.
    pub(crate) not_before: Option<Instant>,
}

/// Why no more of a message is sent now.
enum End {
    /// The person may not read it any more, or nobody needs it.
    Dropped,
    /// It took longer than a day.
    Late,
    /// The platform refuses it for good.
    Refused(String),
    /// The gateway stops: the next start goes on.
    Stopped,
}

/// Whether something may be sent.
enum May {
    Yes,
    No,
    /// Nobody can say now.
    Later,
}

struct Sending<'a> {
    gateway: &'a Arc<Gateway>,
    account: &'a Arc<AccountRuntime>,
    key: &'a EventKey,
    mail: Mail,
    fresh: Fresh,
    /// An owner may be faster than the platform's answer to our sending.
    underway: Option<RwLockReadGuard<'a, ()>>,
    changes: watch::Receiver<()>,
}

/// Sends it. It stays in the journal until this knows how it ended.
pub(crate) async fn deliver(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    key: &EventKey,
    (mail, fresh): (Mail, Fresh),
) {
    let underway = Some(gateway.notices_underway.read().await);
    let changes = gateway.access_changes.subscribe();
    let mut sending = Sending { gateway, account, key, mail, fresh, underway, changes };
    let end = sending.all().await;
    let (channel, id) = (account.config.plugin.id, account.config.key.account.as_str());
    match &end {
        Ok(()) => sending.arrived().await,
        Err(End::Stopped) => return,
        Err(End::Dropped) => {
            debug!(channel, account = id, "no longer admitted: not answered");
        }
        Err(End::Late) => {
            warn!(channel, account = id, "message not sent: the platform did not take it in a day");
            account.status.update(|status| status.given_up += 1);
        }
        Err(End::Refused(why)) => {
            warn!(channel, account = id, error = why, "message not sent: the platform refuses it");
        }
    }
    sending.first(end.map_err(|_| "not sent".to_owned()));
    if let Only::Waiting(request) = &sending.mail.only {
        challenge::ended(account, &RequestId::from_text(request));
    }
    owed_files::erase(gateway, account, &sending.mail).await;
    answer::finish(account, key).await;
}

impl Sending<'_> {
    async fn all(&mut self) -> Result<(), End> {
        if let Some(until) = self.fresh.not_before {
            self.wait(until).await?;
        }
        let mut sorry = false;
        for n in 0..self.mail.parts.len() {
            let code = match self.written(n).await? {
                Written::Over => continue,
                Written::Lost(code) => {
                    if let Some(code) = code {
                        self.take_back(&code).await;
                    }
                    if !std::mem::replace(&mut sorry, true) {
                        self.body(Body::Text(LOST.into()), n * PIECES + PIECES - 1).await?;
                    }
                    continue;
                }
                Written::Body(body, code) => {
                    let is_file = matches!(body, Body::File(_));
                    match (self.body(body, n * PIECES).await, code) {
                        (Ok(Some(sent)), Some(code)) => {
                            self.gateway.setup.stands(&code, &sent).await;
                            continue;
                        }
                        (Ok(_), _) => continue,
                        (Err(End::Refused(why)), None) if is_file => {
                            warn!(
                                channel = self.account.config.plugin.id,
                                error = why,
                                "file not sent"
                            );
                            let number = n * PIECES + PIECES - 1;
                            self.body(Body::Text(text::files::REFUSED.into()), number).await?;
                            continue;
                        }
                        (Err(End::Refused(_)), Some(code)) => code,
                        (Err(end), _) => return Err(end),
                    }
                }
            };
            self.take_back(&code).await;
            self.fresh.shown.clear();
            self.fresh.people.clear();
            self.body(Body::Text(TAKEN_BACK.into()), n * PIECES + PIECES - 1).await?;
        }
        Ok(())
    }

    /// Nothing counts as shown of which a part is missing.
    async fn arrived(&mut self) {
        if let Only::Waiting(request) = &self.mail.only {
            let request = RequestId::from_text(request);
            let tell = move |journal: &Journal| journal.tell(&request);
            self.account.note("a challenge may be sent twice", tell).await;
        }
        let shown = std::mem::take(&mut self.fresh.shown);
        let people = std::mem::take(&mut self.fresh.people);
        if !shown.is_empty() || !people.is_empty() {
            let place = (self.account.config.key.clone(), self.mail.to.conversation().id);
            self.gateway.shown.lock().add(&place, shown, people);
        }
    }

    fn first(&mut self, result: Result<(), String>) {
        if let Some(first) = self.fresh.first.take() {
            // Nobody may be waiting for it any more.
            drop(first.send(result));
        }
    }

    /// A part with its codes of this moment.
    async fn written(&mut self, n: usize) -> Result<Written, End> {
        loop {
            match reply::write(self.gateway, self.account, &self.mail, (n, &self.fresh)).await {
                Ok(written) => return Ok(written),
                Err(error) => {
                    debug!(channel = self.account.config.plugin.id, %error, "not written yet");
                    self.wait(Instant::now() + ASK_AGAIN).await?;
                }
            }
        }
    }

    /// One part, in as many pieces as the platform needs; what was taken before is not sent again.
    async fn body(&mut self, body: Body, first: usize) -> Result<Option<SentRef>, End> {
        let mut message = OutboundMessage::new(self.mail.to.conversation(), body);
        message.answers = match self.mail.answers() {
            Some(InboundRef::Message(id)) if first > 0 => Some(InboundRef::Further(id)),
            answers => answers,
        };
        message.is_kept = self.mail.is_kept();
        message.replaces = self.mail.replaces.as_ref().filter(|_| first == 0).map(Stands::sent);
        let mut last = None;
        let pieces = outbound::pieces(message, self.account.config.plugin.text_limit);
        for (n, mut piece) in (first..).zip(pieces) {
            if n < self.mail.taken {
                continue;
            }
            piece.key = Some(format!("{}/{n}", self.mail.key));
            last = Some(self.one(piece).await?);
            self.mail.taken = n + 1;
            let key = self.key.clone();
            let sent = move |journal: &Journal| journal.sent(&key, n + 1);
            self.account.note("a piece may be sent twice after a restart", sent).await;
        }
        Ok(last)
    }

    async fn one(&mut self, mut piece: OutboundMessage) -> Result<SentRef, End> {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            self.reachable().await?;
            let spoken = self.account.spoken();
            if self.underway.is_none() {
                self.underway = Some(self.gateway.notices_underway.read().await);
            }
            let failed = match may(self.gateway, self.account, &self.mail).await {
                May::No => return Err(End::Dropped),
                May::Later => None,
                May::Yes => match outbound::once(self.account, &piece).await {
                    Ok(sent) => {
                        self.first(Ok(()));
                        if self.has_arrived().await? {
                            return Ok(sent);
                        }
                        Some(ChannelError::Disconnected("nobody has received it".to_owned()))
                    }
                    // What was begun cannot be edited any more, such as where its reader has deleted it.
                    Err(ChannelError::Undeliverable(why)) if piece.replaces.take().is_some() => {
                        debug!(channel = self.account.config.plugin.id, why, "not edited: sent");
                        continue;
                    }
                    Err(ChannelError::Undeliverable(why)) => {
                        return Err(End::Refused(why));
                    }
                    Err(error) => Some(error),
                },
            };
            let pause = match &failed {
                None => ASK_AGAIN,
                Some(ChannelError::RateLimited(asked)) => *asked,
                Some(_) => backoff.next_wait(),
            };
            if let Some(error) = failed {
                info!(channel = self.account.config.plugin.id, account = %self.account.config.key.account, %error, seconds = pause.as_secs(), "message not taken yet: tried again");
                self.first(Err(error.to_string()));
                if matches!(error, ChannelError::Later(_)) {
                    self.until_they_write(spoken).await?;
                    continue;
                }
            }
            self.wait(Instant::now() + pause).await?;
        }
    }

    /// True where the person has what was just sent.
    async fn has_arrived(&self) -> Result<bool, End> {
        let (channel, to) = (self.account.channel(), self.mail.to.conversation());
        tokio::select! {
            biased;
            arrived = channel.arrived(&to) => Ok(arrived),
            () = self.gateway.stop.cancelled() => Err(End::Stopped),
        }
    }

    /// Waits until the channel can reach the person.
    async fn reachable(&mut self) -> Result<(), End> {
        loop {
            let (channel, to) = (self.account.channel(), self.mail.to.conversation());
            let mut ready = channel.ready(&to);
            tokio::select! {
                biased;
                () = &mut ready => return Ok(()),
                () = std::future::ready(()) => {}
            }
            self.first(Err("this person is not here now".to_owned()));
            let ready = tokio::time::timeout(self.left(), ready);
            if let Some(ready) = self.unless_changed(ready).await? {
                return ready.map_err(|_| End::Late);
            }
        }
    }

    /// Waits until something has come from this conversation.
    async fn until_they_write(
        &mut self,
        mut spoken: broadcast::Receiver<ChatId>,
    ) -> Result<(), End> {
        let (chat, left) = (self.mail.to.conversation().id, self.left());
        // One who has missed some may have missed this one.
        let wrote = async { while spoken.recv().await.is_ok_and(|said| said != chat) {} };
        let mut wrote = pin!(tokio::time::timeout(left, wrote));
        loop {
            if let Some(wrote) = self.unless_changed(&mut wrote).await? {
                return wrote.map_err(|_| End::Late);
            }
        }
    }

    /// Waits, unless the person may not read it any more meanwhile.
    async fn wait(&mut self, until: Instant) -> Result<(), End> {
        let left = self.left();
        if left.is_zero() {
            return Err(End::Late);
        }
        let until = until.min(Instant::now() + left);
        while self.unless_changed(tokio::time::sleep_until(until)).await?.is_none() {}
        Ok(())
    }

    /// Waits for something; `None` where access has changed first, and the person may still read it.
    async fn unless_changed<T>(&mut self, wait: impl Future<Output = T>) -> Result<Option<T>, End> {
        self.underway = None;
        tokio::select! {
            done = wait => return Ok(Some(done)),
            () = self.gateway.stop.cancelled() => return Err(End::Stopped),
            changed = self.changes.changed() => changed.map_err(|_| End::Stopped)?,
        }
        match may(self.gateway, self.account, &self.mail).await {
            May::No => Err(End::Dropped),
            May::Yes | May::Later => Ok(None),
        }
    }

    /// How long it may still take.
    fn left(&self) -> Duration {
        let waited = world::now().0.saturating_sub(self.mail.made);
        GIVEN_UP_AFTER.saturating_sub(Duration::from_millis(waited))
    }

    /// Nobody has got the code, so nobody shall use it.
    async fn take_back(&self, code: &SetupId) {
        let hearer = hearer(self.gateway, self.account, &self.mail.to).ok().flatten();
        let owner = hearer.and_then(|hearer| Approver::in_chat(&hearer.owner?));
        if let Some(owner) = owner {
            let by = DeviceApprover::of(&owner, Listed::Nothing);
            self.gateway.setup.lost(&self.gateway.store, code, &by).await;
        }
    }
}

/// Asks the gate by the rules of this moment.
fn hearer(
    gateway: &Gateway,
    account: &AccountRuntime,
    to: &Address,
) -> Result<Option<gate::Hearer>, StoreError> {
    let Some(sender) = to.sender() else { return Ok(None) };
    let (config, of_account) = (gateway.config(), account.rules());
    let rules = Rules { account: &of_account, owners: &config.owners, store: &gateway.store };
    let (conversation, link) = (&to.conversation(), to.link());
    let person = Person { conversation, sender: &sender, also: &[], link };
    gate::hearer(rules, person, world::now())
}

/// What a person is to an account: what the channel has kept for one who waits, or has access, is theirs.
pub(crate) fn reader(gateway: &Gateway, account: &AccountRuntime, person: &SenderId) -> Reader {
    let key = &account.config.key;
    let chat = Conversation::new(ChatId::new(person.as_str()), ChatKind::Direct);
    let let_in = hearer(gateway, account, &Address::new(&chat, person, Link::Private));
    let waits = || {
        let waiting = gateway.store.waiting(&key.channel, world::now()).unwrap_or_default();
        waiting.iter().any(|one| one.key == *key && one.sender == *person)
    };
    match let_in {
        Ok(Some(_)) => Reader::Admitted,
        _ if waits() => Reader::Waits,
        _ => Reader::Nobody,
    }
}

async fn may(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>, mail: &Mail) -> May {
    if !account.rules().enabled {
        return May::Later;
    }
    let allowed = match &mail.only {
        Only::Admitted => match hearer(gateway, account, &mail.to) {
            // Who was let in by a decision that the disk has not taken whole yet hears of it after that.
            Ok(None) if gateway.store.is_unfinished() => return May::Later,
            hearer => hearer.map(|hearer| hearer.is_some()),
        },
        Only::Everyone => mail.to.sender().map_or(Ok(false), |sender| {
            let standing = gateway.store.standing(&account.config.key, &sender, world::now());
            standing.map(|standing| standing != Standing::Blocked)
        }),
        Only::Owner => hearer(gateway, account, &mail.to)
            .map(|hearer| hearer.is_some_and(|hearer| hearer.owner.is_some())),
        Only::Waiting(request) => {
            let (store, id) = (Arc::clone(&gateway.store), RequestId::from_text(request));
            let channel = account.config.key.channel.clone();
            blocking(move || {
                Ok(store.waiting(&channel, world::now())?.iter().any(|one| one.id == id))
            })
            .await
        }
    };
    match allowed {
        Ok(true) => May::Yes,
        Ok(false) => May::No,
        Err(error) => {
            debug!(channel = account.config.plugin.id, %error, "not sent yet");
            May::Later
        }
    }
}
