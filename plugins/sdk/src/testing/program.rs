//! A program that a channel starts, and that a test plays: a script whose standard input and output come to us, line by
//! line.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::{
        TcpListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

/// The program; dropped, it cannot be started any more, and what runs of it ends.
#[derive(Debug)]
pub struct Program {
    folder: tempfile::TempDir,
    _playing: JoinSet<()>,
}

/// One that was started.
#[derive(Debug)]
pub struct Started {
    /// Its process.
    pub id: u32,
    /// Its arguments, with spaces between them.
    pub arguments: String,
    /// What it reads.
    pub lines: Lines<BufReader<OwnedReadHalf>>,
    /// What it writes; dropped, it ends.
    pub output: OwnedWriteHalf,
}

/// Writes a program by another process: one that is forked meanwhile must not hold it open for writing.
pub fn script(path: &Path, text: &str) {
    let write = "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"";
    let written = Command::new("/bin/sh").args(["-c", write]).arg(path).arg(text).status();
    assert!(written.expect("a shell").success(), "a program is written");
}

impl Program {
    /// A program of this name, that makes noise on its standard error. Each that is started is played on a task of its
    /// own. With a file `last-words` beside it, it fails in the end and says that.
    pub async fn new<F>(name: &str, play: impl Fn(Started) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let text = format!(
            "#!/bin/bash\n\
             cd '{at}' || exit 9\n\
             env > environment\n\
             head -c 100000 /dev/zero | tr '\\0' x >&2\n\
             echo 'noise' >&2\n\
             exec 3<>/dev/tcp/127.0.0.1/{port} 4<&0 || exit 9\n\
             echo \"$$ $*\" >&3\n\
             cat <&4 >&3 2>/dev/null &\n\
             cat <&3\n\
             [ ! -e last-words ] || {{ cat last-words >&2; rm last-words; exit 3; }}\n",
            at = folder.path().display(),
        );
        script(&folder.path().join(name), &text);
        let mut playing = JoinSet::new();
        playing.spawn(async move {
            let mut running = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a connection");
                let (read, output) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                let Ok(Some(first)) = lines.next_line().await else { continue };
                let (id, arguments) = first.split_once(' ').unwrap_or((&first, ""));
                let id = id.parse().expect("a process");
                running.spawn(play(Started { id, arguments: arguments.to_owned(), lines, output }));
            }
        });
        Self { folder, _playing: playing }
    }

    /// Where it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The variables that it was started with last.
    pub fn environment(&self) -> String {
        fs::read_to_string(self.folder.path().join("environment")).expect("it was started")
    }

    /// The one that ends next fails, and says this.
    pub fn fails_with(&self, words: &str) {
        script(&self.folder.path().join("last-words"), words);
    }
}
