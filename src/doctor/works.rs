//! `openclaw doctor`: does this set-up work?

mod people;
mod running;
mod service;
mod settings;
mod state;

pub(crate) use self::{
    settings::{env_missing, unreadable},
    state::synced,
};

use crate::{Check, Needs, modes};

/// The checks of `openclaw doctor`.
pub static CHECKS: &[Check] = &[
    row(
        "config.unreadable",
        "The configuration has an error.",
        Needs::Nothing,
        settings::unreadable,
    ),
    row(
        "config.env-missing",
        "The configuration names a variable that is not set.",
        Needs::Nothing,
        settings::env_missing,
    ),
    row(
        "config.stale-in-gateway",
        "The gateway uses an older configuration.",
        Needs::Gateway,
        settings::stale,
    ),
    row(
        "config.foreign",
        "A configuration of OpenClaw is not imported.",
        Needs::Nothing,
        settings::foreign,
    ),
    row(
        "state.foreign-database",
        "The database of OpenClaw is not imported.",
        Needs::Nothing,
        state::foreign_database,
    ),
    row(
        "state.foreign-leftover",
        "Old lists of OpenClaw are in use beside its database.",
        Needs::Nothing,
        state::foreign_leftover,
    ),
    row("state.mode", "A file or folder is open to others.", Needs::Nothing, modes::check),
    row("state.damaged", "A file cannot be read.", Needs::Nothing, state::damaged),
    row("state.unfinished", "A crash has left work behind.", Needs::Nothing, state::unfinished),
    row("state.log-broken", "The access log is not intact.", Needs::Nothing, state::log_broken),
    row(
        "state.disk",
        "The disk of the state folder is not fit for it.",
        Needs::Nothing,
        state::disk,
    ),
    row("state.lock", "A lock is held too long, or was left behind.", Needs::Nothing, state::lock),
    row("state.two", "There are several state folders.", Needs::Nothing, state::two),
    row("gateway.down", "The gateway does not answer.", Needs::Nothing, running::down),
    row(
        "gateway.socket-stale",
        "The socket of a gateway that is gone was left behind.",
        Needs::Nothing,
        running::socket_stale,
    ),
    row(
        "gateway.other-build",
        "The running gateway is another version than this program.",
        Needs::Gateway,
        running::other_build,
    ),
    row("gateway.port", "Another program holds the gateway's port.", Needs::Config, running::port),
    row(
        "gateway.foreign-running",
        "An OpenClaw of Node runs on the same state folder.",
        Needs::Nothing,
        running::foreign,
    ),
    row(
        "channel.*.token",
        "A platform refuses the credentials of an account.",
        Needs::Gateway,
        running::tokens,
    ),
    row(
        "channel.*.connection",
        "An account is not connected.",
        Needs::Gateway,
        running::connections,
    ),
    row(
        "channel.*.silent",
        "An account has heard nothing for a week.",
        Needs::Gateway,
        running::silent,
    ),
    row(
        "state.unconfirmed",
        "The state was restored, and nobody has confirmed it.",
        Needs::Nothing,
        state::unconfirmed,
    ),
    row(
        "owner.none",
        "There is no owner who could decide in a chat.",
        Needs::Config,
        people::no_owner,
    ),
    row(
        "owner.unreachable",
        "Owners could not be told of a request.",
        Needs::Gateway,
        people::unreachable,
    ),
    row(
        "pairing.account",
        "People have access at an account that the configuration does not have.",
        Needs::Config,
        people::no_account,
    ),
    row("pairing.stuck", "Requests or messages are stuck.", Needs::Config, people::stuck),
    row("device.reach", "No device can reach the gateway's port.", Needs::Config, running::reach),
    row(
        "device.clock",
        "The clock of this machine is not synchronised.",
        Needs::Nothing,
        people::clock,
    ),
    row("device.waiting", "A device waits for a decision.", Needs::Nothing, people::waiting),
    row("assistant.unreachable", "The assistant does not answer.", Needs::Deep, running::assistant),
    row(
        "service.path",
        "The service starts a program that is gone.",
        Needs::Service,
        service::path,
    ),
    row(
        "service.env",
        "The service lacks a variable of the configuration.",
        Needs::Service,
        service::env,
    ),
    row(
        "service.linger",
        "The service ends when its user logs out.",
        Needs::Service,
        service::linger,
    ),
    row("tls.expiry", "The certificate has expired, or soon does.", Needs::Config, running::expiry),
];

const fn row(
    id: &'static str,
    about: &'static str,
    needs: Needs,
    run: fn(&crate::Context) -> Vec<crate::Finding>,
) -> Check {
    Check { id, about, needs, run }
}

#[cfg(test)]
pub(crate) mod tests;
