//! The log of the running gateway: lines above the prompt, or on standard error.
//!
//! Only our own crates may say more than warnings: a client library's details hold URLs, and a bot's URL holds its token.

use std::io::{self, IsTerminal, Write};

use openclaw_plugin_sdk::console;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    registry::LookupSpan,
};

/// The crates that may say more than warnings.
const OURS: [&str; 2] = ["openclaw", "openclaw_plugin_sdk"];

/// And our plugins.
const KINDS: [&str; 3] = ["channel_", "command_", "responder_"];

/// Starts the log of this process. What `OPENCLAW_LOG` says, else `RUST_LOG`, else `info`.
pub(super) fn start() {
    let wish = ["OPENCLAW_LOG", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok());
    let colours = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (layer, problem) = layer(wish.as_deref(), colours, || Line);
    // `log` records of other crates are not taken in at all.
    let subscriber = tracing_subscriber::registry().with(layer);
    let started = tracing::subscriber::set_global_default(subscriber);
    if let Some(problem) = problem {
        tracing::warn!("OPENCLAW_LOG is not understood, `info` counts: {problem}");
    }
    if let Err(error) = started {
        console::print(&format!("no log: {error}\n"));
    }
}

fn layer<S, W>(wish: Option<&str>, colours: bool, writer: W) -> (impl Layer<S>, Option<String>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wish = wish.map(str::trim).filter(|wish| !wish.is_empty()).unwrap_or("info");
    let (filter, problem) = match EnvFilter::builder().parse(wish) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error.to_string())),
    };
    let ours = filter_fn(may_be_said).with_max_level_hint(LevelFilter::TRACE);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(writer)
        .with_filter(filter.and(ours));
    (layer, problem)
}

fn may_be_said(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    let ours = OURS.contains(&crate_name) || KINDS.iter().any(|kind| crate_name.starts_with(kind));
    ours || *metadata.level() <= Level::WARN
}

/// One log line on its way to the console.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        console::print(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing::{info, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(wish: Option<&str>, say: impl FnOnce()) -> String {
        let seen = Seen::default();
        let writer = seen.clone();
        let (layer, _) = layer(wish, false, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        let bytes = seen.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn case_107_the_details_of_client_libraries_are_not_logged_whatever_is_wished_for() {
        let named = "warn,reqwest=trace,hyper_util=trace,teloxide_core=trace,openclaw=trace";
        for wish in ["trace", named] {
            let log = logged(Some(wish), || {
                trace!(target: "reqwest::connect", "https://api/bot123:secret/getMe");
                trace!(target: "hyper_util::client", "https://api/bot123:secret/getMe");
                info!(target: "teloxide_core::net", "https://api/bot123:secret/getMe");
                trace!(target: "openclaw_other", "https://api/bot123:secret/getMe");
                trace!(target: "openclaw::gateway", "ours");
                warn!(target: "hyper::proto", "theirs");
            });
            assert!(!log.contains("secret"), "{log}");
            assert!(log.contains("theirs") && log.contains("ours"), "{log}");
        }
    }

    #[test]
    fn the_log_says_what_an_operator_did_or_asked_for() {
        let log = logged(None, || {
            info!(target: "channel_telegram", "said");
            trace!(target: "channel_telegram", "not this");
        });
        assert!(log.contains("said") && !log.contains("not this"), "{log}");
    }

    #[test]
    fn a_wish_that_is_not_understood_is_told() {
        let (_, problem) = layer::<tracing_subscriber::Registry, _>(Some("=x="), false, || Line);
        assert!(problem.is_some());
        let (_, problem) = layer::<tracing_subscriber::Registry, _>(Some(" "), false, || Line);
        assert!(problem.is_none());
    }

    #[test]
    fn case_111_a_name_cannot_steer_the_log() {
        let log = logged(None, || {
            info!(target: "openclaw", name = "\u{1b}[2JAnn\r\nroot", "a stranger knocks");
        });
        assert!(!log.contains(['\u{1b}', '\r']) && log.lines().count() == 1, "{log}");
    }
}
