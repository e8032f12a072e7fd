//! `openclaw completions`: what a shell needs to complete our commands. In bash, fish and zsh the program itself says
//! what may stand there, so that channels, codes and people are among it.

mod candidates;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use self::candidates::{Candidate, candidates};
use crate::{Cli, Exit, Host, Output};

const BASH: &str = r#"_openclaw() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o bashdefault -o default -F _openclaw openclaw
"#;

const FISH: &str = r#"function __openclaw_complete
    set -l words (commandline -opc)
    set -l found ($words[1] __complete fish $words (commandline -ct) 2>/dev/null)
    if test -n "$found"
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c openclaw -f -a '(__openclaw_complete)'
"#;

const ZSH: &str = r#"#compdef openclaw
_openclaw() {
    local -a found
    found=("${(@f)$("${words[1]}" __complete zsh "${(@)words[1,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then
        _describe openclaw found
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_openclaw" ]; then
    _openclaw "$@"
else
    compdef _openclaw openclaw
fi
"#;

/// Prints completions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  In bash, with the package bash-completion:
    d=~/.local/share/bash-completion/completions; mkdir -p $d
    openclaw completions bash > $d/openclaw
  In fish:
    mkdir -p ~/.config/fish/completions
    openclaw completions fish > ~/.config/fish/completions/openclaw.fish
  In zsh, as the last lines of ~/.zshrc:
    autoload -Uz compinit && compinit
    source <(openclaw completions zsh)

In bash, fish and zsh they offer what is there now: channels, accounts, codes,
requests, people.")]
pub(super) struct Completions {
    /// The name of the shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub(super) fn run(&self, output: &mut Output) -> Exit {
        match self.shell {
            Shell::Bash => output.block(BASH),
            Shell::Fish => output.block(FISH),
            Shell::Zsh => output.block(ZSH),
            other => {
                let mut text = Vec::new();
                clap_complete::generate(other, &mut Cli::command(), "openclaw", &mut text);
                output.block(&String::from_utf8_lossy(&text));
            }
        }
        Exit::Done
    }
}

/// What a shell asks each time.
#[derive(Debug, Args)]
pub(super) struct Complete {
    /// The name of the shell
    #[arg(value_enum)]
    shell: Shell,
    /// The words up to the cursor, the last of them perhaps empty; in bash the line as one word
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Complete {
    /// Prints what may stand at the end of the words. What cannot be read offers nothing, for nobody reads an error here.
    pub(super) fn run(&self, host: &Host, output: &mut Output) -> Exit {
        let words: Vec<String> = match self.shell {
            Shell::Bash => split(&self.words.join(" ")),
            _ => self.words.clone(),
        };
        let Some((last, before)) = words.split_last() else { return Exit::Done };
        for one in candidates(host, before.get(1..).unwrap_or_default(), last) {
            output.line(spell(self.shell, &one, last));
        }
        Exit::Done
    }
}

/// A line as words; it ends in an empty one where it ends in a blank.
fn split(line: &str) -> Vec<String> {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    words.extend(line.ends_with(char::is_whitespace).then(String::new));
    words
}

fn spell(shell: Shell, one: &Candidate, last: &str) -> String {
    let (word, about) = (&one.word, &one.about);
    match shell {
        // It completes what stands behind the last of these marks.
        Shell::Bash => {
            let behind = last.rfind([':', '=']).map_or(0, |at| at + 1);
            word.get(behind..).unwrap_or(word).to_owned()
        }
        _ if about.is_empty() => escaped(shell, word),
        Shell::Zsh => format!("{}:{about}", escaped(shell, word)),
        _ => format!("{word}\t{about}"),
    }
}

fn escaped(shell: Shell, word: &str) -> String {
    if shell == Shell::Zsh {
        word.replace('\\', r"\\").replace(':', r"\:")
    } else {
        word.to_owned()
    }
}
