//! Discord's markup: shown, never obeyed.

use openclaw_plugin_sdk::{Span, Text};

/// Markup that shows the text as it stands, whatever stands in it.
pub(crate) fn written(text: &Text) -> String {
    let mut written = String::new();
    for span in text.spans() {
        match span {
            Span::Code(code) => written.push_str(&coded(code)),
            Span::Opaque(_) => written.push('…'),
            Span::Plain(plain) => escape(plain, &mut written),
        }
    }
    written
}

/// In backticks, where what stands in it allows that.
fn coded(code: &str) -> String {
    let fits = !code.trim().is_empty() && !code.contains(['`', '\n', '\\']);
    if fits {
        return format!("`{code}`");
    }
    let mut plain = String::new();
    escape(code, &mut plain);
    plain
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
        assert_eq!(written(&text), expected);
    }

    #[test]
    fn a_code_stands_in_backticks_unless_it_would_end_them() {
        assert_eq!(written(&Text::default().code("A*B<C>")), "`A*B<C>`");
        assert_eq!(written(&Text::default().code("a`b*")), "a\\`b\\*");
        assert_eq!(written(&Text::plain("see ").code("x")), "see `x`");
    }

    #[test]
    fn a_link_stays_whole() {
        let text = Text::plain("see https://a.example/b_c_d?e=f*g* and http://x_");
        assert_eq!(written(&text), "see https://a.example/b_c_d?e=f\\*g\\* and http://x\\_");
    }
}
