//! The configuration: does it hold, and does the running gateway use it?

use crate::{
    Context, Finding, Severity,
    config::{
        place,
        problem::{ConfigError, Problem},
    },
    finding::Place,
    modes, text,
};

/// What the parser says of a variable that is not set.
const UNSET: &str = "is not set";

pub(crate) fn unreadable(context: &Context) -> Vec<Finding> {
    let mut found: Vec<Finding> = problems(context)
        .filter(|problem| !is_unset(problem))
        .map(|problem| {
            let place =
                problem.file.clone().map(|file| Place { file, line: problem.line, key: None });
            let found = finding(problem.text.clone()).at(place);
            match problem.line {
                Some(line) => found.by_hand(text::correct(line)),
                None => found,
            }
        })
        .collect();
    match &context.problem {
        None | Some(ConfigError::Invalid(_)) => {}
        // The check of modes says it, with the command that ends it.
        Some(ConfigError::Untrusted(_)) if is_open(context) => {}
        Some(other) => found.push(finding(other.to_string()).in_file(&context.file)),
    }
    let lacking = context.config.iter().flat_map(|config| &config.lacking);
    found.extend(lacking.map(|lacking| finding(lacking.clone()).in_file(&context.file)));
    found
}

/// True where others may change the file, or a folder of the state that it is in.
fn is_open(context: &Context) -> bool {
    let open = modes::check(context).into_iter().filter(|one| one.severity == Severity::Error);
    open.filter_map(|one| one.place).any(|place| context.file.starts_with(place.file))
}

fn finding(message: String) -> Finding {
    Finding::new(Severity::Error, "", message).by_hand("openclaw config check")
}

fn problems(context: &Context) -> impl Iterator<Item = &Problem> {
    let problems = match &context.problem {
        Some(ConfigError::Invalid(problems)) => problems.as_slice(),
        _ => &[],
    };
    problems.iter()
}

fn is_unset(problem: &Problem) -> bool {
    problem.text.contains("environment variable") && problem.text.ends_with(UNSET)
}

pub(crate) fn env_missing(context: &Context) -> Vec<Finding> {
    let unset = problems(context).filter(|problem| is_unset(problem));
    let finding = |problem: &Problem| {
        let place = problem.file.clone().map(|file| Place { file, line: problem.line, key: None });
        let names = context.written.as_deref().map(place::variables).unwrap_or_default();
        let name = names.into_iter().find(|name| problem.text.contains(&format!("`{name}`")));
        let name = name.unwrap_or_default();
        let found = Finding::new(Severity::Error, name.clone(), problem.text.clone());
        found.at(place).by_hand(text::export(&name))
    };
    unset.map(finding).collect()
}

pub(super) fn stale(context: &Context) -> Vec<Finding> {
    let Some(seen) = context.gateway.seen() else { return Vec::new() };
    let mut found = Vec::new();
    // The gateway may have what only this shell lacks.
    let is_here_alone =
        matches!(&context.problem, Some(ConfigError::Invalid(all)) if all.iter().all(is_unset));
    if context.problem.is_some() && !is_here_alone {
        let one = Finding::new(Severity::Warn, "", text::STALE).in_file(&context.file);
        found.push(one.by_hand("openclaw config check"));
    }
    for key in &seen.health.restart {
        let one = Finding::new(Severity::Warn, key.clone(), text::needs_restart(key));
        found.push(one.at(context.key(key)).by_hand(text::RESTART));
    }
    found
}

pub(super) fn foreign(context: &Context) -> Vec<Finding> {
    let folder = context.state.path();
    if ["access", "settings"].iter().any(|it| folder.join(it).join("imported.json").exists()) {
        return Vec::new();
    }
    let there = modes::FOREIGN.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let finding = |path: std::path::PathBuf| {
        let found = Finding::new(Severity::Info, context.short(&path), text::foreign(&path));
        found.in_file(&path).by_hand("openclaw import")
    };
    there.map(finding).into_iter().collect()
}
