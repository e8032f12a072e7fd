//! The first message of a stranger (`pairing.hold_first_message`): kept until the decision, delivered once if an owner
//! says so, erased by any other end. Nobody reads it before, and no log has a word of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_plugin_sdk::{AccountId, InboundMessage};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    blocking,
    control::decided::{Decided, Outcome},
    delivery::queue::{self, Task},
    gate::{secrets, words},
    journal::JournaledMessage,
    rules::{
        AccountKey,
        claim::looks_like_a_code,
        pairing::{FirstMessage, PairingRequest, RequestId},
    },
    store::{Store, StoreError, private},
    world,
};

/// A longer text is not kept, for half of it would be answered.
const LONGEST: usize = 4096;

/// A message as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    channel: String,
    account: String,
    /// The owner who is about to approve the sender and have the message delivered, as the access log names the owner.
    promised_to: Option<String>,
    message: JournaledMessage,
}

/// The messages that are held, one file a request.
pub(crate) struct HeldMessages {
    folder: PathBuf,
    /// The channel of each, without reading the file.
    known: Mutex<BTreeMap<RequestId, String>>,
    /// One decision at a time about the senders that have a message here.
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
                known.insert(RequestId::from_text(id), page.channel);
            } else {
                warn!(file = ?path, "a held message that cannot be read is erased");
                remove(&path)?;
            }
        }
        Ok(Self { folder, known: Mutex::new(known), turn: tokio::sync::Mutex::default() })
    }

    fn path(&self, request: &RequestId) -> PathBuf {
        self.folder.join(format!("{}.json", request.as_str()))
    }

    fn holds(&self, request: &RequestId) -> bool {
        self.known.lock().contains_key(request)
    }

    fn write(&self, request: &RequestId, page: &Page) -> Result<(), StoreError> {
        private::replace_json(&self.path(request), page)?;
        private::sync(&self.folder)?;
        self.known.lock().insert(request.clone(), page.channel.clone());
        Ok(())
    }

    fn erase(&self, request: &RequestId) -> Result<(), StoreError> {
        remove(&self.path(request))?;
        private::sync(&self.folder)?;
        self.known.lock().remove(request);
        Ok(())
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
    message: &Arc<InboundMessage>,
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
        message: JournaledMessage(Arc::clone(message)),
    };
    let characters = message.text.chars().count();
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
        let channel = request.key.channel.clone();
        gateway.held.known.lock().entry(request.id.clone()).or_insert(channel);
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

/// Notes durably, before a decision, whether it is to deliver the message, and for which owner. While the guard lives,
/// the gateway makes no other decision about a sender with a message here.
pub(crate) async fn promise<'a>(
    gateway: &'a Arc<Gateway>,
    request: &RequestId,
    owner: Option<&str>,
) -> Result<Option<tokio::sync::MutexGuard<'a, ()>>, StoreError> {
    if !gateway.held.holds(request) {
        return Ok(None);
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
    Ok(Some(turn))
}

/// Delivers or erases the message of a sender who was decided about.
pub(crate) async fn decided(gateway: &Arc<Gateway>, decided: &Decided) {
    if !decided.request().is_some_and(|request| gateway.held.holds(request)) {
        return;
    }
    let (here, decided) = (Arc::clone(gateway), decided.clone());
    match blocking(move || finish(&here, &decided)).await {
        Ok(Some((account, task))) => {
            info_unless_at_console!(
                channel = account.config.plugin.id,
                "a held message is delivered"
            );
            queue::put(gateway, &account, task).await;
        }
        Ok(None) => {}
        Err(error) => warn!(%error, "a held message is looked at again"),
    }
}

/// Takes the message into the journal where this owner promised that with the approval, and erases it here. What is to
/// be answered now.
pub(crate) fn finish(
    gateway: &Gateway,
    decided: &Decided,
) -> Result<Option<(Arc<AccountRuntime>, Task)>, StoreError> {
    let Some(request) = decided.request().filter(|request| gateway.held.holds(request)) else {
        return Ok(None);
    };
    let owner = load(&gateway.held.path(request))?.and_then(|page| page.promised_to);
    if decided.outcome == Outcome::Approved && owner.as_ref() == Some(&decided.by) {
        return hand_over(gateway, request);
    }
    gateway.held.erase(request).map(|()| None)
}

/// Puts a message into the journal of its account, and erases it here. `None` where it is there already.
fn hand_over(
    gateway: &Gateway,
    request: &RequestId,
) -> Result<Option<(Arc<AccountRuntime>, Task)>, StoreError> {
    let Some(page) = load(&gateway.held.path(request))? else { return Ok(None) };
    let key = AccountId::parse(&page.account)
        .map(|account| AccountKey { channel: page.channel, account });
    let account = key.and_then(|key| gateway.account(&key));
    let mut job = None;
    if let Some(account) = account {
        let JournaledMessage(message) = page.message;
        let key = format!("held-{}", request.as_str());
        if !account.journal.knows(&key) {
            account.journal.take(&key, &message).map_err(|source| StoreError::Io {
                doing: "write",
                path: gateway.state.inbox(&account.config.key),
                source,
            })?;
            job = Some((Arc::clone(&account), Task::Respond { key, message, shown: None }));
        }
    }
    gateway.held.erase(request)?;
    Ok(job)
}

/// Erases the messages whose requests are over without a line in the access log.
pub(crate) async fn sweep(gateway: &Arc<Gateway>) -> Result<(), StoreError> {
    if gateway.held.known.lock().is_empty() {
        return Ok(());
    }
    let _turn = gateway.held.turn.lock().await;
    let known = gateway.held.known.lock().clone();
    let over = gateway.read(move |store| over(store, known)).await?;
    if over.is_empty() || !gateway.follow_decisions().await? {
        return Ok(());
    }
    let here = Arc::clone(gateway);
    blocking(move || {
        over.iter().filter(|id| here.held.holds(id)).try_for_each(|id| here.held.erase(id))
    })
    .await
}

fn over(store: &Store, known: BTreeMap<RequestId, String>) -> Result<Vec<RequestId>, StoreError> {
    let mut over = Vec::new();
    for (request, channel) in known {
        let waiting = store.waiting(&channel, world::now())?;
        if waiting.iter().all(|waits| waits.id != request) {
            over.push(request);
        }
    }
    Ok(over)
}
