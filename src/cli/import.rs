//! `openclaw import`: what another OpenClaw is set to and the people it knows, shown, asked for, written and taken back.

use std::{
    collections::BTreeSet,
    io::IsTerminal,
    path::{Path, PathBuf},
};

use clap::Args;
use openclaw_plugin_sdk::AccountId;
use serde_json::json;

use crate::{
    Ended, Exit, Failure, Host, Output,
    config::{self, Config},
    host,
    import_room::{
        report::{Generation, Item, Report},
        settings::{self, Block, Options, Plan, Record},
        state,
    },
    prompt, registry, reset,
    rules::{AccountKey, Contact, approver::Approver, owner::Owner},
    store::{
        access::Blocked,
        imports::{Imported, Left, Source},
        paths::StateDir,
    },
    text,
};

/// Takes over what another OpenClaw is set to.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  openclaw import --dry-run
  openclaw import --from ~/.clawdbot
  openclaw import --accept channels.telegram.groups.-100777.allowFrom
  openclaw import --undo

Writes config.toml in the state folder, or config.toml.imported beside one that
is there. Nothing is written while a key is refused.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(super) struct Import {
    /// The file, or the folder that has it; without it, ~/.openclaw, ~/.moltbot or ~/.clawdbot
    #[arg(long, value_name = "FILE|DIR")]
    from: Option<PathBuf>,
    /// Show what would become of each key, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write without a question
    #[arg(long)]
    yes: bool,
    /// Take back what an import has written, where nothing has changed it since
    #[arg(long, conflicts_with_all = ["from", "dry_run", "owners", "accept", "accept_open", "all_accounts"])]
    undo: bool,
    /// Make the owners of the file owners here
    #[arg(long)]
    owners: bool,
    /// Accept what follows where this refused key is left out
    #[arg(long, value_name = "PATH")]
    accept: Vec<String>,
    /// Accept that everyone has access where the file says so
    #[arg(long)]
    accept_open: bool,
    /// Give the people of a channel's one list access to each of its accounts, as
    /// they had before 2026.2.26
    #[arg(long)]
    all_accounts: bool,
    /// Take devices over that are browsers' pages and let themselves in on
    /// their own machine
    #[arg(long)]
    browsers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How an import went on after it was worked out.
enum Step {
    /// It only shows.
    Show,
    /// It was written.
    Write,
    /// The answer was no.
    Stop,
}

impl Import {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        if self.undo { self.undo(host, output) } else { self.import(host, output) }
    }

    fn import(self, host: &Host, output: &mut Output) -> Ended {
        let state = host.state()?;
        let file = settings::find(self.from.as_deref(), state.path(), &Host::env);
        let mut options = Options {
            accept: self.accept.iter().cloned().collect::<BTreeSet<_>>(),
            accept_open: self.accept_open,
            owners: self.owners,
            all_accounts: self.all_accounts,
        };
        let read = |options: &Options| -> Result<Option<Plan>, Failure> {
            let plan = file.as_deref().map(|file| settings::plan(file, options, &Host::env));
            plan.transpose().map_err(|error| text::settings_not_imported(&error))
        };
        let mut plan = read(&options)?;
        let kept = self.kept(host, file.as_deref(), plan.as_ref())?;
        let mut report = match (&plan, &kept) {
            (Some(plan), _) => plan.report.clone(),
            (None, Some(kept)) => kept.report(),
            (None, None) => return Err(text::nothing_to_import(self.from.as_deref())),
        };
        report.state = kept.as_ref().map(Kept::items).unwrap_or_default();
        let earlier = plan.as_ref().map(|plan| plan.earlier(&state)).transpose()?.flatten();
        if let Some(earlier) = &earlier {
            let (at, from) = (&earlier.record.at, &earlier.record.source);
            let said = text::imported_already(at, from);
            let is_known = |kept: &Kept| kept.is_known(&state);
            if kept.as_ref().map(is_known).transpose()?.unwrap_or(true) {
                return self.say(&report, &[said], output);
            }
            plan = None;
        }
        if !self.json {
            output.block(&format!("{}\n\n", report.table()));
        }
        let refused: Vec<&str> = report.refused().map(|item| &*item.what).collect();
        if plan.is_some() && !refused.is_empty() {
            let failure = text::import_refused(&refused);
            return self.say(&report, &[], output).and(Err(failure));
        }
        let mut config = plan.as_ref().map(|plan| host.check_import(plan)).transpose()?;
        let wanted = plan.as_ref().map_or(&[][..], |plan| &plan.owners);
        let (step, owners) = self.ask(wanted, output)?;
        if owners && !options.owners && plan.is_some() {
            options.owners = true;
            plan = read(&options)?;
            config = plan.as_ref().map(|plan| host.check_import(plan)).transpose()?;
        }
        if !matches!(step, Step::Write) {
            return self.say(&report, &[text::NOTHING_IMPORTED.to_owned()], output);
        }
        let said = take_over(host, plan.as_ref().zip(config.as_ref()), kept, &mut report)?;
        self.say(&report, &said, output)
    }

    /// The people and devices that are kept in the folder of the file, or in the first folder that has some.
    fn kept(
        &self,
        host: &Host,
        file: Option<&Path>,
        plan: Option<&Plan>,
    ) -> Result<Option<Kept>, Failure> {
        let state = host.state()?;
        let accounts = plan.map(|plan| plan.accounts.clone());
        let sharing = plan
            .filter(|plan| self.all_accounts && plan.shares_lists)
            .map_or(&[][..], |plan| &plan.accounts);
        for folder in settings::folders(self.from.as_deref(), file, state.path(), &Host::env) {
            let found =
                state::read(&folder, &state.run(), host::parse_sender, (sharing, self.browsers));
            if let Some(found) = found.map_err(|error| text::state_not_imported(&error))? {
                let became = state::preview(&found, &host.store()?, Host::approver(), Host::now());
                let became = became.map_err(|error| text::state_not_imported(&error))?;
                return Ok(Some(Kept { found, became, accounts }));
            }
        }
        Ok(None)
    }

    /// The report for scripts, or these lines.
    fn say(&self, report: &Report, lines: &[String], output: &mut Output) -> Ended {
        if self.json {
            return output.json(&report.json());
        }
        for line in lines {
            output.line(line);
        }
        Ok(Exit::Done)
    }

    /// What to do, and whether the owners of the file are taken. Asks at a terminal alone.
    fn ask(&self, named: &[String], output: &mut Output) -> Result<(Step, bool), Failure> {
        if self.dry_run {
            return Ok((Step::Show, self.owners));
        }
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if self.yes || self.json || !is_terminal {
            return Ok((Step::Write, self.owners));
        }
        let mut owners = self.owners;
        if !owners && !named.is_empty() {
            owners = prompt::yes(output, &text::ask_owners(named))?;
        }
        let step = if prompt::yes(output, text::ASK_IMPORT)? { Step::Write } else { Step::Stop };
        Ok((step, owners))
    }

    fn undo(&self, host: &Host, output: &mut Output) -> Ended {
        let state = host.state()?;
        let record = settings::record(&state)?;
        // A gateway goes on with the configuration that it has read.
        let _alone = record.as_ref().map(|_| reset::alone(host, &state)).transpose()?;
        let people = host.store()?.undo_imports(&Host::approver(), Host::now())?;
        if record.is_none() && people.is_empty() {
            return Err(text::nothing_imported());
        }
        let record = record.unwrap_or_default();
        let removed = settings::undo(&state, &record)?;
        // A configuration that stays may let in the people who were closed out, and so may one that a gateway has used.
        let mut files = vec![host.config_file()?, state.config()];
        files.extend(removed.iter().map(|(file, _)| file.clone()));
        let is_left = files.iter().any(|file| file.symlink_metadata().is_ok())
            || !config::used_beside(&state)?.is_empty();
        let lifted = if is_left { Vec::new() } else { lift(host, &record)? };
        settings::forget(&state)?;
        if self.json {
            return output.json(&json!({
                "files": removed.iter().map(|(file, removed)| json!({ "file": file, "removed": removed })).collect::<Vec<_>>(),
                "unblocked": lifted,
                "state": people.iter().map(|one| json!({ "what": one.what, "takenBack": one.taken_back })).collect::<Vec<_>>(),
            }));
        }
        for one in &people {
            output.line(text::import_taken_back(&one.what, one.taken_back));
        }
        for (file, removed) in &removed {
            output.line(if *removed {
                text::import_undone(file)
            } else {
                text::import_stays(file)
            });
        }
        for who in &lifted {
            output.line(text::import_unblocked(who));
        }
        for who in still_blocked(host, &record)?.iter().filter(|_| is_left) {
            output.line(text::import_stays_blocked(who));
        }
        Ok(Exit::Done)
    }
}

/// What is kept of people and devices, and what becomes of each.
struct Kept {
    found: state::Found,
    became: Vec<Option<Left>>,
    /// The accounts of the file that was read with it.
    accounts: Option<Vec<AccountKey>>,
}

impl Kept {
    /// A report where there are no settings.
    fn report(&self) -> Report {
        let generation = match &self.found.database {
            Some(_) => Generation::Database,
            None => Generation::Files,
        };
        let version = self.found.database.as_ref().and_then(|schema| schema.program.clone());
        Report { source: self.found.folder.clone(), generation, version, ..Report::default() }
    }

    fn items(&self) -> Vec<Item> {
        state::items(&self.found, &self.became, self.accounts.as_deref())
    }

    /// True where nothing of it is new here, and an import has come to its end on exactly this.
    fn is_known(&self, state: &StateDir) -> Result<bool, Failure> {
        let sources = Imported::read(state)?.sources;
        let is_this = |source: &Source| {
            source.finished
                && source.path == self.found.folder
                && source.digest == self.found.digest
        };
        Ok(self.became.iter().all(Option::is_some) && sources.iter().any(is_this))
    }

    fn counts(&self) -> [usize; 3] {
        state::counts(&self.found, &self.became)
    }

    fn write(&mut self, host: &Host) -> Result<(), Failure> {
        let written = state::write(&self.found, &host.store()?, Host::approver(), Host::now());
        self.became = written.map_err(|error| text::state_not_imported(&error))?;
        Ok(())
    }
}

/// Writes settings and state, and completes the report. What there is to say.
fn take_over(
    host: &Host,
    wanted: Option<(&Plan, &Config)>,
    kept: Option<Kept>,
    report: &mut Report,
) -> Result<Vec<String>, Failure> {
    let mut said = Vec::new();
    if let Some((plan, config)) = wanted {
        report.settings.clone_from(&plan.report.settings);
        said = write_settings(host, plan, config)?;
        let record = settings::record(&host.state()?)?;
        let written = record.and_then(|record| record.written);
        report.written = written.into_iter().map(|file| file.display().to_string()).collect();
    }
    if let Some(mut kept) = kept {
        kept.write(host)?;
        report.state = kept.items();
        said.push(text::imported_state(kept.counts()));
    }
    Ok(said)
}

/// Writes the configuration, and blocks the people that it closes out. What there is to say.
fn write_settings(host: &Host, plan: &Plan, config: &Config) -> Result<Vec<String>, Failure> {
    let state = host.state()?;
    let mut known = settings::record(&state)?.unwrap_or_default();
    let mut said = Vec::new();
    // Blocks come first: a crash in between lets in nobody that the other program kept out.
    for block in &plan.blocks {
        match block_one(host, config, block)? {
            Blocked::Done(_) => {
                known.blocks.push(format!("{}:{}", block.channel, block.id));
                settings::remember(&state, &known)?;
            }
            Blocked::Already => {}
            Blocked::Owner => said.push(text::import_spares_owner(&block.channel, &block.id)),
        }
    }
    let mut record = plan.record(Host::now());
    record.blocks = known.blocks;
    let written = |owner: &Owner| format!("{}:{}", owner.channel, owner.sender);
    let mut owners: Vec<String> = config.owners.0.iter().map(written).collect();
    owners.retain(|owner| plan.owners.contains(owner));
    host.store()?.record_imported_owners(&owners)?;
    let file = settings::write(plan, &state, record)?;
    said.insert(0, text::imported(&file));
    if file != state.config() {
        said.push(text::imported_beside(&file, &state.config()));
    }
    Ok(said)
}

fn block_one(host: &Host, config: &Config, block: &Block) -> Result<Blocked, Failure> {
    let account = AccountId::parse(&block.account).unwrap_or_else(AccountId::default_account);
    let who = contact(&block.channel, account, &block.id)?;
    Ok(host.store()?.block(&Approver::importing(), &who, &config.owners, Host::now())?)
}

fn contact(channel: &str, account: AccountId, id: &str) -> Result<Contact, Failure> {
    let plugin = registry::channel(channel).ok_or_else(|| text::no_channel(channel))?;
    let sender = host::sender(plugin, id)?;
    Ok(Contact { key: AccountKey { channel: channel.to_owned(), account }, sender })
}

/// The people that an import has blocked and that are blocked now.
fn still_blocked(host: &Host, record: &Record) -> Result<Vec<String>, Failure> {
    let records = host.store()?.records()?;
    let is_blocked = |name: &&String| {
        let Some((channel, id)) = name.split_once(':') else { return false };
        let who = contact(channel, AccountId::default_account(), id);
        who.is_ok_and(|who| records.records().is_blocked(channel, &who.sender))
    };
    Ok(record.blocks.iter().filter(is_blocked).cloned().collect())
}

/// Takes back the blocks that the import has made and that nobody has renewed since.
fn lift(host: &Host, record: &Record) -> Result<Vec<String>, Failure> {
    let (store, by) = (host.store()?, Approver::importing());
    let mut lifted = Vec::new();
    for name in &record.blocks {
        let Some((channel, id)) = name.split_once(':') else { continue };
        // A name that no import writes is nobody's.
        let Ok(who) = contact(channel, AccountId::default_account(), id) else { continue };
        if !store.unblock(&by, &who, Host::now())?.is_empty() {
            lifted.push(name.clone());
        }
    }
    Ok(lifted)
}
