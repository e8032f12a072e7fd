//! Pictures and other files: as a platform names them, and whole.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Bytes, ChannelError, neutral};

/// A file of a message, as its platform knows it. Nothing of it has been fetched.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// What the channel fetches it by.
    pub id: String,
    /// What its sender calls it, not neutralised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many bytes the platform says it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl FileRef {
    /// A file as a platform lists it, with the id to fetch it by.
    pub fn listed(id: &str, name: &Value, size: &Value) -> Self {
        let name = name.as_str().map(str::to_owned);
        Self { id: id.to_owned(), name, size: size.as_u64() }
    }
}

/// Not the id: it may be an address that opens the file.
impl fmt::Debug for FileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRef").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A file, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// A name to show: no part of a path, and nothing that a person cannot see. It decides nothing.
    pub name: String,
    /// What its first bytes say that it is.
    pub kind: FileKind,
    /// All of it.
    pub bytes: Bytes,
}

/// Only what kind it is and how long.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {} bytes)", self.kind.media_type(), self.bytes.len())
    }
}

/// The name of a file is cut to so many characters.
const LONGEST_NAME: usize = 80;

impl File {
    /// A file of these bytes, with the name that a person or a program gave it.
    pub fn new(name: Option<&str>, bytes: Bytes) -> Self {
        let kind = FileKind::of(&bytes);
        let last = name.and_then(|name| name.rsplit(['/', '\\']).next()).unwrap_or_default();
        let bad = |c: char| "\"'`<>|:*?&;$%".contains(c);
        let clean: String = neutral(last, usize::MAX).chars().filter(|c| !bad(*c)).collect();
        let clean = clean.trim_start_matches(['.', '-', '~', ' ']);
        let (stem, ending) = clean.rsplit_once('.').unwrap_or((clean, ""));
        let ending: String = ending.chars().take(8).collect();
        let stem: String = stem.chars().take(LONGEST_NAME - 9).collect();
        let name = match (stem.trim(), ending.trim()) {
            ("", _) => format!("file.{}", kind.ending()),
            (stem, "") => format!("{stem}.{}", kind.ending()),
            (stem, ending) => format!("{stem}.{ending}"),
        };
        Self { name, kind, bytes }
    }
}

impl File {
    /// As it stands in a history.
    pub fn listed(&self) -> String {
        format!("[{}, {}]", self.name, self.kind.media_type())
    }
}

/// What a file is, by its first bytes: neither its name nor its sender decides that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A picture, perhaps animated.
    Gif,
    /// A picture.
    Jpeg,
    /// A film, or sound alone.
    Mp4,
    /// Sound: the voice messages of most platforms.
    Ogg,
    /// Anything else.
    Other,
    /// A document.
    Pdf,
    /// A picture.
    Png,
    /// A picture, perhaps animated.
    Webp,
}

impl FileKind {
    /// What these bytes begin as.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Self::Mp4,
            [b'O', b'g', b'g', b'S', ..] => Self::Ogg,
            [b'%', b'P', b'D', b'F', b'-', ..] => Self::Pdf,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::Webp,
            _ => Self::Other,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Gif => "image/gif",
            Self::Jpeg => "image/jpeg",
            Self::Mp4 => "video/mp4",
            Self::Ogg => "audio/ogg",
            Self::Other => "application/octet-stream",
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// How the name of such a file ends, without the dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Gif => "gif",
            Self::Jpeg => "jpg",
            Self::Mp4 => "mp4",
            Self::Ogg => "ogg",
            Self::Other => "bin",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// True for pictures.
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Gif | Self::Jpeg | Self::Png | Self::Webp)
    }
}

/// Why a file was not fetched. Neither may hold an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It is longer than asked for.
    #[error("it is too large")]
    TooLarge,
    /// The platform was not reached, is in trouble, or asks to wait: another try may bring it.
    #[error("{0}")]
    Lost(String),
    /// The platform does not give it, or it is not one to fetch.
    #[error("{0}")]
    Unavailable(String),
}

impl From<ChannelError> for FetchError {
    fn from(error: ChannelError) -> Self {
        Self::Lost(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_its_bytes_say() {
        for (bytes, kind) in [
            (&b"GIF89a-"[..], FileKind::Gif),
            (b"\xff\xd8\xff\xe0", FileKind::Jpeg),
            (b"\0\0\0\x18ftypmp42", FileKind::Mp4),
            (b"OggS\0", FileKind::Ogg),
            (b"%PDF-1.7", FileKind::Pdf),
            (b"\x89PNG\r\n\x1a\n", FileKind::Png),
            (b"RIFF\0\0\0\0WEBPVP8 ", FileKind::Webp),
            (b"RIFF\0\0\0\0WAVE", FileKind::Other),
            (b"<svg xmlns='x'>", FileKind::Other),
            (b"<!doctype html>", FileKind::Other),
            (b"", FileKind::Other),
        ] {
            let file = File::new(Some("cat.png"), Bytes::from_static(bytes));
            assert_eq!(file.kind, kind, "{bytes:?}");
            assert_eq!(kind.is_picture(), kind.media_type().starts_with("image/"));
        }
    }

    #[test]
    fn the_name_of_a_file_is_no_path_and_gives_no_orders() {
        let long = "n".repeat(5000);
        for (given, name) in [
            (None, "file.png"),
            (Some(""), "file.png"),
            (Some("cat.png"), "cat.png"),
            (Some("cat"), "cat.png"),
            (Some("../../etc/passwd"), "passwd.png"),
            (Some("C:\\x\\boot.ini"), "boot.ini"),
            (Some(".bashrc"), "bashrc.png"),
            (Some("-rf"), "rf.png"),
            (Some(".."), "file.png"),
            (Some("a\n\u{202e}gnp.exe"), "a gnp.exe"),
            (Some("x\"; drop.png"), "x drop.png"),
            (Some(&long), &format!("{}.png", "n".repeat(71))),
        ] {
            let file = File::new(given, Bytes::from_static(b"\x89PNG\r\n\x1a\n"));
            assert_eq!(file.name, name, "{given:?}");
        }
    }

    #[test]
    fn no_debug_print_shows_what_opens_a_file_or_is_in_it() {
        let id = "https://cdn.example/secret".to_owned();
        let shown = format!("{:?}", FileRef { id, name: Some("Ann".to_owned()), size: Some(3) });
        assert_eq!(shown, "FileRef { size: Some(3), .. }");
        let file = File::new(Some("Ann"), Bytes::from_static(b"secret"));
        assert_eq!(format!("{file:?}"), "File(application/octet-stream, 6 bytes)");
    }
}
