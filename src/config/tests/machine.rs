//! What this machine has of what the configuration names.

use super::{Home, example::registered};
use crate::{Config, Source, load, store::paths::StateDir};

/// The configuration of this text, with the channels that there are.
fn loaded(text: &str) -> Config {
    let home = Home::with(text);
    let state = StateDir::at(home.folder.path());
    let env = |name: &str| (name == "PATH").then(|| "/usr/bin:/bin".to_owned());
    load(&Source { flag: None, env: &env, state: &state }, registered()).unwrap()
}

#[test]
fn a_program_that_an_account_starts_and_that_is_not_there_is_lacking() {
    let lacking = |program: &str| {
        let account = "[channels.signal]\naccount = '+15551234567'\n";
        loaded(&format!("{account}cli_path = '{program}'\n")).lacking
    };
    for missing in ["/no/such/signal-cli", "no-such-signal-cli", "/etc/passwd", "/etc"] {
        let [said] = &*lacking(missing) else { panic!("{missing}") };
        assert!(said.contains("channels.signal: `cli_path`") && said.contains(missing), "{said}");
    }
    for found in ["/bin/sh", "sh"] {
        assert_eq!(lacking(found), [""; 0], "{found}");
    }
}

#[test]
fn a_channel_that_its_platform_calls_is_warned_of_where_only_this_machine_gets_in() {
    let warned = |more: &str| {
        let account = "[channels.feishu]\napp_id = 'cli_1'\napp_secret = 'secret-part'\n";
        let by = "encrypt_key = 'abcdefgh1234'\nverification_token = 'abcdefgh1234'\n";
        loaded(&format!("{more}\n{account}connection_mode = 'webhook'\n{by}")).warnings
    };
    let [said] = &*warned("") else { panic!() };
    assert!(said.starts_with("channels.feishu: its platform calls `/"), "{said}");
    let mac =
        "[channels.bluebubbles]\nserver_url = 'http://127.0.0.1:1'\npassword = 'secret-part'\n";
    let at = |url: &str| {
        let warnings =
            loaded(&format!("{mac}callback_url = '{url}/bluebubbles-webhook'\n")).warnings;
        warnings.iter().any(|said| said.starts_with("channels.bluebubbles: its platform calls"))
    };
    assert!(at("https://gateway.example") && !at("http://127.0.0.1:18789"));
    for fits in ["gateway.trusted_proxies = ['127.0.0.1']", "gateway.tailscale.mode = 'funnel'"] {
        assert!(!warned(fits).iter().any(|said| said.contains("its platform calls")), "{fits}");
    }
}
