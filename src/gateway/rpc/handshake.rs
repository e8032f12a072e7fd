//! From a client's connect to a session, or to a rejection. Who may come in is `rules::device::handshake`'s to decide; here
//! its inputs are gathered, and what it asks for is done.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;
use parking_lot::Mutex;
use tracing::{debug, info, warn};

use super::admission;
use crate::{
    Gateway,
    connections::peer::{PeerInfo, origin_allowed},
    network::secret::SharedSecret,
    protocol::{
        connect::{AuthParams, ConnectParams, first_frame},
        refusal::{self, Reader, Rejection, Tried},
    },
    rpc::hub::{Outgoing, Session},
    rules::device::{
        attempts::{Attempts, Kind},
        handshake::{
            self, Arrival, Locality, Outcome, Policy, Program, Record, Refusal, Setup, Shared,
        },
        identity::{DeviceKey, Nonce, Proof, ProofRefusal, ProvenDevice, Signed, prove},
        request::Described,
        role::Role,
        token::TokenDigest,
    },
    store::{StoreError, devices::Known},
    text, world,
};

/// A client's word about itself is kept up to so many bytes.
const WORD: usize = 256;
/// A node offers at most so many commands and abilities.
const OFFERS: usize = 512;

/// A connect that is well formed, and who sends it.
pub(crate) struct ConnectAttempt<'a> {
    pub(crate) id: String,
    pub(crate) params: ConnectParams,
    pub(crate) protocol: u32,
    pub(crate) role: Role,
    pub(crate) facts: &'a PeerInfo,
    /// The one that it is compared with.
    pub(crate) secret: Arc<SharedSecret>,
    pub(crate) now: UnixMs,
}

/// Answers a connect.
pub(crate) async fn handshake(
    gateway: &Arc<Gateway>,
    facts: &PeerInfo,
    nonce: Nonce,
    text: &str,
) -> Result<(Arc<Session>, Outgoing), Box<Rejection>> {
    let _timed = gateway.metrics.handshake.time();
    let count = |outcome| gateway.metrics.handshakes.count([outcome]);
    let coming = read(gateway, facts, text).inspect_err(|_| count("malformed"))?;
    if gateway.is_unconfirmed() && facts.locality != Locality::Own {
        count("unavailable");
        return Err(Box::new(refusal::unavailable(&coming.id, text::UNCONFIRMED)));
    }
    let proof = coming.prove(nonce);
    let kinds = coming.kinds();
    let locked_ms = begin(&gateway.connections.attempts, &coming, &kinds);
    let decided = decide(gateway, &coming, proof, locked_ms).await;
    let (outcome, device) = decided.map_err(|error| {
        count("unavailable");
        unavailable(&coming.id, &error)
    })?;
    count(word(&outcome));
    match outcome {
        Outcome::Hello(hello) => {
            succeeded(&gateway.connections.attempts, &coming, &kinds);
            admission::admit(gateway, &coming, hello, device.as_ref()).await
        }
        Outcome::Waiting(waiting) => {
            succeeded(&gateway.connections.attempts, &coming, &kinds);
            Err(admission::wait(gateway, &coming, waiting, device.as_ref()).await)
        }
        Outcome::Refused(refusal) => {
            if !matches!(refusal, Refusal::Unauthorized(_)) {
                // No secret was wrong.
                succeeded(&gateway.connections.attempts, &coming, &kinds);
            }
            let told = refusal::of_handshake(&coming.id, refusal, coming.tried());
            info!(
                address = %facts.address,
                client = coming.params.client.id.as_str(),
                ?refusal,
                told = told.reason,
                "connect refused"
            );
            Err(Box::new(told))
        }
    }
}

/// How it was decided, for the metrics.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Hello(_) => "admitted",
        Outcome::Waiting(_) => "waiting",
        Outcome::Refused(Refusal::Unauthorized(_)) => "unauthorized",
        Outcome::Refused(Refusal::Proof(_)) => "bad-proof",
        Outcome::Refused(Refusal::ControlPageIdentity | Refusal::DeviceIdentity) => "no-identity",
    }
}

fn read<'a>(
    gateway: &Gateway,
    facts: &'a PeerInfo,
    text: &str,
) -> Result<ConnectAttempt<'a>, Box<Rejection>> {
    let (id, params) = first_frame(text)?;
    let Some(protocol) = params.protocol() else {
        return Err(Box::new(refusal::protocol_mismatch(&id, &params)));
    };
    let Some(role) = params.role() else { return Err(Box::new(refusal::invalid_role(&id))) };
    if let Some(why) = oversized(&params) {
        return Err(Box::new(refusal::invalid_connect(&id, why)));
    }
    if !origin_allowed(facts, &gateway.config().gateway.control_ui.allowed_origins) {
        warn!(address = %facts.address, "a page of another site was refused");
        return Err(Box::new(refusal::foreign_origin(&id)));
    }
    let secret = gateway.secret();
    Ok(ConnectAttempt { id, params, protocol, role, facts, secret, now: world::now() })
}

/// What is kept of a connect has a length.
fn oversized(params: &ConnectParams) -> Option<&'static str> {
    let client = &params.client;
    let texts = [
        &client.display_name,
        &client.device_family,
        &client.model_identifier,
        &client.instance_id,
    ];
    let long = |text: &String| text.len() > WORD;
    if texts.into_iter().flatten().any(long) || long(&client.version) || long(&client.platform) {
        return Some("a text about the client is longer than 256 bytes");
    }
    let lists = [&params.caps, &params.commands];
    let lists = lists.map(|list| list.as_deref().unwrap_or_default());
    if lists.iter().any(|list| list.len() > OFFERS || list.iter().any(long)) {
        return Some("`caps` and `commands` hold at most 512 entries of 256 bytes");
    }
    let permissions = params.permissions.iter().flatten();
    if params.scopes().len() > OFFERS || permissions.count() > OFFERS {
        return Some("a list holds at most 512 entries");
    }
    None
}

impl ConnectAttempt<'_> {
    pub(crate) fn auth(&self) -> Option<&AuthParams> {
        self.params.auth.as_ref()
    }

    fn prove(&self, nonce: Nonce) -> Option<Result<ProvenDevice, ProofRefusal>> {
        let device = self.params.device.as_ref()?;
        let client = &self.params.client;
        let signed = Signed {
            client_id: client.id.as_str(),
            client_mode: client.mode.word(),
            role: self.role.word(),
            scopes: self.params.scopes(),
            token: self.auth().map_or("", AuthParams::signed_token),
            platform: &client.platform,
            device_family: client.device_family.as_deref().unwrap_or_default(),
        };
        let proof = Proof {
            id: &device.id,
            public_key: &device.public_key,
            signature: &device.signature,
            signed_at: UnixMs(device.signed_at),
            nonce: device.nonce.as_deref(),
        };
        Some(prove(proof, signed, nonce, self.now))
    }

    /// What it shows: each kind has a budget of its own.
    fn kinds(&self) -> Vec<Kind> {
        let Some(auth) = self.auth() else { return Vec::new() };
        let shown = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let mut kinds = Vec::new();
        if shown(&auth.token) || shown(&auth.password) {
            kinds.push(Kind::Shared);
        }
        if shown(&auth.device_token) {
            kinds.push(Kind::DeviceToken);
        }
        if shown(&auth.bootstrap_token) {
            kinds.push(Kind::SetupCode);
        }
        kinds
    }

    pub(crate) fn described(&self) -> Described {
        self.params.client.described(self.facts.address)
    }

    /// A page says so by its `Origin`, which it cannot leave out; early Android apps only borrow the page's name.
    fn program(&self) -> Program {
        match (&self.facts.origin, self.params.client.id.is_page()) {
            (None, _) => Program::Plain,
            (Some(_), true) => Program::ControlPage,
            (Some(_), false) => Program::Page,
        }
    }

    fn tried(&self) -> Tried {
        let cli = self.params.client.id.as_str() == "cli";
        let reader = match (cli, self.program()) {
            (true, _) if self.facts.locality.is_near() => Reader::LocalCli,
            (true, _) => Reader::Cli,
            (false, Program::Plain) => Reader::Other,
            (false, Program::ControlPage | Program::Page) => Reader::Page,
        };
        let shown = |auth: &AuthParams| auth.token.is_some() && auth.device_token.is_none();
        let could = self.params.device.is_some() && self.auth().is_some_and(shown);
        let at = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let signed = self.params.device.as_ref().map_or(self.now.0, |device| device.signed_at);
        let ahead_ms = at(signed).saturating_sub(at(self.now.0));
        Tried { reader, could_show_device_token: could, ahead_ms }
    }

    /// The token that may be a setup code, and whether it was named as one.
    pub(crate) fn setup_token(&self) -> Option<(TokenDigest, bool)> {
        let auth = self.auth()?;
        let named = auth.bootstrap_token.as_deref().filter(|text| !text.is_empty());
        let token = auth.token.as_deref().filter(|text| !text.is_empty());
        named
            .map(|text| (TokenDigest::of(text), true))
            .or_else(|| Some((TokenDigest::of(token?), false)))
    }

    /// What may be a device's token.
    pub(crate) fn device_token(&self) -> Option<&str> {
        let auth = self.auth()?;
        let shown = auth.device_token.as_deref().or(auth.token.as_deref());
        shown.filter(|text| !text.is_empty())
    }
}

/// Counts the attempt before anything is compared; the owner at this machine is slowed down by nobody.
fn begin(attempts: &Mutex<Attempts>, coming: &ConnectAttempt<'_>, kinds: &[Kind]) -> Option<u64> {
    if is_exempt(coming) {
        return None;
    }
    attempts.lock().begin(kinds, coming.facts.client.address, coming.now).err()
}

fn succeeded(attempts: &Mutex<Attempts>, coming: &ConnectAttempt<'_>, kinds: &[Kind]) {
    if !is_exempt(coming) {
        attempts.lock().succeeded(kinds, coming.facts.client.address);
    }
}

fn is_exempt(coming: &ConnectAttempt<'_>) -> bool {
    coming.facts.locality.is_near() && coming.facts.origin.is_none()
}

async fn decide(
    gateway: &Arc<Gateway>,
    coming: &ConnectAttempt<'_>,
    proof: Option<Result<ProvenDevice, ProofRefusal>>,
    locked_ms: Option<u64>,
) -> Result<(Outcome, Option<ProvenDevice>), StoreError> {
    let proven = proof.as_ref().and_then(|proof| proof.as_ref().ok()).cloned();
    let setup = match locked_ms {
        Some(_) => Setup::NotShown,
        None => setup(gateway, coming, proven.as_ref()).await?,
    };
    let known = match &proven {
        Some(device) => gateway.store.device(device.id())?,
        None => Known::Stranger,
    };
    let record = match &known {
        Known::Device(device) => Record::Known(device),
        Known::Removed => Record::Removed,
        Known::Stranger => Record::Stranger,
    };
    let offers = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let (commands, capabilities) = (offers(&coming.params.commands), offers(&coming.params.caps));
    let auth = coming.auth();
    let shared = match locked_ms {
        Some(_) => Shared::Missing(coming.secret.kind()),
        None => coming.secret.compare(
            auth.and_then(|auth| auth.token.as_deref()),
            auth.and_then(|auth| auth.password.as_deref()),
        ),
    };
    let explicit = auth.is_some_and(|auth| auth.device_token.is_some());
    let arrival = Arrival {
        role: coming.role,
        scopes: crate::rules::device::role::Scopes::parse(coming.params.scopes()),
        commands: &commands,
        capabilities: &capabilities,
        described: coming.described(),
        locality: coming.facts.locality,
        program: coming.program(),
        shared,
        setup,
        token: coming.device_token().map(TokenDigest::of),
        token_is_explicit: explicit,
        locked_ms,
        device: proof,
    };
    let nodes = &gateway.config().gateway.nodes;
    let policy = Policy {
        auto_approve_local: nodes.auto_approve_local,
        trusted_network: nodes.auto_approve_cidrs.iter().any(|net| net.holds(coming.facts.address)),
        setup_approval: gateway.config().device_pair.approve,
    };
    let outcome = handshake::decide(&arrival, record, policy, coming.now);
    debug!(address = %coming.facts.address, client = coming.params.client.id.as_str(), "connect decided");
    Ok((outcome, proven))
}

/// A setup code binds to the first key that proves itself with it, before anything else is decided by it.
async fn setup(
    gateway: &Arc<Gateway>,
    coming: &ConnectAttempt<'_>,
    proven: Option<&ProvenDevice>,
) -> Result<Setup, StoreError> {
    let Some((token, named)) = coming.setup_token() else { return Ok(Setup::NotShown) };
    // Nobody has this key: the code is only looked at.
    let nobody = DeviceKey::from_raw([0; 32]);
    let key = proven.map_or(nobody, |device| *device.key());
    let shown = gateway.store.code_shown(&token, &key, coming.now)?;
    match (shown, proven) {
        (Setup::Known(Ok(_), _), Some(_)) => {
            let now = coming.now;
            gateway.read(move |store| store.redeem_code(&token, &key, now)).await
        }
        (Setup::Unknown, _) if !named => Ok(Setup::NotShown),
        (shown, _) => Ok(shown),
    }
}

/// The store cannot be read or written: no client is admitted, and each is told to come again.
pub(crate) fn unavailable(id: &str, error: &StoreError) -> Box<Rejection> {
    warn!(%error, "a device could not be looked up");
    Box::new(refusal::unavailable(id, "the gateway's store cannot be used now; see its log"))
}
