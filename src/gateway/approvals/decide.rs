//! A decision made in a chat: the store's, then told to whoever asked.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{Decision, Link, SenderId, UnixMs, neutral};
use tracing::{info, warn};

use crate::{
    gateway::{
        Gateway,
        accounts::account::AccountRuntime,
        blocking,
        delivery::{
            answer,
            mail::{Address, Mail},
        },
        inbound::{gate::NAME_LIMIT, held},
    },
    rules::{
        AccountKey,
        approver::Approver,
        pairing::{PairingRequest, RequestId},
    },
    store::{Decide, Outcome, StoreError},
    world,
};

/// What somebody is told who was let in.
pub(crate) const WELCOME: &str = "✅ OpenClaw access approved. Send a message to start chatting.";

/// Which way a decision goes, and how long it holds.
#[derive(Clone, Debug)]
pub(crate) struct Ruling {
    /// Which way.
    pub(crate) decision: Decision,
    /// How long an approval lasts; for good where nothing stands there.
    pub(crate) lasting: Option<Duration>,
    /// An approval has the held first message answered.
    pub(crate) deliver: bool,
    /// The revision of the request that was shown; nothing where a code or a name is all that was given.
    pub(crate) shown: Option<String>,
}

impl From<Decision> for Ruling {
    fn from(decision: Decision) -> Self {
        Self { decision, lasting: None, deliver: false, shown: None }
    }
}

impl Ruling {
    fn delivers(&self) -> bool {
        self.deliver && self.decision == Decision::Approve
    }

    fn until(&self, now: UnixMs) -> Option<UnixMs> {
        let lasting = u64::try_from(self.lasting?.as_millis()).unwrap_or(u64::MAX);
        Some(UnixMs(now.0.saturating_add(lasting)))
    }
}

/// Decides one request by its opaque name, and welcomes whom it lets in.
pub(crate) async fn decide(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    channel: &str,
    request: &RequestId,
    ruling: Ruling,
) -> Result<Outcome, StoreError> {
    let (lets_in, delivers) = (ruling.decision == Decision::Approve, ruling.delivers());
    let decided = settle(gateway, approver, channel, request, ruling).await?;
    if let Outcome::Done(request) = &decided
        && lets_in
        && gateway.config().pairing.notify_on_approval
    {
        welcome(gateway, &request.key, request).await;
    }
    if let Outcome::Done(request) = &decided
        && delivers
    {
        left_over(held::deliver(gateway, &request.id).await);
    }
    Ok(decided)
}

/// Decides one request, and tells nobody.
pub(crate) async fn settle(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    channel: &str,
    request: &RequestId,
    ruling: Ruling,
) -> Result<Outcome, StoreError> {
    let (decision, delivers) = (ruling.decision, ruling.delivers());
    let owner = delivers.then(|| approver.actor());
    let deciding = held::promise(gateway, request, owner).await?;
    let store = Arc::clone(&gateway.store);
    let _timed = gateway.metrics.decision.time();
    let (by, channel, request) = (approver.clone(), channel.to_owned(), request.clone());
    let outcome = blocking(move || {
        let now = world::now();
        let until = ruling.until(now).filter(|_| decision == Decision::Approve);
        let (channel, request, shown) = (&*channel, &request, ruling.shown.as_deref());
        store.decide(&by, &Decide { channel, request, decision, until, shown }, now)
    })
    .await?;
    gateway.cards.look();
    let Outcome::Done(decided) = &outcome else { return Ok(outcome) };
    if !delivers {
        left_over(held::forget(gateway, &decided.id).await);
    }
    deciding.over();
    info!(
        channel = decided.key.channel,
        account = %decided.key.account,
        sender = %decided.sender,
        actor = approver.actor(),
        ?decision,
        "request decided"
    );
    Ok(outcome)
}

/// It is decided all the same; what could not be done is done at the next look.
fn left_over(done: Result<(), StoreError>) {
    if let Err(error) = done {
        warn!(%error, "a held message is looked at again");
    }
}

/// What somebody is told who was let in, in their direct chat.
pub(crate) fn greeting(account: &AccountRuntime, sender: &SenderId) -> Mail {
    Mail::text(Address::new(&account.chat_of(sender), sender, Link::Private), WELCOME)
}

async fn welcome(gateway: &Arc<Gateway>, key: &AccountKey, request: &PairingRequest) {
    if let Some(account) = gateway.account(key)
        && account.pages().welcomes(&request.id)
    {
        answer::send(gateway, &account, greeting(&account, &request.sender)).await;
    }
}

/// What was done, to whom. Never the code.
pub(crate) fn sentence(decision: Decision, request: &PairingRequest) -> String {
    let shown = |name: &String| neutral(name, NAME_LIMIT);
    let later = request.later_name.as_ref();
    let name = match (request.name().as_ref(), later) {
        (Some(name), Some(later)) => format!(" ({}; later: {})", shown(name), shown(later)),
        (Some(name), None) => format!(" ({})", shown(name)),
        (None, Some(later)) => format!(" (later: {})", shown(later)),
        (None, None) => String::new(),
    };
    let (mark, done) = match decision {
        Decision::Approve => ("✅", "Approved"),
        Decision::Block => ("⛔", "Blocked"),
        Decision::Deny => ("⛔", "Denied"),
    };
    format!("{mark} {done} {} sender {}{name}", request.key.channel, request.sender)
}
