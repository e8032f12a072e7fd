//! Signal keeps the contract of all channels, on the wire of signal-cli's daemon.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn signal_keeps_the_contract() {
    contract::check(&channel_signal::PLUGIN, fake::FakeSignal::start).await;
}
