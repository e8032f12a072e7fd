//! Hostile and torn archives, as a table; and a recipient.

use std::{fs::File, io::Write, path::Path};

use age::secrecy::ExposeSecret;
use flate2::{Compression, write::GzEncoder};
use openclaw_plugin_sdk::{SenderId, UnixMs};
use tar::EntryType;
use tempfile::TempDir;

use super::*;
use crate::{
    manifest::{NAME, SCHEMA},
    rules::approver::Approver,
    store::{Store, paths::StateDir},
};

const NOW: UnixMs = UnixMs(1_770_976_800_000);

fn parse(_: &str, id: &str) -> Result<SenderId, openclaw_plugin_sdk::InvalidSenderId> {
    SenderId::new(id)
}

struct Entry(&'static str, EntryType, &'static [u8]);

fn plain(name: &'static str) -> Entry {
    Entry(name, EntryType::Regular, b"x")
}

fn manifest(names: &[&str]) -> Manifest {
    let file = |name: &&str| FileEntry::of((*name).to_owned(), b"x", 0o600);
    Manifest {
        schema: SCHEMA,
        version: "0".to_owned(),
        made_at: NOW.0,
        log: store::copies::LogEnd::default(),
        files: names.iter().map(file).collect(),
    }
}

/// Names and sizes are put into the header as they are, whatever they say.
fn append(archive: &mut tar::Builder<GzEncoder<File>>, entry: &Entry, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    let place = &mut header.as_old_mut().name;
    place[..entry.0.len()].copy_from_slice(entry.0.as_bytes());
    header.set_entry_type(entry.1);
    if entry.1.is_symlink() || entry.1.is_hard_link() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_size(bytes.len() as u64);
    header.set_mode(0o4777);
    header.set_cksum();
    archive.append(&header, bytes).unwrap();
}

fn written(dir: &Path, manifest: &Manifest, entries: &[Entry]) -> std::path::PathBuf {
    let path = dir.join("hostile.backup");
    let to = GzEncoder::new(File::create(&path).unwrap(), Compression::default());
    let mut archive = tar::Builder::new(to);
    let text = serde_json::to_vec(manifest).unwrap();
    append(&mut archive, &plain(NAME), &text);
    for entry in entries {
        append(&mut archive, entry, entry.2);
    }
    archive.into_inner().unwrap().finish().unwrap();
    path
}

/// Nothing is left of it, neither in its place nor beside it.
fn refused(manifest: &Manifest, entries: &[Entry]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), manifest, entries);
    let into = dir.path().join("new");
    let by = Approver::on_host(0);
    let restore = Restore { file: &file, key: &Key::None, into: &into, parse, by: &by, now: NOW };
    let why = restore.run().unwrap_err().to_string();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{why}");
    why.replace(&file.display().to_string(), "FILE")
}

#[test]
fn hostile_archives_are_refused_and_leave_nothing() {
    let link = |kind| [Entry("access/a.json", kind, b"")];
    let mut large = manifest(&["access/a.json"]);
    large.files[0].size = u64::MAX / 2;
    let mut many = manifest(&["access/a.json", "access/b.json", "access/c.json"]);
    many.files.iter_mut().for_each(|file| file.size = manifest::MOST_BYTES / 2);
    let mut longer = manifest(&["access/a.json"]);
    longer.files[0].size = 7;
    let mut newer = manifest(&[]);
    newer.schema = SCHEMA + 1;
    let one = manifest(&["access/a.json"]);
    let a = || plain("access/a.json");
    let table: Vec<(&str, Manifest, Vec<Entry>)> = vec![
        ("not that of a file", manifest(&["access/../../x"]), vec![plain("access/../../x")]),
        ("absolute", manifest(&["/etc/x"]), vec![plain("/etc/x")]),
        ("no backup holds it", manifest(&["run/gateway.lock"]), vec![plain("run/gateway.lock")]),
        ("no backup holds it", manifest(&["held/a.json"]), vec![plain("held/a.json")]),
        (
            "no backup holds it",
            manifest(&["access/unconfirmed"]),
            vec![plain("access/unconfirmed")],
        ),
        ("no backup holds it", manifest(&[".bashrc"]), vec![plain(".bashrc")]),
        ("a lock or a temporary", manifest(&["audit/a.oc-lock"]), vec![plain("audit/a.oc-lock")]),
        ("named twice", manifest(&["access/a.json", "access/a.json"]), vec![a(), a()]),
        ("no plain file", one.clone(), link(EntryType::Symlink).into()),
        ("no plain file", one.clone(), link(EntryType::Link).into()),
        ("no plain file", one.clone(), link(EntryType::Char).into()),
        ("no plain file", one.clone(), link(EntryType::Block).into()),
        ("no plain file", one.clone(), link(EntryType::Fifo).into()),
        ("no plain file", one.clone(), link(EntryType::Directory).into()),
        ("no plain file", one.clone(), link(EntryType::GNULongName).into()),
        ("no plain file", one.clone(), link(EntryType::XHeader).into()),
        ("does not name it there", one.clone(), vec![plain("../x")]),
        ("does not name it there", one.clone(), vec![a(), a()]),
        ("does not name it there", one.clone(), vec![a(), plain("access/b.json")]),
        ("is missing", one.clone(), vec![]),
        ("is missing", manifest(&["access/a.json", "access/b.json"]), vec![plain("access/b.json")]),
        ("not the file that", one.clone(), vec![Entry("access/a.json", EntryType::Regular, b"y")]),
        ("not the file that", longer, vec![a()]),
        ("too large", large, vec![a()]),
        ("too large", many, vec![a()]),
        ("its shape is 2", newer, vec![]),
    ];
    for (expected, manifest, entries) in table {
        let why = refused(&manifest, &entries);
        assert!(why.contains(expected), "{expected}: {why}");
    }
}

#[test]
fn a_file_that_is_no_backup_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x");
    File::create(&file).unwrap().write_all(b"hello").unwrap();
    let why = verify(&file, &Key::None, parse, NOW).unwrap_err().to_string();
    assert!(why.contains("is no backup of this program"), "{why}");
}

fn folder() -> (TempDir, Store, StateDir) {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::at(dir.path().join("state"));
    let store = Store::new(state.clone(), parse);
    store.start(NOW).unwrap();
    let note = store::Note { action: "x", surface: "cli", actor: "uid:0", key: None, subject: "" };
    store.note(&note, NOW).unwrap();
    (dir, store, state)
}

fn made(dir: &Path, store: &Store, state: &StateDir, with: &Protection) -> std::path::PathBuf {
    let config = state.config();
    let from = Source { store, state, config: &config, version: "0", now: NOW };
    create(from, &dir.join("a.backup"), with).unwrap().file
}

#[test]
fn a_copy_for_a_recipient_opens_with_its_identity_alone() {
    let (dir, store, state) = folder();
    let (ours, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let with = Protection::recipients(&[ours.to_public().to_string()]).unwrap();
    let file = made(dir.path(), &store, &state, &with);
    let key = |key: &age::x25519::Identity| {
        Key::identities(&format!("# mine\n{}\n", key.to_string().expose_secret())).unwrap()
    };
    assert_eq!(verify(&file, &key(&ours), parse, NOW).unwrap().log.lines, 1);
    for (key, why) in [
        (key(&other), "it is encrypted for others"),
        (Key::None, "it needs an identity"),
        (Key::passphrase("a long enough one"), "it needs an identity"),
    ] {
        let said = verify(&file, &key, parse, NOW).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
    let text = std::fs::read(&file).unwrap();
    let seen = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    assert!(!seen(b"manifest") && seen(b"X25519"));
}

#[test]
fn a_link_and_a_broken_log_are_no_part_of_a_copy() {
    let (dir, store, state) = folder();
    let link = state.access().join("a.json");
    std::fs::create_dir_all(state.access()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    let config = state.config();
    let from = Source { store: &store, state: &state, config: &config, version: "0", now: NOW };
    let to = dir.path().join("a.backup");
    let why = create(from, &to, &Protection::Plain).unwrap_err().to_string();
    assert!(why.contains("a.json: it is a link"), "{why}");
    std::fs::remove_file(&link).unwrap();
    std::fs::remove_file(state.access_log()).unwrap();
    create(from, &to, &Protection::Plain).unwrap_err();
    assert!(!to.exists());
}
