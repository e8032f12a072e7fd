//! What becomes of single keys: the text that comes out, and what is said.

use std::{fs::File, io::Write};

use super::*;

/// The plan of a text, without a name that is set.
fn plan_of(text: &str) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openclaw.json");
    File::create(&file).unwrap().write_all(text.as_bytes()).unwrap();
    plan(&file, &Options::default(), &|_| None).unwrap()
}

fn said<'p>(plan: &'p Plan, what: &str) -> Vec<(Kind, &'p str)> {
    let items = plan.report.settings.iter().filter(|item| item.what == what);
    items.map(|item| (item.kind, &*item.note)).collect()
}

#[test]
fn a_text_means_the_same_in_both_files() {
    for (theirs, ours) in [
        ("${NAME}", "${NAME}"),
        ("a ${NAME} b", "a ${NAME} b"),
        ("$${NAME}", "$${NAME}"),
        ("${lower}", "$${lower}"),
        ("${open", "$${open"),
        ("${}", "$${}"),
    ] {
        let plan = plan_of(&format!("{{ gateway: {{ auth: {{ password: '{theirs}' }} }} }}"));
        assert!(plan.text.contains(&format!("password = \"{ours}\"")), "{theirs}: {}", plan.text);
    }
}

#[test]
fn a_secret_that_is_a_reference_is_named_or_asked_for() {
    let of = |reference: &str| {
        plan_of(&format!(
            "{{ secrets: {{ providers: {{ f: {{ source: 'file', path: '/s/token', mode: 'singleValue' }} }} }},
               channels: {{ telegram: {{ botToken: {reference} }} }} }}"
        ))
    };
    assert!(of("{ source: 'env', provider: 'default', id: 'TG' }").text.contains("\"${TG}\""));
    assert!(
        of("{ source: 'file', provider: 'f', id: 'value' }")
            .text
            .contains("token_file = \"/s/token\"")
    );
    for source in ["exec", "store", "file"] {
        let plan = of(&format!("{{ source: '{source}', provider: 'x', id: 'y' }}"));
        assert!(
            matches!(&*said(&plan, "channels.telegram.botToken"), [(Kind::Changed, why)] if why.ends_with("by hand"))
        );
    }
}

#[test]
fn every_key_is_accounted_for() {
    let plan = plan_of(
        "{ cron: { jobs: [] }, gateway: { port: 0x1F, reload: { mode: 'hot' }, terminal: {} }, \
         channels: { telegram: { botToken: '1:A', reactionLevel: 'off', network: {} }, line: {} } }",
    );
    assert!(plan.text.contains("port = 31"), "{}", plan.text);
    for what in [
        "cron",
        "gateway.reload",
        "gateway.terminal",
        "channels.telegram.reactionLevel",
        "channels.telegram.network",
    ] {
        assert!(matches!(&*said(&plan, what), [(Kind::Ignored, _)]), "{what}: {:?}", plan.report);
    }
    assert!(matches!(&*said(&plan, "channels.line"), [(Kind::Changed, _)]));
}

#[test]
fn a_number_of_the_wrong_kind_is_left_out() {
    let plan = plan_of("{ gateway: { port: 'many', bind: 'moon' } }");
    assert!(!plan.text.contains("port =") && !plan.text.contains("bind ="), "{}", plan.text);
    assert_eq!(said(&plan, "gateway.port")[0].0, Kind::Changed);
}

#[test]
fn the_generation_is_told_by_the_version_or_by_the_state() {
    let none = Path::new("/none");
    for (version, generation_of) in [
        (Some("2026.2.12"), Generation::Files),
        (Some("2026.6.30"), Generation::Files),
        (Some("2026.7.1"), Generation::Database),
        (Some("v2026.9.6"), Generation::Database),
        (Some("2027.1.1"), Generation::Database),
        (Some("next"), Generation::Files),
        (None, Generation::Files),
    ] {
        assert_eq!(generation(version, none), generation_of, "{version:?}");
    }
}

#[test]
fn a_service_over_plain_http_and_one_of_another_kind_are_set_by_hand() {
    for provider in [
        "{ baseUrl: 'http://10.0.0.2:11434/v1', api: 'openai-completions' }",
        "{ baseUrl: 'http://127.0.0.1.evil.example/v1', api: 'openai-completions' }",
        "{ baseUrl: 'https://api.anthropic.com', api: 'anthropic-messages' }",
    ] {
        let plan = plan_of(&format!(
            "{{ agents: {{ defaults: {{ model: 'p/m' }} }}, models: {{ providers: {{ p: {provider} }} }} }}"
        ));
        assert!(!plan.text.contains("assistant"), "{provider}: {}", plan.text);
    }
    let plan = plan_of("{ agents: { defaults: { model: { primary: 'openai/gpt' } } } }");
    assert!(plan.text.contains("api_key = \"${OPENAI_API_KEY}\""), "{}", plan.text);
}
