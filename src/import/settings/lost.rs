//! People that only a meaning of before let in.

use openclaw_plugin_sdk::ChannelPlugin;

use super::{job::Job, senders::Senders};
use crate::{
    report::Generation, rules::AccountKey, state::listed, store::paths::StateDir,
    text::settings as text,
};

/// Names those who were approved beside `dmPolicy: "allowlist"`, which let them in before and does so no more.
pub(super) fn name(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (key, allowed): (&AccountKey, &Senders),
    theirs: &[String],
) {
    if job.generation != Generation::Files {
        return;
    }
    let state = StateDir::at(job.folder);
    let mut files = state.allowlists(key);
    if job.shares_lists && !key.account.is_default() {
        files.push(state.channel_allowlist(&key.channel));
    }
    let mut lost: Vec<String> = Vec::new();
    for id in files.iter().flat_map(|file| listed(file, plugin.parse_sender)) {
        let id = id.as_str().to_owned();
        if !allowed.everyone && !allowed.ids.contains(&id) && !lost.contains(&id) {
            lost.push(id);
        }
    }
    if !lost.is_empty() {
        let all: toml_edit::Array = allowed.ids.iter().chain(&lost).map(String::as_str).collect();
        job.alarm(theirs, text::lost(&lost, &all.to_string()));
    }
}

/// Says that a named account may have had the people of the list of its channel, where the file does not say which
/// version wrote it.
pub(super) fn may_be_shared(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    key: &AccountKey,
    theirs: &[String],
) {
    let file = StateDir::at(job.folder).channel_allowlist(&key.channel);
    if job.generation == Generation::Files
        && job.version.is_none()
        && !listed(&file, plugin.parse_sender).is_empty()
    {
        job.alarm(theirs, text::may_be_shared(&key.channel));
    }
}
