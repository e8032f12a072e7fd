//! A configuration of the field's own in the state folder.

use super::Home;

#[test]
fn an_openclaw_json_is_not_read_and_its_keys_are_listed() {
    let home = Home::new();
    home.write(
        "openclaw.json",
        "{ // mine\n gateway: { port: 7, auth: { token: 's3cret' } },\n \
         channels: { telegram: { botToken: '1:s3cret', dmPolicy: 'open', groups: { '*': {} },\n \
         accounts: { work: { allowFrom: ['s3cret'] } } }, signal: { account: '+1' } },\n \
         commands: { ownerAllowFrom: ['s3cret'] } }",
    );
    let config = home.load().unwrap();
    assert_eq!(config.port, crate::PORT);
    let [warning] = config.warnings.as_slice() else { panic!("{:?}", config.warnings) };
    let (before, keys) = warning.split_once(". With a counterpart here: ").unwrap();
    assert!(
        before.ends_with("openclaw.json is not read; `openclaw import` takes it over"),
        "{before}"
    );
    assert_eq!(
        keys,
        "ˋgateway.portˋ".replace('ˋ', "`")
            + " is `gateway.port`, `gateway.auth.token` is `gateway.auth.token`, \
               `channels.telegram.botToken` is `channels.telegram.bot_token`, \
               `channels.telegram.dmPolicy` is `channels.telegram.dm_policy`, \
               `channels.telegram.groups` is `channels.telegram.groups`, \
               `channels.telegram.accounts.work.allowFrom` is \
               `channels.telegram.accounts.work.allow_from`, \
               `commands.ownerAllowFrom` is `owner.allow_from`"
    );
}

#[test]
fn a_torn_or_strange_file_is_named_and_nothing_more() {
    for text in ["", "{", "\u{0}", "[[[", "{\"a\": \"\u{1b}[31m\"}"] {
        let home = Home::new();
        home.write("openclaw.json", text);
        let config = home.load().unwrap();
        let [warning] = config.warnings.as_slice() else { panic!("{text}") };
        assert!(warning.ends_with(
            "is not read; `openclaw import` takes it over. None of its keys has a counterpart here"
        ));
    }
    let home = Home::new();
    home.write("moltbot.json", "{telegram: {botToken: 's3cret'}}");
    let config = home.load().unwrap();
    assert!(config.warnings[0].ends_with("`telegram.botToken` is `channels.telegram.bot_token`"));
}
