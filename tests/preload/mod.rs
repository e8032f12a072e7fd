//! Faults of a disk: a small library that is loaded into the real program and lets chosen calls fail, wait or do
//! half of their work.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It fails with this errno.
    Errno(i32),
    /// It writes half of the bytes.
    Short,
    /// It fails with this errno, and so does every later call below the traced folder.
    Gone(i32),
    /// It takes so many milliseconds longer.
    Delay(u32),
}

/// Which calls it meets: of this kind (`write`, `sync`, `rename`, `cut`, `open`), on a path with this in it, from
/// the `from`th on (1 is the first), so many `times` (0: every later one too).
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) call: &'static str,
    pub(crate) path: String,
    pub(crate) from: usize,
    pub(crate) times: usize,
    pub(crate) fault: Fault,
}

/// A point of the program's work on a disk: a kind of call, a file, and which of its calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) call: String,
    pub(crate) path: String,
    pub(crate) nth: usize,
}

/// Lets the calls of a program fail by these rules.
pub(crate) fn inject(command: &mut Command, rules: &[Rule]) {
    command.env("LD_PRELOAD", library()).env("OC_FAULTS", spell(rules));
}

/// A program that is told of its faults while it runs, and whose calls are written down.
pub(crate) struct Remote {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Remote {
    /// For a command that works on files below `root`.
    pub(crate) fn over(command: &mut Command, root: &Path) -> Self {
        let remote = Self { folder: tempfile::tempdir().unwrap(), root: root.to_owned() };
        remote.tell(&[]);
        trace(command, root, &remote.folder.path().join("trace"));
        command.env("OC_FAULT_CONTROL", remote.folder.path().join("rules"));
        remote
    }

    /// From its next call on these rules count, and no others.
    pub(crate) fn tell(&self, rules: &[Rule]) {
        let (new, rule) = (self.folder.path().join("new"), self.folder.path().join("rules"));
        let mut file = std::fs::File::create(&new).unwrap();
        std::io::Write::write_all(&mut file, spell(rules).as_bytes()).unwrap();
        std::fs::rename(new, rule).unwrap();
    }

    /// True where a call has failed since the last look at the points.
    pub(crate) fn has_struck(&self) -> bool {
        let trace = std::fs::read(self.folder.path().join("trace")).unwrap();
        trace.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"fault "))
    }

    /// What was written down since the last time.
    pub(crate) fn points(&self) -> Vec<Point> {
        let trace = self.folder.path().join("trace");
        let points = points(&trace, &self.root);
        std::fs::File::options().write(true).truncate(true).open(trace).unwrap();
        points
    }
}

fn spell(rules: &[Rule]) -> String {
    let spell = |rule: &Rule| {
        let what = match rule.fault {
            Fault::Errno(errno) => errno.to_string(),
            Fault::Short => "short".to_owned(),
            Fault::Gone(errno) => format!("gone:{errno}"),
            Fault::Delay(ms) => format!("delay:{ms}"),
        };
        format!("{} {what} {} {} {}", rule.call, rule.from, rule.times, rule.path)
    };
    rules.iter().map(spell).collect::<Vec<_>>().join("\n")
}

/// Writes down every call on files below `root`.
pub(crate) fn trace(command: &mut Command, root: &Path, into: &Path) {
    command.env("LD_PRELOAD", library());
    command.env("OC_FAULT_TRACE", into).env("OC_FAULT_ROOT", root);
}

/// The points of a trace in their order, with paths below `root`. A name that was drawn by chance is left out of a
/// path, so that the same work has the same points.
pub(crate) fn points(trace: &Path, root: &Path) -> Vec<Point> {
    let text = std::fs::read_to_string(trace).unwrap();
    let root = format!("{}/", root.display());
    let mut points: Vec<Point> = Vec::new();
    for (call, path) in text.lines().filter_map(|line| line.split_once(' ')) {
        let Some(path) = path.strip_prefix(&root) else { continue };
        let path = match path.split_once(".oc-") {
            Some((target, rest)) if rest.strip_suffix(".tmp").is_some() => format!("{target}.oc-"),
            _ => path.to_owned(),
        };
        let before = points.iter().filter(|point| point.call == call && point.path == path);
        points.push(Point { nth: before.count() + 1, call: call.to_owned(), path });
    }
    points
}

/// The library, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("libfaults.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preload/faults.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&path).arg(source);
        let built = cc.args(["-ldl", "-lpthread"]).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        (dir, path)
    });
    path
}
