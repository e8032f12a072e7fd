//! What is asked on the terminal: a line, yes or no, and secrets without an echo.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, IsTerminal, Read, Write},
};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::{Failure, Output, output::tamed, text};

/// The longest secret, in bytes.
const LONGEST: usize = 1024;

/// Puts the terminal back as it was.
struct Quiet<'a>(&'a File, Termios);

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Where it is gone, nothing is to be put back.
        let _gone = tcsetattr(self.0, SetArg::TCSAFLUSH, &self.1);
    }
}

/// True where a person sits at the terminal.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal, until it is yes or no; an empty line is no. Without a terminal, nobody says yes.
pub(super) fn yes(output: &mut Output, question: &str) -> Result<bool, Failure> {
    loop {
        let answer = line(output, &format!("{question} [yes/no] "))?.unwrap_or_default();
        match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            _ => output.note(text::YES_OR_NO),
        }
    }
}

/// Asks for a line, whose blanks at both ends do not count. `None` without a terminal, and at the end of the input.
pub(super) fn line(output: &mut Output, question: &str) -> Result<Option<String>, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Ok(None);
    }
    output.flush();
    write!(io::stderr(), "{}", tamed(question))?;
    let mut answer = String::new();
    let read = input.lock().read_line(&mut answer)?;
    Ok((read > 0).then(|| answer.trim().to_owned()))
}

/// Asks for a secret. `None` without a terminal. Ctrl-C ends the command, and the terminal is as before.
pub(super) fn secret(question: &str) -> Result<Option<String>, Failure> {
    let Ok(mut terminal) = OpenOptions::new().read(true).write(true).open("/dev/tty") else {
        return Ok(None);
    };
    let Ok(before) = tcgetattr(&terminal) else { return Ok(None) };
    let mut quiet = before.clone();
    quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &quiet).map_err(io::Error::from)?;
    let held = Quiet(&terminal, before);
    // What is pasted the moment the question shows is not shown, and not lost.
    let asked = write!(&terminal, "{question}: ");
    let typed = asked.and_then(|()| read(&terminal));
    drop(held);
    writeln!(terminal)?;
    typed?.map(Some).ok_or_else(text::given_up)
}

/// Reads to the end of the line; `None` where it was given up.
fn read(mut from: &File) -> io::Result<Option<String>> {
    let (mut typed, mut byte) = (Vec::new(), [0]);
    loop {
        if from.read(&mut byte)? == 0 {
            return Ok(None);
        }
        match byte[0] {
            b'\n' | b'\r' => break,
            3 | 4 => return Ok(None),
            8 | 127 => {
                // A character may have several bytes.
                while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            byte => typed.push(byte),
        }
        if typed.len() > LONGEST {
            let why = format!("a secret has at most {LONGEST} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
    }
    String::from_utf8(typed).map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
}
