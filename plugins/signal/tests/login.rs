//! Linking an account, on the wire of signal-cli's daemon.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use fake::{FakeSignal, LINK, NUMBER};
use openclaw_plugin_sdk::{
    AccountId, ChannelError, LinkedAccount, Linking, Settings, contract::FakePlatform,
};

async fn begin(fake: &FakeSignal) -> Result<Linking, ChannelError> {
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings = Settings { account, table: fake.settings(), key: [0; 32], commands };
    let folder = tempfile::tempdir().expect("a folder");
    (channel_signal::PLUGIN.login.expect("it has one"))(settings, folder.path().to_owned()).await
}

async fn linked(fake: &FakeSignal) -> Result<LinkedAccount, ChannelError> {
    begin(fake).await.map_err(|error| error.to_string()).expect("a link").linked.await
}

#[tokio::test]
async fn a_link_is_shown_and_the_account_is_named_once_it_was_scanned() {
    let fake = FakeSignal::start().await;
    fake.with(|state| state.unlinked = true);
    let linking = begin(&fake).await.map_err(|error| error.to_string()).expect("a link");
    assert_eq!(linking.link.expose(), LINK);
    let expected = LinkedAccount { name: NUMBER.to_owned(), lacks: None };
    assert_eq!(linking.linked.await, Ok(expected));
    let about_accounts = fake.with(|state| {
        state.calls.iter().filter(|(_, params)| params.get("account").is_some()).count()
    });
    assert_eq!(about_accounts, 0, "the daemon does not have it yet");
}

#[tokio::test]
async fn another_account_is_what_the_configuration_lacks() {
    let fake = FakeSignal::start().await;
    fake.with(|state| state.links = Some("+15559999999"));
    let lacks = linked(&fake).await.expect("it is linked").lacks;
    assert_eq!(lacks, Some(("account", "+15559999999".to_owned())));
    fake.with(|state| state.links = Some("+15559999999; touch x"));
    let Err(ChannelError::Disconnected(why)) = linked(&fake).await else { panic!("no number") };
    assert!(why.contains("no number"), "{why}");
}

#[tokio::test]
async fn a_link_that_nobody_scans_and_a_daemon_of_one_account_are_told_without_the_link() {
    let fake = FakeSignal::start().await;
    let words = "Link request error: Connection closed! SGNL://linkdevice?uuid=c2VjcmV0LXV1aWQ%3D&pub_key=BSecretPublicKey";
    fake.with(|state| state.unscanned = Some(words));
    let Err(ChannelError::Disconnected(why)) = linked(&fake).await else { panic!("no link") };
    assert!(why.contains("Connection closed!") && !why.contains("pub_key"), "{why}");
    fake.with(|state| state.single = true);
    let Err(ChannelError::Unauthorized(why)) = begin(&fake).await else { panic!("no link") };
    assert!(why.contains("`-a`"), "{why}");
}
