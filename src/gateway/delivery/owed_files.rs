//! Files of answers that are on their way: on the disk until they have arrived, so that a restart sends them too, and
//! erased with their message however that ends.

use std::{fs, path::Path};

use openclaw_plugin_sdk::{Bytes, File, own_file};
use tracing::warn;

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    blocking,
    journal::{
        EventKey, Owed,
        mail::{Mail, Part},
    },
    store::private,
};

/// Of an account so many bytes are kept. What is more is known to this run alone.
const MOST: u64 = 64 << 20;

/// Keeps the files of an answer, before the journal knows it.
pub(super) async fn keep(gateway: &Gateway, account: &AccountRuntime, mail: &Mail, files: &[File]) {
    if files.is_empty() {
        return;
    }
    let (parent, files) = (gateway.state.owed_files(&account.config.key), files.to_vec());
    let folder = parent.join(&mail.key);
    let write = move || {
        let size: usize = files.iter().map(|file| file.bytes.len()).sum();
        if held(&parent) + size as u64 > MOST {
            return Ok(());
        }
        for (n, File { name, bytes, .. }) in files.iter().enumerate() {
            let bytes = [name.as_bytes(), b"\n", bytes].concat();
            private::replace(&folder.join(n.to_string()), &bytes)?;
        }
        private::sync(&folder)
    };
    if let Err(error) = blocking(write).await {
        warn!(%error, "the files of an answer are lost if the gateway stops now");
    }
}

/// A file that an earlier run has kept.
pub(super) async fn read(
    gateway: &Gateway,
    account: &AccountRuntime,
    (mail, n): (&Mail, usize),
) -> Option<File> {
    let folder = gateway.state.owed_files(&account.config.key).join(&mail.key);
    let bytes = blocking(move || private::read(&folder.join(n.to_string()))).await.ok()??;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let name = String::from_utf8_lossy(&bytes[..end]).into_owned();
    Some(File::new(Some(&name), Bytes::from(bytes).slice(end + 1..)))
}

/// Nothing is owed of an answer any more.
pub(super) async fn erase(gateway: &Gateway, account: &AccountRuntime, mail: &Mail) {
    if mail.parts.iter().any(|part| matches!(part, Part::File(_))) {
        let folder = gateway.state.owed_files(&account.config.key).join(&mail.key);
        let erase = move || {
            remove(&folder);
            Ok(())
        };
        drop(blocking(erase).await);
    }
}

/// Erases what a crash has left of answers that are not owed.
pub(crate) async fn sweep(gateway: &Gateway, account: &AccountRuntime, owed: &[(EventKey, Owed)]) {
    let mails = owed.iter().filter_map(|(_, owed)| match owed {
        Owed::Send(mail) => Some(mail.key.clone()),
        Owed::Answer(_) | Owed::Outcome(_) => None,
    });
    let (parent, mails) =
        (gateway.state.owed_files(&account.config.key), mails.collect::<Vec<_>>());
    let sweep = move || {
        let folders = fs::read_dir(parent).into_iter().flatten().flatten();
        let is_owed = |name: &std::ffi::OsStr| mails.iter().any(|key| name == key.as_str());
        folders.filter(|one| !is_owed(&one.file_name())).for_each(|one| remove(&one.path()));
        Ok(())
    };
    drop(blocking(sweep).await);
}

fn remove(folder: &Path) {
    if let Err(error) = own_file::remove_folder(folder) {
        warn!(%error, ?folder, "files of an answer could not be erased");
    }
}

/// The bytes of all files that are kept there.
fn held(parent: &Path) -> u64 {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries(parent).flat_map(|folder| entries(&folder.path()));
    files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum()
}
