//! From texts and cards to activities. What a text says is shown and never obeyed: a message is HTML that is escaped,
//! and the runs of a card know no marks.

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_plugin_sdk::{
    Body, Button, ChannelError, Text,
    kit::{
        draft::{Draft, Limits},
        rich::{self, Style},
    },
};
use serde_json::{Value, json};

use crate::{LONGEST, PLUGIN};

const LIMITS: Limits = Limits { caption: LONGEST, label: 80, data: 512 };

/// What a body shows, as a part of an activity.
pub(crate) fn content(body: &Body) -> Result<Value, ChannelError> {
    let Draft { text, rows, file } = Draft::new(body, &PLUGIN, &LIMITS)?;
    if let Body::Text(text) = body {
        return Ok(json!({ "text": html(text), "textFormat": "xml", "attachments": [] }));
    }
    let mut parts = blocks(&text);
    if let (Body::Card(card), Some(title)) = (body, parts.first_mut()) {
        title["inlines"] = json!([{ "type": "TextRun", "text": card.title, "weight": "Bolder" }]);
    }
    if let Some(file) = file {
        let url =
            format!("data:{};base64,{}", file.kind.media_type(), STANDARD.encode(&file.bytes));
        parts.insert(0, json!({ "type": "Image", "url": url, "altText": file.name }));
    }
    let submit = |Button { label, data }: &Button| json!({ "type": "Action.Submit", "title": label, "data": { "d": data } });
    let row = |row: &Vec<Button>| json!({ "type": "ActionSet", "actions": row.iter().map(submit).collect::<Vec<_>>() });
    parts.extend(rows.iter().filter(|row| !row.is_empty()).map(row));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard",
        "version": "1.4", "msteams": { "width": "Full" }, "body": parts,
    });
    let card = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": card });
    Ok(json!({ "text": "", "attachments": [card] }))
}

/// The tags that Teams has, and its line breaks: it keeps those of a text only where that is preformatted.
fn html(text: &Text) -> String {
    let mut shown = String::new();
    for (number, part) in rich::html(text).split("<pre>").enumerate() {
        let (block, rest) = part.split_once("</pre>").filter(|_| number > 0).unwrap_or(("", part));
        if number > 0 {
            shown.extend(["<pre>", block, "</pre>"]);
        }
        shown.push_str(&rest.replace('\n', "<br>"));
    }
    // What is a block by itself needs no empty line around it.
    for block in ["pre", "blockquote"] {
        shown = shown.replace(&format!("<br><br><{block}>"), &format!("<{block}>"));
        shown = shown.replace(&format!("</{block}><br><br>"), &format!("</{block}>"));
    }
    for (from, to) in [("b", "strong"), ("i", "em"), ("s", "strike")] {
        shown = shown.replace(&format!("<{from}>"), &format!("<{to}>"));
        shown = shown.replace(&format!("</{from}>"), &format!("</{to}>"));
    }
    shown
}

/// A block for each line: a run has no line breaks.
fn blocks(text: &Text) -> Vec<Value> {
    let (plain, ranges) = rich::ranges(text);
    let styles = |at: usize| -> Vec<Style> {
        let here = ranges.iter().filter(|it| (it.start..it.start + it.length).contains(&at));
        here.map(|range| range.style).collect()
    };
    let (mut blocks, mut at, mut spacing) = (Vec::new(), 0, "None");
    for line in plain.split('\n') {
        let mut runs: Vec<(String, Vec<Style>)> = Vec::new();
        for c in line.chars() {
            let style = styles(at);
            match runs.last_mut().filter(|(_, last)| *last == style) {
                Some((run, _)) => run.push(c),
                None => runs.push((c.to_string(), style)),
            }
            at += c.len_utf16();
        }
        at += 1;
        if runs.is_empty() {
            spacing = "Medium";
            continue;
        }
        let runs: Vec<Value> = runs.into_iter().map(run).collect();
        blocks.push(json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": runs }));
        spacing = "None";
    }
    blocks
}

fn run((text, styles): (String, Vec<Style>)) -> Value {
    let mut run = json!({ "type": "TextRun", "text": text });
    for style in styles {
        let (key, value): (_, Value) = match style {
            Style::Bold => ("weight", "Bolder".into()),
            Style::Italic => ("italic", true.into()),
            Style::Monospace => ("fontType", "Monospace".into()),
            Style::Strike => ("strikethrough", true.into()),
        };
        run[key] = value;
    }
    run
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::Card;

    use super::*;

    const NAME: &str = "**Ann** <at>all</at> <b>x</b> [a](https://x) `c` @everyone";

    #[test]
    fn case_111_no_mark_of_a_name_is_obeyed() {
        let shown = content(&Text::plain(NAME).code("<at>").into()).unwrap();
        assert_eq!(
            shown["text"],
            "**Ann** &lt;at&gt;all&lt;/at&gt; &lt;b&gt;x&lt;/b&gt; [a](https://x) `c` @everyone<code>&lt;at&gt;</code>"
        );
        assert_eq!(shown["textFormat"], "xml");
        let fields = vec![("Name".to_owned(), Text::plain(NAME).code("AB3D7X9K"))];
        let card = Card { title: NAME.to_owned(), fields, ..Card::default() };
        let shown = content(&card.into()).unwrap();
        let body = &shown["attachments"][0]["content"]["body"];
        assert_eq!(
            body[0]["inlines"],
            json!([{ "type": "TextRun", "text": NAME, "weight": "Bolder" }])
        );
        let plain = json!({ "type": "TextRun", "text": format!("Name: {NAME}") });
        let code = json!({ "type": "TextRun", "text": "AB3D7X9K", "fontType": "Monospace" });
        assert_eq!(body[1]["inlines"], json!([plain, code]));
    }

    #[test]
    fn an_answer_has_the_tags_of_teams() {
        let answer = "# Plan\n\nSome **bold** *italic* ~~gone~~\n\n> quoted\n\n```rust\nlet a;\nlet b;\n```\n\nend";
        let shown = html(&Text::markdown(answer));
        for part in [
            "<strong>Plan</strong><br>",
            "<strong>bold</strong> <em>italic</em> <strike>gone</strike>",
            "</strike><blockquote>quoted</blockquote><pre>",
            "let a;\nlet b;",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert_eq!(shown.matches('\n').count(), 1, "only code keeps its lines: {shown}");
    }

    #[test]
    fn each_row_of_buttons_is_a_set_and_a_card_without_them_has_none() {
        let button = |data: &str| Button { label: "Yes".to_owned(), data: data.to_owned() };
        let buttons = vec![vec![button("a"), button("b")], vec![], vec![button("c")]];
        let body = |card: Card| {
            content(&card.into()).unwrap()["attachments"][0]["content"]["body"].clone()
        };
        let armed = body(Card { title: "Who?".to_owned(), buttons, ..Card::default() });
        assert_eq!(armed.as_array().unwrap().len(), 3);
        let submit = json!({ "type": "Action.Submit", "title": "Yes", "data": { "d": "b" } });
        assert_eq!(armed[1]["actions"][1], submit);
        let disarmed = body(Card { title: "Who?".to_owned(), ..Card::default() });
        assert!(!disarmed.to_string().contains("Action"));
    }

    #[test]
    fn lines_of_a_card_are_blocks_and_an_empty_one_is_a_distance() {
        let blocks = blocks(&Text::plain("😀 one\ntwo ").code("c\nd").and("\n\nthree"));
        let shown: Vec<_> =
            blocks.iter().map(|it| (it["spacing"].clone(), it["inlines"].to_string())).collect();
        assert_eq!(blocks.len(), 4, "{shown:?}");
        assert_eq!(
            (&blocks[3]["spacing"], &blocks[1]["spacing"]),
            (&json!("Medium"), &json!("None"))
        );
        assert_eq!(
            blocks[2]["inlines"],
            json!([{ "type": "TextRun", "text": "d", "fontType": "Monospace" }])
        );
    }
}
