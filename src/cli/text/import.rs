//! What is said of an import.

use std::path::Path;

use openclaw_plugin_sdk::neutral;

use crate::{
    Exit, Failure,
    config::problem::ConfigError,
    import_room::{settings::Unreadable, state::StateError},
};

pub(in crate::text) const NAMES: &str = "openclaw.json, moltbot.json or clawdbot.json";
pub(crate) const NOTHING_IMPORTED: &str = "Nothing was written.";
pub(crate) const ASK_IMPORT: &str = "Write this configuration?";

pub(crate) fn ask_owners(owners: &[String]) -> String {
    let owners = owners.iter().map(|one| neutral(one, 64)).collect::<Vec<_>>().join(", ");
    format!("Make these people owners, who approve others: {owners}?")
}

pub(crate) fn nothing_to_import(from: Option<&Path>) -> Failure {
    let place = from.map_or_else(
        || "the state folder and the home folder".to_owned(),
        |from| from.display().to_string(),
    );
    Failure::new(Exit::NoMatch, format!("no {NAMES} in {place}"))
        .hint("`--from` names the file or its folder")
}

pub(crate) fn settings_not_imported(error: &Unreadable) -> Failure {
    Failure::new(Exit::Failed, error.to_string()).hint("nothing was written")
}

pub(crate) fn state_not_imported(error: &StateError) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

pub(crate) fn imported_state([people, requests, devices]: [usize; 3]) -> String {
    if people + requests + devices == 0 {
        return "✅ People, requests and devices: nothing was new; the list above says how each stands"
            .to_owned();
    }
    format!("✅ Took over: people {people}, requests {requests}, devices {devices}")
}

pub(crate) fn import_taken_back(what: &str, taken_back: bool) -> String {
    let what = neutral(what, 120);
    if taken_back {
        format!("✅ Took back {what}")
    } else {
        format!("{what} was changed since the import, or is gone; it stays as it is")
    }
}

pub(crate) fn import_refused(paths: &[&str]) -> Failure {
    let paths: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    let paths = paths.join(", ");
    Failure::new(Exit::Failed, format!("refused: {paths}; nothing was written"))
        .hint("the list above says of each what to do; `--accept <path>` or `--accept-open` goes on without it")
}

pub(crate) fn import_would_not_load(error: ConfigError) -> Failure {
    Failure::from(error)
        .hint("nothing was written; the lines are those of the file that was to be written")
}

pub(crate) fn imported_already(at: &str, from: &Path) -> String {
    let day =
        at.split_once('.').map_or_else(|| at.to_owned(), |(seconds, _)| format!("{seconds}Z"));
    format!("Already imported on {day} from {}", neutral(&from.display().to_string(), 400))
}

pub(crate) fn imported(file: &Path) -> String {
    format!("✅ Wrote {}", file.display())
}

pub(crate) fn imported_beside(file: &Path, main: &Path) -> String {
    format!(
        "{} is there already and stays as it is. Compare the two, and move what you want; \
         `openclaw config check --config {}` checks the new one.",
        main.display(),
        file.display()
    )
}

pub(crate) fn import_spares_owner(channel: &str, id: &str) -> String {
    format!("{channel}:{} is an owner and was not blocked", neutral(id, 64))
}

pub(crate) fn nothing_imported() -> Failure {
    Failure::new(Exit::NoMatch, "no import has written anything here")
}

pub(crate) fn import_undone(file: &Path) -> String {
    format!("✅ Removed {}", file.display())
}

pub(crate) fn import_stays(file: &Path) -> String {
    format!("{} was changed since the import, or is gone; it stays as it is", file.display())
}

pub(crate) fn import_stays_blocked(who: &str) -> String {
    let who = neutral(who, 80);
    format!(
        "{who} stays blocked, because a configuration stays; `openclaw access unblock {who}` ends it"
    )
}

pub(crate) fn import_unblocked(who: &str) -> String {
    format!("✅ {} is no longer blocked", neutral(who, 80))
}
