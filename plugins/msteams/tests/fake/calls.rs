//! How activities reach the bot: as requests with a token, one after the other. Teams does not repeat them.

use openclaw_plugin_sdk::{
    Bytes, Client, ClientAddress, Exchange, Link,
    http::{Method, Request, Response},
    reqwest,
    testing::{Shared, issuer::Issuer},
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{APP, FakeTeams, State};

/// The way to the bot.
#[derive(Clone)]
pub(crate) enum Route {
    /// The suite stands in the gateway's place.
    Exchanges(mpsc::Sender<Exchange>),
    /// A gateway answers at this address.
    Http(String),
}

impl FakeTeams {
    /// Makes one call with this token: how it was answered.
    pub(crate) async fn call(&self, token: &str, body: String) -> u16 {
        let route = self.with(|state| state.route.clone()).expect("a bot");
        asked(&route, token, body).await.expect("an answer").0
    }

    /// Finds the gateway at this port, and the bot at its usual path with this behind it.
    pub(crate) fn calls(&self, port: u16, suffix: &str) {
        let address = format!("http://127.0.0.1:{port}/api/messages{suffix}");
        self.with(|state| state.route = Some(Route::Http(address)));
    }
}

/// Header and claims of a good token for answers to this service.
pub(crate) fn parts(service: &Value) -> Value {
    let now = openclaw_plugin_sdk::now().0 / 1000;
    json!({
        "header": { "alg": "RS256", "typ": "JWT", "kid": "k1", "x5t": "k1" },
        "claims": {
            "iss": "https://api.botframework.com", "aud": APP, "serviceurl": service,
            "nbf": now - 300, "exp": now + 3300,
        },
    })
}

/// Such a token, with other parts.
pub(crate) fn token(service: &Value, more: Option<super::Token>) -> String {
    let mut parts = parts(service);
    if let Some(more) = more {
        more(&mut parts);
    }
    Issuer::default().sign(&parts["header"], &parts["claims"])
}

/// A good token for answers to this service.
pub(crate) fn signed(service: &str) -> String {
    token(&service.into(), None)
}

pub(crate) async fn deliver(
    shared: Shared<State>,
    mut queue: mpsc::UnboundedReceiver<(String, Value)>,
) {
    while let Some((id, activity)) = queue.recv().await {
        let (route, more) = shared.change(|state| (state.route.clone(), state.token));
        let token = token(&activity["serviceUrl"], more);
        let Some(route) = route else { continue };
        let answered = asked(&route, &token, activity.to_string()).await;
        shared.change(|state| state.answers.insert(id, answered.unwrap_or_default()));
    }
}

/// Makes a call on this way: the status of its answer, and the body.
pub(crate) async fn asked(route: &Route, token: &str, body: String) -> Option<(u16, String)> {
    match route {
        Route::Exchanges(exchanges) => {
            let (exchange, answered) = request(token, body);
            exchanges.send(exchange).await.ok()?;
            let answer: Response<Bytes> = answered.await.ok()?;
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            Some((answer.status().as_u16(), body))
        }
        Route::Http(address) => {
            let client = reqwest::Client::builder().no_proxy().build().ok()?;
            let request = client.post(address).bearer_auth(token);
            let request = request.header("content-type", "application/json").body(body);
            let answer = request.send().await.ok()?;
            Some((answer.status().as_u16(), answer.text().await.unwrap_or_default()))
        }
    }
}

fn request(token: &str, body: String) -> (Exchange, oneshot::Receiver<Response<Bytes>>) {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/messages")
        .header("content-type", "application/json; charset=utf-8")
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::from(body))
        .expect("a request");
    let (reply, answered) = oneshot::channel();
    let address = ClientAddress::of([127, 0, 0, 1].into());
    let client = Client { address, local: false, hop: Link::Private, tls: true };
    (Exchange::new(request, client, reply, None), answered)
}
