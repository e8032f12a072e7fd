//! Copies of the state folder.

use std::{path::Path, time::Duration};

use openclaw_plugin_sdk::{UnixMs, count, spell_span};

use crate::{Exit, Failure, copies::Manifest, store::copies::Restored, world};

pub(crate) const ASK_PASSPHRASE: &str = "Passphrase of the backup";
pub(crate) const ASK_AGAIN: &str = "The same again";
pub(crate) const ASK_CONFIRM: &str = "Do accounts start and devices connect now?";
pub(crate) const CONFIRMED: &str =
    "Confirmed. A line in the access log says so. A gateway that runs starts its accounts now.";
pub(crate) const NOTHING_TO_CONFIRM: &str =
    "Nothing was changed: no restored backup waits for a confirmation.";

/// What is missing in every copy.
const MISSING: &str = "What was decided since then is missing: people who were blocked or revoked, owners and devices that were removed, and tokens that were revoked since then are in again.";

/// Where to look before a confirmation.
const LOOK: &str = "Look at `openclaw access list`, `openclaw devices list` and `openclaw owner list`, then type `openclaw backup confirm`.";

pub(crate) fn no_protection() -> Failure {
    Failure::usage("a passphrase is asked for on a terminal, and there is none").hint(
        "give `--passphrase-file FILE` or `--recipient AGE`, or `--plain` to leave it readable",
    )
}

pub(crate) fn other_passphrase() -> Failure {
    Failure::new(Exit::Failed, "the two passphrases are different; no backup was made")
}

pub(crate) fn given_up() -> Failure {
    Failure::new(Exit::Failed, "given up; nothing was changed")
}

pub(crate) fn unread(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot read {}: {error}", file.display()))
}

pub(crate) fn not_confirmed() -> Failure {
    Failure::new(Exit::Failed, "nothing was changed")
        .hint("`openclaw backup confirm --yes` confirms it without a question")
}

fn held(manifest: &Manifest) -> String {
    let files = count(manifest.files.len(), "file");
    format!(
        "{files}, {} in the access log",
        count(usize::try_from(manifest.log.lines).unwrap_or(usize::MAX), "line")
    )
}

pub(crate) fn backup_made(file: &Path, manifest: &Manifest, encryption: &str) -> String {
    let closed = match encryption {
        "none" => {
            "It is NOT encrypted: it holds tokens and keys, and all who can read the file can use them."
        }
        "passphrase" => "It is encrypted. Without its passphrase nobody can open it.",
        _ => "It is encrypted for its recipients.",
    };
    format!("{} was made: {}.\n{closed}", file.display(), held(manifest))
}

/// `of 2026-12-01T10:00:00.000Z, 3 days ago`
fn made(at: u64, now: UnixMs) -> String {
    let ago = spell_span(Duration::from_millis(now.0.saturating_sub(at)));
    format!("of {}, {ago} ago", world::iso(UnixMs(at)))
}

pub(crate) fn backup_whole(file: &Path, manifest: &Manifest, now: UnixMs) -> String {
    let Manifest { version, .. } = manifest;
    format!(
        "{} is whole: a backup {}, made by version {version}: {}.",
        file.display(),
        made(manifest.made_at, now),
        held(manifest)
    )
}

pub(crate) fn backup_restored(
    into: &Path,
    manifest: &Manifest,
    now: UnixMs,
    dry: bool,
) -> Vec<String> {
    let (into, made) = (into.display(), made(manifest.made_at, now));
    if dry {
        return vec![
            format!("A backup {made} would be restored into {into}: {}.", held(manifest)),
            MISSING.to_owned(),
        ];
    }
    vec![
        format!("The backup {made}, was restored into {into}: {}.", held(manifest)),
        MISSING.to_owned(),
        format!("No account starts and no device connects yet. {LOOK}"),
    ]
}

pub(crate) fn unconfirmed(restored: &Restored) -> String {
    let of = match restored.made {
        0 => "an unknown time".to_owned(),
        made => world::iso(UnixMs(made)),
    };
    format!(
        "this state folder was restored from a backup of {of}, and nobody has confirmed it: no account starts and no device connects. {MISSING} {LOOK}"
    )
}
