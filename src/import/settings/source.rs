//! The file with what it includes, and nothing outside its folder.

use std::{
    io::ErrorKind,
    path::{Component, Path, PathBuf},
};

use openclaw_plugin_sdk::own_file;
use serde_json::{Map, Value};

use super::scan::{self, Lines};
use crate::text::settings as text;

/// The names of the file, newest first.
const NAMES: [&str; 3] = ["openclaw.json", "moltbot.json", "clawdbot.json"];
/// The folders of them in the home folder.
const FOLDERS: [&str; 3] = [".openclaw", ".moltbot", ".clawdbot"];
/// The longest file that is read, in bytes.
const LONGEST: u64 = 2 * 1024 * 1024;
/// So many bytes are read in all: a file may be included many times.
const MOST: usize = 16 * 1024 * 1024;
/// So many files may include each other.
const DEEPEST: usize = 10;

/// Why the settings cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub(super) String);

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) root: Value,
    /// Of the main file.
    pub(super) lines: Lines,
    /// Everything that was read, for a digest.
    pub(super) bytes: Vec<u8>,
}

/// The file to import: what was named, else what the environment names, else what lies where the field keeps it.
pub fn find(
    named: Option<&Path>,
    state: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<PathBuf> {
    let inside = |folder: &Path| NAMES.iter().map(|name| folder.join(name)).find(|it| it.is_file());
    if let Some(named) = named {
        return if named.is_dir() {
            inside(named)
        } else {
            named.exists().then(|| named.to_owned())
        };
    }
    let set = |name: &str| env(name).filter(|it| !it.trim().is_empty()).map(PathBuf::from);
    let is_theirs =
        |path: &PathBuf| path.extension().is_some_and(|it| it != "toml") && path.is_file();
    if let Some(path) = set("OPENCLAW_CONFIG_PATH").filter(is_theirs) {
        return Some(path);
    }
    let home = set("OPENCLAW_HOME").or_else(|| set("HOME")).unwrap_or_default();
    let folders = FOLDERS.iter().map(|name| home.join(name));
    [state.to_owned()].into_iter().chain(folders).find_map(|folder| inside(&folder))
}

/// The folders where the state of another OpenClaw may lie: what was named, or its folder, else the state folder and
/// those of the home folder.
pub fn folders(
    named: Option<&Path>,
    file: Option<&Path>,
    state: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<PathBuf> {
    let own = |path: &Path| {
        if path.is_dir() { path.to_owned() } else { path.parent().unwrap_or(path).to_owned() }
    };
    if let Some(one) = named.or(file) {
        return vec![own(one)];
    }
    let set = |name: &str| env(name).filter(|it| !it.trim().is_empty()).map(PathBuf::from);
    let home = set("OPENCLAW_HOME").or_else(|| set("HOME")).unwrap_or_default();
    [state.to_owned()].into_iter().chain(FOLDERS.iter().map(|name| home.join(name))).collect()
}

/// Reads the file with all that it includes.
pub(super) fn read(file: &Path) -> Result<Read, Unreadable> {
    let real = file.canonicalize().map_err(|error| Unreadable(text::unread(file, &error)))?;
    let root = real.parent().unwrap_or(Path::new("/")).to_owned();
    let mut reader = Reader { root, bytes: Vec::new(), open: Vec::new() };
    let (root, lines) = reader.file(&real)?;
    if !root.is_object() {
        return Err(Unreadable(text::no_object(file)));
    }
    Ok(Read { root, lines, bytes: reader.bytes })
}

struct Reader {
    root: PathBuf,
    bytes: Vec<u8>,
    /// The files that are being read, each included by the one before.
    open: Vec<PathBuf>,
}

impl Reader {
    fn file(&mut self, file: &Path) -> Result<(Value, Lines), Unreadable> {
        if self.open.iter().any(|open| open == file) {
            return Err(Unreadable(text::include_cycle(file)));
        }
        if self.open.len() > DEEPEST {
            return Err(Unreadable(text::include_depth(file, DEEPEST)));
        }
        let length = file.metadata().map(|meta| meta.len());
        if length.is_ok_and(|length| length > LONGEST) {
            return Err(Unreadable(text::too_long(file, LONGEST)));
        }
        let bytes = own_file::read(file).map_err(|error| Unreadable(text::unread(file, &error)))?;
        self.bytes.extend_from_slice(&bytes);
        if self.bytes.len() > MOST {
            return Err(Unreadable(text::too_much(file)));
        }
        let (mut value, lines) = parse(file, &bytes)?;
        self.open.push(file.to_owned());
        self.include(file, &mut value)?;
        self.open.pop();
        Ok((value, lines))
    }

    /// Puts what is included in place of each `$include`; the keys beside it go before.
    fn include(&mut self, file: &Path, value: &mut Value) -> Result<(), Unreadable> {
        if let Value::Array(list) = value {
            return list.iter_mut().try_for_each(|value| self.include(file, value));
        }
        let Value::Object(own) = value else { return Ok(()) };
        for (_, value) in own.iter_mut().filter(|(key, _)| *key != "$include") {
            self.include(file, value)?;
        }
        let Some(include) = own.shift_remove("$include") else { return Ok(()) };
        let names = match &include {
            Value::String(one) => vec![one.as_str()],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => return Err(Unreadable(text::include_kind(file))),
        };
        let mut all = Value::Object(Map::new());
        for name in names {
            let included = self.inside(file, name)?;
            merge(&mut all, self.file(&included)?.0);
        }
        merge(&mut all, std::mem::take(value));
        *value = all;
        Ok(())
    }

    /// The included file, inside the folder of the main one, also behind links.
    fn inside(&self, file: &Path, name: &str) -> Result<PathBuf, Unreadable> {
        let path = file.parent().unwrap_or(&self.root).join(name);
        let leaves = Path::new(name).components().any(|part| part == Component::ParentDir);
        let real = path.canonicalize().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Unreadable(text::include_missing(file, name)),
            _ => Unreadable(text::unread(&path, &error)),
        })?;
        if leaves || !real.starts_with(&self.root) {
            return Err(Unreadable(text::include_outside(file, name)));
        }
        Ok(real)
    }
}

fn parse(file: &Path, bytes: &[u8]) -> Result<(Value, Lines), Unreadable> {
    let Ok(written) = std::str::from_utf8(bytes) else {
        return Err(Unreadable(text::no_text(file)));
    };
    let written = written.trim_start_matches('\u{feff}');
    let lines = scan::scan(written).ok_or_else(|| Unreadable(text::too_deep(file)))?;
    let value = json5::from_str::<Value>(written).map_err(|error| {
        let place = error.position().map(|at| (at.line + 1, at.column + 1));
        let good = file.with_file_name(format!(
            "{}.last-good",
            file.file_name().unwrap_or_default().to_string_lossy()
        ));
        let reason = error.code().map(|code| code.to_string()).unwrap_or_default();
        Unreadable(text::torn(file, place, &reason, good.is_file().then_some(&*good)))
    })?;
    Ok((value, lines))
}

/// Objects are merged, anything else is replaced.
fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                match under.get_mut(&key) {
                    Some(old) => merge(old, value),
                    None => drop(under.insert(key, value)),
                }
            }
        }
        (under, over) => *under = over,
    }
}
