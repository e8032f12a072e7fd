//! iMessage keeps the contract of all channels, by way of a program that it starts.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn imessage_keeps_the_contract() {
    contract::check(&channel_imessage::PLUGIN, fake::FakeMessages::start).await;
}
