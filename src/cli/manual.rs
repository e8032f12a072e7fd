//! `openclaw help`: the help of a command, and its man page.

use std::ffi::OsString;

use clap::{Args, Command, CommandFactory, Parser};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use crate::{Cli, Ended, Exit, Failure, Output, text, unparsed};

/// Shows help.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw help pairing approve
  openclaw help --man | man -l -
  openclaw help --man pairing approve > openclaw-pairing-approve.1")]
pub(super) struct Help {
    /// Print the man page instead
    #[arg(long)]
    man: bool,
    /// The command
    command: Vec<String>,
}

/// `openclaw pairing help approve` as `openclaw help pairing approve`.
pub(super) fn with_help_first(mut args: Vec<OsString>) -> Vec<OsString> {
    if let Some(at) = args.iter().position(|arg| arg == "help") {
        let help = args.remove(at);
        args.insert(1.min(args.len()), help);
    }
    args
}

impl Help {
    /// Prints it.
    pub(super) fn run(&self, output: &mut Output) -> Ended {
        if self.man {
            output.block(&self.page()?);
            return Ok(Exit::Done);
        }
        let words = self.command.iter().map(|word| word.to_ascii_lowercase());
        let words = words.chain(["--help".to_owned()]);
        let asked = std::iter::once("openclaw".to_owned()).chain(words);
        match Cli::try_parse_from(asked) {
            Ok(_) => Ok(Exit::Done),
            Err(help) => Ok(unparsed(&help)),
        }
    }

    fn page(&self) -> Result<String, Failure> {
        let mut root = Cli::command();
        root.build();
        let found = self.command.iter().try_fold(&root, |command, word| {
            command.find_subcommand(word.to_ascii_lowercase()).ok_or_else(|| text::no_command(word))
        })?;
        Ok(String::from_utf8_lossy(&rendered(found)?).into_owned())
    }
}

/// What fits 80 columns: examples stand as they are, and nothing is stretched or hyphenated.
fn rendered(command: &Command) -> std::io::Result<Vec<u8>> {
    let source = concat!("openclaw ", env!("CARGO_PKG_VERSION"));
    // Without a date the words behind it would take its place.
    let man = Man::new(command.clone()).date(" ").manual("OpenClaw").source(source);
    let mut bytes = Vec::new();
    man.render_title(&mut bytes)?;
    Roff::new().control("ad", ["l"]).control("nh", []).to_writer(&mut bytes)?;
    man.render_name_section(&mut bytes)?;
    let usage = command.clone().render_usage().to_string();
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]).control("nf", []);
    for line in usage.trim_start_matches("Usage:").lines() {
        synopsis.text([roman(line.trim())]);
    }
    synopsis.control("fi", []).to_writer(&mut bytes)?;
    // A short one is the name's.
    if command.get_long_about().is_some() {
        man.render_description_section(&mut bytes)?;
    }
    man.render_options_section(&mut bytes)?;
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    let mut below = Roff::new();
    below.control("SH", ["COMMANDS"]);
    for one in shown {
        let about = one.get_about().map(ToString::to_string).unwrap_or_default();
        below.control("TP", []).text([bold(one.get_name())]).text([roman(about)]);
    }
    if command.has_subcommands() {
        below.to_writer(&mut bytes)?;
    }
    let more = command.get_after_long_help().or(command.get_after_help());
    let more = more.map(ToString::to_string).unwrap_or_default();
    notes(&more).to_writer(&mut bytes)?;
    Ok(bytes)
}

/// What stands below a help: a line with blanks before it is an example.
fn notes(text: &str) -> Roff {
    let mut page = Roff::new();
    let (mut head, mut is_example) = ("", false);
    for line in text.lines() {
        let example = line.strip_prefix("  ");
        let title =
            if example.is_some() || line.starts_with("Example") { "EXAMPLES" } else { "NOTES" };
        if line.is_empty() {
            page.control(if is_example { "sp" } else { "PP" }, []);
            continue;
        }
        if is_example != example.is_some() {
            is_example = example.is_some();
            page.control(if is_example { "nf" } else { "fi" }, []);
        }
        if head != title {
            head = title;
            page.control("SH", [title]);
        }
        if !line.starts_with("Example") {
            page.text([roman(example.unwrap_or(line))]);
        }
    }
    page.control("fi", []);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With seven columns of indent.
    const ROOM: usize = 80 - 7;

    #[test]
    fn examples_stand_as_they_are_and_fit_a_page_of_80_columns() {
        fn walk(command: &Command) {
            let page = String::from_utf8(rendered(command).unwrap()).unwrap();
            let mut is_filled = true;
            for line in page.lines() {
                match line {
                    ".fi" => is_filled = true,
                    ".nf" => is_filled = false,
                    line => {
                        let shown = line.replace("\\-", "-").replace("\\*(Aq", "'").chars().count();
                        assert!(is_filled || shown <= ROOM, "{}: {line}", command.get_name());
                    }
                }
            }
            assert!(is_filled, "{page}");
            let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let wide = more.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{}", command.get_name());
            command.get_subcommands().filter(|one| !one.is_hide_set()).for_each(walk);
        }
        let mut root = Cli::command();
        root.build();
        walk(&root);
        let page = String::from_utf8(rendered(&root).unwrap()).unwrap();
        let start = "openclaw gateway run                        Start; strangers get a code";
        assert!(page.contains(&format!(".SH EXAMPLES\n.nf\n{start}\n")), "{page}");
        assert!(page.contains(".fi\n.SH NOTES\nThe state folder is"), "{page}");
    }
}
