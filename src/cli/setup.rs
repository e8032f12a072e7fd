//! `openclaw setup`: the way to a running gateway, question by question. Each step can be left out, and a second run
//! asks for what is left. Without a terminal it says what is left.

use std::path::PathBuf;

use clap::Args;
use openclaw_plugin_sdk::{
    AccountId, Channel, ChannelPlugin, SettingsError,
    toml::{Table, Value},
};
use serde_json::json;

use crate::{
    Cell, Ended, Exit, Failure, Host, Output,
    channels::set_up::{named, settings, table},
    control::owners,
    gateway,
    import::Import,
    import_room::settings::{find, record},
    owner, prompt, registry, services,
    store::imports::{self, Imported},
    text::{self, Left},
};

/// Set a gateway up, question by question
#[derive(Debug, Args)]
#[command(after_help = "\
It takes over another OpenClaw, connects channels, installs the service and
makes you the owner. Enter or `no` leaves a step out; run it again for the rest.
Without a terminal it asks nothing, and prints what is left to do.

Examples:
  openclaw setup
  openclaw setup --json")]
pub(super) struct Setup {
    /// Print what is left to do as JSON, and ask nothing
    #[arg(long)]
    json: bool,
}

impl Setup {
    /// Asks, or says what is left.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Ended {
        if self.json || !prompt::is_attended() {
            return self.tell(host, output);
        }
        host.config()?;
        if let Some(restored) = host.store()?.unconfirmed()? {
            output.note(text::unconfirmed(&restored));
        }
        take_over(host, output)?;
        connect(host, output)?;
        serve(host, output)?;
        if !has_owner(host)? && is_running(host)? {
            output.line(text::SETUP_OWNER);
            owner::claim(false, host, output)?;
        }
        output.line("");
        output.line(text::set_up(&page(host)?, is_running(host)?, has_owner(host)?));
        Ok(Exit::Done)
    }

    fn tell(&self, host: &Host, output: &mut Output) -> Ended {
        let config = host.config()?;
        let mut left = Vec::new();
        if host.store()?.unconfirmed()?.is_some() {
            left.push(Left::Confirm);
        }
        if let Some(found) = other(host)? {
            left.push(Left::Import(found));
        }
        let chats = |id: &str| {
            registry::pairing_channels().any(|plugin| plugin.id == id && !is_page(plugin))
        };
        if !config.accounts.iter().any(|account| account.enabled && chats(account.plugin.id)) {
            left.push(Left::Channel);
        }
        if !is_running(host)? {
            left.push(Left::Service);
        }
        if !has_owner(host)? {
            left.push(Left::Owner);
        }
        let page = page(host)?;
        if self.json {
            let step = |one: &Left| json!({ "step": one.word(), "command": one.command() });
            let steps: Vec<_> = left.iter().map(step).collect();
            return output.json(&json!({ "left": steps, "page": page }));
        }
        for line in text::left(&left, &page) {
            output.line(line);
        }
        Ok(Exit::Done)
    }
}

/// An OpenClaw from which nothing was taken over yet.
fn other(host: &Host) -> Result<Option<PathBuf>, Failure> {
    let state = host.state()?;
    if record(&state)?.is_some() || !Imported::read(&state)?.sources.is_empty() {
        return Ok(None);
    }
    Ok(find(None, state.path(), &Host::env).or(imports::unread(&state)?))
}

fn take_over(host: &Host, output: &mut Output) -> Result<(), Failure> {
    let Some(found) = other(host)? else { return Ok(()) };
    if prompt::yes(output, &text::ask_take_over(&found))? {
        Import::default().run(host, output).map_err(|failure| failure.hint(text::SETUP_AGAIN))?;
    }
    Ok(())
}

/// The page needs no platform.
fn is_page(plugin: &ChannelPlugin) -> bool {
    !plugin.abilities.accounts
}

/// Connects one channel after the other, until none is named.
fn connect(host: &Host, output: &mut Output) -> Result<(), Failure> {
    let chats: Vec<_> = registry::pairing_channels().filter(|plugin| !is_page(plugin)).collect();
    let mut changed = true;
    loop {
        let config = host.config()?;
        let row = |(index, plugin): (usize, &&ChannelPlugin)| {
            let accounts = || config.accounts.iter().filter(|one| one.plugin.id == plugin.id);
            let is_set_up = accounts().any(|account| account.enabled);
            let state = if is_set_up { text::IS_SET_UP } else { "" };
            let cells = [
                ("No.", (index + 1).to_string()),
                ("Channel", plugin.label.to_owned()),
                ("State", state.to_owned()),
            ];
            cells.map(|(column, text)| Cell::Whole(column, text)).to_vec()
        };
        if std::mem::take(&mut changed) {
            output.line("");
            output.table(chats.iter().enumerate().map(row));
        }
        let Some(typed) = prompt::line(output, text::ASK_CHANNEL)?.filter(|it| !it.is_empty())
        else {
            return Ok(());
        };
        let by_number =
            typed.parse::<usize>().ok().and_then(|number| chats.get(number.wrapping_sub(1)));
        match by_number.map_or_else(|| named(&typed), |plugin| Ok(*plugin)) {
            Ok(plugin) if !plugin.abilities.console && !is_page(plugin) => {
                if let Err(failure) = set_up(host, plugin, output) {
                    output.failure(&failure);
                }
                changed = true;
            }
            Ok(plugin) => output.note(text::needs_no_setup(plugin.label)),
            Err(failure) => output.failure(&failure),
        }
    }
}

/// What was typed for a channel, over what its account had before.
struct Draft {
    plugin: &'static ChannelPlugin,
    account: AccountId,
    settings: Table,
    typed: Vec<(String, String)>,
}

impl Draft {
    /// Asks for what is lacking, until the channel opens. `None` where nothing is typed.
    fn open(&mut self, output: &mut Output) -> Result<Option<Box<dyn Channel>>, Failure> {
        loop {
            let lacking = match (self.plugin.open)(settings(&self.account, self.settings.clone())) {
                Ok(channel) => return Ok(Some(channel)),
                Err(lacking) => lacking,
            };
            let SettingsError { key, problem } = lacking;
            if !self.plugin.keys.contains(&&*key) {
                return Err(text::set_up_by_hand(self.plugin, &problem));
            }
            if let Some(line) = text::lacking(&key, &problem) {
                output.note(line);
            }
            let typed = ask(self.plugin, &key, output)?;
            let Some(value) = typed.filter(|value| !value.is_empty()) else { return Ok(None) };
            self.typed.retain(|(other, _)| *other != key);
            self.settings.insert(key.clone(), Value::String(value.clone()));
            self.typed.push((key, value));
        }
    }
}

/// Asks for what the channel lacks, tries it, and writes it. Nothing is written before the platform has answered, or a
/// person wants it all the same.
fn set_up(host: &Host, plugin: &'static ChannelPlugin, output: &mut Output) -> Result<(), Failure> {
    let account = AccountId::default_account();
    let mut known = table(&host.config()?, plugin, &account).unwrap_or_default();
    loop {
        let (account, settings) = (account.clone(), known.clone());
        let mut draft = Draft { plugin, account, settings, typed: Vec::new() };
        let Some(channel) = draft.open(output)? else {
            output.line(text::left_out(plugin.label));
            return Ok(());
        };
        output.note(text::trying(plugin.label));
        let tried = gateway::try_account(&*channel, draft.account, (plugin, &draft.settings));
        match text::tried(plugin.label, &tried) {
            Ok(line) => output.line(line),
            Err(why) => {
                output.note(why);
                let is_stored = plugin.secret_keys.iter().any(|key| known.contains_key(*key));
                if (is_stored || !draft.typed.is_empty())
                    && prompt::yes(output, text::ASK_TYPE_AGAIN)?
                {
                    known.retain(|key, _| !plugin.secret_keys.contains(&key));
                    continue;
                }
                if !prompt::yes(output, text::ASK_KEEP)? {
                    output.line(text::left_out(plugin.label));
                    return Ok(());
                }
            }
        }
        return write(host, plugin, draft.typed, output);
    }
}

fn ask(plugin: &ChannelPlugin, key: &str, output: &mut Output) -> Result<Option<String>, Failure> {
    let path = format!("channels.{}.{key}", plugin.id);
    if plugin.secret_keys.contains(&key) {
        let typed = prompt::secret(&text::ask_secret(&path))?;
        return Ok(typed.map(|typed| typed.trim().to_owned()));
    }
    prompt::line(output, &format!("{path}: "))
}

fn write(
    host: &Host,
    plugin: &ChannelPlugin,
    typed: Vec<(String, String)>,
    output: &mut Output,
) -> Result<(), Failure> {
    let enabled = ("enabled".to_owned(), "true".to_owned());
    let keys = typed.into_iter().chain([enabled]);
    let keys: Vec<_> =
        keys.map(|(key, value)| (format!("channels.{}.{key}", plugin.id), [value])).collect();
    let changes: Vec<_> = keys.iter().map(|(key, value)| (&**key, Some(&value[..]))).collect();
    for warning in host.edit(&changes)? {
        output.note(text::warning(&warning));
    }
    output.line(text::channel_set_up(plugin, &host.config_file()?));
    Ok(())
}

/// Offers the service. A machine without a service manager runs the gateway in a terminal.
fn serve(host: &Host, output: &mut Output) -> Result<(), Failure> {
    if is_running(host)? || services::is_installed(host)? {
        return Ok(());
    }
    output.line("");
    if prompt::yes(output, text::ASK_SERVICE)?
        && let Err(failure) = services::install_now(host, output)
    {
        output.failure(&failure);
    }
    Ok(())
}

fn is_running(host: &Host) -> Result<bool, Failure> {
    Ok(host.gateway()?.is_ok())
}

fn has_owner(host: &Host) -> Result<bool, Failure> {
    Ok(!owners::all(&host.store()?, &host.config()?)?.is_empty())
}

/// Where the page is.
fn page(host: &Host) -> Result<String, Failure> {
    let scheme = if host.config()?.gateway.tls.enabled { "https" } else { "http" };
    Ok(format!("{scheme}://127.0.0.1:{}/chat", host.port()?))
}
