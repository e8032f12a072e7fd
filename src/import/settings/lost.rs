//! People that only a meaning of before let in.

use openclaw_plugin_sdk::ChannelPlugin;

use super::{
    job::{Job, child},
    senders::Senders,
};
use crate::{rules::AccountKey, state::listed, store::paths::StateDir, text::settings as text};

/// Names those who were approved beside `dmPolicy: "allowlist"`, which let them in before and does so no more.
pub(super) fn name(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (key, allowed): (&AccountKey, &Senders),
    (theirs, ours): (&[String], &[String]),
) {
    let mut lost = approved(job, plugin, key);
    lost.retain(|id| !allowed.everyone && !allowed.ids.contains(id));
    if !lost.is_empty() {
        let all: toml_edit::Array = allowed.ids.iter().chain(&lost).map(String::as_str).collect();
        let key = text::path(&child(ours, "allow_from"));
        job.alarm(theirs, text::lost(&lost, (&key, &all.to_string())));
    }
}

/// Names those who were approved in direct chats, which let them speak in groups before and does so no more.
pub(super) fn in_groups(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    key: &AccountKey,
    (theirs, ours): (&[String], &[String]),
) {
    let lost = approved(job, plugin, key);
    if !lost.is_empty() {
        let key = text::path(&child(ours, "group_allow_from"));
        job.warn(theirs, text::lost_in_groups(&lost, &key));
    }
}

/// The people who were approved on an account of a version whose approvals meant more: before 2026.2.26, and where the
/// version is not known.
fn approved(job: &Job<'_>, plugin: &ChannelPlugin, key: &AccountKey) -> Vec<String> {
    if !job.shares_lists {
        return Vec::new();
    }
    let state = StateDir::at(job.folder);
    let mut files = state.allowlists(key);
    if !key.account.is_default() {
        files.push(state.channel_allowlist(&key.channel));
    }
    let mut ids: Vec<String> = Vec::new();
    for id in files.iter().flat_map(|file| listed(file, plugin.parse_sender)) {
        let id = id.as_str().to_owned();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Names those of the channel's one list, which let them in on every account before and does so no more (case 75): a
/// grant is for one account.
pub(super) fn on_account(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    key: &AccountKey,
    theirs: &[String],
) {
    if !job.shares_lists || job.options.all_accounts || key.account.is_default() {
        return;
    }
    let file = StateDir::at(job.folder).channel_allowlist(&key.channel);
    let ids = listed(&file, plugin.parse_sender);
    if !ids.is_empty() {
        job.alarm(theirs, text::lost_on_account(&ids, &key.channel));
    }
}
