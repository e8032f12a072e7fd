//! `openclaw reset`: sets a part of the state folder back, or all of it.

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::{
    Ended, Exit, Failure, Host, Output, prompt,
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
Blocks and the access log stay, but with `all`. While people are blocked,
`all` needs --unblock: a configuration may let them in.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Reset {
    /// What to set back
    #[arg(long, value_enum)]
    scope: Scope,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// With `all`: end every block too
    #[arg(long)]
    unblock: bool,
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
        if self.unblock && scope != Kept::All {
            return Err(text::unblock_is_for_all());
        }
        let config = host.config_file()?;
        let is_elsewhere = config != state.config();
        if is_elsewhere && scope == Kept::Config {
            return Err(text::config_is_elsewhere(&config));
        }
        let parts = reset::plan(&state, scope)?;
        let may = |store: &Store| self.may_end_blocks(store);
        if self.dry_run || parts.is_empty() {
            self.tell(&parts, false, output)?;
            // What cannot be read may still be shown.
            if let (Kept::All, Ok(store)) = (scope, host.store())
                && let Err(refused) = may(&store)
            {
                output.note(refused.spell(false));
            }
            return Ok(Exit::Done);
        }
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

    /// Some configuration may let a blocked person in: the one that stays, another one, or the next.
    fn may_end_blocks(&self, store: &Store) -> Result<(), Failure> {
        if self.unblock {
            return Ok(());
        }
        match store.records()?.records().blocks.len() {
            0 => Ok(()),
            count => Err(text::blocks_would_end(count)),
        }
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
