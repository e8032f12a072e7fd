//! Feishu keeps the contract of all channels when it is called, too. By itself: in one process the fake's own log of the
//! other way would show the token that each event bears.

mod fake;
mod seal;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn feishu_keeps_the_contract_when_it_is_called() {
    let start = async || fake::FakeFeishu::start_calling(seal::seal).await;
    contract::check(&channel_feishu::PLUGIN, start).await;
}
