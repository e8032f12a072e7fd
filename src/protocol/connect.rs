//! The first frame of a client: who connects, as what, and with which proof. Fields that we do not know are
//! passed over, because each version of the apps brings new ones; a field of the wrong type is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    frame::{Request, Response},
    refusal::{self, Rejection},
};
use crate::rules::device::{request::Described, role::Role};

/// The oldest protocol that is spoken here.
pub const OLDEST: u32 = 3;
/// The newest.
pub const NEWEST: u32 = 4;

/// The parameters of `connect`. No `Debug`: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct ConnectParams {
    /// The oldest protocol that the client speaks.
    pub min_protocol: u32,
    /// The newest.
    pub max_protocol: u32,
    /// What connects.
    pub client: Client,
    /// A node's abilities; an operator's wishes about events.
    pub caps: Option<Vec<String>>,
    /// A node's commands.
    pub commands: Option<Vec<String>>,
    /// What a node's system lets it do.
    pub permissions: Option<BTreeMap<String, bool>>,
    /// Where a node looks for programs.
    pub path_env: Option<String>,
    /// `operator` where it is absent.
    pub role: Option<String>,
    /// The scopes that an operator asks for, in the order asked.
    pub scopes: Option<Vec<String>>,
    /// The device's proof.
    pub device: Option<DeviceParams>,
    /// What it shows.
    pub auth: Option<AuthParams>,
    /// The user's language.
    pub locale: Option<String>,
    /// The program, at length.
    pub user_agent: Option<String>,
}

/// What connects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Which program.
    pub id: ClientId,
    /// A name for people.
    pub display_name: Option<String>,
    /// Its version.
    pub version: String,
    /// Its system.
    pub platform: String,
    /// The kind of device.
    pub device_family: Option<String>,
    /// The model.
    pub model_identifier: Option<String>,
    /// How it is used.
    pub mode: ClientMode,
    /// Stable for one installation.
    pub instance_id: Option<String>,
}

impl Client {
    /// What it says about itself, and where it is. What is blank is not said.
    pub fn described(&self, address: std::net::IpAddr) -> Described {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        Described {
            name: filled(&self.display_name),
            platform: Some(self.platform.clone()).filter(|text| !text.trim().is_empty()),
            family: filled(&self.device_family),
            client_id: Some(self.id.as_str().to_owned()),
            client_mode: Some(self.mode.word().to_owned()),
            instance: filled(&self.instance_id),
            address: Some(address.to_string()),
        }
    }
}

/// The programs of the field, under their present and their former names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientId(String);

/// The names that a client may have.
const CLIENT_IDS: [&str; 17] = [
    "cli",
    "fingerprint",
    "gateway-client",
    "node-host",
    "openclaw-android",
    "openclaw-browser-copilot",
    "openclaw-control-ui",
    "openclaw-ios",
    "openclaw-linux",
    "openclaw-macos",
    "openclaw-probe",
    "openclaw-tui",
    "openclaw-watchos",
    "openclaw-worker",
    "test",
    "webchat",
    "webchat-ui",
];

impl ClientId {
    /// As it was sent: this is what was signed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the control page and the field's own chat page. Early Android apps borrow the first name.
    pub fn is_page(&self) -> bool {
        matches!(self.0.as_str(), "openclaw-control-ui" | "webchat" | "webchat-ui")
    }
}

impl TryFrom<String> for ClientId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let former = ["moltbot-", "clawdbot-"].iter().find_map(|old| text.strip_prefix(old));
        let known = match former {
            Some(rest) => CLIENT_IDS.contains(&format!("openclaw-{rest}").as_str()),
            None => CLIENT_IDS.contains(&text.as_str()),
        };
        if known { Ok(Self(text)) } else { Err("at /client/id: unknown client".to_owned()) }
    }
}

/// How a program is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientMode {
    /// By another program.
    Backend,
    /// On a command line.
    Cli,
    /// As a node.
    Node,
    /// To see whether a gateway is there.
    Probe,
    /// In a test.
    Test,
    /// As an app.
    Ui,
    /// In a page.
    Webchat,
    /// As a worker.
    Worker,
}

impl ClientMode {
    /// As the protocol spells it, and as it is signed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Cli => "cli",
            Self::Node => "node",
            Self::Probe => "probe",
            Self::Test => "test",
            Self::Ui => "ui",
            Self::Webchat => "webchat",
            Self::Worker => "worker",
        }
    }
}

/// The device's proof, as sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceParams {
    /// Who it claims to be.
    pub id: String,
    /// Its key.
    pub public_key: String,
    /// Over the payload.
    pub signature: String,
    /// When it signed.
    pub signed_at: u64,
    /// What it signed.
    pub nonce: Option<String>,
}

/// What a client shows. No `Debug`: secrets.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_debug_implementations, reason = "secrets")]
pub struct AuthParams {
    /// The shared token, a setup token, or a device token.
    pub token: Option<String>,
    /// A setup token.
    pub bootstrap_token: Option<String>,
    /// A device token.
    pub device_token: Option<String>,
    /// The shared password.
    pub password: Option<String>,
}

impl AuthParams {
    /// The token that the device signs. Never the password.
    pub fn signed_token(&self) -> &str {
        let shown = [&self.token, &self.device_token, &self.bootstrap_token];
        shown.into_iter().flatten().next().map_or("", String::as_str)
    }
}

impl ConnectParams {
    /// Reads the parameters; the error says why, for `invalid connect params: …`.
    pub fn parse(params: Value) -> Result<Self, String> {
        let params: Self = serde_json::from_value(params).map_err(|error| error.to_string())?;
        if params.min_protocol == 0 || params.max_protocol == 0 {
            return Err("a protocol version is at least 1".to_owned());
        }
        Ok(params)
    }

    /// The role, `operator` where none is named. `None` for one that there is not.
    pub fn role(&self) -> Option<Role> {
        self.role.as_deref().map_or(Some(Role::Operator), Role::parse)
    }

    /// The scopes as sent, and as signed.
    pub fn scopes(&self) -> &[String] {
        self.scopes.as_deref().unwrap_or_default()
    }

    /// The version to speak: the lesser of the two newest ones. `None` where there is none in common.
    pub fn protocol(&self) -> Option<u32> {
        let common = self.min_protocol <= NEWEST
            && self.max_protocol >= OLDEST
            && self.min_protocol <= self.max_protocol;
        common.then(|| self.max_protocol.min(NEWEST))
    }
}

/// Reads the first frame. It must be `connect`; whatever else it is, it gets an answer where it has an id, and
/// the socket is closed.
pub fn first_frame(text: &str) -> Result<(String, ConnectParams), Box<Rejection>> {
    let request = Request::parse(text).map_err(|answer| Box::new(bad_frame(&answer, text)))?;
    if request.method != "connect" {
        return Err(Box::new(refusal::first_must_be_connect(&request.id)));
    }
    let params = request.params.unwrap_or_default();
    let params = ConnectParams::parse(params)
        .map_err(|why| Box::new(refusal::invalid_connect(&request.id, &why)))?;
    Ok((request.id, params))
}

/// Only what looks like a request is answered.
fn bad_frame(answer: &Response, text: &str) -> Rejection {
    let is_request = serde_json::from_str::<Value>(text)
        .is_ok_and(|frame| frame.get("type").and_then(Value::as_str) == Some("req"));
    refusal::invalid_frame(is_request.then_some(answer.id.as_str()))
}

#[cfg(test)]
mod tests;
