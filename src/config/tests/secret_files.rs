//! A secret in a file of its own, and each file that holds none.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use super::{Home, example::registered};
use crate::{
    Source, load,
    schema::{Key, Kind},
    show::show,
    store::paths::StateDir,
};

const SECRET: &str = "123456:a-secret";

fn config(home: &Home, text: &str) -> Result<crate::Config, String> {
    home.write("config.toml", &text.replace("{home}", &home.folder.path().display().to_string()));
    let state = StateDir::at(home.folder.path());
    let env = |name: &str| {
        let folder = home.folder.path().join("credentials");
        (name == "CREDENTIALS_DIRECTORY").then(|| folder.display().to_string())
    };
    load(&Source { flag: None, env: &env, state: &state }, registered())
        .map_err(|error| error.to_string())
}

#[test]
fn each_secret_may_stand_in_a_file_and_is_shown_nowhere() {
    let home = Home::new();
    std::fs::create_dir(home.folder.path().join("credentials")).unwrap();
    for name in ["bot", "gateway", "password", "api"] {
        home.write(&format!("credentials/{name}"), &format!("{SECRET}{name}\n"));
    }
    let text = "[gateway.auth]\ntoken_file = '${CREDENTIALS_DIRECTORY}/gateway'\n\
                password_file = '{home}/credentials/password'\n\
                [channels.telegram]\nbot_token_file = '${CREDENTIALS_DIRECTORY}/bot'\n\
                [channels.discord.accounts.work]\ntoken_file = '{home}/credentials/password'\n\
                [assistant]\nresponder = 'openai'\n[assistant.openai]\nmodel = 'm'\n\
                base_url = 'https://h'\napi_key_file = '{home}/credentials/api'\n";
    let config = config(&home, text).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    let of = |channel: &str| config.accounts.iter().find(|it| it.plugin.id == channel).unwrap();
    let said = of("telegram").settings["bot_token"].as_str().unwrap();
    assert_eq!(said, format!("{SECRET}bot"));
    let said = of("discord").settings["token"].as_str().unwrap();
    assert_eq!(said, format!("{SECRET}password"));
    let api = &config.assistant.tables["openai"]["api_key"];
    assert_eq!(api.as_str(), Some(&*format!("{SECRET}api")));
    let auth = &config.gateway.auth;
    assert_eq!(auth.token.as_ref().unwrap().secret.expose(), format!("{SECRET}gateway"));
    assert_eq!(auth.password.as_ref().unwrap().secret.expose(), format!("{SECRET}password"));
    let shown = show(&config);
    assert!(!shown.contains(SECRET) && !format!("{config:?}").contains(SECRET), "{shown}");
    let lines = shown.lines().filter(|line| line.contains("_file = "));
    let mut keys: Vec<&str> = lines.filter_map(|line| line.split(' ').next()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["api_key_file", "bot_token_file", "password_file", "token_file", "token_file"],
        "{shown}"
    );
}

#[test]
fn a_file_that_holds_no_secret_is_an_error_that_names_it() {
    let home = Home::new();
    std::fs::create_dir(home.folder.path().join("folder")).unwrap();
    home.write("empty", "\n");
    home.write("two", "a\nb\n");
    home.write("bell", "a\u{7}b\n");
    home.write("long", &"a".repeat(64 * 1024 + 1));
    home.write("other", "t\u{fffd}");
    let other = home.folder.path().join("other");
    std::os::unix::fs::symlink(&other, home.folder.path().join("link")).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no care")]
    std::fs::write(&other, b"t\xff").unwrap();
    for (name, why) in [
        ("missing", "No such file"),
        ("folder", "folder"),
        ("empty", "it is empty"),
        ("two", "more than one line"),
        ("bell", "no text"),
        ("long", "longer than 64 KiB"),
        ("link", "not UTF-8"),
    ] {
        let text = format!("[channels.telegram]\nbot_token_file = '{{home}}/{name}'\n");
        let said = config(&home, &text).unwrap_err();
        let named = "config.toml:2: `channels.telegram.bot_token_file` ";
        assert!(said.contains(named) && said.contains(name) && said.contains(why), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let off = config(
            &home,
            &text.replace("[channels.telegram]\n", "[channels.telegram]\nenabled = false\n"),
        );
        assert!(off.is_ok(), "{off:?}");
    }
    for (value, why) in
        [("'t'", "must be an absolute path"), ("7", "is a path in quotes, not a number")]
    {
        let said = config(&home, &format!("[gateway.auth]\ntoken_file = {value}\n")).unwrap_err();
        assert!(said.contains("`gateway.auth.token_file`") && said.contains(why), "{said}");
    }
    let both = "[gateway.auth]\ntoken = 'a'\ntoken_file = '{home}/two'\n";
    let said = config(&home, both).unwrap_err();
    assert!(
        said.contains("config.toml:3: `gateway.auth.token_file` stands beside `token`"),
        "{said}"
    );
}

#[test]
fn a_secret_that_others_may_read_is_warned_of() {
    let home = Home::new();
    let file = home.write("bot", SECRET);
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let text = "[channels.telegram]\nbot_token_file = '{home}/bot'\n";
    let [warning] = &*config(&home, text).unwrap().warnings else { panic!() };
    assert!(
        warning.contains("bot_token_file") && warning.contains("everybody may read"),
        "{warning}"
    );
    assert!(!warning.contains(SECRET), "{warning}");
}

#[test]
fn the_schema_has_a_file_for_each_secret_key() {
    let root = Key::root(registered());
    let paths: Vec<String> = root.leaves().into_iter().map(|(path, _)| path).collect();
    for plugin in registered().channels {
        for key in plugin.secret_keys {
            let path = format!("channels.{}.{key}_file", plugin.id);
            assert!(paths.contains(&path), "{path}");
        }
    }
    for path in
        ["gateway.auth.token_file", "gateway.auth.password_file", "assistant.openai.api_key_file"]
    {
        let key = root.find(path).unwrap();
        assert!(matches!(key.kind, Kind::Text) && !key.about().is_empty(), "{path}");
    }
}
