//! Texts and names say who is meant.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{files_below, root, shown};

/// Words for people that say no role: write "the sender", "the owner", "the guest", "they".
const UNCLEAR: &[&str] = &[
    "anybody", "he", "her", "hers", "herself", "him", "himself", "his", "she", "somebody",
    "whoever", "whom", "whomever",
];

/// Where an unclear word is a promise to other programs: file and the whole text.
const PROMISED: &[(&str, &str)] =
    &[("src/cli/access.rs", "\"whom\": "), ("src/gateway/journal/mail.rs", "rename = \"anybody\"")];

/// The unclear words of a text, with their lines. Parts of `names_like_this` and `NamesLikeThis` are words too.
fn unclear(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut parted = String::new();
        for c in line.chars() {
            if c.is_uppercase() && parted.ends_with(|before: char| before.is_lowercase()) {
                parted.push(' ');
            }
            parted.push(c);
        }
        let words = parted.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        let unclear =
            words.filter_map(|word| UNCLEAR.iter().copied().find(|unclear| *unclear == word));
        found.extend(unclear.map(|word| (number + 1, word)));
    }
    found
}

#[test]
fn texts_and_names_say_who_is_meant() {
    let endings =
        ["css", "html", "js", "md", "mjs", "rs", "toml", "txt"].map(|end| format!(".{end}"));
    let folders = ["src", "plugins", "tests", ".github"];
    let top = ["CHANGELOG.md", "Cargo.toml", "README.md", "config.example.toml"];
    let mut files: Vec<PathBuf> = top.iter().map(|name| root().join(name)).collect();
    for (folder, ending) in folders.iter().flat_map(|dir| endings.iter().map(move |end| (dir, end)))
    {
        files.extend(files_below(&root().join(folder), ending));
    }
    files.retain(|path| {
        path.strip_prefix(root()).unwrap() != Path::new("tests/architecture/words.rs")
    });
    let mut broken = Vec::new();
    for path in &files {
        let mut text = fs::read_to_string(path).unwrap();
        for (_, promised) in PROMISED.iter().filter(|(file, _)| shown(path) == *file) {
            text = text.replace(promised, "");
        }
        let lines = unclear(&text).into_iter();
        broken.extend(lines.map(|(line, word)| format!("{}:{line}: `{word}`", shown(path))));
    }
    assert!(files.len() > 200, "only {} files were read", files.len());
    assert!(broken.is_empty(), "say who is meant, or \"they\":\n{}", broken.join("\n"));
}

#[test]
fn an_unclear_word_is_found_in_sentences_and_in_names() {
    let words = |text| unclear(text).into_iter().map(|(_, word)| word).collect::<Vec<_>>();
    assert_eq!(words("He waits. Tell HIM (or his_owner)"), ["he", "him", "his"]);
    assert_eq!(words("fn asks_whoever() -> ForSomebody"), ["whoever", "somebody"]);
    assert!(words("the others here, this history: they").is_empty());
}
