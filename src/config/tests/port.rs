//! The tables about the port: what they mean, and what they must not say together.

use super::{Home, load, wrong};
use crate::{
    Config,
    device_pair::Mdns,
    gateway::{AuthMode, Bind, Limits, Tailscale, Tls},
    rules::device::handshake::SetupApproval,
    show::show,
};

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(wrong(text), expected, "{text}");
}

fn token(config: &Config) -> Option<(&str, Option<&'static str>)> {
    let given = config.gateway.auth.token.as_ref()?;
    Some((given.secret.expose(), given.env))
}

#[test]
fn without_a_word_it_is_this_machine_with_a_token_and_no_tls() {
    let config = Home::new().load().unwrap();
    let gateway = &config.gateway;
    assert_eq!((gateway.bind, gateway.auth.mode), (Bind::Loopback, AuthMode::Token));
    assert!(gateway.auth.token.is_none() && gateway.auth.password.is_none());
    assert_eq!(gateway.tls, Tls::default());
    assert!(!gateway.tls.enabled && gateway.tls.auto_generate);
    assert_eq!(gateway.limits, Limits { unauthenticated: 512, per_address: 64 });
    assert!(gateway.nodes.auto_approve_local && gateway.nodes.auto_approve_cidrs.is_empty());
    assert!(gateway.trusted_proxies.is_empty() && gateway.tailscale == Tailscale::Off);
    let pair = &config.device_pair;
    assert!(pair.probe && pair.public_url.is_none() && pair.approve == SetupApproval::Owner);
    assert_eq!(config.mdns, Mdns::Minimal);
}

#[test]
fn every_key_means_what_it_says() {
    let config = load(
        "[gateway]\nbind = 'custom'\ncustom_bind_host = '192.168.1.10'\n\
         trusted_proxies = ['10.0.0.0/8', '127.0.0.1']\n\
         [gateway.auth]\nmode = 'password'\npassword = 'p'\n\
         [gateway.tls]\nenabled = true\nauto_generate = false\ncert_path = '/c'\nkey_path = '/k'\n\
         [gateway.limits]\nunauthenticated = 20\nper_address = 5\n\
         [gateway.nodes.commands]\nallow = ['camera.snap']\ndeny = ['system.run']\n\
         [gateway.nodes.pairing]\nauto_approve_local = false\nauto_approve_cidrs = ['fd00::/8']\n\
         [gateway.tailscale]\nmode = 'serve'\n\
         [gateway.control_ui]\nallowed_origins = ['https://Panel.example.com']\n\
         [discovery.mdns]\nmode = 'off'\n\
         [plugins.device-pair]\npublic_url = 'https://gw.example.com/'\napprove = 'code'\n\
         probe = false\n",
    );
    let gateway = &config.gateway;
    assert_eq!(gateway.bind, Bind::Custom([192, 168, 1, 10].into()));
    assert_eq!(gateway.auth.mode, AuthMode::Password);
    assert!(gateway.tls.enabled && !gateway.tls.auto_generate);
    assert_eq!(gateway.tls.key_path.as_deref(), Some(std::path::Path::new("/k")));
    assert_eq!(gateway.limits, Limits { unauthenticated: 20, per_address: 5 });
    assert!(gateway.nodes.commands.permits("camera.snap"));
    assert!(!gateway.nodes.commands.permits("system.run"));
    assert!(!gateway.nodes.auto_approve_local);
    assert!(gateway.nodes.auto_approve_cidrs[0].holds("fd00::7".parse().unwrap()));
    assert!(gateway.trusted_proxies[0].holds([10, 1, 2, 3].into()));
    assert_eq!(gateway.tailscale, Tailscale::Serve);
    assert_eq!(gateway.control_ui.allowed_origins, ["https://panel.example.com"]);
    let pair = &config.device_pair;
    let url = pair.public_url.as_ref().unwrap().to_string();
    assert_eq!((url.as_str(), pair.approve), ("wss://gw.example.com", SetupApproval::Code));
    assert!(!pair.probe && config.mdns == Mdns::Off);
    let shown = show(&config);
    let again = load(&shown.replace("***", "p"));
    assert_eq!(show(&again), shown);
    assert!(shown.contains("password = \"***\""), "{shown}");
}

#[test]
fn the_environment_goes_before_the_file_and_the_newer_name_before_the_older() {
    let home = Home::with("gateway.auth.token = 's3cret-file'");
    assert_eq!(token(&home.load().unwrap()), Some(("s3cret-file", None)));
    let home = home.set("CLAWDBOT_GATEWAY_TOKEN", "s3cret-old");
    let older = Some(("s3cret-old", Some("CLAWDBOT_GATEWAY_TOKEN")));
    assert_eq!(token(&home.load().unwrap()), older);
    let home = home.set("OPENCLAW_GATEWAY_TOKEN", " s3cret-new ");
    let config = home.load().unwrap();
    assert_eq!(token(&config), Some(("s3cret-new", Some("OPENCLAW_GATEWAY_TOKEN"))));
    assert!(!format!("{config:?} {}", show(&config)).contains("s3cret"));
    let home = Home::new().set("OPENCLAW_GATEWAY_PASSWORD", "p").set("OPENCLAW_GATEWAY_TOKEN", " ");
    assert_eq!(home.load().unwrap().gateway.auth.mode, AuthMode::Password);
}

#[test]
fn who_asks_for_nothing_is_reached_by_nobody_else() {
    for bind in ["'lan'", "'tailnet'", "'auto'", "'custom'\ncustom_bind_host = '192.168.1.1'"] {
        check(
            &format!("[gateway.auth]\nmode = 'none'\n[gateway]\nbind = {bind}\n"),
            "config.toml:4: `gateway.bind` is `loopback` where `gateway.auth.mode` is `none`",
        );
    }
    check(
        "gateway.auth.mode = 'none'\ngateway.tailscale.mode = 'funnel'\n\
         plugins.device-pair.public_url = 'wss://gw.example.com'",
        "config.toml:2: `gateway.tailscale.mode` is `off` where `gateway.auth.mode` is `none`\n\
         config.toml:3: `plugins.device-pair.public_url` cannot be where `gateway.auth.mode` is \
         `none`: every client from there would get in without a secret",
    );
    for near in ["bind = 'loopback'", "bind = 'custom'\ncustom_bind_host = '::1'"] {
        let config = load(&format!("[gateway]\nauth.mode = 'none'\n{near}\n"));
        assert_eq!(config.gateway.auth.mode, AuthMode::None);
        assert!(config.gateway.bind.is_loopback());
    }
}

#[test]
fn case_059_a_proxy_never_says_who_connects() {
    check(
        "gateway.auth.mode = 'trusted-proxy'",
        "config.toml:1: `gateway.auth.mode` cannot be `trusted-proxy`: \
         a header of a proxy does not prove who connects; use `token`, and pair each device",
    );
}

const REFUSED: &[(&str, &str)] = &[
    (
        "gateway.bind = 'all'",
        "`gateway.bind` is one of `auto`, `custom`, `lan`, `loopback`, `tailnet`",
    ),
    (
        "gateway.bind = 'custom'",
        "`gateway.bind` is `custom`, which needs `gateway.custom_bind_host`",
    ),
    (
        "gateway = { bind = 'custom', custom_bind_host = 'gw.example.com' }",
        "`gateway.custom_bind_host` must be one address of this machine, such as `192.168.1.10`",
    ),
    (
        "gateway = { bind = 'lan', custom_bind_host = '10.0.0.1' }",
        "`gateway.custom_bind_host` is for `gateway.bind = \"custom\"` only",
    ),
    (
        "gateway.auth.token = ' '",
        "`gateway.auth.token` is blank; remove the key, and the gateway makes a token",
    ),
    (
        "gateway.tls.cert_path = '/c'",
        "`gateway.tls.cert_path` needs `gateway.tls.key_path` beside it",
    ),
    (
        "gateway.tls = { cert_path = 'c', key_path = '/k' }",
        "`gateway.tls.cert_path` is an absolute path",
    ),
    (
        "gateway.trusted_proxies = ['10.0.0.0/33']",
        "`gateway.trusted_proxies` has addresses and ranges only, such as `192.168.1.7` and `10.0.0.0/8`",
    ),
    (
        "gateway.nodes.pairing.auto_approve_cidrs = ['0.0.0.0/0']",
        "`gateway.nodes.pairing.auto_approve_cidrs` has a range that is everyone",
    ),
    ("gateway.trusted_proxies = [1]", "`gateway.trusted_proxies` has texts only, not a number"),
    ("gateway.nodes.commands.deny = ['']", "`gateway.nodes.commands.deny` has a blank entry"),
    (
        "gateway.limits.per_address = 600",
        "`gateway.limits.per_address` must be at most 512, the number of places in total",
    ),
    (
        "gateway.control_ui.allowed_origins = ['*']",
        "`gateway.control_ui.allowed_origins` must list origins such as `https://host` or \
             `http://host:8080`, and never `*`",
    ),
    (
        "gateway.tls.enabeld = true",
        "unknown key `enabeld` in `gateway.tls`; did you mean `enabled`?",
    ),
    (
        "gateway.tls.caPath = '/x'",
        "`gateway.tls.caPath` has no counterpart here: clients need no certificate",
    ),
    (
        "gateway.auth.allowTailscale = true",
        "`gateway.auth.allowTailscale` has no counterpart here: a tailnet is no proof of who connects",
    ),
    (
        "gateway.nodes.allowCommands = ['x']",
        "`gateway.nodes.allowCommands` is `gateway.nodes.commands.allow` here",
    ),
    ("discovery.mdns.mode = 'full'", "`discovery.mdns.mode` is one of `minimal`, `off`"),
    (
        "plugins.device_pair.probe = true",
        "unknown key `device_pair` in `plugins`; did you mean `device-pair`?",
    ),
    (
        "plugins.entries.device-pair.config.publicUrl = 'x'",
        "`plugins.entries.device-pair.config.publicUrl` is `plugins.device-pair.public_url` here",
    ),
    (
        "plugins.device-pair.public_url = 'ws://gw.example.com'",
        "`plugins.device-pair.public_url` leads beyond a private network, \
             where only `wss://` or `https://` is safe",
    ),
    (
        "plugins.device-pair.public_url = 'https://gw.example.com/x'",
        "`plugins.device-pair.public_url` has a path: a phone is given host and port only",
    ),
];

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    for (text, said) in REFUSED {
        check(text, &format!("config.toml:1: {said}"));
    }
}
