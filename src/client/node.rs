//! A node without a screen: it comes to a gateway, waits for its owner's approval, does the little it offers, and comes
//! again when the line is lost. It ends when it is told to, or when its rights are gone.

mod commands;
mod memory;
pub(super) mod retry;

use std::time::Duration;

use openclaw_plugin_sdk::kit::backoff::Backoff;
use serde_json::{Value, json};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};

pub use self::memory::{Known, recall};
use self::retry::{BACKOFF, Next};
use super::{
    Fingerprint, NoPlan, RemoteError, Secret,
    address::Address,
    identity::Identity,
    known::KnownKeys,
    session::{Dial, Incoming, Session, Trust},
    text::SILENT,
    tokens::TokenFile,
    who::{ClientInfo, with_token},
};
use crate::{
    network::identity::GatewayKey,
    protocol::{
        connect::{AuthParams, ClientMode},
        frame::INVALID_REQUEST,
        setup_code::SetupPayload,
    },
    rules::device::{
        identity::DeviceId,
        role::Role,
        setup_code::{Words, words},
        token::TokenDigest,
    },
    store::paths::StateDir,
};

/// The longest message that a node reads, in bytes: the gateway's hello, or the parameters of one command.
const LARGEST: usize = 4 << 20;

/// Where a node goes, and as what.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In this order, while none answers.
    pub gateways: Vec<Address>,
    /// The one certificate that is taken.
    pub pin: Option<Fingerprint>,
    /// Shown until there is a token of its own.
    pub secret: Secret,
    /// Of the setup code that the secret is from: its words are shown on both sides.
    pub setup: Option<TokenDigest>,
    /// For owners to read; the host's, where it is left out.
    pub name: Option<String>,
    /// The user answers for the network.
    pub insecure: bool,
    /// How long connecting may take.
    pub patience: Duration,
    /// Where this machine's identity is.
    pub state: StateDir,
}

/// What the user of a node reads.
#[derive(Debug)]
pub enum Told<'a> {
    /// The gateway accepted it.
    Connected {
        /// Where.
        at: &'a Address,
    },
    /// The line is lost, or there was none.
    Lost {
        /// Why.
        why: &'a RemoteError,
        /// When it tries again; `None` where it does not by itself.
        again: Option<Duration>,
    },
    /// A notice for the user to read. Not neutralised.
    Notice {
        /// Its head.
        title: &'a str,
        /// Its text.
        body: &'a str,
    },
    /// It waits for the owner. Told once for each request.
    Waiting {
        /// The owner's list shows it.
        device: &'a DeviceId,
        /// The request's name.
        request: Option<&'a str>,
        /// The owner's list shows them too.
        words: Option<Words>,
    },
}

impl Plan {
    /// What a setup code says. A pin in it, or beside it, makes an encrypted way the only one.
    pub fn of_code(
        code: &str,
        pin: Option<Fingerprint>,
        insecure: bool,
        now: openclaw_plugin_sdk::UnixMs,
        state: StateDir,
    ) -> Result<Self, NoPlan> {
        let payload = SetupPayload::parse(code).ok_or(NoPlan::Code)?;
        let token = payload.pairing_token().filter(|token| !token.is_empty());
        let token = token.ok_or(NoPlan::Code)?.to_owned();
        let named = payload.tls_fingerprint.as_deref().map(Fingerprint::parse);
        let pin = match (named, pin) {
            (None, pin) => pin,
            (Some(None), _) => return Err(NoPlan::Pin),
            (Some(named), None) => named,
            (Some(named), Some(pin)) if named == Some(pin) => named,
            (Some(_), Some(_)) => return Err(NoPlan::Pins),
        };
        // A code that its device has used is good for longer; a device without a key has not used it.
        let fresh = !super::identity::exists(&state);
        if fresh && payload.expires_at_ms.is_some_and(|at| at <= now.0) {
            return Err(NoPlan::Expired);
        }
        let urls = std::iter::once(&payload.url).chain(&payload.urls);
        let mut gateways: Vec<Address> = Vec::new();
        for address in urls.filter_map(|url| Address::parse(url).ok()) {
            let safe =
                address.tls() || (pin.is_none() && (insecure || address.may_carry_secrets()));
            if safe && !gateways.contains(&address) {
                gateways.push(address);
            }
        }
        if gateways.is_empty() {
            return Err(NoPlan::Nowhere);
        }
        let setup = Some(TokenDigest::of(&token));
        // Newer gateways have a field of its own for it.
        let secret = Secret(if payload.bootstrap_token.is_some() {
            AuthParams { bootstrap_token: Some(token), ..AuthParams::default() }
        } else {
            with_token(Some(token))
        });
        let patience = Duration::from_secs(10);
        Ok(Self { gateways, pin, secret, setup, name: None, insecure, patience, state })
    }

    fn check(&self) -> Result<(), RemoteError> {
        self.gateways.iter().try_for_each(|address| address.check(self.insecure, self.pin))
    }
}

/// Runs until Ctrl-C or SIGTERM, or until there is no use in going on.
pub fn run(plan: &Plan, tell: &mut dyn FnMut(Told<'_>)) -> Result<(), RemoteError> {
    plan.check()?;
    let identity = Identity::open(&plan.state)?;
    let runtime = super::runtime()?;
    let node = Node {
        plan,
        name: plan.name.clone().or_else(commands::host_name),
        tokens: TokenFile::of(&plan.state, identity.id()),
        known: KnownKeys::of(&plan.state),
        identity: &identity,
        backoff: BACKOFF,
        at: 0,
        shown: None,
        tell,
    };
    let ended = runtime.block_on(node.live());
    runtime.shutdown_background();
    ended
}

struct Node<'a> {
    plan: &'a Plan,
    identity: &'a Identity,
    /// For owners to read.
    name: Option<String>,
    tokens: TokenFile,
    known: KnownKeys,
    backoff: Backoff,
    /// Which of the gateways is next.
    at: usize,
    /// The request that the user has read of.
    shown: Option<String>,
    tell: &'a mut dyn FnMut(Told<'_>),
}

/// Told to stop.
struct Stop(Signal, Signal);

impl Stop {
    fn new() -> Result<Self, RemoteError> {
        let heard = |kind| signal(kind).map_err(RemoteError::Runtime);
        Ok(Self(heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?))
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

impl Node<'_> {
    async fn live(mut self) -> Result<(), RemoteError> {
        let mut stop = Stop::new()?;
        let gateways = self.plan.gateways.clone();
        loop {
            let Some(address) = gateways.get(self.at % gateways.len().max(1)) else {
                return Ok(());
            };
            let own = self.own_token(address)?;
            let attempt = tokio::select! {
                () = stop.heard() => return Ok(()),
                attempt = self.connect(address, own.clone()) => attempt,
            };
            let next = match attempt {
                Ok(session) => {
                    self.joined(address, &session)?;
                    match self.serve(session, &mut stop).await {
                        Ok(None) => return Ok(()),
                        Ok(Some(pause)) => Next::Again(pause),
                        Err(error) => self.after_loss(error)?,
                    }
                }
                Err(error) => {
                    self.after_refusal(error, (address, own.as_deref()), gateways.len())?
                }
            };
            let pause = async {
                match next {
                    Next::Again(pause) => sleep(pause).await,
                    Next::Held => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.heard() => return Ok(()),
                () = pause => {}
            }
        }
    }

    /// The device's own token where there is one; else what the user gave is shown. In plain text it is shown only to
    /// the gateway that proves the key which it had when it gave the token, unless the user answers for the network.
    fn own_token(&self, address: &Address) -> Result<Option<String>, RemoteError> {
        let Some(own) = self.tokens.token(Role::Node, address)? else { return Ok(None) };
        if address.tls() || self.plan.insecure || self.known.key(address)?.is_some() {
            return Ok(Some(own));
        }
        if self.plan.secret.is_empty() {
            return Err(RemoteError::Unproven(address.place()));
        }
        Ok(None)
    }

    async fn connect(
        &self,
        address: &Address,
        own: Option<String>,
    ) -> Result<Session, RemoteError> {
        let Plan { pin, patience, secret, .. } = self.plan;
        let auth = own.map_or_else(|| secret.0.clone(), |own| with_token(Some(own)));
        let who = ClientInfo {
            client: "node-host",
            mode: ClientMode::Node,
            role: Role::Node,
            scopes: vec![],
            caps: commands::CAPS,
            commands: commands::COMMANDS,
            name: self.name.as_deref(),
            identity: Some(self.identity),
            auth,
        };
        let known = self.known.key(address)?;
        let trust = known.as_ref().map_or(Trust::Word, Trust::Known);
        let (pin, patience) = (*pin, *patience);
        let direct = trust.is_direct(GatewayKey::of_folder(&self.plan.state)?.as_ref(), address);
        let dial = Dial { address, door: None, pin, trust, direct, patience, limit: LARGEST };
        Session::open(dial, &who).await
    }

    fn joined(&mut self, address: &Address, session: &Session) -> Result<(), RemoteError> {
        if let Some(key) = &session.proven {
            self.known.keep(address, key)?;
        }
        let auth = &session.hello.auth;
        if let Some(token) = &auth.device_token {
            self.tokens.keep(Role::Node, token, &auth.scopes, address)?;
        }
        for other in &auth.device_tokens {
            if let Some(role) = Role::parse(&other.role) {
                self.tokens.keep(role, &other.device_token, &other.scopes, address)?;
            }
        }
        let Plan { pin, name, state, .. } = self.plan;
        memory::remember(state, &self.identity.id(), address, *pin, name.as_deref())?;
        self.backoff.reset();
        self.shown = None;
        (self.tell)(Told::Connected { at: address });
        Ok(())
    }

    /// Does what it is asked, until the line is lost or silent, or the user has enough. Where the gateway said that it
    /// would be back, it says when.
    async fn serve(
        &mut self,
        mut session: Session,
        stop: &mut Stop,
    ) -> Result<Option<Duration>, RemoteError> {
        let tick = session.hello.policy.tick_interval_ms.clamp(1_000, 600_000);
        let silence = Duration::from_millis(2 * tick);
        let mut restart = None;
        loop {
            let next = tokio::select! {
                () = stop.heard() => {
                    session.close(1000, "").await;
                    return Ok(None);
                }
                next = timeout(silence, session.next()) => next,
            };
            let (event, payload) = match next {
                Err(_) => {
                    session.close(4000, "tick timeout").await;
                    return Err(RemoteError::Closed {
                        code: Some(4000),
                        reason: SILENT.to_owned(),
                    });
                }
                Ok(Err(error)) => {
                    return match restart {
                        Some(pause) if !retry::is_over(&error) => Ok(Some(pause)),
                        _ => Err(error),
                    };
                }
                Ok(Ok(Incoming::Event { event, payload })) => (event, payload),
                Ok(Ok(Incoming::Res { .. } | Incoming::Other)) => continue,
            };
            match event.as_str() {
                "shutdown" => {
                    let expected = payload.get("restartExpectedMs").and_then(Value::as_u64);
                    restart = expected.map(|ms| Duration::from_millis(ms.clamp(500, 30_000)));
                }
                "node.invoke.request" => {
                    if let Some(result) = self.invoked(&payload) {
                        session.send("node.invoke.result", result).await?;
                    }
                }
                _ => {}
            }
        }
    }

    /// The result to send. What is asked of another node gets none.
    fn invoked(&mut self, payload: &Value) -> Option<Value> {
        let id = payload.get("id").and_then(Value::as_str)?;
        let own = self.identity.id();
        if payload.get("nodeId").and_then(Value::as_str) != Some(own.as_str()) {
            return None;
        }
        let mut result = json!({ "id": id, "nodeId": own.as_str() });
        match commands::answer(payload, self.plan, self.tell) {
            Ok(done) => {
                result["ok"] = json!(true);
                result["payloadJSON"] = json!(done.to_string());
            }
            Err(why) => {
                result["ok"] = json!(false);
                result["error"] = json!({ "code": INVALID_REQUEST, "message": why });
            }
        }
        Some(result)
    }

    fn after_loss(&mut self, error: RemoteError) -> Result<Next, RemoteError> {
        if retry::is_over(&error) {
            return Err(error);
        }
        let again = self.backoff.next_jittered();
        (self.tell)(Told::Lost { why: &error, again: Some(again) });
        Ok(Next::Again(again))
    }

    fn after_refusal(
        &mut self,
        error: RemoteError,
        (address, own): (&Address, Option<&str>),
        gateways: usize,
    ) -> Result<Next, RemoteError> {
        if let Some(token) = own
            && retry::is_token_over(&error)
        {
            self.tokens.forget(Role::Node, token)?;
            if self.plan.secret.is_empty() {
                return Err(RemoteError::TokenOver(address.to_string()));
            }
            return Ok(Next::Again(Duration::ZERO));
        }
        if error.is_waiting() {
            return Ok(self.wait(&error));
        }
        let next = retry::after(&error, &mut self.backoff);
        let Some(again) = next else { return Err(error) };
        // Another way to the same gateway is tried at once.
        self.at += 1;
        let again = if self.at.is_multiple_of(gateways) { again } else { Duration::ZERO };
        (self.tell)(Told::Lost { why: &error, again: Some(again) });
        Ok(Next::Again(again))
    }

    fn wait(&mut self, error: &RemoteError) -> Next {
        let request = error.detail("requestId").map(str::to_owned);
        let device = self.identity.id();
        if self.shown.is_none() || self.shown != request {
            let words = self.plan.setup.as_ref().map(|setup| words(&device, setup));
            let request = request.as_deref();
            (self.tell)(Told::Waiting { device: &device, request, words });
            self.shown = Some(request.unwrap_or_default().to_owned());
        }
        let next = retry::while_waiting(error, &mut self.backoff);
        if matches!(next, Next::Held) {
            (self.tell)(Told::Lost { why: error, again: None });
        }
        next
    }
}

#[cfg(test)]
mod tests;
