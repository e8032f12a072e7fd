//! The running gateway: accounts, server and socket, started and stopped in order.

/// Logs what is told to an owner at the console anyway: as a detail while one sits there.
macro_rules! info_unless_at_console {
    ($($fields:tt)*) => {
        if openclaw_plugin_sdk::console::has_prompt() {
            tracing::debug!($($fields)*);
        } else {
            tracing::info!($($fields)*);
        }
    };
}

mod accounts;
mod approvals;
mod commands;
mod connections;
mod delivery;
mod findings;
mod gate;
mod http;
mod inbound;
mod journal;
pub(crate) mod local;
pub(crate) mod rpc;
pub(crate) mod runtime;
mod setup_codes;
mod text;

use openclaw_config as config;
use openclaw_control as control;
use openclaw_decision_history as decision_history;
use openclaw_doctor as doctor;
use openclaw_local_client as local_client;
use openclaw_network as network;
use openclaw_protocol as protocol;
use openclaw_registry as registry;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use openclaw_plugin_sdk::{Responder, UnixMs};
use parking_lot::Mutex;
use tokio::{
    sync::{RwLock, watch as watch_channel},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accounts::{Accounts, account::AccountRuntime},
    approvals::{Cards, held::HeldMessages},
    commands::Commands,
    connections::Connections,
    decision_history::RingBuffer,
    delivery::{assistant::Assistant, queue::ConversationQueue, shown::Shown},
    findings::Findings,
    gate::{Clock, Past},
    http::metrics::Metrics,
    network::identity::Identity,
    rpc::{Rpc, methods::chat::Chats},
    rules::{AccountKey, claim::WrongTries},
    runtime::{decisions::Decisions, readiness::Readiness, reload::Live},
    setup_codes::SetupMessages,
    store::{Note, Store, StoreError, owners_seen::OwnersSeen, paths::StateDir},
};

pub use crate::{
    findings::Find,
    local::instance_lock::SingleError,
    runtime::{
        open::{Connected, Tried, link_account, try_account, try_assistant},
        reload::{Load, Origin},
        start::{Ownership, Ready, RunError, Start, run},
    },
};

/// At a stop, what is being answered or sent has so long to end.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// What everything in the running gateway shares.
pub(crate) struct Gateway {
    /// The configuration and the shared secret, which may change.
    live: Live,
    state: StateDir,
    store: Arc<Store>,
    decisions: Decisions,
    /// The key that it is known again by.
    identity: Identity,
    /// Of the port's certificate, where it speaks TLS.
    tls_fingerprint: Option<network::tls::Fingerprint>,
    connections: Connections,
    rpc: Rpc,
    accounts: Accounts,
    responder: parking_lot::RwLock<Arc<dyn Responder>>,
    /// Whether it answers.
    assistant: Assistant,
    turns: ConversationQueue,
    /// Changes when access may have changed: what is under way is judged again.
    access_changes: watch_channel::Sender<()>,
    /// What devices and the assistant say to each other.
    chats: Chats,
    /// What owners are told, and what stands in their chats.
    cards: Cards,
    /// First messages of those who wait.
    held: HeldMessages,
    metrics: Metrics,
    /// What the checks of the set-up say.
    findings: Findings,
    /// Read while devices are being shown.
    notices_underway: RwLock<()>,
    wrong_claims: Mutex<WrongTries>,
    commands: Commands,
    /// The messages that show setup codes.
    setup: SetupMessages,
    /// The waiting devices that each owner's chat was shown.
    shown: Mutex<Shown>,
    /// The last verdicts, without texts.
    verdicts: Mutex<RingBuffer>,
    owners_seen: Mutex<OwnersSeen>,
    started: UnixMs,
    /// The same moment by a clock that nobody can set.
    began: Instant,
    port: u16,
    readiness: Readiness,
    tracker: TaskTracker,
    stop: CancellationToken,
    /// The folder is a restored copy that nobody has confirmed.
    unconfirmed: AtomicBool,
}

impl Gateway {
    /// True while every account is held back, and every device but the command line of this machine.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        self.unconfirmed.load(Ordering::Acquire)
    }

    fn account(&self, key: &AccountKey) -> Option<Arc<AccountRuntime>> {
        self.accounts.of(key)
    }

    /// The assistant as it is now; an answer that has begun keeps the one it began with.
    fn responder(&self) -> Arc<dyn Responder> {
        Arc::clone(&self.responder.read())
    }

    fn moment(&self, account: &AccountRuntime) -> Clock {
        let first_start = account.journal.first_start();
        Clock { now: world::now(), past: account.past(self.began), first_start }
    }

    /// Does something beside whatever goes on. A stop does not wait for it long.
    fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            let mut work = std::pin::pin!(work);
            tokio::select! {
                () = &mut work => {}
                () = stop.cancelled() => {
                    let _cut = tokio::time::timeout(FINISH_WITHIN, work).await;
                }
            }
        });
    }

    /// Asks the store, off the runtime.
    async fn read<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.store);
        blocking(move || call(&store)).await
    }

    /// Changes the store. What was decided is published before this returns.
    async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let timed = self.metrics.decision.time();
        let changed = self.read(call).await;
        drop(timed);
        // What cannot be published now is published later.
        let _later = self.follow_decisions().await;
        changed
    }

    /// Notes in the access log what a person was refused in a chat.
    async fn note_in_chat(
        &self,
        action: &'static str,
        key: &AccountKey,
        sender: &str,
        subject: &'static str,
    ) -> Result<(), StoreError> {
        let (key, actor) = (key.clone(), format!("{}:{sender}", key.channel));
        self.read(move |store| {
            let (surface, key) = ("chat", Some(&key));
            let note = Note { action, surface, actor: &actor, key, subject };
            store.note(&note, world::now())
        })
        .await
    }
}

/// The moment for a message that was taken on already: nothing is too old.
fn moment_of_answer() -> Clock {
    Clock { now: world::now(), past: Past::Settled, first_start: false }
}

/// The store blocks on disk: its calls go off the runtime.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    finished(tokio::task::spawn_blocking(call)).await
}

/// What a task gives.
async fn finished<T>(task: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    task.await.unwrap_or_else(|error| {
        let source = std::io::Error::other(error.to_string());
        Err(StoreError::Io { doing: "finish the work on", path: "the store".into(), source })
    })
}

/// What a file is known again by; `None` where there is none.
type FileMark = Option<(u64, u64, i64, i64)>;

/// By one `stat`.
fn file_mark(path: &Path) -> FileMark {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}
