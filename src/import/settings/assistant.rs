//! The model that answers.

use serde_json::Value;

use super::job::{Job, child, path};
use super::rows::{How, Layer, row};
use crate::text::settings as text;

/// Where services of a known name answer, and the name of their key in the environment.
const KNOWN: &[(&str, &str, Option<&str>)] = &[
    ("lmstudio", "http://127.0.0.1:1234/v1", None),
    ("ollama", "http://127.0.0.1:11434/v1", None),
    ("openai", "https://api.openai.com/v1", Some("OPENAI_API_KEY")),
    ("openrouter", "https://openrouter.ai/api/v1", Some("OPENROUTER_API_KEY")),
    ("vllm", "http://127.0.0.1:8000/v1", None),
];

/// Takes the model over where its service speaks what the assistant speaks.
pub(super) fn read(job: &mut Job<'_>) {
    let model = path(&["agents", "defaults", "model"]);
    let primary = child(&model, "primary");
    let (theirs, named) = match job.get(&model) {
        Some(Value::String(named)) => (model, named),
        Some(Value::Object(_)) => match job.get(&primary) {
            Some(Value::String(named)) => (primary, named),
            _ => return,
        },
        _ => return,
    };
    let Some((provider, name)) = named.split_once('/') else {
        return job.warn(&theirs, text::NO_PROVIDER);
    };
    let place = path(&["models", "providers", provider]);
    let configured = job.get(&place);
    let known = KNOWN.iter().find(|(id, _, _)| *id == provider);
    let api = configured.and_then(|it| it.get("api")).and_then(Value::as_str);
    let base = configured.and_then(|it| it.get("baseUrl")).and_then(Value::as_str);
    let base = base.or(known.map(|(_, base, _)| *base));
    let speaks = matches!(api, None | Some("openai-completions" | "openai"));
    let Some(base) = base.filter(|_| speaks) else {
        return job.warn(&theirs, text::no_assistant(provider));
    };
    if !is_safe(base) {
        return job.warn(&child(&place, "baseUrl"), text::PLAIN_HTTP);
    }
    let ours = path(&["assistant", "openai"]);
    job.put(&path(&["assistant", "responder"]), "openai");
    let base = job.text(base, "base_url");
    job.put(&child(&ours, "base_url"), base);
    let name = job.text(name, "model");
    job.put(&child(&ours, "model"), name);
    job.took(&theirs, "assistant.openai.model");
    match (configured, known.and_then(|(_, _, key)| *key)) {
        (Some(value), _) => provider_keys(job, value, &place, &ours),
        (None, Some(key)) => {
            job.needs(key, "api_key");
            job.put(&child(&ours, "api_key"), format!("${{{key}}}"));
        }
        (None, None) => {}
    }
}

fn provider_keys(job: &mut Job<'_>, value: &Value, place: &[String], ours: &[String]) {
    if value.get("baseUrl").is_some() {
        job.took(&child(place, "baseUrl"), "assistant.openai.base_url");
    }
    let api = child(place, "api");
    match value.get("api") {
        Some(_) => job.took(&api, "assistant.responder = \"openai\""),
        None => job.warn(&api, text::NO_API),
    }
    let layers = [Layer { value, path: place.to_vec() }];
    for one in
        [("apiKey", How::Secret("api_key")), ("timeoutSeconds", How::Number("timeout_seconds"))]
    {
        row(job, &layers, ours, one);
    }
    for key in ["headers", "authHeader", "request"] {
        if value.get(key).is_some() {
            job.warn(&child(place, key), text::NO_HEADERS);
        }
    }
}

/// A service that gets no questions over a network in plain text.
fn is_safe(base: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_local = |head: &&str| {
        base.strip_prefix(*head).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    };
    base.starts_with("https://") || local.iter().any(is_local)
}
