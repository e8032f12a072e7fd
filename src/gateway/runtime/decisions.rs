//! Decisions, from the access log to everything that depends on them: this process's own at once, those of other
//! processes within [`POLL`].

use std::{path::PathBuf, sync::Arc, time::Duration};

use tracing::{debug, warn};

use crate::{
    FileMark, Gateway,
    approvals::held,
    control::decided::{Decided, Outcome, Subject},
    delivery::pages,
    file_mark, finished, registry,
    rpc::{events, methods::chat, watch},
    rules::device::{identity::DeviceId, role::Role},
    store::{
        Store, StoreError,
        audit::{self, tail::Tail},
    },
};

/// What other processes wrote is read within this.
pub(crate) const POLL: Duration = Duration::from_millis(400);
/// The newest lines are read at a start, for cards and messages of an earlier run.
const EARLIER: usize = 4_096;

/// The place in the access log up to which everything is published.
#[derive(Debug)]
pub(crate) struct Decisions(Arc<tokio::sync::Mutex<Tail>>);

impl Decisions {
    /// From the log's end.
    pub(crate) fn new(log: Tail) -> Self {
        Self(Arc::new(tokio::sync::Mutex::new(log)))
    }
}

impl Gateway {
    /// Publishes what was committed since the last time, to the end even where its caller goes away. False where the log
    /// has a line of which it is not known yet whether it counts.
    pub(crate) fn follow_decisions(
        self: &Arc<Self>,
    ) -> impl Future<Output = Result<bool, StoreError>> + use<> {
        let here = Arc::clone(self);
        let published = self.tracker.spawn(async move {
            let whole = read_on(&here).await;
            whole.inspect_err(|error| debug!(%error, "decisions are published later"))
        });
        finished(published)
    }
}

async fn read_on(gateway: &Arc<Gateway>) -> Result<bool, StoreError> {
    let mut log = Arc::clone(&gateway.decisions.0).lock_owned().await;
    let read = move |store: &Store| {
        let (committed, mut decided) = (store.committed()?, Vec::new());
        let read = log.read(committed, |line| decided.extend(Decided::of(&line)));
        Ok((log, decided, read))
    };
    let (log, decided, read) = gateway.read(read).await?;
    publish(gateway, &decided).await;
    drop(log);
    read
}

/// What decisions since the last run mean for the cards and messages that it left.
pub(crate) fn catch_up(gateway: &Gateway) {
    let earlier = audit::show(&gateway.state, EARLIER).and_then(|lines| {
        lines.iter().filter_map(Decided::of).try_for_each(|decided| {
            gateway.cards.conclude(&decided);
            // The journal answers it, with what else the last run has left.
            held::finish(gateway, &decided).map(drop)
        })
    });
    if let Err(error) = earlier {
        warn!(%error, "what was decided since the last run is not known");
    }
}

/// Tells each subscriber. None of them changes the store.
async fn publish(gateway: &Arc<Gateway>, all: &[Decided]) {
    let mut devices = false;
    for decided in all {
        gateway.metrics.count(decided);
        gateway.cards.conclude(decided);
        pages::welcome(gateway, decided).await;
        held::decided(gateway, decided).await;
        if let Subject::Device { id, role, .. } = &decided.subject {
            devices = true;
            events::decided(gateway, decided);
            if let Some(id) = id {
                end_sessions(gateway, decided, id, *role);
            }
        }
    }
    if !all.is_empty() {
        gateway.cards.look();
        gateway.setup.look();
        gateway.access_changes.send_replace(());
    }
    if devices {
        watch::recheck(gateway);
    }
}

/// Closes the connections whose rights a decision took away, and says why.
fn end_sessions(gateway: &Arc<Gateway>, decided: &Decided, id: &DeviceId, role: Option<Role>) {
    let (role, why) = match decided.outcome {
        Outcome::Removed => (None, "device removed"),
        Outcome::Revoked => (role, "device token revoked"),
        // The device may have come again since another process gave it the new token.
        Outcome::Rotated if decided.surface != "cli" => (role, "device token rotated"),
        _ => return,
    };
    gateway.rpc.sessions.invalidate(id, role, why);
    if decided.outcome == Outcome::Removed
        || decided.outcome == Outcome::Revoked && role == Some(Role::Operator)
    {
        chat::forget(gateway, id);
    }
}

/// The files as they were at the last look, those of devices first.
#[derive(Debug, Default)]
pub(crate) struct Poll(Vec<FileMark>);

const DEVICE_FILES: [&str; 3] = ["paired.json", "pending.json", "bootstrap.json"];

impl Poll {
    /// Looks whether another process has written anything. Programs of the field write no line: what they changed is
    /// compared with what was told.
    pub(crate) async fn look(&mut self, gateway: &Arc<Gateway>) {
        let marks: Vec<_> = files(gateway).iter().map(|path| file_mark(path)).collect();
        if marks != self.0 {
            let Ok(whole) = gateway.follow_decisions().await else { return };
            let devices = marks.get(..DEVICE_FILES.len()) != self.0.get(..DEVICE_FILES.len());
            self.0 = if whole { marks } else { Vec::new() };
            gateway.cards.look();
            gateway.setup.look();
            pages::look(gateway).await;
            gateway.access_changes.send_replace(());
            if devices {
                watch::recheck(gateway);
            }
        }
        watch::requests_over(gateway).await;
    }
}

fn files(gateway: &Gateway) -> Vec<PathBuf> {
    let folder = gateway.state.path().join("devices");
    let channels = registry::pairing_channels().map(|plugin| gateway.state.pairing(plugin.id));
    let devices = DEVICE_FILES.iter().map(|name| folder.join(name));
    devices.chain(channels).chain([gateway.state.access_log()]).collect()
}
