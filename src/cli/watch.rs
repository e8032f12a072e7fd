//! `--watch`: the same again every two seconds, until Ctrl-C.

use std::{thread, time::Duration};

use clap::Args;

use crate::{Ended, Exit, Output, text};

const EVERY: Duration = Duration::from_secs(2);

/// Whether it is shown once or again and again.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Watch {
    /// Show it again every 2 seconds until Ctrl-C; with `--json` a line each time
    #[arg(long)]
    watch: bool,
}

impl Watch {
    /// Shows once, or until nobody reads any more. What fails at first ends it; what fails later is shown, and may pass.
    #[expect(clippy::disallowed_methods, reason = "files of several programs tell no event")]
    pub(super) fn run(
        self,
        json: bool,
        output: &mut Output,
        show: impl Fn(&mut Output) -> Ended,
    ) -> Ended {
        if !self.watch {
            return show(output);
        }
        if json {
            output.put_json_on_one_line();
        } else if output.width().is_none() {
            return Err(text::nothing_to_draw_on());
        }
        let mut is_first = true;
        while !output.is_gone() {
            if !json {
                output.clear();
            }
            match show(output) {
                Err(failure) if is_first => return Err(failure),
                Err(failure) => output.failure(&failure),
                Ok(_) => {}
            }
            output.flush();
            is_first = false;
            thread::sleep(EVERY);
        }
        Ok(Exit::Done)
    }
}
