//! The Markdown that Discord reads.

use crate::{Frame, Marks, Span, Text, text::shows};

/// Keeps marks apart that would be read as one, and shows nothing.
const NOTHING: char = '\u{200b}';

/// Markdown that shows the text.
pub fn discord(text: &Text) -> String {
    let mut written = String::new();
    for (frame, runs) in text.frames() {
        if frame != Frame::Open && !written.is_empty() && !written.ends_with('\n') {
            written.push('\n');
        }
        match frame {
            Frame::Block(language) => {
                let code: String = runs.iter().map(Span::text).collect();
                let code = code.replace("```", &format!("``{NOTHING}`"));
                written.extend(["```", language, "\n", &code, "\n```"]);
            }
            Frame::Open => all(runs, &mut written),
            Frame::Quote => {
                let mut quote = String::new();
                all(runs, &mut quote);
                written.extend(["> ", &quote.replace('\n', "\n> ")]);
            }
        }
    }
    written
}

fn all(runs: &[Span], written: &mut String) {
    for span in runs {
        match span {
            Span::Code(code) => coded(code, written),
            Span::Marked(text, marks) => marked(text, marks, written),
            Span::Opaque(_) | Span::Plain(_) => escape(span.text(), written),
        }
    }
}

fn marked(text: &str, marks: &Marks, written: &mut String) {
    let set = [("~~", marks.strike), ("**", marks.bold), ("*", marks.italic)];
    let set: Vec<&str> = set.iter().filter(|(_, set)| *set).map(|(mark, _)| *mark).collect();
    // No mark spans lines, and none stands beside a blank.
    for (number, line) in text.split('\n').enumerate() {
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
        if !set.is_empty() && written.ends_with(['*', '~']) {
            written.push(NOTHING);
        }
        let label = |written: &mut String| {
            written.extend(set.iter().copied());
            let show = if marks.code { coded } else { escape };
            show(core, written);
            written.extend(set.iter().rev().copied());
        };
        match &marks.link {
            // A label that is an address may not lead to another one.
            Some(link) if link.starts_with("http") && !core.contains("://") => {
                written.push('[');
                label(written);
                written.extend(["](<", link, ">)"]);
            }
            Some(link) if !core.contains("://") && !shows(core, link) => {
                label(written);
                written.push_str(" (");
                escape(link, written);
                written.push(')');
            }
            Some(_) | None => label(written),
        }
        written.push_str(after);
    }
}

/// In backticks, where what stands in it allows that.
fn coded(code: &str, written: &mut String) {
    let fits = !code.trim().is_empty() && !code.contains(['`', '\n', '\\']);
    if fits {
        written.extend(["`", code, "`"]);
    } else {
        escape(code, written);
    }
}

fn escape(text: &str, written: &mut String) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        // A mark inside a link is part of it, and so would be what disarms it.
        if let Some(link) = link(rest) {
            written.push_str(link);
            rest = &rest[link.len()..];
            continue;
        }
        let begins = written.is_empty() || written.ends_with('\n');
        let marks = matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '[' | ']')
            || (begins && matches!(c, '>' | '#' | '-' | '+'));
        if marks {
            written.push('\\');
        }
        written.push(c);
        rest = &rest[c.len_utf8()..];
    }
}

/// The link that a text begins with: as far as Discord itself reads one.
fn link(text: &str) -> Option<&str> {
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&+,;=%".contains(c);
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    let link = text[..end].trim_end_matches(['.', ',', ':', ';', '_', '~', '!']);
    (link.len() > "https://".len()).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_111_markup_in_a_name_is_shown_and_not_obeyed() {
        let text =
            Text::plain("**Ann** _x_ ||y|| ~~z~~ [a](b) <@1> <#2> @everyone `c`\\\n> q\n# h\n- l");
        let expected = "\\*\\*Ann\\*\\* \\_x\\_ \\|\\|y\\|\\| \\~\\~z\\~\\~ \\[a\\](b) \\<@1> \\<#2> @everyone \\`c\\`\\\\\n\\> q\n\\# h\n\\- l";
        assert_eq!(discord(&text), expected);
    }

    #[test]
    fn a_code_stands_in_backticks_unless_it_would_end_them() {
        assert_eq!(discord(&Text::default().code("A*B<C>")), "`A*B<C>`");
        assert_eq!(discord(&Text::default().code("a`b*")), "a\\`b\\*");
        assert_eq!(discord(&Text::plain("see ").code("x")), "see `x`");
    }

    #[test]
    fn a_link_stays_whole() {
        let text = Text::plain("see https://a.example/b_c_d?e=f*g* and http://x_");
        assert_eq!(discord(&text), "see https://a.example/b_c_d?e=f\\*g\\* and http://x\\_");
    }
}
