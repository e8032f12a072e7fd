//! The program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    openclaw::cli::main(std::env::args_os())
}
