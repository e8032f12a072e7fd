//! The rich text of Slack's Block Kit. It is taken literally: no mark, no link and no mention can come of it.

use serde_json::{Value, json};

use crate::{Frame, Marks, Text};

/// A block that shows the text; `None` for an empty one, for Slack takes no empty runs. The first run may be a title.
pub fn slack(text: &Text, titled: bool) -> Option<Value> {
    let mut elements = Vec::new();
    let mut frames = text.frames().peekable();
    while let Some((frame, spans)) = frames.next() {
        let (is_first, is_last) = (elements.is_empty(), frames.peek().is_none());
        let mut runs = Vec::new();
        for (at, span) in spans.iter().enumerate() {
            let mut text = span.text();
            // A frame brings its own line breaks.
            if at == 0 && !is_first {
                text = text.trim_start_matches('\n');
            }
            if at + 1 == spans.len() && !is_last {
                text = text.trim_end_matches('\n');
            }
            if !text.is_empty() {
                runs.push(run(text, span.marks(), at == 0 && is_first && titled));
            }
        }
        let kind = match frame {
            Frame::Block(_) => "rich_text_preformatted",
            Frame::Open => "rich_text_section",
            Frame::Quote => "rich_text_quote",
        };
        if !runs.is_empty() {
            elements.push(json!({ "type": kind, "elements": runs }));
        }
    }
    (!elements.is_empty()).then(|| json!({ "type": "rich_text", "elements": elements }))
}

fn run(text: &str, marks: &Marks, is_title: bool) -> Value {
    let mut run = match &marks.link {
        Some(link) => json!({ "type": "link", "url": link, "text": text }),
        None => json!({ "type": "text", "text": text }),
    };
    let styles = [
        ("bold", marks.bold || is_title),
        ("italic", marks.italic),
        ("strike", marks.strike),
        ("code", marks.code),
    ];
    for (style, _) in styles.iter().filter(|(_, set)| *set) {
        run["style"][*style] = true.into();
    }
    run
}
