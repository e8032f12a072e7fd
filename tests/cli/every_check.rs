//! Each check has a test that names its id: a new one without a test is noticed here.

use std::{fs, path::Path};

use openclaw::doctor::{Check, audit, works};

/// What nobody breaks through the program without root, with the file of the unit test that breaks it.
const BY_UNIT: [(&str, &str); 1] = [("device.clock", "src/doctor/works/people.rs")];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            found.push((path.strip_prefix(root).unwrap().display().to_string(), text));
        }
    }
}

/// True where a test of this text has the id in quotes; `*` in it stands for any name.
fn names(text: &str, id: &str) -> bool {
    let fits = |quoted: &str| match id.split_once('*') {
        None => quoted == id,
        Some((head, tail)) => {
            quoted.len() > id.len() && quoted.starts_with(head) && quoted.ends_with(tail)
        }
    };
    text.contains("#[test]")
        && text.lines().any(|line| line.split('"').skip(1).step_by(2).any(fits))
}

#[test]
fn each_check_has_a_test_that_breaks_what_it_looks_at() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = Vec::new();
    for folder in ["tests/cli", "tests/e2e"] {
        sources(&root.join(folder), &mut tests);
    }
    // This file names ids, and breaks nothing.
    tests.retain(|(file, _)| !file.ends_with("every_check.rs"));
    let all: Vec<&Check> = works::CHECKS.iter().chain(audit::CHECKS).collect();
    let mut without: Vec<&str> = all.iter().map(|check| check.id).collect();
    without.retain(|id| !tests.iter().any(|(_, text)| names(text, id)));
    assert_eq!(without, BY_UNIT.map(|(id, _)| id), "these have no test in tests/cli or tests/e2e");
    for (id, file) in BY_UNIT {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let tests = text.split("#[cfg(test)]\nmod tests").nth(1).unwrap_or_default();
        let name = id.rsplit('.').next().unwrap();
        assert!(tests.contains("#[test]") && tests.contains(&format!("{name}(&")), "{id}: {file}");
    }
}

#[test]
fn an_id_is_looked_for_as_a_whole() {
    let text = "#[test]\nfn a() { is(\"state.mode\", \"channel.x.y.token\") }";
    assert!(names(text, "state.mode") && names(text, "channel.*.token"));
    assert!(!names(text, "state.mod") && !names(text, "channel.*.silent"));
    assert!(!names("is(\"state.mode\")", "state.mode"), "no test stands there");
}
