//! People who ask for access, who have it, and who own this gateway.

use std::{path::Path, time::Duration};

use openclaw_plugin_sdk::{
    AccessChange, AccessState, AccountId, Decision, InvalidSenderId, count, neutral, spell_span,
};

use crate::{
    Exit, Failure,
    config::{Config, Location},
    control::{admissions::AdmittedBy, text::verdict},
    invite::Link,
    local_client::LocalError,
    rules::{AccountKey, DmPolicy, owner::Owner, pairing::PairingRequest},
    whole, world,
};

pub(crate) const ONE_CHANNEL: &str = "name the channel to search only that one";
pub(crate) const NEEDS_REVISION: &str = "\n\
    A request with a claim, or one that has changed since its code was sent, needs its revision:\n\
    openclaw pairing approve <code> --as-shown <revision>";

pub(crate) fn nobody_waits(channel: Option<&str>) -> String {
    let channel = channel.map(|channel| format!("{channel} ")).unwrap_or_default();
    format!("No pending {channel}pairing requests.")
}

pub(crate) fn requests(count: usize) -> String {
    format!("Pairing requests ({count})\n")
}

/// The decision, and what else the owner may want to read of the request. Never the code.
pub(crate) fn decided(decision: Decision, request: &PairingRequest) -> Vec<String> {
    let (channel, sender) = (&request.key.channel, whole(request.sender.as_str()));
    let mut lines = vec![format!("{} {channel} sender {sender}", verdict(decision))];
    if let Some(name) = request.name() {
        let later = request.later_name.as_ref().filter(|later| **later != name);
        let later = later.map(|later| format!(" (later: {})", neutral(later, 64)));
        lines.push(format!("name: {}{}", neutral(&name, 64), later.unwrap_or_default()));
    }
    lines.extend(request.displayed().claims.map(|claims| format!("joined with: {claims}")));
    if !request.key.account.is_default() {
        lines.push(of_account(&request.key.account));
    }
    lines
}

pub(crate) fn notified(request: &PairingRequest) -> String {
    format!("Notified {} sender {}", request.key.channel, whole(request.sender.as_str()))
}

pub(crate) fn not_notified(why: &str) -> String {
    format!("Failed to notify requester: {why}")
}

pub(crate) fn approval_stands(error: &LocalError, unsent: bool) -> String {
    format!("{error}; the approval stands{}", if unsent { ", the notice was not sent" } else { "" })
}

pub(crate) fn several_requests(count: usize) -> Failure {
    Failure::usage(format!("{count} requests have this code; nothing was changed"))
        .hint("add the channel, and the account with `--account`")
}

pub(crate) fn request_changed(request: &PairingRequest, was_shown: bool) -> Failure {
    let why = match request.displayed().claims {
        _ if was_shown => "the request no longer has that revision".to_owned(),
        Some(claims) => {
            format!("the sender claims to be {claims}, so the code alone is not enough")
        }
        None => "this request has changed since its code was sent".to_owned(),
    };
    let list = format!("`openclaw pairing list {}`", request.key.channel);
    Failure::new(Exit::Failed, format!("{why}; nothing was changed"))
        .hint(format!("look at it with {list}, then repeat this with `--as-shown <revision>`"))
}

pub(crate) fn claim_is_over(request: &PairingRequest) -> Failure {
    let claims = request.displayed().claims.unwrap_or_default();
    let text = format!("the linked person {claims} no longer has access; nothing was changed");
    Failure::new(Exit::Failed, text)
        .hint("deny the request; the sender can then ask again as a stranger")
}

pub(crate) fn code_is_missing(channel: &str) -> Failure {
    Failure::usage(format!("`{channel}` is a channel; the code is missing"))
        .hint("`openclaw pairing list` shows who waits")
}

pub(crate) fn no_request(code: &str, channel: Option<&str>) -> Failure {
    let text = format!("No pending pairing request found for code: {}", neutral(code, 64));
    let list = channel.map(|channel| format!(" {channel}")).unwrap_or_default();
    let list = format!("`openclaw pairing list{list}` shows who waits");
    Failure::line(Exit::NoMatch, text).hint(format!("{list}; a code is valid for one hour"))
}

pub(crate) fn no_sender(typed: &str, channel: &str, error: &InvalidSenderId) -> Failure {
    Failure::usage(format!("`{}` is not a {channel} sender id: {error}", neutral(typed, 64)))
}

pub(crate) fn allowed(channel: &str, count: usize) -> String {
    match count {
        0 => format!("No allowed {channel} senders."),
        count => format!("Allowed {channel} senders ({count})\n"),
    }
}

pub(crate) fn admitted_by(by: AdmittedBy, config: Option<&Path>) -> String {
    match by {
        AdmittedBy::Approval(None) => "approved".to_owned(),
        AdmittedBy::Approval(Some(until)) => format!("approved until {}", world::iso(until)),
        AdmittedBy::Config(line) => {
            format!("{}:{line}", config.map(Path::to_string_lossy).unwrap_or_default())
        }
        AdmittedBy::Ownership => "owner".to_owned(),
    }
}

/// Why an account's policy makes approvals, or any access, count for nothing now.
pub(crate) fn unheard(enabled: bool, policy: DmPolicy, approved: bool) -> Option<&'static str> {
    match policy {
        _ if !enabled => Some("is not enabled: nobody is answered"),
        DmPolicy::Disabled => Some("has `dm_policy = \"disabled\"`: nobody is answered"),
        DmPolicy::Allowlist | DmPolicy::Open if approved => {
            Some("does not have `dm_policy = \"pairing\"`: approved entries do not count")
        }
        DmPolicy::Allowlist | DmPolicy::Open | DmPolicy::Pairing => None,
    }
}

pub(crate) const NOT_CONFIGURED: &str = "is not configured: nobody is answered";

/// Why an approval on this account counts for nothing now. A channel without any account is one that is not set up yet.
pub(crate) fn counts_for_nothing(config: &Config, key: &AccountKey) -> Option<&'static str> {
    match config.account(key) {
        Some(account) => unheard(true, account.dm_policy, true),
        None if config.accounts.iter().any(|it| it.key.channel == key.channel) => {
            Some(NOT_CONFIGURED)
        }
        None => None,
    }
}

pub(crate) fn account_note(key: &AccountKey, why: &str) -> String {
    format!("note: {} account {} {why}", key.channel, key.account)
}

pub(crate) const UNKNOWN_STILL: &str =
    "so it is unknown whether the configuration gives that sender access";

pub(crate) fn sender_revoked(channel: &str, sender: &str) -> String {
    format!("✅ Revoked {channel} sender {sender}")
}

pub(crate) fn of_account(account: &AccountId) -> String {
    format!("account: {account}")
}

pub(crate) fn still_admitted(
    channel: &str,
    sender: &str,
    place: &Location<'_>,
    account: &AccountId,
) -> Failure {
    let (file, line) = (place.file.display(), place.line);
    let text = format!("{channel} sender {sender} still has access: {file}:{line}");
    Failure::new(Exit::Failed, text)
        .hint(format!("that line gives access to account {account}; remove the id there"))
}

pub(crate) fn still_owner(channel: &str, sender: &str) -> Failure {
    let text = format!("{channel} sender {sender} is an owner and still has access");
    Failure::new(Exit::Failed, text).hint(format!("`openclaw owner remove {channel}:{sender}`"))
}

pub(crate) fn none_approved(channel: &str, sender: &str) -> Failure {
    let text = format!("No approved {channel} sender found with id: {sender}");
    Failure::line(Exit::NoMatch, text)
        .hint(format!("`openclaw pairing allowed {channel}` shows them"))
}

pub(crate) const NO_INVITATIONS: &str = "No invitation is open.";
pub(crate) const INVITATION_CANCELLED: &str = "Invitation cancelled. Its code gives no access.";

pub(crate) fn invited(code: &str, links: &[Link], id: &str, lasting: Duration) -> String {
    let label = |link: &Link| match link.account.as_str() {
        "default" => link.channel.clone(),
        account => format!("{} ({account})", link.channel),
    };
    let links = links.iter().map(|link| format!("\nLink for {}: {}\n", label(link), link.url));
    let links = links.collect::<Vec<_>>().concat();
    format!(
        "{code}\n{links}\n\
         Give this to one person. The first person who sends it to the bot in a direct chat has access.\n\
         It works once, within {}. To take it back: openclaw invite cancel {id}",
        spell_span(lasting)
    )
}

pub(crate) fn no_links(error: &LocalError) -> String {
    format!("note: {error}; the invitation counts, and there is no link")
}

pub(crate) fn no_invitation(typed: &str) -> Failure {
    // A code that was typed in place of an id is as good as before, and not repeated.
    let is_id = typed.len() <= 16 && typed.bytes().all(|byte| byte.is_ascii_hexdigit());
    let text = if is_id {
        format!("No open invitation found: {typed}")
    } else {
        "No open invitation found: what was typed is not the id of one".to_owned()
    };
    Failure::line(Exit::NoMatch, text).hint("`openclaw invite list` shows the ids")
}

pub(crate) const NO_ACCESS: &str = "No stored access and no blocks.";
pub(crate) const NO_ACCESS_NOTE: &str =
    "`openclaw pairing allowed <channel>` also shows the senders in the configuration";

pub(crate) fn permit_state(state: AccessState) -> String {
    match state {
        AccessState::Blocked => "blocked".to_owned(),
        AccessState::Ended(ago) => format!("ended {} ago", spell_span(ago)),
        AccessState::Lasting => "permanent".to_owned(),
        AccessState::Until(left) => format!("{} left", spell_span(left)),
    }
}

/// An id as a table shows it where the terminal is narrow, which is that of several people or of none.
pub(crate) fn shortened_id(typed: &str, fits: usize) -> Failure {
    let typed = neutral(typed, 160);
    let who = match fits {
        0 => "nobody in the list has an id that".to_owned(),
        many => format!("{many} people in the list have ids that"),
    };
    Failure::usage(format!(
        "{typed} is a shortened id, and {who} could be meant; nothing was changed"
    ))
    .hint("`openclaw access list --wide` shows whole ids")
}

pub(crate) fn permit_changed(change: &AccessChange, ids: &str) -> String {
    let done = match change {
        AccessChange::Block => "⛔ Blocked",
        AccessChange::Extend(_) => "✅ New end of access for",
        AccessChange::Rename(Some(_)) => "Note saved for",
        AccessChange::Rename(None) => "Note removed for",
        AccessChange::Revoke => "✅ Revoked",
        AccessChange::Unblock => "✅ Block removed for",
    };
    format!("{done} {ids}")
}

pub(crate) fn permit_not_changed(change: &AccessChange, who: &str) -> Failure {
    let nothing = match change {
        AccessChange::Block => "Already blocked",
        AccessChange::Extend(_) => "No temporary access",
        AccessChange::Rename(_) => "The note says that already",
        AccessChange::Revoke => "No approved access",
        AccessChange::Unblock => "Not blocked",
    };
    Failure::line(Exit::NoMatch, format!("{nothing}: {who}"))
        .hint("`openclaw access list` shows who has access and who is blocked")
}

pub(crate) fn owner_not_blocked(who: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{who} is an owner, and an owner cannot be blocked"))
        .hint("`openclaw owner show` shows the owners, `openclaw owner remove` removes one")
}

pub(crate) fn still_has_access(who: &str, place: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{who} still has access: {place}"))
        .hint("remove it there; `openclaw access block <WHO>` ignores anyone but an owner")
}

pub(crate) fn not_compared(messages: usize) -> String {
    let many = count(messages, "message");
    format!("{many}: not compared; an older version did not note enough")
}

pub(crate) fn nothing_would_change(messages: usize) -> String {
    match messages {
        1 => "Nothing would change for the last message.".to_owned(),
        many => format!("Nothing would change for the last {many} messages."),
    }
}

pub(crate) fn replayed(messages: usize) -> String {
    let were = if messages == 1 { "was" } else { "were" };
    format!("{} {were} replayed; nothing was changed", count(messages, "message"))
}

pub(crate) fn owners(count: usize) -> String {
    match count {
        0 => "No owner is configured, added or claimed.".to_owned(),
        count => format!("Owners ({count})\n"),
    }
}

pub(crate) fn owner_at_console(channel: &str) -> String {
    format!("The user at the {channel} of a foreground gateway is an owner.")
}

pub(crate) fn configured_owners(file: &Path) -> String {
    format!("Configured owners are in {}.", file.display())
}

pub(crate) fn told_in_vain(told: &Owner) -> String {
    let who = format!("{}:{}", told.channel, whole(told.sender.as_str()));
    format!(
        "`owner.notify` names {who}, who is not an owner and gets no card; `openclaw owner add {who}` makes them one"
    )
}

pub(crate) fn told_in_windows(channels: &[&str]) -> String {
    let channels = channels.join(" and ");
    format!(
        "`owner.notify` names {channels} alone, which takes messages only for a day after your last one: cards wait until you write; name another channel too"
    )
}

/// The lists of an account, as another gateway kept them, have entries that admit nobody.
pub(crate) fn strays(key: &AccountKey, strays: &[String]) -> String {
    const MOST: usize = 10;
    let shown: Vec<String> =
        strays.iter().take(MOST).map(|entry| format!("`{}`", neutral(entry, 80))).collect();
    let more = strays.len().saturating_sub(MOST);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(
        "the approved list of {} ({}) has entries that are no ids and admit nobody: {}{more}; these people need a new \
         approval",
        key.channel,
        key.account.as_str(),
        shown.join(", ")
    )
}

fn place(config: Option<&Path>) -> String {
    config.map_or_else(|| "the configuration".to_owned(), |file| file.display().to_string())
}

pub(crate) fn owner_in_config(owner: &str, config: Option<&Path>) -> String {
    format!("{owner} is an owner already: {}", place(config))
}

pub(crate) fn owner_added(owner: &str) -> String {
    format!("✅ Added owner {owner}")
}

pub(crate) fn owner_already(owner: &str) -> String {
    format!("{owner} is an owner already")
}

pub(crate) fn owner_removed(owner: &str) -> String {
    format!("✅ Removed owner {owner}")
}

pub(crate) fn owner_stays(owner: &str, config: Option<&Path>) -> Failure {
    Failure::new(Exit::Failed, format!("{owner} is an owner in {}", place(config)))
        .hint("remove it from `owner.allow_from` there")
}

pub(crate) fn no_owner(owner: &str) -> Failure {
    Failure::line(Exit::NoMatch, format!("No owner found: {owner}"))
        .hint("`openclaw owner show` shows them")
}

pub(crate) fn no_channel_named(typed: &str) -> Failure {
    Failure::usage(format!("`{}` names no channel", neutral(typed, 64)))
        .hint("write <channel>:<id>, such as telegram:123456789")
}

pub(crate) fn claim(code: &str) -> String {
    format!(
        "{code}\n\n\
         Send this to the bot in a direct chat, or on the page, within ten minutes:\n\n  /claim {code}\n\n\
         The first person who sends it is an owner from then on. It works once; a new code replaces it."
    )
}
