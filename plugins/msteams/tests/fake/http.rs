//! What is asked of the fake: tokens of the login, keys, and the calls of a bot.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use openclaw_plugin_sdk::testing::{
    Shared, answer, by_a_clock, half_an_answer, header, issuer::Issuer, slow_down,
};
use serde_json::{Value, json};

use super::{APP, PASSWORD, Shown, State, TENANT, activities};

/// A larger activity is not taken.
const LARGEST: usize = 100_000;

pub(crate) fn app(shared: Shared<State>, address: SocketAddr) -> Router {
    let (login, keys, begin, calls) =
        (shared.clone(), shared.clone(), shared.clone(), shared.clone());
    let (own, files, clock) = (shared.clone(), shared.clone(), shared);
    let metadata = move || async move {
        let keys = format!("http://{address}/v1/.well-known/keys");
        Json(json!({ "issuer": "https://api.botframework.com", "jwks_uri": keys }))
    };
    let call = move |method, path: String, headers: HeaderMap, body: Bytes, id: Option<String>| {
        let shared = calls.clone();
        async move { called(&shared, (method, path), (&headers, &body), id.as_deref()) }
    };
    let edit = {
        let call = call.clone();
        move |method: Method, Path((chat, id)): Path<(String, String)>, headers, body: Bytes| {
            call(method, chat, headers, body, Some(id))
        }
    };
    let app =
        Router::new()
            .route(
                "/{tenant}/oauth2/v2.0/token",
                post(move |Path(tenant): Path<String>, body: Bytes| async move {
                    token(&login, &tenant, &body)
                }),
            )
            .route("/v1/.well-known/openidconfiguration", get(metadata))
            .route("/v1/.well-known/keys", get(move || async move { published(&keys) }))
            .route(
                "/{region}/v3/conversations",
                post(move |headers: HeaderMap, body: Bytes| async move {
                    begun(&begin, &headers, &body)
                }),
            )
            .route(
                "/emea/v3/conversations/{chat}/activities",
                post(
                    move |method: Method,
                          Path(chat): Path<String>,
                          headers: HeaderMap,
                          body: Bytes| call(method, chat, headers, body, None),
                ),
            )
            .route("/emea/v3/conversations/{chat}/activities/{id}", any(edit))
            .route(
                "/files/{name}",
                get(move || async move { files.change(|state| state.fetched += 1) }),
            )
            .fallback(move |uri: Uri| async move {
                own.change(|state| {
                    state.calls.push(("?".to_owned(), uri.to_string(), Value::Null));
                });
                StatusCode::NOT_FOUND
            });
    by_a_clock(app, move || clock.lock().ahead)
}

fn token(shared: &Shared<State>, tenant: &str, body: &[u8]) -> Response {
    let mut url = openclaw_plugin_sdk::reqwest::Url::parse("http://form/").unwrap();
    url.set_query(std::str::from_utf8(body).ok());
    let field = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let refused = |status, code: &str, words: &str| {
        answer(status, json!({ "error": code, "error_description": words, "error_codes": [1] }))
    };
    shared.change(|state| {
        if let Some((status, code, words)) = state.login {
            return refused(status, code, words);
        }
        if tenant != state.tenant.unwrap_or(TENANT) {
            return refused(400, "invalid_request", "AADSTS90002: Tenant not found.");
        }
        if field("grant_type") != "client_credentials"
            || field("scope") != "https://api.botframework.com/.default"
        {
            return refused(400, "invalid_scope", "AADSTS70011: The provided value is not valid.");
        }
        if field("client_id") != APP {
            return refused(400, "unauthorized_client", "AADSTS700016: Application not found.");
        }
        if field("client_secret") != PASSWORD || state.revoked {
            return refused(
                401,
                "invalid_client",
                "AADSTS7000215: Invalid client secret provided.",
            );
        }
        state.tokens += 1;
        let token = format!("token-{}", state.tokens);
        answer(200, json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }))
    })
}

fn published(shared: &Shared<State>) -> Response {
    let issuer = Issuer::default();
    let key = |kid: &str, endorsements: &[&str]| {
        let mut key = issuer.jwk(kid);
        key["endorsements"] = json!(endorsements);
        key
    };
    shared.change(|state| {
        state.keys_asked += 1;
        let plain = issuer.jwk("plain");
        let keys = [key("k1", &["msteams", "webchat"]), key("web", &["webchat"]), plain];
        answer(state.keys.unwrap_or(200), json!({ "keys": keys }))
    })
}

fn refusal(status: u16, code: &str) -> Response {
    answer(status, json!({ "error": { "code": code, "message": "No." } }))
}

/// Refuses what has not the last token.
fn authorized(state: &mut State, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let token = format!("Bearer token-{}", state.tokens);
    if std::mem::take(&mut state.stale)
        || state.revoked
        || header(headers, "authorization") != token
    {
        return Err(Box::new(refusal(401, "")));
    }
    Ok(())
}

fn begun(shared: &Shared<State>, headers: &HeaderMap, body: &[u8]) -> Response {
    let wish: Value = serde_json::from_slice(body).unwrap_or_default();
    shared.change(|state| {
        if let Err(refused) = authorized(state, headers) {
            return *refused;
        }
        state.calls.push(("POST".to_owned(), "conversations".to_owned(), wish.clone()));
        let tenants = [&wish["tenantId"], &wish["channelData"]["tenant"]["id"]];
        if wish["isGroup"] != false
            || wish["bot"]["id"] != activities::us()
            || tenants.iter().any(|tenant| **tenant != TENANT)
        {
            return refusal(400, "BadSyntax");
        }
        let member = wish["members"][0]["id"].as_str().unwrap_or_default();
        if state.without_app.contains(member) {
            return refusal(403, "BotNotInConversationRoster");
        }
        let known = state.chats.iter().find(|(_, person)| *person == member);
        let Some(chat) = known.map(|(chat, _)| chat.clone()).or_else(|| unheard(member)) else {
            return refusal(404, "ConversationNotFound");
        };
        state.chats.insert(chat.clone(), member.to_owned());
        answer(201, json!({ "id": chat }))
    })
}

/// A person of the tenant who has not written.
fn unheard(member: &str) -> Option<String> {
    let hex = member.strip_prefix("0f1e2d3c-4b5a-4968-8776-")?.trim_end_matches('0');
    let bytes =
        (0..hex.len() / 2).filter_map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok());
    let name = String::from_utf8(bytes.collect()).ok()?;
    Some(activities::chat(&name))
}

fn called(
    shared: &Shared<State>,
    (method, chat): (Method, String),
    (headers, body): (&HeaderMap, &[u8]),
    id: Option<&str>,
) -> Response {
    if body.len() > LARGEST {
        return (StatusCode::PAYLOAD_TOO_LARGE, "<!doctype html><h1>Too large</h1>")
            .into_response();
    }
    let activity: Value = serde_json::from_slice(body).unwrap_or_default();
    shared.change(|state| {
        if let Err(refused) = authorized(state, headers) {
            return *refused;
        }
        let path = format!("{chat}/{}", id.unwrap_or_default());
        state.calls.push((method.to_string(), path, activity.clone()));
        if !state.knows(&chat) {
            return refusal(404, "ConversationNotFound");
        }
        let is_typing = activity["type"] == "typing";
        if let Some((status, code)) = state.storm.filter(|_| !is_typing) {
            return refusal(status, code);
        }
        if let Some(wait) = state.slow_down.take_if(|_| !is_typing) {
            return slow_down(wait, json!({ "error": { "code": "TooManyRequests" } }));
        }
        let at = state.messages.iter().position(|shown| Some(&*shown.id) == id);
        match (method.as_str(), id) {
            ("POST", None) if is_typing => {
                state.typed += 1;
                StatusCode::ACCEPTED.into_response()
            }
            ("POST", id) if is_whole(&activity) && activity["replyToId"].as_str() == id => {
                let (id, _) = state.number();
                state.messages.push(Shown { chat, id: id.clone(), activity });
                if std::mem::take(&mut state.half) {
                    return half_an_answer();
                }
                answer(201, json!({ "id": id }))
            }
            ("PUT", Some(id)) if is_whole(&activity) => {
                let Some(at) = at else { return refusal(404, "ActivityNotFound") };
                state.messages[at].activity = activity;
                answer(200, json!({ "id": id }))
            }
            ("DELETE", Some(_)) => {
                let Some(at) = at else { return refusal(404, "ActivityNotFound") };
                state.messages.remove(at);
                StatusCode::OK.into_response()
            }
            _ => refusal(400, "BadSyntax"),
        }
    })
}

/// A message that Teams shows: a text in HTML, or one card, which is not newer than its clients.
fn is_whole(activity: &Value) -> bool {
    let cards = activity["attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = activity["text"].as_str().unwrap_or_default();
    if activity["type"] != "message" || (text.is_empty() == cards.is_empty()) {
        return false;
    }
    let body = |card: &Value| card["content"]["body"].as_array().cloned().unwrap_or_default();
    cards.len() <= 1
        && (text.is_empty() || activity["textFormat"] == "xml")
        && cards.iter().all(|card| {
            let actions = body(card)
                .iter()
                .map(|part| part["actions"].as_array().map_or(0, Vec::len))
                .sum::<usize>();
            card["contentType"] == "application/vnd.microsoft.card.adaptive"
                && card["content"]["type"] == "AdaptiveCard"
                && card["content"]["version"] == "1.4"
                && actions <= 6
        })
}
