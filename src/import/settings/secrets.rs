//! A secret that is a reference: to the environment, a file, a program or a store.

use serde_json::Value;

use super::{
    job::{Job, at, below, path},
    rows,
};
use crate::text::settings as text;

/// The keys of ours that a file can stand for.
const FILES: &[(&str, &str)] =
    &[("bot_token", "token_file"), ("service_account", "service_account_file")];

/// Takes a reference over where that needs no look at the secret itself.
pub(super) fn reference(
    job: &mut Job<'_>,
    (value, theirs): (&Value, &[String]),
    ours: &[String],
    key: &str,
) {
    let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    match word("source") {
        "env" if is_name(word("id")) => {
            let name = word("id").to_owned();
            job.needs(&name, &rows::full(ours, key));
            job.put(&below(ours, key), format!("${{{name}}}"));
            job.took(theirs, text::path(&below(ours, key)));
        }
        "file" => file(job, word("provider"), theirs, (ours, key)),
        "exec" => job.warn(theirs, text::SECRET_EXEC),
        "store" => job.warn(theirs, text::SECRET_STORE),
        // The key of a service account is an object itself.
        "" if key == "service_account" => {
            let written = job.text(&value.to_string(), &rows::full(ours, key));
            job.put(&below(ours, key), written);
            job.took(theirs, text::path(&below(ours, key)));
        }
        _ => job.warn(theirs, text::SECRET_UNKNOWN),
    }
}

fn file(job: &mut Job<'_>, provider: &str, theirs: &[String], (ours, key): (&[String], &str)) {
    let provider = at(job.root, &path(&["secrets", "providers", provider]));
    let word = |key: &str| provider?.get(key)?.as_str();
    let has_file =
        FILES.iter().find(|(of, _)| *of == key && ours.first().is_some_and(|it| it == "channels"));
    match (word("mode"), word("path"), has_file) {
        (Some("singleValue"), Some(file), Some((_, file_key))) => {
            let file = rows::home(job, file);
            let file = job.text(&file, file_key);
            job.put(&below(ours, file_key), file);
            job.took(theirs, text::path(&below(ours, file_key)));
        }
        _ => job.warn(theirs, text::SECRET_FILE),
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.len() <= 128
        && text.chars().all(fits)
}
