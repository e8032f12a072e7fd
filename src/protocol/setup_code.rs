//! A setup code as phones read it: base64url over one JSON object. What it is worth is `rules::device::setup_code`'s.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A URL beside the first is tried when that one does not answer; phones read so many.
pub const MOST_URLS: usize = 8;

/// The object. It has no `Debug`: it holds the pairing token.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_debug_implementations, reason = "a code never prints itself")]
pub struct SetupPayload {
    /// Where the gateway is.
    pub url: String,
    /// Where it is too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The pairing token, as phones since March 2026 read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_token: Option<String>,
    /// The same token, as the phones before them read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When the code is over, if nobody has used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// SHA-256 of the certificate, where it is the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_fingerprint: Option<String>,
    /// `limited`, `full` or `node`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
}

impl SetupPayload {
    /// One token under both of its names.
    pub fn new(url: &str, token: &str, expires_at_ms: u64, access: &str) -> Self {
        Self {
            url: url.to_owned(),
            urls: Vec::new(),
            bootstrap_token: Some(token.to_owned()),
            token: Some(token.to_owned()),
            expires_at_ms: Some(expires_at_ms),
            tls_fingerprint: None,
            access: Some(access.to_owned()),
        }
    }

    /// The code, for a message of its own or a QR.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        serde_json::to_vec(self).map(|json| URL_SAFE_NO_PAD.encode(json))
    }

    /// The object itself, as a join URL gives it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a code as people paste it: blanks around and within it, padded or not, in either alphabet, with
    /// `oc-pair://` before it. `None` where there is no URL in it.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let plain = plain.strip_prefix("oc-pair://").unwrap_or(&plain).trim_end_matches('=');
        let plain = plain.replace('+', "-").replace('/', "_");
        let json = URL_SAFE_NO_PAD.decode(plain).ok()?;
        let payload: Self = serde_json::from_slice(&json).ok()?;
        (!payload.url.is_empty() && payload.urls.len() <= MOST_URLS).then_some(payload)
    }

    /// The token, under whichever name.
    pub fn pairing_token(&self) -> Option<&str> {
        self.bootstrap_token.as_deref().or(self.token.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(payload: &SetupPayload) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(payload.encode().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn case_048_a_code_carries_one_pairing_token_and_where_to_show_it() {
        let mut payload = SetupPayload::new("wss://gw.example.com", "tok", 7, "limited");
        assert_eq!(
            json(&payload),
            r#"{"url":"wss://gw.example.com","bootstrapToken":"tok","token":"tok","expiresAtMs":7,"access":"limited"}"#
        );
        payload.urls = vec!["ws://192.168.1.10:18789".to_owned()];
        payload.tls_fingerprint = Some("ab".to_owned());
        assert_eq!(
            json(&payload),
            r#"{"url":"wss://gw.example.com","urls":["ws://192.168.1.10:18789"],"bootstrapToken":"tok","token":"tok","expiresAtMs":7,"tlsFingerprint":"ab","access":"limited"}"#
        );
    }

    #[test]
    fn the_codes_of_the_field_are_read() {
        let table = [
            (
                "eyJ1cmwiOiJ3c3M6Ly9ndy5leGFtcGxlLmNvbSIsImJvb3RzdHJhcFRva2VuIjoidG9rX2FiYyJ9",
                "wss://gw.example.com",
                "tok_abc",
            ),
            (
                " oc-pair://eyJ1cmwiOiJ3czovLzE5Mi4xNjguMS4xMDoxODc4OSIsInRva2VuIjoic2VjcmV0LXRva2VuIn0=\n",
                "ws://192.168.1.10:18789",
                "secret-token",
            ),
        ];
        for (code, url, token) in table {
            let payload = SetupPayload::parse(code).unwrap();
            assert_eq!((payload.url.as_str(), payload.pairing_token()), (url, Some(token)));
        }
    }

    #[test]
    fn what_is_no_code_is_not_read() {
        let encoded = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let many = format!(r#"{{"url":"ws://a","urls":[{}"u"]}}"#, "\"u\",".repeat(MOST_URLS));
        let table = [
            String::new(),
            "hello".to_owned(),
            encoded("{}"),
            encoded("[]"),
            encoded(r#"{"url":""}"#),
            encoded(r#"{"url":7}"#),
            encoded(&many),
        ];
        for text in table {
            assert!(SetupPayload::parse(&text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_code_survives_being_pasted(url in "[a-z]{2,3}://[ -~]{1,40}", token: String, at: u64) {
            let payload = SetupPayload::new(&url, &token, at, "full");
            let code = payload.encode().unwrap();
            let pasted = format!(" {}\n{} ", &code[..9], &code[9..]);
            prop_assert!(SetupPayload::parse(&pasted).is_some_and(|read| read == payload));
        }

        #[test]
        fn no_text_breaks_the_reader(text: String) {
            SetupPayload::parse(&text);
        }
    }
}
