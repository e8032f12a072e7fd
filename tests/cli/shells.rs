//! The completions in the shells themselves: what stands in the line when a person presses Tab.

use std::process::Command;

use serde_json::json;

use crate::support::{CODE, Folder, of_account, request, write};

const REQUEST: &str = "0b1f7f3c-6a0e-4f53-9a68-6f1d2f0a7f11";

/// Runs a shell at a terminal, and types each line with Tab behind it. The key Ctrl-T of the shell writes down what the
/// line is then.
const TYPIST: &str = r#"
zmodload zsh/zpty
zpty shell "$1"
zpty -w shell "source $2"
zpty -r shell heard '*READY>*'
shift 2
for line in "$@"; do
    zpty -w -n shell "$line"$'\t\C-t'
    zpty -r shell heard '*NEXT*'
done
zpty -d shell
"#;

const BASH: &str = r#"
source <(openclaw completions bash)
show() { printf '%s\n' "$READLINE_LINE" >>shown; READLINE_LINE=; echo NEXT; }
bind -x '"\C-t": show'
PS1='READY>'
"#;

const ZSH: &str = r#"
autoload -Uz compinit && compinit -u -D
source <(openclaw completions zsh)
show() { print -r -- "$BUFFER" >>shown; BUFFER=; print NEXT; }
zle -N show
bindkey '^T' show
PROMPT='READY>'
"#;

/// What is typed, and the word that Tab makes of its last one.
const LINES: &[(&str, &str)] = &[
    ("openclaw pai", "pairing"),
    ("openclaw help pairing ap", "approve"),
    ("openclaw pairing list tele", "telegram"),
    ("openclaw pairing list --acc", "--account"),
    ("openclaw pairing list --account w", "work"),
    ("openclaw pairing list --account=w", "--account=work"),
    ("openclaw pairing approve telegram AB3", CODE),
    ("openclaw pairing deny AB3", CODE),
    ("openclaw owner remove telegram:", "telegram:9"),
    ("openclaw access block telegram:", "telegram:5"),
    ("openclaw pairing revoke telegram ", "5"),
    ("openclaw devices approve 0b1", REQUEST),
    ("openclaw config set pairing.reply si", "silent"),
    ("openclaw config check --config sett", "settings.toml"),
];

fn folder() -> Folder {
    let requests = [
        request("7", CODE),
        of_account(request("8", "ABCD2345"), "work"),
        request("5", "WXYZ2345"),
    ];
    let folder = Folder::waiting(&requests);
    folder.put(
        "config.toml",
        "[channels.telegram]\nbot_token = '1:a'\n[channels.telegram.accounts.work]\nbot_token = '2:a'\n",
    );
    let row = json!({
        "requestId": REQUEST, "publicKey": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        "deviceId": "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c",
        "role": "operator", "roles": ["operator"], "scopes": ["operator.read"],
        "ts": jiff::Timestamp::now().as_millisecond(),
    });
    folder.put("devices/pending.json", &json!({ (REQUEST): row }).to_string());
    folder.done("pairing approve telegram WXYZ2345");
    folder.done("owner add telegram:9");
    write(&folder.cwd().join("settings.toml"), "");
    folder
}

/// A shell in the folder, which finds the program as `openclaw`.
fn shell(folder: &Folder, program: &str) -> Command {
    let command = folder.command("");
    let here = std::path::Path::new(env!("CARGO_BIN_EXE_openclaw")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new(program);
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", format!("{}:{path}", here.display())).env("TERM", "dumb");
    shell.env("HOME", folder.cwd()).current_dir(folder.cwd());
    shell
}

fn typed(program: &str, rc: &str) {
    let folder = folder();
    write(&folder.cwd().join("rc"), rc);
    let mut typist = shell(&folder, "zsh");
    typist.args(["-f", "-c", TYPIST, "typist", program, "./rc"]);
    let both = ["openclaw pairing approve telegram A"];
    let output = typist.args(LINES.iter().map(|(line, _)| *line).chain(both)).output().unwrap();
    let shown = std::fs::read_to_string(folder.cwd().join("shown")).unwrap_or_default();
    let shown: Vec<&str> = shown.lines().collect();
    let expected = LINES.iter().map(|(line, word)| {
        let (before, _) = line.rsplit_once(' ').unwrap();
        format!("{before} {word} ")
    });
    let both = both.map(|line| format!("{line}B"));
    assert_eq!(shown, expected.chain(both).collect::<Vec<_>>(), "{output:?}");
}

#[test]
#[ignore = "needs bash and zsh"]
fn bash_completes_what_is_there() {
    typed("bash --norc --noprofile -i", BASH);
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes_what_is_there() {
    typed("zsh -f -i", ZSH);
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_what_is_there() {
    let folder = folder();
    let script = folder.cwd().join(".config/fish/completions/openclaw.fish");
    write(&script, &folder.done("completions fish"));
    let offered = |line: &str| -> Vec<String> {
        let mut fish = shell(&folder, "fish");
        let output = fish.args(["-c", &format!("complete -C '{line}'")]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    };
    for (line, word) in LINES {
        assert_eq!(offered(line), [*word], "{line}");
    }
    let all = offered("openclaw pairing approve ");
    assert!(
        [CODE, "ABCD2345", "telegram"].iter().all(|word| all.contains(&(*word).into())),
        "{all:?}"
    );
}
