//! The fake as a program that the channel starts: a script that says how it was started, makes noise, and sleeps. What
//! it would serve on its socket is served here, line by line.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use openclaw_plugin_sdk::testing;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};

use super::{Shared, State, methods, state::Failing};

/// The program; dropped, nothing of it is served any more.
pub(crate) struct Program {
    folder: tempfile::TempDir,
    _serving: JoinSet<()>,
}

impl Program {
    /// A program of this version, that is not started yet.
    pub(crate) fn new(version: &str, shared: &Shared) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        let script = format!(
            "#!/bin/sh\n\
             cd '{at}' || exit 9\n\
             case \" $* \" in\n\
             *' --version '*) echo 'signal-cli {version}'; exit ;;\n\
             *' -a '*) [ -e unlinked ] && {{ echo 'User +1 is not registered.' >&2; exit 1; }} ;;\n\
             esac\n\
             env > environment\n\
             head -c 100000 /dev/zero | tr '\\0' x >&2\n\
             echo '{NOISE}' | tee /dev/stderr\n\
             printf '%s\\n' \"$@\" > \"$$.part\" && mv \"$$.part\" \"$$.started\"\n\
             exec sleep 600\n",
            at = at.display(),
            NOISE = super::NOISE,
        );
        testing::program::script(&at.join("signal-cli"), &script);
        let mut serving = JoinSet::new();
        serving.spawn(serve(at.to_owned(), shared.clone()));
        Self { folder, _serving: serving }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("signal-cli")
    }

    /// The account is not, or not any more, one of its own.
    pub(crate) fn unlink(&self, unlinked: bool) {
        let mark = self.folder.path().join("unlinked");
        let done = if unlinked { fs::File::create(mark).map(drop) } else { fs::remove_file(mark) };
        done.expect("a mark");
    }

    /// How it was started each time, with its process.
    pub(crate) fn starts(&self) -> Vec<(u32, Vec<String>)> {
        let mut all: Vec<(std::time::SystemTime, u32, Vec<String>)> = files(self.folder.path())
            .filter(|path| path.extension().is_some_and(|it| it == "served"))
            .map(|path| {
                let at = fs::metadata(&path).and_then(|meta| meta.modified()).expect("a time");
                let id = path.file_stem().and_then(|id| id.to_str()?.parse().ok());
                (at, id.expect("a process"), arguments(&path))
            })
            .collect();
        all.sort();
        all.into_iter().map(|(_, id, arguments)| (id, arguments)).collect()
    }

    /// The variables that it was started with.
    pub(crate) fn environment(&self) -> String {
        fs::read_to_string(self.folder.path().join("environment")).expect("it was started")
    }
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.path())
}

fn arguments(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("arguments");
    text.lines().map(str::to_owned).collect()
}

async fn serve(folder: PathBuf, shared: Shared) {
    let mut serving = JoinSet::new();
    loop {
        for file in files(&folder).filter(|path| path.extension().is_some_and(|it| it == "started"))
        {
            let arguments = arguments(&file);
            let mut after = arguments.iter().skip_while(|word| *word != "--socket");
            let socket = after.nth(1).expect("a socket");
            let hears = arguments.iter().any(|word| word == "--receive-mode=on-connection");
            let single = arguments.iter().any(|word| word == "-a");
            shared.change(|state| state.single = single);
            let listener = UnixListener::bind(socket).expect("its socket");
            fs::rename(&file, file.with_extension("served")).expect("it is served");
            let shared = shared.clone();
            serving.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    speak(stream, &shared, hears).await;
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One connection, until its client has gone or it is broken.
async fn speak(stream: UnixStream, shared: &Shared, hears: bool) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut changes = shared.changes();
    let connection = hears.then(|| shared.change(State::connect));
    loop {
        changes.borrow_and_update();
        let next = connection.and_then(|id| {
            let mut state = shared.lock();
            if std::mem::take(&mut state.broken) {
                return Some(None);
            }
            let is_ours = state.listener == Some(id);
            let noise = state.noise.take().map(str::to_owned);
            let event = if is_ours && noise.is_none() { state.next() } else { None };
            let event = event.map(|event| {
                json!({ "jsonrpc": "2.0", "method": "receive", "params": event }).to_string()
            });
            noise.or(event).map(Some)
        });
        let line = match next {
            Some(None) => break,
            Some(Some(line)) => line,
            None => tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) => match answer(shared, &line) {
                        Some(answer) => answer,
                        None => break,
                    },
                    _ => break,
                },
                _ = changes.changed() => continue,
            },
        };
        if write.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            break;
        }
    }
    if let Some(id) = connection {
        shared.change(|state| state.leave(id));
    }
}

/// The answer to a call; none where the connection ends instead.
fn answer(shared: &Shared, line: &str) -> Option<String> {
    let call: Value = serde_json::from_str(line).expect("JSON");
    assert!(call["jsonrpc"] == "2.0" && call["id"].is_string(), "{call}");
    let method = call["method"].as_str().expect("a method");
    let mut said = json!({ "jsonrpc": "2.0", "id": call["id"] });
    match shared.change(|state| methods::call(state, method, &call["params"])) {
        Ok(result) => said["result"] = result,
        Err(Failing::Error(code, words, data)) => {
            said["error"] = json!({ "code": code, "message": words, "data": data });
        }
        Err(Failing::Results(results)) => {
            said["result"] = json!({ "timestamp": 1, "results": results });
        }
        Err(Failing::Half) => return None,
    }
    Some(said.to_string())
}
