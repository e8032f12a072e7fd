//! `openclaw reset`: sets a part of the state folder back, or all of it.

use std::path::Path;

use clap::{Args, ValueEnum};
use openclaw_plugin_sdk::SenderId;
use serde_json::json;

use crate::{
    Ended, Exit, Failure, Host, Output,
    config::{self, Config},
    prompt,
    rules::{group::GroupPolicy, records::Block},
    store::{
        Store,
        paths::StateDir,
        reset::{self, NoGateway, Part, Scope as Kept},
    },
    text,
};

/// Set the configuration, access, devices or everything back
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw reset --scope access --dry-run  Only say what would be removed
  openclaw reset --scope devices
  openclaw reset --scope all --yes

config   config.toml, and what is remembered of it
access   people, requests, owners, invitations and held messages
devices  devices, nodes, their requests and tokens, and the gateway's token
all      everything that this program wrote; other files stay

Stop the gateway first. `openclaw backup create` makes a copy to go back to.
Blocks and the access log stay, but with `all`.")]
pub(super) struct Reset {
    /// What to set back
    #[arg(long, value_enum)]
    scope: Scope,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scope {
    Config,
    Access,
    Devices,
    All,
}

impl From<Scope> for Kept {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Config => Self::Config,
            Scope::Access => Self::Access,
            Scope::Devices => Self::Devices,
            Scope::All => Self::All,
        }
    }
}

impl Reset {
    /// Does it.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Ended {
        let (state, scope) = (host.state()?, Kept::from(self.scope));
        let config = host.config_file()?;
        let is_elsewhere = config != state.config();
        if is_elsewhere && scope == Kept::Config {
            return Err(text::config_is_elsewhere(&config));
        }
        let parts = reset::plan(&state, scope)?;
        if self.dry_run || parts.is_empty() {
            return self.tell(&parts, false, output);
        }
        let may = |store: &Store| blocks_would_end(host, store, is_elsewhere.then_some(&*config));
        if scope == Kept::All {
            may(&host.store()?)?;
        }
        drop(alone(host, &state)?);
        if !self.yes {
            for line in text::to_reset(scope, &parts) {
                output.note(line);
            }
            if !prompt::yes(output, text::ASK_RESET)? {
                return Err(text::not_reset(scope));
            }
        }
        // A gateway may have begun while the question stood there.
        let held = alone(host, &state)?;
        host.store()?.reset(scope, &Host::approver(), Host::now(), &held, may)?;
        self.tell(&parts, true, output)
    }

    fn tell(&self, parts: &[Part], done: bool, output: &mut Output) -> Ended {
        let scope = Kept::from(self.scope);
        if self.json {
            let files = parts.iter().map(|part| json!({ "file": part.file, "rows": part.rows }));
            return output.json(&json!({
                "scope": scope.word(),
                "reset": done,
                "files": files.collect::<Vec<_>>(),
            }));
        }
        let lines = if done { text::was_reset(scope, parts) } else { text::to_reset(scope, parts) };
        for line in lines {
            output.line(line);
        }
        Ok(Exit::Done)
    }
}

/// Refuses beside a gateway of this state folder, and keeps one from starting.
pub(super) fn alone(host: &Host, state: &StateDir) -> Result<NoGateway, Failure> {
    let held = reset::without_gateway(state)?.map_err(|holder| text::stop_it_first(&holder))?;
    // A gateway whose lock was removed still answers.
    match host.gateway()? {
        Ok(_) => Err(text::stop_it_first("")),
        Err(_) => Ok(held),
    }
}

/// Another configuration stays, the one that counts now and those that a gateway has used: nobody may be
/// let in by one of them because the block goes.
fn blocks_would_end(host: &Host, store: &Store, now: Option<&Path>) -> Result<(), Failure> {
    let mut files = config::used_beside(&host.state()?)?;
    // One that cannot be looked at may let in everyone.
    files.retain(|file| file.try_exists().unwrap_or(true) && now != Some(file));
    files.extend(now.map(Path::to_owned));
    if files.is_empty() {
        return Ok(());
    }
    let records = store.records()?;
    let blocks = &records.records().blocks;
    for file in files {
        let config = host.config_at(&file).ok();
        let is_let_in =
            |block: &Block| may_be_let_in(config.as_ref(), &block.channel, &block.sender);
        if blocks.iter().any(is_let_in) {
            return Err(text::a_block_would_end(&file));
        }
    }
    Ok(())
}

/// Whether the configuration lets this person in somewhere, but for a block. One that does not load may, and so may
/// another one where there is none here: the service may name it.
fn may_be_let_in(config: Option<&Config>, channel: &str, sender: &SenderId) -> bool {
    let Some(config) = config.filter(|config| config.file.is_some()) else { return true };
    let here = config.accounts.iter().filter(|account| account.key.channel == channel);
    here.into_iter().any(|account| {
        let groups = &account.groups;
        account.allow_from.admits(sender)
            || groups.policy == GroupPolicy::Open
            || (groups.policy == GroupPolicy::Allowlist && groups.senders.admits(sender))
    })
}
