//! The console, shared by log lines and by the terminal channel, which prints above its prompt.

use std::io::{self, IsTerminal as _, Write};

use nix::unistd::{getpgrp, tcgetpgrp};
use parking_lot::Mutex;

type Printer = Box<dyn FnMut(&str) + Send>;
type Words = Box<dyn Fn(&[&str]) -> Vec<String> + Send>;

/// What can be typed at the console behind other words. Codes that wait are among it.
static WORDS: Mutex<Option<Words>> = Mutex::new(None);

static PRINTER: Mutex<Option<Printer>> = Mutex::new(None);

/// True where a person sits: standard input and output are a terminal, and this process is in its foreground.
pub fn attended() -> bool {
    let (input, output) = (io::stdin(), io::stdout());
    // The system stops a background job that reads. A terminal that is not ours has no foreground.
    let background = tcgetpgrp(&input).is_ok_and(|group| group != getpgrp());
    input.is_terminal() && output.is_terminal() && !background
}

/// True while a line editor shows a prompt: its user sees the cards of the console.
pub fn has_prompt() -> bool {
    PRINTER.lock().is_some()
}

/// Says what can be typed at the console behind the words before it: asked each time that Tab is pressed.
pub fn set_words(words: Words) {
    *WORDS.lock() = Some(words);
}

/// What can be typed behind these words that begins like `start`.
pub fn words(before: &[&str], start: &str) -> Vec<String> {
    let mut all = WORDS.lock().as_ref().map(|words| words(before)).unwrap_or_default();
    all.retain(|word| word.starts_with(start));
    all
}

/// Lets a line editor print lines above its prompt; `None` gives the console back.
pub fn set_printer(printer: Option<Printer>) {
    *PRINTER.lock() = printer;
}

/// Prints one line, or several, above the prompt if there is one, else to standard error.
pub fn print(lines: &str) {
    let mut printer = PRINTER.lock();
    match printer.as_mut() {
        Some(print) => print(lines),
        // A console that is gone can be told nothing.
        None => drop(io::stderr().write_all(lines.as_bytes())),
    }
}
