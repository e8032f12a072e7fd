//! Slack keeps the contract of all channels, on the real wire, whichever way it hears.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn slack_keeps_the_contract_in_socket_mode() {
    contract::check(&channel_slack::PLUGIN, fake::FakeSlack::start).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_keeps_the_contract_when_it_is_called() {
    contract::check(&channel_slack::PLUGIN, fake::FakeSlack::start_calling).await;
}
