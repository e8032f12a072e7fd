//! Calls of the Chat API. Answers are read for only what is needed of them, so that a field that Google adds breaks
//! nothing.

use openclaw_plugin_sdk::{
    Secret,
    kit::api::{self, Answer, Failed, Failure},
    reqwest::{Client, Method, Url},
};
use serde_json::Value;

use crate::{
    account::{Source, Tokens},
    failure::{self, About},
};

/// The Chat API, as the service account speaks to it.
pub(crate) struct Api {
    client: Client,
    root: Url,
    pub(crate) tokens: Tokens,
}

/// What is called: a resource, and what is asked of it.
pub(crate) struct Call<'a>(
    pub(crate) Method,
    pub(crate) &'a str,
    pub(crate) &'a [(&'a str, &'a str)],
    pub(crate) Value,
);

impl Api {
    pub(crate) fn new(root: Url, source: Source) -> Result<Self, String> {
        let client = api::client(&root, api::LIMIT)?;
        Ok(Self { tokens: Tokens::new(source, &root, client.clone()), client, root })
    }

    /// Makes a call. A token can end before its time: another one is asked for, once.
    pub(crate) async fn call(&self, call: &Call<'_>, about: About) -> Result<Answer, Failed> {
        let call = |token: Secret| async move {
            let asked = self.ask(call, &token).await;
            asked.map_err(|why| why.failed(|why| failure::meaning(why, about, self.tokens.key())))
        };
        self.tokens.call(call).await
    }

    async fn ask(
        &self,
        Call(method, name, query, body): &Call<'_>,
        token: &Secret,
    ) -> Result<Answer, Failure> {
        let mut url = self.root.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(name.split('/'));
        }
        let mut request = self.client.request(method.clone(), url).query(query);
        if !body.is_null() {
            request = request.json(body);
        }
        failure::answered(api::ask(request.bearer_auth(token.expose())).await?)
    }
}
