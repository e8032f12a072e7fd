//! Answers come from a program of the user's: the message as JSON on its standard input, the answer on
//! its standard output. No shell is involved. Nothing is kept between messages, so nothing is forgotten.

mod program;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Answer, Prompt, Responder, ResponderError, ResponderPlugin, Settings, SettingsError,
    async_trait,
};
use program::Program;
use serde::{Deserialize, Serialize};

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

struct Command {
    program: Program,
    limit: Duration,
}

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
    let program = Program { name: name.to_owned(), args, pass_env };
    Ok(Box::new(Command { program, limit: Duration::from_secs(seconds) }))
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
        let reply = tokio::time::timeout(self.limit, self.program.ask(&line)).await;
        let text = reply.map_err(|_| ResponderError::TimedOut(self.limit))??;
        // The person who asked may be gone.
        let _heard = answer.push(text).await;
        Ok(())
    }

    async fn forget(&self, _conversation: &str) {
        // The program keeps what it keeps, by `conversation`; here nothing is.
    }
}
