//! `openclaw devices`: the phones and programs that may connect, through a gateway, or on the files where none runs.

mod decide;
mod manage;
mod show;
mod source;

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::neutral;

pub(super) use self::show::{age, short};
use self::source::Source;
use super::{
    failure::{Exit, Failure},
    host::Host,
    output::Output,
    reach::Common,
};

/// What can be done about devices.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw devices list
  openclaw devices approve 0b1f7f3c-6a0e-4f53-9a68-6f1d2f0a7f11
  openclaw devices remove 3f9a0c
  openclaw devices list --url wss://gw.example.com --token TOKEN

A device is named by its id or by at least six of its first characters. Without --url and without
OPENCLAW_GATEWAY_URL it is this machine's gateway; where that does not run, its files.")]
pub(super) enum Devices {
    /// Show waiting and paired devices
    List(List),
    /// Approve the waiting device with this request id
    Approve(decide::Approve),
    /// Reject the waiting device with this request id
    Reject(decide::Reject),
    /// Remove a device and disconnect it
    Remove(manage::Remove),
    /// Remove every device
    Clear(manage::Clear),
    /// Rename a device
    Rename(manage::Rename),
    /// Replace a device's token for a role
    Rotate(manage::Rotate),
    /// Revoke a role of a device until it is approved again
    Revoke(manage::Revoke),
}

impl Common {
    fn source(
        &self,
        methods: &[&str],
        host: &Host,
        output: &mut Output,
    ) -> Result<Source, Failure> {
        Source::open(&self.reach, methods, self.json, host, output)
    }
}

/// Shows devices.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    common: Common,
    /// Start after this device, for the next page
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

impl Devices {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(host, output),
            Self::Approve(approve) => approve.run(host, output),
            Self::Reject(reject) => reject.run(host, output),
            Self::Remove(remove) => remove.run(host, output),
            Self::Clear(clear) => clear.run(host, output),
            Self::Rename(rename) => rename.run(host, output),
            Self::Rotate(rotate) => rotate.run(host, output),
            Self::Revoke(revoke) => revoke.run(host, output),
        }
    }
}

impl List {
    fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let mut source = self.common.source(&["device.pair.list"], host, output)?;
        let after = self.after.as_deref().map(str::trim);
        let listed = match after {
            None if self.common.json => source.list()?,
            _ => source.page(after, source::PAGE)?,
        };
        source.close();
        if self.common.json {
            return output.json(&listed);
        }
        show::print(&show::Listing::read(&listed)?, Host::now(), output);
        if let (Some(next), Some(total)) = (listed["nextCursor"].as_str(), listed["total"].as_u64())
        {
            let next = neutral(next, 64);
            output.note(format!(
                "{total} devices in all, by their ids; the next ones: openclaw devices list --after {next}"
            ));
        }
        Ok(Exit::Done)
    }
}
