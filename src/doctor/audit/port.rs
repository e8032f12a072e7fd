//! The gateway's port: who reaches it, and what it asks for.

use std::collections::BTreeMap;

use super::refused;
use crate::{
    Context, Finding, Severity,
    config::{
        gateway::{AuthMode, Bind, Tailscale},
        place,
    },
    network::bind,
    text,
};

/// Secrets that everyone has read somewhere.
const EXAMPLES: [&str; 10] = [
    "changeme",
    "change-me",
    "your-token-here",
    "your-gateway-token",
    "replace-me",
    "replace-with-a-long-random-token",
    "openclaw",
    "clawdbot",
    "0123456789abcdef",
    "0123456789abcdef0123456789abcdef",
];

/// True where others on a network reach the port, and nothing keeps them from reading along.
pub(super) fn is_plain(context: &Context) -> bool {
    let Some(config) = &context.config else { return false };
    let gateway = &config.gateway;
    let is_beyond = match gateway.bind {
        Bind::Auto => bind::in_container(),
        // A tailnet encrypts by itself.
        Bind::Tailnet => false,
        other => !other.is_loopback(),
    };
    is_beyond && !gateway.tls.enabled && !gateway.has_remote_proxy()
}

pub(super) fn exposed(context: &Context) -> Vec<Finding> {
    if !is_plain(context) {
        return Vec::new();
    }
    let found = Finding::new(Severity::Critical, "", text::EXPOSED).at(context.key("gateway.bind"));
    vec![found.by_hand("openclaw config set gateway.tls.enabled true")]
}

pub(super) fn auth_none(context: &Context) -> Vec<Finding> {
    refused(context, "gateway", "`gateway.auth.mode` is `none`")
}

pub(super) fn token_weak(context: &Context) -> Vec<Finding> {
    let Some(config) = &context.config else { return Vec::new() };
    let auth = &config.gateway.auth;
    let (given, key) = match auth.mode {
        AuthMode::None => return Vec::new(),
        AuthMode::Password => (&auth.password, "gateway.auth.password"),
        AuthMode::Token => (&auth.token, "gateway.auth.token"),
    };
    let Some(given) = given else { return Vec::new() };
    let Some((severity, why)) = weakness(given.secret.expose()) else { return Vec::new() };
    let subject = given.env.unwrap_or(key);
    let place = if given.env.is_some() { None } else { context.key(key) };
    let found = Finding::new(severity, subject, why).at(place);
    vec![found.by_hand(match (given.env, auth.mode) {
        (Some(name), _) => text::stronger(name),
        (None, AuthMode::Password) => text::set(key),
        (None, _) => format!("openclaw config unset {key}"),
    })]
}

/// Why a secret could be guessed.
fn weakness(secret: &str) -> Option<(Severity, &'static str)> {
    let length = secret.chars().count();
    if EXAMPLES.contains(&secret.to_ascii_lowercase().as_str()) {
        return Some((Severity::Critical, text::KNOWN_EXAMPLE));
    }
    if length < 16 {
        return Some((Severity::Critical, text::TOO_SHORT));
    }
    (length < 24 || variety(secret) < 64.0).then_some((Severity::Warn, text::LITTLE_VARIETY))
}

/// How many bits the characters of a text hold, if each was drawn as often as it stands there.
fn variety(text: &str) -> f64 {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1;
    }
    let all = f64::from(counts.values().sum::<u32>());
    counts.values().map(|count| -f64::from(*count) * (f64::from(*count) / all).log2()).sum()
}

pub(super) fn token_inline(context: &Context) -> Vec<Finding> {
    let Some(written) = &context.written else { return Vec::new() };
    let keys = ["gateway.auth.token", "gateway.auth.password"];
    let is_secret = |text: String| !text.trim().is_empty() && !text.contains("${");
    let inline = keys.into_iter().filter(|key| place::written(written, key).is_some_and(is_secret));
    let finding = |key: &str| {
        let found = Finding::new(Severity::Info, key, text::INLINE).at(context.key(key));
        found.by_hand(text::into_file(key))
    };
    inline.map(finding).collect()
}

pub(super) fn funnel(context: &Context) -> Vec<Finding> {
    let is_funnel =
        context.config.as_ref().is_some_and(|config| config.gateway.tailscale == Tailscale::Funnel);
    let found = is_funnel.then(|| {
        let found = Finding::new(Severity::Critical, "", text::FUNNEL);
        let found = found.at(context.key("gateway.tailscale.mode"));
        found.by_hand("openclaw config set gateway.tailscale.mode serve")
    });
    found.into_iter().collect()
}

pub(super) fn proxy(context: &Context) -> Vec<Finding> {
    let mut found = refused(context, "trusted_proxies", "everyone");
    let unnamed = context.gateway.seen().and_then(|seen| seen.health.unnamed_proxies.as_ref());
    found.extend(unnamed.map(|unnamed| {
        let says = text::unnamed_proxy(unnamed.requests, &unnamed.addresses);
        let one = Finding::new(Severity::Warn, "", says).at(context.key("gateway.trusted_proxies"));
        one.by_hand(text::ADD_PROXY)
    }));
    found
}

pub(super) fn origins(context: &Context) -> Vec<Finding> {
    let mut found = refused(context, "allowed_origins", "origins");
    let configured = context.config.iter().flat_map(|it| &it.gateway.control_ui.allowed_origins);
    let is_unsafe = |origin: &&String| {
        let Some(rest) = origin.strip_prefix("http://") else { return false };
        let host = rest.rsplit_once(':').map_or(rest, |(host, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { rest }
        });
        !["localhost", "[::1]"].contains(&host) && !host.starts_with("127.")
    };
    found.extend(configured.filter(is_unsafe).map(|origin| {
        let one = Finding::new(Severity::Critical, origin.clone(), text::PLAIN_ORIGIN);
        let key = "gateway.control_ui.allowed_origins";
        one.at(context.key(key)).by_hand(text::take_out(origin, key))
    }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_could_be_guessed_is_told() {
        let severity = |secret| weakness(secret).map(|(severity, _)| severity);
        assert_eq!(severity("abc"), Some(Severity::Critical));
        assert_eq!(severity("0123456789abcdef"), Some(Severity::Critical));
        assert_eq!(severity("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), Some(Severity::Warn));
        assert_eq!(severity("Jk3-91xQ_pLm7zRt"), Some(Severity::Warn));
        assert_eq!(severity("Jk3-91xQ_pLm7zRtUvW5aB8c"), None);
    }
}
