//! The report of `openclaw status --all`.

use crate::status::report::{Accounts, Counts, Gateway, Id, Installed, Report};

/// What is said of what cannot be read.
const UNKNOWN: &str = "unknown";

/// A line each.
pub(crate) fn whole_report(report: &Report) -> Vec<String> {
    let features = match &report.features[..] {
        [] => "no features".to_owned(),
        some => some.join(", "),
    };
    let mut lines = vec![
        format!("Version        {}, {} build, {features}", report.version, report.build),
        format!("System         {}, {}", report.os, report.architecture),
        format!("State folder   {}", report.state),
        format!("Configuration  {}", report.configuration),
        format!("Assistant      {}", report.assistant.as_deref().unwrap_or(UNKNOWN)),
        format!("Gateway        {}", gateway(&report.gateway)),
    ];
    match &report.services[..] {
        [] => lines.push("Service        not installed".to_owned()),
        some => lines.extend(some.iter().map(service)),
    }
    match report.channels.as_deref() {
        None => lines.push(format!("Channels       {UNKNOWN}")),
        Some([]) => lines.push("Channels       none".to_owned()),
        Some(some) => {
            lines.push("Channels".to_owned());
            lines.extend(some.iter().map(accounts));
        }
    }
    lines.push("Counts".to_owned());
    lines.extend(counts(&report.counts));
    let none = if report.findings.is_empty() { "       none" } else { "" };
    lines.push(format!("Findings{none}"));
    lines.extend(report.findings.iter().map(|Id { id, severity }| format!("  {severity} {id}")));
    lines
}

fn gateway(gateway: &Gateway) -> String {
    let version = gateway.version.as_ref().map(|version| format!(", version {version}"));
    let uptime = gateway.uptime_seconds.map(|seconds| format!(", for {}", span(seconds)));
    [Some(gateway.state.to_owned()), version, uptime].into_iter().flatten().collect()
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn service(Installed { kind, state, restarts }: &Installed) -> String {
    let restarts = match restarts {
        0 => String::new(),
        count => format!(", restarts: {count}"),
    };
    format!("Service        {kind}: {state}{restarts}")
}

fn accounts(Accounts { channel, state, dm_policy, count }: &Accounts) -> String {
    format!("  {channel}: {count} {state}, dm:{dm_policy}")
}

fn counts(counts: &Counts) -> Vec<String> {
    let rows = [
        ("people with access", counts.people),
        ("people blocked", counts.blocked),
        ("requests", counts.requests),
        ("owners", counts.owners),
        ("groups listed", counts.groups),
        ("devices", counts.devices),
        ("device requests", counts.device_requests),
        ("nodes", counts.nodes),
    ];
    let said = |count: Option<usize>| count.map_or_else(|| UNKNOWN.to_owned(), |n| n.to_string());
    rows.iter().map(|(what, count)| format!("  {what}: {}", said(*count))).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_raw_string_hashes, reason = "`UPDATE_EXPECT=1` writes them so")]

    use expect_test::expect;

    use super::*;

    fn full() -> Report {
        Report {
            schema: 1,
            version: "0.1.0",
            build: "release",
            features: vec!["import-sqlite"],
            os: "linux".to_owned(),
            architecture: "x86_64",
            state: "~/.openclaw".to_owned(),
            configuration: "loads",
            assistant: Some("echo".to_owned()),
            gateway: Gateway {
                state: "runs",
                version: Some("0.1.0".to_owned()),
                uptime_seconds: Some(7_300),
            },
            services: vec![Installed {
                kind: "systemd, of the user",
                state: "active".to_owned(),
                restarts: 2,
            }],
            channels: Some(vec![Accounts {
                channel: "telegram",
                state: "connected".to_owned(),
                dm_policy: "pairing".to_owned(),
                count: 2,
            }]),
            counts: Counts { people: Some(3), ..Counts::default() },
            findings: vec![Id { id: "owner.none".to_owned(), severity: "error" }],
        }
    }

    #[test]
    fn a_report_with_all_and_one_with_next_to_nothing() {
        let mut report = full();
        let mut shown = whole_report(&report);
        report.features.clear();
        report.services.clear();
        report.findings.clear();
        report.gateway = Gateway { state: "does not run", ..Gateway::default() };
        (report.assistant, report.channels) = (None, None);
        shown.extend(whole_report(&report));
        report.channels = Some(Vec::new());
        shown.extend(whole_report(&report).into_iter().filter(|line| line.starts_with("Channels")));
        shown.extend([1, 120, 7_200, 172_800].map(span));
        expect![[r#"
            Version        0.1.0, release build, import-sqlite
            System         linux, x86_64
            State folder   ~/.openclaw
            Configuration  loads
            Assistant      echo
            Gateway        runs, version 0.1.0, for 2 h
            Service        systemd, of the user: active, restarts: 2
            Channels
              telegram: 2 connected, dm:pairing
            Counts
              people with access: 3
              people blocked: unknown
              requests: unknown
              owners: unknown
              groups listed: unknown
              devices: unknown
              device requests: unknown
              nodes: unknown
            Findings
              error owner.none
            Version        0.1.0, release build, no features
            System         linux, x86_64
            State folder   ~/.openclaw
            Configuration  loads
            Assistant      unknown
            Gateway        does not run
            Service        not installed
            Channels       unknown
            Counts
              people with access: 3
              people blocked: unknown
              requests: unknown
              owners: unknown
              groups listed: unknown
              devices: unknown
              device requests: unknown
              nodes: unknown
            Findings       none
            Channels       none
            1 s
            2 min
            2 h
            2 days"#]]
        .assert_eq(&shown.join("\n"));
    }
}
