//! Calls of the Chat API. Answers are read for only what is needed of them, so that a field that Google adds breaks
//! nothing.

use openclaw_plugin_sdk::{
    ChannelError,
    kit::api::{self, Answer, Failure},
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

/// What the failure of a call means, and the status of a refusal.
pub(crate) struct Failed {
    pub(crate) error: ChannelError,
    pub(crate) status: Option<u16>,
}

impl From<Failed> for ChannelError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl From<ChannelError> for Failed {
    fn from(error: ChannelError) -> Self {
        Self { error, status: None }
    }
}

impl Api {
    pub(crate) fn new(root: Url, source: Source) -> Result<Self, String> {
        let client = api::client(&root, api::LIMIT)?;
        Ok(Self { tokens: Tokens::new(source, &root, client.clone()), client, root })
    }

    /// Makes a call. A token can end before its time: another one is asked for, once.
    pub(crate) async fn call(&self, call: &Call<'_>, about: About) -> Result<Answer, Failed> {
        let status = |why: &Failure| why.refusal().map(|refusal| refusal.status.as_u16());
        let mut called = self.ask(call).await?;
        if called.as_ref().is_err_and(|why| status(why) == Some(401)) {
            called = self.ask(call).await?;
        }
        called.map_err(|why| {
            let status = status(&why);
            Failed { error: failure::meaning(why, about, self.tokens.key()), status }
        })
    }

    async fn ask(
        &self,
        Call(method, name, query, body): &Call<'_>,
    ) -> Result<Result<Answer, Failure>, ChannelError> {
        let token = self.tokens.token().await?;
        let mut url = self.root.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(name.split('/'));
        }
        let mut request = self.client.request(method.clone(), url).query(query);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = api::ask(request.bearer_auth(token.expose())).await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 401) {
            self.tokens.forget(&token).await;
        }
        Ok(answer.and_then(failure::answered))
    }
}
