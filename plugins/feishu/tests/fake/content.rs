//! Contents of messages as Feishu takes them, and as people read them.

use openclaw_plugin_sdk::Button;
use serde_json::Value;

/// Why Feishu would refuse this content, which may also call people.
pub(crate) fn wrong(kind: &str, content: &Value) -> Option<String> {
    let is_text = |value: &Value| value.as_str().is_some();
    match kind {
        "post" => {
            let lines = content["zh_cn"]["content"].as_array().filter(|lines| !lines.is_empty());
            let Some(lines) = lines else { return Some("a post without lines".to_owned()) };
            let mut runs = lines.iter().flat_map(|line| line.as_array().into_iter().flatten());
            let odd = runs.find(|run| match run["tag"].as_str() {
                Some("text") => !is_text(&run["text"]),
                Some("a") => !is_text(&run["text"]) || !is_text(&run["href"]),
                Some("img") => !is_text(&run["image_key"]),
                _ => true,
            });
            odd.map(|odd| format!("no run: {odd}"))
        }
        "interactive" => {
            if content["config"]["update_multi"] != true {
                return Some("a card that cannot be edited".to_owned());
            }
            let elements = content["elements"].as_array();
            let Some(elements) = elements else { return Some("no elements".to_owned()) };
            elements.iter().find_map(|element| match element["tag"].as_str() {
                Some("div") if is_plain(&element["text"]) => None,
                Some("action") => {
                    let buttons = element["actions"].as_array()?;
                    let odd = buttons.iter().find(|button| {
                        button["tag"] != "button"
                            || !is_plain(&button["text"])
                            || !button["value"].is_object()
                    });
                    odd.map(|odd| format!("no button: {odd}"))
                }
                _ => Some(format!("no element: {element}")),
            })
        }
        "file" => (!is_text(&content["file_key"])).then(|| "no file".to_owned()),
        // A text can call everybody.
        other => Some(format!("a message of the kind {other}")),
    }
}

fn is_plain(text: &Value) -> bool {
    text["tag"] == "plain_text" && text["content"].as_str().is_some_and(|text| !text.is_empty())
}

pub(crate) fn text(kind: &str, content: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if kind == "post" {
        let lines = content["zh_cn"]["content"].as_array().into_iter().flatten();
        let lines = lines.filter_map(|line| {
            let runs = line.as_array()?.iter().filter(|run| run["tag"] != "img");
            let runs: Vec<String> = runs.map(|run| text(&run["text"])).collect();
            (!runs.is_empty()).then(|| runs.concat())
        });
        return lines.collect::<Vec<_>>().join("\n");
    }
    let divs = content["elements"].as_array().into_iter().flatten();
    let divs = divs.filter(|element| element["tag"] == "div");
    let title = text(&content["header"]["title"]["content"]);
    let parts = std::iter::once(title).chain(divs.map(|div| text(&div["text"]["content"])));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

pub(crate) fn image(content: &Value) -> Option<String> {
    let lines = content["zh_cn"]["content"].as_array()?.iter();
    let mut runs = lines.flat_map(|line| line.as_array().into_iter().flatten());
    runs.find_map(|run| run["image_key"].as_str()).map(str::to_owned)
}

pub(crate) fn buttons(content: &Value) -> Vec<Vec<Button>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = content["elements"].as_array().into_iter().flatten();
    let rows = rows.filter(|element| element["tag"] == "action");
    let button = |button: &Value| Button {
        label: text(&button["text"]["content"]),
        data: text(&button["value"]["d"]),
    };
    rows.map(|row| row["actions"].as_array().into_iter().flatten().map(button).collect()).collect()
}

/// What the first button of a card carries.
pub(crate) fn first_value(content: &Value) -> Value {
    let rows = content["elements"].as_array().into_iter().flatten();
    let mut buttons = rows.flat_map(|row| row["actions"].as_array().into_iter().flatten());
    buttons.next().map(|button| button["value"].clone()).unwrap_or_default()
}
