//! `import`: the people of a channel with several accounts.

use crate::{
    import::{dry, note, with},
    support::{CODE, Folder, file, request},
};

#[test]
fn case_075_the_people_of_a_channel_are_given_to_its_accounts_by_word_only() {
    let of = |meta: &str, policy: &str| {
        let folder = with(&format!(
            "{{ {meta} channels: {{ telegram: {{ dmPolicy: '{policy}', groups: {{ '-100777': {{}} }}, \
               accounts: {{ home: {{ botToken: '1:A' }}, work: {{ botToken: '2:B' }} }} }} }} }}"
        ));
        folder.put(
            "credentials/telegram-allowFrom.json",
            r#"{"version":1,"allowFrom":["7","777001"]}"#,
        );
        folder
    };
    let old = "meta: { lastTouchedVersion: 'v2026.2.12-1' },";
    for meta in [old, ""] {
        let folder = of(meta, "pairing");
        let report = dry(&folder, "");
        for account in ["home", "work"] {
            let path = format!("channels.telegram.accounts.{account}");
            let note = note(&report, "warnings", &path);
            assert!(
                note.contains("7, 777001 lose it") && note.contains("--all-accounts"),
                "{note}"
            );
        }
        let groups = note(&report, "warnings", "channels.telegram.accounts.work.groups");
        assert!(groups.contains("group_allow_from` lists them"), "{groups}");
        folder.done("import");
        assert!(!folder.done("pairing allowed telegram --account work").contains("777001"));
        // The list names no account, and there is no account `default`.
        let ran = folder.run("pairing allowed telegram --account default");
        assert!(ran.err.contains("telegram account default is not configured"), "{ran:?}");
        let ran = folder.run("access list");
        assert!(ran.err.contains("telegram account default is not configured"), "{ran:?}");
    }

    let folder = of(old, "pairing");
    let report = dry(&folder, "--all-accounts");
    let all = |list: &str| report["state"][list].as_array().unwrap().clone();
    let shared = all("warnings")
        .into_iter()
        .filter(|one| one["message"].as_str().unwrap().starts_with("had access to every account"));
    assert_eq!(shared.count(), 4, "{report:#}");
    folder.done("import --all-accounts");
    for account in ["home", "work"] {
        let said = folder.done(&format!("pairing allowed telegram --account {account}"));
        assert!(said.contains("777001"), "{said}");
    }
    // Without an account a person is meant on all of them, and none lets them in again.
    folder.done("access revoke telegram:777001");
    assert!(!folder.run("access list").out.contains("777001"));
    folder.run("import --all-accounts");
    assert!(!folder.run("access list").out.contains("777001"));

    // Since then a named account has its own list.
    let newer = of("meta: { lastTouchedVersion: '2026.2.26' },", "pairing");
    newer.done("import --all-accounts");
    assert!(!newer.done("pairing allowed telegram --account work").contains("777001"));

    let closed = of(old, "allowlist");
    let note = note(&dry(&closed, ""), "warnings", "channels.telegram.dmPolicy");
    assert!(note.contains("7, 777001 lose access"), "{note}");
    assert!(note.contains("config set channels.telegram.accounts."), "{note}");
}

/// A folder of 2026.2.12 with two bots and one list.
fn two_bots() -> Folder {
    let folder = with(
        "{ meta: { lastTouchedVersion: '2026.2.12' }, channels: { telegram: { accounts: { \
           default: { botToken: '1:A' }, work: { botToken: '2:B' } } } } }",
    );
    folder
        .put("credentials/telegram-allowFrom.json", r#"{"version":1,"allowFrom":["1001","1002"]}"#);
    folder
}

#[test]
fn case_075_who_was_approved_here_stays_on_the_one_account() {
    let folder = two_bots();
    folder.put("credentials/telegram-pairing.json", &file(&[request("7", CODE)]));
    folder.done("pairing approve AB3D7X9K");
    folder.done("import --all-accounts");
    let work = folder.done("pairing allowed telegram --account work");
    assert!(work.contains("1001") && work.contains("1002") && !work.contains("\t7\t"), "{work}");
    assert!(folder.done("pairing allowed telegram --account default").contains("7\tapproved"));
}

#[test]
fn who_lost_their_access_here_gets_it_on_no_account_by_a_list() {
    let folder = two_bots();
    folder.done("access revoke telegram:1001");
    folder.done("import --all-accounts");
    let all = folder.done("access list");
    assert!(!all.contains("1001") && all.contains("telegram/work:1002"), "{all}");
    // Also where the list comes from a copy that was made before.
    let copy = two_bots();
    folder.done(&format!("import --from {} --all-accounts", copy.state().display()));
    assert!(!folder.done("access list").contains("1001"));
}
