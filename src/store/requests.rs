//! Requests of senders: who waits, and decisions about them.

use openclaw_plugin_sdk::{Decision, SenderId, UnixMs};

use super::{
    Decide, Outcome, Store, StoreError, access, ask,
    audit::{CONFIG, Line, action},
    cached_table::{Current, HeadSeen},
    pairing::{self, Requests},
    replay,
    transaction::Transaction,
};
use crate::rules::{
    AccountKey,
    approver::Approver,
    pairing::{AccessRequest, AskOutcome, LIFETIME_MS, PairingRequest, PairingRequests, Places},
};

impl Store {
    pub(super) fn requests(&self, channel: &str) -> Result<Current<PairingRequests>, StoreError> {
        let paths = || vec![self.state.pairing(channel), self.state.denied(channel)];
        self.waiting.get(&self.state, &HeadSeen::default(), channel, paths, |found| {
            let requests = Requests::parse(&found[0], channel, self.parse)?;
            let all = pairing::waiting(&requests, &pairing::denials(&found[1])?);
            for request in &all.requests {
                self.ages.note(request.id.as_str().as_bytes(), LIFETIME_MS);
            }
            Ok(all)
        })
    }

    /// The open requests of a channel, all accounts, the oldest first, none of them expired.
    pub fn waiting(&self, channel: &str, now: UnixMs) -> Result<Vec<PairingRequest>, StoreError> {
        let all = self.requests(channel)?.0;
        let is_open =
            |request: &&PairingRequest| request.is_open(now) && !self.ages.is_request_over(request);
        Ok(all.requests.iter().filter(is_open).cloned().collect())
    }

    /// Until when a person gets no code, because an owner has denied their request.
    pub fn denied_until(
        &self,
        key: &AccountKey,
        sender: &SenderId,
        now: UnixMs,
    ) -> Result<Option<UnixMs>, StoreError> {
        let all = self.requests(&key.channel)?.0;
        Ok(all.denied_until(&key.account, sender, now))
    }

    /// A stranger asks for access: opens a request, or lets the open one stand, or nothing.
    pub fn ask(
        &self,
        knock: &AccessRequest,
        places: Places,
        now: UnixMs,
    ) -> Result<AskOutcome, StoreError> {
        // Most of these change nothing, and need no lock to find that out.
        let mut all = PairingRequests::clone(&*self.requests(&knock.key.channel)?.0);
        self.ages.prune(&mut all);
        let asked = all.ask(knock, (now, ""), places, || Err(()));
        let is_settled = |asked: &AskOutcome| match asked {
            AskOutcome::Opened { .. } => false,
            // A link is spent once, also by a sender who has spent one before.
            AskOutcome::Waiting { touched, .. } => !touched && knock.claims.is_none(),
            _ => true,
        };
        match asked.ok().filter(is_settled) {
            Some(asked) => Ok(asked),
            None => ask::ask(self, knock, places, now),
        }
    }

    /// Closes the open request of a person that the configuration lets in, with a line that says so.
    pub fn close_request(&self, request: &PairingRequest, now: UnixMs) -> Result<(), StoreError> {
        let tx = Transaction::open(self, None, now)?;
        if !self.requests(&request.key.channel)?.0.requests.iter().any(|it| it.id == request.id) {
            return Ok(());
        }
        let line = Line::new(CONFIG, CONFIG, action::EVICT, tx.now).of(&request.key);
        replay::carry_out(tx, line.about(request.sender.as_str()).named(request.id.as_str()))
    }

    /// Approves, denies or blocks one open request.
    pub fn decide(
        &self,
        by: &Approver,
        decide: &Decide<'_>,
        now: UnixMs,
    ) -> Result<Outcome, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        let now = tx.now;
        tx.lock(&self.state.pairing(decide.channel))?;
        let all = self.requests(decide.channel)?.0;
        let is_meant =
            |request: &&PairingRequest| request.id == *decide.request && request.is_open(now);
        let request = all.requests.iter().find(is_meant);
        let Some(request) = request.filter(|request| !self.ages.is_request_over(request)) else {
            return Ok(Outcome::Gone);
        };
        if !request.displayed().is_shown(decide.shown) {
            return Ok(Outcome::Changed);
        }
        let has_record = decide.until.is_some()
            || request.claims.is_some()
            || self.records()?.grant(&request.key, &request.sender).is_some();
        let line = match decide.decision {
            Decision::Approve if !has_record => Line::by(by, action::APPROVE, now),
            Decision::Approve | Decision::Block => {
                return access::decide(tx, by, decide, request);
            }
            Decision::Deny => Line::by(by, action::DENY, now)
                .until(UnixMs(request.created_at.0.saturating_add(LIFETIME_MS))),
        };
        let line = line.of(&request.key).about(request.sender.as_str()).named(request.id.as_str());
        replay::carry_out(tx, line)?;
        Ok(Outcome::Done(request.clone()))
    }
}
