//! WhatsApp keeps the contract of all channels, on the real wire.

mod fake;

use fake::FakeMeta;
use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn whatsapp_keeps_the_contract() {
    contract::check(&channel_whatsapp::PLUGIN, FakeMeta::start).await;
}
