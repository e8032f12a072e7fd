//! A request's body, whole: bounded in length and in time, and in what a client's unfinished ones hold together.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::plain;
use crate::{connections::unfinished::Share, text::page};

/// The longest body of a webhook.
pub(super) const LIMIT: usize = openclaw_plugin_sdk::kit::webhook::LONGEST_BODY;

/// Why a body was not read to its end.
pub(super) enum Refusal {
    /// Its client has too many that are unfinished.
    Busy,
    /// It ended before its end.
    Cut,
    Long,
    Slow,
}

impl Refusal {
    pub(super) fn answer(&self) -> Response<Bytes> {
        match self {
            Self::Busy => plain(StatusCode::SERVICE_UNAVAILABLE, page::TOO_MANY_REQUESTS),
            Self::Cut => plain(StatusCode::BAD_REQUEST, page::BODY_CUT),
            Self::Long => plain(StatusCode::PAYLOAD_TOO_LARGE, page::BODY_LONG),
            Self::Slow => plain(StatusCode::REQUEST_TIMEOUT, page::BODY_SLOW),
        }
    }
}

/// Reads the body. The share counts what is there of it until it is whole.
pub(super) async fn read(
    incoming: Incoming,
    share: Share,
    patience: Duration,
    limit: usize,
) -> Result<Bytes, Refusal> {
    let whole = tokio::time::timeout(patience, collect(incoming, share, limit));
    whole.await.unwrap_or(Err(Refusal::Slow))
}

async fn collect(mut incoming: Incoming, mut share: Share, limit: usize) -> Result<Bytes, Refusal> {
    let announced = incoming.size_hint().lower();
    if announced > limit as u64 {
        // A client that still sends would not read the answer; one that sends far too much need not.
        while announced <= 2 * limit as u64 && matches!(incoming.frame().await, Some(Ok(_))) {}
        return Err(Refusal::Long);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Cut)?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(Refusal::Long);
        }
        share.holds(whole.len() + data.len()).map_err(|_| Refusal::Busy)?;
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
