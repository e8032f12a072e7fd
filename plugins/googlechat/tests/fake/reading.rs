//! What a person reads of a text with Chat's marks, and of a card with its few tags.

use openclaw_plugin_sdk::testing::marks::{self, Taken, seen};
use serde_json::Value;

/// A message's text, its marks taken away. A person who is called is called out.
pub(crate) fn reads(text: &str) -> String {
    marks::reads(text, angle)
}

/// A person or a link.
fn angle(text: &str) -> Taken<'_> {
    let (inner, after) = text.strip_prefix('<')?.split_once('>')?;
    if let Some(who) = inner.strip_prefix("users/") {
        return Some((format!("(called: {who})"), after));
    }
    let (url, label) = inner.split_once('|').filter(|(url, _)| url.starts_with("http"))?;
    Some((format!("{} ({url})", seen(label)), after))
}

/// A card's text.
pub(crate) fn card(cards: &Value) -> String {
    let html = cards[0]["card"]["sections"][0]["widgets"][0]["textParagraph"]["text"].as_str();
    let text =
        html.unwrap_or_default().replace("<br>", "\n").replace("<b>", "").replace("</b>", "");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// True for what a card takes: its tags, and everything else escaped.
pub(crate) fn is_html(html: &str) -> bool {
    let rest = html.replace("<br>", "").replace("<b>", "").replace("</b>", "");
    !rest.contains(['<', '>'])
        && rest.match_indices('&').all(|(at, _)| {
            ["&lt;", "&gt;", "&amp;"].iter().any(|entity| rest[at..].starts_with(entity))
        })
}
