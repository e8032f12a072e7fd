//! The marks that messages of Google Chat and WhatsApp have, and the tags of Google's cards.

use crate::{Frame, Span, Text, text::shows};

/// Keeps a sign from being read as a mark, and shows nothing: there is no other way.
const NOTHING: char = '\u{200b}';

/// What differs where the signs are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Google,
    WhatsApp,
}

/// A message on Google Chat that shows the text. A code alone is a block, to be copied whole.
pub fn google(text: &Text) -> String {
    Dialect::Google.message(text)
}

/// A message on WhatsApp that shows the text. A code alone is a block. A link's address stands behind its label.
pub fn whatsapp(text: &Text) -> String {
    Dialect::WhatsApp.message(text)
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

impl Dialect {
    fn message(self, text: &Text) -> String {
        if let [Span::Code(code)] = text.spans() {
            return self.block(code);
        }
        let mut written = String::new();
        for (frame, runs) in text.frames() {
            let mut part = String::new();
            for run in runs {
                self.show(run, &mut part);
            }
            match frame {
                Frame::Block(_) => {
                    if !written.is_empty() && !written.ends_with('\n') {
                        written.push('\n');
                    }
                    written.push_str(&self.block(&runs.iter().map(Span::text).collect::<String>()));
                }
                Frame::Open => written.push_str(&part),
                Frame::Quote => written.extend(["> ", &part.replace('\n', "\n> ")]),
            }
        }
        written
    }

    fn block(self, code: &str) -> String {
        let code = self.verbatim(&code.replace("```", &format!("``{NOTHING}`")));
        let line = if self == Self::Google { "\n" } else { "" };
        format!("```{line}{code}{line}```")
    }

    /// Code as it stands, but for what would call people.
    fn verbatim(self, code: &str) -> String {
        match self {
            Self::Google => code.replace("<users/", &format!("<{NOTHING}users/")),
            Self::WhatsApp => {
                let mut written = String::new();
                for c in code.chars() {
                    if c.is_ascii_digit() && written.ends_with('@') {
                        written.push(NOTHING);
                    }
                    written.push(c);
                }
                written
            }
        }
    }

    fn show(self, run: &Span, written: &mut String) {
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
            // A label that is an address may not lead to another one.
            let is_address = core.contains("://");
            match &marks.link {
                Some(link) if self.labels(core, link) => {
                    written.extend(["<", link, "|", core, ">"]);
                }
                _ if is_code => written.push_str(&self.verbatim(core)),
                _ => self.tame(core, written),
            }
            written.extend(signs.iter().rev());
            let beside = |link: &&String| match self {
                Self::Google => is_address && !shows(core, link),
                Self::WhatsApp => !shows(core, link),
            };
            if let Some(link) = marks.link.as_ref().filter(beside) {
                written.extend([" (", link, ")"]);
            }
            written.push_str(after);
        }
    }

    /// True where a label can be a link.
    fn labels(self, label: &str, link: &str) -> bool {
        self == Self::Google
            && !label.contains("://")
            && !format!("{link}{label}").contains(['|', '>'])
    }

    /// Breaks what would be a mark, a mention, a quote or a link.
    fn tame(self, text: &str, written: &mut String) {
        for word in text.split_inclusive(char::is_whitespace) {
            // What breaks a mark would break an address too.
            let is_address = word.starts_with("https://") || word.starts_with("http://");
            for c in word.chars() {
                match c {
                    '<' if self == Self::Google => written.extend([c, NOTHING]),
                    '0'..='9'
                        if self == Self::WhatsApp && !is_address && written.ends_with('@') =>
                    {
                        written.extend([NOTHING, c]);
                    }
                    '>' if self == Self::WhatsApp && begins_line(written) => {
                        written.extend([NOTHING, c]);
                    }
                    '*' | '_' | '~' | '`' if !is_address => written.extend([NOTHING, c, NOTHING]),
                    c => written.push(c),
                }
            }
        }
    }
}

fn begins_line(written: &str) -> bool {
    written.rsplit('\n').next().is_none_or(|line| line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_111_whatsapp_calls_nobody_either_and_has_no_labels() {
        let text =
            Text::plain("@15551234567 ann@b.example *b* a_b\n> not quoted").and(" is ").code("@1*");
        assert_eq!(
            whatsapp(&text).replace(NOTHING, "¦"),
            "@¦15551234567 ann@b.example ¦*¦b¦*¦ a¦_¦b\n¦> not quoted is `@¦1*`"
        );
        let answer = "**bold** [label](https://a.example/) https://c.example/a_b@c\n\n> quoted\n\n\
            ```rust\nlet a = 1;\n```";
        assert_eq!(
            whatsapp(&Text::markdown(answer)).replace(NOTHING, "¦"),
            "*bold* label (https://a.example/) https://c.example/a_b@c\n\n> quoted\n\n```let a = 1;```"
        );
        assert_eq!(whatsapp(&Text::default().code("AB3D7X9K")), "```AB3D7X9K```");
    }

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
