//! `openclaw backup`: a copy of the state folder, whether it is whole, and a new folder from it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::own_file;
use serde_json::{Value, json};

use crate::{
    Ended, Exit, Failure, Host, Output,
    copies::{self, Key, Made, Manifest, Protection, Restore as Restoring, Source},
    host, prompt, text, world,
};

/// What can be done with copies.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw backup create ~/openclaw.backup
  openclaw backup verify ~/openclaw.backup
  openclaw backup restore ~/openclaw.backup

A backup holds the configuration, access, devices, keys and the access log.
Files that the configuration names elsewhere are not in it.")]
pub(super) enum Backup {
    /// Copy the state folder into one file
    Create(Create),
    /// Read a whole backup, and the access log in it
    Verify(Verify),
    /// Make an empty or new state folder from a backup
    Restore(Restore),
    /// Open a restored folder: accounts start and devices connect
    Confirm(Confirm),
}

/// Makes a copy.
#[derive(Debug, Args)]
#[command(after_help = "\
Without options it asks for a passphrase. It works while a gateway runs.

Examples:
  openclaw backup create
  openclaw backup create /mnt/usb/a.backup --passphrase-file ~/phrase
  openclaw backup create --recipient age1…
  openclaw backup create --plain --json")]
pub(super) struct Create {
    /// The new file; by default in this folder, with the date in its name
    file: Option<PathBuf>,
    /// Encrypt for a public key of age; may be repeated
    #[arg(long, value_name = "AGE", conflicts_with_all = ["passphrase_file", "plain"])]
    recipient: Vec<String>,
    /// Encrypt with the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    passphrase_file: Option<PathBuf>,
    /// Do not encrypt; only this user can read the file
    #[arg(long)]
    plain: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What opens a copy.
#[derive(Debug, Args)]
struct Opened {
    /// The backup
    file: PathBuf,
    /// The passphrase is the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    passphrase_file: Option<PathBuf>,
    /// A file with private keys of age
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// Verifies a copy.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    opened: Opened,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Restores a copy.
#[derive(Debug, Args)]
#[command(after_help = "\
What was decided after the backup is not in it. So nothing opens before
`openclaw backup confirm`.

Examples:
  openclaw backup restore openclaw.backup --dry-run
  openclaw backup restore openclaw.backup --into /srv/openclaw")]
pub(super) struct Restore {
    #[command(flatten)]
    opened: Opened,
    /// The folder to make, instead of the state folder
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// Only verify it, and say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Confirms a restored folder.
#[derive(Debug, Args)]
pub(super) struct Confirm {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Backup {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Create(create) => create.run(host, output),
            Self::Verify(verify) => verify.run(output),
            Self::Restore(restore) => restore.run(host, output),
            Self::Confirm(confirm) => confirm.run(host, output),
        }
    }
}

impl Create {
    fn run(self, host: &Host, output: &mut Output) -> Ended {
        let (state, now) = (host.state()?, Host::now());
        if !state.path().is_dir() {
            return Err(text::no_folder(state.path()));
        }
        let file = self.file.clone().unwrap_or_else(|| {
            PathBuf::from(format!("openclaw-{}.backup", world::iso(now).replace([':', '.'], "-")))
        });
        // Nobody types a passphrase for a place that cannot be.
        copies::place(&state, &file)?;
        let with = self.protection()?;
        let (store, config) = (host.store()?, host.config_file()?);
        let version = env!("CARGO_PKG_VERSION");
        let from = Source { store: &store, state: &state, config: &config, version, now };
        let Made { file, manifest } = copies::create(from, &file, &with)?;
        let mut said = told(&file, &manifest);
        said["encryption"] = with.word().into();
        output.answer(self.json, &said, text::backup_made(&file, &manifest, with.word()))
    }

    fn protection(&self) -> Result<Protection, Failure> {
        if self.plain {
            return Ok(Protection::Plain);
        }
        if !self.recipient.is_empty() {
            return Ok(Protection::recipients(&self.recipient)?);
        }
        if let Some(file) = &self.passphrase_file {
            return Ok(Protection::passphrase(&first_line(file)?)?);
        }
        let Some(typed) = prompt::secret(text::ASK_PASSPHRASE)? else {
            return Err(text::no_protection());
        };
        let with = Protection::passphrase(&typed)?;
        if prompt::secret(text::ASK_AGAIN)?.as_deref() != Some(&*typed) {
            return Err(text::other_passphrase());
        }
        Ok(with)
    }
}

impl Opened {
    fn key(&self) -> Result<Key, Failure> {
        if let Some(file) = &self.passphrase_file {
            return Ok(Key::passphrase(&first_line(file)?));
        }
        if let Some(file) = &self.identity {
            return Ok(Key::identities(&secret_text(file)?)?);
        }
        if !copies::wants_passphrase(&self.file)? {
            return Ok(Key::None);
        }
        let typed = prompt::secret(text::ASK_PASSPHRASE)?;
        Ok(typed.map_or(Key::None, |typed| Key::passphrase(&typed)))
    }
}

impl Verify {
    fn run(self, output: &mut Output) -> Ended {
        let (file, key, now) = (&self.opened.file, self.opened.key()?, Host::now());
        let manifest = copies::verify(file, &key, host::parse_sender, now)?;
        let line = text::backup_whole(file, &manifest, now);
        output.answer(self.json, &told(file, &manifest), line)
    }
}

impl Restore {
    fn run(self, host: &Host, output: &mut Output) -> Ended {
        let into = match self.into {
            Some(into) => into,
            None => host.state()?.path().to_owned(),
        };
        let (file, key, now) = (&self.opened.file, self.opened.key()?, Host::now());
        let by = Host::approver();
        let parse = host::parse_sender;
        let restore = Restoring { file, key: &key, into: &into, parse, by: &by, now };
        let manifest = if self.dry_run { restore.check()? } else { restore.run()? };
        let mut said = told(file, &manifest);
        said["into"] = into.display().to_string().into();
        said["restored"] = (!self.dry_run).into();
        if self.json {
            return output.json(&said);
        }
        for line in text::backup_restored(&into, &manifest, now, self.dry_run) {
            output.line(line);
        }
        Ok(Exit::Done)
    }
}

impl Confirm {
    fn run(self, host: &Host, output: &mut Output) -> Ended {
        let store = host.store()?;
        let Some(restored) = store.unconfirmed()? else {
            let said = json!({ "confirmed": false });
            return output.answer(self.json, &said, text::NOTHING_TO_CONFIRM);
        };
        if !self.yes {
            output.note(text::unconfirmed(&restored));
            if !prompt::yes(output, text::ASK_CONFIRM)? {
                return Err(text::not_confirmed());
            }
        }
        store.confirm_restored(&Host::approver(), Host::now())?;
        output.answer(self.json, &json!({ "confirmed": true }), text::CONFIRMED)
    }
}

fn told(file: &Path, manifest: &Manifest) -> Value {
    json!({
        "file": file,
        "madeAt": manifest.made_at,
        "version": manifest.version,
        "files": manifest.files.len(),
        "bytes": manifest.bytes(),
        "lines": manifest.log.lines,
    })
}

fn secret_text(file: &Path) -> Result<String, Failure> {
    own_file::read_to_string(file).map_err(|error| text::unread(file, &error))
}

fn first_line(file: &Path) -> Result<String, Failure> {
    Ok(secret_text(file)?.lines().next().unwrap_or_default().to_owned())
}
