//! Requests of Teams, each with a token that it has signed for this bot.

use openclaw_plugin_sdk::{
    Bytes, Inbox,
    http::{Request, Response, StatusCode},
    kit::{
        jwt::{self, Expected, Refused},
        webhook,
    },
    reqwest::Url,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{account::Teams, text};

/// What keys for Teams are endorsed for.
const ENDORSED: &str = "msteams";

/// What is limited while requests of Teams are not taken.
const REQUESTS: &str = "requests";

#[derive(Deserialize)]
struct Claims {
    /// Where the bot is to answer: it stands in the body again, which is not signed.
    serviceurl: String,
}

impl Teams {
    /// The activity in a request that Teams has made; or the status for another one.
    pub(crate) fn proven<'a>(
        &'a self,
        inbox: &'a Inbox,
        request: &Request<Bytes>,
    ) -> impl Future<Output = Result<Value, StatusCode>> + Send + use<'a> {
        let token = jwt::bearer(request).unwrap_or_default().to_owned();
        let body = request.body().clone();
        async move {
            let config = &self.api().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.config;
            let issuers = [config.issuer];
            let expected =
                Expected { issuers: &issuers, audience: &config.app_id, endorsed: Some(ENDORSED) };
            let claims = self.keys.verify::<Claims>(&token, &expected, inbox.now()).await;
            let claims = claims.map_err(|refused| {
                if matches!(refused, Refused::NoKeys(_)) {
                    self.standing.limit(REQUESTS, Some(refused.to_string()));
                }
                refused.status()
            })?;
            let activity = serde_json::from_slice::<Value>(&body);
            let activity = activity.map_err(|_| StatusCode::BAD_REQUEST)?;
            let named = activity["serviceUrl"].as_str().unwrap_or_default();
            if !is_same(&claims.serviceurl, named) {
                return Err(StatusCode::UNAUTHORIZED);
            }
            if config.services.trusted(named).is_none() {
                self.standing.limit(REQUESTS, Some(text::OTHER_SERVICE.to_owned()));
                return Err(StatusCode::FORBIDDEN);
            }
            self.standing.limit(REQUESTS, None);
            self.standing.heard();
            Ok(activity)
        }
    }
}

/// True for two spellings of one address.
fn is_same(one: &str, other: &str) -> bool {
    let spelled = |text: &str| {
        let url = Url::parse(text).ok()?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    };
    spelled(one).is_some() && spelled(one) == spelled(other)
}

/// How a request is answered: one that waits for what to show to who pressed, with that. No other call of Teams that
/// wants an answer is answered as if it were done.
pub(crate) fn answer(activity: &Value, is_taken: bool) -> Response<Bytes> {
    match activity["type"] == "invoke" {
        true if is_taken => webhook::json(&json!({
            "statusCode": 200, "type": "application/vnd.microsoft.activity.message",
            "value": text::TAKEN,
        })),
        true => webhook::bare(StatusCode::NOT_IMPLEMENTED),
        false => webhook::bare(StatusCode::OK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_091_an_address_is_the_same_without_its_last_slash_and_in_no_other_way() {
        let token = "https://smba.trafficmanager.net/emea/";
        for body in
            ["https://smba.trafficmanager.net/emea", "https://SMBA.trafficmanager.net/emea/"]
        {
            assert!(is_same(token, body), "{body}");
        }
        for body in [
            "",
            "smba.trafficmanager.net/emea/",
            "https://smba.trafficmanager.net/EMEA/",
            "https://smba.trafficmanager.net/",
            "http://smba.trafficmanager.net/emea/",
            "https://smba.trafficmanager.net.evil.example/emea/",
        ] {
            assert!(!is_same(token, body), "{body}");
        }
        assert!(!is_same("", ""));
    }
}
