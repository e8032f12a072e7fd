//! A program that serves us alone until it is dropped, over its standard input and output or a unix socket.

use std::{
    env, fs, io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
        net::SocketAddr,
    },
    path::Path,
    time::Duration,
};

use nix::unistd::Uid;
use tokio::{
    net::UnixStream,
    process::Command,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::child::{Limits, Output, Process, Stream};
use crate::neutral;

/// So often it is looked whether the socket is there.
const LOOK: Duration = Duration::from_millis(100);

/// Of what it writes, the end of its standard error says why it ended; the rest is read and forgotten.
const KEPT: Limits = Limits { stdout: 4096, stderr: 4096 };

/// A program whose socket is closed ends within this, or goes on without it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running program and all that it started, killed when dropped.
#[derive(Debug)]
pub struct Daemon(JoinSet<io::Result<Output>>);

/// A command that gets no variables but these: those of the gateway may be secrets.
pub fn command(program: &Path, passed: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(passed.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command
}

/// Runs a program to its end: what it wrote to its standard output, or why it failed.
pub async fn output(command: Command, limit: Duration) -> Result<String, String> {
    let process = started(command)?;
    match timeout(limit, process.finish(&[], KEPT)).await {
        Ok(Ok(output)) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(ended) => Err(words(ended)),
        Err(_) => Err("did not end in time".to_owned()),
    }
}

/// The first two numbers of a version such as `0.14.6`.
pub fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().split('.').map(|part| part.parse().ok());
    parts.next().flatten().zip(parts.next().flatten())
}

impl Daemon {
    /// Starts it. What it writes and reads is the stream.
    pub fn over_stdio(command: Command) -> Result<(Self, Stream), String> {
        let mut process = started(command)?;
        let stream =
            process.stream().ok_or_else(|| unstarted(&io::ErrorKind::BrokenPipe.into()))?;
        Ok((Self::of(process), stream))
    }

    fn of(process: Process) -> Self {
        let mut running = JoinSet::new();
        running.spawn(process.finish(&[], KEPT));
        Self(running)
    }

    /// Starts it, and connects to its socket as soon as that is there. The socket's folder is made, for this user alone.
    pub async fn start(
        command: Command,
        socket: &Path,
        limit: Duration,
    ) -> Result<(Self, UnixStream), String> {
        make_room(socket).map_err(|error| no_socket(socket, &error))?;
        let process = started(command)?;
        let mut daemon = Self::of(process);
        let connected = async {
            loop {
                match UnixStream::connect(socket).await {
                    Ok(stream) => return stream,
                    Err(_) => sleep(LOOK).await,
                }
            }
        };
        let stream = tokio::select! {
            stream = timeout(limit, connected) => {
                stream.map_err(|_| "did not open its socket in time".to_owned())?
            }
            ended = daemon.ended() => return Err(ended),
        };
        // Its folder keeps others out already.
        let private = fs::set_permissions(socket, fs::Permissions::from_mode(0o600));
        private.map_err(|error| no_socket(socket, &error))?;
        Ok((daemon, stream))
    }

    /// Why its connection has ended. May be dropped and called again.
    pub async fn why(&mut self) -> String {
        self.end().await.unwrap_or_else(|| "closed the connection".to_owned())
    }

    /// How it has ended; `None` for one that goes on.
    pub async fn end(&mut self) -> Option<String> {
        timeout(LAST_WORDS, self.ended()).await.ok()
    }

    async fn ended(&mut self) -> String {
        match self.0.join_next().await {
            Some(ended) => words(ended.map_err(io::Error::other).flatten()),
            None => "ended".to_owned(),
        }
    }
}

/// Makes a folder for this user alone, or refuses one that is open to others.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.is_dir() && found.uid() == Uid::effective().as_raw();
    if !is_ours || found.mode() & 0o077 != 0 {
        return Err(io::Error::other("its folder is open to others, or is not this user's"));
    }
    Ok(())
}

fn make_room(socket: &Path) -> io::Result<()> {
    SocketAddr::from_pathname(socket)?;
    socket.parent().map_or(Ok(()), private_folder)?;
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn no_socket(socket: &Path, error: &io::Error) -> String {
    format!("cannot have its socket at {}: {error}", socket.display())
}

/// Starts a program, unless others could put their own in its place.
fn started(command: Command) -> Result<Process, String> {
    let program = Path::new(command.as_std().get_program());
    let found = fs::metadata(program).ok().filter(|_| program.is_absolute());
    if found.is_some_and(|found| found.mode() & 0o002 != 0) {
        return Err("is not started, as everybody may write it: `chmod o-w` on it".to_owned());
    }
    Process::start(command).map_err(|error| unstarted(&error))
}

fn unstarted(error: &io::Error) -> String {
    format!("cannot be started: {error}")
}

fn words(ended: io::Result<Output>) -> String {
    let output = match ended {
        Ok(output) => output,
        Err(error) => return format!("broke the connection to its output: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    // Where it stood in its code says nothing to a user.
    let says = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("at ");
    match said.lines().rev().find(says) {
        Some(last) => format!("ended with {}: {}", output.status, neutral(last, 200)),
        None => format!("ended with {}", output.status),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn versions_are_compared_by_their_first_two_numbers() {
        for (text, expected) in [
            ("0.14.0", Some((0, 14))),
            ("1.0\n", Some((1, 0))),
            ("0.15.0-SNAPSHOT", Some((0, 15))),
            ("0.13.19", Some((0, 13))),
            ("", None),
            ("program", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    fn shell(lines: &str) -> Command {
        let mut shell = command(Path::new("/bin/sh"), &["PATH"]);
        shell.args(["-c", lines]);
        shell
    }

    #[tokio::test]
    async fn a_program_that_does_not_serve_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let limit = Duration::from_secs(30);
        let socket = folder.path().join("run/a.sock");
        for (lines, says) in [
            ("echo one >&2; echo no such account >&2; exit 3", "exit status: 3: no such account"),
            (
                "printf 'cannot go on\\n\\tat main.c:7\\n' >&2; exit 1",
                "exit status: 1: cannot go on",
            ),
            ("exit 0", "exit status: 0"),
        ] {
            let why = Daemon::start(shell(lines), &socket, limit).await.map(drop).unwrap_err();
            assert_eq!(why, format!("ended with {says}"));
        }
        let mode = fs::metadata(socket.parent().unwrap()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        let why = Daemon::start(command(Path::new("/no/such"), &[]), &socket, limit).await;
        assert!(why.map(drop).unwrap_err().starts_with("cannot be started: "));
        let why = Daemon::start(shell("sleep 60"), &socket, Duration::from_millis(1)).await;
        assert_eq!(why.map(drop).unwrap_err(), "did not open its socket in time");
        let long = folder.path().join("x".repeat(200));
        let why = Daemon::start(shell("sleep 60"), &long, limit).await;
        assert!(why.map(drop).unwrap_err().starts_with("cannot have its socket at "));
    }

    #[tokio::test]
    async fn a_folder_that_others_can_read_takes_no_socket() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let socket = folder.path().join("a.sock");
        let why = Daemon::start(shell("sleep 60"), &socket, Duration::from_secs(30)).await;
        let why = why.map(drop).unwrap_err();
        assert!(why.contains("its folder is open to others"), "{why}");
        let own = folder.path().join("own");
        fs::DirBuilder::new().mode(0o700).create(&own).unwrap();
        std::os::unix::fs::symlink(&own, folder.path().join("link")).unwrap();
        let socket = folder.path().join("link/a.sock");
        let why = Daemon::start(shell("sleep 60"), &socket, Duration::from_secs(30)).await;
        assert!(why.map(drop).unwrap_err().contains("its folder is open to others"));
    }

    #[test]
    fn a_program_that_everybody_may_write_is_not_started() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::copy("/bin/true", &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
        let why = Daemon::over_stdio(command(&program, &[])).map(drop).unwrap_err();
        assert!(why.contains("everybody may write it"), "{why}");
    }

    #[tokio::test]
    async fn a_program_is_spoken_with_over_its_standard_input_and_output() {
        let lines = "read -r line; echo \"said $line\"; echo all done >&2; exit 4";
        let (mut daemon, mut stream) = Daemon::over_stdio(shell(lines)).unwrap();
        stream.write_all(b"hello\n").await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "said hello\n");
        assert_eq!(daemon.end().await.as_deref(), Some("ended with exit status: 4: all done"));
        let none = Daemon::over_stdio(command(Path::new("/no/such"), &[]));
        assert!(none.map(drop).unwrap_err().starts_with("cannot be started: "));
    }

    #[tokio::test]
    async fn what_it_writes_stops_nothing_and_its_variables_are_those_that_are_passed() {
        let limit = Duration::from_secs(30);
        let lines = "head -c 200000 /dev/zero >&2; printf %s \"$HOME$PATH\"";
        assert_eq!(output(shell(lines), limit).await, Ok(env::var("PATH").unwrap()));
        let why = output(shell("head -c 200000 /dev/zero; exit 2"), limit).await.unwrap_err();
        assert_eq!(why, "ended with exit status: 2");
        let late = output(shell("sleep 60"), Duration::from_millis(1)).await;
        assert_eq!(late, Err("did not end in time".to_owned()));
    }
}
