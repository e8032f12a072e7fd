//! `openclaw channels login` and `manifest`: what an account needs before it can run, as its channel says it.

mod zip;

use std::path::PathBuf;

use clap::Args;
use openclaw_plugin_sdk::{
    AccountId, ChannelError, ChannelPlugin, LinkedAccount, Settings, neutral, toml,
};
use serde_json::json;

use crate::{
    Ended, Exit, Failure, Host, Output,
    config::Config,
    gateway::link_account,
    host,
    network::setup_code::drawing::Drawing,
    qr::{COLUMNS, put, writable},
    registry, text,
};

#[derive(Debug, Args)]
#[command(after_help = "\
The account has to be in the configuration. The code is a secret until it was
scanned. Restart the gateway afterwards.

Examples:
  openclaw channels login signal
  openclaw channels login signal --account work --png code.png")]
pub(crate) struct Login {
    /// The channel
    channel: String,
    /// The account
    #[arg(long, default_value = "default", value_parser = host::account)]
    account: AccountId,
    /// Draw the code into this image file, too
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Print JSON once it is linked; the code goes to standard error
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw channels manifest slack
  openclaw channels manifest slack --name \"Ann's assistant\" > manifest.json")]
pub(crate) struct Manifest {
    /// The channel
    channel: String,
    /// The account that it is for, where the channel has to know
    #[arg(long, default_value = "default", value_parser = host::account)]
    account: AccountId,
    /// The name of the app
    #[arg(long, default_value = "OpenClaw")]
    name: String,
    /// Write it with the files that belong to it into this ZIP file
    #[arg(long, value_name = "FILE")]
    zip: Option<PathBuf>,
    /// Print JSON, as without it
    #[arg(long)]
    json: bool,
}

impl Manifest {
    /// Prints it, or writes the package.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let plugin = named(&self.channel)?;
        let write = plugin.manifest.ok_or_else(|| text::no_manifest(plugin.label))?;
        let name = self.name.trim();
        if name.is_empty() || name != neutral(name, 35) {
            return Err(text::bad_app_name());
        }
        // A channel that needs nothing of the configuration is not held up by what is wrong there.
        let config = host.loaded()?;
        let table = config.as_ref().ok().and_then(|config| table(config, plugin, &self.account));
        let settings = settings(&self.account, table.unwrap_or_default());
        let manifest = match (write(&settings, name), config) {
            (Ok(manifest), _) => manifest,
            (Err(_), Err(invalid)) => return Err(invalid.into()),
            (Err(why), Ok(_)) => return Err(text::not_written(plugin.label, &self.account, &why)),
        };
        let Some(file) = self.zip else {
            output.line(manifest.json);
            return Ok(Exit::Done);
        };
        if manifest.others.is_empty() {
            return Err(text::no_package(plugin));
        }
        writable(&file)?;
        let main = (manifest.file, manifest.json.as_bytes());
        let others = manifest.others.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
        let files: Vec<_> = [main].into_iter().chain(others).collect();
        put(&file, &zip::stored(&files)?)?;
        let said = text::package_written(&file, plugin.label);
        output.answer(self.json, &json!({ "file": file }), said)
    }
}

impl Login {
    /// Shows what is to be scanned, and waits until it was.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        let plugin = named(&self.channel)?;
        let login = plugin.login.ok_or_else(|| text::no_login(plugin.label))?;
        if let Some(file) = &self.png {
            writable(file)?;
        }
        let table = table(&host.config()?, plugin, &self.account)
            .ok_or_else(|| text::not_configured(plugin, &self.account))?;
        let folder = host.state()?.run();
        let failed = |error: ChannelError| text::not_linked(plugin.label, &error);
        let begun = login(settings(&self.account, table), folder);
        let linked = link_account(begun, |link| self.show(plugin, link, output), failed)?;
        let LinkedAccount { name, lacks } = linked;
        let lacks = lacks.map(|(key, value)| (path(plugin, &self.account, key), value));
        let value = json!({
            "channel": plugin.id, "account": self.account.as_str(), "linked": name,
            "set": lacks.as_ref().map(|(key, value)| json!({ "key": key, "value": value })),
        });
        output.answer(self.json, &value, text::linked(plugin.label, &name, lacks.as_ref()))
    }

    /// On standard error, where it is no result for scripts.
    fn show(&self, plugin: &ChannelPlugin, link: &str, output: &mut Output) -> Result<(), Failure> {
        let drawing = Drawing::of(link);
        if let Some(file) = &self.png {
            let drawing = drawing.as_ref().map_err(text::not_drawn)?;
            put(file, &drawing.png()?)?;
        }
        let room = usize::from(output.width().unwrap_or(COLUMNS));
        match drawing.ok().filter(|drawing| drawing.columns() <= room) {
            Some(drawing) => {
                output.note(text::scan_to_link(plugin.label));
                output.note(drawing.letters());
            }
            None if self.png.is_none() => return Err(text::no_room_to_draw()),
            None => {}
        }
        if let Some(file) = &self.png {
            output.note(text::drawn_into(file, plugin.label));
        }
        Ok(())
    }
}

pub(crate) fn named(channel: &str) -> Result<&'static ChannelPlugin, Failure> {
    let id = channel.trim().to_ascii_lowercase();
    registry::channel(&id).ok_or_else(|| text::no_channel(channel))
}

/// The account's own settings, if the configuration has it.
pub(crate) fn table(
    config: &Config,
    plugin: &ChannelPlugin,
    account: &AccountId,
) -> Option<toml::Table> {
    let mut all = config.accounts.iter();
    let found = all.find(|one| one.plugin.id == plugin.id && one.key.account == *account)?;
    Some(found.settings.clone())
}

pub(crate) fn settings(account: &AccountId, table: toml::Table) -> Settings {
    let commands = registry::listed_commands();
    Settings { account: account.clone(), table, key: [0; 32], commands }
}

/// A key of an account as `openclaw config set` takes it.
fn path(plugin: &ChannelPlugin, account: &AccountId, key: &str) -> String {
    let id = plugin.id;
    if account.is_default() {
        return format!("channels.{id}.{key}");
    }
    format!("channels.{id}.accounts.{account}.{key}")
}
