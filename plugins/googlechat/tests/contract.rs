//! Google Chat keeps the contract of all channels, on the real wire, in both formats of events.

mod fake;

use fake::{FakeGoogle, Kind};
use openclaw_plugin_sdk::contract;

#[tokio::test(flavor = "multi_thread")]
async fn google_chat_keeps_the_contract_in_the_classic_format() {
    contract::check(&channel_googlechat::PLUGIN, FakeGoogle::start).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_chat_keeps_the_contract_as_an_add_on() {
    contract::check(&channel_googlechat::PLUGIN, || FakeGoogle::calling_as(Kind::Addon)).await;
}
