//! Discord keeps the contract of all channels, on the real wire.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn discord_keeps_the_contract() {
    contract::check(&channel_discord::PLUGIN, fake::FakeDiscord::start).await;
}
