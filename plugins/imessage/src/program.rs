//! imsg as a child of ours, spoken with line by line: started, asked whether it fits, and called.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    ChannelError,
    kit::{
        daemon::{self, Daemon},
        json_rpc::{Client, Events, Failure, Peer, Refusal, Unasked},
    },
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{PLUGIN, config::Config, failure, text};

/// What it and a script that speaks to another Mac look at.
const PASSED: [&str; 6] = ["HOME", "LANG", "PATH", "SSH_AUTH_SOCK", "TMPDIR", "USER"];

/// Messages on the Mac takes its time.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// No page of messages is as long.
const LONGEST_LINE: u64 = 16 << 20;

/// The version that has what is asked for.
const OLDEST: (u32, u32) = (0, 15);

/// The program, and how it is called while it runs.
pub(crate) struct Program {
    config: Config,
    client: Mutex<Client>,
}

/// A child, killed when dropped, and what it writes unasked.
pub(crate) struct Running {
    pub(crate) daemon: Daemon,
    peer: Arc<Peer>,
    unasked: Unasked,
}

impl Program {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, client: Mutex::new(Client::Nobody) }
    }

    pub(crate) fn start(&self) -> Result<Running, ChannelError> {
        let mut command = daemon::command(&self.config.program, &PASSED);
        command.arg("rpc");
        if let Some(database) = &self.config.database {
            command.arg("--db").arg(database);
        }
        let started = Daemon::over_stdio(command);
        let (daemon, stream) = started.map_err(|why| PLUGIN.lost(&text::child(&why)))?;
        let (peer, unasked) = Peer::new(stream, LONGEST_LINE);
        let peer = Arc::new(peer);
        *self.client.lock() = Client::Lines(Arc::clone(&peer));
        Ok(Running { daemon, peer, unasked })
    }

    /// Makes a call. It refuses each parameter that it does not know.
    pub(crate) async fn call(&self, method: &str, params: &Value) -> Result<Value, Failure> {
        let client = self.client.lock().clone();
        client.call(method, params, CALL_LIMIT).await
    }

    /// Makes a call that the account needs.
    pub(crate) async fn ask(&self, method: &str, params: &Value) -> Result<Value, ChannelError> {
        self.call(method, params).await.map_err(failure::of_account)
    }

    /// Whether it fits and can read the messages: whether it shows answers as such.
    pub(crate) async fn probe(&self) -> Result<bool, ChannelError> {
        let unauthorized = |why: String| Err(ChannelError::Unauthorized(why));
        let status = match self.call("status", &json!({})).await {
            Ok(status) => status,
            Err(Failure::Refused(Refusal { code: -32601, .. })) => {
                return unauthorized(text::too_old(""));
            }
            Err(failure) => return Err(failure::of_account(failure)),
        };
        let version = status["version"].as_str().unwrap_or_default();
        if daemon::version(version).is_none_or(|version| version < OLDEST) {
            return unauthorized(text::too_old(version));
        }
        if status["protocol_version"] != 1 {
            return unauthorized(text::other_protocol(&status["protocol_version"].to_string()));
        }
        if status["database"]["ready"] != true {
            let words = status["database"]["error"].as_str().unwrap_or("it is not ready");
            return unauthorized(text::no_database(words));
        }
        Ok(status["bridge"]["ready"] == true)
    }
}

impl Running {
    /// What it announces. It is asked for a sign of life where it is silent.
    pub(crate) fn events(self) -> (Daemon, Events) {
        let ping = ("status", json!({}));
        let methods = ["message", "watch.overflow"];
        (self.daemon, Events::lines_of(self.peer, self.unasked, &methods, ping))
    }
}
