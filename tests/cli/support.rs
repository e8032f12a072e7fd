//! A state folder as a 2026.2 program leaves it, and the program on it.

use std::{
    fs,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use serde_json::{Value, json};

pub(crate) const CODE: &str = "AB3D7X9K";

/// A state folder, and an empty working directory beside it.
pub(crate) struct Folder {
    root: tempfile::TempDir,
    silent: Silent,
}

/// A port that is taken and that nothing answers on: the usual one may be another gateway's.
struct Silent {
    port: u16,
    _held: OwnedFd,
}

impl Silent {
    fn take() -> Self {
        let kind = (AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC);
        let held = socket(kind.0, kind.1, kind.2, None).unwrap();
        bind(held.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        let port = getsockname::<SockaddrIn>(held.as_raw_fd()).unwrap().port();
        Self { port, _held: held }
    }
}

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    /// A folder that holds nothing.
    pub(crate) fn empty() -> Self {
        let folder = Self { root: tempfile::tempdir().unwrap(), silent: Silent::take() };
        fs::create_dir(folder.cwd()).unwrap();
        folder
    }

    /// A folder in which these wait.
    pub(crate) fn waiting(requests: &[Value]) -> Self {
        let folder = Self::empty();
        folder.put("credentials/telegram-pairing.json", &file(requests));
        folder
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    pub(crate) fn cwd(&self) -> PathBuf {
        self.root.path().join("cwd")
    }

    /// The port that its configuration has, where no test says another.
    pub(crate) fn port(&self) -> u16 {
        self.silent.port
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state().join(name)
    }

    /// Puts a file there, as another program would.
    pub(crate) fn put(&self, name: &str, text: &str) {
        write(&self.path(name), text);
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// Every regular file with its bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.state(), &mut files);
        files.sort();
        files
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw"));
        command.args(line.split_whitespace()).env_clear().current_dir(self.cwd());
        command.env("HOME", self.root.path()).env("OPENCLAW_STATE_DIR", self.state());
        let config = fs::read_to_string(self.path("config.toml")).unwrap_or_default();
        if !config.contains("port =") {
            command.env("OPENCLAW_GATEWAY_PORT", self.port().to_string());
        }
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran::from(self.command(line).output().unwrap())
    }

    /// Runs what must succeed with these variables set.
    #[track_caller]
    pub(crate) fn with_env(&self, line: &str, set: &[(&str, &str)]) -> String {
        let ran = Ran::from(self.command(line).envs(set.iter().copied()).output().unwrap());
        assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
        ran.out
    }

    /// Runs what must succeed, in silence on standard error.
    #[track_caller]
    pub(crate) fn done(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}: {ran:?}");
        ran.out
    }

    /// Runs what must fail with this exit code and without a result.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{line}: {ran:?}");
        ran.err
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Writes a file that is not ours: with the modes that a careless program gives.
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "another program's file")]
    fs::write(path, text).unwrap();
}

/// As a careful program leaves it.
pub(crate) fn keep_private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A moment so many minutes ago, as the field writes it.
pub(crate) fn ago(minutes: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    format!("{:.3}", jiff::Timestamp::from_second(now - minutes * 60).unwrap())
}

/// A request of ten minutes ago, by Ann.
pub(crate) fn request(sender: &str, code: &str) -> Value {
    json!({
        "id": sender,
        "code": code,
        "createdAt": ago(10),
        "lastSeenAt": ago(5),
        "meta": { "username": "ann", "firstName": "Ann", "accountId": "default" },
    })
}

pub(crate) fn of_account(mut request: Value, account: &str) -> Value {
    request["meta"]["accountId"] = account.into();
    request
}

pub(crate) fn named(mut request: Value, name: &str) -> Value {
    request["meta"] = json!({ "firstName": name });
    request
}

pub(crate) fn expired(mut request: Value) -> Value {
    request["createdAt"] = ago(61).into();
    request
}

/// A file of requests as a 2026.2 program writes it.
pub(crate) fn file(requests: &[Value]) -> String {
    let file = json!({ "version": 1, "requests": requests });
    format!("{}\n", serde_json::to_string_pretty(&file).unwrap())
}

/// A file of grants.
pub(crate) fn grants(senders: &[&str]) -> String {
    let file = json!({ "version": 1, "allowFrom": senders });
    format!("{}\n", serde_json::to_string_pretty(&file).unwrap())
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
}
