//! Microsoft Teams keeps the contract of all channels, on its wire for bots.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn teams_keeps_the_contract() {
    contract::check(&channel_msteams::PLUGIN, fake::FakeTeams::start).await;
}
