//! What a copy says of itself, before anything else in it.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::{contents, store::copies::LogEnd};

/// The first entry of the archive.
pub(crate) const NAME: &str = "manifest.json";
/// The shape of this version.
pub(crate) const SCHEMA: u32 = 1;
/// No copy holds more files,
pub(crate) const MOST_FILES: usize = 100_000;
/// a file of more bytes,
pub(crate) const LARGEST: u64 = 512 << 20;
/// or more bytes in all.
pub(crate) const MOST_BYTES: u64 = 2 << 30;
/// The longest manifest that is read.
pub(crate) const LONGEST: u64 = 64 << 20;

/// What is in a copy, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The shape of this manifest.
    pub schema: u32,
    /// The version of the program that made it.
    pub version: String,
    /// When it was made, in milliseconds since the epoch.
    pub made_at: u64,
    /// Its access log.
    pub log: LogEnd,
    /// Its files, by name.
    pub files: Vec<FileEntry>,
}

/// A file in a copy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileEntry {
    /// Where it lies, below the state folder.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// Their digest, in hexadecimal.
    pub sha256: String,
    /// The permissions that it had; a restored one is 0600.
    pub mode: u32,
}

impl FileEntry {
    pub(crate) fn of(name: String, bytes: &[u8], mode: u32) -> Self {
        Self { name, size: bytes.len() as u64, sha256: digest(bytes), mode }
    }

    /// True where these are its bytes.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        self.size == bytes.len() as u64 && self.sha256 == digest(bytes)
    }
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

impl Manifest {
    /// How many bytes its files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The first file that no copy holds, and why; or what else is wrong with it.
    pub(crate) fn check(&self) -> Result<(), (String, &'static str)> {
        let wrong = |why| Err((NAME.to_owned(), why));
        if self.files.len() > MOST_FILES {
            return wrong("it names too many files");
        }
        if self.bytes() > MOST_BYTES {
            return wrong("its files are too large together");
        }
        for pair in self.files.windows(2) {
            if pair[0].name >= pair[1].name {
                return Err((pair[1].name.clone(), "it is named twice, or out of order"));
            }
        }
        for file in &self.files {
            let name = || file.name.clone();
            contents::check(&file.name).map_err(|why| (name(), why))?;
            if file.size > LARGEST {
                return Err((name(), "it is too large"));
            }
        }
        Ok(())
    }
}
