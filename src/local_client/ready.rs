//! The gateway's word on whether it takes work: `/readyz`, asked through its own socket.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use serde::Deserialize;

use super::{Client, LocalError, spoken};

/// The gateway has so long for each piece of its answer.
const WITHIN: Duration = Duration::from_secs(5);
const LONGEST: u64 = 64 * 1024;
const REQUEST: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Readiness {
    /// It takes work.
    pub ok: bool,
    /// The word for it: `ready`, `starting`, `draining`.
    pub status: String,
}

impl Client {
    /// Asks whether it takes work.
    pub fn ready(self) -> Result<Readiness, LocalError> {
        let mut stream = self.into_protocol()?;
        let broken = |error| LocalError::Broken(spoken(error));
        let mut answer = Vec::new();
        stream
            .set_read_timeout(Some(WITHIN))
            .and_then(|()| stream.set_write_timeout(Some(WITHIN)))
            .and_then(|()| stream.write_all(REQUEST))
            .and_then(|()| stream.take(LONGEST).read_to_end(&mut answer))
            .map_err(broken)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            return Err(broken(io::Error::other("it closed the connection")));
        };
        serde_json::from_slice(&answer[end + 4..])
            .map_err(|error| LocalError::Unreadable(error.to_string()))
    }
}
