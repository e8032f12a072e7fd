//! Where the configuration comes from, and where it does not.

use std::process::Command;

use super::{Home, load, stand_ins};
use crate::{PORT, Source, path, problem::ConfigError, store::paths::StateDir};

#[test]
fn without_a_file_there_are_the_built_in_channels() {
    let config = Home::new().load().unwrap();
    let ids: Vec<&str> = config.accounts.iter().map(|account| account.plugin.id).collect();
    assert_eq!(ids, ["terminal", "webchat"]);
    assert!(config.accounts.iter().all(|account| account.enabled));
    assert_eq!((config.port, config.file), (PORT, None));
    assert_eq!(config.assistant.responder, "echo");
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn a_file_adds_to_the_built_in_channels_and_can_turn_them_off() {
    let config = load("channels.webchat.enabled = false\nchannels.telegram.bot_token = '1:a'");
    let on: Vec<_> = config.accounts.iter().map(|a| (a.plugin.id, a.enabled)).collect();
    assert_eq!(on, [("telegram", true), ("terminal", true), ("webchat", false)]);
}

#[test]
fn the_flag_goes_before_the_environment_and_that_before_the_state_folder() {
    let home = Home::with("gateway.port = 1");
    assert_eq!(home.load().unwrap().port, 1);
    let named = home.write("named.toml", "gateway.port = 2");
    let flag = home.write("flag.toml", "gateway.port = 3");
    let home = home.set("OPENCLAW_CONFIG_PATH", named.to_str().unwrap());
    assert_eq!(home.load().unwrap().port, 2);
    let config = home.load_from(Some(&flag)).unwrap();
    assert_eq!((config.port, config.file), (3, Some(flag)));
}

#[test]
fn a_named_file_that_is_missing_is_an_error_that_says_who_named_it() {
    let home = Home::with("gateway.port = 1").set("OPENCLAW_CONFIG_PATH", "/no/such.toml");
    let error = home.load().unwrap_err();
    assert!(matches!(error, ConfigError::Missing { named_by: "OPENCLAW_CONFIG_PATH", .. }));
    assert!(error.to_string().contains("/no/such.toml"), "{error}");
    let flag = std::path::Path::new("/no/other.toml");
    let error = home.load_from(Some(flag)).unwrap_err();
    assert!(matches!(error, ConfigError::Missing { named_by: "--config", .. }), "{error}");
}

#[test]
fn a_default_that_cannot_be_read_is_not_taken_for_absent() {
    let home = Home::new();
    let at = home.folder.path().join("config.toml");
    std::os::unix::fs::symlink("/no/such/file", &at).unwrap();
    assert!(matches!(home.load(), Err(ConfigError::Unreadable { .. })));
    std::fs::remove_file(&at).unwrap();
    std::fs::create_dir(&at).unwrap();
    assert!(matches!(home.load(), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn the_environment_names_the_port() {
    let home = Home::with("gateway.port = 1").set("OPENCLAW_GATEWAY_PORT", "7");
    assert_eq!(home.load().unwrap().port, 7);
    let home = home.set("OPENCLAW_GATEWAY_PORT", "70000");
    assert_eq!(home.wrong(), "`OPENCLAW_GATEWAY_PORT` is a port from 0 to 65535");
}

#[test]
fn case_118_nothing_is_read_from_the_working_directory() {
    let home = Home::new();
    let cwd = tempfile::tempdir().unwrap();
    for name in ["config.toml", "openclaw.toml", "openclaw.json", ".env"] {
        let text = "gateway.port = 1\n[owner]\nallow_from = [\"telegram:1\"]\n";
        let text = if name == ".env" { "TELEGRAM_BOT_TOKEN=1:a\n" } else { text };
        std::fs::copy(home.write("text", text), cwd.path().join(name)).unwrap();
    }
    std::fs::remove_file(home.folder.path().join("text")).unwrap();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "tests::finding::loads_nothing_here"])
        .current_dir(cwd.path())
        .env_clear()
        .env("OC_TEST_STATE", home.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run by case_118, in a folder and an environment of its own"]
fn loads_nothing_here() {
    // Alone it has nothing to look at: only the test above gives it a folder.
    let Ok(state) = std::env::var("OC_TEST_STATE") else { return };
    let state = StateDir::at(state);
    assert!(std::path::Path::new("config.toml").exists());
    let env = |name: &str| std::env::var(name).ok();
    let source = Source { flag: None, env: &env, state: &state };
    assert_eq!(path(&source), state.config());
    let config = crate::load(&source, stand_ins()).unwrap();
    assert_eq!((config.port, &config.file), (PORT, &None));
    assert!(config.owners.is_empty() && config.account_ids() == ["terminal", "webchat"]);
    assert_eq!(config.warnings, [""; 0]);
}

impl crate::Config {
    fn account_ids(&self) -> Vec<&'static str> {
        self.accounts.iter().map(|account| account.plugin.id).collect()
    }
}
