//! `openclaw devices`: the phones and programs that may connect, through a gateway, or on the files where none runs.

mod decide;
mod manage;
mod show;
mod source;

use clap::Subcommand;

pub(super) use self::show::{age, list, named, short};
use self::source::{PAGE, Source};
use crate::{Ended, Exit, Host, Output, reach::Common, text, watch::Watch};

/// What can be done about devices.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw devices list
  openclaw devices approve 0b1f7f3c-6a0e-4f53-9a68-6f1d2f0a7f11
  openclaw devices remove 3f9a0c
  openclaw devices list --url wss://gw.example.com --token TOKEN

A device is named by its id or by at least six of its first characters. Without
--url and OPENCLAW_GATEWAY_URL the commands ask this machine's gateway, or work
on its files if it does not run.")]
pub(super) enum Devices {
    /// Show waiting and paired devices
    List {
        #[command(flatten)]
        common: Common,
        /// Start after this device, for the next page
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        #[command(flatten)]
        watch: Watch,
    },
    /// Approve the waiting device with this request id
    Approve(decide::Approve),
    /// Reject the waiting device with this request id
    Reject {
        /// The request, as `devices list` names it
        request: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a device and disconnect it
    Remove {
        /// The device, or the beginning of its id
        device: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove every device
    Clear(manage::Clear),
    /// Rename a device
    Rename(manage::Rename),
    /// Replace a device's token for a role
    Rotate(manage::Rotate),
    /// Revoke a role of a device until it is approved again
    Revoke(manage::Revoke),
}

impl Devices {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::List { common, after, watch } => {
                let after = after.as_deref().map(str::trim);
                watch.run(common.json, output, |output| list_page(&common, after, host, output))
            }
            Self::Approve(approve) => approve.run(host, output),
            Self::Reject { request, common } => decide::reject(&request, &common, host, output),
            Self::Remove { device, common } => manage::remove(&device, &common, host, output),
            Self::Clear(clear) => clear.run(host, output),
            Self::Rename(rename) => rename.run(host, output),
            Self::Rotate(rotate) => rotate.run(host, output),
            Self::Revoke(revoke) => revoke.run(host, output),
        }
    }
}

fn list_page(common: &Common, after: Option<&str>, host: &Host, output: &mut Output) -> Ended {
    let mut source = Source::open(common, &["device.pair.list"], host, output)?;
    let listed = match after {
        None if common.json => source.list()?,
        _ => source.page(after, PAGE)?,
    };
    source.close();
    if common.json {
        return output.json(&listed);
    }
    show::print(&show::Listing::read(&listed)?, Host::now(), output);
    if let (Some(next), Some(total)) = (listed["nextCursor"].as_str(), listed["total"].as_u64()) {
        output.note(text::more_devices(total, next));
    }
    Ok(Exit::Done)
}
