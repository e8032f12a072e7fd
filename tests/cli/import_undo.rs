//! `import --undo`, and what it leaves as it is.

use nix::sys::signal::Signal;

use crate::{
    import::with,
    running::Running,
    support::{Folder, keep_private},
};

/// Everyone is let in, but for one person.
const OPEN_BUT_ONE: &str = r#"{ channels: { telegram: { botToken: "111:AAA", dmPolicy: "open", allowFrom: ["*"],
  direct: { "555": { enabled: false } } } } }"#;

fn is_blocked(folder: &Folder) -> bool {
    folder.text("access/grants.json").contains("\"555\"")
}

#[test]
fn an_undo_lets_nobody_in_that_a_configuration_that_stays_would_let_in() {
    let folder = with(OPEN_BUT_ONE);
    folder.done("import --yes --accept-open");
    assert!(is_blocked(&folder));
    folder.put("config.toml", &format!("{}# mine\n", folder.text("config.toml")));
    keep_private(&folder.path("config.toml"));
    let said = folder.done("import --undo");
    assert!(said.contains("telegram:555 stays blocked") && is_blocked(&folder), "{said}");
    // The file goes, and a person has said meanwhile that the block is theirs.
    let folder = with(OPEN_BUT_ONE);
    folder.done("import --yes --accept-open");
    folder.done("access block telegram:555");
    let said = folder.done("import --undo");
    assert!(!said.contains("555") && is_blocked(&folder), "{said}");
    folder.done("audit verify");
}

#[test]
fn an_undo_lifts_no_block_where_a_gateway_has_used_another_configuration() {
    let folder = with(OPEN_BUT_ONE);
    folder.done("import --yes --accept-open");
    let other = folder.path("second.toml");
    let closed = "[channels.telegram]\nenabled = false\nallow_from = [\"555\"]\n";
    folder.put("second.toml", closed);
    keep_private(&other);
    let run = format!("gateway run --port 0 --config {}", other.display());
    let mut gateway = Running::start(folder.command(&run));
    gateway.until("Approve:");
    gateway.stop(Signal::SIGTERM);
    let said = folder.done("import --undo");
    assert!(said.contains("Removed ") && said.contains("555 stays blocked"), "{said}");
    assert!(is_blocked(&folder));
}

#[test]
fn an_undo_takes_back_every_import_that_nothing_has_changed_since() {
    let folder = with(OPEN_BUT_ONE);
    folder.done("import --yes --accept-open");
    let (first, second) = (folder.path("config.toml"), folder.path("config.toml.imported"));
    let third = OPEN_BUT_ONE.replace("111:AAA", "111:CCC");
    for text in [OPEN_BUT_ONE.replace("111:AAA", "111:BBB"), third] {
        folder.put("openclaw.json", &text);
        keep_private(&folder.path("openclaw.json"));
        folder.done("import --yes --accept-open");
        assert!(first.exists() && second.exists());
    }
    let said = folder.done("import --undo");
    assert_eq!(said.matches("Removed ").count(), 2, "{said}");
    assert!(said.contains("555 is no longer blocked") && !is_blocked(&folder), "{said}");
    assert!(!first.exists() && !second.exists());
    folder.fails(3, "import --undo");
}

#[test]
fn an_undo_of_a_copy_leaves_the_first_folder_and_every_other_file_alone() {
    let folder = with(OPEN_BUT_ONE);
    folder.done("import --yes --accept-open");
    folder.done("backup create a.backup --plain");
    let copy = folder.cwd().join("copy");
    folder.done(&format!("backup restore a.backup --into {}", copy.display()));
    let mut undo = folder.command("import --undo");
    undo.env("OPENCLAW_STATE_DIR", &copy);
    assert!(undo.status().unwrap().success());
    assert!(folder.path("config.toml").exists() && !copy.join("config.toml").exists());
    // A record that names another file names nothing of ours.
    let record = folder.text("settings/imported.json");
    let precious = folder.path("precious.toml");
    folder.put("precious.toml", &folder.text("config.toml"));
    let name = |file: &std::path::Path| file.display().to_string();
    let record = record.replace(&name(&folder.path("config.toml")), &name(&precious));
    folder.put("settings/imported.json", &record);
    keep_private(&folder.path("settings/imported.json"));
    folder.done("import --undo");
    assert!(precious.exists() && folder.path("config.toml").exists());
}

#[test]
fn an_undo_waits_until_the_gateway_has_stopped() {
    let folder = with(OPEN_BUT_ONE);
    folder.done("import --yes --accept-open");
    let config = folder
        .text("config.toml")
        .replace("[channels.telegram]", "[channels.telegram]\nenabled = false");
    folder.put("config.toml", &config);
    keep_private(&folder.path("config.toml"));
    let mut gateway = Running::gateway(&folder);
    let error = folder.fails(1, "import --undo");
    assert!(error.contains("gateway runs"), "{error}");
    assert!(is_blocked(&folder) && folder.path("config.toml").exists());
    gateway.stop(Signal::SIGTERM);
    folder.done("import --undo");
}
