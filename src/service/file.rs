//! The unit on disk: a mark tells whether it still is what this program wrote.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

use super::ServiceError;

const MARK: &str =
    "# Written by `openclaw service install`; changes belong into a drop-in. sha256: ";
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- ";

/// What stands in the place of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// Exactly this text.
    Same,
    /// What this program has written, for other values.
    Ours,
    /// What was edited, or written by another program.
    Foreign,
}

/// A unit with its mark.
pub fn marked(text: &str) -> String {
    format!("{MARK}{}\n{text}", hash(text))
}

/// The same in XML.
pub fn marked_xml(text: &str) -> String {
    format!("{XML}{MARK}{} -->\n{text}", hash(text))
}

fn hash(text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

/// True where the mark fits what follows it.
pub fn is_ours(text: &str) -> bool {
    let plain = text.strip_prefix(MARK).and_then(|rest| rest.split_once('\n'));
    let xml = || text.strip_prefix(XML)?.strip_prefix(MARK)?.split_once(" -->\n");
    plain.or_else(xml).is_some_and(|(mark, rest)| mark == hash(rest))
}

/// What stands there, compared with the unit that is to be.
pub fn standing(path: &Path, wanted: &str) -> Result<Standing, ServiceError> {
    match fs::read(path) {
        Ok(found) if found == wanted.as_bytes() => Ok(Standing::Same),
        Ok(found) if std::str::from_utf8(&found).is_ok_and(is_ours) => Ok(Standing::Ours),
        Ok(_) => Ok(Standing::Foreign),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Standing::Absent),
        Err(source) => Err(ServiceError::io("read", path, source)),
    }
}

/// Puts a unit in its place, as a whole. A foreign one is never written over without `force`, which keeps it beside.
/// True where anything changed.
pub fn put(path: &Path, wanted: &str, force: bool) -> Result<bool, ServiceError> {
    match standing(path, wanted)? {
        Standing::Same => return Ok(false),
        Standing::Foreign if !force => return Err(ServiceError::Edited(path.to_owned())),
        Standing::Foreign => keep(path)?,
        Standing::Absent | Standing::Ours => {}
    }
    let failed = |source| ServiceError::io("write", path, source);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let aside = beside(path, ".new");
    let written = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&aside)
        .and_then(|mut file| file.write_all(wanted.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&aside, path));
    written.map_err(failed)?;
    Ok(true)
}

/// Takes a unit away. False where there is none.
pub fn remove(path: &Path, force: bool) -> Result<bool, ServiceError> {
    // No unit is empty, so that what is compared is the mark.
    match standing(path, "")? {
        Standing::Absent => Ok(false),
        Standing::Foreign if !force => Err(ServiceError::Edited(path.to_owned())),
        Standing::Foreign => keep(path).map(|()| true),
        Standing::Ours | Standing::Same => {
            fs::remove_file(path).map_err(|source| ServiceError::io("remove", path, source))?;
            Ok(true)
        }
    }
}

fn keep(path: &Path) -> Result<(), ServiceError> {
    fs::rename(path, beside(path, ".orig")).map_err(|source| ServiceError::io("keep", path, source))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
