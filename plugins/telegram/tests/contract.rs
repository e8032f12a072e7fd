//! Telegram keeps the contract of all channels, on the real wire.

mod fake;

use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn telegram_keeps_the_contract() {
    contract::check(&channel_telegram::PLUGIN, fake::FakeTelegram::start).await;
}
