//! What a connected node may be asked to do: what it declares, and was approved, and the configuration allows.
//! A node that declares more keeps what it had, and the rest waits for a decision.

use std::collections::BTreeSet;

use super::{identity::folded, role::is_exec_class};

/// Commands that hear, see, read, write or send: only by name in the configuration, however they were approved.
const DANGEROUS: [&str; 31] = [
    "calendar.add",
    "calendar.events",
    "callLog.search",
    "camera.clip",
    "camera.ptz.control",
    "camera.snap",
    "chat.push",
    "computer.act",
    "contacts.add",
    "contacts.search",
    "debug.logs",
    "device.apps",
    "health.summary",
    "location.get",
    "mobile.ui.act",
    "mobile.ui.observe",
    "motion.activity",
    "motion.pedometer",
    "notifications.actions",
    "notifications.list",
    "photos.latest",
    "reminders.add",
    "reminders.list",
    "screen.record",
    "screen.snapshot",
    "sms.search",
    "sms.send",
    "talk.ptt.cancel",
    "talk.ptt.once",
    "talk.ptt.start",
    "talk.ptt.stop",
];

/// `gateway.nodes.commands`.
#[derive(Clone, Debug, Default)]
pub struct CommandPolicy {
    /// Of the dangerous ones.
    pub allow: BTreeSet<String>,
    /// Goes before everything.
    pub deny: BTreeSet<String>,
}

/// True for a command that only the configuration allows, by its name.
pub fn is_dangerous(command: &str) -> bool {
    DANGEROUS.contains(&command)
}

impl CommandPolicy {
    /// True where the command may be used at all.
    pub fn permits(&self, command: &str) -> bool {
        let dangerous = DANGEROUS.contains(&command);
        !self.deny.contains(command) && (!dangerous || self.allow.contains(command))
    }
}

/// What becomes of a node's claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// What it may be asked to do.
    pub effective: BTreeSet<String>,
    /// What it would have to be approved for.
    pub beyond: BTreeSet<String>,
}

/// Compares a node's claims with its approval.
pub fn reconcile(
    declared: &BTreeSet<String>,
    approved: &BTreeSet<String>,
    policy: &CommandPolicy,
) -> Surface {
    let permitted = declared.iter().filter(|command| policy.permits(command)).cloned();
    let (effective, beyond) = permitted.partition(|command| approved.contains(command));
    Surface { effective, beyond }
}

const CANVAS: [&str; 8] = [
    "canvas.a2ui.push",
    "canvas.a2ui.pushJSONL",
    "canvas.a2ui.reset",
    "canvas.eval",
    "canvas.hide",
    "canvas.navigate",
    "canvas.present",
    "canvas.snapshot",
];
const PHONE: [&str; 3] = ["camera.list", "device.info", "device.status"];

/// What a device keeps that an older gateway paired without recording its commands: the harmless ones of its
/// platform. Never a dangerous one, never one that runs programs.
pub fn inherited(platform: &str) -> BTreeSet<String> {
    let platform = folded(platform);
    let is = |starts: &[&str]| starts.iter().any(|start| platform.starts_with(start));
    let mut commands = BTreeSet::new();
    let mut add = |names: &[&str]| commands.extend(names.iter().map(|name| (*name).to_owned()));
    if is(&["ios", "ipados", "android", "mac", "darwin"]) {
        add(&CANVAS);
        add(&PHONE);
    }
    if is(&["ios", "ipados", "mac", "darwin", "win", "linux"]) {
        add(&["system.notify"]);
    }
    commands.retain(|command| !is_exec_class(command) && !DANGEROUS.contains(&command.as_str()));
    commands
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::device::role::EXEC_CLASS;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn case_031_a_new_command_waits_and_the_old_ones_still_work() {
        let policy = CommandPolicy::default();
        let approved = set(&["camera.list", "device.info"]);
        let declared = set(&["camera.list", "system.run"]);
        let surface = reconcile(&declared, &approved, &policy);
        assert_eq!(surface.effective, set(&["camera.list"]));
        assert_eq!(surface.beyond, set(&["system.run"]));
        let before_approval = reconcile(&declared, &BTreeSet::new(), &policy);
        assert_eq!((before_approval.effective, before_approval.beyond), (set(&[]), declared));
    }

    #[test]
    fn a_dangerous_command_needs_the_configuration_and_a_denied_one_never_works() {
        let named = set(&["camera.snap", "device.info", "sms.send"]);
        let policy = CommandPolicy {
            allow: set(&["camera.snap", "sms.send"]),
            deny: set(&["device.info", "sms.send"]),
        };
        assert_eq!(reconcile(&named, &named, &policy).effective, set(&["camera.snap"]));
        let strict = reconcile(&named, &named, &CommandPolicy::default());
        assert_eq!(strict, Surface { effective: set(&["device.info"]), beyond: set(&[]) });
    }

    #[test]
    fn case_136_what_hears_sees_reads_or_sends_needs_the_configuration() {
        let policy = CommandPolicy::default();
        assert!(DANGEROUS.is_sorted(), "in order, and none twice");
        for command in [
            "calendar.events",
            "callLog.search",
            "contacts.search",
            "health.summary",
            "location.get",
            "motion.activity",
            "notifications.list",
            "photos.latest",
            "reminders.list",
            "screen.record",
            "sms.send",
            "talk.ptt.start",
        ] {
            assert!(!policy.permits(command), "{command}");
            let allow = CommandPolicy { allow: set(&[command]), ..CommandPolicy::default() };
            assert!(allow.permits(command), "{command}");
        }
        for command in ["camera.list", "canvas.present", "device.info", "system.notify"] {
            assert!(policy.permits(command), "{command}");
        }
    }

    #[test]
    fn an_inherited_device_runs_no_program_and_takes_no_picture() {
        let table = [
            ("iOS 18.0.0", 12),
            ("android", 11),
            ("darwin", 12),
            ("linux", 1),
            ("Windows 11", 1),
            ("i\u{43e}s", 0),
            ("", 0),
        ];
        for (platform, count) in table {
            let commands = inherited(platform);
            assert_eq!(commands.len(), count, "{platform} {commands:?}");
            let bad = EXEC_CLASS.iter().chain(&DANGEROUS).find(|bad| commands.contains(**bad));
            assert_eq!(bad, None, "{platform}");
        }
    }

    proptest! {
        #[test]
        fn nothing_works_that_was_not_declared_approved_and_permitted(
            declared in prop::collection::btree_set("[ab]{1,2}", 0..6),
            approved in prop::collection::btree_set("[ab]{1,2}", 0..6),
            deny in prop::collection::btree_set("[ab]{1,2}", 0..3),
        ) {
            let policy = CommandPolicy { deny, ..CommandPolicy::default() };
            let surface = reconcile(&declared, &approved, &policy);
            for command in &declared {
                let works = approved.contains(command) && policy.permits(command);
                prop_assert_eq!(surface.effective.contains(command), works);
            }
            prop_assert!(surface.effective.is_subset(&declared));
            prop_assert!(surface.effective.is_disjoint(&surface.beyond));
        }
    }
}
