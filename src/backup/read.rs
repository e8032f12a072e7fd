//! Reads a copy: every byte of it, and nothing but what its manifest names.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::GzDecoder;

use crate::{
    BackupError, FileEntry, Key, Manifest, io_error,
    manifest::{LONGEST, NAME, SCHEMA},
    seal::MAGIC,
};

/// What stands behind the last entry: zeros, up to the size of a block of tapes.
const PADDING: u64 = 1 << 20;

/// Opens a copy. What is no plain file may keep the reader waiting for ever.
pub(crate) fn open(file: &Path) -> Result<File, BackupError> {
    let is_plain = file.metadata().map_err(io_error("read", file))?.is_file();
    if !is_plain {
        return Err(BackupError::Foreign(file.to_owned(), "it is no plain file".to_owned()));
    }
    File::open(file).map_err(io_error("read", file))
}

/// True where a copy is encrypted.
pub(crate) fn is_encrypted(file: &Path) -> Result<bool, BackupError> {
    let mut start = Vec::new();
    let opened = open(file)?;
    let most = MAGIC.len() as u64;
    opened.take(most).read_to_end(&mut start).map_err(io_error("read", file))?;
    Ok(start == MAGIC)
}

/// Hands on each file with what the manifest says of it, after its bytes were compared with that.
pub(crate) fn each(
    file: &Path,
    key: &Key,
    mut begin: impl FnMut(&Manifest) -> Result<(), BackupError>,
    mut act: impl FnMut(&FileEntry, &[u8]) -> Result<(), BackupError>,
) -> Result<Manifest, BackupError> {
    let opened = BufReader::new(open(file)?);
    let content: Box<dyn Read> =
        if is_encrypted(file)? { key.open(opened, file)? } else { Box::new(opened) };
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(content)));
    let torn = |error: io::Error| BackupError::Torn(file.to_owned(), error.to_string());
    let foreign = |why: &str| BackupError::Foreign(file.to_owned(), why.to_owned());
    let mut entries = archive.entries().map_err(torn)?.raw(true);
    let first = entries.next().ok_or_else(|| foreign("it is empty"))?;
    let first = first.map_err(|error| foreign(&error.to_string()))?;
    if name(&first) != NAME || first.header().entry_type() != tar::EntryType::Regular {
        return Err(foreign("it does not begin with a manifest"));
    }
    if first.header().size().unwrap_or(u64::MAX) > LONGEST {
        return Err(foreign("its manifest is too long"));
    }
    let mut bytes = Vec::new();
    first.take(LONGEST).read_to_end(&mut bytes).map_err(torn)?;
    let manifest = parse(&bytes).map_err(|why| foreign(&why))?;
    let refused = |(name, why)| BackupError::Refused(file.to_owned(), name, why);
    manifest.check().map_err(refused)?;
    begin(&manifest)?;
    let mut named = manifest.files.iter();
    for entry in entries {
        let mut entry = entry.map_err(torn)?;
        let (name, kind) = (name(&entry), entry.header().entry_type());
        if kind != tar::EntryType::Regular {
            return Err(refused((name, "it is no plain file")));
        }
        let Some(wanted) = named.next() else {
            return Err(BackupError::Extra(file.to_owned(), name));
        };
        if name != wanted.name {
            let is_named = manifest.files.iter().any(|file| file.name == name);
            let is_missing = is_named && name > wanted.name;
            return Err(if is_missing {
                BackupError::Missing(file.to_owned(), wanted.name.clone())
            } else {
                BackupError::Extra(file.to_owned(), name)
            });
        }
        let changed = || BackupError::Changed(file.to_owned(), name.clone());
        if entry.header().size().ok() != Some(wanted.size) {
            return Err(changed());
        }
        let mut bytes = Vec::new();
        (&mut entry).take(wanted.size).read_to_end(&mut bytes).map_err(torn)?;
        if !wanted.is(&bytes) {
            return Err(changed());
        }
        act(wanted, &bytes)?;
    }
    if let Some(missing) = named.next() {
        return Err(BackupError::Missing(file.to_owned(), missing.name.clone()));
    }
    ended(archive.into_inner()).map_err(torn)?;
    Ok(manifest)
}

fn name<R: Read>(entry: &tar::Entry<'_, R>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}

fn parse(bytes: &[u8]) -> Result<Manifest, String> {
    #[derive(serde::Deserialize)]
    struct Shape {
        schema: u32,
    }
    let shape: Shape = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if shape.schema != SCHEMA {
        let schema = shape.schema;
        return Err(format!("its shape is {schema}, and this version knows {SCHEMA}"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// Reads to the end: only there the digest of the compression and the last seal are compared.
fn ended<R: BufRead>(mut rest: GzDecoder<R>) -> io::Result<()> {
    let mut padding = Vec::new();
    (&mut rest).take(PADDING + 1).read_to_end(&mut padding)?;
    let mut behind = Vec::new();
    rest.into_inner().take(1).read_to_end(&mut behind)?;
    let is_blank = padding.iter().all(|byte| *byte == 0) && padding.len() as u64 <= PADDING;
    if is_blank && behind.is_empty() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "something stands behind its end"))
}
