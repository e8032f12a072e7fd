//! The renderers on one document, and with any.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::{Text, TextLimit, TextUnit};

/// One answer with all that answers have.
const DOCUMENT: &str = r"# Plan

Some **bold**, *italic*, ***both***, ~~gone~~ and `code`.
Next line: a < b & <b>html</b> \*starred\*.

- one
- two with [a link](https://a.example/x_y?b=1&c=2)
  1. deep
  2. deeper
- [x] done
- [ ] open

> Quoted **text**
> goes on

```rust
fn main() { println!(`<&>`); }
```

| Name | Cost |
| ---- | ---: |
| tea  | 3    |
| **coffee** | 12 |

Hostile: [press](javascript:alert(1)), [data](data:text/html,x), [https://bank.example](https://evil.example), <ann@a.example>.

---
@everyone <@1> ||x||
";

fn check(shown: &str, expected: &Expect) {
    expected.assert_eq(shown);
}

#[test]
fn the_document_in_telegrams_html() {
    check(
        &html(&Text::markdown(DOCUMENT)),
        &expect![[r#"
        <b>Plan</b>

        Some <b>bold</b>, <i>italic</i>, <i><b>both</b></i>, <s>gone</s> and <code>code</code>.
        Next line: a &lt; b &amp; &lt;b&gt;html&lt;/b&gt; *starred*.

        • one
        • two with <a href="https://a.example/x_y?b=1&amp;c=2">a link</a>
          1. deep
          2. deeper
        ☑ done
        ☐ open

        <blockquote>Quoted <b>text</b>
        goes on</blockquote>

        <pre><code class="language-rust">fn main() { println!(`&lt;&amp;&gt;`); }</code></pre>

        <pre>Name   | Cost
        -------+-----
        tea    |    3
        coffee |   12</pre>

        Hostile: press, data, https://bank.example (https://evil.example/), <a href="mailto:ann@a.example">ann@a.example</a>.

        ———

        @everyone &lt;@1&gt; ||x||"#]],
    );
}

#[test]
fn the_document_in_discords_markdown() {
    check(
        &discord(&Text::markdown(DOCUMENT)),
        &expect![[r"
        **Plan**

        Some **bold**, *italic*, ***both***, ~~gone~~ and `code`.
        Next line: a \< b & \<b>html\</b> \*starred\*.

        • one
        • two with [a link](<https://a.example/x_y?b=1&c=2>)
          1. deep
          2. deeper
        ☑ done
        ☐ open

        > Quoted **text**
        > goes on

        ```rust
        fn main() { println!(`<&>`); }
        ```

        ```
        Name   | Cost
        -------+-----
        tea    |    3
        coffee |   12
        ```

        Hostile: press, data, https://bank.example (https://evil.example/), ann@a.example.

        ———

        @everyone \<@1> \|\|x\|\|"]],
    );
}

#[test]
fn the_document_in_a_terminal() {
    let shown = terminal(&Text::markdown(DOCUMENT), true);
    check(
        &shown.replace('\u{1b}', "␛"),
        &expect![[r"
        ␛[1mPlan␛[22m

        Some ␛[1mbold␛[22m, ␛[3mitalic␛[23m, ␛[3m␛[1mboth␛[22m␛[23m, ␛[9mgone␛[29m and ␛[36mcode␛[39m.
        Next line: a < b & <b>html</b> *starred*.

        • one
        • two with a link (https://a.example/x_y?b=1&c=2)
          1. deep
          2. deeper
        ☑ done
        ☐ open

        │ Quoted ␛[1mtext␛[22m
        │ goes on

        ␛[36mfn main() { println!(`<&>`); }␛[39m

        ␛[36mName   | Cost
        -------+-----
        tea    |    3
        coffee |   12␛[39m

        Hostile: press, data, https://bank.example (https://evil.example/), ann@a.example.

        ———

        @everyone <@1> ||x||"]],
    );
    assert!(!terminal(&Text::markdown(DOCUMENT), false).contains('\u{1b}'));
}

#[test]
fn the_document_without_marks() {
    check(
        &Text::markdown(DOCUMENT).to_plain(),
        &expect![[r"
        Plan

        Some bold, italic, both, gone and code.
        Next line: a < b & <b>html</b> *starred*.

        • one
        • two with a link (https://a.example/x_y?b=1&c=2)
          1. deep
          2. deeper
        ☑ done
        ☐ open

        Quoted text
        goes on

        fn main() { println!(`<&>`); }

        Name   | Cost
        -------+-----
        tea    |    3
        coffee |   12

        Hostile: press, data, https://bank.example (https://evil.example/), ann@a.example.

        ———

        @everyone <@1> ||x||"]],
    );
}

#[test]
fn a_block_that_is_cut_is_closed_and_opened_again() {
    let code: Vec<String> = (0..40).map(|number| format!("line {number}")).collect();
    let code = code.join("\n");
    let text = Text::markdown(&format!("before\n\n```sh\n{code}\n```\n\nafter"));
    let pieces = text.pieces(TextLimit { max: 150, unit: TextUnit::Chars });
    assert!(pieces.len() > 2);
    for piece in &pieces {
        let (html, discord) = (html(piece), discord(piece));
        assert_eq!(html.matches("<pre>").count(), html.matches("</pre>").count(), "{html}");
        assert_eq!(discord.matches("```").count() % 2, 0, "{discord}");
    }
    assert!(html(&pieces[1]).starts_with("<pre><code class=\"language-sh\">line "));
}

#[test]
fn what_markdown_would_hide_is_shown() {
    for (source, shown) in [
        ("[Note]: important", "[Note]: important"),
        ("see [1]\n\n[1]: https://a.example/", "see 1 (https://a.example/)"),
        ("[1]: https://a.example/", "[1]: https://a.example/"),
        ("<details>\nx\n</details>", "<details>\nx\n</details>"),
        ("<!-- x -->", "<!-- x -->"),
        ("``` two words\nx\n```", "two words\nx"),
        ("[](https://a.example/)", "https://a.example/"),
        ("![](https://a.example/)", "https://a.example/"),
        ("a<br>b", "a\nb"),
        ("1. a\n2. b\n\n   c\n\n5) x", "1. a\n2. b\n  c\n\n5. x"),
        ("> a\n>\n> b\n\nc", "a\n\nb\n\nc"),
    ] {
        assert_eq!(Text::markdown(source).to_plain(), shown, "{source:?}");
    }
}

#[test]
fn only_three_kinds_of_addresses_are_links() {
    for link in [
        "javascript:x",
        "data:x",
        "file:///x",
        "ftp://a",
        "tg://x",
        "//a.example",
        "/x",
        "#x",
        "vbscript:x",
    ] {
        let text = Text::markdown(&format!("[label]({link})"));
        assert_eq!(text, Text::plain("label"), "{link}");
    }
    let html = |source: &str| html(&Text::markdown(source));
    assert_eq!(html("[a](HTTPS://A.example)"), "<a href=\"https://a.example/\">a</a>");
    assert_eq!(html("[a](mailto:a@b)"), "<a href=\"mailto:a@b\">a</a>");
    for hostile in ["[a](https://a.example/\"b>c)", "[a](mailto:a\"b>c)"] {
        let html = html(hostile);
        assert_eq!(html.matches(['<', '>']).count(), 4, "nothing leaves the address: {html}");
    }
}

/// What a person reads of a text, without what only separates.
fn read(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect()
}

fn words() -> impl Strategy<Value = String> {
    "[a-z]{1,8}( [a-z0-9é😀]{1,8}){0,4}"
}

fn inline() -> impl Strategy<Value = String> {
    let marked = |mark: &'static str| words().prop_map(move |text| format!("{mark}{text}{mark}"));
    prop_oneof![
        words(),
        marked("**"),
        marked("*"),
        marked("~~"),
        marked("`"),
        marked("***"),
        words().prop_map(|text| format!("[{text}](https://a.example/)")),
        words().prop_map(|text| format!("[{text}](javascript:x)")),
    ]
}

fn block() -> impl Strategy<Value = String> {
    let line = || proptest::collection::vec(inline(), 1..5).prop_map(|parts| parts.join(" "));
    let lines = |before: &'static str| {
        proptest::collection::vec(line(), 1..4)
            .prop_map(move |lines| format!("{before}{}", lines.join(&format!("\n{before}"))))
    };
    prop_oneof![
        line(),
        line().prop_map(|line| format!("## {line}")),
        lines("> "),
        lines("- "),
        lines("1. "),
        words().prop_map(|text| format!("```sh\n{text}\n```")),
        (words(), line()).prop_map(|(one, two)| format!("| a | b |\n|---|---|\n| {one} | {two} |")),
    ]
}

/// The text of a markup, read back as its platform does.
fn without_html(html: &str) -> String {
    let texts = html.split('<').enumerate().map(|(number, part)| match number {
        0 => part,
        _ => part.split_once('>').map_or("", |(_, text)| text),
    });
    let text: String = texts.collect();
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    pairs.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

proptest! {
    #[test]
    fn no_renderer_loses_a_word(blocks in proptest::collection::vec(block(), 1..6), max in 120_usize..400) {
        let source = blocks.join("\n\n");
        let text = Text::markdown(&source);
        let spans: String = text.spans().iter().map(|span| span.text().to_owned()).collect();
        let words = |text: &str| {
            let bare = text.replace("](https://a.example/)", "").replace("](javascript:x)", "");
            let bare = bare.replace("](<https://a.example/>)", "").replace(" (https://a.example/)", "");
            let bare = bare.replace("```sh", "");
            bare.chars().filter(|c| c.is_alphabetic() || *c == '😀').collect::<String>()
        };
        // In the source, in the text, and on each platform.
        prop_assert_eq!(words(&spans), words(&source), "{}", source);
        for shown in [without_html(&html(&text)), discord(&text), terminal(&text, false), text.to_plain()] {
            prop_assert_eq!(words(&shown), words(&source), "{}", shown);
        }
        let limit = TextLimit { max, unit: TextUnit::Utf16 };
        let pieces = text.pieces(limit);
        prop_assert!(pieces.iter().all(|piece| limit.takes(piece)));
        let joined: String = pieces.iter().flat_map(Text::spans).map(|span| span.text().to_owned()).collect();
        prop_assert_eq!(read(&joined), read(&spans));
    }

    #[test]
    fn any_text_is_read_and_shown(source in "[-a-z*_~`\\[\\]()<>|#:!+.&\\\\1 \n\"]{0,120}") {
        let text = Text::markdown(&source);
        for markup in [html(&text), discord(&text), terminal(&text, true), text.to_plain()] {
            prop_assert!(markup.len() <= 64 * (source.len() + 1));
        }
        let html = html(&text);
        let spans: String = text.spans().iter().map(|span| span.text().to_owned()).collect();
        prop_assert_eq!(read(&without_html(&html)), read(&spans));
        let pieces = text.pieces(TextLimit { max: 40, unit: TextUnit::Bytes });
        let joined: String = pieces.iter().flat_map(Text::spans).map(|span| span.text().to_owned()).collect();
        prop_assert_eq!(read(&joined), read(&spans));
    }

    #[test]
    fn pieces_of_a_plain_text_fit_and_join_to_it(text in "(\\PC|\n| ){0,200}", max in 2_usize..40) {
        let limit = TextLimit { max, unit: TextUnit::Utf16 };
        let whole = Text::plain(text.clone());
        let pieces = whole.pieces(limit);
        prop_assert!(pieces.iter().all(|piece| limit.takes(piece)));
        let joined: String = pieces.iter().map(Text::to_plain).collect();
        prop_assert_eq!(read(&joined), read(&text));
    }
}

/// Answers that a model can be made to write, each within 64 KiB.
fn hostile() -> Vec<(&'static str, String)> {
    let reference = format!("[a]: http://x.example/{}\n\n", "y".repeat(700));
    let row = format!("|{}|\n", "[a] ".repeat(120));
    vec![
        ("a wide cell of references", format!("{reference}{row}|---|\n|b|\n")),
        ("a wide cell", format!("|{}|\n|---:|\n{}", "w".repeat(30_000), "|a\n".repeat(10_000))),
        ("deep lists", format!("{}x\n{}", "- ".repeat(10_000), "y\n".repeat(20_000))),
        ("deep quotes", format!("{}x\n{}", ">".repeat(10_000), "y\n".repeat(20_000))),
        ("less deep lists", format!("{}x\n{}", "1. ".repeat(60), "y\n".repeat(30_000))),
        (
            "many references",
            format!(
                "{reference}{}\n{}\n{}",
                format!("|{}", "[a]".repeat(80)).repeat(40),
                "|-".repeat(40),
                "|[a]\n".repeat(6_000)
            ),
        ),
        (
            "many columns",
            format!("{}\n{}\n{}", "|a".repeat(5_000), "|-".repeat(5_000), "|b\n".repeat(9_000)),
        ),
        ("many runs", "**a** b ".repeat(8_000)),
        ("links of many lines", format!("{reference}[{}][a]", "l\n".repeat(20_000))),
    ]
}

#[test]
fn case_137_no_answer_is_much_longer_than_it_was_written_or_has_more_messages_than_it_needs() {
    let limit = TextLimit { max: 2_000, unit: TextUnit::Chars };
    for (what, source) in hostile() {
        let text = Text::markdown(&source);
        let plain = text.to_plain();
        assert!(
            plain.len() <= 6 * source.len() + 8_192,
            "{what}: {} of {}",
            plain.len(),
            source.len()
        );
        let pieces = text.pieces(limit);
        let most = plain.len() / 400 + 3;
        assert!(pieces.len() <= most, "{what}: {} pieces of {}", pieces.len(), plain.len());
        assert!(pieces.iter().all(|piece| limit.takes(piece)), "{what}");
    }
}

#[test]
fn a_long_rule_is_no_deep_list() {
    let text = Text::markdown(&format!("**a**\n\n{}\n\nb", "-".repeat(200)));
    assert!(text.spans().iter().any(|span| span.marks().bold), "{}", text.to_plain());
}

#[test]
fn an_answer_that_would_show_nothing_is_shown_as_it_was_written() {
    for source in [">".repeat(50), "&nbsp;".to_owned(), "- ".to_owned(), "**".to_owned()] {
        let shown = Text::markdown(&source).to_plain();
        assert!(!shown.trim().is_empty(), "{source}");
    }
}
