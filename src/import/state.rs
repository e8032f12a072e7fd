//! What another OpenClaw keeps of people and devices: read from its files or its database, weighed against what is known
//! here, and taken over one decision at a time.

#[cfg(feature = "sqlite")]
mod copy;
#[cfg(feature = "sqlite")]
mod database;
mod files;
mod table;
#[cfg(feature = "sqlite")]
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::UnixMs;
use openclaw_rules::{AccountKey, Contact, approver::Approver};
use openclaw_store::{
    ParseSender, Store, StoreError,
    imports::{Entry, Importer, Left, foreign_files},
    paths::StateDir,
};

pub(crate) use self::files::listed;
pub use self::table::{counts, items};

/// The database of OpenClaw 2026.7 and newer, below its state folder.
pub const DATABASE: &str = "state/openclaw.sqlite";
/// The newest schema whose meaning is known.
const NEWEST: i64 = 18;

/// What was found in a folder.
#[expect(missing_debug_implementations, reason = "a request holds its code")]
pub struct Found {
    /// The folder, without links.
    pub folder: PathBuf,
    /// The database, where there is one.
    pub database: Option<Schema>,
    /// What can be taken over.
    pub entries: Vec<Entry>,
    /// What cannot, and why.
    pub refused: Vec<(String, Refused)>,
    /// SHA-256 of what was read, as hexadecimal text.
    pub digest: String,
}

/// Which database it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its `user_version`.
    pub version: i64,
    /// The version of OpenClaw that wrote it last.
    pub program: Option<String>,
}

impl Schema {
    /// True where this program was made before the database.
    pub fn is_newer(&self) -> bool {
        self.version > NEWEST
    }
}

/// Why something cannot be taken over, whatever is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A name, an address or a number that is no stable id of its channel.
    NoStableId,
    /// A browser's page that showed the shared secret on its own machine.
    PassingBrowser,
    /// It stands in a list beside the database, and not in the database.
    LeftOver,
    /// It is not of the shape that OpenClaw writes.
    Unreadable,
    /// A request that does not say to which account it came, where the channel has several.
    NoAccount,
}

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A store here or there.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The database.
    #[error("{path}: {why}", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
}

/// Reads a folder; `None` where nothing of people and devices is kept there. `scratch` is a folder of this user alone:
/// a database is copied to it, and the copy is removed. `sharing` are accounts that have the people of the lists that
/// name no account; `browsers` takes passing pages over too.
pub fn read(
    folder: &Path,
    scratch: &Path,
    parse: ParseSender,
    (sharing, browsers): (&[AccountKey], bool),
) -> Result<Option<Found>, StateError> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let path = folder.join(DATABASE);
    let mut found = if path.symlink_metadata().is_ok() {
        database(&folder, &path, scratch, parse)?
    } else {
        files::read(&folder, parse, sharing)?
    };
    if !browsers {
        let refused = &mut found.refused;
        found.entries.retain(|entry| match entry {
            Entry::Device(device) if files::is_passing_browser(device) => {
                refused.push((device.id().as_str().to_owned(), Refused::PassingBrowser));
                false
            }
            _ => true,
        });
    }
    let is_empty = found.entries.is_empty() && found.refused.is_empty();
    Ok((!is_empty || found.database.is_some()).then_some(found))
}

#[cfg(feature = "sqlite")]
fn database(
    folder: &Path,
    path: &Path,
    scratch: &Path,
    parse: ParseSender,
) -> Result<Found, StateError> {
    let copy = copy::Copy::of(path, scratch)?;
    let mut found = database::read(folder, path, &copy, parse)?;
    // The database decides; what only the files beside it say may be long over.
    let leftovers = files::read(folder, parse, &[])?;
    let known: Vec<String> = found.entries.iter().map(name).collect();
    let old = foreign_files(&StateDir::at(folder))?;
    if !old.is_empty() {
        let missing = leftovers.entries.iter().map(name).filter(|name| !known.contains(name));
        found.refused.extend(missing.map(|name| (name, Refused::LeftOver)));
    }
    Ok(found)
}

#[cfg(not(feature = "sqlite"))]
fn database(_: &Path, path: &Path, _: &Path, _: ParseSender) -> Result<Found, StateError> {
    let why = "this build cannot read it: build with the feature `import-sqlite`";
    Err(StateError::Database { path: path.to_owned(), why: why.to_owned() })
}

/// How an entry is named in tables and records.
pub fn name(entry: &Entry) -> String {
    match entry {
        Entry::Sender(who) | Entry::Shared(who) => who.to_string(),
        Entry::Request(request) => {
            let (key, sender) = (request.key.clone(), request.sender.clone());
            Contact { key, sender }.to_string()
        }
        Entry::Device(device) => device.id().as_str().to_owned(),
        Entry::Node(node) => node.request.node.clone(),
    }
}

/// What would become of each entry now.
pub fn preview(
    found: &Found,
    store: &Store,
    by: Approver,
    now: UnixMs,
) -> Result<Vec<Option<Left>>, StateError> {
    let mut importer = Importer::new(store, by)?;
    let weighed = found.entries.iter().map(|entry| importer.weigh(entry, now));
    Ok(weighed.collect::<Result<_, _>>()?)
}

/// Takes everything over, and says what became of each entry. Lists beside a database in the same folder are emptied
/// first. It can be repeated after a crash: until it has ended, no gateway starts on the folder.
pub fn write(
    found: &Found,
    store: &Store,
    by: Approver,
    now: UnixMs,
) -> Result<Vec<Option<Left>>, StateError> {
    let state = store.state();
    store.record_import(found.folder.clone(), now, |source| source.finished = false)?;
    let mut importer = Importer::new(store, by)?;
    if found.database.is_some() && found.is_in(state) {
        for path in foreign_files(state)? {
            importer.put_aside(&path, now)?;
        }
    }
    let mut became = Vec::new();
    for entry in &found.entries {
        became.push(importer.take(entry, now)?);
    }
    let mut here: Vec<&Entry> = Vec::new();
    for (entry, left) in found.entries.iter().zip(&became) {
        // Also what an import took over that did not come to its end.
        if left.is_none() || importer.is_as_imported(&name(entry))? {
            here.push(entry);
        }
    }
    store.record_import(found.folder.clone(), now, |source| {
        source.database = found.database.as_ref().map(|_| DATABASE.to_owned());
        source.digest.clone_from(&found.digest);
        source.finished = true;
        for entry in here {
            let list = match entry {
                Entry::Sender(_) | Entry::Shared(_) => &mut source.senders,
                Entry::Device(_) => &mut source.devices,
                Entry::Node(_) => &mut source.nodes,
                // It ends within the hour by itself.
                Entry::Request(_) => continue,
            };
            let name = name(entry);
            if !list.contains(&name) {
                list.push(name);
            }
        }
    })?;
    Ok(became)
}

impl Found {
    /// True where it was found in this state folder.
    pub fn is_in(&self, state: &StateDir) -> bool {
        state.path().canonicalize().is_ok_and(|here| here == self.folder)
    }
}
