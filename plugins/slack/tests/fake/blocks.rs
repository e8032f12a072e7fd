//! Block Kit as Slack takes it, and as people read it.

use openclaw_plugin_sdk::Button;
use serde_json::Value;

/// Why Slack would refuse these blocks.
pub(crate) fn wrong(blocks: &Value) -> Option<String> {
    let Some(blocks) = blocks.as_array() else {
        return (!blocks.is_null()).then(|| "blocks are no array".to_owned());
    };
    if blocks.len() > 50 {
        return Some("more than 50 blocks".to_owned());
    }
    blocks.iter().find_map(|block| match block["type"].as_str() {
        Some("rich_text") => wrong_text(block),
        Some("actions") => wrong_actions(block),
        other => Some(format!("an unknown block {other:?}")),
    })
}

fn wrong_text(block: &Value) -> Option<String> {
    let sections = block["elements"].as_array().filter(|sections| !sections.is_empty());
    let Some(sections) = sections else { return Some("a rich text without sections".to_owned()) };
    sections.iter().find_map(|section| {
        let kind = section["type"].as_str().unwrap_or_default();
        if !["rich_text_section", "rich_text_preformatted", "rich_text_quote"].contains(&kind) {
            return Some(format!("no section: {kind}"));
        }
        section["elements"].as_array()?.iter().find_map(|run| {
            let is_text = run["text"].as_str().is_some_and(|text| !text.is_empty());
            let url = run["url"].as_str().unwrap_or_default();
            let is_link = url.starts_with("http") || url.starts_with("mailto:");
            let whole = is_text && (run["type"] == "text" || run["type"] == "link" && is_link);
            (!whole).then(|| format!("no run of text: {run}"))
        })
    })
}

fn wrong_actions(block: &Value) -> Option<String> {
    let elements = block["elements"].as_array()?;
    if elements.is_empty() || elements.len() > 25 {
        return Some("an action block has 1 to 25 elements".to_owned());
    }
    let mut ids: Vec<&str> = elements.iter().filter_map(|e| e["action_id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != elements.len() {
        return Some("two elements have one action id".to_owned());
    }
    elements.iter().find_map(|element| {
        let label = element["text"]["text"].as_str()?;
        let value = element["value"].as_str().unwrap_or_default();
        let fits = element["type"] == "button"
            && element["text"]["type"] == "plain_text"
            && (1..=75).contains(&label.chars().count())
            && value.chars().count() <= 2000
            && element["action_id"].as_str().is_some_and(|id| (1..=255).contains(&id.len()));
        (!fits).then(|| format!("no button: {element}"))
    })
}

/// What people read; `None` where there is nothing to read in blocks.
pub(crate) fn text(blocks: &Value) -> Option<String> {
    let rich = blocks.as_array()?.iter().filter(|block| block["type"] == "rich_text");
    let runs = rich.flat_map(|block| block["elements"].as_array().into_iter().flatten());
    let runs = runs.flat_map(|section| section["elements"].as_array().into_iter().flatten());
    let texts: Vec<&str> = runs.filter_map(|run| run["text"].as_str()).collect();
    (!texts.is_empty()).then(|| texts.concat())
}

pub(crate) fn buttons(blocks: &Value) -> Vec<Vec<Button>> {
    let rows = blocks.as_array().into_iter().flatten().filter(|block| block["type"] == "actions");
    rows.map(|row| row["elements"].as_array().into_iter().flatten().map(button).collect()).collect()
}

fn button(element: &Value) -> Button {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Button { label: text(&element["text"]["text"]), data: text(&element["value"]) }
}

pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
