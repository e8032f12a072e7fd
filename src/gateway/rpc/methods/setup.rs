//! `device.pair.setupCode` and `device.pair.setupStatus`: an administrator's client makes a code, and learns who came.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, device, invalid, store_failed, unavailable};
use crate::{
    network::{
        setup_code::{Minted, OfferError, Way, drawing::Drawing},
        url::UrlOptions,
    },
    protocol::{frame::Refused, setup_code::SetupPayload},
    rules::device::{
        approver::Act,
        record::Device,
        role::Profile,
        setup_code::{SetupCode, SetupId, State},
    },
    setup_codes::{
        self,
        joins::{self, Joins},
    },
    store::{Store, devices::Known},
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfCode {
    public_url: Option<String>,
    include_qr: Option<bool>,
    bootstrap_profile: Option<String>,
    join_url: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfStatus {
    setup_id: String,
}

/// `device.pair.setupCode`.
pub(super) async fn code(call: &Call) -> Answer {
    let params: OfCode = call.params()?;
    let wished = params.bootstrap_profile.as_deref().unwrap_or(Profile::Limited.word());
    let wished = Profile::parse(wished).ok_or_else(|| {
        invalid("bootstrapProfile must be `limited`, `full`, `node` or `voice-node`")
    })?;
    let wants_join = params.join_url == Some(true);
    if wants_join && !matches!(wished, Profile::Node | Profile::VoiceNode) {
        return Err(invalid("joinUrl needs bootstrapProfile `node` or `voice-node`"));
    }
    let by = device::approver(call, Act::Approve)?;
    let options = UrlOptions { public_url: params.public_url, ..UrlOptions::default() };
    let way = setup_codes::way(&call.gateway, &options).await.map_err(invalid)?;
    let place = joins::place(&way.urls);
    if wants_join && place.is_none() {
        return Err(invalid("joinUrl needs an address with TLS, or one of this machine"));
    }
    let made = setup_codes::make(&call.gateway, by, wished, way.clone()).await;
    let minted = made.map_err(|error| match error {
        OfferError::Store(error) => store_failed(error),
        error => unavailable(error.to_string()),
    })?;
    let mut all = answered(&minted, &way, params.include_qr.unwrap_or(true))?;
    if let Some(place) = place.filter(|_| wants_join) {
        all["joinUrl"] = join(&call.gateway.setup.joins, &minted, &place)?.into();
    }
    Ok(all)
}

fn join(joins: &Joins, minted: &Minted, place: &str) -> Result<String, Box<Refused>> {
    let payload = SetupPayload::parse(&minted.code);
    let payload = payload.ok_or_else(|| unavailable("the code cannot be read back"))?;
    let body = payload.to_json().map_err(|error| unavailable(error.to_string()))?;
    joins.open(place, body).map_err(|error| unavailable(error.to_string()))
}

fn answered(minted: &Minted, way: &Way, with_qr: bool) -> Answer {
    let mut all = minted.told(way);
    all.insert("setupId".to_owned(), json!(minted.setup.id.as_str()));
    if with_qr {
        all.insert("qrDataUrl".to_owned(), json!(drawn(&minted.drawn)?));
    }
    Ok(Value::Object(all))
}

fn drawn(code: &str) -> Result<String, Box<Refused>> {
    let png = Drawing::of(code).and_then(|drawing| drawing.png());
    let png = png.map_err(|error| unavailable(error.to_string()))?;
    Ok(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)))
}

/// `device.pair.setupStatus`: complete once its device has come for its tokens.
pub(super) async fn status(call: &Call) -> Answer {
    let params: OfStatus = call.params()?;
    let id = SetupId::from_text(&params.setup_id);
    let read = move |store: &Store| {
        let code = store.setup_codes()?.into_iter().find(|code| code.id == id);
        let device = code.as_ref().and_then(SetupCode::key).map(|key| store.device(&key.id()));
        Ok((code, device.transpose()?))
    };
    let (code, device) = call.read(read).await?;
    let code = code.ok_or_else(|| invalid("unknown setupId"))?;
    Ok(match (&code.state, device) {
        (State::Approved { fetched_at: Some(at), .. }, Some(Known::Device(device))) => {
            json!({ "completion": completion(&code, &device, at.0) })
        }
        _ => json!({}),
    })
}

fn completion(code: &SetupCode, device: &Device, at: u64) -> Value {
    let mut all = json!({
        "setupId": code.id.as_str(),
        "deviceId": device.id().as_str(),
        "access": code.profile.access(),
        "ts": at,
    });
    if let Some(name) = device.label.as_ref().or(device.described.name.as_ref()) {
        all["deviceName"] = json!(name);
    }
    all
}
