//! Links signal-cli to an account of Signal: a link to scan, and the account that it came from.

use std::{path::PathBuf, time::Duration};

use openclaw_plugin_sdk::{
    ChannelError, LinkedAccount, Linking, Secret, Settings,
    kit::{ids::is_phone, json_rpc::Failure},
};
use serde_json::{Value, json};

use crate::{config::Config, failure, rpc::Rpc, text};

/// A link is good for a few minutes.
const LIMIT: Duration = Duration::from_mins(5);

/// Begins. The daemon waits by itself for as long as the link is good.
pub(crate) async fn begin(settings: Settings, folder: PathBuf) -> Result<Linking, ChannelError> {
    let rpc = Config::read(&settings).and_then(Rpc::new).map_err(|error| {
        ChannelError::Unauthorized(format!("`{}` {}", error.key, error.problem))
    })?;
    let running = rpc.start(false, Some(&folder), &settings.account).await?;
    let started = ask(&rpc, "startLink", json!({})).await?;
    let link = started["deviceLinkUri"].as_str().unwrap_or_default().to_owned();
    if !link.starts_with("sgnl://") {
        return Err(ChannelError::Disconnected(text::daemon("startLink gave no link")));
    }
    let secret = Secret::new(&link);
    let linked = async move {
        let params = json!({ "deviceLinkUri": link, "deviceName": "OpenClaw" });
        let linked = ask(&rpc, "finishLink", params).await?;
        let name = linked["number"].as_str().filter(|number| is_phone(number));
        let Some(name) = name.map(str::to_owned) else {
            return Err(ChannelError::Disconnected(text::daemon("finishLink gave no number")));
        };
        drop(running);
        let lacks = (name != rpc.account).then(|| ("account", name.clone()));
        Ok(LinkedAccount { name, lacks })
    };
    Ok(Linking { link: secret, linked: Box::pin(linked) })
}

/// These calls are about no account: the daemon does not have it yet.
async fn ask(rpc: &Rpc, method: &str, params: Value) -> Result<Value, ChannelError> {
    rpc.ask(method, &params, LIMIT).await.map_err(|failure| match failure {
        Failure::Refused(refusal) if refusal.code == -32601 => {
            ChannelError::Unauthorized(text::SINGLE.to_owned())
        }
        failure => failure::of_account(failure, &rpc.account),
    })
}
