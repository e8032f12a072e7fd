//! A request's body, whole: bounded in length and in time.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// The longest body that a page or a webhook sends.
const LIMIT: usize = 1 << 20;

/// Reads the body; the status to refuse the request with otherwise.
pub(super) async fn read(incoming: Incoming, patience: Duration) -> Result<Bytes, StatusCode> {
    let whole = Limited::new(incoming, LIMIT).collect();
    match tokio::time::timeout(patience, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
