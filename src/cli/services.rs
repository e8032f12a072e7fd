//! `openclaw service`: the gateway as a service of systemd or launchd.

mod install;
mod logs;

use std::{
    path::{Path, PathBuf},
    sync::mpsc::channel,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use serde_json::json;

pub(super) use self::logs::Logs;
use crate::{
    Ended, Exit, Failure, Host, Output,
    service::{
        Kind, Profile, Service as Unit, file,
        manager::{self, Action},
        report::Report,
        text,
    },
};

/// A start has so long until the service is ready.
const READY_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(200);

/// What can be done about the service.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw service install --now    Run it now and at each login
  openclaw service status           How it is, and how it ended last
  openclaw service logs --follow
  openclaw service install --print  Only show the unit
  sudo openclaw service install --system")]
pub(super) enum Service {
    /// Write the unit of the service, and enable it
    #[command(after_help = "\
Examples:
  openclaw service install --now
  openclaw service install --name work
  openclaw service install --system --print

The unit holds no secret: names of the environment that the configuration uses
stand in the file `env` of the state folder, a NAME=value a line, mode 0600.")]
    Install(install::Install),
    /// Stop the service, and remove its unit; the state folder stays
    Uninstall(Uninstall),
    /// Start the service, and wait until it is ready
    Start(Which),
    /// Stop the service
    Stop(Which),
    /// Restart the service, and wait until it is ready
    Restart(Which),
    /// Show how the service is, and how it ended last
    Status(Which),
    /// Show what the service has logged
    Logs(logs::OfService),
}

/// Which service.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Which {
    /// The service of this user; the same as without it
    #[arg(long, conflicts_with = "system")]
    user: bool,
    /// The service of the whole machine, as user `openclaw`
    #[arg(long)]
    system: bool,
    /// The name of a second gateway, with its own state folder
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    name: Option<Profile>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Takes it away.
#[derive(Clone, Debug, Args)]
pub(super) struct Uninstall {
    /// Remove also a unit that was edited; it is kept beside as `.orig`
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    which: Which,
}

/// Installs the service of this user, and starts it.
pub(super) fn install_now(host: &Host, output: &mut Output) -> Ended {
    install::Install::now().run(host, output)
}

/// True where the service of this user is installed.
pub(super) fn is_installed(host: &Host) -> Result<bool, Failure> {
    Ok(seen(&Which::default().unit(host)?).installed)
}

fn profile(text: &str) -> Result<Profile, String> {
    Profile::parse(text).map_err(str::to_owned)
}

impl Service {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Install(install) => install.run(host, output),
            Self::Uninstall(uninstall) => uninstall.run(host, output),
            Self::Start(which) => which.begin(host, Action::Start, output),
            Self::Restart(which) => which.begin(host, Action::Restart, output),
            Self::Stop(which) => which.stop(host, output),
            Self::Status(which) => which.status(host, output),
            Self::Logs(logs) => logs.run(host, output),
        }
    }
}

impl Which {
    fn kind(&self) -> Kind {
        if self.system {
            Kind::System
        } else if cfg!(target_os = "macos") {
            Kind::Launchd
        } else {
            Kind::User
        }
    }

    /// The service without what only its unit needs.
    fn unit(&self, host: &Host) -> Result<Unit, Failure> {
        let kind = self.kind();
        let mut unit = Unit { profile: self.name.clone(), ..Unit::usual(kind) };
        unit.state = match (kind, &self.name) {
            (Kind::System, _) => Path::new("/var/lib").join(unit.stem()),
            (_, Some(name)) => home()?.join(format!(".openclaw-{}", name.as_str())),
            (_, None) => std::path::absolute(host.state()?.path())?,
        };
        Ok(unit)
    }

    /// The same, where it is installed.
    fn installed(&self, host: &Host) -> Result<Unit, Failure> {
        let unit = self.unit(host)?;
        if unit.unit_path(&home()?).exists() || seen(&unit).installed {
            return Ok(unit);
        }
        Err(crate::text::not_installed(&unit.name()))
    }

    fn begin(&self, host: &Host, action: Action, output: &mut Output) -> Ended {
        let unit = self.installed(host)?;
        let path = unit.unit_path(&home()?);
        manager::run(&manager::commands(&unit, action, &path.display().to_string()))?;
        await_ready(&unit)?;
        self.tell(&unit, &text::runs(&unit), output)
    }

    fn stop(&self, host: &Host, output: &mut Output) -> Ended {
        let unit = self.installed(host)?;
        manager::run(&manager::commands(&unit, Action::Stop, ""))?;
        self.tell(&unit, &text::stopped(&unit), output)
    }

    fn status(&self, host: &Host, output: &mut Output) -> Ended {
        let unit = self.unit(host)?;
        let mut report = seen(&unit);
        if unit.kind == Kind::User && report.installed {
            report.lingers = user().and_then(|user| manager::lingers(&user));
        }
        if self.json {
            output.json(&report)?;
        } else {
            for line in text::report(&report) {
                output.line(line);
            }
        }
        Ok(if report.installed { Exit::Done } else { Exit::NoMatch })
    }

    fn tell(&self, unit: &Unit, line: &str, output: &mut Output) -> Ended {
        if self.json {
            return output.json(&json!({ "ok": true, "name": unit.name() }));
        }
        output.line(line);
        Ok(Exit::Done)
    }
}

impl Uninstall {
    fn run(&self, host: &Host, output: &mut Output) -> Ended {
        let unit = self.which.unit(host)?;
        let path = unit.unit_path(&home()?);
        let is_foreign = file::standing(&path, "")? == file::Standing::Foreign;
        let was_there = path.exists();
        if was_there && (self.force || !is_foreign) {
            manager::run(&manager::commands(&unit, Action::Disable, ""))?;
        }
        file::remove(&path, self.force)?;
        if was_there {
            manager::run(&manager::forget(&unit))?;
        }
        if self.which.json {
            return output.json(&json!({ "name": unit.name(), "removed": was_there }));
        }
        output.line(text::uninstalled(&unit, was_there));
        Ok(if was_there { Exit::Done } else { Exit::NoMatch })
    }
}

/// The services of the usual gateway whose unit is on this machine, and how each is.
pub(super) fn installed() -> Vec<(&'static str, Report)> {
    let kinds: &[(Kind, &'static str)] = if cfg!(target_os = "macos") {
        &[(Kind::Launchd, "launchd")]
    } else {
        &[(Kind::User, "systemd, of the user"), (Kind::System, "systemd, of the machine")]
    };
    let home = home().unwrap_or_default();
    let units = kinds.iter().map(|(kind, word)| (Unit::usual(*kind), *word));
    let there = units.filter(|(unit, _)| unit.unit_path(&home).exists());
    there.map(|(unit, word)| (word, seen(&unit))).collect()
}

/// What the manager shows; nothing where it knows no such service.
fn seen(unit: &Unit) -> Report {
    let shown = manager::ask(&manager::show(unit)).unwrap_or_default();
    Report::read(&unit.name(), &shown)
}

/// Waits until the manager has heard that the service is ready.
fn await_ready(unit: &Unit) -> Result<(), Failure> {
    let until = Instant::now() + READY_WITHIN;
    loop {
        let report = seen(unit);
        let failed = matches!(&*report.state, "failed");
        if matches!(&*report.state, "active" | "running") {
            return Ok(());
        }
        if failed || Instant::now() >= until {
            return Err(Failure::new(Exit::Failed, text::not_ready(unit, &report)));
        }
        // The manager tells no event.
        let (_keep, nothing) = channel::<()>();
        let _late = nothing.recv_timeout(LOOK);
    }
}

/// The home folder of the user.
fn home() -> Result<PathBuf, Failure> {
    let home = Host::env("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    home.ok_or_else(crate::text::no_home)
}

fn user() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok()??;
    Some(user.name)
}
