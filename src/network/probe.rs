//! Whether an address leads to this gateway: a number is sent through it, and comes back signed or not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::reqwest::{Client, Response, redirect::Policy};

use super::{
    identity::{Identity, PATH, fresh_nonce},
    tls::{Fingerprint, Trust, client},
};
use crate::{rules::device::endpoint::Endpoint, text};

const PATIENCE: Duration = Duration::from_secs(3);
/// An answer is a few hundred bytes.
const MOST: usize = 4096;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    /// Our signature; with our own certificate, or with another that phones believe.
    Ours { own_certificate: bool },
    /// Something else.
    Another,
    /// Nothing, and why.
    Nothing(String),
}

/// Asks through an address. Redirects could lead elsewhere, and are not followed.
pub(super) async fn ask(
    endpoint: &Endpoint,
    identity: &Identity,
    own: Option<Fingerprint>,
) -> Echo {
    let mark = Arc::<AtomicBool>::default();
    let trust = own.map_or(Trust::Authorities, |own| Trust::Either(own, Arc::clone(&mark)));
    let (Ok(nonce), Ok(tls)) = (fresh_nonce(), client(trust)) else {
        return Echo::Nothing(text::NOT_ASKED.to_owned());
    };
    let client = Client::builder()
        .use_preconfigured_tls(tls)
        .redirect(Policy::none())
        .timeout(PATIENCE)
        .no_proxy()
        .build();
    let scheme = if endpoint.tls { "https" } else { "http" };
    let port = endpoint.port_or_default();
    let url = format!("{scheme}://{}:{port}{PATH}?nonce={nonce}", endpoint.host);
    let answered = match client {
        Ok(client) => client.get(url).send().await,
        Err(error) => Err(error),
    };
    match answered {
        Err(error) => Echo::Nothing(reason(&error)),
        // A proxy whose gateway is down says so like this.
        Ok(response) if response.status().is_server_error() => {
            Echo::Nothing(text::answers_with(response.status().as_u16()))
        }
        Ok(response) if !response.status().is_success() => Echo::Another,
        Ok(response) => match body(response).await {
            Ok(body) if identity.wrote(&body, &nonce) => {
                Echo::Ours { own_certificate: mark.load(Ordering::Relaxed) }
            }
            Ok(_) => Echo::Another,
            Err(why) => Echo::Nothing(why),
        },
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST {
            break;
        }
    }
    Ok(body)
}

/// The innermost cause: the outer ones repeat the URL.
fn reason(error: &openclaw_plugin_sdk::reqwest::Error) -> String {
    if error.is_timeout() {
        return text::NO_ANSWER.to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
