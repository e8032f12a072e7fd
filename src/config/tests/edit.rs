//! One key set or removed: what stays, what is refused, and that nothing is written then.

use std::os::unix::fs::PermissionsExt;

use super::{Home, stand_ins};
use crate::{
    Source,
    edit::{EditError, edit},
    store::paths::StateDir,
};

const FILE: &str = "\
# mine
[gateway]
port = 1 # the old one

[owner]
# Who decides.
allow_from = [\"telegram:7\"]

[channels.telegram]
bot_token = '1:a'
";

impl Home {
    fn edit(&self, path: &str, value: &[&str]) -> Result<Vec<String>, EditError> {
        let value: Vec<String> = value.iter().map(|&one| one.to_owned()).collect();
        self.change(path, Some(&value))
    }

    fn change(&self, path: &str, value: Option<&[String]>) -> Result<Vec<String>, EditError> {
        let state = StateDir::at(self.folder.path());
        let env = |name: &str| self.env.get(name).cloned();
        edit(&Source { flag: None, env: &env, state: &state }, stand_ins(), &[(path, value)])
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("config.toml")).unwrap()
    }
}

#[test]
fn a_value_takes_the_place_of_another_and_comments_stay() {
    let home = Home::with(FILE);
    assert_eq!(home.edit("gateway.port", &["18790"]).unwrap(), [""; 0]);
    home.edit("owner.allow_from", &["telegram:7", "telegram:8"]).unwrap();
    home.edit("channels.telegram.dm_policy", &["disabled"]).unwrap();
    home.edit("owner.cards.burst", &["3"]).unwrap();
    home.edit("assistant.stream", &["off"]).unwrap();
    let changed = FILE
        .replace("port = 1 #", "port = 18790 #")
        .replace(
            "[\"telegram:7\"]\n",
            "[\"telegram:7\", \"telegram:8\"]\n\n[owner.cards]\nburst = 3\n",
        )
        .replace("'1:a'\n", "'1:a'\ndm_policy = \"disabled\"\n")
        + "\n[assistant]\nstream = \"off\"\n";
    assert_eq!(home.text(), changed);
    let mode = std::fs::metadata(home.folder.path().join("config.toml")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_is_not_there_is_made() {
    let home = Home::new();
    home.edit("channels.telegram.bot_token", &["${TOKEN}"]).unwrap_err();
    let home = home.set("TOKEN", "1:a");
    home.edit("channels.telegram.bot_token", &["${TOKEN}"]).unwrap();
    assert_eq!(home.text(), "[channels.telegram]\nbot_token = \"${TOKEN}\"\n");
}

#[test]
fn tables_of_any_form_are_changed_where_they_stand() {
    for (before, after) in [
        ("gateway.port = 1\n", "gateway.port = 2\n"),
        ("gateway = { port = 1 } # one\n", "gateway = { port = 2 } # one\n"),
        ("[gateway]\n\"port\" = 1\n", "[gateway]\n\"port\" = 2\n"),
    ] {
        let home = Home::with(before);
        home.edit("gateway.port", &["2"]).unwrap();
        assert_eq!(home.text(), after);
    }
}

#[test]
fn a_removed_key_leaves_its_default_also_at_the_end_of_the_file() {
    let home = Home::with(FILE);
    home.load().unwrap().remember(&StateDir::at(home.folder.path())).unwrap();
    home.change("gateway.port", None).unwrap();
    home.change("channels.telegram", None).unwrap();
    // The comment above the emptied table stays, and so does the table.
    let left = "# mine\n[gateway]\n# the old one\n\n[owner]\n# Who decides.\n";
    assert!(home.text().starts_with(left), "{}", home.text());
    home.edit("owner.cards.burst", &["3"]).unwrap();
    home.change("owner.cards.burst", None).unwrap();
    assert!(!home.text().contains("cards"), "{}", home.text());
    assert!(home.text().ends_with("\"telegram:7\"]\n# end\n"), "{}", home.text());
    assert_eq!(home.load().unwrap().port, crate::PORT);
    let error = home.change("gateway.port", None).unwrap_err();
    assert!(matches!(error, EditError::Absent(..)), "{error}");
}

#[test]
fn a_removed_key_takes_no_comment_with_it() {
    for (before, key, after) in [
        (
            "#:schema ./s.json\n# mine\n\n# The port.\ngateway.port = 1 # old\n# next\npairing.reply = 'silent'\n",
            "gateway.port",
            "#:schema ./s.json\n# mine\n\n# The port.\n# old\n# next\npairing.reply = 'silent'\n",
        ),
        ("# first\n[gateway]\nport = 1\n", "gateway.port", "# first\n[gateway]\n"),
        ("[gateway]\n# of it\nport = 1\n", "gateway.port", "[gateway]\n# of it\n"),
        ("[gateway] # of it\nport = 1", "gateway.port", "[gateway] # of it\n"),
        (
            "# a\n\n[gateway]\nport = 1\n\n# b\n[owner]\nnotify = []\n",
            "gateway.port",
            "# a\n\n# b\n[owner]\nnotify = []\n",
        ),
        (
            "# a\n[channels.telegram] # b\n  # c\n  bot_token = '1:a' # d\n# e\n",
            "channels.telegram",
            "# a\n# b\n  # c\n# d\n# e\n",
        ),
        ("owner.allow_from = [ # a\n  'telegram:7', # b\n]\n# c\n", "owner.allow_from", "# c\n"),
        (
            "gateway = { port = 1, bind = 'loopback' } # a\n",
            "gateway.port",
            "gateway = { bind = 'loopback' } # a\n",
        ),
        ("[owner.cards]\nburst = 3\n", "owner.cards.burst", ""),
        (
            "[owner.cards]\nburst = 3\nper_minute = 4\n",
            "owner.cards.burst",
            "[owner.cards]\nper_minute = 4\n",
        ),
    ] {
        let home = Home::with(before);
        home.change(key, None).unwrap();
        let text = home.text();
        assert_eq!(text.strip_suffix("# end\n").unwrap_or(&text), after, "{before}");
    }
}

#[test]
fn a_removed_table_takes_no_other_key_with_it() {
    let limits = "[gateway.limits]\nper_address = 5\n";
    let owner = "[owner]\ntime_zone = 'UTC' # r\n";
    let auth = "[gateway.auth]\nmode = 'token'\n";
    let pairing = "[pairing]\nreply = 'silent'\n";
    let account = "[channels.telegram.accounts.b]\nbot_token = '1:a'\n\n";
    let dotted =
        "gateway.port = 1 # q\nowner.time_zone = 'UTC' # r\ngateway.bind = 'loopback'\n# s";
    for (text, path, stays) in [
        (dotted.to_owned(), "gateway", "owner.time_zone = 'UTC'"),
        (format!("{limits}{owner}{auth}{pairing}"), "gateway", &format!("{owner}{pairing}")),
        (format!("gateway.port = 1\n{owner}"), "gateway", owner),
        (format!("{auth}\n{pairing}"), "gateway", pairing),
        ("# only\nowner.time_zone = 'UTC' # r".to_owned(), "owner", ""),
        (format!("{account}{owner}"), "channels.telegram", owner),
        (format!("{account}{owner}"), "channels.telegram.accounts", owner),
        (format!("[channels.telegram]\n{account}{owner}"), "channels.telegram", owner),
    ] {
        let home = Home::with(&text);
        home.change(path, None).unwrap_or_else(|error| panic!("{text}: {error}"));
        let left: toml::Table = home.text().parse().unwrap();
        assert_eq!(left, stays.parse().unwrap(), "{text} without {path} is {}", home.text());
        for comment in ["# q", "# r", "# s", "# only"] {
            assert_eq!(text.contains(comment), home.text().contains(comment), "{}", home.text());
        }
    }
}

#[test]
fn what_would_not_load_is_not_written() {
    for (path, value, said) in [
        ("gateway.port", "65536", "`gateway.port` is a whole number from 0 to 65535"),
        ("gateway.bind", "lann", "did you mean `lan`?"),
        ("gateway.bind", "custom", "needs `gateway.custom_bind_host`"),
        ("owner.allow_from", "*", "never everyone"),
        ("gateway.port", "x", "`gateway.port` is a whole number"),
        ("channels.telegram.enabled", "yes", "is `true` or `false`"),
        ("owner.allow_from", "[telegram:7", "is a list"),
        ("gateway", "1", "`gateway` is a table; name a key in it"),
        ("gateway.prt", "1", "did you mean `port`?"),
    ] {
        let home = Home::with(FILE);
        let error = home.edit(path, &[value]).unwrap_err().to_string();
        assert!(error.contains(said), "{path} = {value}: {error}");
        assert_eq!(home.text(), FILE);
    }
    let home = Home::with(FILE);
    assert!(home.edit("gateway.port", &["1", "2"]).is_err());
    // A value of a secret is in no error.
    let error = home.edit("channels.telegram.bot_token", &["s3cret"]).unwrap_err().to_string();
    assert!(
        error.contains("`channels.telegram.bot_token`") && !error.contains("s3cret"),
        "{error}"
    );
}

#[test]
fn while_the_file_does_not_load_nothing_is_changed() {
    let broken = format!("{FILE}dm_polcy = 'open'\n");
    let home = Home::with(&broken);
    let error = home.edit("gateway.port", &["2"]).unwrap_err();
    assert!(matches!(error, EditError::Config(_)), "{error}");
    assert!(error.to_string().contains("did you mean `dm_policy`?"), "{error}");
    assert_eq!(home.text(), broken);
}

#[test]
fn a_new_warning_is_told() {
    let home = Home::with(FILE);
    let warnings = home.edit("gateway.bind", &["lan"]).unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("without TLS"), "{warnings:?}");
    assert_eq!(home.edit("gateway.port", &["2"]).unwrap(), [""; 0]);
}

#[test]
fn two_that_change_the_file_at_once_lose_nothing_of_each_other() {
    let home = Home::with(FILE);
    for round in 1..20 {
        let (port, burst) = (round.to_string(), (round + 20).to_string());
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for (key, value) in [("gateway.port", &port), ("owner.cards.burst", &burst)] {
                let (home, start) = (&home, &start);
                scope.spawn(move || {
                    start.wait();
                    home.edit(key, &[value]).unwrap();
                });
            }
        });
        let text = home.text();
        let both = [format!("port = {port} "), format!("burst = {burst}")];
        assert!(both.iter().all(|line| text.contains(line)), "{text}");
    }
}
