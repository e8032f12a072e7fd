//! `BlueBubbles` keeps the contract of all channels, on the wire of its server.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn bluebubbles_keeps_the_contract() {
    contract::check(&channel_bluebubbles::PLUGIN, fake::FakeBlueBubbles::start).await;
}
