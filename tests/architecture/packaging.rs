//! What a release is made of: the workflow, the image, the packages. None of it runs here, so that its parts are compared.

use std::{collections::BTreeSet, fs};

use crate::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Each key that stands this deep, by its indentation.
fn keys(text: &str, depth: usize) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| {
        let rest = line.trim_start();
        line.len() - rest.len() == depth && !rest.starts_with(['#', '-'])
    });
    lines.filter_map(|line| line.trim_start().split_once(':')).map(|(key, _)| key).collect()
}

#[test]
fn the_release_workflow_has_its_shape() {
    let text = read(".github/workflows/release.yml");
    assert!(!text.contains('\t'), "YAML has no tabs");
    for (number, line) in text.lines().enumerate() {
        let depth = line.len() - line.trim_start().len();
        assert_eq!(depth % 2, 0, "line {}", number + 1);
    }
    assert_eq!(keys(&text, 0), ["jobs", "name", "on", "permissions"].into());
    let jobs = text.split("\njobs:\n").nth(1).unwrap();
    assert_eq!(keys(jobs, 2), ["build", "publish"].into());
    for target in [
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "aarch64-apple-darwin",
        "x86_64-apple-darwin",
    ] {
        assert!(text.contains(&format!("- target: {target}\n")), "{target}");
    }
    for needed in ["--locked", "sha256sum", "cyclonedx", "cargo deb", "cargo generate-rpm"] {
        assert!(text.contains(needed), "{needed}");
    }
    // What comes from the event never stands in a script itself.
    let scripts = jobs.lines().filter(|line| !line.contains(": ${{"));
    let scripts: Vec<&str> = scripts.filter(|line| line.contains("${{")).collect();
    assert_eq!(scripts, [""; 0]);
}

#[test]
fn the_image_runs_as_nobody_special_and_is_asked_how_it_is() {
    let text = read(".github/Containerfile");
    for line in [
        "FROM scratch",
        "USER 65532:65532",
        "VOLUME /state",
        "ENV OPENCLAW_STATE_DIR=/state",
        "    CMD [\"/openclaw\", \"gateway\", \"status\", \"--probe-only\"]",
        "ENTRYPOINT [\"/openclaw\"]",
        "STOPSIGNAL SIGTERM",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}");
    }
}

#[test]
fn every_file_of_a_package_is_there() {
    let manifest = read("Cargo.toml");
    let metadata = manifest.split("[package.metadata.deb]").nth(1).unwrap();
    let metadata = metadata.split("[[bench]]").next().unwrap();
    let names = metadata.split('"').skip(1).step_by(2);
    let ours = names.filter(|name| {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        let file = name.starts_with(".github/") || matches!(ending, Some("md" | "toml"));
        file && !name.starts_with('/') && !name.ends_with("/packaging")
    });
    let mut found = 0;
    for name in ours {
        assert!(root().join(name).exists(), "{name}");
        found += 1;
    }
    assert!(found >= 7, "{found}");
    let script = read(".github/packaging/deb/postinst");
    assert!(script.contains("#DEBHELPER#"), "{script}");
    // What that calls is a package of its own on a machine without systemd.
    assert!(metadata.contains("systemd | systemd-standalone-sysusers"), "{metadata}");
}
