//! The terminal's mode: raw while a line is edited, and as it was found as soon as nobody attends.
//!
//! The thread that edits is blocked in a read and cannot be called back. So the thread that leaves sets the
//! mode; and an editor that was just about to make it raw undoes that when it first paints.

use std::{
    borrow::Cow,
    cell::Cell,
    io::{self, Write as _},
    panic,
    sync::Arc,
    time::Duration,
};

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use openclaw_plugin_sdk::console;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustyline::{
    Context, Helper,
    completion::{Completer, Pair},
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
    validate::Validator,
};

const PASTE_IN_BRACKETS: &[u8] = b"\x1b[?2004h";
/// From the start of the line: nothing of the prompt stays.
const CLEAR_AND_PASTE_PLAINLY: &[u8] = b"\r\x1b[J\x1b[?2004l";
/// Longer than the editor ever needs to paint.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the editor does with the terminal, and whether it may.
pub(crate) struct Mode {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    attended: bool,
    editing: Editing,
    /// How often something was shown above the prompt.
    shown: u64,
    /// As it was found.
    found: Termios,
    /// As the editor has it.
    raw: Option<Termios>,
    /// It is as it was found, though the editor does not know.
    given_back: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Editing {
    /// Not at all.
    Idle,
    /// Never: the terminal can do no more than lines.
    Never,
    /// In raw mode.
    Raw,
    /// It is about to.
    Starting,
}

/// Why the prompt is painted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A key was typed, or a line begins.
    Key,
    /// Something was shown above it.
    Print,
}

impl Mode {
    pub(crate) fn of_standard_input() -> Result<Self, io::Error> {
        let found = tcgetattr(io::stdin())?;
        let state = State {
            attended: false,
            editing: Editing::Idle,
            shown: 0,
            found,
            raw: None,
            given_back: false,
        };
        Ok(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    fn wait(&self, until: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| !until(state), PATIENCE);
        state
    }

    /// A user attends. True where an interrupted edit continues.
    pub(crate) fn attend(&self) -> bool {
        let mut state = self.state.lock();
        state.attended = true;
        self.changed.notify_all();
        std::mem::take(&mut state.given_back) && state.take_again()
    }

    /// The process was stopped and continues. True where the mode had to be set again: the program that stopped it
    /// may have set another one after the editor last did.
    pub(crate) fn resume(&self) -> bool {
        let state = self.state.lock();
        let now = tcgetattr(io::stdin()).ok();
        state.attended && !state.given_back && now != state.raw && state.take_again()
    }

    /// Nobody attends any more: the terminal is as it was found.
    pub(crate) fn leave(&self) {
        self.state.lock().attended = false;
        let mut state = self.wait(|state| state.editing != Editing::Starting);
        state.give_back();
    }

    /// As [`Mode::leave`], said by the editor between two lines.
    pub(crate) fn nobody_attends(&self) {
        self.state.lock().attended = false;
    }

    /// The editor begins a line, as soon as a user attends.
    pub(crate) fn enter(&self) {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| !state.attended);
        if state.editing != Editing::Never {
            state.editing = Editing::Starting;
        }
    }

    /// The editor has ended a line, and has given the terminal back.
    pub(crate) fn exit(&self) {
        let mut state = self.state.lock();
        if state.editing != Editing::Never {
            state.editing = Editing::Idle;
            // A user who attended just now may have made it raw again after the editor had given it back.
            let _set = tcsetattr(io::stdin(), SetArg::TCSANOW, &state.found);
        }
        state.given_back = false;
        self.changed.notify_all();
    }

    /// The terminal never becomes raw.
    pub(crate) fn never_raw(&self) {
        self.state.lock().editing = Editing::Never;
    }

    /// Waits for the prompt, and gives how often something was shown above it; `None` where there is none.
    pub(crate) fn wait_for_prompt(&self) -> Option<u64> {
        let ready = |state: &State| match state.editing {
            Editing::Never | Editing::Raw => true,
            Editing::Idle | Editing::Starting => !state.attended,
        };
        let state = self.wait(ready);
        (state.editing == Editing::Raw).then_some(state.shown)
    }

    /// Waits for the next time. False where that will never be, because the last prompt is gone.
    pub(crate) fn wait_until_shown_after(&self, shown: u64) -> bool {
        let over = |state: &State| state.editing == Editing::Idle && !state.attended;
        let state = self.wait(|state| state.shown > shown || over(state));
        state.shown > shown || !over(&state)
    }

    fn paint(&self, cause: Cause) {
        let mut state = self.state.lock();
        if cause == Cause::Print {
            state.shown += 1;
        }
        if state.editing == Editing::Starting {
            state.editing = Editing::Raw;
            state.raw = tcgetattr(io::stdin()).ok();
            if !state.attended {
                state.give_back();
            }
        }
        self.changed.notify_all();
    }

    /// A process that aborts in a panic runs nothing else.
    pub(crate) fn restore_when_aborting(self: &Arc<Self>) {
        if !cfg!(panic = "abort") {
            return;
        }
        let (mode, earlier) = (Arc::clone(self), panic::take_hook());
        panic::set_hook(Box::new(move |panicked| {
            if let Some(mut state) = mode.state.try_lock() {
                state.give_back();
            }
            earlier(panicked);
        }));
    }
}

impl State {
    fn give_back(&mut self) {
        if self.editing == Editing::Raw && !self.given_back {
            self.given_back = set(&self.found, CLEAR_AND_PASTE_PLAINLY);
        }
    }

    fn take_again(&self) -> bool {
        let raw = self.raw.as_ref().filter(|_| self.editing == Editing::Raw);
        raw.is_some_and(|raw| set(raw, PASTE_IN_BRACKETS))
    }
}

/// False where the terminal is gone: then nothing needs to be given back.
fn set(mode: &Termios, say: &[u8]) -> bool {
    let mut output = io::stdout();
    let set = tcsetattr(io::stdin(), SetArg::TCSANOW, mode).is_ok();
    set && output.write_all(say).and_then(|()| output.flush()).is_ok()
}

/// Sees the editor paint. Before it does so for a key, it asks whether the line looks different now.
pub(crate) struct Watch {
    mode: Arc<Mode>,
    asked: Cell<bool>,
}

impl Watch {
    pub(crate) fn new(mode: Arc<Mode>) -> Self {
        Self { mode, asked: Cell::new(false) }
    }
}

impl Helper for Watch {}

impl Completer for Watch {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start = line[..at].rfind(' ').map_or(0, |blank| blank + 1);
        let before: Vec<&str> = line[..start].split_whitespace().collect();
        let all = console::words(&before, &line[start..at]).into_iter();
        let pair = |word: String| Pair { replacement: format!("{word} "), display: word };
        Ok((start, all.map(pair).collect()))
    }
}

impl Hinter for Watch {
    type Hint = String;
}

impl Validator for Watch {}

impl Highlighter for Watch {
    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.asked.set(true);
        // Always painted whole, so that to each question there is one painting.
        true
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let cause = if self.asked.take() { Cause::Key } else { Cause::Print };
        self.mode.paint(cause);
        Cow::Borrowed(prompt)
    }
}
