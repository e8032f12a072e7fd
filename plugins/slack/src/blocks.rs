//! From texts and cards to Block Kit. The text beside the blocks is for notifications alone, and escaped.

use openclaw_plugin_sdk::{
    Body, Button, ChannelError, File, Span, Text,
    kit::{
        draft::{Draft, Limits, undeliverable},
        rich,
    },
};
use slack_morphism::prelude::{
    SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockPlainText,
    SlackMessageContent,
};

use crate::PLUGIN;

/// Slack's own limits.
const LIMITS: Limits = Limits { caption: 4000, label: 75, data: 2000 };
const BUTTONS_IN_A_ROW: usize = 25;

/// An edit with a longer one is refused.
const NOTICE_LIMIT: usize = 3900;

/// What a body shows, as Slack takes it, and the file that goes with it.
pub(crate) fn content(body: &Body) -> Result<(SlackMessageContent, Option<File>), ChannelError> {
    let Draft { text, rows, file } = Draft::new(body, &PLUGIN, &LIMITS)?;
    let rich = rich::slack(&text, matches!(body, Body::Card(_)));
    let rich = rich.map(serde_json::from_value).transpose();
    let mut blocks: Vec<SlackBlock> =
        rich.map_err(|error| undeliverable(error.to_string()))?.into_iter().collect();
    let mut number = 0;
    for row in rows.iter().flat_map(|row| row.chunks(BUTTONS_IN_A_ROW)) {
        let buttons = row.iter().map(|Button { label, data }| {
            number += 1;
            // Without emoji names: `:x:` on a label stays what it is.
            let text = SlackBlockPlainText::new(label.clone()).with_emoji(false);
            SlackBlockButtonElement::new(text.into())
                .with_action_id(format!("b{number}").into())
                .with_value(data.clone())
                .into()
        });
        blocks.push(SlackActionsBlock::new(buttons.collect()).into());
    }
    let text = notice(&text.to_plain());
    Ok((SlackMessageContent::new().with_text(text).with_blocks(blocks), file))
}

/// An answer without its marks; `None` for what has none.
pub(crate) fn unmarked(body: &Body) -> Option<SlackMessageContent> {
    let Body::Text(text) = body else { return None };
    let has_marks = text.spans().iter().any(|span| matches!(span, Span::Marked(..)));
    let plain = Body::Text(Text::plain(text.to_plain()));
    content(&plain).ok().filter(|_| has_marks).map(|(content, _)| content)
}

/// The text as a notification shows it: its head, where it is long.
fn notice(plain: &str) -> String {
    let mut notice = String::new();
    for c in plain.chars() {
        let mut buffer = [0; 4];
        let shown = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            c => c.encode_utf8(&mut buffer),
        };
        if notice.len() + shown.len() > NOTICE_LIMIT {
            notice.push('…');
            break;
        }
        notice.push_str(shown);
    }
    notice
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::Card;
    use serde_json::{Value, json};

    use super::*;

    fn shown(body: impl Into<Body>) -> Value {
        serde_json::to_value(content(&body.into()).unwrap().0).unwrap()
    }

    #[test]
    fn case_111_nobody_can_be_called_and_no_mark_is_obeyed() {
        let name = "<!channel> <!here> <@U024BE7LH> @everyone *b* `c` <https://x|y> &lt;";
        let shown = shown(Text::plain(name).code("<!here>"));
        let runs = &shown["blocks"][0]["elements"][0]["elements"];
        assert_eq!(runs[0], json!({ "type": "text", "text": name }));
        assert_eq!(
            runs[1],
            json!({ "type": "text", "text": "<!here>", "style": { "code": true } })
        );
        let notice = shown["text"].as_str().unwrap();
        assert!(!notice.contains('<') && notice.starts_with("&lt;!channel&gt;"), "{notice}");
        assert!(notice.contains("&amp;lt;"), "{notice}");
    }

    #[test]
    fn an_answer_has_a_block_for_each_of_its_frames() {
        let answer = "# Plan\n\nSome **bold** [label](https://a.example/) [x](javascript:y).\n\n\
            > quoted\n\n```rust\nlet a = 1;\n```\n\nend";
        let shown = shown(Text::markdown(answer));
        let text = |text: &str| json!({ "type": "text", "text": text });
        let bold = |text: &str| json!({ "type": "text", "text": text, "style": { "bold": true } });
        let link = json!({ "type": "link", "url": "https://a.example/", "text": "label" });
        let first =
            json!([bold("Plan"), text("\n\nSome "), bold("bold"), text(" "), link, text(" x.")]);
        let expected = json!([
            { "type": "rich_text_section", "elements": first },
            { "type": "rich_text_quote", "elements": [text("quoted")] },
            { "type": "rich_text_preformatted", "elements": [text("let a = 1;")] },
            { "type": "rich_text_section", "elements": [text("end")] },
        ]);
        assert_eq!(shown["blocks"][0]["elements"], expected);
        assert!(unmarked(&Text::markdown("plain").into()).is_none());
        let plain = unmarked(&Text::markdown("**a** [b](https://c.example)").into());
        assert_eq!(plain.and_then(|plain| plain.text).as_deref(), Some("a b (https://c.example/)"));
    }

    #[test]
    fn a_title_is_bold_and_each_row_is_a_block() {
        let button = |data: &str| Button { label: "Yes".to_owned(), data: data.to_owned() };
        let buttons = vec![vec![button("a"), button("b")], vec![button("c")]];
        let shown = shown(Card { title: "Who?".to_owned(), buttons, ..Card::default() });
        let blocks = shown["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), 3);
        assert_eq!(blocks[0]["elements"][0]["elements"][0]["style"], json!({ "bold": true }));
        let ids: Vec<_> = [&blocks[1]["elements"][0], &blocks[2]["elements"][0]]
            .map(|button| button["action_id"].as_str().unwrap())
            .to_vec();
        assert_eq!(ids, ["b1", "b3"], "no two buttons of a message have one id");
    }

    #[test]
    fn a_button_that_slack_does_not_take_is_refused() {
        for (label, data) in
            [("", "a"), ("Yes", ""), (&*"x".repeat(76), "a"), ("x", &"a".repeat(2001))]
        {
            let button = Button { label: label.to_owned(), data: data.to_owned() };
            let card = Card { buttons: vec![vec![button]], ..Card::default() };
            assert!(matches!(content(&card.into()), Err(ChannelError::Undeliverable(_))));
        }
    }

    #[test]
    fn a_notice_is_never_longer_than_an_edit_may_be() {
        for text in ["&".repeat(4000), "😀".repeat(2000), "x".repeat(4000)] {
            let notice = notice(&text);
            assert!(notice.chars().count() <= 4000 && notice.ends_with('…'));
            assert!(!notice.ends_with("&am…"), "no entity is cut");
        }
        assert_eq!(notice("a < b"), "a &lt; b");
    }
}
