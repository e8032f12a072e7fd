//! `openclaw config`: whether it is right, where it is, what it comes to, and one key of it changed.

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::toml::Value;
use serde_json::json;

use crate::{
    Ended, Exit, Failure, Host, Output,
    config::{
        Config,
        problem::{ConfigError, Problem},
        show,
    },
    gateway,
    output::tamed,
    text, whole,
};

/// What can be asked about the configuration.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw config check
  openclaw config check --deep
  openclaw config set owner.time_zone Europe/Berlin
  openclaw config get gateway.port
  openclaw config check --config ./config.example.toml")]
pub(super) enum ConfigCommand {
    /// Check the file as the start of the gateway does
    Check {
        /// Ask also whether the assistant answers; this takes at most 20 seconds
        #[arg(long)]
        deep: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the value that is in effect; of a secret, only that it is set
    Get(Get),
    /// Print which file is read
    Path {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the file, for editors
    #[command(after_help = "\
Example:
  openclaw config schema > ~/.openclaw/config.schema.json

With `#:schema ./config.schema.json` in the first line of config.toml, editors
that know TOML complete its keys and explain them.")]
    Schema {
        /// Print JSON, as without it
        #[arg(long)]
        json: bool,
    },
    /// Set a key in the file; comments stay, and a change that would not load is refused
    Set(Set),
    /// Print what is in effect, defaults included and secrets masked
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a key from the file, so that its default is in effect; comments stay
    Unset(Get),
}

/// Names a key.
#[derive(Debug, Args)]
pub(super) struct Get {
    /// The key, such as `gateway.port` or `channels.telegram.dm_policy`
    key: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Sets a key.
#[derive(Args)]
#[command(after_help = "\
Examples:
  openclaw config set gateway.port 18790
  openclaw config set owner.allow_from telegram:123456789 slack:U024BE7LH
  openclaw config set channels.telegram.bot_token -    Typed or piped in
  openclaw config set channels.telegram.bot_token '${TELEGRAM_BOT_TOKEN}'

If keys need each other, set `enabled` of their table to false first.
A running gateway takes the change without a restart.")]
pub(super) struct Set {
    /// The key, such as `gateway.port` or `channels.telegram.dm_policy`
    key: String,
    /// The value; for a list, each entry or `[...]`; `-` reads it from standard input
    #[arg(required = true, allow_negative_numbers = true)]
    value: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// No secret is shown.
impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("key", &self.key).finish_non_exhaustive()
    }
}

impl ConfigCommand {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Check { deep, json: false } => check(deep, host, output),
            Self::Check { deep, json: true } => check_json(deep, host, output),
            Self::Get(get) => get.run(host, output),
            Self::Path { json } => path(json, host, output),
            Self::Schema { .. } => output.json(&Host::schema()),
            Self::Set(set) => set.run(host, output),
            Self::Show { json: true } => output.json(&show::table_of(&host.config()?)),
            Self::Show { json: false } => {
                output.block(&tamed(&show::show(&host.config()?)));
                Ok(Exit::Done)
            }
            Self::Unset(Get { key, json }) => change(&key, None, json, host, output),
        }
    }
}

fn check(deep: bool, host: &Host, output: &mut Output) -> Ended {
    let config = host.config()?;
    let warnings = host.warnings(&config)?;
    for warning in &warnings {
        output.note(format!("warning: {warning}"));
    }
    if !config.lacking.is_empty() {
        return Err(Failure::new(Exit::Failed, config.lacking.join("\n")));
    }
    output.line(text::config_checked(
        config.file.as_deref(),
        config.says_nothing(),
        warnings.len(),
    ));
    if deep {
        let tried = gateway::try_assistant(&config)?;
        output.line(text::assistant_asked(&config.assistant.responder, &tried.asks));
        let answer = tried.result.map_err(|error| text::assistant_failed(&error))?;
        output.line(text::assistant_answers(&answer));
    }
    Ok(Exit::Done)
}

/// What is wrong stands in the JSON, and is the error too.
fn check_json(deep: bool, host: &Host, output: &mut Output) -> Ended {
    let config = match host.loaded()? {
        Ok(config) => config,
        Err(error) => {
            let problem = |one: &Problem| json!({ "line": one.line, "text": one.text });
            let problems = match &error {
                ConfigError::Invalid(problems) => problems.iter().map(problem).collect(),
                other => vec![json!({ "line": null, "text": other.to_string() })],
            };
            let file = host.config_file()?;
            output.json(&json!({ "ok": false, "file": file, "problems": problems }))?;
            return Err(error.into());
        }
    };
    let asked = if deep && config.lacking.is_empty() { Some(asked(&config)?) } else { None };
    let fine = config.lacking.is_empty() && asked.as_ref().is_none_or(Result::is_ok);
    let mut said = json!({
        "ok": fine,
        "file": config.file,
        "warnings": host.warnings(&config)?,
        "lacking": config.lacking,
    });
    if let Some(asked) = &asked {
        let error = asked.as_ref().err().map(|failure| failure.spell(false));
        said["assistant"] = json!({ "answer": asked.as_ref().ok(), "error": error });
    }
    output.json(&said)?;
    match asked {
        Some(Err(failure)) => Err(failure),
        _ if fine => Ok(Exit::Done),
        _ => Err(Failure::new(Exit::Failed, config.lacking.join("\n"))),
    }
}

fn asked(config: &Config) -> Result<Result<String, Failure>, Failure> {
    Ok(gateway::try_assistant(config)?.result.map_err(|error| text::assistant_failed(&error)))
}

fn path(json: bool, host: &Host, output: &mut Output) -> Ended {
    let file = host.config_file()?;
    if !json && !file.exists() {
        output.line(file.display().to_string());
        output.note(text::NO_CONFIG);
        return Ok(Exit::Done);
    }
    let said = json!({ "file": file, "exists": file.exists() });
    output.answer(json, &said, file.display().to_string())
}

impl Get {
    fn run(self, host: &Host, output: &mut Output) -> Ended {
        let key = self.key.trim();
        Host::keys().find(key).map_err(text::no_key)?;
        let value = show::value(&host.config()?, key).ok_or_else(|| text::not_set(key))?;
        let secret = show::is_masked(&value);
        if self.json {
            let value = if secret { None } else { Some(value) };
            return output.json(&json!({ "key": key, "value": value, "secret": secret }));
        }
        if secret {
            output.line(text::SECRET_IS_SET);
        } else {
            for line in lines(&value) {
                output.line(line);
            }
        }
        Ok(Exit::Done)
    }
}

/// A list is a line for each entry.
fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(lines).collect(),
        Value::String(text) => text.lines().map(whole).collect(),
        Value::Table(table) => table.to_string().lines().map(whole).collect(),
        other => vec![other.to_string()],
    }
}

impl Set {
    fn run(mut self, host: &Host, output: &mut Output) -> Ended {
        if self.value == ["-"] {
            let typed = std::io::read_to_string(std::io::stdin().lock())?;
            self.value = vec![typed.trim_end_matches(['\r', '\n']).to_owned()];
        }
        change(&self.key, Some(&self.value), self.json, host, output)
    }
}

fn change(
    key: &str,
    value: Option<&[String]>,
    json: bool,
    host: &Host,
    output: &mut Output,
) -> Ended {
    let (key, file) = (key.trim(), host.config_file()?);
    let warnings = host.edit(&[(key, value)])?;
    if json {
        return output.json(&json!({ "key": key, "file": file, "warnings": warnings }));
    }
    output.line(match value {
        Some(_) => text::key_set(key, &file),
        None => text::key_removed(key, &file),
    });
    for warning in &warnings {
        output.note(format!("warning: {warning}"));
    }
    Ok(Exit::Done)
}
