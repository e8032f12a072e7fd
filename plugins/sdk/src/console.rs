//! The console, shared by log lines and by the terminal channel, which prints above its prompt.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

type Printer = Box<dyn FnMut(&str) + Send>;

static PRINTER: Mutex<Option<Printer>> = Mutex::new(None);

/// Lets a line editor print lines above its prompt; `None` gives the console back.
pub fn set_printer(printer: Option<Printer>) {
    *PRINTER.lock().unwrap_or_else(PoisonError::into_inner) = printer;
}

/// Prints one line, or several, above the prompt if there is one, else to standard error.
pub fn print(lines: &str) {
    let mut printer = PRINTER.lock().unwrap_or_else(PoisonError::into_inner);
    match printer.as_mut() {
        Some(print) => print(lines),
        // A console that is gone can be told nothing.
        None => drop(io::stderr().write_all(lines.as_bytes())),
    }
}
