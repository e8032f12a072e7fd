//! Who connects, and what they may do: one decision, whose inputs are all arguments. It writes nothing; the holder
//! of the store does what it asks for (tokens, a request, an approval).

use openclaw_plugin_sdk::UnixMs;

use super::{
    identity::{DeviceId, ProofRefusal, ProvenDevice},
    record::{ApprovedVia, Device},
    request::{Described, RequestedRights},
    role::{Profile, Role, Scopes, is_exec_class},
    setup_code::{self, Spent, Standing},
    token::{TokenDigest, TokenRefusal},
};

/// Where the other end of the socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// On this machine: its own socket is this user's, and no forwarding header contradicts.
    Direct,
    /// At the socket in the state folder, which this user alone can open.
    Own,
    /// Anywhere else, or behind a proxy.
    Remote,
}

impl Locality {
    /// True on this machine.
    pub fn is_near(self) -> bool {
        self != Self::Remote
    }
}

/// What kind of program connects, as far as it matters for trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The control page in a browser.
    ControlPage,
    /// Any other page: it sent an `Origin`.
    Page,
    /// No browser.
    Plain,
}

/// How a connection was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A device's own token.
    DeviceToken,
    /// Nothing is asked for on this machine.
    Open,
    /// The shared password.
    Password,
    /// A setup code.
    SetupCode,
    /// The shared token.
    Token,
}

impl Method {
    /// `hello-ok.auth.method`.
    pub fn word(self) -> &'static str {
        match self {
            Self::DeviceToken => "device-token",
            Self::Open => "none",
            Self::Password => "password",
            Self::SetupCode => "bootstrap-token",
            Self::Token => "token",
        }
    }
}

/// Which shared secret is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// `gateway.auth.password`.
    Password,
    /// `gateway.auth.token`.
    Token,
}

/// What the comparison of the shared secret said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// None is needed.
    Open,
    /// It is the one.
    Matched(SecretKind),
    /// It is not.
    Mismatch(SecretKind),
    /// None was shown.
    Missing(SecretKind),
}

/// The setup code that was shown, in `auth.token` or `auth.bootstrapToken`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// A known code; how this device stands to it, and what it was minted for.
    Known(Result<Standing, Spent>, Profile),
    /// None.
    NotShown,
    /// Something was shown as one, and there is no such code.
    Unknown,
}

/// What is known about the device.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// It has rights.
    Known(&'a Device),
    /// It had some, and they were taken away.
    Removed,
    /// Never seen.
    Stranger,
}

/// The rules that the configuration sets.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// `gateway.nodes.pairing.auto_approve_local`.
    pub auto_approve_local: bool,
    /// The address is in `gateway.nodes.pairing.auto_approve_cidrs`.
    pub trusted_network: bool,
    /// `plugins.device-pair.approve`.
    pub setup_approval: SetupApproval,
}

/// What a fresh setup code is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupApproval {
    /// It is approval enough for the limited profile.
    Code,
    /// Its device waits for the owner.
    Owner,
}

/// A connect, after its form, its protocol version, its role and its `Origin` were found good.
#[derive(Clone, Debug)]
pub struct Arrival<'a> {
    /// What it wants to be.
    pub role: Role,
    /// What it wants to do.
    pub scopes: Scopes,
    /// What its node offers, and what it says about itself.
    pub commands: &'a [String],
    /// Claims too.
    pub capabilities: &'a [String],
    /// Shown to the owner.
    pub described: Described,
    /// Where it is.
    pub locality: Locality,
    /// What it is.
    pub program: Program,
    /// The shared secret.
    pub shared: Shared,
    /// The setup code.
    pub setup: Setup,
    /// What may be a device token: `auth.deviceToken`, else `auth.token`.
    pub token: Option<TokenDigest>,
    /// `auth.deviceToken` was shown, not only `auth.token`.
    pub token_is_explicit: bool,
    /// Its address has failed too often: when it may try again.
    pub locked_ms: Option<u64>,
    /// The device's proof, where it sent one.
    pub device: Option<Result<ProvenDevice, ProofRefusal>>,
}

/// Why a shared secret, a code or a token was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    /// A setup code that is worth nothing; the owner is told why.
    SetupCode(Option<Spent>),
    /// The explicit device token.
    DeviceToken,
    /// The device token, and more is asked for than it is good for.
    DeviceTokenScopes,
    /// Too many failures.
    RateLimited {
        /// How long.
        retry_after_ms: u64,
    },
    /// The shared secret.
    Shared(Shared),
}

/// Why a client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The control page has no device key: no secure context.
    ControlPageIdentity,
    /// A device is needed, and there is none.
    DeviceIdentity,
    /// The device's proof is none.
    Proof(ProofRefusal),
    /// Not recognised.
    Unauthorized(Unauthorized),
}

/// Why a device must wait for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// What it says about itself is of another kind than what was approved.
    MetadataUpgrade,
    /// It has no rights.
    NotPaired,
    /// It has no rights in this role.
    RoleUpgrade,
    /// It asks for more.
    ScopeUpgrade,
}

/// An accepted client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// As what.
    pub role: Role,
    /// With what. Never more than was asked, and never more than was approved.
    pub scopes: Scopes,
    /// How the client was recognised.
    pub method: Method,
    /// By which device.
    pub device: Option<DeviceId>,
    /// The roles for which a token is to be made and handed out.
    pub issue: Vec<Role>,
    /// The shown device token goes back as it came.
    pub echo_token: bool,
    /// The device is to be entered first, with these rights.
    pub approve: Option<(ApprovedVia, RequestedRights)>,
}

/// A device that is to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Why.
    pub why: Why,
    /// What the request asks for: the whole profile of the code, where it came with one.
    pub asked: RequestedRights,
    /// Of that code. Its device is told to wait and retry.
    pub profile: Option<Profile>,
    /// It is known already.
    pub repair: bool,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Come in.
    Hello(Hello),
    /// Go away.
    Refused(Refusal),
    /// Wait for the owner.
    Waiting(Waiting),
}

/// Decides about one connection.
pub fn decide(arrival: &Arrival<'_>, record: Record<'_>, policy: Policy, now: UnixMs) -> Outcome {
    let decided = match &arrival.device {
        None => without_device(arrival).map(Outcome::Hello),
        Some(Err(refusal)) => Err(Refusal::Proof(*refusal)),
        Some(Ok(device)) => recognise(arrival, record)
            .map_err(Refusal::Unauthorized)
            .map(|method| with_device(arrival, device.id(), method, record, policy, now)),
    };
    decided.unwrap_or_else(Outcome::Refused)
}

/// An operator with the shared secret, and nobody else, may come without a device; beyond this machine, or from
/// a page, without any right.
fn without_device(arrival: &Arrival<'_>) -> Result<Hello, Refusal> {
    if matches!(arrival.setup, Setup::Known(..) | Setup::Unknown) {
        return Err(Refusal::DeviceIdentity);
    }
    if let Some(retry_after_ms) = arrival.locked_ms {
        return Err(Refusal::Unauthorized(Unauthorized::RateLimited { retry_after_ms }));
    }
    let method = match shared_method(arrival.shared) {
        Some(method) => method,
        None if arrival.program == Program::ControlPage => {
            return Err(Refusal::ControlPageIdentity);
        }
        None if matches!(arrival.shared, Shared::Missing(_)) && arrival.token.is_none() => {
            return Err(Refusal::DeviceIdentity);
        }
        None => return Err(Refusal::Unauthorized(Unauthorized::Shared(arrival.shared))),
    };
    if arrival.role == Role::Node {
        return Err(Refusal::DeviceIdentity);
    }
    if arrival.program == Program::ControlPage {
        return Err(Refusal::ControlPageIdentity);
    }
    let near = arrival.locality.is_near() && arrival.program == Program::Plain;
    let scopes = if near && !is_for_free(arrival, method) { arrival.scopes } else { Scopes::NONE };
    Ok(Hello {
        role: Role::Operator,
        scopes,
        method,
        device: None,
        issue: Vec::new(),
        echo_token: false,
        approve: None,
    })
}

/// Where no secret is asked for, rights come with the socket in the state folder alone.
fn is_for_free(arrival: &Arrival<'_>, method: Method) -> bool {
    method == Method::Open && arrival.locality != Locality::Own
}

fn shared_method(shared: Shared) -> Option<Method> {
    match shared {
        Shared::Matched(SecretKind::Password) => Some(Method::Password),
        Shared::Matched(SecretKind::Token) => Some(Method::Token),
        Shared::Open => Some(Method::Open),
        Shared::Mismatch(_) | Shared::Missing(_) => None,
    }
}

/// A good setup code goes before the shared secret, and the secret before the device's token.
fn recognise(arrival: &Arrival<'_>, record: Record<'_>) -> Result<Method, Unauthorized> {
    if let Some(retry_after_ms) = arrival.locked_ms {
        return Err(Unauthorized::RateLimited { retry_after_ms });
    }
    if let Setup::Known(Ok(_), profile) = arrival.setup {
        let good = profile.roles().contains(&arrival.role);
        return if good { Ok(Method::SetupCode) } else { Err(Unauthorized::SetupCode(None)) };
    }
    if let Some(method) = shared_method(arrival.shared) {
        return Ok(method);
    }
    if let (Record::Known(device), Some(shown)) = (record, &arrival.token)
        && let Some(token) = device.tokens.get(&arrival.role)
    {
        match token.judge(shown, arrival.role, arrival.scopes) {
            Ok(_) => return Ok(Method::DeviceToken),
            Err(TokenRefusal::ScopeMismatch) => return Err(Unauthorized::DeviceTokenScopes),
            Err(TokenRefusal::Mismatch) => {}
        }
    }
    Err(match arrival.setup {
        Setup::Known(spent, _) => Unauthorized::SetupCode(spent.err()),
        Setup::Unknown => Unauthorized::SetupCode(None),
        Setup::NotShown if arrival.token_is_explicit => Unauthorized::DeviceToken,
        Setup::NotShown => Unauthorized::Shared(arrival.shared),
    })
}

fn with_device(
    arrival: &Arrival<'_>,
    id: &DeviceId,
    method: Method,
    record: Record<'_>,
    policy: Policy,
    now: UnixMs,
) -> Outcome {
    let code = match arrival.setup {
        Setup::Known(Ok(standing), profile) if method == Method::SetupCode => {
            Some((standing, profile))
        }
        _ => None,
    };
    let wished = code.map_or(arrival.scopes, |(_, profile)| profile.cut(arrival.scopes));
    let known = match record {
        Record::Known(device) => Some(device),
        Record::Removed | Record::Stranger => None,
    };
    if let Some(why) = must_wait(arrival, known, wished, code.map(|(standing, _)| standing)) {
        let asked = asked(arrival, wished, code.map(|(_, profile)| profile));
        let Some(via) = approved_at_once(arrival, method, record, policy, &asked) else {
            let (profile, repair) = (code.map(|(_, profile)| profile), known.is_some());
            return Outcome::Waiting(Waiting { why, asked, profile, repair });
        };
        let scopes = arrival.role.fitting(asked.scopes.narrow(wished));
        let mut issue = roles_in_order(arrival.role, code.is_some());
        issue.retain(|role| asked.roles.contains(role));
        return Outcome::Hello(Hello {
            role: arrival.role,
            scopes,
            method,
            device: Some(id.clone()),
            issue,
            echo_token: false,
            approve: Some((via, asked)),
        });
    }
    let approved = known.and_then(|device| device.scopes_as(arrival.role)).unwrap_or(Scopes::NONE);
    Outcome::Hello(Hello {
        role: arrival.role,
        scopes: arrival.role.fitting(approved.narrow(wished)),
        method,
        device: Some(id.clone()),
        issue: due(arrival.role, method, known, code.map(|(standing, _)| standing), now),
        echo_token: method == Method::DeviceToken,
        approve: None,
    })
}

/// Why the device's record does not carry this connection; `None` where it does.
fn must_wait(
    arrival: &Arrival<'_>,
    known: Option<&Device>,
    wished: Scopes,
    standing: Option<Standing>,
) -> Option<Why> {
    let Some(device) = known else { return Some(Why::NotPaired) };
    let Some(approved) = device.scopes_as(arrival.role) else { return Some(Why::RoleUpgrade) };
    if arrival.role == Role::Operator && approved.lacks(wished).is_some() {
        return Some(Why::ScopeUpgrade);
    }
    if device.is_disguised(&arrival.described) {
        return Some(Why::MetadataUpgrade);
    }
    (standing == Some(Standing::Waiting)).then_some(Why::NotPaired)
}

/// The whole profile of a code; otherwise what this connection wants.
fn asked(arrival: &Arrival<'_>, wished: Scopes, profile: Option<Profile>) -> RequestedRights {
    let is_node = arrival.role == Role::Node;
    let claims = |list: &[String]| {
        if is_node { list.iter().cloned().collect() } else { std::collections::BTreeSet::new() }
    };
    RequestedRights {
        roles: profile.map_or([arrival.role].into(), |it| it.roles().iter().copied().collect()),
        scopes: profile.map_or(arrival.role.fitting(wished), Profile::scopes),
        commands: claims(arrival.commands),
        capabilities: claims(arrival.capabilities),
    }
}

/// Never an upgrade, never a device whose rights were taken away, never a page.
fn approved_at_once(
    arrival: &Arrival<'_>,
    method: Method,
    record: Record<'_>,
    policy: Policy,
    asked: &RequestedRights,
) -> Option<ApprovedVia> {
    if !matches!(record, Record::Stranger) || arrival.program != Program::Plain {
        return None;
    }
    let runs_programs = asked.commands.iter().any(|command| is_exec_class(command));
    match (method, arrival.role) {
        (Method::SetupCode, _) => {
            let limited =
                matches!(arrival.setup, Setup::Known(Ok(_), profile) if profile != Profile::Full);
            let enough = policy.setup_approval == SetupApproval::Code && limited && !runs_programs;
            enough.then_some(ApprovedVia::Code)
        }
        (Method::DeviceToken, _) => None,
        (_, Role::Operator) if is_for_free(arrival, method) => None,
        (_, Role::Operator) => {
            let near = arrival.locality.is_near() && policy.auto_approve_local;
            near.then_some(ApprovedVia::Silent)
        }
        (_, Role::Node) => {
            let plain = policy.trusted_network
                && arrival.locality == Locality::Remote
                && arrival.scopes.is_empty()
                && asked.commands.is_empty();
            plain.then_some(ApprovedVia::Network)
        }
    }
}

/// The tokens that this connection fetches.
fn due(
    role: Role,
    method: Method,
    known: Option<&Device>,
    standing: Option<Standing>,
    now: UnixMs,
) -> Vec<Role> {
    let Some(device) = known else { return Vec::new() };
    let roles = match (method, standing) {
        (Method::DeviceToken, _) => Vec::new(),
        (_, Some(Standing::Approved { at })) => {
            let age = now.0.checked_sub(at.0);
            let in_time = age.is_some_and(|age| age < setup_code::LIFETIME_MS);
            let fetches = in_time && !device.has_shown_a_token();
            if fetches { roles_in_order(role, true) } else { Vec::new() }
        }
        _ => roles_in_order(role, false),
    };
    roles.into_iter().filter(|role| device.awaits_token(*role)).collect()
}

/// The connection's own role first.
fn roles_in_order(own: Role, both: bool) -> Vec<Role> {
    let others = Profile::ROLES.into_iter().filter(|role| both && *role != own);
    std::iter::once(own).chain(others).collect()
}

#[cfg(test)]
mod tests;
