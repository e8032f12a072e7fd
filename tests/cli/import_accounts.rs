//! `import`: the people of a channel with several accounts.

use crate::import::{dry, note, with};

#[test]
fn people_of_a_channel_keep_their_access_at_every_account_of_before_2026_2_26() {
    let of = |meta: &str, policy: &str| {
        let folder = with(&format!(
            "{{ {meta} channels: {{ telegram: {{ dmPolicy: '{policy}', accounts: {{ \
               home: {{ botToken: '1:A' }}, work: {{ botToken: '2:B' }} }} }} }} }}"
        ));
        folder.put(
            "credentials/telegram-allowFrom.json",
            r#"{"version":1,"allowFrom":["7","777001"]}"#,
        );
        folder
    };
    let old = of("meta: { lastTouchedVersion: '2026.2.12-1' },", "pairing");
    let report = dry(&old, "");
    let people = |list: &str| -> Vec<String> {
        let all = report["state"][list].as_array().unwrap().iter();
        all.map(|one| one["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(people("warnings"), ["person telegram:7", "person telegram:777001"], "{report:#}");
    assert_eq!(people("mapped").len(), 4, "{report:#}");
    old.done("import");
    for account in ["home", "work"] {
        let said = old.done(&format!("pairing allowed telegram --account {account}"));
        assert!(said.contains("777001"), "{said}");
    }
    // The first list stays as it is, and its people are at no account.
    let ran = old.run("pairing allowed telegram --account default");
    assert!(ran.err.contains("telegram account default is not configured"), "{ran:?}");

    // Since then a named account has its own list.
    let newer = of("meta: { lastTouchedVersion: '2026.2.26' },", "pairing");
    newer.done("import");
    assert!(!newer.done("pairing allowed telegram --account work").contains("777001"));

    // Nothing is widened on a guess.
    let unknown = of("", "pairing");
    let report = dry(&unknown, "");
    for account in ["home", "work"] {
        let note = note(&report, "warnings", &format!("channels.telegram.accounts.{account}"));
        assert!(note.contains("meta.lastTouchedVersion"), "{report:#}");
    }
    unknown.done("import");
    assert!(!unknown.done("pairing allowed telegram --account work").contains("777001"));

    let closed = of("meta: { lastTouchedVersion: '2026.2.12' },", "allowlist");
    let note = note(&dry(&closed, ""), "warnings", "channels.telegram.dmPolicy");
    assert!(note.contains("7, 777001 lose access"), "{note}");
}
