//! Request and response: one JSON object each. On the socket of the command line, one a line.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(rename = "type")]
    kind: Req,
    /// Chosen by the caller; comes back with the answer. Never blank.
    pub id: String,
    /// What is asked for, such as `health`.
    pub method: String,
    /// What it is asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// Newer clients send it; nothing here goes by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// Newer clients send it; nothing here goes by it.
    #[serde(default, rename = "expectedProfileId", skip_serializing_if = "Option::is_none")]
    expected_profile: Option<String>,
}

/// The answer to one request: a payload, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    #[serde(rename = "type")]
    kind: Res,
    /// The request's.
    pub id: String,
    /// True where it was done.
    pub ok: bool,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Why nothing came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Refused>,
}

/// An error as the protocol spells it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refused {
    /// One of the few words that programs go by, such as [`INVALID_REQUEST`].
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// More for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// True where the same request may succeed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The request makes no sense, and will not the next time.
pub const INVALID_REQUEST: &str = "INVALID_REQUEST";

/// It cannot be done now.
pub const UNAVAILABLE: &str = "UNAVAILABLE";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Req {
    Req,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Res {
    Res,
}

impl Request {
    /// A request.
    pub fn new(id: impl Into<String>, method: impl Into<String>, params: Option<Value>) -> Self {
        Self {
            kind: Req::Req,
            id: id.into(),
            method: method.into(),
            params,
            traceparent: None,
            expected_profile: None,
        }
    }

    /// Reads a request; an error is the response to send instead, under the frame's own id if it has one.
    pub fn parse(text: &str) -> Result<Self, Box<Response>> {
        match serde_json::from_str::<Self>(text) {
            Ok(request) if !request.id.is_empty() && !request.method.is_empty() => Ok(request),
            Ok(_) | Err(_) => Self::parse_loosely(text),
        }
    }

    /// The same by way of any JSON, which tells the id of what is no request.
    fn parse_loosely(text: &str) -> Result<Self, Box<Response>> {
        let refuse = |id: &str, why: &str| {
            let why = format!("invalid request frame: {why}");
            Err(Box::new(Response::refused(id, Refused::new(INVALID_REQUEST, why))))
        };
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            return refuse("invalid", "not JSON");
        };
        let id = frame.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.unwrap_or("invalid").to_owned();
        match serde_json::from_value::<Self>(frame) {
            Ok(request) if request.id.is_empty() => refuse(&id, "`id` is empty"),
            Ok(request) if request.method.is_empty() => refuse(&id, "`method` is empty"),
            Ok(request) => Ok(request),
            Err(error) => refuse(&id, &error.to_string()),
        }
    }
}

impl Response {
    /// It was done.
    pub fn done(id: impl Into<String>, payload: Value) -> Self {
        Self { kind: Res::Res, id: id.into(), ok: true, payload: Some(payload), error: None }
    }

    /// It was not.
    pub fn refused(id: impl Into<String>, error: Refused) -> Self {
        Self { kind: Res::Res, id: id.into(), ok: false, payload: None, error: Some(error) }
    }

    /// There is no method of this name.
    pub fn unknown_method(request: &Request) -> Self {
        let message = format!("unknown method: {}", request.method);
        Self::refused(&request.id, Refused::new(INVALID_REQUEST, message))
    }

    /// The method cannot work with these parameters.
    pub fn invalid_params(request: &Request, why: impl std::fmt::Display) -> Self {
        let message = format!("invalid {} params: {why}", request.method);
        Self::refused(&request.id, Refused::new(INVALID_REQUEST, message))
    }
}

impl Refused {
    /// A code and a sentence, and nothing else.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn encoded(frame: &impl Serialize) -> String {
        serde_json::to_string(frame).unwrap()
    }

    #[test]
    fn frames_are_spelt_as_the_protocol_spells_them() {
        let mut why = Refused::new(UNAVAILABLE, "not now");
        (why.retryable, why.retry_after_ms) = (Some(true), Some(5));
        expect![[r#"{"type":"req","id":"1","method":"health"}"#]]
            .assert_eq(&encoded(&Request::new("1", "health", None)));
        expect![[r#"{"type":"res","id":"1","ok":true,"payload":{"ok":true}}"#]]
            .assert_eq(&encoded(&Response::done("1", json!({ "ok": true }))));
        expect![[r#"{"type":"res","id":"1","ok":false,"error":{"code":"UNAVAILABLE","message":"not now","retryable":true,"retryAfterMs":5}}"#]]
            .assert_eq(&encoded(&Response::refused("1", why)));
    }

    #[test]
    fn frames_survive_a_round_trip() {
        let request = Request::new("a", "pairing.notify", Some(json!({ "channel": "telegram" })));
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(Request::parse(&text).unwrap(), request);
        let response = Response::unknown_method(&request);
        let text = serde_json::to_string(&response).unwrap();
        assert_eq!(serde_json::from_str::<Response>(&text).unwrap(), response);
    }

    #[test]
    fn what_newer_clients_send_beside_a_request_is_passed_over() {
        let text = r#"{"type":"req","id":"1","method":"health","traceparent":"00-a","expectedProfileId":"p"}"#;
        assert_eq!(Request::parse(text).unwrap().method, "health");
    }

    #[test]
    fn what_is_no_request_gets_an_answer_under_its_own_id() {
        let table = [
            ("", "invalid", "not JSON"),
            ("{}", "invalid", "missing field `type`"),
            (r#"{"type":"req","id":"","method":"health"}"#, "invalid", "`id` is empty"),
            (r#"{"type":"req","id":"7","method":""}"#, "7", "`method` is empty"),
            (r#"{"type":"req","id":"7"}"#, "7", "missing field `method`"),
            (r#"{"type":"res","id":"7","method":"health"}"#, "7", "unknown variant `res`"),
            (r#"{"type":"req","id":"7","method":"health","x":1}"#, "7", "unknown field `x`"),
            (r#"{"type":"req","id":7,"method":"health"}"#, "invalid", "invalid type: integer"),
        ];
        for (text, id, why) in table {
            let response = Request::parse(text).unwrap_err();
            let error = response.error.unwrap();
            assert_eq!(
                (response.id.as_str(), error.code.as_str()),
                (id, INVALID_REQUEST),
                "{text}"
            );
            let start = format!("invalid request frame: {why}");
            assert!(error.message.starts_with(&start), "{text}: {}", error.message);
        }
    }
}
