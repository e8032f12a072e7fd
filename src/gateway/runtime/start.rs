//! From a configuration to a running gateway, and to its end.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use openclaw_plugin_sdk::{ChannelPlugin, Ingress};
use parking_lot::Mutex;
use serde_json::json;
use tokio::{
    signal::unix::{Signal, SignalKind},
    sync::RwLock,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    Gateway, SingleError,
    accounts::{Accounts, account::AccountRuntime},
    approvals::{
        self, Cards, Outbox,
        held::{self, HeldMessages},
    },
    commands::Commands,
    config::{Account, Config},
    connections::Connections,
    control,
    decision_history::RingBuffer,
    delivery::{assistant::Assistant, files, queue::ConversationQueue},
    findings::Findings,
    http::{self, metrics::Metrics},
    local::{instance_lock::Single, server},
    local_client,
    network::{
        bind::BindError,
        identity::IdentityError,
        secret::{SecretError, SharedSecret},
        tls::{Fingerprint, TlsError},
    },
    protocol::refusal::{CLOSE_RESTART, RESTART},
    registry,
    rpc::{
        Rpc,
        hub::{Audience, Event},
        methods::chat::Chats,
    },
    rules::{AccountKey, claim::ClaimCode},
    runtime::{
        console_words,
        decisions::{self, Decisions},
        listen::OpenPort,
        open,
        readiness::{self, Readiness},
        reload::{self, Live, Origin},
        restored, supervise, ticker,
    },
    setup_codes::{self, SetupMessages, shown_codes::ShownCodes},
    store::{Store, StoreError, audit::tail::Tail, owners_seen::OwnersSeen, paths::StateDir},
    world,
};

/// Everything ends within this after a signal.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// What a gateway is started with.
#[derive(Debug)]
pub struct Start {
    /// Checked.
    pub config: Config,
    /// Its folder.
    pub state: StateDir,
    /// Where the configuration comes from, to be read again.
    pub origin: Arc<Origin>,
    /// There is a console to sit at.
    pub console: bool,
    /// Standard output is a terminal: a claim code may be printed.
    pub terminal: bool,
}

/// A gateway that is ready.
#[expect(missing_debug_implementations, reason = "it may hold a code")]
pub struct Ready<'a> {
    /// Where its port is, for this machine.
    pub address: SocketAddr,
    /// Where it is for others.
    pub elsewhere: Vec<SocketAddr>,
    /// Of its certificate, where it speaks TLS.
    pub tls_fingerprint: Option<Fingerprint>,
    /// The channels that pages are served for, by path.
    pub pages: Vec<&'static str>,
    /// The folder of its files.
    pub state: &'a StateDir,
    /// The owner's console is open.
    pub console: bool,
    /// No owner is configured, added or claimed: the code to claim it with, if it may be printed.
    pub ownership: Ownership,
}

/// Whether the gateway has an owner.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a code")]
pub enum Ownership {
    /// Nobody; this code takes it.
    Unclaimed(ClaimCode),
    /// Nobody; `openclaw owner claim` prints a code.
    UnclaimedQuiet,
    /// An owner.
    Claimed,
}

/// Why a gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A port, a folder, a signal.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// What an account has seen cannot be read.
    #[error("cannot read {path}: {source}; repair it or move it away, then start again", path = path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The port cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The gateway's own key cannot be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The certificate cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A plugin cannot be opened.
    #[error("{plugin}: {problem}")]
    Plugin {
        /// Which.
        plugin: String,
        /// Why.
        problem: String,
    },
    /// There is no secret to ask for.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Another gateway has the folder.
    #[error(transparent)]
    Single(#[from] SingleError),
    /// The store cannot be read.
    #[error("{0}; repair the file or move it away, then start again")]
    Store(#[from] StoreError),
}

fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
    let doing = doing.into();
    move |source| RunError::Io { doing, source }
}

/// Runs a gateway until SIGINT or SIGTERM. `ready` hears when clients can come.
pub fn run(start: Start, ready: impl FnOnce(&Ready<'_>)) -> Result<(), RunError> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime =
        runtime.worker_threads(2).enable_all().build().map_err(io_error("start the runtime"))?;
    let ended = runtime.block_on(serve(start, ready));
    runtime.shutdown_timeout(Duration::from_millis(500));
    ended
}

async fn serve(mut start: Start, ready: impl FnOnce(&Ready<'_>)) -> Result<(), RunError> {
    let mut single = Single::take(&start.state.gateway_lock())?;
    let store = Store::new(start.state.clone(), parse_sender);
    store.start(world::now())?;
    let unconfirmed = restored::hold_back(&store, &mut start.config);
    let accounts: Vec<AccountKey> =
        start.config.accounts.iter().map(|account| account.key.clone()).collect();
    store.check(&accounts)?;
    let store = Arc::new(store);
    let mut entry = OpenPort::open(&start.config, (&start.state, &store), world::now())?;
    single.name(entry.port).map_err(io_error("write the gateway's lock"))?;
    let (door, commands) =
        server::open(&start.state).map_err(io_error("open the socket of the command line"))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let ownership = ownership(&start, &store)?;
    let (address, elsewhere) = (entry.here(), entry.elsewhere());
    let listeners = std::mem::take(&mut entry.listeners);
    let acceptor = entry.tls.as_ref().map(|served| served.acceptor.clone());
    let announced = entry.announce(&start.config);
    reload::note(&start.config, &start.state, &store);
    let gateway = Arc::new(gateway(&start, &store, (entry, unconfirmed))?);
    // What these take on is answered with what else the last run has left.
    decisions::catch_up(&gateway);
    held::sweep(&gateway).await?;
    gateway.rpc.asking.resume(&store.device_requests(world::now())?);
    for listener in listeners {
        let serving = http::serve(Arc::clone(&gateway), listener, acceptor.clone());
        gateway.tracker.spawn(serving);
    }
    gateway.tracker.spawn(server::serve(Arc::clone(&gateway), commands));
    gateway.tracker.spawn(ticker::run(Arc::clone(&gateway)));
    let hangup = signal(SignalKind::hangup())?;
    gateway.tracker.spawn(reload::keep(Arc::clone(&gateway), (start.origin, hangup)));
    let accounts = gateway.accounts.on();
    let pages = accounts.iter().filter_map(|account| page(account.config.plugin));
    let console = has_console(&gateway);
    ready(&Ready {
        address,
        elsewhere,
        tls_fingerprint: gateway.tls_fingerprint,
        pages: pages.collect(),
        state: &start.state,
        console,
        ownership,
    });
    // The console's prompt stands below what was just said.
    keep(&gateway);
    until_told(&gateway, accounts, (&mut interrupt, &mut terminate)).await;
    drop(announced);
    farewell(&gateway).await;
    gateway.stop.cancel();
    gateway.tracker.close();
    if tokio::time::timeout(STOP_WITHIN, gateway.tracker.wait()).await.is_err() {
        warn!("stopped before everything had ended");
    }
    ticker::flush(&gateway).await;
    local_client::door::clear(&start.state, &door)
        .map_err(io_error("remove the socket of the command line"))
}

/// Takes work once these accounts are open, until a signal asks it to stop.
async fn until_told(
    gateway: &Gateway,
    accounts: Vec<Arc<AccountRuntime>>,
    (interrupt, terminate): (&mut Signal, &mut Signal),
) {
    tokio::select! {
        _ = interrupt.recv() => info!("interrupted"),
        _ = terminate.recv() => info!("asked to stop"),
        () = readiness::rises(gateway, accounts) => {}
    }
    gateway.readiness.drains();
}

/// True where there is a console. Tab completes there what can be typed.
fn has_console(gateway: &Arc<Gateway>) -> bool {
    let accounts = gateway.accounts.on();
    if !accounts.iter().any(|account| account.config.plugin.abilities.console) {
        return false;
    }
    let here = Arc::downgrade(gateway);
    openclaw_plugin_sdk::console::set_words(Box::new(move |before| {
        here.upgrade().map(|gateway| console_words::words(&gateway, before)).unwrap_or_default()
    }));
    true
}

fn page(plugin: &ChannelPlugin) -> Option<&'static str> {
    match plugin.ingress {
        Ingress::Serve { path } => Some(path),
        _ => None,
    }
}

/// The accounts, and what stands in owners' chats.
fn keep(gateway: &Arc<Gateway>) {
    for account in gateway.accounts.on() {
        gateway.tracker.spawn(supervise::supervise(Arc::clone(gateway), account));
    }
    gateway.tracker.spawn(setup_codes::keep(Arc::clone(gateway)));
    gateway.tracker.spawn(approvals::keep(Arc::clone(gateway)));
}

/// Clients are told of the end before their sockets are closed.
async fn farewell(gateway: &Gateway) {
    let payload = json!({ "reason": "gateway stopping" });
    gateway.rpc.sessions.broadcast(Audience::All, &Event::new("shutdown", &payload));
    gateway.rpc.sessions.close_all(CLOSE_RESTART, RESTART);
    let gone = async {
        while gateway.rpc.sessions.count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _late = tokio::time::timeout(Duration::from_secs(1), gone).await;
}

fn gateway(
    start: &Start,
    store: &Arc<Store>,
    (entry, unconfirmed): (OpenPort, bool),
) -> Result<Gateway, RunError> {
    let on = |account: &&Account| {
        account.enabled && (start.console || !account.plugin.abilities.console)
    };
    let accounts = start
        .config
        .accounts
        .iter()
        .filter(on)
        .map(|account| open::account((&start.state, &**store), account).map(Arc::new));
    let owners = control::owners::all(store, &start.config)?.into_iter().map(|(owner, _)| owner);
    let owners_seen = OwnersSeen::open(&start.state.owners_seen(), owners, world::now());
    let secret = SharedSecret::load(&start.config.gateway.auth, &start.state)?;
    store.rely_on(reload::grounds(&start.config, &secret));
    files::clear(&start.state);
    Ok(Gateway {
        accounts: Accounts::new(accounts.collect::<Result<_, _>>()?),
        responder: parking_lot::RwLock::new(Arc::from(open::responder(&start.config)?)),
        assistant: Assistant::default(),
        live: Live::new(start.config.clone(), secret),
        state: start.state.clone(),
        store: Arc::clone(store),
        identity: entry.identity,
        tls_fingerprint: entry.tls.map(|served| served.fingerprint),
        connections: Connections::new(&start.config.gateway),
        rpc: Rpc::default(),
        turns: ConversationQueue::default(),
        access_changes: tokio::sync::watch::channel(()).0,
        chats: Chats::default(),
        metrics: Metrics::default(),
        findings: Findings::new(start.origin.find()),
        decisions: Decisions::new(Tail::at_end(&start.state)?),
        cards: Cards::new(Outbox::read(start.state.cards())),
        held: HeldMessages::open(start.state.held())?,
        notices_underway: RwLock::default(),
        wrong_claims: Mutex::default(),
        commands: Commands::default(),
        setup: SetupMessages::new(ShownCodes::open(start.state.setup_messages())),
        shown: Mutex::default(),
        verdicts: Mutex::new(RingBuffer::open(&start.state.verdicts())),
        owners_seen: Mutex::new(owners_seen),
        started: world::now(),
        began: tokio::time::Instant::now(),
        port: entry.port,
        readiness: Readiness::default(),
        tracker: TaskTracker::new(),
        stop: CancellationToken::new(),
        unconfirmed: unconfirmed.into(),
    })
}

fn ownership(start: &Start, store: &Store) -> Result<Ownership, RunError> {
    if !start.config.owners.is_empty() || !store.owners()?.is_empty() {
        return Ok(Ownership::Claimed);
    }
    if !start.terminal {
        return Ok(Ownership::UnclaimedQuiet);
    }
    let code = ClaimCode::from_random(world::random().map_err(io_error("ask for randomness"))?);
    store.open_claim(&code, world::now())?;
    Ok(Ownership::Unclaimed(code))
}

fn signal(kind: SignalKind) -> Result<Signal, RunError> {
    tokio::signal::unix::signal(kind).map_err(io_error("listen for signals"))
}

fn parse_sender(
    channel: &str,
    text: &str,
) -> Result<openclaw_plugin_sdk::SenderId, openclaw_plugin_sdk::InvalidSenderId> {
    match registry::channel(channel) {
        Some(plugin) => (plugin.parse_sender)(text),
        None => openclaw_plugin_sdk::SenderId::new(text),
    }
}

#[cfg(test)]
mod tests;
