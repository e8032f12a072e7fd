//! `/metrics`: who may read it, and what stands on it. This machine may, and a client with the shared secret.

use std::sync::Arc;

use ::http::{HeaderMap, Method, Response, StatusCode, header};
use bytes::Bytes;
use openclaw_plugin_sdk::UnixMs;
use tracing::warn;

use super::text::{KIND, Page};
use crate::{
    Gateway,
    accounts::{Accounts, status::State},
    connections::peer::PeerInfo,
    control::pairing,
    findings::{self, Counts},
    http, registry,
    rules::device::{attempts::Kind, handshake::Shared, role::Role},
    text::page,
    world,
};

/// Answers a client that asks for the page.
pub(crate) async fn answer(
    gateway: &Arc<Gateway>,
    method: &Method,
    headers: &HeaderMap,
    facts: &PeerInfo,
) -> Response<Bytes> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return http::plain(StatusCode::METHOD_NOT_ALLOWED, page::READ_ONLY);
    }
    if let Err(refused) = allow(gateway, headers, facts) {
        return *refused;
    }
    let readable = gateway.follow_decisions().await;
    if let Err(error) = &readable {
        warn!(%error, "decisions cannot be counted");
    }
    let (counts, readable) = (findings::counts(gateway).await, readable.is_ok());
    let gateway = Arc::clone(gateway);
    match tokio::task::spawn_blocking(move || write(&gateway, readable, counts)).await {
        Ok(text) => http::answer(StatusCode::OK, KIND, Bytes::from(text)),
        Err(error) => {
            warn!(%error, "the metrics could not be written");
            http::plain(StatusCode::INTERNAL_SERVER_ERROR, page::FAILED)
        }
    }
}

/// A program on this machine, or one that shows the secret. A page is no program on this machine: its `Origin` tells it.
fn allow(
    gateway: &Gateway,
    headers: &HeaderMap,
    facts: &PeerInfo,
) -> Result<(), Box<Response<Bytes>>> {
    if facts.locality.is_near() && facts.origin.is_none() {
        return Ok(());
    }
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    let Some(shown) = shown.filter(|text| !text.is_empty()) else {
        return Err(Box::new(refused()));
    };
    let (kinds, now) = ([Kind::Shared], world::now());
    let attempts = || gateway.connections.attempts.lock();
    if let Err(wait) = attempts().begin(&kinds, facts.client.address, now) {
        let mut response = http::plain(StatusCode::TOO_MANY_REQUESTS, page::TOO_MANY_SECRETS);
        let seconds = wait.div_ceil(1_000);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Err(Box::new(response));
    }
    if matches!(gateway.secret().compare(Some(shown), Some(shown)), Shared::Matched(_)) {
        attempts().succeeded(&kinds, facts.client.address);
        return Ok(());
    }
    Err(Box::new(refused()))
}

fn refused() -> Response<Bytes> {
    let mut response = http::plain(StatusCode::UNAUTHORIZED, page::NEEDS_SECRET);
    let bearer = http::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    response
}

fn write(gateway: &Gateway, readable: bool, counts: Option<Counts>) -> String {
    let (mut page, metrics, now) = (Page::default(), &gateway.metrics, world::now());
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.family("openclaw_build_info", "gauge", "The program.");
    page.value("openclaw_build_info", &version, 1);
    let started = format!("{}.{:03}", gateway.started.0 / 1000, gateway.started.0 % 1000);
    page.single("openclaw_start_time_seconds", "When the gateway was started.", started);
    let verdicts = ("openclaw_verdicts_total", "What the gate said to events.");
    page.tally(verdicts, ["channel", "outcome"], &metrics.verdicts);
    store(&mut page, gateway, readable, now);
    findings(&mut page, &counts.unwrap_or_default());
    outbox(&mut page, gateway.cards.backlog(), now);
    channels(&mut page, &gateway.accounts);
    assistant(&mut page, gateway);
    sockets(&mut page, gateway);
    let handshakes = ("openclaw_handshakes_total", "How connects over the socket ended.");
    page.tally(handshakes, ["outcome"], &metrics.handshakes);
    let spans = [
        ("verdict", "How long the gate took for an event.", &metrics.verdict),
        ("decision", "How long a decision took to be durable.", &metrics.decision),
        ("handshake", "How long a connect took to be answered.", &metrics.handshake),
        ("responder", "How long the assistant took for an answer.", &metrics.responder),
    ];
    for (name, help, durations) in spans {
        page.durations(&format!("openclaw_{name}_duration_seconds"), help, durations);
    }
    page.into_text()
}

/// What the files say; a channel whose file cannot be read has no line.
fn store(page: &mut Page, gateway: &Gateway, mut readable: bool, now: UnixMs) {
    let name = "openclaw_pending_requests";
    page.family(name, "gauge", "People who wait for a decision.");
    for plugin in registry::pairing_channels() {
        match pairing::waiting(&gateway.store, Some(plugin.id), now) {
            Ok(waiting) => page.value(name, &[("channel", plugin.id)], waiting.len()),
            Err(_) => readable = false,
        }
    }
    match gateway.store.device_requests(now) {
        Ok(waiting) => {
            let help = "Devices that wait for a decision.";
            page.single("openclaw_pending_devices", help, waiting.len());
        }
        Err(_) => readable = false,
    }
    let decisions = ("openclaw_decisions_total", "Decisions since the start, by any process.");
    page.tally(decisions, ["surface", "decision"], &gateway.metrics.decisions);
    let help = "1 while all of this could be read from the state folder.";
    page.single("openclaw_store_readable", help, u8::from(readable));
}

/// Until the first look has ended there is no line.
fn findings(page: &mut Page, counts: &Counts) {
    let name = "openclaw_findings";
    page.family(name, "gauge", "What `openclaw doctor` and `openclaw security audit` find.");
    for (severity, count) in counts.iter().rev() {
        page.value(name, &[("severity", severity.word())], count);
    }
}

fn outbox(page: &mut Page, (depth, oldest): (usize, Option<UnixMs>), now: UnixMs) {
    let help = "What owners are still to be told.";
    page.single("openclaw_outbox_depth", help, depth);
    let age = oldest.map_or(0, |at| now.0.saturating_sub(at.0));
    let age = format!("{}.{:03}", age / 1000, age % 1000);
    let help = "How long the oldest of it waits, quiet hours left out.";
    page.single("openclaw_outbox_oldest_age_seconds", help, age);
}

fn channels(page: &mut Page, accounts: &Accounts) {
    let name = "openclaw_channel_state";
    page.family(name, "gauge", "1 for the state that an account is in.");
    for account in accounts.on() {
        let (channel, id) = (account.config.plugin.id, account.config.key.account.as_str());
        let is = account.status.get().state;
        for state in State::ALL {
            let labels = [("channel", channel), ("account", id), ("state", state.word())];
            page.value(name, &labels, u8::from(is == state));
        }
    }
}

fn assistant(page: &mut Page, gateway: &Gateway) {
    let (name, (is, states)) = ("openclaw_assistant_state", gateway.assistant.words());
    page.family(name, "gauge", "1 for the state that the assistant is in.");
    for state in states {
        page.value(name, &[("state", state)], u8::from(is == state));
    }
    let failures = ("openclaw_assistant_failures_total", "Answers that did not come.");
    page.tally(failures, ["kind"], &gateway.metrics.assistant_failures);
}

fn sockets(page: &mut Page, gateway: &Gateway) {
    let sessions = gateway.rpc.sessions.all();
    let name = "openclaw_sockets";
    page.family(name, "gauge", "Sockets of clients that were let in.");
    for role in [Role::Node, Role::Operator] {
        let count = sessions.iter().filter(|session| session.role == role).count();
        page.value(name, &[("role", role.word())], count);
    }
    let help = "Connections that nobody vouches for yet.";
    page.single("openclaw_lobby_connections", help, gateway.connections.limiter.count());
}
