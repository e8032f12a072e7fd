//! What people read, in one place.

use std::path::Path;

use expect_test::expect;
use openclaw_plugin_sdk::UnixMs;

use super::*;
use crate::{
    machine::{Holder, Program},
    rules::AccountKey,
    run, works,
};

#[test]
#[expect(clippy::too_many_lines, reason = "a list of every text")]
fn what_doctor_says() {
    let (path, program) = (Path::new("/s/a.json"), Program { pid: 7, name: "node".to_owned() });
    let said = [
        needs_restart("gateway.port"),
        foreign(Path::new("/s/openclaw.json")),
        foreign_database(Path::new("/s/state/openclaw.sqlite")),
        leftover(path),
        mode(path, "user 1 owns it, with mode 0666", CHANGEABLE),
        torn(path),
        unfinished(3, "approve"),
        log_unreadable("no"),
        unexplained(2),
        and_more(4),
        disk_full(12),
        synced("Dropbox"),
        held(Some(7), "node"),
        held(None, ""),
        end_holder(Some(7)),
        end_holder(None),
        two(Path::new("/a"), Path::new("/b")),
        two_in_unit(Path::new("/a"), Path::new("/b")),
        silent_gateway("process 7, port 1", "no answer in time"),
        other_build("0.1.0", "0.2.0"),
        port(1, Holder(Some(program.clone()))),
        port(1, Holder(None)),
        foreign_runs(&program),
        token("401"),
        connection("no route"),
        assistant("refused"),
        expiry(0),
        expiry(3),
        unreachable(2),
        full(3),
        unsent(4),
        program_gone(path),
        not_in_unit("A", true),
        not_in_unit("A", false),
    ];
    expect![[r"
        `gateway.port` was changed, and the running gateway uses the old value until it restarts.
        openclaw.json of OpenClaw is here and was never imported.
        OpenClaw kept its approvals in /s/state/openclaw.sqlite, and nothing of it was imported: the people and devices in it are not known here.
        a.json is an old list that is in use here, although OpenClaw kept its list in the database: people that were removed there may have access here.
        /s/a.json: user 1 owns it, with mode 0666. Other users can change it.
        /s/a.json holds no JSON.
        Line 3 of the access log (approve) counts, but its files are not all in place.
        The access log cannot be checked: no
        No line of the access log explains 2 entries of our own files.
        And 4 more problems; `openclaw audit verify` lists them.
        The disk of the state folder has 12 MB left; it needs 100 MB.
        Dropbox copies the state folder elsewhere: secrets leave this machine, and old files can come back.
        Process 7 (node) holds the writers' lock too long.
        A process holds the writers' lock too long.
        kill 7, if it does not end by itself
        end the program that writes this state folder
        /a is in use; /b is another state folder.
        This command uses /a, and the service uses /b.
        A gateway runs (process 7, port 1) and does not answer: no answer in time
        The running gateway is version 0.1.0, and this program is version 0.2.0.
        Process 7 (node) holds port 1.
        Another user's program holds port 1.
        Process 7 (node) is an OpenClaw of Node on this state folder: both write its files and ask the same platforms.
        The platform refuses the credentials, and the account has stopped: 401
        It does not work as it should: no route
        It does not answer: refused
        The certificate has expired, or does within a day.
        The certificate expires in 3 days.
        2 messages to owners have waited for more than an hour.
        All 3 places are taken by old requests: new strangers cannot ask.
        4 messages wait, the oldest for more than a day.
        The unit starts /s/a.json, which does not exist.
        `A` is set in this shell but not for the service.
        The configuration needs `A`, and the service does not have it."]].assert_eq(&said.join("\n"));
}

#[test]
fn what_the_audit_says() {
    let key = AccountKey::default_of("telegram");
    let one = Accepted {
        id: "access.open".to_owned(),
        subject: Some("telegram".to_owned()),
        reason: "a help desk".to_owned(),
        until: "2027-01-01".to_owned(),
        ends: UnixMs(0),
        line: 3,
    };
    let said = [
        pairing_again(&key),
        groups_again(&key),
        group_open(true),
        wildcard("allow_from"),
        many(30),
        revoke("telegram/work:7"),
        unlist(4),
        owners(5),
        no_owner_any_more("telegram:7"),
        stronger("A_TOKEN"),
        take_out("http://a.example", "gateway.control_ui.allowed_origins"),
        deny("system.run"),
        into_file("gateway.auth.token"),
        unnamed_proxy(3, &["10.0.0.1".to_owned()]),
        admin("owner", 3),
        remove("abc"),
        runs_programs("system.run"),
        in_unit("A_TOKEN"),
        secret_file(Path::new("/s/token")),
        in_log("gateway.auth"),
        accepts(&one),
        accepted_until(&one),
        accepts_nothing("acess.open", Some("access.open")),
    ];
    expect![[r#"
        openclaw config set channels.telegram.dm_policy pairing && openclaw config unset channels.telegram.allow_from
        openclaw config set channels.telegram.group_policy allowlist
        `group_policy` is "open": everyone is heard in every group, also without a mention.
        `allow_from` has "*": everyone is let in.
        30 people have access for good.
        take the entry out of the configuration, then `openclaw access revoke telegram/work:7`
        take the entry out of line 4 of the configuration
        There are 5 owners. Each of them can let people in.
        take `telegram:7` out of `owner.allow_from`; if you know them, `[audit] accept` ends the warning
        set `A_TOKEN` to a longer secret that no other place uses
        take `http://a.example` out of the list `gateway.control_ui.allowed_origins`
        add `system.run` to the list `gateway.nodes.commands.deny`
        move the secret into a file with mode 0600, and write `token_file = "<its path>"` in place of `token`
        3 requests came through proxies that `gateway.trusted_proxies` does not name: 10.0.0.1.
        This device has all rights. It came in by owner, and was last seen 3 days ago.
        openclaw devices remove abc
        This node may be asked for `system.run`, which runs programs.
        The unit sets `A_TOKEN`: each reader of the unit has the secret.
        Other users can read /s/token.
        The secret of `gateway.auth` stands in this file.
        access.open (telegram) is accepted until 2027-01-01: a help desk
        access.open was accepted until 2027-01-01: it counts again.
        No finding has the id `acess.open`, so this accepts nothing. Did you mean `access.open`?"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn a_chat_is_told_no_path_and_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let mut context = works::tests::context(folder.path());
    context.now = UnixMs(0);
    assert!(run(works::CHECKS, &context).for_chat().starts_with("Nothing found: "));
    let file = folder.path().join("openclaw.json");
    std::fs::File::create(file).unwrap();
    let said = run(works::CHECKS, &context).for_chat();
    assert!(!said.contains(&folder.path().display().to_string()), "{said}");
    assert!(said.contains("info config.foreign (openclaw.json): A configuration of OpenClaw"));
}

#[test]
fn case_142_a_command_to_copy_is_safe_for_a_shell_and_a_terminal() {
    let shown = |path: &str| move_away(Path::new(path));
    assert_eq!(
        shown("/home/ann/.openclaw/a-b_c.json"),
        "mv /home/ann/.openclaw/a-b_c.json /home/ann/.openclaw/a-b_c.json.old"
    );
    assert_eq!(shown("/s/$(id) it's"), r"mv '/s/$(id) it'\''s' '/s/$(id) it'\''s.old'");
    assert_eq!(shown("-rf"), "mv '-rf' '-rf.old'");
    let fix = Fix { command: chmod(0o600, Path::new("/s/\u{1b}[2J\nx")), repair: None };
    assert_eq!(super::fix(&fix), "fix: chmod 600 '/s/\u{fffd}[2J\u{fffd}x'");
}
