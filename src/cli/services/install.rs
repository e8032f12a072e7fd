//! `openclaw service install`: what has to hold before a unit is written, and the unit.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use openclaw_plugin_sdk::own_file::{self, Rights};
use serde_json::json;

use super::{Which, await_ready, home, user};
use crate::{
    Ended, Exit, Failure, Host, Output,
    config::Config,
    service::{
        self, Kind, Service as Unit, file,
        manager::{self, Action},
        text,
    },
    store::paths::StateDir,
};

/// What the unit says itself, or its manager.
const SAID: &[&str] = &[
    "CREDENTIALS_DIRECTORY",
    "HOME",
    "OPENCLAW_CONFIG_PATH",
    "OPENCLAW_HOME",
    "OPENCLAW_STATE_DIR",
];

/// Writes the unit.
#[derive(Clone, Debug, Args)]
pub(crate) struct Install {
    /// Only print the unit; nothing is changed or asked
    #[arg(long, conflicts_with_all = ["now", "force"])]
    print: bool,
    /// Start it now too, and wait until it is ready
    #[arg(long)]
    now: bool,
    /// Replace also a unit that was edited; it is kept beside as `.orig`
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    which: Which,
}

impl Install {
    /// As `--now`, for this user.
    pub(super) fn now() -> Self {
        Self { print: false, now: true, force: false, which: Which::default() }
    }

    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Ended {
        let mut unit = self.which.unit(host)?;
        unit.program = called_by()?;
        let config = host.config_file_for(&StateDir::at(&unit.state));
        if config != unit.state.join("config.toml") {
            unit.config = Some(std::path::absolute(config)?);
        }
        if self.print {
            match checked(host, &unit) {
                Ok(config) => unit.starts_programs = starts_programs(&config),
                Err(_) => output.note(text::UNREAD_CONFIG),
            }
            if let Some(note) = hidden(&unit) {
                output.note(note);
            }
            return self.show(&unit, output);
        }
        refuse_lacking(host, &unit)?;
        unit.starts_programs = starts_programs(&checked(host, &unit)?);
        if unit.kind == Kind::System && !has_user() {
            return Err(Failure::new(Exit::Failed, text::NO_USER));
        }
        let (home, wanted) = (home()?, unit.text()?);
        let path = unit.unit_path(&home);
        let shown = path.display().to_string();
        let was_there = path.exists();
        let changed = file::put(&path, &wanted, self.force)?;
        if let Err(error) = manager::run(&manager::commands(&unit, Action::Enable, &shown)) {
            // A unit that its manager does not know is of no use.
            if !was_there {
                file::remove(&path, false)?;
            }
            return Err(error.into());
        }
        let notes: Vec<String> = notes(&unit, &home).into_iter().chain(hidden(&unit)).collect();
        if !self.which.json {
            output.line(text::installed(&unit, &path, changed));
            for note in &notes {
                output.note(note);
            }
        }
        if self.now {
            let action = if changed { Action::Restart } else { Action::Start };
            manager::run(&manager::commands(&unit, action, &shown))?;
            await_ready(&unit)?;
        }
        if self.which.json {
            let (name, started) = (unit.name(), self.now);
            return output.json(&json!({
                "name": name, "unit": shown, "changed": changed, "started": started, "notes": notes,
            }));
        }
        output.line(if self.now { text::runs(&unit) } else { text::start_it(&unit) });
        Ok(Exit::Done)
    }

    fn show(&self, unit: &Unit, output: &mut Output) -> Ended {
        let wanted = unit.text()?;
        if self.which.json {
            let path = unit.unit_path(&home()?);
            return output.json(&json!({ "name": unit.name(), "unit": path, "text": wanted }));
        }
        output.block(&wanted);
        Ok(Exit::Done)
    }
}

/// The configuration of the service, as this process would read it.
fn checked(host: &Host, unit: &Unit) -> Result<Config, Failure> {
    let given = environment(&unit.env_file())?;
    let env = |name: &str| given.get(name).cloned().or_else(|| Host::env(name));
    Ok(host.config_for(&StateDir::at(&unit.state), &env)?)
}

/// What the configuration takes from this environment has to be in the unit's.
fn refuse_lacking(host: &Host, unit: &Unit) -> Result<(), Failure> {
    let place = unit.env_file();
    let given = environment(&place)?;
    let lacking = RefCell::new(BTreeSet::new());
    let watched = |name: &str| {
        if SAID.contains(&name) || given.contains_key(name) {
            return given.get(name).cloned().or_else(|| Host::env(name));
        }
        let here = Host::env(name).filter(|value| !value.trim().is_empty());
        if here.is_some() {
            lacking.borrow_mut().insert(name.to_owned());
        }
        here
    };
    let config = host.config_for(&StateDir::at(&unit.state), &watched);
    config.map_err(|error| Failure::from(error).hint(text::names_stand_in(&place)))?;
    let lacking: Vec<String> = lacking.into_inner().into_iter().collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, text::lacking(&lacking, &place)))
}

/// The file with the unit's environment: NAME=value a line, for this user alone.
fn environment(file: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let read = match own_file::read_to_string(file) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => {
            return Err(Failure::new(Exit::Failed, text::open_env(&error.to_string(), file)));
        }
    };
    let rights = Rights::of(&fs::metadata(file)?);
    rights.unreadable().map_err(|why| Failure::new(Exit::Failed, text::open_env(&why, file)))?;
    let lines = read.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    let plain = |value: &str| value.trim().trim_matches(['"', '\'']).to_owned();
    Ok(pairs.map(|(name, value)| (name.trim().to_owned(), plain(value))).collect())
}

/// The system's service sees no home folder and no `/tmp`.
fn hidden(unit: &Unit) -> Option<String> {
    let is_hidden = ["/home", "/root", "/tmp"].iter().any(|it| unit.program.starts_with(it));
    (unit.kind == Kind::System && is_hidden).then(|| text::hidden_program(&unit.program))
}

fn notes(unit: &Unit, home: &Path) -> Vec<String> {
    let mut notes: Vec<String> =
        service::of_node(home).iter().map(|it| text::of_node(it)).collect();
    let lingers = || user().and_then(|user| manager::lingers(&user));
    if unit.kind == Kind::User && lingers() == Some(false) {
        notes.push(text::no_linger());
    }
    notes
}

/// True where it starts a program of another maker, which may need more than the gateway.
fn starts_programs(config: &Config) -> bool {
    config.assistant.responder == "command"
        || config.accounts.iter().any(|it| it.enabled && it.settings.contains_key("cli_path"))
}

fn has_user() -> bool {
    nix::unistd::User::from_name("openclaw").is_ok_and(|user| user.is_some())
}

/// The program by the path that it was called by: a link that an update changes stays a link.
fn called_by() -> Result<PathBuf, Failure> {
    let called = env::args_os().next().unwrap_or_else(|| OsString::from("openclaw"));
    let called = PathBuf::from(called);
    if called.components().count() > 1 {
        return Ok(std::path::absolute(called)?);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(&called)).find(|it| it.is_file());
    Ok(std::path::absolute(found.map_or_else(env::current_exe, Ok)?)?)
}
