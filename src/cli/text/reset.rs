//! What `openclaw reset` says.

use std::path::Path;

use openclaw_plugin_sdk::whole;

use crate::{
    Exit, Failure,
    store::reset::{Part, Scope},
};

/// The question before it.
pub(crate) const ASK_RESET: &str = "Remove this?";

fn part(part: &Part) -> String {
    let file = whole(&part.file.to_string_lossy());
    match part.rows {
        Some(1) => format!("  {file}: 1 entry"),
        Some(rows) => format!("  {file}: {rows} entries"),
        None => format!("  {file}"),
    }
}

/// What would go.
pub(crate) fn to_reset(scope: Scope, parts: &[Part]) -> Vec<String> {
    if parts.is_empty() {
        return vec![format!("There is nothing to reset in `{}`.", scope.word())];
    }
    let mut lines = vec![format!("A reset of `{}` takes these away:", scope.word())];
    lines.extend(parts.iter().map(part));
    lines.push("Make a copy first: openclaw backup create".to_owned());
    lines
}

/// What went.
pub(crate) fn was_reset(scope: Scope, parts: &[Part]) -> Vec<String> {
    let count = parts.len();
    let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let next = match scope {
        Scope::Config => "The next start runs the built-in channels with their defaults.",
        Scope::Access => {
            "Who is not in the configuration asks again; `openclaw owner claim` makes an owner."
        }
        Scope::Devices => "Every device asks again; the next start makes a new token.",
        Scope::All => "The next start begins anew. Files of other programs are still there.",
    };
    vec![format!("✅ Reset `{}`: {files}.", scope.word()), next.to_owned()]
}

pub(crate) fn not_reset(scope: Scope) -> Failure {
    let hint =
        format!("`openclaw reset --scope {} --yes` does it without a question", scope.word());
    Failure::new(Exit::Failed, "nothing was changed").hint(hint)
}

pub(crate) fn stop_it_first(holder: &str) -> Failure {
    let who = if holder.is_empty() { String::new() } else { format!(" ({holder})") };
    let text = format!("a gateway runs on this state folder{who}; nothing was changed");
    Failure::new(Exit::Failed, text)
        .hint("stop it first: `openclaw service stop`, or Ctrl-C in its terminal")
}

pub(crate) fn config_is_elsewhere(file: &Path) -> Failure {
    let text = format!("the configuration is {}, outside the state folder", file.display());
    Failure::usage(text).hint("move that file away yourself; nothing was changed")
}

pub(crate) fn unblock_is_for_all() -> Failure {
    Failure::usage("`--unblock` goes with `--scope all`: blocks stay in every other reset")
}

pub(crate) fn blocks_would_end(count: usize) -> Failure {
    let who = openclaw_plugin_sdk::count(count, "block");
    let text = format!("a reset of `all` would end {who}; nothing was changed");
    Failure::new(Exit::Failed, text)
        .hint("`openclaw access list` names who is blocked; with `--unblock` the blocks end too")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_raw_string_hashes, reason = "`UPDATE_EXPECT=1` writes them so")]

    use expect_test::expect;

    use super::*;

    #[test]
    fn a_reset_says_what_goes_and_what_comes_next() {
        let parts = [("a.json", Some(1)), ("b.json", Some(2)), ("config.toml", None)];
        let parts = parts.map(|(file, rows)| Part { file: file.into(), rows });
        let mut shown = to_reset(Scope::Access, &parts);
        shown.extend(to_reset(Scope::Devices, &[]));
        for scope in [Scope::Config, Scope::Access, Scope::Devices, Scope::All] {
            shown.extend(was_reset(scope, &parts));
        }
        shown.extend(was_reset(Scope::Config, &parts[..1]));
        let failures = [
            not_reset(Scope::All),
            stop_it_first("process 1, port 2"),
            config_is_elsewhere(Path::new("/c.toml")),
            unblock_is_for_all(),
            blocks_would_end(2),
        ];
        shown.extend(failures.iter().map(|failure| failure.spell(false)));
        expect![[r#"
            A reset of `access` takes these away:
              a.json: 1 entry
              b.json: 2 entries
              config.toml
            Make a copy first: openclaw backup create
            There is nothing to reset in `devices`.
            ✅ Reset `config`: 3 files.
            The next start runs the built-in channels with their defaults.
            ✅ Reset `access`: 3 files.
            Who is not in the configuration asks again; `openclaw owner claim` makes an owner.
            ✅ Reset `devices`: 3 files.
            Every device asks again; the next start makes a new token.
            ✅ Reset `all`: 3 files.
            The next start begins anew. Files of other programs are still there.
            ✅ Reset `config`: 1 file.
            The next start runs the built-in channels with their defaults.
            error: nothing was changed
            hint: `openclaw reset --scope all --yes` does it without a question

            error: a gateway runs on this state folder (process 1, port 2); nothing was changed
            hint: stop it first: `openclaw service stop`, or Ctrl-C in its terminal

            error: the configuration is /c.toml, outside the state folder
            hint: move that file away yourself; nothing was changed

            error: `--unblock` goes with `--scope all`: blocks stay in every other reset

            error: a reset of `all` would end 2 blocks; nothing was changed
            hint: `openclaw access list` names who is blocked; with `--unblock` the blocks end too
        "#]]
        .assert_eq(&shown.join("\n"));
    }
}
