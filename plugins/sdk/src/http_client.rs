//! One HTTP client for plugins: time limits, and errors without the URL, which may hold a token.

use std::time::Duration;

use crate::ChannelError;

/// A client with a connect limit of 5 s and this limit for a whole request.
pub fn client(limit: Duration) -> Result<reqwest::Client, String> {
    build(reqwest::Client::builder(), limit)
}

/// The same for servers on this machine: what is asked of them passes no proxy.
pub fn local_client(limit: Duration) -> Result<reqwest::Client, String> {
    build(reqwest::Client::builder().no_proxy(), limit)
}

fn build(builder: reqwest::ClientBuilder, limit: Duration) -> Result<reqwest::Client, String> {
    let builder = builder.connect_timeout(Duration::from_secs(5)).timeout(limit);
    builder.redirect(reqwest::redirect::Policy::none()).build().map_err(|error| describe(&error))
}

/// What a failed request says, without its URL.
pub fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if error.is_connect() {
        return "cannot connect".to_owned();
    }
    match error.status() {
        Some(status) => format!("answered {status}"),
        None if error.is_decode() => "answered something unreadable".to_owned(),
        None => "the connection broke".to_owned(),
    }
}

/// The channel error of a failed request.
pub fn disconnected(platform: &str, error: &reqwest::Error) -> ChannelError {
    ChannelError::Disconnected(format!("{platform}: {}", describe(error)))
}
