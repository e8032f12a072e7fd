//! The unit file of a service, as systemd would read the few lines of it that matter here.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::own_file;

const NAME: &str = "openclaw.service";

/// A unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) path: PathBuf,
    /// True for one of this user, which needs lingering.
    pub(crate) of_user: bool,
    /// Each line with its number, from 1.
    lines: Vec<(usize, String)>,
}

/// The user's unit, else the system's.
pub(crate) fn find(machine: &Path, home: Option<&Path>) -> Option<Unit> {
    let user = home.map(|home| (home.join(".config/systemd/user").join(NAME), true));
    let system = (machine.join("etc/systemd/system").join(NAME), false);
    user.into_iter().chain([system]).find_map(|(path, of_user)| {
        let text = own_file::read_to_string(&path).ok()?;
        Some(Unit::read(path, of_user, &text))
    })
}

impl Unit {
    fn read(path: PathBuf, of_user: bool, text: &str) -> Self {
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim().to_owned()));
        let lines = lines.filter(|(_, line)| !line.starts_with(['#', ';']) && !line.is_empty());
        Self { path, of_user, lines: lines.collect() }
    }

    fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        self.lines.iter().filter_map(move |(at, line)| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then_some((*at, value.trim()))
        })
    }

    /// The program that it starts, and the line that says so.
    pub(crate) fn program(&self) -> Option<(usize, PathBuf)> {
        let (at, command) = self.values("ExecStart").last()?;
        let command = command.trim_start_matches(['-', '@', ':', '+', '!']);
        let program = command.trim_matches('"').split_whitespace().next()?;
        Some((at, PathBuf::from(program.trim_matches('"'))))
    }

    /// Each variable that it sets: the line, the name and the value.
    pub(crate) fn set(&self) -> Vec<(usize, String, String)> {
        let mut set = Vec::new();
        for (at, value) in self.values("Environment") {
            for word in words(value) {
                if let Some((name, value)) = word.split_once('=') {
                    set.push((at, name.to_owned(), value.to_owned()));
                }
            }
        }
        set
    }

    /// The state folder that it names, and the line that says so; one that systemd fills in is not known here.
    pub(crate) fn state_folder(&self) -> Option<(usize, PathBuf)> {
        let mut set = self.set().into_iter();
        let (at, _, value) = set.find(|(_, name, _)| name == "OPENCLAW_STATE_DIR")?;
        (!value.contains('%')).then(|| (at, PathBuf::from(value)))
    }

    /// The names of all variables that the service has.
    pub(crate) fn variables(&self, home: Option<&Path>) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.set().into_iter().map(|(_, name, _)| name).collect();
        for (_, value) in self.values("PassEnvironment") {
            names.extend(value.split_whitespace().map(str::to_owned));
        }
        for (_, file) in self.values("EnvironmentFile") {
            let home = home.map(|home| home.display().to_string()).unwrap_or_default();
            let file = file.trim_start_matches('-').replace("%h", &home);
            let text = own_file::read_to_string(Path::new(&file)).unwrap_or_default();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
            let set = lines.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()));
            names.extend(set);
        }
        names
    }
}

/// Words with quotes around them or around their values, as in `A=1 "B=2 3"`.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, _) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_as_systemd_does() {
        let text = "[Service]\nExecStart=\"/opt/openclaw\" gateway run\n# Environment=NO=1\n\
                    Environment=A=1 \"B=2 3\"\nEnvironment=C=\nPassEnvironment=D E\n";
        let unit = Unit::read("/u".into(), true, text);
        assert_eq!(unit.program(), Some((2, PathBuf::from("/opt/openclaw"))));
        let set = |at, name: &str, value: &str| (at, name.to_owned(), value.to_owned());
        assert_eq!(unit.set(), [set(4, "A", "1"), set(4, "B", "2 3"), set(5, "C", "")]);
        assert_eq!(unit.variables(None), ["A", "B", "C", "D", "E"].map(str::to_owned).into());
    }
}
