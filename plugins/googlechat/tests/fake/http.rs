//! The fake's HTTP: the API, where tokens are given, and where keys are.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use openclaw_plugin_sdk::{
    http_client::root,
    reqwest::Url,
    testing::{
        self, answer, header,
        issuer::{CERTIFICATE, Issuer},
    },
};
use serde_json::{Value, json};

use super::{Kind, Shared, methods, state::Failing, tokens};

#[derive(Clone)]
struct App {
    shared: Shared,
    address: SocketAddr,
    kind: Kind,
}

pub(crate) fn app(shared: Shared, address: SocketAddr, kind: Kind) -> Router {
    let clock = shared.clone();
    let app = Router::new().fallback(serve).with_state(App { shared, address, kind });
    testing::by_a_clock(app, move || clock.lock().ahead)
}

async fn serve(
    Extract(app): Extract<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = fields(uri.query().unwrap_or_default());
    match (method.as_str(), uri.path()) {
        ("POST", "/token") => app.grant(&fields(&String::from_utf8_lossy(&body))),
        ("GET", "/service_accounts/v1/jwk/chat@system.gserviceaccount.com") => app.keys("chat"),
        ("GET", "/oauth2/v3/certs") => app.keys("google"),
        // The same as certificates, as Google's own library wants them.
        ("GET", "/oauth2/v1/certs") => answer(200, json!({ "google": CERTIFICATE })),
        (method, path) => {
            if let Some(path) = path.strip_prefix("/v1/") {
                return app.api(method, path, query, header(&headers, "authorization"), &body);
            }
            app.shared.change(|state| state.fetched += 1);
            answer(404, Value::Null)
        }
    }
}

impl App {
    fn keys(&self, kid: &str) -> Response {
        let lost = self.shared.change(|state| {
            state.keys_asked += 1;
            state.no_keys
        });
        if lost {
            return answer(503, Value::Null);
        }
        answer(200, json!({ "keys": [Issuer::default().jwk(kid)] }))
    }

    fn grant(&self, form: &BTreeMap<String, String>) -> Response {
        let field = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
        let uri = format!("http://{}/token", self.address);
        let is_grant = field("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let at = openclaw_plugin_sdk::now().0 / 1000 + self.shared.lock().ahead;
        let judged = tokens::is_assertion(field("assertion"), &uri, at);
        self.shared.change(|state| {
            let refused = judged.err().or(state.revoked.then_some("Invalid JWT Signature."));
            if let Some(why) = refused.or((!is_grant).then_some("no grant")) {
                return answer(400, json!({ "error": "invalid_grant", "error_description": why }));
            }
            state.given += 1;
            let token = format!("ya29.fake-token-number-{}", state.given);
            state.token = Some(token.clone());
            answer(
                200,
                json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }),
            )
        })
    }

    fn api(
        &self,
        method: &str,
        path: &str,
        query: BTreeMap<String, String>,
        authorization: &str,
        body: &[u8],
    ) -> Response {
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        self.shared.change(|state| {
            state.calls.push((method.to_owned(), path.to_owned(), query.clone(), body.clone()));
            let token = authorization.strip_prefix("Bearer ").map(str::to_owned);
            if token.is_none() || token != state.token || state.revoked {
                return refused(
                    401,
                    "UNAUTHENTICATED",
                    "Request had invalid authentication credentials.",
                );
            }
            if let Some((status, code, words)) = state.refusal {
                return refused(status, code, words);
            }
            let sends = method != "GET";
            let failing = sends
                .then(|| state.failing.pop_front())
                .flatten()
                .or(state.storm.filter(|_| sends));
            match failing {
                Some(Failing::Status(status, code)) => return refused(status, code, code),
                Some(Failing::Slow(Some(seconds))) => {
                    return testing::slow_down(seconds, Value::Null);
                }
                Some(Failing::Slow(None)) => {
                    return refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded");
                }
                Some(Failing::Half) | None => {}
            }
            let done = methods::call(state, self.kind, method, path, &query, &body);
            match (failing, done) {
                (Some(_), _) => testing::half_an_answer(),
                (None, Ok(body)) => answer(200, body),
                (None, Err((status, words))) => refused(status, methods::word(status), words),
            }
        })
    }
}

fn refused(status: u16, code: &str, words: &str) -> Response {
    answer(status, json!({ "error": { "code": status, "message": words, "status": code } }))
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let mut url: Url = root("url", "https://form.example", "").expect("a URL");
    url.set_query(Some(text));
    url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}
