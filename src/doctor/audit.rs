//! `openclaw security audit`: is this set-up safe?

mod access;
mod devices;
mod port;
mod secrets;

use crate::{Check, Context, Finding, Needs, Severity, config::nearest, modes, text, works};

/// Who was not seen for so long may be gone.
const STALE_MS: u64 = 90 * 86_400_000;

/// The checks of `openclaw security audit`.
pub static CHECKS: &[Check] = &[
    row("access.open", "Everyone may write on a channel.", Needs::Config, access::open),
    row("access.group-open", "Everyone is heard in groups.", Needs::Config, access::group_open),
    row("access.wildcard", "A list lets everyone in.", Needs::Config, access::wildcard),
    row("access.many", "Many people have access for good.", Needs::Config, access::many),
    row(
        "access.config-and-store",
        "A person is approved and listed too, so a revoke does not end it.",
        Needs::Config,
        access::twice,
    ),
    row(
        "access.blocked-but-listed",
        "A blocked person stands in a configured list.",
        Needs::Config,
        access::blocked,
    ),
    row("owner.many", "There are many owners.", Needs::Config, access::owners),
    row("owner.imported", "An owner came from an import.", Needs::Config, access::imported),
    row("owner.unseen", "An owner has written nothing for 90 days.", Needs::Config, access::unseen),
    row("gateway.exposed", "Others on the network can read along.", Needs::Config, port::exposed),
    row("gateway.auth-none", "The port asks for no secret.", Needs::Nothing, port::auth_none),
    row("gateway.token-weak", "The shared secret is weak.", Needs::Config, port::token_weak),
    row(
        "gateway.token-inline",
        "The shared secret stands in the configuration.",
        Needs::Nothing,
        port::token_inline,
    ),
    row(
        "gateway.token-in-unit",
        "The unit of the service holds a secret.",
        Needs::Service,
        secrets::in_unit,
    ),
    row("gateway.funnel", "The whole internet reaches the port.", Needs::Config, port::funnel),
    row(
        "gateway.proxy",
        "A proxy is trusted too widely, or not named.",
        Needs::Nothing,
        port::proxy,
    ),
    row("gateway.origins", "Pages of unsafe origins may connect.", Needs::Nothing, port::origins),
    row("device.admin", "A device has all rights.", Needs::Nothing, devices::admin),
    row(
        "device.silent",
        "A device paired itself without a decision.",
        Needs::Nothing,
        devices::silent,
    ),
    row("device.cidr", "A wide network pairs nodes by itself.", Needs::Nothing, devices::cidr),
    row("device.stale", "A device was not seen for 90 days.", Needs::Nothing, devices::stale),
    row(
        "device.plain-code",
        "A setup code alone pairs, over a connection that others can read.",
        Needs::Config,
        devices::plain_code,
    ),
    row(
        "node.dangerous",
        "A node may be asked to do risky things.",
        Needs::Config,
        devices::dangerous,
    ),
    row(
        "node.deny-pattern",
        "An entry that denies commands is no name of a command.",
        Needs::Config,
        devices::deny_pattern,
    ),
    row(
        "secret.file-mode",
        "Others can read a file with a secret.",
        Needs::Config,
        secrets::file_mode,
    ),
    row(
        "secret.env-dump",
        "Others can read a file of variables.",
        Needs::Nothing,
        secrets::env_dump,
    ),
    row("secret.in-log", "A secret stands in a log.", Needs::Config, secrets::in_log),
    row("state.synced", "A service copies the state folder elsewhere.", Needs::Nothing, synced),
    row("state.link", "A link stands for a file or folder.", Needs::Nothing, modes::links),
    row("state.mode", "A file or folder is open to others.", Needs::Nothing, modes::check),
    row("config.unreadable", "The configuration has an error.", Needs::Nothing, works::unreadable),
    row(
        "config.env-missing",
        "The configuration names a variable that is not set.",
        Needs::Nothing,
        works::env_missing,
    ),
    row(
        "process.root",
        "The gateway has more rights than it needs.",
        Needs::Gateway,
        secrets::root,
    ),
    row("audit.accepted", "Findings are accepted.", Needs::Config, accepted),
];

const fn row(
    id: &'static str,
    about: &'static str,
    needs: Needs,
    run: fn(&Context) -> Vec<Finding>,
) -> Check {
    Check { id, about, needs, run }
}

fn synced(context: &Context) -> Vec<Finding> {
    let path = context.state.path();
    let finding = |service| Finding::new(Severity::Warn, ".", text::synced(service)).in_file(path);
    works::synced(path).map(finding).into_iter().collect()
}

fn accepted(context: &Context) -> Vec<Finding> {
    let all = context.config.iter().flat_map(|config| &config.accepted);
    let finding = |one: &crate::config::Accepted| {
        let place = crate::finding::Place {
            file: context.file.clone(),
            line: Some(one.line),
            key: Some("audit.accept".to_owned()),
        };
        let (severity, message) = if !is_known(&one.id) {
            let known: Vec<_> = works::CHECKS.iter().chain(CHECKS).map(|check| check.id).collect();
            (Severity::Warn, text::accepts_nothing(&one.id, nearest(&one.id, &known)))
        } else if one.lasts(context.now) {
            (Severity::Info, text::accepts(one))
        } else {
            (Severity::Info, text::accepted_until(one))
        };
        Finding::new(severity, one.id.clone(), message).at(Some(place))
    };
    all.map(finding).collect()
}

/// True for the id of a check, of whichever channel and account.
fn is_known(id: &str) -> bool {
    let fits = |check: &Check| match check.id.split_once('*') {
        Some((begin, end)) => id.starts_with(begin) && id.ends_with(end),
        None => check.id == id,
    };
    works::CHECKS.iter().chain(CHECKS).any(fits)
}

/// What the configuration is refused for, where its problem says this.
fn refused(context: &Context, key: &str, says: &str) -> Vec<Finding> {
    let problems = match &context.problem {
        Some(crate::config::problem::ConfigError::Invalid(problems)) => problems.as_slice(),
        _ => &[],
    };
    let fits = problems.iter().filter(|it| it.text.contains(key) && it.text.contains(says));
    let finding = |problem: &crate::config::problem::Problem| {
        let found = Finding::new(Severity::Critical, "", problem.text.clone());
        let file = context.file.clone();
        let key = Some(key.to_owned());
        let place = crate::finding::Place { file, line: problem.line, key };
        found.at(Some(place)).by_hand("openclaw config check")
    };
    fits.map(finding).collect()
}
