//! A file from a platform: of bounded length, from where it was asked for and nowhere else. No error holds its address.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode, Url};

use super::api::{self, Failure};
use crate::{
    Bytes, FetchError, Secret,
    http_client::{self, Unread},
};

const FOREIGN: &str = "its address is not the platform's own";

/// A file takes at most so long.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Fetches a file from an address that the platform named: encrypted and at one of its hosts for files, or where its API
/// is configured to be. The token, if one is given, goes nowhere else.
pub async fn named(
    address: &str,
    (root, hosts): (&Url, &[&str]),
    token: Option<&Secret>,
    limit: usize,
) -> Result<Bytes, FetchError> {
    let url = hosts.iter().find_map(|host| http_client::trusted(address, host, root));
    let url = url.ok_or_else(|| FetchError::Unavailable(FOREIGN.to_owned()))?;
    let client = client(root).map_err(FetchError::Unavailable)?;
    let request = client.get(url);
    let request = match token {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    };
    read(request, limit).await
}

/// Follows no redirect, and asks nothing of private networks but of this machine where the API is here.
fn client(root: &Url) -> Result<Client, String> {
    if http_client::is_local(root) {
        http_client::local_client(LIMIT)
    } else {
        http_client::public_client(LIMIT)
    }
}

/// Reads the file that answers a request, if it has at most so many bytes.
pub async fn read(request: RequestBuilder, limit: usize) -> Result<Bytes, FetchError> {
    let response = api::send(request).await.map_err(lost)?;
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status, format!("answered {status}")));
    }
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(FetchError::TooLarge);
    }
    match http_client::body_within(response, limit).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(Unread::Endless) => Err(FetchError::TooLarge),
        Err(broken @ Unread::Broken(_)) => Err(FetchError::Lost(broken.to_string())),
    }
}

/// A call before it that failed.
pub fn lost(failure: Failure) -> FetchError {
    match failure {
        Failure::Lost(why) | Failure::Unsure(why) => FetchError::Lost(why),
        Failure::SlowDown(_) => FetchError::Lost("the platform asks to wait".to_owned()),
        Failure::Refused(refusal) => {
            refused(refusal.status, format!("refused: {}", crate::neutral(&refusal.words, 200)))
        }
    }
}

fn refused(status: StatusCode, why: String) -> FetchError {
    let passes = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if passes { FetchError::Lost(why) } else { FetchError::Unavailable(why) }
}
