//! What a join URL answers: a setup code for a node, once.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use parking_lot::Mutex;

use super::{JSON, answer as answer_with};
use crate::{
    connections::peer::PeerInfo,
    rules::device::attempts::{Attempts, Kind},
    setup_codes::joins::Joins,
    world,
};

/// Answers under a name. One that came over an open line was read by others, and is spent.
pub(crate) fn answer(
    (joins, attempts): (&Joins, &Mutex<Attempts>),
    name: &str,
    method: &Method,
    facts: &PeerInfo,
) -> Response<Bytes> {
    let (kinds, now) = ([Kind::JoinUrl], world::now());
    let begun = attempts.lock().begin(&kinds, facts.client.address, now);
    if let Err(wait) = begun {
        let body = Bytes::from_static(br#"{"error":"rate_limited"}"#);
        let mut limited = answer_with(StatusCode::TOO_MANY_REQUESTS, JSON, body);
        let seconds = HeaderValue::from(wait.div_ceil(1000));
        limited.headers_mut().insert(header::RETRY_AFTER, seconds);
        return unkept(limited);
    }
    let reads = *method == Method::GET;
    let found = if reads { joins.take(name, Instant::now()) } else { None };
    // TLS here or at a proxy that the configuration names, or a program of this user on this machine.
    let is_private = facts.client.tls || facts.client.local;
    let Some(body) = found.filter(|_| is_private) else {
        let body = Bytes::from_static(br#"{"error":"not_found"}"#);
        return unkept(answer_with(StatusCode::NOT_FOUND, JSON, body));
    };
    attempts.lock().succeeded(&kinds, facts.client.address);
    unkept(answer_with(StatusCode::OK, JSON, Bytes::from(body)))
}

fn unkept(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
