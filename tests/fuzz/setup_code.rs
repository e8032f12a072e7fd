//! Any text as a setup code: what is read can be shown again, and is the same.

#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use openclaw::protocol::setup_code::{MOST_URLS, SetupPayload};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
    // The same bytes below the base64, which chance seldom finds.
    check(&URL_SAFE_NO_PAD.encode(bytes));
});

fn check(text: &str) {
    let Some(payload) = SetupPayload::parse(text) else { return };
    assert!(!payload.url.is_empty() && payload.urls.len() <= MOST_URLS);
    let code = payload.encode().expect("a code that was read can be written");
    let pasted = format!(" oc-pair://{code}==\n");
    for text in [&code, &pasted] {
        assert!(SetupPayload::parse(text).is_some_and(|again| again == payload), "{code}");
    }
}
