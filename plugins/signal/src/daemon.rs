//! signal-cli's daemon as a child: on a socket for us alone, and fetching nothing by itself.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use openclaw_plugin_sdk::kit::{
    daemon::{self, Daemon},
    json_rpc::{Events, Peer},
};
use serde_json::json;
use tokio::process::Command;

use crate::{rpc::LONGEST_EVENT, text};

/// Java takes a while to start.
const START_LIMIT: Duration = Duration::from_mins(1);

/// What its start script and Java look at.
const PASSED: [&str; 7] =
    ["HOME", "JAVA_HOME", "JAVA_OPTS", "LANG", "PATH", "SIGNAL_CLI_OPTS", "XDG_DATA_HOME"];

/// The program, and where it keeps its data.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) data: Option<PathBuf>,
}

/// A daemon that runs until this is dropped.
pub(crate) struct Running {
    pub(crate) daemon: Daemon,
    pub(crate) events: Events,
    /// What this version cannot leave.
    pub(crate) fetches: Option<String>,
}

impl Program {
    /// Starts it for this account; or for none, to link one: then it takes no messages from Signal.
    pub(crate) async fn start(
        &self,
        account: Option<&str>,
        socket: &Path,
    ) -> Result<(Running, Arc<Peer>), String> {
        let mut asked = self.command();
        asked.arg("--version");
        let said = daemon::output(asked, START_LIMIT).await?;
        let version = said.split_whitespace().last().unwrap_or_default();
        let mut command = self.command();
        command.args(account.into_iter().flat_map(|account| ["-a", account]));
        command.args(["daemon", "--no-receive-stdout", "--socket"]).arg(socket);
        command.args(["--ignore-attachments", "--ignore-stories"]);
        let mode = if account.is_some() { "on-connection" } else { "manual" };
        command.arg(format!("--receive-mode={mode}"));
        // Version 0.14 has learned to leave these.
        let knows_all = daemon::version(version) >= Some((0, 14));
        if knows_all {
            command.args(["--ignore-avatars", "--ignore-stickers"]);
        }
        let (daemon, stream) = Daemon::start(command, socket, START_LIMIT).await?;
        tracing::info!(version, "signal-cli was started");
        let (peer, unasked) = Peer::new(stream, LONGEST_EVENT as u64);
        let (peer, ping) = (Arc::new(peer), ("version", json!({})));
        let events = Events::lines(Arc::clone(&peer), unasked, "receive", ping);
        let fetches = (!knows_all).then(|| text::fetches(version));
        Ok((Running { daemon, events, fetches }, peer))
    }

    fn command(&self) -> Command {
        let mut command = daemon::command(&self.path, &PASSED);
        if let Some(data) = &self.data {
            command.arg("--config").arg(data);
        }
        command
    }
}
