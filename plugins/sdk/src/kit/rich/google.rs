//! The marks that messages of Google Chat have, and the tags of its cards.

use crate::{Frame, Span, Text, text::shows};

/// Keeps a sign from being read as a mark, and shows nothing: there is no other way.
const NOTHING: char = '\u{200b}';

/// A message that shows the text. A code alone is a block, to be copied whole.
pub fn google(text: &Text) -> String {
    if let [Span::Code(code)] = text.spans() {
        return block(code);
    }
    let mut written = String::new();
    for (frame, runs) in text.frames() {
        let mut part = String::new();
        for run in runs {
            show(run, &mut part);
        }
        match frame {
            Frame::Block(_) => {
                if !written.is_empty() && !written.ends_with('\n') {
                    written.push('\n');
                }
                written.push_str(&block(&runs.iter().map(Span::text).collect::<String>()));
            }
            Frame::Open => written.push_str(&part),
            Frame::Quote => written.extend(["> ", &part.replace('\n', "\n> ")]),
        }
    }
    written
}

/// What a card shows of the text, whose first run is its title.
pub fn google_card(text: &Text) -> String {
    let escaped = |run: &Span| {
        run.text()
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\n', "<br>")
    };
    let (title, rest) = text.spans().split_at(text.spans().len().min(1));
    let title: String = title.iter().map(escaped).filter(|title| !title.is_empty()).collect();
    let rest: String = rest.iter().map(escaped).collect();
    format!("<b>{title}</b>{rest}")
}

fn block(code: &str) -> String {
    format!("```\n{}\n```", verbatim(&code.replace("```", &format!("``{NOTHING}`"))))
}

/// Code as it stands, but for what would call people.
fn verbatim(code: &str) -> String {
    code.replace("<users/", &format!("<{NOTHING}users/"))
}

fn show(run: &Span, written: &mut String) {
    let marks = run.marks();
    let is_code = marks.code && !run.text().contains('`');
    let set = [('~', marks.strike), ('*', marks.bold), ('_', marks.italic), ('`', is_code)];
    let signs: Vec<char> = set.iter().filter(|(_, set)| *set).map(|(sign, _)| *sign).collect();
    // No mark spans lines, and none stands beside a blank.
    for (number, line) in run.text().split('\n').enumerate() {
        if number > 0 {
            written.push('\n');
        }
        let core = line.trim();
        let (before, after) =
            line.split_once(core).filter(|_| !core.is_empty()).unwrap_or((line, ""));
        written.push_str(before);
        if core.is_empty() {
            continue;
        }
        written.extend(&signs);
        match &marks.link {
            // A label that is an address may not lead to another one.
            Some(link)
                if !core.contains("://") && !format!("{link}{core}").contains(['|', '>']) =>
            {
                written.extend(["<", link, "|", core, ">"]);
            }
            _ if is_code => written.push_str(&verbatim(core)),
            _ => tame(core, written),
        }
        written.extend(signs.iter().rev());
        if let Some(link) =
            marks.link.as_ref().filter(|it| core.contains("://") && !shows(core, it))
        {
            written.extend([" (", link, ")"]);
        }
        written.push_str(after);
    }
}

/// Breaks what would be a mark, a mention or a link.
fn tame(text: &str, written: &mut String) {
    for word in text.split_inclusive(char::is_whitespace) {
        // What breaks a mark would break an address too.
        let is_address = word.starts_with("https://") || word.starts_with("http://");
        for c in word.chars() {
            match c {
                '<' => written.extend([c, NOTHING]),
                '*' | '_' | '~' | '`' if !is_address => written.extend([NOTHING, c, NOTHING]),
                c => written.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With what nobody sees made visible.
    fn read(text: &Text) -> String {
        google(text).replace(NOTHING, "¦")
    }

    #[test]
    fn case_111_nobody_can_be_called_and_no_mark_is_obeyed() {
        let name = "<users/all> <https://evil.example|bank> *b* _i_ ~s~ `c` a_b";
        let text = Text::plain(name).and(" is ").code("<users/all>*");
        assert_eq!(
            read(&text),
            "<¦users/all> <¦https://evil.example|bank> ¦*¦b¦*¦ ¦_¦i¦_¦ ¦~¦s¦~¦ ¦`¦c¦`¦ a¦_¦b is `<¦users/all>*`"
        );
        assert_eq!(
            google_card(&Text::plain("<a & b>").and("\n<users/all> &lt;")),
            "<b>&lt;a &amp; b&gt;</b><br>&lt;users/all&gt; &amp;lt;"
        );
    }

    #[test]
    fn an_answer_has_the_marks_that_chat_has() {
        let answer = "# Plan\n\nSome **bold** *italic* ~~gone~~ `code` [label](https://a.example/) \
            [x](javascript:y) [https://b.example](https://evil.example/) https://c.example/a_b_c\n\n\
            > quoted\n\n```rust\nlet a = \"<users/all>\";\n```\n\nend";
        assert_eq!(
            read(&Text::markdown(answer)),
            "*Plan*\n\nSome *bold* _italic_ ~gone~ `code` <https://a.example/|label> x \
             https://b.example (https://evil.example/) https://c.example/a_b_c\n\n\
             > quoted\n\n```\nlet a = \"<¦users/all>\";\n```\n\nend"
        );
    }

    #[test]
    fn a_code_alone_is_a_block_and_one_in_a_text_is_not() {
        assert_eq!(read(&Text::default().code("AB3D7X9K")), "```\nAB3D7X9K\n```");
        assert_eq!(read(&Text::plain("send ").code("/pair qr")), "send `/pair qr`");
        assert_eq!(read(&Text::plain("x ").code("a`b")), "x a¦`¦b");
    }
}
