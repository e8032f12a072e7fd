//! Which failures pass by themselves, and what a trial finds.

use axum::http::{StatusCode, header};
use serde_json::json;

use crate::{KEY, Server, answer, ask, failure, open, stream_of};

#[tokio::test]
async fn a_failure_says_whether_it_passes_by_itself() {
    let error = |code: &str| json!({ "error": { "message": KEY, "code": code } }).to_string();
    let limited = |body: String| {
        let mut limited = answer(StatusCode::TOO_MANY_REQUESTS, "application/json", body);
        limited.headers_mut().insert(header::RETRY_AFTER, 30.into());
        limited
    };
    let with = |status: u16| {
        answer(StatusCode::from_u16(status).unwrap(), "application/json", "{}".to_owned())
    };
    for (response, temporary, text) in [
        (with(400), false, "answered 400 Bad Request"),
        (with(401), false, "answered 401 Unauthorized: check `api_key`"),
        (with(404), false, "answered 404 Not Found: check `base_url` and `model`"),
        (with(308), false, "answered 308 Permanent Redirect: check `base_url`"),
        (with(413), true, "answered 413 Payload Too Large"),
        (
            limited(error("rate_limit")),
            true,
            "answered 429 Too Many Requests (rate_limit), and asks to wait 30 s",
        ),
        (
            limited(error("insufficient_quota")),
            false,
            "answered 429 Too Many Requests (insufficient_quota), and asks to wait 30 s",
        ),
        (with(500), true, "answered 500 Internal Server Error"),
        (with(503), true, "answered 503 Service Unavailable"),
    ] {
        let server = Server::start([response]).await;
        let ended = ask(&*server.open(""), "ann", "Hello?").await.1;
        assert_eq!(ended.as_ref().unwrap_err().is_temporary(), temporary, "{text}");
        assert!(failure(ended.clone()).ends_with(text), "{ended:?}, not {text}");
    }
}

#[tokio::test]
async fn a_trial_asks_as_a_message_does_and_stays_in_no_history() {
    let refused =
        answer(StatusCode::UNAUTHORIZED, "application/json", format!("{{\"x\":\"{KEY}\"}}"));
    let server = Server::start([stream_of("OK"), refused, stream_of("Hi")]).await;
    let responder = server.open("system_prompt = 'Be brief.'");
    assert_eq!(responder.probe().await.unwrap(), "the model `m-1` answers");
    let text = failure(responder.probe().await.map(drop));
    assert!(text.ends_with("answered 401 Unauthorized: check `api_key`"), "{text}");
    assert_eq!(ask(&*responder, "ann", "Hello?").await.1, Ok(()));
    let messages = server.messages();
    assert_eq!(messages[0], "user: Answer with OK.");
    assert_eq!(messages[2], "system: Be brief.; user: Hello?");
    assert_eq!(responder.asks(), format!("http://{}/v1/chat/completions", server.address));
}

#[tokio::test]
async fn plain_http_reaches_a_private_network_only_where_it_is_allowed() {
    // No question leaves this machine: what ends in `.invalid` has no address.
    let table = "base_url = 'http://ollama.invalid/v1'\nmodel = 'm'";
    assert_eq!(open(table).err().unwrap().key, "base_url");
    let responder = open(&format!("{table}\nallow_plain_http = true")).unwrap();
    let text = failure(ask(&*responder, "ann", "Hello?").await.1);
    assert!(text.ends_with("cannot connect"), "{text}");
}
