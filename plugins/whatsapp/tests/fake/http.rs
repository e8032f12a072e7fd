//! The fake's HTTP: the Graph API.

use axum::{
    Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use openclaw_plugin_sdk::testing::{self, answer, header};
use serde_json::{Value, json};

use super::{ACCESS_TOKEN, NUMBER_ID, Shared, methods, state::Failing};

pub(crate) fn app(shared: Shared) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(
    Extract(shared): Extract<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    shared.change(|state| {
        state.calls.push((method.to_string(), uri.path().to_owned(), json.clone()));
        let token = header(&headers, "authorization").strip_prefix("Bearer ");
        if token != Some(state.token.unwrap_or(ACCESS_TOKEN)) || state.revoked {
            return refused(190);
        }
        let number = format!("/v25.0/{NUMBER_ID}");
        let Some(what) = uri.path().strip_prefix(&number) else {
            state.fetched += usize::from(method == Method::GET && !uri.path().contains("/v25.0/"));
            return refused(33);
        };
        if (method.as_str(), what) == ("GET", "") {
            if let Some(code) = state.account {
                return refused(code);
            }
            let fields = uri.query() == Some("fields=display_phone_number%2Cverified_name");
            let shown = json!({
                "display_phone_number": "+1 555-078-3881", "verified_name": "Gate", "id": NUMBER_ID,
            });
            return if fields { answer(200, shown) } else { refused(100) };
        }
        let failing = state.failing.pop_front().or(state.storm);
        match failing {
            Some(Failing::Code(code)) => return refused(code),
            Some(Failing::Slow(seconds)) => return testing::slow_down(seconds, error(130_429)),
            Some(Failing::Half) | None => {}
        }
        let done = match (method.as_str(), what) {
            ("POST", "/messages") => methods::post(state, &json),
            ("POST", "/media") => methods::upload(state, &headers, &body),
            _ => Err(100),
        };
        match (failing, done) {
            (Some(_), _) => testing::half_an_answer(),
            (None, Ok(body)) => answer(200, body),
            (None, Err(code)) => refused(code),
        }
    })
}

/// Statuses vary between Meta's own pages: the code is what counts.
fn refused(code: i64) -> Response {
    let status = match code {
        190 => 401,
        1 | 2 | 131_000 | 131_016 => 500,
        _ => 400,
    };
    answer(status, error(code))
}

fn error(code: i64) -> Value {
    let message = format!("(#{code}) refused by the fake");
    let error =
        json!({ "message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1" });
    json!({ "error": error })
}
