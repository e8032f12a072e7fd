//! Pictures and files of conversations with people who have access: a folder a person, beside what they wrote. Erased
//! with it.

use std::{
    fs::{self, DirBuilder},
    io::{self, ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use openclaw_plugin_sdk::{
    Bytes, Exchange, File, FileKind,
    http::{HeaderValue, Response, StatusCode, header},
    own_file,
};
use serde_json::{Value, json};

use crate::{
    history::{Files, History, OLDEST, create},
    is_hex,
    page::{self, refusal},
    random_hex, text,
    visitor::Visitor,
    wire::Named,
};

/// The longest file, as long as what the gateway passes on.
const LONGEST: usize = 10 * 1024 * 1024;
/// A message has so many.
pub(crate) const MOST_OF_MESSAGE: usize = 4;
/// Of a person so many are kept, of so many bytes together; the oldest make room.
const MOST: usize = 50;
const BYTES: u64 = 32 * 1024 * 1024;

/// A request that brings a file, or asks for one by its id.
pub(crate) struct Transfer {
    pub(crate) visitor: Visitor,
    pub(crate) exchange: Exchange,
    pub(crate) id: Option<String>,
}

/// Answers it.
pub(crate) async fn serve(history: &History, mut transfer: Transfer) {
    let Transfer { visitor, exchange, id } = &mut transfer;
    let response = match id {
        Some(id) => match history.file(visitor, id).await {
            Some(bytes) => shown(bytes),
            None => refusal(StatusCode::NOT_FOUND, text::NOT_FOUND),
        },
        None if !history.takes_files(visitor) => refusal(StatusCode::FORBIDDEN, text::NO_FILES),
        None => match exchange.body(visitor.as_str(), LONGEST).await {
            Ok(bytes) if bytes.is_empty() => refusal(StatusCode::BAD_REQUEST, text::EMPTY_FILE),
            Ok(bytes) => {
                let kind = FileKind::of(&bytes).media_type();
                match history.put(visitor, bytes).await {
                    Some(id) => page::json(&json!({ "id": id, "type": kind })),
                    None => refusal(StatusCode::SERVICE_UNAVAILABLE, text::NOT_NOW),
                }
            }
            Err(refused) => refused,
        },
    };
    transfer.exchange.reply(response);
}

/// A file that opens nothing: no script of it runs, and only a picture is shown in place.
fn shown(bytes: Bytes) -> Response<Bytes> {
    let kind = FileKind::of(&bytes);
    let mut response = page::respond(StatusCode::OK, kind.media_type(), bytes);
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    if !kind.is_picture() {
        let saved = HeaderValue::from_static("attachment");
        response.headers_mut().insert(header::CONTENT_DISPOSITION, saved);
    }
    response
}

/// A file as the page draws it.
pub(crate) fn drawn(id: &str, file: &File) -> Value {
    json!({ "id": id, "name": file.name, "type": file.kind.media_type() })
}

impl History {
    /// True for a visitor who may send files now.
    pub(crate) fn takes_files(&self, visitor: &Visitor) -> bool {
        self.keeps(visitor) && self.readers().is_some_and(|readers| readers.take_files())
    }

    /// Whether a visitor may send files, once that is not what it `was`. Never returns where nothing is kept.
    pub(crate) async fn takes_files_now(&self, visitor: &Visitor, was: bool) -> bool {
        let Some(mut changes) = self.readers() else { return std::future::pending().await };
        while self.takes_files(visitor) == was {
            changes.changed().await;
        }
        !was
    }

    /// Keeps a file of a visitor's conversation, and gives its id; `None` where that cannot be done.
    pub(crate) async fn put(&self, visitor: &Visitor, bytes: Bytes) -> Option<String> {
        let visitor = visitor.clone();
        self.work(move |files| files.put(&visitor, &bytes)).await?.ok()
    }

    /// A file of a visitor's conversation, while they have access.
    pub(crate) async fn file(&self, visitor: &Visitor, id: &str) -> Option<Bytes> {
        let (visitor, id) = (visitor.clone(), id.to_owned());
        self.work(move |files| files.get(&visitor, &id)).await?
    }

    /// The files that a visitor names, with their ids; `None` where one of them is not there, or there are too many.
    pub(crate) async fn named(
        &self,
        visitor: &Visitor,
        named: Vec<Named>,
    ) -> Option<Vec<(String, File)>> {
        if named.len() > MOST_OF_MESSAGE {
            return None;
        }
        let mut found = Vec::new();
        for Named { id, name } in named {
            let file = File::new(Some(&name), self.file(visitor, &id).await?);
            found.push((id, file));
        }
        Some(found)
    }
}

impl Files {
    fn files_of(&self, visitor: &Visitor) -> PathBuf {
        self.folder.join("files").join(visitor.digits())
    }

    fn get(&self, visitor: &Visitor, id: &str) -> Option<Bytes> {
        let _turn = self.lines.lock();
        let may = is_hex(id, 32) && self.has_access(visitor);
        may.then(|| own_file::read(&self.files_of(visitor).join(id)).ok().map(Bytes::from))?
    }

    fn put(&self, visitor: &Visitor, bytes: &[u8]) -> io::Result<String> {
        let _turn = self.lines.lock();
        // Asked with the files in hand: none comes after the erasing of its folder.
        if self.most == 0 || !self.has_access(visitor) {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let folder = self.files_of(visitor);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut all = all(&folder);
        while all.len() >= MOST
            || all.iter().map(|one| one.size).sum::<u64>() + bytes.len() as u64 > BYTES
        {
            let Some(oldest) = all.pop() else { break };
            fs::remove_file(oldest.path)?;
        }
        let id = random_hex().ok_or_else(|| io::Error::other(text::NO_RANDOMNESS))?;
        create(&folder.join(&id), true)?.write_all(bytes)?;
        Ok(id)
    }

    /// Erases the files of people without access, and what is too old.
    pub(crate) fn sweep_files(&self, old: bool) {
        for folder in fs::read_dir(self.folder.join("files")).into_iter().flatten().flatten() {
            let name = folder.file_name();
            let visitor = name.to_str().and_then(|digits| Visitor::parse(&format!("web:{digits}")));
            let stays = visitor.is_some_and(|it| self.most > 0 && self.has_access(&it));
            // Left where it cannot be removed: the next sweep tries again, and nothing reads it.
            if !stays {
                drop(fs::remove_dir_all(folder.path()));
            } else if old {
                let is_old = |one: &Kept| one.changed.elapsed().is_ok_and(|age| age > OLDEST);
                for one in all(&folder.path()).into_iter().filter(is_old) {
                    drop(fs::remove_file(one.path));
                }
            }
        }
    }
}

struct Kept {
    path: PathBuf,
    size: u64,
    changed: SystemTime,
}

/// The files in a folder, the newest first.
fn all(folder: &Path) -> Vec<Kept> {
    let kept = |entry: fs::DirEntry| {
        let meta = entry.metadata().ok()?;
        Some(Kept { path: entry.path(), size: meta.len(), changed: meta.modified().ok()? })
    };
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<Kept> = files.filter_map(kept).collect();
    files.sort_by_key(|one| std::cmp::Reverse(one.changed));
    files
}
