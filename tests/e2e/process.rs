//! The program: a gateway that runs, and command lines beside it, on a state folder of their own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How long anything may take before a story fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Before something is looked at again: to look without end takes the time of those who are waited for.
pub(crate) async fn look_again() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_openclaw");

/// A state folder, and the configuration in it.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The folder that goes first in its search path.
    pub(crate) fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, toml: &str) {
        fs::create_dir_all(self.state()).unwrap();
        write(&self.state().join("config.toml"), toml);
    }

    /// Writes a file below the state folder.
    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.state().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, text);
    }

    /// Reads a file below the state folder.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.state().join(path)).unwrap_or_default()
    }

    /// The program on this folder, with an environment of its own.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        // What a story puts there goes before what this machine has.
        let path =
            format!("{}:{}", self.bin().display(), std::env::var("PATH").unwrap_or_default());
        command.env_clear().env("HOME", self.dir.path()).env("PATH", path);
        command
            .env("OPENCLAW_STATE_DIR", self.state())
            .current_dir(self.dir.path())
            .args(arguments);
        command
    }

    /// Runs a command line to its end.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        self.program(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Where the log of the gateway is.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// All that gateways on this folder have logged.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits until a gateway on this folder has logged this.
    pub(crate) async fn logs(&self, what: &str) {
        let logged = async {
            while !self.logged().contains(what) {
                look_again().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, logged).await;
        assert!(waited.is_ok(), "`{what}` was not logged:\n{}", self.logged());
    }

    /// Starts a gateway without a console, with this log level, and waits until it is ready.
    pub(crate) fn gateway(&self, level: &str) -> Gateway {
        self.started(self.program(&["gateway", "run", "--port", "0"]), level)
    }

    /// The same on a disk on which no file may grow beyond some KiB.
    pub(crate) fn gateway_on_a_full_disk(&self) -> Gateway {
        self.started(self.full(&["gateway", "run", "--port", "0"]), "warn")
    }

    /// A command line on such a disk.
    pub(crate) fn full(&self, arguments: &[&str]) -> Command {
        let plain = self.program(arguments);
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"", PROGRAM])
            .args(plain.get_args())
            .current_dir(self.dir.path())
            .env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// Starts a program that becomes a gateway, with this log level, and waits until it is ready.
    pub(crate) fn started(&self, mut command: Command, level: &str) -> Gateway {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        command.env("OPENCLAW_LOG", level).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let (lines, heard) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let mut gateway = Gateway { child, port: 0, heard, _reader: reader };
        let mut said = Vec::new();
        loop {
            let Ok(line) = gateway.heard.recv_timeout(PATIENCE) else {
                panic!("the gateway did not start: {said:?}\n{}", self.logged());
            };
            let page = line.split_whitespace().find_map(|word| {
                let rest =
                    word.strip_prefix("http://").or_else(|| word.strip_prefix("https://"))?;
                rest.strip_prefix("127.0.0.1:")
            });
            let port = page.and_then(|rest| rest.split('/').next()?.parse().ok());
            said.push(line);
            if let Some(port) = port {
                gateway.port = port;
                return gateway;
            }
        }
    }
}

/// A gateway that runs; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    /// Where its port is.
    pub(crate) port: u16,
    heard: mpsc::Receiver<String>,
    _reader: std::thread::JoinHandle<()>,
}

impl Gateway {
    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// What stands behind these words in one of the next lines that it prints.
    pub(crate) fn says(&self, words: &str) -> String {
        loop {
            let line = self.heard.recv_timeout(PATIENCE).expect("the gateway says it");
            if let Some(rest) = line.strip_prefix(words) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Asks it to stop, and waits for that.
    pub(crate) fn stop(mut self) -> ExitStatus {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Standard output and standard error as text.
pub(crate) fn texts(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// Reads a whole file as bytes; empty where it is missing.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        file.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

/// Writes a file that is not ours.
pub(crate) fn write(path: &Path, text: &str) {
    use std::io::Write;
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}
