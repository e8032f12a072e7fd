//! A child process: what it is given, what is read of it within bounds, and how it ends.

use std::{
    io,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Join, join},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::watch,
    time::sleep,
};

/// What a program started in another group may keep its pipes open. They are read for so long after its end.
const LINGER: Duration = Duration::from_millis(500);

/// The standard output and standard input of a program.
pub type Stream = Join<ChildStdout, ChildStdin>;

/// A running program and all that it started, killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Group,
}

/// What a program has left behind.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output, up to the limit.
    pub stdout: Vec<u8>,
    /// True where it wrote more than that.
    pub cut: bool,
    /// The end of what it wrote to its standard error, up to the limit.
    pub stderr: Vec<u8>,
}

/// How much is kept of what a program writes, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of its standard output.
    pub stdout: usize,
    /// Of its standard error.
    pub stderr: usize,
}

/// The program and what it started, killed when dropped.
#[derive(Debug)]
struct Group {
    leader: Option<Pid>,
    _guard: Option<Child>,
}

/// Its standard input ends when this process does, however that ends: then it kills the group.
const GUARD: &str = r#"read -r _; kill -s KILL -- "-$0""#;

impl Group {
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let guard = |leader: Pid| {
            let mut guard = Command::new("/bin/sh");
            guard.args(["-c", GUARD, &leader.to_string()]).env_clear().process_group(0);
            guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            guard.kill_on_drop(true).spawn()
        };
        // Without a shell the program ends by itself after such an end.
        Self { leader, _guard: leader.and_then(|leader| guard(leader).ok()) }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.leader {
            // What has ended already needs no signal.
            let _gone = killpg(pid, Signal::SIGKILL);
        }
    }
}

impl Process {
    /// Starts it in a group of its own: Ctrl-C at the console is the gateway's to handle.
    pub fn start(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let group = Group::of(&child);
        Ok(Self { child, group })
    }

    /// What it writes to its standard output and reads from its standard input; [`Process::finish`] has no part of them
    /// then.
    pub fn stream(&mut self) -> Option<Stream> {
        let (stdout, stdin) = (self.child.stdout.take()?, self.child.stdin.take()?);
        Some(join(stdout, stdin))
    }

    /// Writes its standard input, reads all that it writes, and waits for its end.
    pub async fn finish(self, input: &[u8], limits: Limits) -> io::Result<Output> {
        let Self { mut child, group } = self;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (over, is_over) = watch::channel(false);
        let ended = async {
            let status = child.wait().await;
            // What it left running would keep the pipes open.
            drop(group);
            over.send_replace(true);
            status
        };
        let (written, stdout, stderr, status) = tokio::join!(
            write(stdin, input),
            read(stdout, limits.stdout, Keep::First, is_over.clone()),
            read(stderr, limits.stderr, Keep::Last, is_over.clone()),
            ended
        );
        let (status, (stderr, _)) = (status?, stderr?);
        if status.success() {
            written?;
        }
        let (stdout, cut) = stdout?;
        Ok(Output { status, stdout, cut, stderr })
    }
}

/// A program may answer without reading its input.
async fn write(stdin: Option<ChildStdin>, input: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(input).await {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Which part of too much is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    First,
    Last,
}

/// Reads to the end, keeps as much as the limit, and says whether there was more.
async fn read(
    pipe: Option<impl AsyncRead + Unpin>,
    limit: usize,
    keep: Keep,
    mut is_over: watch::Receiver<bool>,
) -> io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return Ok((kept, false)) };
    let mut chunk = vec![0; 8 * 1024];
    let mut cut = false;
    let mut late = pin!(async {
        // We hold the other end.
        is_over.wait_for(|over| *over).await.ok();
        sleep(LINGER).await;
    });
    loop {
        let read = tokio::select! {
            biased;
            read = pipe.read(&mut chunk) => read?,
            () = &mut late => 0,
        };
        if read == 0 {
            return Ok((kept, cut));
        }
        let room = limit - kept.len();
        cut |= read > room;
        match keep {
            Keep::First => kept.extend_from_slice(&chunk[..read.min(room)]),
            Keep::Last => {
                kept.extend_from_slice(&chunk[..read]);
                kept.drain(..kept.len().saturating_sub(limit));
            }
        }
    }
}
