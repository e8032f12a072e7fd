//! Keys of the configuration file set or removed, with its comments kept. The result is checked before it is written.

mod cut;

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use self::cut::cut;
use super::{
    Config, Plugins, Source, checked, load,
    problem::ConfigError,
    schema::{Key, Kind},
};
use crate::store::{StoreError, private};

/// The last line of a file whose end was removed on purpose.
const END: &str = "# end";

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file does not load, or would not.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file has no such key.
    #[error("`{0}` is not in {1}")]
    Absent(String, String),
    /// Someone else has changed the file meanwhile.
    #[error("{0} was changed meanwhile; nothing was written")]
    Changed(String),
    /// There is no such key, or it takes no such value.
    #[error("{0}")]
    Key(String),
    /// With the change the file would not load. What would be wrong, each with its line in the changed file.
    #[error("the change was not made; with it, the configuration would not load:\n{0}")]
    Refused(ConfigError),
    /// The file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key, and its new value as it is typed; without one the key is removed.
pub type Change<'a> = (&'a str, Option<&'a [String]>);

/// Makes all changes or none. What the configuration is warned of since then.
pub fn edit(
    from: &Source<'_>,
    plugins: Plugins<'_>,
    changes: &[Change<'_>],
) -> Result<Vec<String>, EditError> {
    // Two that change the file at once would each lose what the other has changed.
    private::alone(from.state, || edit_alone(from, plugins, changes))?
}

fn edit_alone(
    from: &Source<'_>,
    plugins: Plugins<'_>,
    changes: &[Change<'_>],
) -> Result<Vec<String>, EditError> {
    let root = Key::root(plugins);
    let before = load(from, plugins)?;
    let (file, bytes) = from.read()?;
    let text = bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    let name = file.display().to_string();
    let mut text = text.into_owned();
    for change in changes {
        text = changed(&root, &text, &name, *change)?;
    }
    let mut after = checked_after(from, plugins, &file, &text)?;
    if after.follows(&before).is_err() {
        // What was at the end is gone on purpose: a line says that the file is whole.
        text.push_str(END);
        text.push('\n');
        after = checked_after(from, plugins, &file, &text)?;
    }
    if from.read()?.1 != bytes {
        return Err(EditError::Changed(name));
    }
    let real = file.canonicalize().unwrap_or_else(|_| file.clone());
    private::replace(&real, text.as_bytes())?;
    real.parent().map_or(Ok(()), private::sync)?;
    after.remember(from.state)?;
    let is_new = |warning: &&String| !before.warnings.contains(warning);
    Ok(after.warnings.iter().chain(&after.lacking).filter(is_new).cloned().collect())
}

/// The text of the file after a change.
fn changed(
    root: &Key,
    text: &str,
    name: &str,
    (path, typed): Change<'_>,
) -> Result<String, EditError> {
    let key = root.find(path).map_err(EditError::Key)?;
    let value = typed.map(|typed| value(path, key, typed)).transpose().map_err(EditError::Key)?;
    let parts: Vec<&str> = path.split('.').collect();
    let Some(value) = value else {
        return cut(text, &parts)
            .ok_or_else(|| EditError::Absent(path.to_owned(), name.to_owned()));
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| EditError::Key(error.message().to_owned()))?;
    put(document.as_table_mut(), &parts, value)
        .map_err(|above| EditError::Key(format!("`{above}` is no table in {name}")))?;
    Ok(document.to_string())
}

fn checked_after(
    from: &Source<'_>,
    plugins: Plugins<'_>,
    file: &std::path::Path,
    text: &str,
) -> Result<Config, EditError> {
    checked(from, plugins, file, Some(text.as_bytes().to_vec())).map_err(EditError::Refused)
}

/// What was typed, as the kind of value that the key has.
fn value(path: &str, key: &Key, typed: &[String]) -> Result<Value, String> {
    let wanted = |what: &str| format!("`{path}` is {what}");
    if let Kind::List { .. } = key.kind {
        if let [one] = typed
            && one.trim_start().starts_with('[')
        {
            return one.trim().parse().map_err(|_| wanted("a list, such as `[\"a\", \"b\"]`"));
        }
        return Ok(typed.iter().map(String::as_str).collect::<Array>().into());
    }
    let [one] = typed else { return Err(wanted("one value; put a text with blanks in quotes")) };
    match &key.kind {
        Kind::Flag => {
            one.trim().parse::<bool>().map(Value::from).map_err(|_| wanted("`true` or `false`"))
        }
        Kind::Number => {
            one.trim().parse::<i64>().map(Value::from).map_err(|_| wanted("a whole number"))
        }
        Kind::Tables(_) => Err(wanted("a list of tables; write it into the file")),
        Kind::Table(..) => Err(wanted("a table; name a key in it")),
        Kind::Text | Kind::Words(_) | Kind::List { .. } => Ok(Value::from(one.as_str())),
    }
}

/// Sets a value; what stands around the old one stays. An error is the path of what is in the way.
fn put(table: &mut dyn TableLike, parts: &[&str], value: Value) -> Result<(), String> {
    let Some((name, below)) = parts.split_first() else { return Ok(()) };
    if below.is_empty() {
        match table.get_mut(name).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = value;
                *old.decor_mut() = decor;
            }
            None => drop(table.insert(name, Item::Value(value))),
        }
        return Ok(());
    }
    let item = table.entry(name).or_insert_with(|| {
        let mut new = Table::new();
        // Only a table with a value of its own gets a head.
        new.set_implicit(below.len() > 1);
        Item::Table(new)
    });
    let next = item.as_table_like_mut().ok_or_else(|| (*name).to_owned())?;
    put(next, below, value).map_err(|above| format!("{name}.{above}"))
}
