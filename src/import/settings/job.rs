//! The work on one file: what is asked of it, what was said about each key, and what is written.

use std::collections::BTreeSet;

use serde_json::Value;
use toml_edit::{DocumentMut, Item as TomlItem, Table};

use super::{
    Block, Options,
    scan::{Lines, Path},
};
use crate::{
    report::{Item, Kind},
    rules::AccountKey,
    text::settings as text,
};

/// One import that is being worked out.
pub(super) struct Job<'a> {
    pub(super) root: &'a Value,
    pub(super) lines: &'a Lines,
    pub(super) options: &'a Options,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    /// The folder of the file: the state of the same gateway.
    pub(super) folder: &'a std::path::Path,
    /// Every account of a channel may have had the people of the list that names no account.
    pub(super) shares_lists: bool,
    pub(super) accounts: Vec<AccountKey>,
    pub(super) items: Vec<Item>,
    pub(super) out: DocumentMut,
    /// The names in `${…}` that are not set now, with the key that takes each.
    pub(super) unset: BTreeSet<(String, String)>,
    pub(super) blocks: Vec<Block>,
    /// The owners of the file, whether they are taken or not.
    pub(super) owners: Vec<String>,
    seen: BTreeSet<Path>,
}

/// A path from its parts.
pub(super) fn path(parts: &[&str]) -> Path {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// A path below another one; the parts are between dots.
pub(super) fn below(above: &[String], dotted: &str) -> Path {
    above.iter().cloned().chain(dotted.split('.').map(str::to_owned)).collect()
}

/// The path of a key whose name may have dots.
pub(super) fn child(above: &[String], key: &str) -> Path {
    above.iter().cloned().chain([key.to_owned()]).collect()
}

/// A value by its path.
pub(super) fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.as_object()?.get(key)).filter(|it| !it.is_null())
}

/// What the user allows, and the environment.
type Allowed<'a> = (&'a Options, &'a dyn Fn(&str) -> Option<String>);

impl<'a> Job<'a> {
    pub(super) fn new(
        read: &'a super::source::Read,
        (options, env): Allowed<'a>,
        folder: &'a std::path::Path,
    ) -> Self {
        Self {
            root: &read.root,
            lines: &read.lines,
            options,
            env,
            folder,
            shares_lists: false,
            accounts: Vec::new(),
            items: Vec::new(),
            out: DocumentMut::new(),
            unset: BTreeSet::new(),
            blocks: Vec::new(),
            owners: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// A value of the file.
    pub(super) fn get(&self, path: &[String]) -> Option<&'a Value> {
        at(self.root, path)
    }

    /// The key and all below it were looked at.
    pub(super) fn saw(&mut self, path: &[String]) {
        self.seen.insert(path.to_vec());
    }

    /// Says what becomes of a key, once.
    pub(super) fn say(
        &mut self,
        kind: Kind,
        path: &[String],
        note: impl Into<String>,
    ) -> &mut Item {
        self.saw(path);
        let item = Item::new(kind, text::path(path), note).at(self.lines.of(path));
        let known = self
            .items
            .iter()
            .position(|it| (it.kind, &it.what, &it.note) == (item.kind, &item.what, &item.note));
        let at = known.unwrap_or_else(|| {
            self.items.push(item);
            self.items.len() - 1
        });
        &mut self.items[at]
    }

    pub(super) fn took(&mut self, path: &[String], ours: impl Into<String>) {
        self.say(Kind::Taken, path, ours);
    }

    pub(super) fn ignore(&mut self, path: &[String], note: impl Into<String>) {
        self.say(Kind::Ignored, path, note);
    }

    pub(super) fn warn(&mut self, path: &[String], note: impl Into<String>) {
        self.say(Kind::Changed, path, note);
    }

    pub(super) fn alarm(&mut self, path: &[String], note: impl Into<String>) {
        self.say(Kind::Changed, path, note).critical = true;
    }

    /// Refuses a key, or says what follows where its refusal was accepted. True where it was.
    pub(super) fn refuse(&mut self, path: &[String], why: &str, then: &str) -> bool {
        let name = text::path(path);
        if self.options.accept.contains(&name) {
            self.alarm(path, text::accepted(then));
            return true;
        }
        self.say(Kind::Refused, path, text::refused(why, &name, then));
        false
    }

    /// A text of theirs as a text of ours: names of the environment stay, everything else means itself.
    pub(super) fn text(&mut self, theirs: &str, key: &str) -> String {
        let mut ours = String::with_capacity(theirs.len());
        let mut rest = theirs;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            ours.push_str(before);
            rest = after;
            let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
            match name {
                // `$${` is the text itself, here as there.
                _ if before.ends_with('$') => ours.push_str("${"),
                Some(name) => {
                    ours.push_str("${");
                    self.needs(name, key);
                }
                None => ours.push_str("$${"),
            }
        }
        ours.push_str(rest);
        ours
    }

    /// A name of the environment that the result needs.
    pub(super) fn needs(&mut self, name: &str, key: &str) {
        if (self.env)(name).is_none_or(|value| value.trim().is_empty()) {
            self.unset.insert((name.to_owned(), key.to_owned()));
        }
    }

    /// Writes a key.
    pub(super) fn put(&mut self, ours: &[String], value: impl Into<toml_edit::Value>) {
        let Some((key, above)) = ours.split_last() else { return };
        if let Some(table) = self.table(above) {
            table.insert(key, TomlItem::Value(value.into()));
        }
    }

    /// Takes a key out again.
    pub(super) fn unput(&mut self, ours: &[String]) {
        let Some((key, above)) = ours.split_last() else { return };
        if self.wrote(ours)
            && let Some(table) = self.table(above)
        {
            table.remove(key);
        }
    }

    /// Everyone is let in.
    pub(super) fn everyone(&mut self, path: &[String]) {
        if self.options.accept_open {
            self.alarm(path, text::accepted(text::THEN_EVERYONE));
        } else {
            self.say(Kind::Refused, path, text::EVERYONE).critical = true;
        }
    }

    /// True where a key was written.
    pub(super) fn wrote(&self, ours: &[String]) -> bool {
        let item = ours.iter().try_fold(self.out.as_item(), |item, key| item.get(key));
        item.is_some_and(|item| !item.is_none())
    }

    /// The table with this path, made where it is not there.
    pub(super) fn table(&mut self, ours: &[String]) -> Option<&mut Table> {
        let mut table = self.out.as_table_mut();
        for key in ours {
            let item = table.entry(key).or_insert_with(|| {
                let mut new = Table::new();
                // Only a table with a value of its own gets a head.
                new.set_implicit(true);
                TomlItem::Table(new)
            });
            table = item.as_table_mut()?;
        }
        Some(table)
    }

    /// Names what nothing was said about: it has no counterpart here.
    pub(super) fn sweep(&mut self) {
        let mut left = Vec::new();
        self.leftovers(self.root, &Path::new(), &mut left);
        for path in left {
            let first = path.first().map(String::as_str).unwrap_or_default();
            let note = super::rows::NOTES.iter().find(|(key, _)| *key == first);
            self.say(Kind::Ignored, &path, note.map_or("", |(_, note)| note));
        }
    }

    fn leftovers(&self, value: &Value, here: &[String], left: &mut Vec<Path>) {
        let Some(object) = value.as_object() else { return };
        for (key, value) in object {
            let path = child(here, key);
            if self.seen.contains(&path) {
                continue;
            }
            let next = self.seen.range(path.clone()..).next();
            if next.is_some_and(|next| next.starts_with(&path)) {
                self.leftovers(value, &path, left);
            } else {
                left.push(path);
            }
        }
    }
}

/// A name as they fill it in: capitals alone.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(fits)
}
