//! Devices as tables and lines. What they say about themselves is neutralised; what is copied stands whole.

use openclaw_plugin_sdk::{UnixMs, neutral};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Cell, Failure, Output, Text, Whole, text, whole};

/// The answer of `device.pair.list`, as far as people read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listing {
    pub(super) pending: Vec<Pending>,
    pub(super) paired: Vec<Paired>,
}

/// A device that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Pending {
    pub(super) request_id: String,
    pub(super) device_id: String,
    pub(super) display_name: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) remote_ip: Option<String>,
    pub(super) role: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) commands: Vec<String>,
    pub(super) caps: Vec<String>,
    pub(super) access: Option<String>,
    pub(super) words: Option<String>,
    pub(super) is_repair: bool,
    /// The ids that its device's earlier requests had.
    pub(super) replaces: Vec<String>,
    pub(super) ts: u64,
}

/// A paired device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Paired {
    pub(super) device_id: String,
    pub(super) display_name: Option<String>,
    pub(super) operator_label: Option<String>,
    pub(super) remote_ip: Option<String>,
    pub(super) role: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) tokens: Vec<TokenSummary>,
    pub(super) connected: Option<bool>,
}

/// What is known of a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TokenSummary {
    role: String,
    revoked_at_ms: Option<u64>,
}

impl Listing {
    /// Reads what a gateway answered.
    pub(super) fn read(value: &Value) -> Result<Self, Failure> {
        Self::deserialize(value).map_err(|error| text::unreadable_list("devices", &error))
    }

    pub(super) fn known(&self, device: &str) -> Option<&Paired> {
        self.paired.iter().find(|paired| paired.device_id == device)
    }

    /// The device that was meant: its id, or the beginning of one alone.
    pub(super) fn find(&self, typed: &str) -> Result<String, Failure> {
        let typed = typed.trim().to_ascii_lowercase();
        let ids: Vec<&String> = self.paired.iter().map(|paired| &paired.device_id).collect();
        let starts = |id: &&&String| typed.len() >= 6 && id.starts_with(&typed);
        match ids.iter().filter(starts).collect::<Vec<_>>().as_slice() {
            _ if ids.contains(&&typed) => Ok(typed),
            [one] => Ok((**one).clone()),
            [] => Err(text::no_device(&typed)),
            many => Err(text::several_devices(many.len())),
        }
    }
}

impl Pending {
    /// What it asks for, in words; never empty.
    pub(super) fn requested(&self) -> String {
        rights(&roles(&self.roles, self.role.as_ref()), &self.scopes)
    }

    /// Why it asks, as a program reads it.
    pub(super) fn kind(&self, known: Option<&Paired>) -> &'static str {
        let Some(known) = known else { return "new-pairing" };
        let had = roles(&known.roles, known.role.as_ref());
        let asked = roles(&self.roles, self.role.as_ref());
        if asked.iter().any(|role| !had.contains(role)) {
            return "role-upgrade";
        }
        if self.scopes.iter().any(|scope| !known.scopes.contains(scope)) {
            return "scope-upgrade";
        }
        "re-approval"
    }

    fn status(&self, known: Option<&Paired>) -> String {
        let kind = match self.kind(known) {
            again @ "re-approval" => again.to_owned(),
            kind => kind.replace('-', " "),
        };
        if self.is_repair { format!("{kind}, repair") } else { kind }
    }

    /// Everything that approving it grants, a line each.
    pub(super) fn lines(&self, known: Option<&Paired>) -> Vec<String> {
        let shown = |text: &Option<String>| text.as_ref().map(|text| neutral(text, 64));
        let commands = (!self.commands.is_empty()).then(|| list(&self.commands));
        let lines = [
            ("Device:", Some(format!("{} ({})", self.name(), whole(&self.device_id)))),
            ("Platform:", shown(&self.platform)),
            ("IP:", shown(&self.remote_ip)),
            ("Requested:", Some(self.requested())),
            ("Commands:", commands),
            ("Approved:", Some(approved(known))),
            ("Words:", shown(&self.words)),
        ];
        let line = |(label, text)| Some(format!("{label:<10} {}", text?));
        lines.into_iter().filter_map(line).collect()
    }

    fn name(&self) -> String {
        named([&self.display_name], &self.device_id)
    }

    /// For programs: `approvalState`.
    pub(super) fn state(&self, known: Option<&Paired>) -> Value {
        let sides =
            |roles: Vec<String>, scopes: &[String]| json!({ "roles": roles, "scopes": scopes });
        let approved =
            known.map(|known| sides(roles(&known.roles, known.role.as_ref()), &known.scopes));
        json!({
            "kind": self.kind(known),
            "requested": sides(roles(&self.roles, self.role.as_ref()), &self.scopes),
            "approved": approved,
        })
    }
}

impl Paired {
    fn name(&self) -> String {
        named([&self.operator_label, &self.display_name], &self.device_id)
    }

    fn tokens(&self) -> String {
        let encoded = self.tokens.iter().map(|token| match token.revoked_at_ms {
            Some(_) => format!("{} (revoked)", token.role),
            None => token.role.clone(),
        });
        let encoded: Vec<_> = encoded.collect();
        if encoded.is_empty() { "none".to_owned() } else { list(&encoded) }
    }
}

/// What a device was approved for, in words; never empty.
fn approved(known: Option<&Paired>) -> String {
    let rights = known.map(|one| rights(&roles(&one.roles, one.role.as_ref()), &one.scopes));
    rights.unwrap_or_else(|| "none".to_owned())
}

/// Both tables, and what does not fit into them.
pub(super) fn print(listing: &Listing, now: UnixMs, output: &mut Output) {
    if listing.pending.is_empty() && listing.paired.is_empty() {
        output.line(text::NO_DEVICES);
        return;
    }
    if !listing.pending.is_empty() {
        output.line(format!("Pending ({})", listing.pending.len()));
        output.table(pending_rows(listing, now));
        for pending in listing.pending.iter().filter(|pending| !pending.commands.is_empty()) {
            output.line(text::commands_of(&pending.request_id, &list(&pending.commands)));
        }
        let with_words = listing.pending.iter().any(|pending| pending.words.is_some());
        output.line(text::approve_device(with_words));
    }
    if !listing.paired.is_empty() {
        output.line(format!("Paired ({})", listing.paired.len()));
        output.table(paired_rows(listing));
        output.line(text::DEVICE_IDS);
        for paired in &listing.paired {
            output.line(format!("  {}  {}", whole(&paired.device_id), paired.name()));
        }
    }
}

fn pending_rows(listing: &Listing, now: UnixMs) -> Vec<Vec<Cell>> {
    let with_words = listing.pending.iter().any(|pending| pending.words.is_some());
    let row = |pending: &Pending| {
        let known = listing.known(&pending.device_id);
        let mut row = vec![
            Whole("Request", pending.request_id.clone()),
            Text("Device", pending.name()),
            Text("Requested", pending.requested()),
            Text("Approved", approved(known)),
            Text("IP", pending.remote_ip.clone().unwrap_or_default()),
            Whole("Age", age(pending.ts, now)),
            Text("Status", pending.status(known)),
        ];
        row.extend(with_words.then(|| Text("Words", pending.words.clone().unwrap_or_default())));
        row
    };
    listing.pending.iter().map(row).collect()
}

fn paired_rows(listing: &Listing) -> Vec<Vec<Cell>> {
    let row = |paired: &Paired| {
        let state = match paired.connected {
            Some(true) => "connected",
            Some(false) => "disconnected",
            None => "",
        };
        vec![
            Text("Device", paired.name()),
            Whole("Device ID", short(&paired.device_id)),
            Text("Roles", list(&roles(&paired.roles, paired.role.as_ref()))),
            Text("Scopes", list(&paired.scopes)),
            Text("Tokens", paired.tokens()),
            Text("IP", paired.remote_ip.clone().unwrap_or_default()),
            Whole("State", state.to_owned()),
        ]
    };
    listing.paired.iter().map(row).collect()
}

/// Gateways of February name one role only.
fn roles(roles: &[String], role: Option<&String>) -> Vec<String> {
    match roles {
        [] => role.cloned().into_iter().collect(),
        roles => roles.to_vec(),
    }
}

fn rights(roles: &[String], scopes: &[String]) -> String {
    let mut parts = Vec::new();
    for (label, words) in [("roles", roles), ("scopes", scopes)] {
        if !words.is_empty() {
            parts.push(format!("{label}: {}", list(words)));
        }
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
}

/// Words of a device, made harmless.
pub(crate) fn list(words: &[String]) -> String {
    words.iter().map(|word| neutral(word, 64)).collect::<Vec<_>>().join(", ")
}

/// The first name that can be read, or else the beginning of the id.
pub(crate) fn named<const N: usize>(names: [&Option<String>; N], id: &str) -> String {
    let mut names = names.into_iter().flatten().map(|name| neutral(name, 64));
    names.find(|name| !name.is_empty()).unwrap_or_else(|| short(id))
}

/// The beginning of an id, which names it to a person.
pub(crate) fn short(id: &str) -> String {
    whole(&id.chars().take(12).collect::<String>())
}

/// `12s`, `3m`, `2h`, `5d`.
pub(crate) fn age(since: u64, now: UnixMs) -> String {
    let seconds = now.0.saturating_sub(since) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
