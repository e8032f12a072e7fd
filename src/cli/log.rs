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

use crate::{Failure, text};

/// The crates that may say more than warnings: after `openclaw_`.
const PARTS: [&str; 14] = [
    "cli",
    "client",
    "config",
    "control",
    "decision_history",
    "gateway",
    "local_client",
    "network",
    "plugin_sdk",
    "protocol",
    "registry",
    "rules",
    "store",
    "world",
];

/// And our plugins.
const KINDS: [&str; 3] = ["channel_", "command_", "responder_"];

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Text for people
    #[default]
    Text,
    /// One JSON object per line, for programs
    Json,
}

/// Starts the log of this process: what was typed, else what `OPENCLAW_LOG` says, else `RUST_LOG`, else `info`.
pub(super) fn start(format: Format, typed: Option<&str>) -> Result<(), Failure> {
    let from = |name: &'static str| Some((name, std::env::var(name).ok()?));
    let typed = typed.map(|wish| ("--log", wish.to_owned()));
    let (name, wish) = typed
        .or_else(|| from("OPENCLAW_LOG"))
        .or_else(|| from("RUST_LOG"))
        .unwrap_or(("--log", String::new()));
    let colours = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let layer = layer(&wish, format, colours, || Line)
        .map_err(|error| text::bad_log_level(&wish, name, &error))?;
    // `log` records of other crates are not taken in at all.
    let subscriber = tracing_subscriber::registry().with(layer);
    let started = tracing::subscriber::set_global_default(subscriber);
    if let Err(error) = started {
        console::print(&format!("no log: {error}\n"));
    }
    Ok(())
}

fn layer<S, W>(
    wish: &str,
    format: Format,
    colours: bool,
    writer: W,
) -> Result<Box<dyn Layer<S> + Send + Sync>, String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wish = if wish.trim().is_empty() { "info" } else { wish.trim() };
    // As they were named when all of it was one crate.
    let wish = wish.replace("openclaw::", "openclaw_");
    understood(&wish)?;
    let filter = EnvFilter::builder().parse(&wish).map_err(|error| error.to_string())?;
    let ours = filter_fn(may_be_said).with_max_level_hint(LevelFilter::TRACE);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    Ok(match format {
        Format::Text => layer.with_ansi(colours).with_filter(filter.and(ours)).boxed(),
        Format::Json => layer.json().flatten_event(true).with_filter(filter.and(ours)).boxed(),
    })
}

fn may_be_said(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata.target()) || *metadata.level() <= Level::WARN
}

fn is_ours(target: &str) -> bool {
    let crate_name = target.split("::").next().unwrap_or_default();
    let part = crate_name.strip_prefix("openclaw_");
    crate_name == "openclaw"
        || part.is_some_and(|part| PARTS.contains(&part))
        || KINDS.iter().any(|kind| crate_name.starts_with(kind))
}

/// A word alone is a level, or one of our targets: a mistyped level is no target that nobody has.
fn understood(wish: &str) -> Result<(), String> {
    let words = wish.split(',').map(str::trim).filter(|word| !word.is_empty());
    for word in words.filter(|word| !word.contains(['=', '['])) {
        if word.parse::<LevelFilter>().is_err() && !is_ours(word) {
            return Err(text::no_log_level(word));
        }
    }
    Ok(())
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
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::{info, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(wish: Option<&str>, say: impl FnOnce()) -> String {
        logged_as(Format::Text, wish.unwrap_or_default(), say)
    }

    fn logged_as(format: Format, wish: &str, say: impl FnOnce()) -> String {
        let seen = Seen::default();
        let writer = seen.clone();
        let layer = layer(wish, format, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        let bytes = seen.0.lock().clone();
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
                trace!(target: "openclaw_gateway", "ours");
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
        let fits = |wish: &str| {
            layer::<tracing_subscriber::Registry, _>(wish, Format::Text, false, || Line).is_ok()
        };
        for (wish, good) in [
            ("=x=", false),
            ("openclaw=loud", false),
            (" ", true),
            ("debg", false),
            ("info,debg", false),
            ("WARN", true),
            ("warn,openclaw_gateway", true),
            ("warn,openclaw::gateway", true),
            ("hyper=warn", true),
        ] {
            assert_eq!(fits(wish), good, "{wish}");
        }
    }

    #[test]
    fn a_line_is_an_object_and_each_target_has_its_level() {
        let log = logged_as(Format::Json, "warn,openclaw::gateway=debug", || {
            tracing::debug!(target: "openclaw_gateway", channel = "telegram", "said\nso");
            info!(target: "openclaw_store", "not this");
            warn!(target: "openclaw_store", "this");
        });
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{log}");
        for (key, value) in [
            ("level", "DEBUG"),
            ("target", "openclaw_gateway"),
            ("channel", "telegram"),
            ("message", "said\nso"),
        ] {
            assert_eq!(lines[0][key], value, "{log}");
        }
    }

    #[test]
    fn case_111_a_name_cannot_steer_the_log() {
        let log = logged(None, || {
            info!(target: "openclaw", name = "\u{1b}[2JAnn\r\nroot", "a stranger asks");
        });
        assert!(!log.contains(['\u{1b}', '\r']) && log.lines().count() == 1, "{log}");
    }
}
