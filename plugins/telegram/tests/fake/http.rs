//! The fake's HTTP: paths, JSON and multipart bodies, and the ways in which a request fails.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State as Extract,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Clock, Shared, TOKEN, methods};

/// Why a method is refused: Telegram's code, its words, its parameters.
pub(crate) struct Refusal(pub(crate) u16, pub(crate) String, pub(crate) Option<Value>);

impl Refusal {
    pub(crate) fn new(code: u16, words: &str) -> Self {
        Self(code, words.to_owned(), None)
    }
}

pub(crate) fn app(shared: Shared) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(
    Extract(shared): Extract<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let clock = shared.lock().clock;
    let mut response = answered(shared, uri, headers, body).await;
    let date = match clock {
        Clock::Right => return response,
        Clock::Behind(_) => {
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(clock.now());
            httpdate::fmt_http_date(at)
        }
        Clock::Silent => "of no use".to_owned(),
    };
    response.headers_mut().insert("date", date.parse().expect("a header"));
    response
}

async fn answered(shared: Shared, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if uri.path().starts_with("/file/") {
        shared.change(|state| state.fetched += 1);
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some((token, method)) =
        uri.path().strip_prefix("/bot").and_then(|path| path.split_once('/'))
    else {
        return refused(&Refusal::new(404, "Not Found"));
    };
    let refused_now = shared.change(|state| {
        let left = state.refusals;
        state.refusals = left.saturating_sub(1);
        left > 0
    });
    if refused_now {
        return refused(&Refusal::new(401, "Unauthorized"));
    }
    if token != TOKEN && !shared.lock().tokens.contains(token) {
        return refused(&Refusal::new(401, "Unauthorized"));
    }
    let method = method.to_ascii_lowercase();
    let parameters = parameters(&headers, &body);
    if method == "getfile" {
        shared.change(|state| state.fetched += 1);
    }
    let answer = if method == "getupdates" {
        methods::poll(&shared, &parameters).await
    } else {
        shared.change(|state| {
            state.calls.push((method.clone(), parameters.clone()));
            let of_a_message = method.contains("message") || method.contains("photo");
            if (state.cut && of_a_message) || std::mem::take(&mut state.broken) {
                Err(None)
            } else if state.revoked {
                Err(Some(Refusal::new(401, "Unauthorized")))
            } else {
                methods::call(state, &method, &parameters).map_err(Some)
            }
        })
    };
    match answer {
        Ok(result) => Json(json!({ "ok": true, "result": result })).into_response(),
        Err(Some(refusal)) => refused(&refusal),
        Err(None) => half(),
    }
}

fn refused(Refusal(code, words, parameters): &Refusal) -> Response {
    let mut body = json!({ "ok": false, "error_code": code, "description": words });
    if let Some(parameters) = parameters {
        body["parameters"] = parameters.clone();
    }
    (StatusCode::from_u16(*code).unwrap_or_default(), Json(body)).into_response()
}

/// The connection ends in the middle of an answer.
fn half() -> Response {
    let pieces = [Ok(Bytes::from_static(b"{\"ok\":tr")), Err(std::io::Error::other("broken"))];
    Body::from_stream(futures_util::stream::iter(pieces)).into_response()
}

/// As JSON, whatever way they came: a multipart field is a text, a file an array of bytes.
fn parameters(headers: &HeaderMap, body: &[u8]) -> Value {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split_once("boundary=") {
        Some((_, boundary)) => multipart(body, boundary.trim_matches('"')),
        None => serde_json::from_slice(body).unwrap_or(Value::Null),
    }
}

fn multipart(body: &[u8], boundary: &str) -> Value {
    let mut fields = json!({});
    for part in split(body, format!("--{boundary}").as_bytes()) {
        let Some((head, rest)) = once(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(head);
        let content = rest.strip_suffix(b"\r\n").unwrap_or(rest);
        let value = |name: &str| {
            Some(head.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0.to_owned())
        };
        let Some(name) = value("name") else { continue };
        fields[name] = match value("filename") {
            Some(_) => content.to_vec().into(),
            None => String::from_utf8_lossy(content).into_owned().into(),
        };
    }
    // `photo` is `attach://<name>`, and the file stands in the field of that name.
    let attached = fields["photo"]
        .as_str()
        .and_then(|photo| photo.strip_prefix("attach://"))
        .map(str::to_owned);
    if let Some(name) = attached {
        fields["photo"] = fields[name].take();
    }
    fields
}

fn once<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

fn split<'a>(mut bytes: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some((part, rest)) = once(bytes, mark) {
        parts.push(part);
        bytes = rest;
    }
    parts
}
