//! Pairing requests and pairing codes: who waits, for how long, and how many at once.

mod code;
mod displayed;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::{AccountId, SenderId, UnixMs};

pub(super) use self::code::ALPHABET;
pub use self::{code::PairingCode, displayed::Displayed};
use super::{AccountKey, Contact, sha256};

/// A request and its code live this long from creation; nothing extends it.
pub const LIFETIME_MS: u64 = 3_600_000;

/// What begins so much later than the time of who looks was written while they waited for the writer's lock. What is
/// further ahead is from before the clock was set back.
pub const MEANWHILE_MS: u64 = 60_000;

/// How long ago that was; `None` where it is of a clock set back.
pub fn age_ms(since: UnixMs, now: UnixMs) -> Option<u64> {
    let is_meanwhile = since.0.saturating_sub(now.0) <= MEANWHILE_MS;
    is_meanwhile.then(|| now.0.saturating_sub(since.0))
}

/// `lastSeenAt` is written at most this often.
const SEEN_EVERY_MS: u64 = 60_000;

/// The opaque name of one request, the same that the field's RPC uses: 32 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Derived from channel, account, sender and the creation time as the file writes it.
    pub fn derive(key: &AccountKey, sender: &SenderId, created_at: &str) -> Self {
        Self::of(&format!("{}\0{}\0{sender}\0{created_at}", key.channel, key.account))
    }

    /// The name of the request that says more: who its sender is.
    #[must_use]
    pub fn saying(self, claims: Option<&Contact>) -> Self {
        match claims {
            Some(claims) => self.showing(&claims.to_string()),
            None => self,
        }
    }

    /// The name of what else is shown under this one.
    #[must_use]
    pub fn showing(self, what: &str) -> Self {
        Self::of(&format!("{}\0{what}", self.0))
    }

    fn of(text: &str) -> Self {
        let mut id = URL_SAFE_NO_PAD.encode(sha256(&[text.as_bytes()]));
        id.truncate(32);
        Self(id)
    }

    /// A name read back from where we wrote it.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stranger who waits for the owner's decision. It never changes, except for the time of the last message
/// and a later name beside the first.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a code")]
pub struct PairingRequest {
    /// Its opaque name.
    pub id: RequestId,
    /// What it asks for.
    pub key: AccountKey,
    /// Who asks.
    pub sender: SenderId,
    /// What the owner approves by.
    pub code: PairingCode,
    /// When it was opened.
    pub created_at: UnixMs,
    /// When the sender last wrote, to the minute.
    pub last_seen_at: UnixMs,
    /// What the field's files keep beside the id: `username`, `firstName`, `name`. Not neutralised.
    pub meta: BTreeMap<String, String>,
    /// A name that the sender gave after the request was opened. Shown, and decides nothing.
    pub later_name: Option<String>,
    /// The person that the sender claims to be, by a link of that person. An approval joins the two.
    pub claims: Option<Box<Contact>>,
    /// How many characters the first message has that is held for the sender.
    pub held: Option<usize>,
    /// The revision that it was opened with; nothing where another program has opened it.
    pub opened: Option<String>,
}

impl PairingRequest {
    /// Who asks, and where.
    pub fn contact(&self) -> Contact {
        Contact { key: self.key.clone(), sender: self.sender.clone() }
    }

    /// The name it came with, as the sender wrote it.
    pub fn name(&self) -> Option<String> {
        display_name(&self.meta)
    }

    /// True while its hour runs. A creation time in the future is a clock set back: it counts as over.
    pub fn is_open(&self, now: UnixMs) -> bool {
        age_ms(self.created_at, now).is_some_and(|age| age < LIFETIME_MS)
    }
}

/// What a person is called, from the fields that the state files keep.
pub fn display_name(meta: &BTreeMap<String, String>) -> Option<String> {
    let get = |key: &str| meta.get(key).map(String::as_str).filter(|text| !text.trim().is_empty());
    if let Some(name) = get("name") {
        return Some(name.to_owned());
    }
    let full: Vec<&str> = ["firstName", "lastName"].into_iter().filter_map(get).collect();
    if !full.is_empty() {
        return Some(full.join(" "));
    }
    get("username").or_else(|| get("tag")).map(str::to_owned)
}

/// A person the owner has denied: no new code until the hour of the request is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Where.
    pub account: AccountId,
    /// Who.
    pub sender: SenderId,
    /// Until when.
    pub until: UnixMs,
}

impl Denial {
    /// True until its hour is over. One that would last longer is of a clock set back: it is over.
    fn holds(&self, now: UnixMs) -> bool {
        let longest = LIFETIME_MS + MEANWHILE_MS;
        self.until.0.checked_sub(now.0).is_some_and(|left| (1..=longest).contains(&left))
    }
}

/// What happens to a newcomer when the places are taken (`pairing.when_full`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest request makes room.
    EvictOldest,
    /// The new sender is ignored.
    #[default]
    Ignore,
}

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Per channel account.
    pub max_pending: usize,
    /// What a newcomer gets beyond it.
    pub when_full: WhenFull,
}

/// A stranger asks for access.
#[derive(Clone, Debug)]
pub struct AccessRequest {
    /// Where.
    pub key: AccountKey,
    /// Who.
    pub sender: SenderId,
    /// The names that the sender gives.
    pub meta: BTreeMap<String, String>,
    /// The sender's network address, where the channel knows it and it is not this machine:
    /// one request may wait an address.
    pub address: Option<String>,
    /// The person that the sender claims to be, by an open link.
    pub claims: Option<Box<Contact>>,
    /// What is to be held for the sender until the decision, where that is wished for.
    pub first: Option<FirstMessage>,
}

/// A message that is held from the request to the decision.
#[derive(Clone)]
pub struct FirstMessage {
    /// How long its text is.
    pub characters: usize,
    /// As it is kept on disk.
    pub page: Vec<u8>,
}

impl std::fmt::Debug for FirstMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstMessage").field("characters", &self.characters).finish_non_exhaustive()
    }
}

/// The result of asking.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a code")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and never kept")]
pub enum AskOutcome {
    /// The sender was approved after the gate had looked: judge again.
    Approved,
    /// The owner has denied the sender within the hour: silence.
    Denied,
    /// No place is free, or one already waits from that address: silence.
    Full,
    /// A request is open now; the code is to be sent once.
    Opened {
        /// The new request.
        request: PairingRequest,
        /// The one that made room for it.
        evicted: Option<PairingRequest>,
    },
    /// The sender waits already: silence.
    Waiting {
        /// The open request.
        request: PairingRequest,
        /// It has changed and is to be written.
        touched: bool,
    },
}

/// All senders who wait on one channel, and all that the owner has denied within the hour.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "it holds codes")]
pub struct PairingRequests {
    /// The open requests of all accounts, oldest first.
    pub requests: Vec<PairingRequest>,
    /// The denials that still hold.
    pub denials: Vec<Denial>,
}

impl PairingRequests {
    /// Takes out what has run its time.
    pub fn prune(&mut self, now: UnixMs) {
        self.denials.retain(|denial| denial.holds(now));
        self.requests.retain(|request| request.is_open(now));
    }

    /// Until when a sender gets no code, because an owner has denied their request.
    pub fn denied_until(
        &self,
        account: &AccountId,
        sender: &SenderId,
        now: UnixMs,
    ) -> Option<UnixMs> {
        let mut holding = self.denials.iter().filter(|denial| denial.holds(now));
        let denial = holding.find(|it| it.account == *account && it.sender == *sender)?;
        Some(denial.until)
    }

    /// Handles a stranger who asks. `code` is drawn only for a newcomer who gets a place, until it is unique among
    /// those who wait; its error is passed on.
    pub fn ask<E>(
        &mut self,
        knock: &AccessRequest,
        (now, created_at): (UnixMs, &str),
        places: Places,
        mut code: impl FnMut() -> Result<PairingCode, E>,
    ) -> Result<AskOutcome, E> {
        self.prune(now);
        let here = |account: &AccountId, sender: &SenderId| {
            *account == knock.key.account && *sender == knock.sender
        };
        if self.denied_until(&knock.key.account, &knock.sender, now).is_some() {
            return Ok(AskOutcome::Denied);
        }
        let open = self.requests.iter().position(|one| here(&one.key.account, &one.sender));
        // A request never changes: one that says more takes the place of the one that said less.
        let says_more =
            |request: &PairingRequest| knock.claims.is_some() && request.claims != knock.claims;
        let replaced = open.filter(|at| says_more(&self.requests[*at]));
        if let (Some(at), None) = (open, replaced) {
            let request = &mut self.requests[at];
            let touched = touch(request, knock, now);
            return Ok(AskOutcome::Waiting { request: request.clone(), touched });
        }
        let same_address = |request: &PairingRequest| {
            knock.address.is_some() && request.meta.get("address") == knock.address.as_ref()
        };
        if replaced.is_none() && self.requests.iter().any(same_address) {
            return Ok(AskOutcome::Full);
        }
        let of_account = |request: &&PairingRequest| request.key == knock.key;
        let waiting = self.requests.iter().filter(of_account).count();
        let is_full = replaced.is_none() && waiting >= places.max_pending;
        if is_full && (places.when_full == WhenFull::Ignore || places.max_pending == 0) {
            return Ok(AskOutcome::Full);
        }
        let mut code_now = code()?;
        // What was written before is still the first message.
        let before = replaced.map(|at| self.requests.remove(at)).and_then(|old| old.held);
        while self.requests.iter().any(|request| request.code.matches(&code_now)) {
            code_now = code()?;
        }
        let oldest = self.requests.iter().filter(of_account).min_by_key(|r| r.created_at);
        let oldest = oldest.filter(|_| is_full).map(|request| request.id.clone());
        let evicted = oldest.and_then(|id| self.forget(&id));
        let request = opened(knock, (now, created_at), code_now, before);
        self.requests.push(request.clone());
        Ok(AskOutcome::Opened { request, evicted })
    }

    /// Takes a request out.
    pub fn forget(&mut self, id: &RequestId) -> Option<PairingRequest> {
        let at = self.requests.iter().position(|request| request.id == *id)?;
        Some(self.requests.remove(at))
    }

    /// Remembers that this person was denied, until the hour of the request is over.
    pub fn deny(&mut self, account: &AccountId, sender: &SenderId, until: UnixMs) {
        self.denials.retain(|denial| denial.account != *account || denial.sender != *sender);
        self.denials.push(Denial { account: account.clone(), sender: sender.clone(), until });
    }
}

/// A new request; `held` is the length of what its sender had written before.
fn opened(
    knock: &AccessRequest,
    (now, created_at): (UnixMs, &str),
    code: PairingCode,
    held: Option<usize>,
) -> PairingRequest {
    let id = RequestId::derive(&knock.key, &knock.sender, created_at);
    let mut request = PairingRequest {
        id: id.saying(knock.claims.as_deref()),
        key: knock.key.clone(),
        sender: knock.sender.clone(),
        code,
        created_at: now,
        last_seen_at: now,
        meta: with_address(knock),
        later_name: None,
        claims: knock.claims.clone(),
        held: held.or(knock.first.as_ref().map(|first| first.characters)),
        opened: None,
    };
    request.opened = Some(request.displayed().revision);
    request
}

fn touch(request: &mut PairingRequest, knock: &AccessRequest, now: UnixMs) -> bool {
    let mut touched = false;
    if now.0.saturating_sub(request.last_seen_at.0) >= SEEN_EVERY_MS {
        request.last_seen_at = now;
        touched = true;
    }
    let name = display_name(&knock.meta);
    // The first other name is noted at once; further ones with the next time, so that names that change write little.
    let is_first = request.later_name.is_none() && request.name().is_some();
    let is_noted = touched || is_first;
    if is_noted && name.is_some() && name != request.name() && name != request.later_name {
        request.later_name = name;
        touched = true;
    }
    if let (None, Some(first)) = (request.held, &knock.first) {
        request.held = Some(first.characters);
        touched = true;
    }
    touched
}

fn with_address(knock: &AccessRequest) -> BTreeMap<String, String> {
    let mut meta = knock.meta.clone();
    meta.extend(knock.address.clone().map(|address| ("address".to_owned(), address)));
    meta
}

#[cfg(test)]
mod tests;
