//! This process's own terminal: a line editor with history, in a thread of its own.
//! History stays in memory: a code that was typed is written to no file.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    sync::Arc,
    thread,
    time::Duration,
};

use nix::sys::signal::{Signal, raise};
use openclaw_plugin_sdk::{ChannelError, console};
use parking_lot::Mutex;
use rustyline::{
    CompletionType, Config, Editor, ExternalPrinter, config::BellStyle, config::ColorMode,
    error::ReadlineError, history::MemHistory,
};
use tokio::sync::mpsc;

use crate::{
    Input, Tty,
    mode::{Mode, Watch},
    printer::{NoRoom, Printer},
    text,
};

const PROMPT: &str = "> ";
const READER: &str = "console";

/// Standard input and output. The session runs from the first start to the end of the process.
#[derive(Default)]
pub(crate) struct Console(Mutex<Option<ConsoleSession>>);

#[derive(Clone)]
struct ConsoleSession {
    mode: Arc<Mode>,
    printer: Printer,
}

type LineEditor = Editor<Watch, MemHistory>;

impl Tty for Console {
    fn start(&self) -> Result<mpsc::Receiver<Input>, ChannelError> {
        if !console::attended() {
            return Err(ChannelError::Unauthorized(text::NO_TERMINAL.to_owned()));
        }
        let mode = Arc::new(Mode::of_standard_input().map_err(|error| gone(&error.into()))?);
        mode.restore_when_aborting();
        let mut editor = editor(&mode).map_err(|error| gone(&error))?;
        let above_prompt = editor.create_external_printer();
        if above_prompt.is_err() {
            // Such a terminal has no line editing, and nothing to give back.
            mode.never_raw();
        }
        let shown = Arc::clone(&mode);
        let mut above_prompt = above_prompt.ok();
        let printer = Printer::start(move |lines| show(above_prompt.as_mut(), &shown, lines))
            .map_err(|error| gone(&error.into()))?;
        let (lines, read) = mpsc::channel(256);
        *self.0.lock() = Some(ConsoleSession { mode: Arc::clone(&mode), printer });
        let thread = thread::Builder::new().name(READER.to_owned());
        thread
            .spawn(move || read_lines(editor, &mode, &lines))
            .map_err(|error| gone(&error.into()))?;
        Ok(read)
    }

    fn attend(&self) {
        let Some(ConsoleSession { mode, printer }) = self.0.lock().clone() else { return };
        let above_prompt = printer.clone();
        console::set_printer(Some(Box::new(move |lines| {
            // What the editor itself logs must not make it print, and log again.
            if thread::current().name() != Some(READER) {
                above_prompt.print_or_count(lines);
            }
        })));
        if mode.attend() {
            // The prompt is still being edited, and shows below what is printed.
            printer.print_or_count("\n");
        }
    }

    fn leave(&self) {
        console::set_printer(None);
        if let Some(ConsoleSession { mode, printer }) = self.0.lock().clone() {
            printer.flush();
            mode.leave();
        }
    }

    fn resume(&self) {
        let Some(ConsoleSession { mode, printer }) = self.0.lock().clone() else { return };
        // A job that continues in the background leaves the terminal to the one in front.
        if console::attended() && mode.resume() {
            printer.print_or_count("\n");
        }
    }

    fn has_styles(&self) -> bool {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let plain = env::var_os("TERM").is_none_or(|term| term == "dumb") || is_set("NO_COLOR");
        !plain && io::stdout().is_terminal()
    }

    fn print(&self, lines: String) -> Result<(), ChannelError> {
        match &*self.0.lock() {
            Some(running) => running
                .printer
                .print(lines)
                .map_err(|NoRoom| ChannelError::RateLimited(Duration::from_secs(1))),
            None => io::stdout().write_all(lines.as_bytes()).map_err(|error| gone(&error.into())),
        }
    }
}

fn gone(error: &ReadlineError) -> ChannelError {
    ChannelError::Disconnected(text::gone(error))
}

fn editor(mode: &Arc<Mode>) -> Result<LineEditor, ReadlineError> {
    let config = Config::builder()
        .auto_add_history(true)
        .bell_style(BellStyle::None)
        // Without colours the editor would not say when it paints; we give it none to show.
        .color_mode(ColorMode::Forced)
        // A lone Escape must not hold back what is to be printed.
        .history_ignore_space(true)
        // One Tab shows all that fits, as a list.
        .completion_show_all_if_ambiguous(true)
        .completion_type(CompletionType::List)
        .keyseq_timeout(Some(50))
        .max_history_size(500)?
        .build();
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    editor.set_helper(Some(Watch::new(Arc::clone(mode))));
    Ok(editor)
}

fn show(above_prompt: Option<&mut impl ExternalPrinter>, mode: &Mode, lines: &str) {
    let Some(above_prompt) = above_prompt else { return write(lines) };
    let shown = mode.wait_for_prompt();
    if above_prompt.print(lines.to_owned()).is_err() {
        return write(lines);
    }
    // One after the other: what the editor has taken, and not shown yet, is overtaken by nothing.
    if shown.is_some_and(|shown| !mode.wait_until_shown_after(shown)) {
        write(lines);
    }
}

fn write(lines: &str) {
    let mut output = io::stdout();
    // A console that is gone can be told nothing.
    let _told = output.write_all(lines.as_bytes()).and_then(|()| output.flush());
}

fn read_lines(mut editor: LineEditor, mode: &Mode, lines: &mpsc::Sender<Input>) {
    loop {
        mode.enter();
        let line = editor.readline(PROMPT);
        mode.exit();
        let input = match line {
            Ok(line) => Input::Line(line),
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => {
                // No prompt until a user attends again: the gateway is about to stop.
                mode.nobody_attends();
                // A signal that is known can be raised.
                let _raised = raise(Signal::SIGINT);
                continue;
            }
            Err(ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                write(text::NOT_UTF8);
                continue;
            }
            Err(error) => Input::Gone(text::gone(&error)),
        };
        let last = matches!(input, Input::Gone(_));
        if lines.blocking_send(input).is_err() || last {
            return;
        }
    }
}
