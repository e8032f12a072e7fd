//! The text format of Prometheus, 0.0.4: a family after the other, each with its help, its type and its lines.

use std::fmt::{Display, Write};

use super::{BOUNDS, Durations, Ordering, Tally};

/// How the page calls itself.
pub(super) const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page while it is written.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a family.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Text takes whatever is written to it.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One line of it.
    pub(super) fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let opening = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{opening}{label}=\"{}\"", escaped(text));
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{closing} {value}");
    }

    /// A family of one value.
    pub(super) fn single(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.value(name, &[], value);
    }

    /// A family of counters.
    pub(super) fn tally<const N: usize>(
        &mut self,
        (name, help): (&str, &str),
        labels: [&str; N],
        tally: &Tally<N>,
    ) {
        self.family(name, "counter", help);
        for (words, count) in tally.all() {
            let pairs: Vec<(&str, &str)> = labels.into_iter().zip(words).collect();
            self.value(name, &pairs, count);
        }
    }

    /// A family of durations.
    pub(super) fn durations(&mut self, name: &str, help: &str, durations: &Durations) {
        self.family(name, "histogram", help);
        let mut so_far = 0;
        for ((_, bound), bucket) in BOUNDS.iter().zip(&durations.buckets) {
            so_far += bucket.load(Ordering::Relaxed);
            self.value(&format!("{name}_bucket"), &[("le", bound)], so_far);
        }
        // What is counted meanwhile must not make the last bucket smaller than the one before.
        let count = durations.count.load(Ordering::Relaxed).max(so_far);
        self.value(&format!("{name}_bucket"), &[("le", "+Inf")], count);
        let micros = durations.micros.load(Ordering::Relaxed);
        let seconds = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        self.value(&format!("{name}_sum"), &[], seconds);
        self.value(&format!("{name}_count"), &[], count);
    }

    /// The whole of it.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;

    #[test]
    fn families_are_spelt_as_their_readers_want_them() {
        let (tally, durations) = (Tally::default(), Durations::default());
        for _ in 0..2 {
            tally.count(["chat", "deny"]);
        }
        tally.count(["chat", "approve"]);
        for micros in [100, 101, 999_999_999] {
            durations.note(Duration::from_micros(micros));
        }
        let mut page = Page::default();
        page.tally(("decisions_total", "Decisions."), ["surface", "decision"], &tally);
        page.durations("verdict_seconds", "Verdicts.", &durations);
        page.family("state", "gauge", "States.");
        page.value("state", &[("account", "a\"\\\nb")], 1);
        page.single("depth", "Depth.", 3);
        expect![[r#"
            # HELP decisions_total Decisions.
            # TYPE decisions_total counter
            decisions_total{surface="chat",decision="approve"} 1
            decisions_total{surface="chat",decision="deny"} 2
            # HELP verdict_seconds Verdicts.
            # TYPE verdict_seconds histogram
            verdict_seconds_bucket{le="0.0001"} 1
            verdict_seconds_bucket{le="0.0005"} 2
            verdict_seconds_bucket{le="0.001"} 2
            verdict_seconds_bucket{le="0.005"} 2
            verdict_seconds_bucket{le="0.01"} 2
            verdict_seconds_bucket{le="0.05"} 2
            verdict_seconds_bucket{le="0.1"} 2
            verdict_seconds_bucket{le="0.5"} 2
            verdict_seconds_bucket{le="1"} 2
            verdict_seconds_bucket{le="5"} 2
            verdict_seconds_bucket{le="30"} 2
            verdict_seconds_bucket{le="120"} 2
            verdict_seconds_bucket{le="+Inf"} 3
            verdict_seconds_sum 1000.000200
            verdict_seconds_count 3
            # HELP state States.
            # TYPE state gauge
            state{account="a\"\\\nb"} 1
            # HELP depth Depth.
            # TYPE depth gauge
            depth 3
        "#]]
        .assert_eq(&page.into_text());
    }
}
