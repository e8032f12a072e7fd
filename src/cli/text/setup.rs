//! What `openclaw setup` says and asks.

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::{ChannelError, ChannelPlugin};

use crate::{Exit, Failure, channels::in_terminal, gateway::Connected};

pub(crate) const ASK_CHANNEL: &str = "Which channel? Its number or name; Enter goes on: ";
pub(crate) const ASK_TYPE_AGAIN: &str = "Type it again?";
pub(crate) const ASK_KEEP: &str = "Write it into the configuration all the same?";
pub(crate) const ASK_SERVICE: &str =
    "Run the gateway in the background, now and whenever you log in?";
pub(crate) const IS_SET_UP: &str = "set up";
pub(crate) const SETUP_AGAIN: &str =
    "`openclaw setup` goes on after that; answer `no` there to set up without the import";
pub(crate) const SETUP_OWNER: &str =
    "\nNobody decides yet. Become the owner: send this code to your bot.\n";

/// A step that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The folder was restored, and nobody has confirmed it.
    Confirm,
    /// Another OpenClaw is here.
    Import(PathBuf),
    /// No chat channel is switched on.
    Channel,
    /// No gateway runs.
    Service,
    /// Nobody is the owner.
    Owner,
}

impl Left {
    /// As scripts read it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Import(_) => "import",
            Self::Channel => "channel",
            Self::Service => "service",
            Self::Owner => "owner",
        }
    }

    /// What does it.
    pub(crate) fn command(&self) -> &'static str {
        match self {
            Self::Confirm => "openclaw backup confirm",
            Self::Import(_) => "openclaw import",
            Self::Channel => "openclaw config set channels.telegram.bot_token -",
            Self::Service => "openclaw service install --now",
            Self::Owner => "openclaw owner claim",
        }
    }

    fn about(&self) -> String {
        match self {
            Self::Confirm => "Look at what was restored, and open it".to_owned(),
            Self::Import(found) => format!("Take over {}", found.display()),
            Self::Channel => "Connect a chat, such as Telegram".to_owned(),
            Self::Service => {
                "Run the gateway in the background (`openclaw gateway run` runs it here)".to_owned()
            }
            Self::Owner => "Become the owner: send the code to your bot".to_owned(),
        }
    }
}

pub(crate) fn left(steps: &[Left], page: &str) -> Vec<String> {
    if steps.is_empty() {
        return vec![format!("Everything is set up. The page is at {page}")];
    }
    let mut lines = vec!["This is left; `openclaw setup` in a terminal asks for it:".to_owned()];
    for (index, step) in steps.iter().enumerate() {
        lines.push(format!("{}. {}", index + 1, step.about()));
        lines.push(format!("   {}", step.command()));
    }
    lines.push(format!("Then the page is at {page}"));
    lines
}

pub(crate) fn ask_take_over(found: &Path) -> String {
    format!(
        "There is an OpenClaw: {}. Take over its settings, people and devices?",
        found.display()
    )
}

pub(crate) fn needs_no_setup(label: &str) -> String {
    format!("{label} needs no setup")
}

/// What is wrong with what was typed; where nothing was, where to find it.
pub(crate) fn lacking(key: &str, problem: &str) -> Option<String> {
    let problem = match problem.strip_prefix("is missing") {
        Some(where_from) => where_from.strip_prefix(": ")?,
        None => problem,
    };
    Some(format!("`{key}`: {problem}"))
}

pub(crate) fn ask_secret(path: &str) -> String {
    format!("{path} (it is not shown; Enter leaves the channel out)")
}

pub(crate) fn trying(label: &str) -> String {
    format!("Connecting to {label} …")
}

/// What came of it, or why it does not work.
pub(crate) fn tried(
    label: &str,
    tried: &Result<Option<Connected>, ChannelError>,
) -> Result<String, String> {
    match tried {
        Ok(Some(Connected { limitation: None })) => Ok(format!("✅ {label} answers")),
        Ok(Some(Connected { limitation: Some(but) })) => {
            Ok(format!("✅ {label} answers, but: {}", in_terminal(but, 300)))
        }
        Ok(None) => Err(format!("{label} has not answered in time")),
        Err(error) => {
            let why = in_terminal(&error.to_string(), 300);
            Err(if why.starts_with(label) { why } else { format!("{label}: {why}") })
        }
    }
}

pub(crate) fn left_out(label: &str) -> String {
    format!("{label} is left out; nothing was written")
}

pub(crate) fn set_up_by_hand(plugin: &ChannelPlugin, problem: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{}: {problem}", plugin.label))
        .hint(format!("write `[channels.{}]` into the configuration file", plugin.id))
}

pub(crate) fn channel_set_up(plugin: &ChannelPlugin, file: &Path) -> String {
    let done = format!("✅ {} is set up in {}", plugin.label, file.display());
    match plugin.login {
        Some(_) => format!("{done}\nLink the account: `openclaw channels login {}`", plugin.id),
        None => done,
    }
}

pub(crate) fn warning(text: &str) -> String {
    format!("warning: {text}")
}

pub(crate) fn set_up(page: &str, runs: bool, has_owner: bool) -> String {
    if runs {
        format!(
            "The gateway runs. Its page: {page}\n\
             Strangers who write to your bot get a code, and you decide about them.\n\
             `openclaw status` shows how everything is, `openclaw doctor` what does not work."
        )
    } else {
        let code = if has_owner { "" } else { " It prints a code that makes you the owner." };
        format!(
            "Start the gateway: `openclaw gateway run`.{code}\n\
             Its page is then at {page}\n\
             `openclaw doctor` shows what does not work."
        )
    }
}
