//! The store in files: those that the field knows, and some of our own beside them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{Decision, InvalidSenderId, SenderId, UnixMs};
use parking_lot::Mutex;

use super::{
    Decide, Note, Outcome, StoreError,
    access::{self, Settled},
    allowlist,
    ask::{self, Knocks},
    audit::{self, Line, action},
    authority::{self, Relied},
    cache::Cache,
    change::Change,
    devices::DeviceFiles,
    keys,
    lock::PATIENCE,
    own,
    owners::{self, KnownOwner, Seats},
    pairing::{self, Requests},
    paths::StateDir,
    start,
    strangers::Strangers,
};
use crate::{
    rules::{
        AccountKey,
        allowlist::Allowlist,
        approver::Approver,
        authority::{Authority, Grounds},
        claim::{self, ClaimCode, OpenClaim},
        owner::{Owner, Owners},
        pairing::{AccessRequest, Asked, LIFETIME_MS, PairingRequest, PairingRequests, Places},
        records::Index,
    },
    store::{expiry::Ages, replay},
    world,
};

/// Reads an entry of a channel's list, as that channel does.
pub type ParseSender = fn(channel: &str, entry: &str) -> Result<SenderId, InvalidSenderId>;

/// The store in files. As many processes as like may have one on the same folder.
pub struct Store {
    pub(super) state: StateDir,
    pub(super) parse: ParseSender,
    pub(super) patience: Duration,
    pub(super) rotate_at: u64,
    pub(super) ages: Ages,
    pub(super) approved: Cache<AccountKey, Allowlist>,
    seats: Cache<(), Seats>,
    pub(super) records: Cache<(), Index>,
    waiting: Cache<String, PairingRequests>,
    pub(super) index: Mutex<Option<audit::Index>>,
    pub(super) strangers: Strangers,
    pub(super) devices: DeviceFiles,
    pub(super) relied: Relied,
    pub(super) knocks: Knocks,
    /// The last decision of this store is not in all its files yet.
    pub(super) unfinished: Arc<AtomicBool>,
    /// The number of the last line that this store has committed.
    pub(super) committed: AtomicU64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Store {
    /// A store on a state folder. Touches nothing yet.
    pub fn new(state: StateDir, parse: ParseSender) -> Self {
        Self {
            state,
            parse,
            patience: PATIENCE,
            rotate_at: audit::ROTATE_AT,
            ages: Ages::new(world::monotonic),
            approved: Cache::default(),
            seats: Cache::default(),
            records: Cache::default(),
            waiting: Cache::default(),
            index: Mutex::default(),
            strangers: Strangers::new(world::monotonic),
            devices: DeviceFiles::new(world::monotonic),
            relied: Relied::default(),
            knocks: Knocks::default(),
            unfinished: Arc::default(),
            committed: AtomicU64::default(),
        }
    }

    /// Shares with others whether its last decision is finished.
    #[must_use]
    pub fn telling(self, unfinished: Arc<AtomicBool>) -> Self {
        Self { unfinished, ..self }
    }

    /// What every start does first: locks and temporary files that were left behind go, and an unfinished
    /// decision is finished.
    pub fn start(&self, now: UnixMs) -> Result<(), StoreError> {
        start::start(self, now)
    }

    /// Removes locks of the field that were left behind, for programs that would wait for them for ever.
    pub fn clear_stale_locks(&self) -> Result<(), StoreError> {
        start::clear_stale_locks(self)
    }

    /// Reads everything that is kept of these accounts. An error names the file that cannot be understood.
    pub fn check(&self, accounts: &[AccountKey]) -> Result<(), StoreError> {
        accounts.iter().try_for_each(|key| self.readable(key))?;
        self.owners()?;
        self.check_devices()
    }

    /// The added and claimed owners, and how each became one.
    pub fn known_owners(&self) -> Result<Vec<KnownOwner>, StoreError> {
        Ok(self.seats()?.known.clone())
    }

    /// Goes on with the access log and the files as they are, whatever is wrong with them; a line says so, and what
    /// it was. False where nothing is wrong.
    pub fn accept_as_is(&self, by: &Approver, now: UnixMs) -> Result<bool, StoreError> {
        let report = self.verify(now)?;
        if report.is_whole() {
            return Ok(false);
        }
        let change = Change::look(self, now)?;
        let wrong: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        let line = Line::by(by, action::AUDIT_ACCEPT, change.now).about(&wrong.join("; "));
        change.accept(line).map(|()| true)
    }

    /// Reads the whole access log, after repairing a torn last line, and compares the state with it.
    pub fn verify(&self, now: UnixMs) -> Result<audit::verify::Report, StoreError> {
        audit::verify::verify(self, now)
    }

    fn requests(&self, channel: &str) -> Result<Arc<PairingRequests>, StoreError> {
        let paths = || vec![self.state.pairing(channel), self.state.denied(channel)];
        self.waiting.get(&self.state, channel, paths, |found| {
            let at = |path| found.iter().find(|found| found.path == path);
            let requests = Requests::parse(at(self.state.pairing(channel)), channel, self.parse)?;
            let denials = pairing::denials(at(self.state.denied(channel)))?;
            let all = pairing::waiting(&requests, &denials);
            for request in &all.requests {
                self.ages.note(request.id.as_str().as_bytes(), LIFETIME_MS);
            }
            Ok(all)
        })
    }

    fn seats(&self) -> Result<Arc<Seats>, StoreError> {
        let path = || vec![self.state.owners()];
        self.seats.get(&self.state, &(), path, |found| {
            let seats = owners::owners(found.first())?.1;
            if let Some(claim) = &seats.claim {
                self.ages.note(&claim.digest, claim::LIFETIME_MS);
            }
            Ok(seats)
        })
    }
}

fn of_owner(line: Line, owner: &Owner) -> Line {
    line.on(&owner.channel).about(owner.sender.as_str())
}

impl Store {
    /// The approved senders of this very account. One `stat` a file while nothing changed.
    pub fn approved(&self, key: &AccountKey) -> Result<Arc<Allowlist>, StoreError> {
        let paths = || self.state.allowlists(key);
        self.approved.get(&self.state, key, paths, |found| {
            allowlist::approved(found, &key.channel, self.parse)
        })
    }

    /// A random key that is made at its first use, such as for `webchat-default`: `[a-z0-9_-]` only.
    pub fn key(&self, purpose: &str) -> Result<[u8; 32], StoreError> {
        keys::key(&self.state, purpose, self.patience)
    }

    /// Whether everything that is kept of this account can be read. One `stat` a file while nothing changed.
    pub fn readable(&self, key: &AccountKey) -> Result<(), StoreError> {
        self.approved(key)?;
        self.records()?;
        self.requests(&key.channel)?;
        self.seats().map(drop)
    }

    /// The owners that were added or claimed. One `stat` while nothing changed.
    pub fn owners(&self) -> Result<Arc<Owners>, StoreError> {
        Ok(Arc::clone(&self.seats()?.owners))
    }

    /// True while the last decision counts, but its files are not all in place, since the disk has failed. Whoever
    /// takes the lock next finishes it.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed)
    }

    /// The number of the last line of the access log that is known to count: this store has written it, or the head
    /// names it.
    pub fn committed(&self) -> Result<u64, StoreError> {
        let named = match audit::peek(&self.state.access_head())? {
            audit::Seen::Head(head) => head.count,
            audit::Seen::Nothing | audit::Seen::Unreadable => 0,
        };
        Ok(named.max(self.committed.load(Ordering::Relaxed)))
    }

    /// From here on the configuration says this about who decides. Waits for the change that is being made.
    pub fn rely_on(&self, grounds: Grounds) {
        self.relied.on(grounds);
    }

    /// True while what this right rests on is there. One `stat` a file while nothing changed.
    pub fn holds(&self, by: &Authority) -> Result<bool, StoreError> {
        authority::holds(self, by)
    }

    /// Does something that is kept beside the store, while nobody can take the right to it away.
    pub fn while_holding(
        &self,
        by: &Authority,
        act: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _change = Change::open(self, Some(by), world::now())?;
        act()
    }

    /// Who waits on a channel, all accounts, oldest first, none of them expired.
    pub fn waiting(&self, channel: &str, now: UnixMs) -> Result<Vec<PairingRequest>, StoreError> {
        let all = self.requests(channel)?;
        let is_open =
            |request: &&PairingRequest| request.is_open(now) && !self.ages.is_request_over(request);
        Ok(all.requests.iter().filter(is_open).cloned().collect())
    }

    /// A stranger knocks: opens a request, or lets the open one stand, or nothing.
    pub fn ask(
        &self,
        knock: &AccessRequest,
        places: Places,
        now: UnixMs,
    ) -> Result<Asked, StoreError> {
        // Most knocks change nothing, and need no lock to find that out.
        let mut all = PairingRequests::clone(&*self.requests(&knock.key.channel)?);
        self.ages.prune(&mut all);
        let would_open = || Err(());
        match all.ask(knock, (now, ""), places, would_open) {
            Ok(Asked::Opened { .. } | Asked::Waiting { touched: true, .. }) | Err(()) => {
                ask::ask(self, knock, places, now)
            }
            // A link is shown once, also by whoever has shown one before.
            Ok(Asked::Waiting { .. }) if knock.claims.is_some() => {
                ask::ask(self, knock, places, now)
            }
            Ok(asked) => Ok(asked),
        }
    }

    /// Approves or denies one open request: the line in the access log, then the grant, then the forgetting.
    pub fn decide(
        &self,
        by: &Approver,
        decide: &Decide<'_>,
        now: UnixMs,
    ) -> Result<Outcome, StoreError> {
        let mut change = Change::open(self, Some(by.authority()), now)?;
        let now = change.now;
        let path = self.state.pairing(decide.channel);
        change.hold(&path)?;
        let all = self.requests(decide.channel)?;
        let is_meant =
            |request: &&PairingRequest| request.id == *decide.request && request.is_open(now);
        let request = all.requests.iter().find(is_meant);
        let Some(request) = request.filter(|request| !self.ages.is_request_over(request)) else {
            return Ok(Outcome::Gone);
        };
        if !request.displayed().is_shown(decide.shown) {
            return Ok(Outcome::Changed);
        }
        let is_more = decide.until.is_some()
            || request.claims.is_some()
            || self.records()?.grant(&request.key, &request.sender).is_some();
        let line = match decide.decision {
            Decision::Approve if !is_more => Line::by(by, action::APPROVE, now),
            Decision::Approve | Decision::Block => {
                return Ok(match access::settle(change, by, (decide, request))? {
                    Settled::Changed => Outcome::ClaimIsOver,
                    Settled::Done => Outcome::Done(request.clone()),
                });
            }
            Decision::Deny => Line::by(by, action::DENY, now)
                .until(UnixMs(request.created_at.0.saturating_add(LIFETIME_MS))),
        };
        let line = line.of(&request.key).about(request.sender.as_str()).deciding(&request.id);
        replay::carry_out(change, line)?;
        Ok(Outcome::Done(request.clone()))
    }

    /// Adds an owner. False where he is one already.
    pub fn add_owner(&self, by: &Approver, owner: &Owner, now: UnixMs) -> Result<bool, StoreError> {
        let change = Change::open(self, Some(by.authority()), now)?;
        if self.owners()?.0.contains(owner) {
            return Ok(false);
        }
        let line = of_owner(Line::by(by, action::OWNER_ADD, change.now), owner);
        replay::carry_out(change, line).map(|()| true)
    }

    /// Removes an added or claimed owner. False where he is none.
    pub fn remove_owner(
        &self,
        by: &Approver,
        owner: &Owner,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let change = Change::open(self, Some(by.authority()), now)?;
        if !self.owners()?.0.contains(owner) {
            return Ok(false);
        }
        let line = of_owner(Line::by(by, action::OWNER_REMOVE, change.now), owner);
        replay::carry_out(change, line).map(|()| true)
    }

    /// Opens a claim, in place of the one that may be open. Only the code's digest is kept.
    pub fn open_claim(&self, code: &ClaimCode, now: UnixMs) -> Result<(), StoreError> {
        let mut change = Change::open(self, None, now)?;
        let path = self.state.owners();
        let found = own::read(&self.state, &path)?;
        let (mut doc, _) = owners::owners(found.as_ref())?;
        doc.set_claim(Some(&OpenClaim { digest: code.digest(), created_at: now }));
        change.stage(&path, found.as_ref(), &doc.render(&path)?)?;
        let actor = format!("uid:{}", world::user());
        change.commit(vec![Line::new("cli", &actor, action::CLAIM_OPEN, now)])
    }

    /// Spends the claim code, if it is the open one and fresh, and makes its bearer an owner. False where it is not.
    pub fn redeem_claim(
        &self,
        code: &ClaimCode,
        owner: &Owner,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let accepts = || -> Result<bool, StoreError> {
            let seats = self.seats()?;
            let claim = seats.claim.as_ref().filter(|claim| claim.accepts(code, now));
            let over = |claim: &OpenClaim| self.ages.is_over(&claim.digest, claim::LIFETIME_MS);
            Ok(claim.is_some_and(|claim| !over(claim)))
        };
        // A guess needs no lock to be wrong.
        if !accepts()? {
            return Ok(false);
        }
        let change = Change::open(self, None, now)?;
        if !accepts()? {
            return Ok(false);
        }
        let actor = format!("{}:{}", owner.channel, owner.sender);
        let line = of_owner(Line::new("chat", &actor, action::CLAIM, change.now), owner);
        replay::carry_out(change, line).map(|()| true)
    }

    /// Spends the open claim where its code stands anywhere in this text, with this line. It makes nobody an owner.
    /// False where it does not stand there, or none is open.
    pub fn spend_claim(
        &self,
        text: &str,
        note: &Note<'_>,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let shown = || -> Result<bool, StoreError> {
            let seats = self.seats()?;
            let Some(claim) = &seats.claim else { return Ok(false) };
            let shows = ClaimCode::all_in(text).any(|code| claim.accepts(&code, now));
            Ok(shows && !self.ages.is_over(&claim.digest, claim::LIFETIME_MS))
        };
        // Few texts hold a code, and need no lock for that.
        if !shown()? {
            return Ok(false);
        }
        let change = Change::open(self, None, now)?;
        if !shown()? {
            return Ok(false);
        }
        let actor = Line::new(note.surface, note.actor, action::CLAIM_SPENT, change.now);
        let line = actor.about(note.subject);
        let line = note.key.map_or_else(|| line.clone(), |key| line.clone().of(key));
        replay::carry_out(change, line).map(|()| true)
    }

    /// Writes a line that changes nothing else, such as a refused command.
    pub fn note(&self, note: &Note<'_>, now: UnixMs) -> Result<(), StoreError> {
        if !self.strangers.may_write(1) {
            return Ok(());
        }
        Change::open(self, None, now)?.commit(vec![Line::note(note, now)])
    }
}
