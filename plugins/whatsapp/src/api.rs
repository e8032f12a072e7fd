//! Calls of the Cloud API for one number. Answers are read for only what is needed of them.

use openclaw_plugin_sdk::{
    File, http_client,
    kit::{api, fetch},
    reqwest::{
        self, Client, RequestBuilder, Url,
        header::HeaderMap,
        multipart::{Form, Part},
    },
};
use serde_json::Value;

use crate::{
    config::Config,
    failure::{Failure, Refusal},
};

/// The Cloud API, as one number.
pub(crate) struct Api {
    client: Client,
    config: Config,
}

/// An answer of success.
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
}

impl Api {
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        Ok(Self { client: api::client(&config.root, api::LIMIT)?, config })
    }

    /// What Meta knows of the number: that token and id are right.
    pub(crate) async fn probe(&self) -> Result<Answer, Failure> {
        let fields = [("fields", "display_phone_number,verified_name")];
        self.ask(self.client.get(self.url(None)).query(&fields)).await
    }

    /// Sends, or says that something was read.
    pub(crate) async fn post(&self, body: &Value) -> Result<Value, Failure> {
        let request = self.client.post(self.url(Some("messages"))).json(body);
        Ok(self.ask(request).await?.body)
    }

    /// The id by which Meta knows a file from now on. One that is sent twice is shown once, for messages name it.
    pub(crate) async fn upload(&self, file: &File) -> Result<String, Failure> {
        let bytes = file.bytes.clone();
        let part = Part::stream_with_length(bytes.clone(), bytes.len() as u64);
        let kind = file.kind.media_type();
        let part = part.file_name(file.name.clone()).mime_str(kind);
        let part = part.map_err(|_| Failure::Lost("the file has no kind".to_owned()))?;
        let form = Form::new().text("messaging_product", "whatsapp").text("type", kind);
        let request = self.client.post(self.url(Some("media"))).timeout(fetch::LIMIT);
        let answer = self.ask(request.multipart(form.part("file", part))).await;
        let body = answer.map_err(|failure| match failure {
            Failure::Unsure(why) => Failure::Lost(why),
            other => other,
        })?;
        let id = body.body["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| Failure::Lost("answered something unreadable".to_owned()))
    }

    fn url(&self, part: Option<&str>) -> Url {
        let mut url = self.config.root.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(&self.config.number_id).extend(part);
        }
        url
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let request = request.bearer_auth(self.config.access_token.expose());
        let response = request.send().await.map_err(|error| lost(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match http_client::body(response).await {
            Ok(body) => serde_json::from_slice::<Value>(&body).unwrap_or_default(),
            Err(unread) if status.is_success() => return Err(Failure::Unsure(unread.to_string())),
            Err(_) => Value::Null,
        };
        if status.is_success() && body["error"].is_null() {
            return Ok(Answer { body, headers });
        }
        let wait = api::retry_after(&headers);
        Err(Failure::Refused(Refusal::read(&body["error"], Some(status), wait)))
    }
}

/// What could not connect was not done; what broke off later may have been.
fn lost(error: &reqwest::Error) -> Failure {
    let why = http_client::describe(error);
    if error.is_connect() { Failure::Lost(why) } else { Failure::Unsure(why) }
}
