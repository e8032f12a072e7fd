//! The way from a channel into the gateway. The only one.

mod readers;

use std::{
    fmt,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Mutex, mpsc, oneshot, watch},
};

pub use self::readers::{Reader, Readers};
use crate::{
    AccountId, ChannelError, Client, InboundEvent, Secret, SenderId, UnixMs, clock::PlatformClock,
    http_client,
};

/// A secret is known by each of its parts that are this long: the joints between them may be written otherwise.
const LONG_PART: usize = 16;

/// Where one account's channel delivers its events, and takes its HTTP requests from.
#[derive(Debug)]
pub struct Inbox {
    account: AccountId,
    deliveries: mpsc::Sender<Delivery>,
    exchanges: Mutex<mpsc::Receiver<Exchange>>,
    connected: watch::Sender<bool>,
    limitation: parking_lot::Mutex<Option<String>>,
    deep_link: parking_lot::Mutex<Option<String>>,
    mentions_only: parking_lot::Mutex<Option<String>>,
    clock: parking_lot::Mutex<PlatformClock>,
    readers: OnceLock<Readers>,
    folder: OnceLock<PathBuf>,
    state: OnceLock<PathBuf>,
    run: OnceLock<PathBuf>,
    notes: OnceLock<Arc<dyn Notes>>,
    secrets: parking_lot::Mutex<Vec<Secret>>,
    trial: bool,
}

/// What an account's channel notes for itself, over restarts: a cursor, how a conversation is reached. At most
/// [`MOST_NOTES`], the oldest make room; it is forgotten with the login.
#[async_trait]
pub trait Notes: fmt::Debug + Send + Sync {
    /// What was noted under this key.
    fn read(&self, key: &str) -> Option<String>;
    /// Notes it durably.
    async fn write(&self, key: String, value: String) -> io::Result<()>;
}

/// The limits of [`Notes`]: how many there are, and the bytes of a key and its value together.
pub const MOST_NOTES: usize = 1000;
/// See [`MOST_NOTES`].
pub const LONGEST_NOTE: usize = 1024;

/// An event on its way to the gate.
#[derive(Debug)]
pub struct Delivery {
    /// The event.
    pub event: InboundEvent,
    /// Told once verdict and writes are durable; dropped when they cannot be.
    pub done: oneshot::Sender<()>,
    /// Whether the row that it stands in goes on.
    pub over: Over,
}

/// Says that nothing of a row that has not begun is to be taken any more: its platform delivers it again.
#[derive(Clone, Debug, Default)]
pub struct Over(Arc<AtomicBool>);

impl Over {
    /// True once it was said.
    pub fn is_said(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Says it.
    pub fn say(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Events that a platform keeps, in its order, until they are acknowledged: each is handed over while those before it
/// are still made durable. Dropped, the row is over; so it is once one of them could not be made durable.
#[derive(Debug)]
pub struct Row<'a> {
    inbox: &'a Inbox,
    over: Over,
}

/// An event that was handed over.
#[derive(Debug)]
pub struct Handed(oneshot::Receiver<()>);

impl Row<'_> {
    /// Hands the next event over. Waits only where too many are under way.
    pub async fn hand(&self, event: InboundEvent) -> Result<Handed, ChannelError> {
        self.inbox.hand(event, self.over.clone()).await
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        self.over.say();
    }
}

impl Handed {
    /// Returns when verdict and writes are durable: only then acknowledge the event, and none before those that were
    /// handed over before it. May be dropped and called again until it has returned.
    pub async fn durable(&mut self) -> Result<(), ChannelError> {
        (&mut self.0).await.map_err(|_| ChannelError::Held)
    }
}

impl Inbox {
    /// The gateway's end makes it: deliveries go out, exchanges come in, `connected` shows in `channels status`.
    pub fn new(
        account: AccountId,
        deliveries: mpsc::Sender<Delivery>,
        exchanges: mpsc::Receiver<Exchange>,
        connected: watch::Sender<bool>,
    ) -> Self {
        Self {
            account,
            deliveries,
            exchanges: Mutex::new(exchanges),
            connected,
            limitation: parking_lot::Mutex::default(),
            deep_link: parking_lot::Mutex::default(),
            mentions_only: parking_lot::Mutex::default(),
            clock: parking_lot::Mutex::default(),
            readers: OnceLock::new(),
            folder: OnceLock::new(),
            state: OnceLock::new(),
            run: OnceLock::new(),
            notes: OnceLock::new(),
            secrets: parking_lot::Mutex::default(),
            trial: false,
        }
    }

    /// Only whether the platform answers is to be found out.
    #[must_use]
    pub fn for_trial(self) -> Self {
        Self { trial: true, ..self }
    }

    /// True where only that is to be found out: nobody takes what arrives, so it has to stay at the platform.
    pub fn is_trial(&self) -> bool {
        self.trial
    }

    /// The gateway's end says once who may read.
    pub fn ask_for_readers(&self, readers: Readers) {
        drop(self.readers.set(readers));
    }

    /// Who has access to this account; `None` where nobody says.
    pub fn readers(&self) -> Option<Readers> {
        self.readers.get().cloned()
    }

    /// What the account logs in with: the platform's words hold none of it. It is known by each of its long parts, or as
    /// a whole where it has none.
    pub fn holds_secrets(&self, secrets: &[String]) {
        let is_joint = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let mut parts = Vec::new();
        for secret in secrets {
            let long = secret.split(is_joint).filter(|part| part.len() >= LONG_PART);
            let before = parts.len();
            parts.extend(long.map(Secret::new));
            if parts.len() == before && !secret.is_empty() {
                parts.push(Secret::new(secret));
            }
        }
        *self.secrets.lock() = parts;
    }

    /// What a platform says, to be shown or logged: nothing of it where it repeats a code or a secret of the account.
    pub fn without_secrets(&self, words: String) -> String {
        if self.secrets.lock().iter().any(|secret| words.contains(secret.expose())) {
            return "the platform's words hold a secret and are left out".to_owned();
        }
        match self.readers.get().filter(|readers| readers.holds_a_code(&words)) {
            Some(_) => "the platform's words hold a code and are left out".to_owned(),
            None => words,
        }
    }

    /// The gateway's end says once where the channel may keep conversations.
    pub fn keep_conversations_in(&self, folder: PathBuf) {
        drop(self.folder.set(folder));
    }

    /// A folder of this account alone, which may not exist yet: for what people with access and the gateway wrote to
    /// each other. The channel erases there what is of a person who loses access.
    pub fn conversations_folder(&self) -> Option<&Path> {
        self.folder.get().map(PathBuf::as_path)
    }

    /// The gateway's end says once where the state files are, those of other programs of the field too.
    pub fn state_is_in(&self, folder: PathBuf) {
        drop(self.state.set(folder));
    }

    /// The folder with the state files: a channel reads there what other programs of the field know, and writes nothing.
    pub fn state_folder(&self) -> Option<&Path> {
        self.state.get().map(PathBuf::as_path)
    }

    /// The gateway's end says once where programs that a channel starts have their sockets.
    pub fn run_programs_in(&self, folder: PathBuf) {
        drop(self.run.set(folder));
    }

    /// A folder of this user alone, which may not exist yet, for the sockets of programs that the channel starts: each
    /// is named after channel and account.
    pub fn run_folder(&self) -> Option<&Path> {
        self.run.get().map(PathBuf::as_path)
    }

    /// Asks the gate whether a person may see what a channel has kept for them while they were away.
    pub fn may_read(&self, person: &SenderId) -> bool {
        self.readers.get().is_none_or(|readers| (readers.of)(person) != Reader::Nobody)
    }

    /// The gateway's end says once who keeps notes.
    pub fn keep_notes(&self, notes: Box<dyn Notes>) {
        drop(self.notes.set(Arc::from(notes)));
    }

    /// The notes, for what is sent; `None` where nobody keeps any.
    pub fn notes(&self) -> Option<Arc<dyn Notes>> {
        self.notes.get().cloned()
    }

    /// What the channel has noted under this key with this login.
    pub fn noted(&self, key: &str) -> Option<String> {
        self.notes.get()?.read(key)
    }

    /// Notes something for the channel's next start: it is durable when this returns, so note what an event brings
    /// before it is acknowledged. What is too long is an error, and so is a disk that takes nothing.
    pub async fn note(
        &self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), ChannelError> {
        let (key, value) = (key.into(), value.into());
        let fits = key.len() + value.len() <= LONGEST_NOTE;
        let Some(notes) = self.notes.get().filter(|_| fits) else { return Err(ChannelError::Held) };
        notes.write(key, value).await.map_err(|_| ChannelError::Held)
    }

    /// The account that this is the inbox of.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Hands an event over. Returns when its verdict and its writes are durable: only then acknowledge it
    /// to the platform. On an error return from `receive` without acknowledging.
    pub async fn deliver(&self, event: InboundEvent) -> Result<(), ChannelError> {
        self.hand(event, Over::default()).await?.durable().await
    }

    /// Begins to hand over several in a row, without waiting for each.
    pub fn row(&self) -> Row<'_> {
        Row { inbox: self, over: Over::default() }
    }

    async fn hand(&self, event: InboundEvent, over: Over) -> Result<Handed, ChannelError> {
        let (done, durable) = oneshot::channel();
        let delivery = Delivery { event, done, over };
        self.deliveries.send(delivery).await.map_err(|_| ChannelError::Held)?;
        Ok(Handed(durable))
    }

    /// The next HTTP request for this account; for [`crate::Ingress::Serve`].
    pub async fn exchange(&self) -> Result<Exchange, ChannelError> {
        let next = self.exchanges.lock().await.recv().await;
        next.ok_or_else(|| {
            ChannelError::Disconnected("the gateway's server has stopped".to_owned())
        })
    }

    /// Says what stands before a code in a link that sends it here, such as `https://t.me/<bot>?start=`.
    pub fn deep_link_is(&self, head: impl Into<String>) {
        *self.deep_link.lock() = Some(head.into());
    }

    /// What stands before a code in a link that sends it here, where the platform has such links.
    pub fn deep_link(&self) -> Option<String> {
        self.deep_link.lock().clone()
    }

    /// What the last channel of this account has said holds no longer: another one takes its place.
    pub fn begin(&self) {
        *self.deep_link.lock() = None;
        *self.limitation.lock() = None;
        *self.mentions_only.lock() = None;
        self.clock().caught_up = false;
        self.connected.send_replace(false);
    }

    /// Says what time it is by the platform's clock, as often as an answer of it tells: what was written before the
    /// start is told by it, for this machine's clock may be wrong.
    pub fn platform_time(&self, now: UnixMs) {
        self.clock().learn(now);
    }

    /// As [`Inbox::platform_time`], by the `Date` among an answer's headers, if there is one.
    pub fn learn_time(&self, headers: &HeaderMap) {
        if let Some(now) = http_client::date(headers) {
            self.platform_time(now);
        }
    }

    /// Says that nothing is left of what waited at the platform. Where it never says what time it is, all that was
    /// delivered before this counts as written before the start.
    pub fn caught_up(&self) {
        self.clock().caught_up = true;
    }

    /// True once nothing is left of what waited.
    pub fn is_caught_up(&self) -> bool {
        self.clock().caught_up
    }

    /// The time by the platform's clock; this machine's where it does not say.
    pub fn now(&self) -> UnixMs {
        self.clock().now()
    }

    /// What the platform's clock showed at a moment; `None` where it does not say.
    pub fn at(&self, moment: tokio::time::Instant) -> Option<UnixMs> {
        self.clock().at(moment)
    }

    /// By how many milliseconds this machine's clock is ahead of the platform's.
    pub fn ahead_by(&self) -> Option<i64> {
        self.clock().ahead_by()
    }

    fn clock(&self) -> parking_lot::MutexGuard<'_, PlatformClock> {
        self.clock.lock()
    }

    /// Says that of groups only commands, mentions and replies arrive, and how to mend that; or that all arrives.
    pub fn hears_mentions_only(&self, how_to_mend: Option<String>) {
        *self.mentions_only.lock() = how_to_mend;
    }

    /// How to mend that of groups only mentions arrive, where that is so.
    pub fn mentions_only(&self) -> Option<String> {
        self.mentions_only.lock().clone()
    }

    /// Says that the platform answers; until then, and after `receive` ends, the account shows as connecting.
    pub fn connected(&self) {
        self.connected_but(None);
    }

    /// Says that the platform answers, and what does not work all the same and how to mend it, if there is something:
    /// it is shown beside the account's state until the platform answers again.
    pub fn connected_but(&self, limitation: Option<String>) {
        *self.limitation.lock() = limitation.map(|words| self.without_secrets(words));
        self.connected.send_replace(true);
    }

    /// What does not work although the platform answers.
    pub fn limitation(&self) -> Option<String> {
        self.limitation.lock().clone()
    }
}

/// A byte stream after an upgrade.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Ends with the stream once the response that switches protocols is written.
pub type Upgrade = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// Reads the body that a person brings, at most so many bytes of it; otherwise the answer for its client.
pub type Unread = Box<
    dyn FnOnce(
            String,
            usize,
        ) -> Pin<Box<dyn Future<Output = Result<Bytes, Response<Bytes>>> + Send>>
        + Send,
>;

/// One HTTP request and the way to answer it. Dropped without a reply it becomes `503`.
pub struct Exchange {
    /// The request, its body read whole. With [`Ingress::Serve`](crate::Ingress::Serve) that is read when
    /// [`Exchange::body`] asks for it.
    pub request: Request<Bytes>,
    /// Who asks. Headers say nothing beside it: the gateway has read them already.
    pub client: Client,
    reply: oneshot::Sender<Response<Bytes>>,
    upgrade: Option<Upgrade>,
    unread: Option<Unread>,
}

impl Exchange {
    /// The gateway's end makes it; `upgrade` where the request asks for one.
    pub fn new(
        request: Request<Bytes>,
        client: Client,
        reply: oneshot::Sender<Response<Bytes>>,
        upgrade: Option<Upgrade>,
    ) -> Self {
        Self { request, client, reply, upgrade, unread: None }
    }

    /// The body is read when it is asked for.
    #[must_use]
    pub fn with_unread(self, unread: Unread) -> Self {
        Self { unread: Some(unread), ..self }
    }

    /// The body, of at most so many bytes; otherwise the answer for its client. What is unfinished of it counts for the
    /// person who brings it.
    pub async fn body(&mut self, person: &str, limit: usize) -> Result<Bytes, Response<Bytes>> {
        match self.unread.take() {
            Some(read) => read(person.to_owned(), limit).await,
            None => Ok(std::mem::take(self.request.body_mut())),
        }
    }

    /// Answers.
    pub fn reply(self, response: Response<Bytes>) {
        // A client that has gone needs no answer.
        drop(self.reply.send(response));
    }

    /// Answers with `101` and gives the stream; `None` where the request asked for no upgrade (then it gets `426`).
    pub fn upgrade(self, response: Response<Bytes>) -> Option<Upgrade> {
        let Some(upgrade) = self.upgrade else {
            let mut refusal = Response::new(Bytes::new());
            *refusal.status_mut() = http::StatusCode::UPGRADE_REQUIRED;
            drop(self.reply.send(refusal));
            return None;
        };
        self.reply.send(response).ok()?;
        Some(upgrade)
    }
}

/// Method and path only: headers hold cookies.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, path) = (self.request.method(), self.request.uri().path());
        write!(f, "{method} {path} from {}", self.client.address)
    }
}
