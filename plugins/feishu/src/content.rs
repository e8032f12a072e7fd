//! From texts and cards to what Feishu shows. Every run is a plain one: no mark, no link and no mention can come of what
//! stands in it.

use openclaw_plugin_sdk::{
    Body, Button, Frame, Marks, Span, Text,
    kit::draft::{Draft, Limits},
};
use serde_json::{Value, json};

pub(crate) const LIMITS: Limits = Limits { caption: 4000, label: 100, data: 1000 };

/// What a message shows, as Feishu takes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) json: Value,
}

/// Where buttons are shown: the direct chat with this person says so itself when one is pressed.
pub(crate) fn card(body: &Body, draft: &Draft<'_>, chat: &str) -> Option<Content> {
    let Body::Card(card) = body else { return None };
    let plain = |text: &str| json!({ "tag": "plain_text", "content": text });
    let text = draft.text.to_plain();
    let rest = text.strip_prefix(&card.title).unwrap_or(&text).trim_start_matches('\n');
    let mut elements = Vec::new();
    if !rest.is_empty() {
        elements.push(json!({ "tag": "div", "text": plain(rest) }));
    }
    let person = crate::parse_sender(chat).ok();
    for row in draft.rows.iter().filter(|row| !row.is_empty()) {
        let button = |Button { label, data }: &Button| {
            let mut value = json!({ "d": data });
            if let Some(person) = &person {
                value["p"] = person.as_str().into();
            }
            json!({ "tag": "button", "text": plain(label), "value": value })
        };
        let buttons: Vec<Value> = row.iter().map(button).collect();
        elements.push(json!({ "tag": "action", "actions": buttons }));
    }
    let mut json = json!({ "config": { "update_multi": true }, "elements": elements });
    if !card.title.is_empty() {
        json["header"] = json!({ "title": plain(&card.title) });
    }
    Some(Content { kind: "interactive", json })
}

/// A text, below a picture where there is one.
pub(crate) fn post(text: &Text, image_key: Option<&str>) -> Content {
    let mut lines: Vec<Vec<Value>> = Vec::new();
    if let Some(key) = image_key {
        lines.push(vec![json!({ "tag": "img", "image_key": key })]);
    }
    if !text.to_plain().is_empty() {
        lines.extend(written(text));
    }
    Content { kind: "post", json: json!({ "zh_cn": { "content": lines } }) }
}

/// A file that was uploaded.
pub(crate) fn file(key: &str) -> Content {
    Content { kind: "file", json: json!({ "file_key": key }) }
}

/// An answer without its marks; `None` for what has none.
pub(crate) fn unmarked(text: &Text, image_key: Option<&str>) -> Option<Content> {
    let has_marks = text.spans().iter().any(|span| matches!(span, Span::Marked(..)));
    has_marks.then(|| post(&Text::plain(text.to_plain()), image_key))
}

fn written(text: &Text) -> Vec<Vec<Value>> {
    let mut lines = vec![Vec::new()];
    for (frame, runs) in text.frames() {
        for (number, span) in runs.iter().enumerate() {
            for (at, part) in span.text().split('\n').enumerate() {
                if at > 0 {
                    lines.push(Vec::new());
                }
                let Some(line) = lines.last_mut() else { continue };
                if frame == Frame::Quote && (at > 0 || number == 0) {
                    line.push(run("> ", &Marks::default()));
                }
                if !part.is_empty() {
                    line.push(run(part, span.marks()));
                }
            }
        }
    }
    for line in lines.iter_mut().filter(|line| line.is_empty()) {
        line.push(run("", &Marks::default()));
    }
    lines
}

fn run(text: &str, marks: &Marks) -> Value {
    let mut run = match &marks.link {
        Some(link) => json!({ "tag": "a", "href": link, "text": text }),
        None => json!({ "tag": "text", "text": text }),
    };
    let styles = [("bold", marks.bold), ("italic", marks.italic), ("lineThrough", marks.strike)];
    let styles: Vec<&str> =
        styles.iter().filter(|(_, set)| *set).map(|(style, _)| *style).collect();
    if !styles.is_empty() {
        run["style"] = json!(styles);
    }
    run
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::Card;

    use super::*;
    use crate::PLUGIN;

    const ANN: &str = "ou_84aad35d084aa403a838cf73ee18467a";

    #[test]
    fn case_111_nobody_can_be_called_and_no_mark_is_obeyed() {
        let name = "<at user_id=\"all\"></at> @everyone **b** [x](https://y)";
        let shown = post(&Text::plain(name).code("<at user_id=\"all\">"), None);
        let runs = json!([[
            { "tag": "text", "text": name },
            { "tag": "text", "text": "<at user_id=\"all\">" },
        ]]);
        assert_eq!(shown, Content { kind: "post", json: json!({ "zh_cn": { "content": runs } }) });
        let body = Body::from(Card {
            title: name.to_owned(),
            footer: Some(name.into()),
            ..Card::default()
        });
        let draft = Draft::new(&body, &PLUGIN, &LIMITS).unwrap();
        let json = card(&body, &draft, ANN).unwrap().json;
        let plain = json!({ "tag": "plain_text", "content": name });
        assert_eq!(json["header"]["title"], plain);
        assert_eq!(json["elements"], json!([{ "tag": "div", "text": plain }]));
    }

    #[test]
    fn an_answer_has_its_marks_and_can_go_without_them() {
        let text =
            Text::markdown("**bold** *so* ~~gone~~ [label](https://a.example/)\n\n> one\n> two");
        let lines = post(&text, Some("img_v2_x")).json["zh_cn"]["content"].clone();
        let text_of = |text: &str| json!({ "tag": "text", "text": text });
        let styled =
            |text: &str, style: &str| json!({ "tag": "text", "text": text, "style": [style] });
        let link = json!({ "tag": "a", "href": "https://a.example/", "text": "label" });
        let first = json!([
            styled("bold", "bold"),
            text_of(" "),
            styled("so", "italic"),
            text_of(" "),
            styled("gone", "lineThrough"),
            text_of(" "),
            link,
        ]);
        assert_eq!(lines[0], json!([{ "tag": "img", "image_key": "img_v2_x" }]));
        assert_eq!(lines[1], first);
        let quote = |line: &str| json!([text_of("> "), text_of(line)]);
        let all = lines.as_array().unwrap();
        assert_eq!(all[all.len() - 2..], [quote("one"), quote("two")], "{lines}");
        let plain = unmarked(&text, None).unwrap().json.to_string();
        assert!(
            !plain.contains("style") && plain.contains("label (https://a.example/)"),
            "{plain}"
        );
        assert_eq!(unmarked(&Text::plain("x"), None), None);
    }

    #[test]
    fn a_button_says_whose_direct_chat_it_stands_in() {
        let button = |data: &str| Button { label: "Yes".to_owned(), data: data.to_owned() };
        let buttons = vec![vec![button("a"), button("b")], vec![button("c")]];
        let body = Body::from(Card { title: "Who?".to_owned(), buttons, ..Card::default() });
        let draft = Draft::new(&body, &PLUGIN, &LIMITS).unwrap();
        for (chat, value) in
            [(ANN, json!({ "d": "a", "p": ANN })), ("oc_84aad35d084aa403", json!({ "d": "a" }))]
        {
            let elements = card(&body, &draft, chat).unwrap().json["elements"].clone();
            assert_eq!(elements.as_array().map(Vec::len), Some(2), "a row each");
            assert_eq!(elements[0]["actions"][0]["value"], value);
        }
    }

    #[test]
    fn a_picture_alone_has_no_empty_line() {
        let lines = post(&Text::default(), Some("img_x")).json["zh_cn"]["content"].clone();
        assert_eq!(lines, json!([[{ "tag": "img", "image_key": "img_x" }]]));
        let empty = post(&Text::plain("a\n\nb"), None).json["zh_cn"]["content"].clone();
        assert_eq!(empty[1], json!([{ "tag": "text", "text": "" }]));
    }
}
