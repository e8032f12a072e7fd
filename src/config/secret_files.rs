//! Secrets that stand in files of their own: each secret key may be written as `<key>_file`. What the file holds takes
//! the key's place before any table is read, so no reader knows the difference.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{
    own_file::{self, Rights},
    toml,
};

use super::{
    Plugins,
    document::{Node, Table, Text, Value, join},
    names,
    problem::Problems,
};

/// No secret is longer.
const LONGEST: u64 = 64 * 1024;
const GATEWAY: &[&str] = &["password", "token"];

/// A file that holds a secret and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// The key that it stands for, dotted.
    pub key: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The files that were read, and what is warned of about them.
#[derive(Default)]
pub(super) struct Found {
    pub(super) files: Vec<SecretFile>,
    pub(super) warnings: Vec<String>,
}

/// Puts what the files hold in the place of the keys that name them.
pub(super) fn expand(root: &mut Table, plugins: Plugins<'_>, problems: &Problems) -> Found {
    let mut reader = Reader { problems, found: Found::default() };
    if let Some(auth) = below(root, "gateway").and_then(|gateway| below(gateway, "auth")) {
        reader.table(auth, "gateway.auth", GATEWAY);
    }
    for plugin in plugins.responders {
        let table = below(root, "assistant").and_then(|assistant| below(assistant, plugin.id));
        if let Some(table) = table {
            reader.table(table, &join("assistant", plugin.id), plugin.keys);
        }
    }
    for plugin in plugins.channels {
        let Some(channel) = below(root, "channels").and_then(|all| below(all, plugin.id)) else {
            continue;
        };
        let path = join("channels", plugin.id);
        reader.table(channel, &path, plugin.keys);
        let accounts = below(channel, "accounts").filter(|_| plugin.abilities.accounts);
        for (id, node) in accounts.into_iter().flat_map(|accounts| &mut accounts.entries) {
            if let Value::Table(account) = &mut node.value {
                reader.table(account, &format!("{path}.accounts.{id}"), plugin.keys);
            }
        }
    }
    reader.found
}

fn below<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Table> {
    let (_, node) = table.entries.iter_mut().find(|(name, _)| name == key)?;
    match &mut node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

struct Reader<'a> {
    problems: &'a Problems,
    found: Found,
}

impl Reader<'_> {
    fn table(&mut self, table: &mut Table, path: &str, keys: &[&str]) {
        let is_off = table
            .get("enabled")
            .is_some_and(|node| matches!(node.value, Value::Plain(toml::Value::Boolean(false))));
        for key in keys {
            let Some(file_key) = names::file_key(key, keys) else { continue };
            let Some(at) = table.entries.iter().position(|(name, _)| *name == file_key) else {
                continue;
            };
            let (_, node) = table.entries.remove(at);
            let named = join(path, &file_key);
            if table.get(key).is_some() {
                let text = format!("`{named}` stands beside `{key}`: give one of them");
                self.problems.add(node.at, text);
                continue;
            }
            // What is switched off needs no secret.
            if is_off {
                continue;
            }
            let value = self.secret(&node, &named, &join(path, key));
            table.entries.push(((*key).to_owned(), Node { at: node.at, value }));
        }
    }

    /// What the file holds; broken, and reported, where it holds no secret.
    fn secret(&mut self, node: &Node, named: &str, key: &str) -> Value {
        let wrong = |what: String| {
            self.problems.add(node.at, what);
            Value::Broken
        };
        let path = match &node.value {
            Value::Broken => return Value::Broken,
            Value::Text(text) => Path::new(&text.value),
            _ => return wrong(format!("`{named}` is a path in quotes, not {}", node.kind())),
        };
        if !path.is_absolute() {
            return wrong(format!("`{named}` must be an absolute path"));
        }
        match read(path) {
            Ok((secret, rights)) => {
                self.problems.hide(&secret);
                let open = rights.unreadable().err();
                let open = open.map(|why| format!("`{named}` {}: {why}", path.display()));
                self.found.warnings.extend(open);
                let file = SecretFile { key: key.to_owned(), path: path.to_owned() };
                self.found.files.push(file);
                Value::Text(Text { value: secret, written: String::new(), from_env: true })
            }
            Err(error) => wrong(format!("`{named}` {}: {error}", path.display())),
        }
    }
}

/// The one line in a file, without the end of the line.
fn read(path: &Path) -> io::Result<(String, Rights)> {
    let wrong = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let file: File = own_file::open(path)?;
    let rights = Rights::of(&file.metadata()?);
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return wrong("it is longer than 64 KiB, which no secret is");
    }
    let Ok(mut text) = String::from_utf8(bytes) else { return wrong("it is not UTF-8") };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.trim().is_empty() {
        return wrong("it is empty; write the secret into it");
    }
    if text.contains(['\n', '\r']) {
        return wrong("it has more than one line; leave the secret alone in it");
    }
    if text.contains(char::is_control) {
        return wrong("it has characters that are no text");
    }
    Ok((text, rights))
}
