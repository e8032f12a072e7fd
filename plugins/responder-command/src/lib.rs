//! Answers come from a program of the user's: the message as JSON on its standard input, the answer on
//! its standard output. No shell is involved. Nothing is kept between messages, so nothing is forgotten.

use std::{env, io, time::Duration};

use openclaw_plugin_sdk::{
    Answer, Prompt, Responder, ResponderError, ResponderPlugin, Settings, SettingsError,
    async_trait,
    kit::{
        child::{Limits, Process},
        thoughts::Thoughts,
    },
    neutral,
};
use serde::{Deserialize, Serialize};
use tokio::process;
use tracing::debug;

/// The user's program, as the registry lists it.
pub const PLUGIN: ResponderPlugin = ResponderPlugin {
    id: "command",
    summary: "asks a program of yours: JSON on its standard input, the answer on its standard output",
    keys: &["args", "pass_env", "program", "timeout_seconds"],
    open,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    args: Vec<String>,
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
}

/// The longest answer and the part of an error message that is read, in bytes.
const LIMITS: Limits = Limits { stdout: 64 * 1024, stderr: 4 * 1024 };
const ALWAYS_PASSED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// What the program reads: one line of JSON.
#[derive(Serialize)]
struct Question<'a> {
    conversation: &'a str,
    channel: &'a str,
    sender: &'a str,
    name: Option<&'a str>,
    /// Only where several people write in the conversation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
    text: &'a str,
}

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open(settings: Settings) -> Result<Box<dyn Responder>, SettingsError> {
    let Keys { args, pass_env, program, timeout_seconds } = settings.parse()?;
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
    let (program, time_limit) = (name.to_owned(), Duration::from_secs(seconds));
    Ok(Box::new(Command { program, args, pass_env, time_limit }))
}

#[async_trait]
impl Responder for Command {
    async fn respond(&self, prompt: &Prompt, answer: &Answer) -> Result<(), ResponderError> {
        let Prompt { conversation, channel, sender, name, shared, text } = prompt;
        let name = name.as_deref();
        let shared = *shared;
        let question = Question { conversation, channel, sender, name, shared, text };
        let mut line = serde_json::to_vec(&question).map_err(|error| {
            ResponderError::Failed(format!("cannot write the question: {error}"))
        })?;
        line.push(b'\n');
        let reply = tokio::time::timeout(self.time_limit, self.ask(&line)).await;
        let text = reply.map_err(|_| ResponderError::TimedOut(self.time_limit))??;
        // The person who asked may be gone.
        let _heard = answer.push(text).await;
        Ok(())
    }

    async fn forget(&self, _conversation: &str) {
        // The program keeps what it keeps, by `conversation`; here nothing is.
    }
}

impl Command {
    /// Runs the program once. Dropping the future kills it, and all that it started.
    async fn ask(&self, question: &[u8]) -> Result<String, ResponderError> {
        let mut command = process::Command::new(&self.program);
        let names = ALWAYS_PASSED.into_iter().chain(self.pass_env.iter().map(String::as_str));
        command.args(&self.args).env_clear();
        command.envs(names.filter_map(|name| Some((name, env::var_os(name)?))));
        let process = Process::start(command)
            .map_err(|error| self.failed(&format!("cannot be started: {error}")))?;
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
        if text.is_empty() {
            return Err(self.failed("ended without an answer"));
        }
        if output.cut {
            // The last character may have been cut in two.
            text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
            text.push_str("\n(cut after 64 KiB)");
        }
        Ok(text)
    }

    fn failed(&self, what: &str) -> ResponderError {
        ResponderError::Failed(format!("`{}` {what}", neutral(&self.program, 200)))
    }
}
