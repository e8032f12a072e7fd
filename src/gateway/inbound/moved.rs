//! A group that the platform gave another id: it is followed, and the owner is told what to change.

use std::sync::Arc;

use openclaw_plugin_sdk::GroupMoved;
use tracing::info;

use crate::{Gateway, accounts::account::AccountRuntime, approvals, gate::Halt, store::private};

/// A group has moved: from here on its new id counts where its old one does.
pub(crate) async fn follow(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    moved: GroupMoved,
) -> Result<(), Halt> {
    // An account's moves come one at a time.
    let known = account.moved.lock().with(&moved);
    let Some(known) = known else { return Ok(()) };
    let known = crate::blocking(move || known.write().map(|()| known)).await?;
    *account.moved.lock() = known;
    let GroupMoved { from, to } = &moved;
    let rules = account.rules();
    info!(channel = rules.plugin.id, %from, %to, "a group has another id now");
    if rules.groups.groups.as_ref().is_none_or(|listed| !listed.contains(from)) {
        return Ok(());
    }
    account.follow(crate::config::Account::clone(&rules));
    let config = gateway.config();
    let file = config.file.clone().unwrap_or_else(|| gateway.state.config());
    let path = file.clone();
    let read = crate::blocking(move || private::read(&path)).await.ok().flatten();
    let text = String::from_utf8_lossy(&read.unwrap_or_default()).into_owned();
    let place = match line_of(&text, from.as_str()) {
        Some(line) => format!("in line {line} of {}", file.display()),
        None => format!("in {}", file.display()),
    };
    let (channel, id) = (rules.plugin.id, &rules.key.account);
    let text = format!(
        "The {channel} ({id}) group {from} is a supergroup now, and its id is {to}. It is still heard. \
         In `groups`, {place}, write {to} instead of {from}."
    );
    approvals::tell(gateway, &text, None);
    Ok(())
}

/// The first line that an id stands in, whole.
fn line_of(text: &str, id: &str) -> Option<usize> {
    let whole = |line: &str| {
        line.match_indices(id).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + id.len()..].chars().next();
            [before, after].into_iter().flatten().all(|c| !c.is_ascii_digit() && c != '-')
        })
    };
    text.lines().position(whole).map(|line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_id_is_found_and_no_longer_id_is_taken_for_it() {
        let text = "[channels.telegram]\ngroups = [\"-1234\"]\n# -12\ngroups = ['-123']\n";
        assert_eq!(line_of(text, "-123"), Some(4));
        assert_eq!(line_of(text, "-99"), None);
    }
}
