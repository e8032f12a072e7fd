//! Answers come from a program of the user's: the message as JSON on its standard input, the answer on
//! its standard output. No shell is involved.

mod files;

use std::{env, io, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use openclaw_plugin_sdk::{
    Answer, File, PersonRole, Prompt, Responder, ResponderError, ResponderPlugin, Settings,
    SettingsError, Takes, async_trait,
    kit::{
        child::{Limits, Process},
        history::{History, Turn},
        thoughts::Thoughts,
    },
    neutral,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::process;
use tracing::debug;

use crate::files::{Folder, Given};

/// The user's program, as the registry lists it.
pub const PLUGIN: ResponderPlugin = ResponderPlugin {
    id: "command",
    summary: "asks a program of yours: JSON on its standard input, the answer on its standard output",
    keys: &["args", "history_turns", "pass_env", "program", "timeout_seconds"],
    open,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    args: Vec<String>,
    history_turns: Option<usize>,
    #[serde(default)]
    pass_env: Vec<String>,
    program: String,
    timeout_seconds: Option<u64>,
}

/// A program, with its arguments and the environment it may see beyond `PATH`, `HOME` and `LANG`.
struct Command {
    program: String,
    args: Vec<String>,
    pass_env: Vec<String>,
    time_limit: Duration,
    history: Mutex<History>,
}

/// The longest answer and the part of an error message that is read, in bytes.
const LIMITS: Limits = Limits { stdout: 64 * 1024, stderr: 4 * 1024 };
const ALWAYS_PASSED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// What the program reads: one line of JSON. The README has it.
#[derive(Serialize)]
struct Question<'a> {
    conversation: &'a str,
    channel: &'a str,
    sender: &'a str,
    name: Option<&'a str>,
    note: Option<&'a str>,
    role: PersonRole,
    group: bool,
    /// The earlier name of `group`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
    access_ends: Option<&'a str>,
    history: &'a [Turn],
    text: &'a str,
    files: &'a [Given],
    answer_folder: Option<&'a Path>,
}

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open(settings: Settings) -> Result<Box<dyn Responder>, SettingsError> {
    let Keys { args, history_turns, pass_env, program, timeout_seconds } = settings.parse()?;
    let name = program.trim();
    if name.is_empty() {
        return Err(SettingsError::new("program", "must name a program"));
    }
    // A gateway must not run what lies where it happened to be started.
    if name.contains('/') && !name.starts_with('/') {
        return Err(SettingsError::new(
            "program",
            "must be an absolute path, or a name to be found in `PATH`",
        ));
    }
    if pass_env.iter().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
        return Err(SettingsError::new("pass_env", "must list names of environment variables"));
    }
    let seconds = timeout_seconds.unwrap_or(120);
    if !(1..=3600).contains(&seconds) {
        return Err(SettingsError::new("timeout_seconds", "must be between 1 and 3600"));
    }
    let turns = history_turns.unwrap_or(10);
    if turns > 100 {
        return Err(SettingsError::new("history_turns", "must be at most 100"));
    }
    Ok(Box::new(Command {
        program: name.to_owned(),
        args,
        pass_env,
        time_limit: Duration::from_secs(seconds),
        history: Mutex::new(History::new(turns)),
    }))
}

#[async_trait]
impl Responder for Command {
    fn asks(&self) -> String {
        neutral(&self.program, 200)
    }

    fn takes(&self) -> Takes {
        Takes::Files
    }

    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |problem: String| Err(SettingsError::new("program", problem));
        if self.program.starts_with('/') {
            return match is_program(Path::new(&self.program)) {
                Ok(true) => Ok(()),
                Ok(false) => wrong(format!("{} is not an executable file", self.asks())),
                Err(error) => wrong(format!("{} cannot be run: {error}", self.asks())),
            };
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = env::split_paths(&path).map(|folder| folder.join(&self.program));
        if places.any(|place| is_program(&place).unwrap_or(false)) {
            return Ok(());
        }
        wrong(format!("{} is not found in `PATH`", self.asks()))
    }

    async fn respond(&self, prompt: &Prompt, answer: &Answer) -> Result<(), ResponderError> {
        let (ticket, history) = self.history.lock().recall(&prompt.conversation);
        let (folder, files) = self.hold(prompt).await?;
        let answer_folder = folder.as_ref().map(Folder::for_answer);
        let question = Question {
            conversation: &prompt.conversation,
            channel: &prompt.channel,
            sender: &prompt.sender,
            name: prompt.name.as_deref(),
            note: prompt.note.as_deref(),
            role: prompt.role,
            group: prompt.shared,
            shared: prompt.shared,
            access_ends: prompt.access_ends.as_deref(),
            history: &history,
            text: &prompt.text,
            files: &files,
            answer_folder: answer_folder.as_deref(),
        };
        let mut line = serde_json::to_vec(&question).map_err(|error| {
            ResponderError::Failed(format!("cannot write the question: {error}"))
        })?;
        line.push(b'\n');
        let reply = tokio::time::timeout(self.time_limit, self.ask(&line)).await;
        let mut text = reply.map_err(|_| ResponderError::TimedOut(self.time_limit))??;
        let (files, more) = self.left(folder).await?;
        if text.is_empty() && files.is_empty() {
            return Err(self.failed("ended without an answer"));
        }
        if more {
            text.push_str(
                "\n(An answer has at most four files, 10 MB together; the others were left out.)",
            );
        }
        // The person who asked may be gone.
        if text.is_empty() || answer.push(text.as_str()).await {
            let listed = files.iter().map(File::listed);
            let said: Vec<String> =
                [text].into_iter().filter(|it| !it.is_empty()).chain(listed).collect();
            answer.attach(files);
            let turn = Turn { question: prompt.line(), answer: said.join("\n") };
            self.history.lock().add(&prompt.conversation, ticket, turn);
        }
        Ok(())
    }

    async fn forget(&self, conversation: &str) {
        self.history.lock().forget(conversation);
    }

    async fn probe(&self) -> Result<String, ResponderError> {
        self.check().map_err(|error| ResponderError::Misconfigured(error.problem))?;
        Ok("the program is there and can be executed; it was not run".to_owned())
    }
}

/// True for a file that may be executed.
fn is_program(path: &Path) -> io::Result<bool> {
    let meta = path.metadata()?;
    Ok(meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

impl Command {
    /// Puts the files of a question where the program can read them, for as long as the folder is kept.
    async fn hold(&self, prompt: &Prompt) -> Result<(Option<Folder>, Vec<Given>), ResponderError> {
        let Some(parent) = prompt.folder.clone() else { return Ok((None, Vec::new())) };
        let files = prompt.files.clone();
        let write = move || {
            let folder = Folder::make(&parent)?;
            let given = folder.hold(&files)?;
            io::Result::Ok((Some(folder), given))
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten();
        written.map_err(|error| {
            ResponderError::Failed(format!("the files of a message cannot be written: {error}"))
        })
    }

    /// What the program has left for the answer, and whether that was more than it may have. The folder is gone then.
    async fn left(&self, folder: Option<Folder>) -> Result<(Vec<File>, bool), ResponderError> {
        let Some(folder) = folder else { return Ok((Vec::new(), false)) };
        let left = move || {
            let left = folder.left();
            folder.erase();
            left
        };
        let left = tokio::task::spawn_blocking(left).await;
        let left = left.map_err(io::Error::other).flatten();
        left.map_err(|error| self.failed(&format!("left files that cannot be read: {error}")))
    }

    /// Runs the program once. Dropping the future kills it, and all that it started.
    async fn ask(&self, question: &[u8]) -> Result<String, ResponderError> {
        let mut command = process::Command::new(&self.program);
        let names = ALWAYS_PASSED.into_iter().chain(self.pass_env.iter().map(String::as_str));
        command.args(&self.args).env_clear();
        command.envs(names.filter_map(|name| Some((name, env::var_os(name)?))));
        let process = Process::start(command).map_err(|error| self.unstarted(&error))?;
        let broken = |error: io::Error| {
            self.failed(&format!("broke the connection to its input or output: {error}"))
        };
        let output = process.finish(question, LIMITS).await.map_err(broken)?;
        if !output.status.success() {
            // Its own words may be those of the message.
            let said = String::from_utf8_lossy(&output.stderr);
            debug!(program = self.program, stderr = %neutral(&said, 400), "failed");
            return Err(self.failed(&format!("ended with {}", output.status)));
        }
        let mut thoughts = Thoughts::default();
        let text = thoughts.said(&String::from_utf8_lossy(&output.stdout)) + &thoughts.rest();
        let mut text = text.trim_end().to_owned();
        if output.cut {
            // The last character may have been cut in two.
            text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
            text.push_str("\n(cut after 64 KiB)");
        }
        Ok(text)
    }

    fn unstarted(&self, error: &io::Error) -> ResponderError {
        use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
        let lasts =
            matches!(error.kind(), IsADirectory | NotADirectory | NotFound | PermissionDenied);
        let why = format!("cannot be started: {error}");
        if lasts {
            return ResponderError::Misconfigured(format!(
                "`{}` {why}: check `program`",
                self.asks()
            ));
        }
        self.failed(&why)
    }

    fn failed(&self, what: &str) -> ResponderError {
        ResponderError::Failed(format!("`{}` {what}", self.asks()))
    }
}
