//! Channels with their accounts: who may talk, and what the platform is told.

use openclaw_plugin_sdk::{AccountId, ChannelPlugin};
use serde_json::Value;

use super::{
    Block,
    groups::{self, Groups},
    job::{Job, at, below, child, path},
    lost, opening,
    rows::{self, How, Layer, row},
    scan::Path,
    senders::{self, Senders},
};
use crate::{registry, report::Kind, rules::AccountKey, text::settings as text};

/// Takes over every channel that there is here.
pub(super) fn read(job: &mut Job<'_>) {
    let Some(channels) = job.get(&path(&["channels"])).and_then(Value::as_object) else { return };
    for (id, value) in channels {
        let theirs = path(&["channels", id]);
        let rows = rows::CHANNELS.iter().find(|(channel, _)| channel == id);
        match (rows, registry::channel(id), value.as_object()) {
            (Some((_, rows)), Some(plugin), Some(_)) => {
                Channel { plugin, rows, value, theirs }.read(job);
            }
            (None, _, _) if !matches!(id.as_str(), "defaults" | "modelByChannel" | "webchat") => {
                job.warn(&theirs, text::NO_CHANNEL);
            }
            _ => {}
        }
    }
}

struct Channel<'v> {
    plugin: &'static ChannelPlugin,
    rows: &'static [rows::Row],
    value: &'v Value,
    theirs: Path,
}

impl<'v> Channel<'v> {
    fn read(&self, job: &mut Job<'_>) {
        let ours = path(&["channels", self.plugin.id]);
        let accounts = at(self.value, &path(&["accounts"])).and_then(Value::as_object);
        let accounts = accounts.filter(|it| !it.is_empty());
        let base = || Layer { value: self.value, path: self.theirs.clone() };
        let is_credential = |row: &&rows::Row| matches!(row.1, How::Secret(_));
        let says = |row: &rows::Row| at(self.value, &below(&[], row.0)).is_some();
        // Beside accounts, a channel's table without a secret only says what they inherit.
        if accounts.is_none() || self.rows.iter().filter(is_credential).any(says) {
            self.account(job, &[base()], &ours, "default");
        }
        for (id, value) in accounts.into_iter().flatten() {
            let theirs = child(&child(&self.theirs, "accounts"), id);
            let Some(parsed) = AccountId::parse(id).filter(|_| value.is_object()) else {
                job.warn(&theirs, text::NO_ACCOUNT);
                continue;
            };
            let own = Layer { value, path: theirs };
            let ours = child(&child(&ours, "accounts"), parsed.as_str());
            self.account(job, &[own, base()], &ours, parsed.as_str());
        }
    }

    /// One account: its own table, and behind it the channel's.
    fn account(&self, job: &mut Job<'_>, layers: &[Layer<'v>], ours: &[String], id: &str) {
        let account = AccountId::parse(id).unwrap_or_else(AccountId::default_account);
        let key = AccountKey { channel: self.plugin.id.to_owned(), account };
        for one in self.rows {
            let is_own =
                matches!(one.1, How::Secret(_) | How::File(_)) || one.0.ends_with("ebhookPath");
            let reach = if is_own { &layers[..1] } else { layers };
            row(job, reach, ours, *one);
        }
        for (channel, key, over) in EXCLUSIVE {
            if *channel == self.plugin.id && job.wrote(&child(ours, over)) {
                job.unput(&child(ours, key));
            }
        }
        for one in rows::ANY_CHANNEL {
            row(job, layers, ours, *one);
        }
        for (key, word, why) in WORSE {
            let found =
                layers.iter().find(|it| it.value.get(key).and_then(Value::as_str) == Some(word));
            if let Some(layer) = found {
                job.refuse(&child(&layer.path, key), why, text::THEN_DROPPED);
            }
        }
        self.enabled(job, layers, ours);
        let direct = self.direct(job, layers, (ours, &key));
        self.people(job, layers, id);
        self.groups(job, layers, (ours, &direct), &key);
        self.complete(job, (ours, id), &layers[0].path);
        lost::on_account(job, self.plugin, &key, &layers[0].path);
        job.accounts.push(key);
    }

    fn enabled(&self, job: &mut Job<'_>, layers: &[Layer<'v>], ours: &[String]) {
        for layer in layers {
            let theirs = child(&layer.path, "enabled");
            match job.get(&theirs).and_then(Value::as_bool) {
                Some(true) => job.took(&theirs, text::THE_SAME),
                Some(false) => {
                    job.put(&child(ours, "enabled"), false);
                    job.took(&theirs, "enabled = false");
                }
                None => {}
            }
        }
        if let Some(theirs) = off(job, self.plugin.id) {
            job.put(&child(ours, "enabled"), false);
            job.warn(&theirs, text::plugin_off(self.plugin.id));
        }
    }

    /// The first of these keys that a table has, with its place.
    fn find<'l>(layers: &'l [Layer<'v>], keys: &[&str]) -> Option<(&'v Value, Path)> {
        layers.iter().find_map(|layer| {
            keys.iter()
                .find_map(|key| Some((at(layer.value, &below(&[], key))?, below(&layer.path, key))))
        })
    }

    /// Direct chats. Returns who is listed.
    fn direct(
        &self,
        job: &mut Job<'_>,
        layers: &[Layer<'v>],
        (ours, key): (&[String], &AccountKey),
    ) -> Senders {
        let list = Self::find(layers, &["allowFrom", "dm.allowFrom"]);
        let senders = match &list {
            Some((value, theirs)) => senders::read(job, self.plugin, (value, theirs)),
            None => Senders::default(),
        };
        let said = Self::find(layers, &["dmPolicy", "dm.policy"]);
        let word = said.as_ref().and_then(|(value, _)| value.as_str());
        let word = word.unwrap_or("pairing").to_owned();
        let theirs = said.map_or_else(|| child(&layers[0].path, "dmPolicy"), |(_, theirs)| theirs);
        let off =
            Self::find(layers, &["dm.enabled"]).filter(|(value, _)| value.as_bool() == Some(false));
        let mut is_as_before = job.get(&theirs).is_some();
        let policy = match (word.as_str(), off) {
            (_, Some((_, theirs))) => {
                job.took(&theirs, "dm_policy = \"disabled\"");
                "disabled"
            }
            ("open", _) if !senders.everyone => {
                job.warn(&theirs, text::OPEN_TO_LISTED);
                is_as_before = false;
                "allowlist"
            }
            ("open", _) => "open",
            ("allowlist", _) => "allowlist",
            ("disabled", _) => "disabled",
            ("pairing", _) => "pairing",
            _ => {
                job.warn(&theirs, text::no_word("dm_policy"));
                is_as_before = false;
                "disabled"
            }
        };
        if senders.everyone && policy != "disabled" {
            job.everyone(&theirs);
            is_as_before = false;
        }
        job.put(&child(ours, "dm_policy"), policy);
        if is_as_before {
            job.took(&theirs, text::became("dm_policy", policy));
        }
        if let Some((_, theirs)) = list {
            job.put(&child(ours, "allow_from"), senders.list());
            job.took(&theirs, text::path(&child(ours, "allow_from")));
        }
        if policy == "allowlist" {
            lost::name(job, self.plugin, (key, &senders), (&theirs, ours));
        }
        senders
    }

    /// People with rules of their own in direct chats: closed ones are blocked.
    fn people(&self, job: &mut Job<'_>, layers: &[Layer<'v>], account: &str) {
        let Some((Value::Object(people), theirs)) = Self::find(layers, &["direct"]) else { return };
        job.saw(&theirs);
        for (id, rules) in people {
            let place = child(&theirs, id);
            let says = |key: &str| rules.get(key).is_some();
            let is_closed = rules.get("enabled").and_then(Value::as_bool) == Some(false)
                || rules.get("dmPolicy").and_then(Value::as_str) == Some("disabled");
            match (is_closed, (self.plugin.parse_sender)(id)) {
                (true, Ok(sender)) => {
                    let sender = sender.as_str().to_owned();
                    job.say(Kind::Taken, &place, text::BLOCKED);
                    job.blocks.push(Block {
                        channel: self.plugin.id.to_owned(),
                        account: account.to_owned(),
                        id: sender,
                    });
                }
                (true, Err(_)) => drop(job.refuse(&place, text::OWN_PERSON, text::THEN_DROPPED)),
                (false, _) if says("dmPolicy") || says("allowFrom") => {
                    job.refuse(&place, text::OWN_PERSON, text::THEN_OWN_PERSON);
                }
                _ => {}
            }
        }
    }

    fn groups(
        &self,
        job: &mut Job<'_>,
        layers: &[Layer<'v>],
        (ours, direct): (&[String], &Senders),
        key: &AccountKey,
    ) {
        if !self.plugin.abilities.groups {
            return;
        }
        let default = ("groupPolicy", path(&["channels", "defaults", "groupPolicy"]));
        let said = Self::find(layers, &[default.0])
            .or_else(|| job.get(&default.1).map(|value| (value, default.1.clone())));
        let policy = match said.as_ref().and_then(|(value, _)| value.as_str()) {
            None | Some("allowlist") => "allowlist",
            Some("open" | "allowall") => "open",
            Some(_) => "disabled",
        };
        // The app of Feishu has the people of groups under another name, and groups under this one.
        let keys: &[&str] = if self.plugin.id == "feishu" {
            &["groupSenderAllowFrom"]
        } else {
            &["groupAllowFrom"]
        };
        let list = Self::find(layers, keys);
        let people =
            list.as_ref().map(|(value, theirs)| senders::read(job, self.plugin, (value, theirs)));
        let people = people.filter(|people| people.is_said);
        let has_list = !matches!(self.plugin.id, "discord" | "googlechat" | "slack");
        let common = people.clone().or_else(|| has_list.then(|| direct.clone()));
        let mut groups = groups::read(job, self.plugin, layers, (common, policy));
        if self.plugin.id == "feishu" {
            self.feishu(job, layers, &mut groups, policy);
        }
        let policy = if groups.closed { "disabled" } else { policy };
        if let Some((_, theirs)) = &said {
            job.took(theirs, text::became("group_policy", policy));
        } else if groups.closed {
            job.took(&child(&layers[0].path, "groupPolicy"), text::NO_GROUPS);
        }
        if said.is_some() || groups.closed {
            job.put(&child(ours, "group_policy"), policy);
        }
        if policy == "allowlist" && list.is_none() && has_list && Self::has_groups(layers) {
            let theirs = child(&layers[0].path, "groups");
            lost::in_groups(job, self.plugin, key, (&theirs, ours));
        }
        if policy == "open" {
            let theirs =
                said.map_or_else(|| child(&layers[0].path, "groupPolicy"), |(_, theirs)| theirs);
            job.warn(&theirs, text::OPEN_GROUPS);
        }
        let wanted = if people.is_some() || !has_list { groups.common.clone() } else { None };
        if let Some(people) = wanted {
            let theirs =
                list.map_or_else(|| child(&layers[0].path, "groupAllowFrom"), |(_, theirs)| theirs);
            if people.everyone && policy == "allowlist" {
                job.warn(&theirs, text::OPEN_GROUPS);
            }
            job.put(&child(ours, "group_allow_from"), people.list());
            if job.get(&theirs).is_some() {
                job.took(&theirs, text::path(&child(ours, "group_allow_from")));
            }
        }
        write(job, ours, &groups, &layers[0].path);
    }

    fn has_groups(layers: &[Layer<'v>]) -> bool {
        Self::find(layers, &["groups", "groupPolicy"]).is_some()
    }

    /// Feishu's `groupAllowFrom` lists groups.
    fn feishu(&self, job: &mut Job<'_>, layers: &[Layer<'v>], groups: &mut Groups, policy: &str) {
        let Some((value, theirs)) = Self::find(layers, &["groupAllowFrom"]) else {
            groups.closed |= policy == "allowlist" && groups.named.is_none();
            return;
        };
        let entries = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        let listed = entries.filter_map(|entry| (self.plugin.parse_group)(entry).ok());
        let listed: Vec<String> = listed.map(|chat| chat.as_str().to_owned()).collect();
        job.took(&theirs, "groups");
        let is_kept = |id: &String| groups.named.as_ref().is_none_or(|kept| kept.contains(id));
        groups.named = Some(listed.into_iter().filter(is_kept).collect());
    }

    /// An account that lacks what it cannot do without is written, and switched off.
    fn complete(&self, job: &mut Job<'_>, (ours, id): (&[String], &str), theirs: &[String]) {
        let required = rows::REQUIRED.iter().find(|(channel, _)| *channel == self.plugin.id);
        let mut lacks = Vec::new();
        for keys in required.map_or(&[][..], |(_, required)| *required) {
            if keys.iter().any(|key| job.wrote(&child(ours, key))) {
                continue;
            }
            let env = self.plugin.env_keys.iter().find(|(key, _)| keys.contains(key));
            match env.filter(|_| id == "default" && self.plugin.id != "whatsapp") {
                Some((key, name)) => job.needs(name, &rows::full(ours, key)),
                None => lacks.push(format!("`{}`", keys.join("` or `"))),
            }
        }
        if !lacks.is_empty() {
            job.put(&child(ours, "enabled"), false);
            job.warn(theirs, text::lacks(&text::path(ours), &lacks.join(", ")));
        } else if let Some(key) = opening::refused(job, self.plugin, (ours, id)) {
            job.put(&child(ours, "enabled"), false);
            job.warn(theirs, text::not_accepted(&text::path(&below(ours, &key))));
        }
    }
}

/// Of a channel: the key that does not stand beside another one, which goes before it there too.
const EXCLUSIVE: &[(&str, &str, &str)] = &[
    ("googlechat", "service_account", "service_account_file"),
    ("signal", "cli_path", "url"),
    ("telegram", "bot_token", "token_file"),
];

/// What no setting here does, and what would be worse without it.
const WORSE: &[(&str, &str, &str)] =
    &[("mode", "relay", text::RELAY), ("postAs", "user", text::POST_AS)];

/// The key that switches the plugin of a channel off.
fn off(job: &Job<'_>, channel: &str) -> Option<Path> {
    let is_false = |theirs: &Path| job.get(theirs).and_then(Value::as_bool) == Some(false);
    let lists = |theirs: &Path| {
        let list = job.get(theirs).and_then(Value::as_array)?;
        (!list.is_empty()).then(|| list.iter().any(|one| one.as_str() == Some(channel)))
    };
    let whole = path(&["plugins", "enabled"]);
    let own = path(&["plugins", "entries", channel, "enabled"]);
    let (deny, allow) = (path(&["plugins", "deny"]), path(&["plugins", "allow"]));
    let denied = lists(&deny) == Some(true);
    let left_out = lists(&allow) == Some(false);
    [(is_false(&whole), whole), (is_false(&own), own), (denied, deny), (left_out, allow)]
        .into_iter()
        .find_map(|(off, theirs)| off.then_some(theirs))
}

fn write(job: &mut Job<'_>, ours: &[String], groups: &Groups, theirs: &[String]) {
    if let Some(named) = &groups.named {
        let list: toml_edit::Array = named.iter().map(String::as_str).collect();
        job.put(&child(ours, "groups"), list);
    }
    for (id, channels) in &groups.guilds {
        let place = child(&child(ours, "guilds"), id);
        if let Some(channels) = channels {
            let list: toml_edit::Array = channels.iter().map(String::as_str).collect();
            job.put(&child(&place, "channels"), list);
        } else if let Some(table) = job.table(&place) {
            table.set_implicit(false);
        }
    }
    let (mention, differ) = groups.require_mention();
    job.put(&child(ours, "require_mention"), mention);
    if differ {
        job.warn(&child(theirs, "requireMention"), text::STRICTEST_MENTION);
    }
}
