//! Calls of the server. Its password stands in the address of each, so no address is ever printed, and what the server
//! says is searched for secrets before it is passed on.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Secret,
    http_client::{self, Unread},
    kit::api,
    reqwest::{Client, Method, Url, header::HeaderMap},
};
use serde_json::Value;

use crate::{
    config::{self, Config},
    failure::{Failure, Refusal, answered},
};

/// Messages on the Mac takes its time.
pub(crate) const SEND_LIMIT: Duration = Duration::from_secs(90);

/// One server.
pub(crate) struct Api {
    client: Client,
    root: Url,
    password: Secret,
    /// What no text of the server's may show, in every way that it can be written.
    hidden: Vec<Secret>,
}

impl Api {
    pub(crate) fn new(config: &Config, webhook_secret: Secret) -> Result<Self, String> {
        let root = config.server.clone();
        let client = if config::is_exposed(&root) {
            http_client::private_client(api::LIMIT)?
        } else {
            api::client(&root, api::LIMIT)?
        };
        let password = config.password.clone();
        let (mut in_pairs, mut plain) = (root.clone(), root.clone());
        in_pairs.query_pairs_mut().append_pair("", password.expose());
        plain.set_query(Some(password.expose()));
        let query =
            |url: &Url| Secret::new(url.query().unwrap_or_default().trim_start_matches('='));
        let (in_pairs, plain) = (query(&in_pairs), query(&plain));
        let hidden = vec![password.clone(), in_pairs, plain, webhook_secret];
        Ok(Self { client, root, password, hidden })
    }

    /// Asks the server what the account needs.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<(HeaderMap, Value), Failure> {
        self.call(method, path, body, api::LIMIT).await
    }

    /// Asks the server, within this time. A body that is `Null` is none.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
        limit: Duration,
    ) -> Result<(HeaderMap, Value), Failure> {
        let mut url = self.root.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url.query_pairs_mut().append_pair("password", self.password.expose());
        let mut request = self.client.request(method, url).timeout(limit);
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            let why = http_client::describe(&error);
            if error.is_connect() { Failure::Lost(why) } else { Failure::Unsure(why) }
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http_client::body(response).await.map_err(|unread| match unread {
            Unread::Endless => Failure::Long,
            Unread::Broken(_) => Failure::Unsure(unread.to_string()),
        })?;
        let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match answered(status, &headers, &body) {
            Ok(()) => Ok((headers, body["data"].take())),
            Err(Failure::Refused(refusal)) => {
                let words = self.without_secrets(refusal.words);
                Err(Failure::Refused(Refusal { words, ..refusal }))
            }
            Err(other) => Err(other),
        }
    }

    fn without_secrets(&self, mut words: String) -> String {
        for hidden in &self.hidden {
            words = words.replace(hidden.expose(), "…");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::testing::settings;

    use super::*;

    #[test]
    fn case_107_what_the_server_says_holds_no_secret_however_it_is_written() {
        let table = "server_url = 'http://127.0.0.1:1'\npassword = 'my pass/wörd'\n\
                     callback_url = 'http://127.0.0.1:2/bluebubbles-webhook'";
        let config = Config::read(&settings(table)).unwrap();
        let api = Api::new(&config, Secret::new("webhook-secret")).unwrap();
        for said in [
            "no: my pass/wörd",
            "GET /api/v1/ping?password=my+pass%2Fw%C3%B6rd is wrong",
            "GET /api/v1/ping?password=my%20pass/w%C3%B6rd is wrong",
            "https://gateway.example/x?secret=webhook-secret is taken",
        ] {
            let said = api.without_secrets(said.to_owned());
            for part in ["my", "rd is", "C3", "webhook-secret"] {
                assert!(!said.contains(part), "{said}");
            }
            assert!(said.contains('…'), "{said}");
        }
    }
}
