//! One run of the user's program: what it is given, what is read of it, and how it ends.

use std::{env, io, process::ExitStatus, process::Stdio};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use openclaw_plugin_sdk::{ResponderError, neutral};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, Command},
};

/// The longest answer, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
/// What of its complaints is looked at, in bytes.
const COMPLAINT_LIMIT: usize = 4 * 1024;
const ALWAYS_PASSED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// A program, with its arguments and the environment it may see beyond `PATH`, `HOME` and `LANG`.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) pass_env: Vec<String>,
}

/// The program and what it started, killed when dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Nobody may be left of it.
            let _gone = killpg(pid, Signal::SIGKILL);
        }
    }
}

impl Program {
    /// Runs it once. Dropping the future kills it, and all that it started.
    pub(crate) async fn ask(&self, question: &[u8]) -> Result<String, ResponderError> {
        let mut child = self
            .command()
            .spawn()
            .map_err(|error| self.failed(&format!("cannot be started: {error}")))?;
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ended = async {
            let status = child.wait().await;
            // What it left running would keep the pipes open.
            drop(group);
            status
        };
        let (written, answer, complaint, status) = tokio::join!(
            write(stdin, question),
            read(stdout, ANSWER_LIMIT),
            read(stderr, COMPLAINT_LIMIT),
            ended
        );
        let broken = |error: io::Error| {
            self.failed(&format!("broke the connection to its input or output: {error}"))
        };
        let status = status.map_err(broken)?;
        if !status.success() {
            return Err(self.failed(&reason(status, &complaint.map_err(broken)?.0)));
        }
        written.map_err(broken)?;
        let (answer, cut) = answer.map_err(broken)?;
        let mut text = String::from_utf8_lossy(&answer).trim_end().to_owned();
        if text.is_empty() {
            return Err(self.failed("ended without an answer"));
        }
        if cut {
            // The last character may have been cut in two.
            text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
            text.push_str("\n(cut after 64 KiB)");
        }
        Ok(text)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        let names = ALWAYS_PASSED.into_iter().chain(self.pass_env.iter().map(String::as_str));
        command.args(&self.args).env_clear();
        command.envs(names.filter_map(|name| Some((name, env::var_os(name)?))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C at the console is the gateway's to handle.
        command.process_group(0).kill_on_drop(true);
        command
    }

    fn failed(&self, what: &str) -> ResponderError {
        ResponderError::Failed(format!("`{}` {what}", neutral(&self.name, 200)))
    }
}

fn reason(status: ExitStatus, complaint: &[u8]) -> String {
    let complaint = String::from_utf8_lossy(complaint);
    match complaint.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("ended with {status}: {}", neutral(line, 200)),
        None => format!("ended with {status}"),
    }
}

/// A program may answer without reading what it is asked.
async fn write(stdin: Option<ChildStdin>, question: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(question).await {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Reads to the end, keeps as much as the limit, and says whether there was more.
async fn read(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return Ok((kept, false)) };
    let mut chunk = vec![0; 8 * 1024];
    let mut cut = false;
    loop {
        let read = pipe.read(&mut chunk).await?;
        if read == 0 {
            return Ok((kept, cut));
        }
        let room = limit - kept.len();
        kept.extend_from_slice(&chunk[..read.min(room)]);
        cut |= read > room;
    }
}
