//! The gateway itself, its owners, and what stands beside the channels.

use serde_json::Value;

use super::{
    job::{Job, child, path},
    rows::{self, Layer, row},
};
use crate::{registry, report::Kind, text::settings as text};

/// A shorter token is guessed.
const SHORT: usize = 24;

/// Takes over all but channels and the assistant.
pub(super) fn read(job: &mut Job<'_>) {
    let layers = [Layer { value: job.root, path: Vec::new() }];
    gateway(job);
    for one in rows::ROOT {
        row(job, &layers, &[], *one);
    }
    exposed(job);
    origins(job);
    public_origin(job);
    owners(job);
    hooks(job);
    beside(job);
}

fn word<'a>(job: &Job<'a>, theirs: &[&str]) -> &'a str {
    job.get(&path(theirs)).and_then(Value::as_str).unwrap_or_default()
}

fn gateway(job: &mut Job<'_>) {
    let mode = path(&["gateway", "mode"]);
    match word(job, &["gateway", "mode"]) {
        "" => {}
        "remote" => drop(job.refuse(&mode, text::REMOTE, text::THEN_DROPPED)),
        _ => job.took(&mode, text::THE_SAME),
    }
    let theirs = path(&["gateway", "auth", "mode"]);
    let bind = word(job, &["gateway", "bind"]);
    let is_near = matches!(bind, "" | "loopback");
    match word(job, &["gateway", "auth", "mode"]) {
        "" => {}
        "none" if !is_near => drop(job.refuse(&theirs, text::NO_AUTH, text::THEN_NO_AUTH)),
        mode @ ("none" | "password" | "token") => {
            job.put(&theirs, mode);
            job.took(&theirs, "gateway.auth.mode");
        }
        _ => {
            job.refuse(&theirs, text::PROXY_AUTH, text::THEN_NO_AUTH);
        }
    }
    job.saw(&path(&["gateway", "auth", "trustedProxy"]));
    let roles = path(&["gateway", "roles"]);
    if job.get(&roles).is_some() {
        job.refuse(&roles, text::ROLES, text::THEN_ROLES);
    }
}

/// What is dangerous on a network.
fn exposed(job: &mut Job<'_>) {
    for key in ["token", "password"] {
        let theirs = path(&["gateway", "auth", key]);
        let written = job.get(&theirs).and_then(Value::as_str);
        if written.is_some_and(|it| !it.contains("${") && it.chars().count() < SHORT) {
            job.alarm(&theirs, text::SHORT_TOKEN);
        }
    }
    let bind = path(&["gateway", "bind"]);
    let has_tls =
        job.get(&path(&["gateway", "tls", "enabled"])).and_then(Value::as_bool) == Some(true);
    if !has_tls && !matches!(word(job, &["gateway", "bind"]), "" | "loopback" | "auto") {
        job.warn(&bind, text::NO_TLS);
    }
    if matches!(word(job, &["gateway", "tailscale", "mode"]), "serve" | "funnel") {
        job.warn(&path(&["gateway", "tailscale", "mode"]), text::TAILSCALE);
    }
    for endpoint in ["chatCompletions", "responses"] {
        let theirs = path(&["gateway", "http", "endpoints", endpoint]);
        let is_on = job.get(&child(&theirs, "enabled")).and_then(Value::as_bool) == Some(true);
        if is_on {
            job.warn(&theirs, text::NO_ENDPOINT);
        }
    }
}

fn origins(job: &mut Job<'_>) {
    let theirs = path(&["gateway", "controlUi", "allowedOrigins"]);
    let Some(list) = job.get(&theirs).and_then(Value::as_array) else { return };
    let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    if list.contains(&"*") {
        if job.options.accept_open {
            job.alarm(&theirs, text::accepted(text::THEN_ORIGINS));
        } else {
            job.refuse(&theirs, text::ANY_ORIGIN, text::THEN_ORIGINS);
        }
    }
    let named = list.iter().copied().filter(|one| *one != "*");
    let named: toml_edit::Array = named.map(|one| job.text(one, "allowed_origins")).collect();
    if !named.is_empty() {
        job.put(&path(&["gateway", "control_ui", "allowed_origins"]), named);
        job.took(&theirs, "gateway.control_ui.allowed_origins");
    }
}

fn public_origin(job: &mut Job<'_>) {
    let theirs = path(&["gateway", "publicOrigin"]);
    let ours = path(&["plugins", "device-pair", "public_url"]);
    let Some(origin) = job.get(&theirs).and_then(Value::as_str) else { return };
    if job.wrote(&ours) {
        return job.warn(&theirs, text::said_above(&ours));
    }
    let origin = job.text(origin, "public_url");
    job.put(&ours, origin);
    job.warn(&theirs, text::PUBLIC_ORIGIN);
}

/// Owners are taken after a question alone: the field makes the first guest one, unasked.
fn owners(job: &mut Job<'_>) {
    let theirs = path(&["commands", "ownerAllowFrom"]);
    let Some(list) = job.get(&theirs).and_then(Value::as_array) else { return };
    let mut owners = Vec::new();
    for entry in list {
        let entry = entry.as_str().map_or_else(|| entry.to_string(), |text| text.trim().to_owned());
        let parsed = entry.split_once(':').and_then(|(channel, id)| {
            let plugin = registry::channel(channel)?;
            let id = (plugin.parse_sender)(id).ok()?;
            Some(format!("{channel}:{id}"))
        });
        match parsed {
            Some(owner) => owners.push(owner),
            None => job.warn(&theirs, text::no_owner(&entry)),
        }
    }
    if owners.is_empty() {
        return job.saw(&theirs);
    }
    if job.options.owners {
        let list: toml_edit::Array = owners.iter().map(String::as_str).collect();
        job.put(&path(&["owner", "allow_from"]), list);
        job.took(&theirs, "owner.allow_from");
    } else {
        job.say(Kind::Ignored, &theirs, text::owners_left_out(&owners));
    }
    job.owners = owners;
}

fn hooks(job: &mut Job<'_>) {
    let theirs = path(&["hooks"]);
    let Some(hooks) = job.get(&theirs) else { return };
    if hooks.get("enabled").and_then(Value::as_bool) == Some(true) {
        job.warn(&theirs, text::HOOKS);
    }
    let token = hooks.get("token").and_then(Value::as_str);
    if token.is_some()
        && token == job.get(&path(&["gateway", "auth", "token"])).and_then(Value::as_str)
    {
        job.alarm(&theirs, text::HOOK_TOKEN);
    }
}

fn beside(job: &mut Job<'_>) {
    let vars = path(&["env", "vars"]);
    if let Some(vars_value) = job.get(&vars).and_then(Value::as_object) {
        let names: Vec<&str> = vars_value.keys().map(String::as_str).collect();
        job.warn(&vars, text::env_vars(&names));
    }
    for (agents, is_many) in
        [("list", many_in_list as fn(&Value) -> bool), ("entries", many_entries)]
    {
        let theirs = path(&["agents", agents]);
        if job.get(&theirs).is_some_and(is_many) {
            job.warn(&theirs, text::ONE_ASSISTANT);
        }
    }
    let pair = path(&["plugins", "entries", "device-pair", "enabled"]);
    if job.get(&pair).and_then(Value::as_bool) == Some(false) {
        job.warn(&pair, text::PAIR_IS_THERE);
    }
    let routing = path(&["routing", "allowFrom"]);
    if job.get(&routing).is_some() {
        job.took(&routing, "channels.whatsapp.allow_from");
    }
}

fn many_in_list(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.len() > 1)
}

fn many_entries(value: &Value) -> bool {
    value.as_object().is_some_and(|entries| entries.len() > 1)
}
