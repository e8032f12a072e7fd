//! The first message of whoever waits (`pairing.hold_first_message`): kept until the decision, delivered once if an
//! owner says so, erased by any other end. Nobody reads it before, and no log has a word of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use openclaw_plugin_sdk::{AccountId, InboundMessage};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{secrets, words};
use crate::{
    gateway::{
        Gateway,
        accounts::account::AccountRuntime,
        blocking,
        delivery::{
            answer,
            journal::{self, Kept},
        },
    },
    rules::{
        AccountKey,
        claim::looks_like_a_code,
        pairing::{FirstMessage, PairingRequest, RequestId},
    },
    store::{StoreError, private},
    world,
};

/// A longer text is not kept, for half of it would be answered.
const LONGEST: usize = 4096;
/// Other programs decide too, and time runs out: so often somebody looks, while something is held.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A message as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    channel: String,
    account: String,
    /// The owner who is about to let its sender in and have it delivered, as the access log names him.
    #[serde(default)]
    promised_to: Option<String>,
    message: Kept,
}

/// What is known of a message without reading it.
#[derive(Clone)]
struct Known {
    channel: String,
}

/// The messages that are held, one file a request.
pub(crate) struct HeldMessages {
    folder: PathBuf,
    known: Mutex<BTreeMap<RequestId, Known>>,
    /// One decides at a time about whoever has a message here.
    turn: tokio::sync::Mutex<()>,
}

impl HeldMessages {
    /// With what an earlier run has left.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, StoreError> {
        let mut known = BTreeMap::new();
        for name in names(&folder)? {
            let path = folder.join(&name);
            let page = name.strip_suffix(".json").map(|id| (id, load(&path)));
            if let Some((id, Ok(Some(page)))) = page {
                known.insert(RequestId::from_text(id), Known::of(&page));
            } else {
                warn!(file = %path.display(), "a held message that cannot be read is erased");
                remove(&path)?;
            }
        }
        Ok(Self { folder, known: Mutex::new(known), turn: tokio::sync::Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<RequestId, Known>> {
        self.known.lock()
    }

    fn path(&self, request: &RequestId) -> PathBuf {
        self.folder.join(format!("{}.json", request.as_str()))
    }

    fn holds(&self, request: &RequestId) -> bool {
        self.known().contains_key(request)
    }

    fn write(&self, request: &RequestId, page: &Page) -> Result<(), StoreError> {
        private::replace_json(&self.path(request), page)?;
        private::sync(&self.folder)?;
        self.known().insert(request.clone(), Known::of(page));
        Ok(())
    }

    fn erase(&self, request: &RequestId) -> Result<(), StoreError> {
        remove(&self.path(request))?;
        private::sync(&self.folder)?;
        self.known().remove(request);
        Ok(())
    }
}

impl Known {
    fn of(page: &Page) -> Self {
        Self { channel: page.channel.clone() }
    }
}

fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let failed = |source| StoreError::Io { doing: "read", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(failed)
    };
    entries.map(name).collect()
}

fn load(path: &Path) -> Result<Option<Page>, StoreError> {
    let Some(bytes) = private::read(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| StoreError::Damaged {
        path: path.to_owned(),
        line: None,
        why: "this is no held message".to_owned(),
    })
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { doing: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// The message as it is held, if it has words for the assistant: the store keeps the first one, with the request.
pub(crate) fn first(
    gateway: &Gateway,
    account: &AccountRuntime,
    message: &InboundMessage,
) -> Result<Option<FirstMessage>, StoreError> {
    let text = message.text.trim();
    let prefix = account.config.plugin.abilities.command_prefix;
    if !gateway.config().pairing.hold_first_message
        || text.is_empty()
        || text.len() > LONGEST
        || words::command(prefix, text).is_some()
        || looks_like_a_code(text)
        || secrets::code_in(gateway, text)?.is_some()
    {
        return Ok(None);
    }
    let page = Page {
        channel: account.config.key.channel.clone(),
        account: account.config.key.account.as_str().to_owned(),
        promised_to: None,
        message: journal::keep(&InboundMessage { attachment: None, ..message.clone() }),
    };
    let characters = page.message.text.chars().count();
    let page = serde_json::to_vec(&page).map_err(|error| StoreError::Io {
        doing: "write",
        path: gateway.state.held(),
        source: error.into(),
    })?;
    Ok(Some(FirstMessage { characters, page }))
}

/// The store holds the message of this request.
pub(crate) fn note(gateway: &Gateway, request: &PairingRequest) {
    if request.held.is_some() {
        let known = Known { channel: request.key.channel.clone() };
        gateway.held.known().entry(request.id.clone()).or_insert(known);
    }
}

/// Erases what is held for a request.
pub(crate) async fn forget(gateway: &Arc<Gateway>, request: &RequestId) -> Result<(), StoreError> {
    if !gateway.held.holds(request) {
        return Ok(());
    }
    let (here, id) = (Arc::clone(gateway), request.clone());
    blocking(move || here.held.erase(&id)).await
}

/// A decision about somebody whose message is held: no other runs beside it.
pub(crate) struct Deciding<'a>(Option<tokio::sync::MutexGuard<'a, ()>>);

/// Notes durably, before a decision, whether it is to deliver the message, and for whom.
pub(crate) async fn promise<'a>(
    gateway: &'a Arc<Gateway>,
    request: &RequestId,
    owner: Option<&str>,
) -> Result<Deciding<'a>, StoreError> {
    if !gateway.held.holds(request) {
        return Ok(Deciding(None));
    }
    let turn = gateway.held.turn.lock().await;
    let (here, id, owner) = (Arc::clone(gateway), request.clone(), owner.map(str::to_owned));
    blocking(move || {
        let Some(page) = load(&here.held.path(&id))? else { return Ok(()) };
        if page.promised_to == owner {
            return Ok(());
        }
        here.held.write(&id, &Page { promised_to: owner, ..page })
    })
    .await?;
    Ok(Deciding(Some(turn)))
}

impl Deciding<'_> {
    /// The decision is made.
    pub(crate) fn over(self) {
        drop(self.0);
    }
}

/// Has the held message of somebody who was let in answered, once.
pub(crate) async fn deliver(gateway: &Arc<Gateway>, request: &RequestId) -> Result<(), StoreError> {
    let (here, id) = (Arc::clone(gateway), request.clone());
    if let Some((account, job)) = blocking(move || hand_over(&here, &id)).await? {
        info!(channel = account.config.plugin.id, "a held message is delivered");
        answer::put(gateway, &account, job).await;
    }
    Ok(())
}

/// Puts a message into the journal of its account, and erases it here. `None` where it is there already.
fn hand_over(
    gateway: &Gateway,
    request: &RequestId,
) -> Result<Option<(Arc<AccountRuntime>, answer::Task)>, StoreError> {
    let Some(page) = load(&gateway.held.path(request))? else { return Ok(None) };
    let key = AccountId::parse(&page.account)
        .map(|account| AccountKey { channel: page.channel, account });
    let account = key.and_then(|key| gateway.account(&key));
    let mut job = None;
    if let (Some(account), Some(message)) = (account, journal::revive(page.message)) {
        let key = format!("held-{}", request.as_str());
        if !account.journal.knows(&key) {
            account.journal.take(&key, &message).map_err(|source| StoreError::Io {
                doing: "write",
                path: gateway.state.inbox(&account.config.key),
                source,
            })?;
            let message = Box::new(message);
            job = Some((Arc::clone(&account), answer::Task::Respond { key, message }));
        }
    }
    gateway.held.erase(request)?;
    Ok(job)
}

/// Erases what nobody waits for any more, and hands over what was promised. What that owes is said.
pub(crate) fn sweep(
    gateway: &Gateway,
) -> Result<Vec<(Arc<AccountRuntime>, answer::Task)>, StoreError> {
    let known = gateway.held.known().clone();
    let mut jobs = Vec::new();
    for (request, Known { channel }) in known {
        let waiting = gateway.store.waiting(&channel, world::now())?;
        if waiting.iter().any(|waits| waits.id == request) {
            continue;
        }
        let page = load(&gateway.held.path(&request))?;
        let owner = page.and_then(|page| page.promised_to);
        if owner.is_some_and(|owner| is_approved(gateway, &request, &owner)) {
            jobs.extend(hand_over(gateway, &request)?);
        } else {
            gateway.held.erase(&request)?;
        }
    }
    Ok(jobs)
}

/// True where this very owner has let the sender of this request in.
fn is_approved(gateway: &Gateway, request: &RequestId, owner: &str) -> bool {
    let names = BTreeSet::from([request.as_str()]);
    let lines = gateway.cards.decisions.about(&gateway.state, &names);
    let line = lines.ok().and_then(|mut lines| lines.remove(request.as_str()));
    line.is_some_and(|line| line.action == "approve" && line.actor == owner)
}

/// Looks after what is held until the gateway stops.
pub(crate) async fn keep(gateway: Arc<Gateway>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = gateway.stop.cancelled() => return,
        }
        if gateway.held.known().is_empty() {
            continue;
        }
        // Whoever is just deciding cleans up himself.
        let turn = gateway.held.turn.lock().await;
        let here = Arc::clone(&gateway);
        let swept = blocking(move || sweep(&here)).await;
        drop(turn);
        match swept {
            Ok(jobs) => {
                for (account, job) in jobs {
                    answer::put(&gateway, &account, job).await;
                }
            }
            Err(error) => warn!(%error, "what is held of strangers is looked at again"),
        }
    }
}
