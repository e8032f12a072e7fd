//! What is taken over from another OpenClaw: each permission is one decision with a line of its own, by `import`.

mod record;
mod undo;

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::UnixMs;
use serde_json::{Map, Value};

pub use self::{
    record::{Imported, Source, unfinished, unimported, unread},
    undo::Undone,
};
use super::{
    ParseSender, Store, StoreError,
    audit::{self, Fates, Line, action},
    devices::LegacyNode,
    file::{self, Identity},
    own,
    pairing::{self, Requests},
    paths::StateDir,
    replay,
    transaction::Transaction,
};
use crate::rules::{
    AccountKey, Contact,
    approver::Approver,
    device::record::Device,
    pairing::{LIFETIME_MS, PairingRequest},
    records::Standing,
};

/// The actor of every line that an import writes.
pub(crate) const IMPORT: &str = "import";
/// So many requests of an account are taken over.
const MOST_WAITING: usize = 100;

/// One thing that another OpenClaw keeps.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a request holds its code")]
pub enum Entry {
    /// A person with access.
    Sender(Contact),
    /// A person of a list that named no account, on one of the accounts that shared it.
    Shared(Contact),
    /// A request of a person.
    Request(PairingRequest),
    /// A device.
    Device(Device),
    /// A legacy node.
    Node(LegacyNode),
}

/// Why something was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// An owner has blocked the person here.
    Blocked,
    /// The request is older than an hour.
    Expired,
    /// As many wait as may.
    Full,
    /// It is here already.
    Known,
    /// It was decided here, for one account.
    OneAccount,
    /// An owner has removed the device here.
    Removed,
    /// An owner has taken the access away here.
    TakenAway,
}

type Weigh = fn(&Store, &Contact, &Fates, UnixMs) -> Result<Option<Left>, StoreError>;

/// Takes entries over, one decision each.
#[derive(Debug)]
pub struct Importer<'s> {
    store: &'s Store,
    by: Approver,
    fates: Fates,
}

impl<'s> Importer<'s> {
    /// An import by the user of this machine. Reads the whole access log, and changes nothing yet.
    pub fn new(store: &'s Store, by: Approver) -> Result<Self, StoreError> {
        let fates = Fates::new(&store.state);
        let mut importer = Self { store, by, fates };
        importer.fates.follow()?;
        Ok(importer)
    }

    /// Why this would not be taken over now; `None` where it would.
    pub fn weigh(&mut self, entry: &Entry, now: UnixMs) -> Result<Option<Left>, StoreError> {
        self.fates.follow()?;
        let (store, fates) = (self.store, &self.fates);
        match entry {
            Entry::Sender(who) => store.weigh_sender(who, fates, now),
            Entry::Shared(who) => store.weigh_shared(who, fates, now),
            Entry::Request(request) => {
                let waiting = store.requests(&request.key.channel)?.0;
                store.weigh_request(request, &waiting.requests, now)
            }
            Entry::Device(device) => store.weigh_device(&device.id(), |id| fates.was_undone(id)),
            Entry::Node(node) => store.weigh_node(node),
        }
    }

    /// Takes this over. What was weighed before is weighed again under the lock.
    pub fn take(&mut self, entry: &Entry, now: UnixMs) -> Result<Option<Left>, StoreError> {
        match entry {
            Entry::Sender(who) => self.take_sender(who, Store::weigh_sender, now),
            Entry::Shared(who) => self.take_sender(who, Store::weigh_shared, now),
            Entry::Request(request) => self.take_request(request, now),
            Entry::Device(device) => {
                self.store.import_device(&self.by, device, now, &mut self.fates)
            }
            Entry::Node(node) => self.store.import_node(&self.by, node, now),
        }
    }

    /// True where this was taken over, and is as it was then: a contact, a device or a legacy node.
    pub fn is_as_imported(&mut self, what: &str) -> Result<bool, StoreError> {
        self.fates.follow()?;
        Ok(self.fates.is_as_imported(what))
    }

    fn take_sender(
        &mut self,
        who: &Contact,
        weigh: Weigh,
        now: UnixMs,
    ) -> Result<Option<Left>, StoreError> {
        let mut tx = Transaction::open(self.store, Some(self.by.authority()), now)?;
        self.fates.follow()?;
        if let Some(left) = weigh(self.store, who, &self.fates, tx.now)? {
            return Ok(Some(left));
        }
        // Who is let in waits no more.
        tx.take_requests(|open| open.key == who.key && open.sender == who.sender)?;
        let line = line(action::APPROVE, tx.now).of(&who.key).about(who.sender.as_str());
        replay::carry_out(tx, line).map(|()| None)
    }

    fn take_request(
        &self,
        request: &PairingRequest,
        now: UnixMs,
    ) -> Result<Option<Left>, StoreError> {
        let (store, channel) = (self.store, &request.key.channel);
        // What was proven to the other program, or held by it, is not here.
        let (claims, held, opened) = (None, None, None);
        let request = PairingRequest { claims, held, opened, ..request.clone() };
        let mut tx = Transaction::open(store, Some(self.by.authority()), now)?;
        let path = store.state.pairing(channel);
        tx.lock(&path)?;
        let found = file::read(&path)?;
        let mut requests = Requests::parse(&found, channel, store.parse)?;
        let mut known = requests.known();
        if let Some(left) = store.weigh_request(&request, &known, tx.now)? {
            return Ok(Some(left));
        }
        known.retain(|open| open.is_open(tx.now));
        known.push(request.clone());
        requests.follow(&known, tx.now);
        tx.put(&found, &requests.doc)?;
        let line = line(action::REQUEST, tx.now).of(&request.key);
        tx.commit(vec![line.about(request.sender.as_str()).named(request.id.as_str())])?;
        store.ages.note(request.id.as_str().as_bytes(), LIFETIME_MS);
        Ok(None)
    }

    /// Empties a list that lies beside a database and that this program did not write: what it says was decided before
    /// the database. It is kept as `.orig`.
    pub fn put_aside(&self, path: &Path, now: UnixMs) -> Result<(), StoreError> {
        let mut tx = Transaction::open(self.store, Some(self.by.authority()), now)?;
        tx.lock(path)?;
        let before = Identity::at(path)?;
        if tx.is_ours(path, before) {
            return Ok(());
        }
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        tx.write(path, before, empty(&name))?;
        let line = line("put-aside", tx.now).about(&name);
        tx.commit(vec![line])
    }
}

/// A line of an import.
fn line(action: &str, now: UnixMs) -> Line {
    Line::new("cli", IMPORT, action, now)
}

/// A state file of this name without a row.
pub(crate) fn empty(name: &str) -> &'static str {
    match name {
        _ if name.ends_with("-allowFrom.json") => "{\n  \"version\": 1,\n  \"allowFrom\": []\n}\n",
        _ if name.ends_with("-pairing.json") => "{\n  \"version\": 1,\n  \"requests\": []\n}\n",
        _ => "{}\n",
    }
}

/// Reads a request as it stands in `credentials/<channel>-pairing.json`. `None` where it is none.
pub fn read_request(
    channel: &str,
    row: &Map<String, Value>,
    parse: ParseSender,
) -> Option<PairingRequest> {
    pairing::read_row(channel, row, parse)
}

/// Reads a device as it stands in `devices/paired.json`; its tokens become digests. `None` where its key does not make
/// its id, or it has no role.
pub fn read_device(row: &Map<String, Value>) -> Option<Device> {
    let device = super::devices::read_device(row)?;
    (!device.approved.roles.is_empty()).then_some(device)
}

/// The lists of the field in this folder that this program did not write as they are, and that say something.
pub fn foreign_files(state: &StateDir) -> Result<Vec<PathBuf>, StoreError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for (name, path) in file::entries(&state.credentials())? {
        if name.ends_with("-allowFrom.json") || name.ends_with("-pairing.json") {
            found.push(path);
        }
    }
    for folder in [state.devices(), state.nodes()] {
        found.extend(["paired.json", "pending.json"].map(|name| folder.join(name)));
    }
    let head = own::head(state)?;
    let mut foreign = Vec::new();
    for path in found {
        let Some(identity) = Identity::at(&path)? else { continue };
        let wrote = head.as_ref().and_then(|head| head.wrote.get(&audit::name(&path)));
        if wrote.is_none_or(|wrote| *wrote != identity.to_text()) {
            foreign.push(path);
        }
    }
    foreign.sort();
    Ok(foreign)
}

impl Store {
    /// The state folder of this store.
    pub fn state(&self) -> &StateDir {
        &self.state
    }

    fn weigh_sender(
        &self,
        who: &Contact,
        fates: &Fates,
        now: UnixMs,
    ) -> Result<Option<Left>, StoreError> {
        Ok(match self.standing(&who.key, &who.sender, now)? {
            Standing::Blocked => Some(Left::Blocked),
            Standing::Granted => Some(Left::Known),
            Standing::Unknown if self.approved(&who.key)?.names(&who.sender) => Some(Left::Known),
            Standing::Unknown => fates.lost(who).then_some(Left::TakenAway),
        })
    }

    /// What was decided here about the person of the list itself counts for the accounts that shared it.
    fn weigh_shared(
        &self,
        who: &Contact,
        fates: &Fates,
        now: UnixMs,
    ) -> Result<Option<Left>, StoreError> {
        let key = AccountKey::default_of(&who.key.channel);
        let of_list = Contact { key, sender: who.sender.clone() };
        if fates.lost(&of_list) {
            return Ok(Some(Left::TakenAway));
        }
        if fates.was_let_in_here(&of_list) {
            return Ok(Some(Left::OneAccount));
        }
        self.weigh_sender(who, fates, now)
    }

    fn weigh_request(
        &self,
        request: &PairingRequest,
        waiting: &[PairingRequest],
        now: UnixMs,
    ) -> Result<Option<Left>, StoreError> {
        let (key, sender) = (&request.key, &request.sender);
        if !request.is_open(now) {
            return Ok(Some(Left::Expired));
        }
        let open = || waiting.iter().filter(|open| open.is_open(now));
        let is_there = open().any(|open| {
            open.code.spell() == request.code.spell()
                || (open.key == *key && open.sender == *sender)
        });
        Ok(match self.standing(key, sender, now)? {
            Standing::Blocked => Some(Left::Blocked),
            Standing::Granted => Some(Left::Known),
            Standing::Unknown if is_there => Some(Left::Known),
            Standing::Unknown if self.approved(key)?.names(sender) => Some(Left::Known),
            Standing::Unknown if self.owners()?.names(&key.channel, sender) => Some(Left::Known),
            Standing::Unknown => {
                let waits = open().filter(|open| open.key == *key).count();
                (waits >= MOST_WAITING).then_some(Left::Full)
            }
        })
    }
}
