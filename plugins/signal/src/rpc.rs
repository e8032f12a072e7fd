//! The daemon of signal-cli: JSON-RPC over HTTP, or with a child line by line.

use std::{path::Path, time::Duration};

use openclaw_plugin_sdk::{
    AccountId, ChannelError, SettingsError,
    kit::{
        api,
        daemon::Daemon,
        json_rpc::{Client, Ended, Events, Failure},
    },
    reqwest::Url,
};
use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    config::{Config, Place},
    daemon::Running,
    failure, text,
};

/// A message to a large group takes a while.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// So long a child may say nothing before it is asked whether it lives.
const QUIET: Duration = Duration::from_secs(15);

/// Three signs of life over HTTP are missing.
const SILENCE: Duration = Duration::from_secs(45);

/// No envelope is as long.
pub(crate) const LONGEST_EVENT: usize = 1 << 20;

/// The daemon, and the account that calls are about.
pub(crate) struct Rpc {
    place: Place,
    /// How calls are made; to a child once it runs.
    client: Mutex<Client>,
    pub(crate) account: String,
}

impl Rpc {
    pub(crate) fn new(config: Config) -> Result<Self, SettingsError> {
        let client = match &config.place {
            Place::Url(root) => {
                let http = api::client(root, CALL_LIMIT);
                let http = http.map_err(|why| SettingsError::new("url", why))?;
                Client::Http(http, below(root, "rpc"))
            }
            Place::Program(_) => Client::Nobody,
        };
        Ok(Self { place: config.place, client: Mutex::new(client), account: config.account })
    }

    /// Starts the daemon where that is ours to do: for the account, or to link one. Its socket is in this folder.
    pub(crate) async fn start(
        &self,
        is_linked: bool,
        folder: Option<&Path>,
        account: &AccountId,
    ) -> Result<Option<Running>, ChannelError> {
        let Place::Program(program) = &self.place else { return Ok(None) };
        let lost = |why: &str| ChannelError::Disconnected(text::child(why));
        let folder = folder.ok_or_else(|| lost("has no folder for its socket"))?;
        let name = if is_linked { "sock" } else { "login.sock" };
        let socket = folder.join(format!("signal-{account}.{name}"));
        let started = program.start(is_linked.then_some(self.account.as_str()), &socket).await;
        let (running, peer) = started.map_err(|why| {
            if why.contains("not registered") {
                return ChannelError::Unauthorized(text::no_account(&self.account));
            }
            lost(&why)
        })?;
        *self.client.lock() = Client::Lines(peer);
        Ok(Some(running))
    }

    /// Makes a call about the account: the answer is its result.
    pub(crate) async fn call(&self, method: &str, mut params: Value) -> Result<Value, Failure> {
        params["account"] = self.account.as_str().into();
        self.ask(method, &params, CALL_LIMIT).await
    }

    /// Makes a call, with what it is about among its parameters.
    pub(crate) async fn ask(
        &self,
        method: &str,
        params: &Value,
        limit: Duration,
    ) -> Result<Value, Failure> {
        let client = self.client.lock().clone();
        client.call(method, params, limit).await
    }

    /// Begins to hear what arrives.
    pub(crate) async fn hear(&self, running: Option<Running>) -> Result<Arriving, ChannelError> {
        if let Some(Running { daemon, events, .. }) = running {
            return Ok(Arriving(events, Some(daemon)));
        }
        let client = self.client.lock().clone();
        let (Place::Url(root), Client::Http(http, _)) = (&self.place, client) else {
            return Err(ChannelError::Disconnected(text::ENDED.to_owned()));
        };
        let mut url = below(root, "events");
        url.query_pairs_mut().append_pair("account", &self.account);
        let opened = Events::stream(http.get(url), LONGEST_EVENT, SILENCE).await;
        let opened = opened.map_err(|failure| match failure {
            // This is how it says that it does not know the account.
            Failure::Status(status, _) if status.as_u16() == 400 => {
                ChannelError::Unauthorized(text::no_account(&self.account))
            }
            failure => failure::of_account(failure, &self.account),
        });
        Ok(Arriving(opened?, None))
    }
}

fn below(root: &Url, place: &str) -> Url {
    let mut url = root.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["api", "v1", place]);
    }
    url
}

/// What one connection brings, and its daemon where that is ours. What the daemon has written is gone there: nothing of
/// it is dropped here.
pub(crate) struct Arriving(Events, Option<Daemon>);

impl Arriving {
    /// The next event; nothing for a sign of life. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, ChannelError> {
        let silence = if self.1.is_some() { QUIET } else { SILENCE };
        let why = match (self.0.next(silence).await, &mut self.1) {
            (Ok(event), _) => return Ok(event),
            (Err(Ended::Silent), _) => text::SILENT.to_owned(),
            (Err(Ended::Endless), _) => text::ENDLESS.to_owned(),
            (Err(Ended::Closed), Some(daemon)) => text::child(&daemon.why().await),
            (Err(Ended::Closed), None) => text::ENDED.to_owned(),
        };
        Err(ChannelError::Disconnected(why))
    }
}
