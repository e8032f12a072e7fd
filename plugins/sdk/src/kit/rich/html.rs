//! The HTML that Telegram takes: a few tags, and lines as they are.

use crate::{Frame, Span, Text};

/// HTML that shows the text.
pub fn html(text: &Text) -> String {
    let shown = |runs: &[Span]| runs.iter().map(run).collect::<String>();
    let bare = |runs: &[Span]| runs.iter().map(|run| escaped(run.text())).collect::<String>();
    let frame = |(frame, runs): (Frame<'_>, &[Span])| match frame {
        Frame::Block("") => format!("<pre>{}</pre>", bare(runs)),
        Frame::Block(language) => {
            format!("<pre><code class=\"language-{language}\">{}</code></pre>", bare(runs))
        }
        Frame::Open => shown(runs),
        Frame::Quote => format!("<blockquote>{}</blockquote>", shown(runs)),
    };
    text.frames().map(frame).collect()
}

/// Telegram has no code with other marks, and no link on code.
fn run(span: &Span) -> String {
    let (mut html, marks) = (escaped(span.text()), span.marks());
    if marks.code && marks.link.is_none() {
        return format!("<code>{html}</code>");
    }
    for (tag, set) in [("b", marks.bold), ("i", marks.italic), ("s", marks.strike)] {
        if set {
            html = format!("<{tag}>{html}</{tag}>");
        }
    }
    match &marks.link {
        Some(link) => format!("<a href=\"{}\">{html}</a>", escaped(link)),
        None => html,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_111_markup_in_a_name_is_shown_and_not_obeyed() {
        let text = Text::plain("<b>Ann</b> & *co* ").code("A<B&C>").and("</code>&lt;");
        let expected =
            "&lt;b&gt;Ann&lt;/b&gt; &amp; *co* <code>A&lt;B&amp;C&gt;</code>&lt;/code&gt;&amp;lt;";
        assert_eq!(html(&text), expected);
    }
}
