//! Any text as a frame: what is read survives being written, and what is not gets an answer that fits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw::protocol::{
    connect,
    frame::{Request, Response},
};

/// A close frame holds no longer reason.
const LONGEST_REASON: usize = 123;

fuzz_target!(|text: &str| {
    match Request::parse(text) {
        Ok(request) => {
            let written = serde_json::to_string(&request).expect("a request is written");
            assert!(Request::parse(&written).is_ok_and(|again| again == request), "{written}");
        }
        Err(answer) => {
            assert!(!answer.ok && answer.error.is_some());
            let written = serde_json::to_string(&answer).expect("an answer is written");
            let again: Response = serde_json::from_str(&written).expect("an answer is read");
            assert_eq!(again, *answer);
        }
    }
    if let Err(farewell) = connect::first_frame(text) {
        assert!(farewell.reason.len() <= LONGEST_REASON, "{}", farewell.reason);
    }
});
