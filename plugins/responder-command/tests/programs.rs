//! Real programs answer, fail, hang, print too much and leave others behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up fails the test")]

use std::time::Duration;

use openclaw_plugin_sdk::{
    AccountId, Answer, PersonRole, Prompt, Responder, ResponderError, Settings, SettingsError,
    toml::{Table, Value},
};
use responder_command::PLUGIN;
use tempfile::TempDir;
use tokio::{io::AsyncReadExt as _, sync::mpsc};

fn open(table: Table) -> Result<Box<dyn Responder>, SettingsError> {
    let (account, commands) = (AccountId::default_account(), Vec::new());
    (PLUGIN.open)(Settings { account, table, key: [0; 32], commands })
}

fn prompt(text: &str) -> Prompt {
    Prompt {
        conversation: "telegram/default/4711".into(),
        channel: "telegram".into(),
        sender: "4711".into(),
        name: Some("Ann \"A\"".into()),
        text: text.into(),
        ..Prompt::default()
    }
}

async fn ask(responder: &dyn Responder, text: &str) -> Result<String, ResponderError> {
    let (pieces, mut heard) = mpsc::channel(8);
    responder.respond(&prompt(text), &Answer::new(pieces)).await?;
    let mut answer = String::new();
    while let Some(piece) = heard.recv().await {
        answer.push_str(&piece);
    }
    Ok(answer)
}

/// The table that runs these lines of a shell script.
fn script(lines: &str) -> Table {
    let args = vec![Value::from("-c"), Value::from(lines)];
    Table::from_iter([
        ("program".to_owned(), Value::from("/bin/sh")),
        ("args".to_owned(), Value::from(args)),
    ])
}

async fn run(lines: &str) -> Result<String, ResponderError> {
    ask(&*open(script(lines)).unwrap(), "hello").await
}

async fn failure(lines: &str) -> String {
    match run(lines).await {
        Err(ResponderError::Failed(text)) => text,
        other => panic!("a failure, not {other:?}"),
    }
}

#[tokio::test]
async fn the_program_reads_the_message_as_one_line_of_json() {
    let cat = open("program = 'cat'".parse().unwrap()).unwrap();
    let answer = ask(&*cat, "two\nlines, Ärger").await.unwrap();
    assert_eq!(
        answer,
        r#"{"conversation":"telegram/default/4711","channel":"telegram","sender":"4711","name":"Ann \"A\"","note":null,"role":"guest","group":false,"access_ends":null,"history":[],"text":"two\nlines, Ärger","files":[],"answer_folder":null}"#
    );
}

#[tokio::test]
async fn the_program_reads_who_asks_and_what_was_said() {
    let responder = open("program = 'cat'".parse().unwrap()).unwrap();
    let prompt = Prompt {
        note: Some("my sister".into()),
        role: PersonRole::Owner,
        shared: true,
        access_ends: Some("2026-02-13T10:00:00.000Z".into()),
        ..prompt("hello")
    };
    let (pieces, mut heard) = mpsc::channel(8);
    for _ in 0..2 {
        responder.respond(&prompt, &Answer::new(pieces.clone())).await.unwrap();
    }
    let known = r#""note":"my sister","role":"owner","group":true,"shared":true,"access_ends":"2026-02-13T10:00:00.000Z""#;
    let first = heard.recv().await.unwrap();
    assert!(first.contains(known) && first.contains(r#""history":[]"#), "{first}");
    let second: serde_json::Value = serde_json::from_str(&heard.recv().await.unwrap()).unwrap();
    let turn = serde_json::json!({ "question": "Ann \"A\" (4711): hello", "answer": first });
    assert_eq!(second["history"], serde_json::json!([turn]));
    responder.forget("telegram/default/4711").await;
    responder.respond(&prompt, &Answer::new(pieces)).await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), first, "nothing is remembered");
}

#[tokio::test]
async fn a_program_that_failed_is_told_no_failure_as_history() {
    let lines = "read -r line; case $line in *fail*) exit 1;; *) echo \"$line\";; esac";
    let responder = open(script(lines)).unwrap();
    ask(&*responder, "fail").await.unwrap_err();
    assert!(ask(&*responder, "hello").await.unwrap().contains(r#""history":[]"#));
    let without = open("program = 'cat'\nhistory_turns = 0".parse().unwrap()).unwrap();
    for _ in 0..2 {
        assert!(ask(&*without, "hello").await.unwrap().contains(r#""history":[]"#));
    }
}

#[tokio::test]
async fn what_the_program_thinks_is_no_answer() {
    assert_eq!(run("echo '<think>hm'; echo '</think>'; echo Hi").await.unwrap(), "Hi");
    assert!(failure("echo '<think>hm</think>'").await.contains("without an answer"));
}

#[tokio::test]
async fn arguments_reach_the_program_without_a_shell() {
    let table = "program = '/bin/echo'\nargs = ['$HOME', '; ls', '*']".parse().unwrap();
    assert_eq!(ask(&*open(table).unwrap(), "hello").await.unwrap(), "$HOME ; ls *");
}

#[tokio::test]
async fn only_the_named_environment_is_passed() {
    let names = |answer: String| {
        let mut names: Vec<_> =
            answer.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
        names.sort();
        names
    };
    let expected = |more: Option<&str>| {
        let all = ["PATH", "HOME", "LANG"].into_iter().chain(more);
        let mut set: Vec<_> =
            all.filter(|name| std::env::var_os(name).is_some()).map(str::to_owned).collect();
        set.sort();
        set
    };
    let plain = open("program = 'env'".parse().unwrap()).unwrap();
    assert_eq!(names(ask(&*plain, "").await.unwrap()), expected(None));
    // Cargo sets it for every test.
    let more =
        open("program = 'env'\npass_env = ['CARGO_PKG_NAME', 'NO_SUCH_NAME']".parse().unwrap())
            .unwrap();
    assert_eq!(names(ask(&*more, "").await.unwrap()), expected(Some("CARGO_PKG_NAME")));
}

#[tokio::test]
async fn a_program_may_answer_without_reading() {
    let deaf = open(script("exec <&-\necho 'I do not listen'")).unwrap();
    // More than a pipe holds, so that writing meets the closed end.
    let answer = ask(&*deaf, &"x".repeat(1 << 20)).await.unwrap();
    assert_eq!(answer, "I do not listen");
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_replaced() {
    assert_eq!(run(r"printf 'a\377b\n\n'").await.unwrap(), "a\u{fffd}b");
}

#[tokio::test]
async fn an_answer_is_cut_after_64_kib() {
    let answer =
        run("head -c 65535 /dev/zero | tr '\\0' a; printf '\\303\\244'; head -c 1000000 /dev/zero")
            .await
            .unwrap();
    let kept = answer.strip_suffix("\n(cut after 64 KiB)").unwrap();
    assert_eq!(kept, "a".repeat(65535), "and no half character");
}

#[tokio::test]
async fn case_111_a_failure_names_the_status_and_nothing_that_the_program_wrote() {
    let text = failure("printf '\\n\\033[31mno model\\033[0m\\n' >&2; echo half; exit 3").await;
    assert!(text.ends_with("ended with exit status: 3"), "{text}");
    assert!(failure("kill -9 $$").await.contains("signal: 9"));
    assert!(failure("exit 0").await.ends_with("ended without an answer"));
    let long = failure("head -c 100000 /dev/zero | tr '\\0' e >&2; exit 1").await;
    assert!(long.ends_with("ended with exit status: 1"), "{long}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_failure() {
    let gone = open("program = '/nowhere/at/all'".parse().unwrap()).unwrap();
    let error = ask(&*gone, "hello").await.unwrap_err();
    assert!(error.to_string().contains("`/nowhere/at/all` cannot be started"), "{error}");
    assert!(!error.is_temporary(), "trying again helps nobody");
    assert!(run("exit 1").await.unwrap_err().is_temporary());
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_found_without_running_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("answer");
    std::fs::File::create(&file).unwrap();
    let check = |program: &str| {
        let responder = open(Table::from_iter([("program".to_owned(), Value::from(program))]));
        responder.unwrap().check()
    };
    for (program, why) in [
        ("/nowhere/at/all", "/nowhere/at/all cannot be run: No such file or directory"),
        ("no-such-program-here", "no-such-program-here is not found in `PATH`"),
        (file.to_str().unwrap(), "is not an executable file"),
        ("/bin", "/bin is not an executable file"),
    ] {
        let error = check(program).unwrap_err();
        assert_eq!(error.key, "program");
        assert!(error.problem.contains(why), "{error}");
    }
    for program in ["cat", "/bin/sh"] {
        assert_eq!(check(program), Ok(()));
    }
    let gone = open("program = '/nowhere/at/all'".parse().unwrap()).unwrap();
    assert!(!gone.probe().await.unwrap_err().is_temporary());
    let said = open("program = 'cat'".parse().unwrap()).unwrap().probe().await.unwrap();
    assert!(said.contains("not run"), "{said}");
}

#[tokio::test]
async fn a_program_over_its_time_is_killed_with_all_it_started() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("held");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut held = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&pipe).unwrap();
    let lines = format!("exec 9>{}\nsleep 1000 &\nsleep 1000", pipe.display());
    let mut table = script(&lines);
    table.insert("timeout_seconds".to_owned(), Value::from(1));
    let error = ask(&*open(table).unwrap(), "hello").await.unwrap_err();
    assert_eq!(error, ResponderError::TimedOut(Duration::from_secs(1)));
    // The pipe ends when the last of those who hold it has died.
    let mut said = Vec::new();
    let end = held.read_to_end(&mut said);
    tokio::time::timeout(Duration::from_secs(30), end).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_program_leaves_running_is_killed_when_it_ends() {
    let answer = run("sleep 1000 &\necho done").await.unwrap();
    assert_eq!(answer, "done", "and nobody waits for the sleeper, which holds the pipe");
    let answer = run("setsid sleep 60 &\nsleep 0.5; echo done").await.unwrap();
    assert_eq!(answer, "done", "nor for one in a group of its own");
}

#[tokio::test]
async fn nobody_waiting_for_the_answer_is_no_failure() {
    let (pieces, heard) = mpsc::channel(1);
    drop(heard);
    let cat = open("program = 'cat'".parse().unwrap()).unwrap();
    assert_eq!(cat.respond(&prompt("hello"), &Answer::new(pieces)).await, Ok(()));
    cat.forget("telegram/default/4711").await;
}

#[test]
fn case_118_a_program_is_not_taken_from_the_working_directory() {
    for table in ["program = './answer'", "program = 'bin/answer'", "program = ''", "program = ' '"]
    {
        let error = open(table.parse().unwrap()).err().unwrap();
        assert_eq!(error.key, "program", "{table}");
    }
}

#[test]
fn a_wrong_key_is_refused_by_name() {
    for (table, key) in [
        ("program = 'cat'\ntimeout_seconds = 0", "timeout_seconds"),
        ("program = 'cat'\ntimeout_seconds = 'soon'", "timeout_seconds"),
        ("program = 'cat'\npass_env = ['A=B']", "pass_env"),
        ("program = 'cat'\nhistory_turns = 101", "history_turns"),
        ("program = 'cat'\nshell = true", "shell"),
        ("args = []", "program"),
    ] {
        let error = open(table.parse().unwrap()).err().unwrap();
        assert!(error.key == key || error.problem.contains(key), "{table}: {error:?}");
    }
}
