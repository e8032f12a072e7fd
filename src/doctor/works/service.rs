//! The unit file of the service, as a file: what it starts, and what it gives to it.

use crate::{Context, Finding, Severity, config::place, finding::Place, text, unit::Unit};

fn in_unit(unit: &Unit, line: Option<usize>) -> Place {
    Place { file: unit.path.clone(), line, key: None }
}

pub(super) fn path(context: &Context) -> Vec<Finding> {
    let Some(unit) = &context.unit else { return Vec::new() };
    let Some((line, program)) = unit.program() else { return Vec::new() };
    if program.is_file() {
        return Vec::new();
    }
    let found = Finding::new(Severity::Error, "service", text::program_gone(&program));
    vec![found.at(Some(in_unit(unit, Some(line)))).by_hand(text::REINSTALL)]
}

pub(super) fn env(context: &Context) -> Vec<Finding> {
    let (Some(unit), Some(written)) = (&context.unit, &context.written) else { return Vec::new() };
    let has = unit.variables(context.home.as_deref());
    let lacking = place::variables(written).into_iter().filter(|name| !has.contains(name));
    let finding = |name: String| {
        let says = text::not_in_unit(&name, (context.env)(&name).is_some());
        let found = Finding::new(Severity::Error, name, says);
        found.at(Some(in_unit(unit, None))).by_hand(text::EDIT_ENV)
    };
    lacking.map(finding).collect()
}

pub(super) fn linger(context: &Context) -> Vec<Finding> {
    let Some(unit) = context.unit.as_ref().filter(|unit| unit.of_user) else { return Vec::new() };
    let uid = nix::unistd::geteuid();
    let Some(user) = nix::unistd::User::from_uid(uid).ok().flatten() else { return Vec::new() };
    if context.machine.join("var/lib/systemd/linger").join(&user.name).exists() {
        return Vec::new();
    }
    let found = Finding::new(Severity::Warn, "service", text::LINGER).at(Some(in_unit(unit, None)));
    vec![found.by_hand(text::enable_linger(&user.name))]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{unit, works::tests::context};

    #[test]
    fn a_service_of_a_user_who_lingers_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut context = context(folder.path());
        let path = folder.path().join(".config/systemd/user/openclaw.service");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(&path).unwrap();
        context.unit = unit::find(&context.machine, Some(folder.path()));
        let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap();
        assert_eq!(linger(&context).len(), usize::from(me.is_some()));
        let lingers = context.machine.join("var/lib/systemd/linger");
        fs::create_dir_all(&lingers).unwrap();
        if let Some(user) = me {
            fs::File::create(lingers.join(user.name)).unwrap();
        }
        assert_eq!(linger(&context), []);
    }
}
