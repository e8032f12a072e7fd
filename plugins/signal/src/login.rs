//! Links signal-cli to an account of Signal: a link to scan, and the account that it came from.

use std::path::Path;

use openclaw_plugin_sdk::{ChannelError, LinkedAccount, Linking, Secret, Settings};
use serde_json::{Value, json};

use crate::{
    config::Config,
    failure::{self, Failure},
    rpc::Rpc,
    text,
};

/// What Signal calls this device in its list.
const NAME: &str = "OpenClaw";

/// Begins. The daemon waits by itself for as long as the link is good.
pub(crate) async fn begin(settings: Settings, _folder: &Path) -> Result<Linking, ChannelError> {
    let refused = |why: String| ChannelError::Unauthorized(why);
    let config = Config::read(&settings);
    let config = config.map_err(|error| refused(format!("`{}` {}", error.key, error.problem)))?;
    let rpc = Rpc::new(config).map_err(|why| ChannelError::Disconnected(text::daemon(&why)))?;
    let started = ask(&rpc, "startLink", json!({})).await?;
    let link = started["deviceLinkUri"].as_str().unwrap_or_default().to_owned();
    if !link.starts_with("sgnl://") {
        return Err(ChannelError::Disconnected(text::daemon("startLink gave no link")));
    }
    let secret = Secret::new(&link);
    let linked = async move {
        let params = json!({ "deviceLinkUri": link, "deviceName": NAME });
        let linked = ask(&rpc, "finishLink", params).await?;
        let name = linked["number"].as_str().unwrap_or_default().to_owned();
        let lacks = (name != rpc.account).then(|| ("account", name.clone()));
        Ok(LinkedAccount { name, lacks })
    };
    Ok(Linking { link: secret, linked: Box::pin(linked) })
}

/// These calls are about no account: the daemon does not have it yet.
async fn ask(rpc: &Rpc, method: &str, params: Value) -> Result<Value, ChannelError> {
    rpc.link(method, params).await.map_err(|failure| match failure {
        Failure::Refused(refusal) if refusal.code == -32601 => {
            ChannelError::Unauthorized(text::SINGLE.to_owned())
        }
        Failure::Refused(mut refusal) => {
            // It may repeat the link.
            refusal.words.truncate(refusal.words.find("sgnl:").unwrap_or(refusal.words.len()));
            failure::of_account(Failure::Refused(refusal), &rpc.account)
        }
        failure => failure::of_account(failure, &rpc.account),
    })
}
