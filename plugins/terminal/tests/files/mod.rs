//! A terminal made of two files: lines are read from one, and texts are written to the other.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Write as _},
    thread,
};

use channel_terminal::{Input, Tty};
use openclaw_plugin_sdk::ChannelError;
use parking_lot::Mutex;
use tokio::sync::mpsc;

type Connect = Box<dyn Fn() -> io::Result<(File, File)> + Send + Sync>;

/// Input and output, opened by a function.
pub(crate) struct Files {
    connect: Connect,
    output: Mutex<Option<File>>,
}

impl Files {
    pub(crate) fn new(connect: Connect) -> Self {
        Self { connect, output: Mutex::default() }
    }
}

fn gone(error: &io::Error) -> ChannelError {
    ChannelError::Disconnected(format!("the console is gone: {error}"))
}

impl Tty for Files {
    fn start(&self) -> Result<mpsc::Receiver<Input>, ChannelError> {
        let (input, output) = (self.connect)().map_err(|error| gone(&error))?;
        *self.output.lock() = Some(output);
        let (lines, read) = mpsc::channel(64);
        let thread = thread::Builder::new().name("console".to_owned());
        thread.spawn(move || read_lines(input, &lines)).map_err(|error| gone(&error))?;
        Ok(read)
    }

    fn print(&self, lines: String) -> Result<(), ChannelError> {
        let mut output = self.output.lock();
        let file = output.as_mut().ok_or_else(|| gone(&io::ErrorKind::NotConnected.into()))?;
        file.write_all(lines.as_bytes()).map_err(|error| gone(&error))
    }
}

fn read_lines(input: File, lines: &mpsc::Sender<Input>) {
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        let input = match read {
            Ok(0) => Input::Gone("the console has ended".to_owned()),
            Ok(_) => Input::Line(
                String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned(),
            ),
            Err(error) => Input::Gone(format!("the console is gone: {error}")),
        };
        let last = matches!(input, Input::Gone(_));
        if lines.blocking_send(input).is_err() || last {
            return;
        }
    }
}
