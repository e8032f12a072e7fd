//! Feishu keeps the contract of all channels, on the wire of its long connection; `called.rs` has the other way.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn feishu_keeps_the_contract_on_a_long_connection() {
    contract::check(&channel_feishu::PLUGIN, fake::FakeFeishu::start).await;
}
