//! How every account fares, in the shape that clients and the command line are told.

use crate::{
    Gateway,
    accounts::status::{State, Status},
    local_client::status::{AccountStatus, ChannelsStatus},
    text, world,
};

/// How every channel fares.
pub(crate) fn all(gateway: &Gateway) -> ChannelsStatus {
    let mut status = ChannelsStatus::configured(&gateway.config(), world::now());
    for account in gateway.accounts.on() {
        let rows = status.channel_accounts.get_mut(account.config.plugin.id);
        let row = rows.and_then(|rows| {
            rows.iter_mut().find(|row| row.account_id == account.config.key.account.as_str())
        });
        if let Some(row) = row {
            let mut status = account.status.get();
            if status.state == State::Connected {
                status.last_error = account.limitation();
            }
            tell(row, status);
            let (waiting, oldest) = account.journal.unsent();
            row.waiting = (waiting > 0).then_some(waiting);
            row.waiting_since = oldest;
        }
    }
    for row in status.channel_accounts.values_mut().flatten() {
        if gateway.is_unconfirmed() && row.state.is_none() {
            row.state = Some("not confirmed".to_owned());
            row.last_error = Some(text::UNCONFIRMED.to_owned());
        }
        row.running.get_or_insert(false);
        row.connected.get_or_insert(false);
    }
    status
}

fn tell(row: &mut AccountStatus, status: Status) {
    let gone = matches!(status.state, State::Disabled | State::Stopped | State::Unauthorized);
    row.running = Some(!gone);
    row.connected = Some(status.state == State::Connected);
    row.state = Some(status.state.word().to_owned());
    row.last_error = status.last_error;
    row.last_inbound_at = status.last_inbound.map(|at| at.0);
    row.last_outbound_at = status.last_outbound.map(|at| at.0);
    row.given_up = (status.given_up > 0).then_some(status.given_up);
}
