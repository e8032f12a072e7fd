//! A ZIP file whose files are stored as they are. A crate for it would change the features of what TLS is built on.

use std::num::TryFromIntError;

/// The form's first version.
const VERSION: u16 = 10;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
/// The first day that the form knows: the same files make the same bytes.
const DAY: u16 = 1 << 5 | 1;

/// These files, by name; at most 65,535 of them.
pub(super) fn stored(files: &[(&str, &[u8])]) -> Result<Vec<u8>, TryFromIntError> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let offset = u32::try_from(zip.len())?;
        let size = u32::try_from(bytes.len())?;
        let mut about = Vec::new();
        // Not compressed, at midnight.
        for number in [VERSION, UTF8, 0, 0, DAY] {
            about.extend(number.to_le_bytes());
        }
        for number in [crc32fast::hash(bytes), size, size] {
            about.extend(number.to_le_bytes());
        }
        about.extend(u16::try_from(name.len())?.to_le_bytes());
        about.extend([0; 2]);
        zip.extend(b"PK\x03\x04");
        zip.extend(&about);
        zip.extend(name.as_bytes());
        zip.extend(*bytes);
        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&about);
        // No comment, the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, length) = (u32::try_from(zip.len())?, u32::try_from(directory.len())?);
    let count = u16::try_from(files.len())?.to_le_bytes();
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([count, count].concat());
    zip.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    zip.extend([0; 2]);
    Ok(zip)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `zipfile` lists and reads as these two files.
    const READ: &str = "\
        504b03040a00000800000000210043bfa6a302000000020000000d0000006d616e69666573742e6a\
        736f6e7b7d504b03040a0000080000000021004aa09a24030000000300000009000000636f6c6f72\
        2e706e67009fff504b01020a000a00000800000000210043bfa6a302000000020000000d00000000\
        000000000000000000000000006d616e69666573742e6a736f6e504b01020a000a00000800000000\
        21004aa09a24030000000300000009000000000000000000000000002d000000636f6c6f722e706e\
        67504b0506000000000200020072000000570000000000";

    #[test]
    fn the_bytes_are_those_that_another_reader_has_read() {
        let zip = stored(&[("manifest.json", b"{}"), ("color.png", &[0, 159, 255])]).unwrap();
        let hex = zip.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(hex, READ);
    }
}
