//! What Markdown becomes: E12.8.

use super::*;
use proptest::prelude::*;

fn text(source: &str) -> String {
    render(source).text
}

fn shown(source: &str) -> String {
    clean(&render(source).html)
}

#[test]
fn marks_become_html_and_text_without_entities() {
    let written = render("Hello **Ann**,\nuse `a < b` & [the guide](https://x.example/a?b=1&c=2).\n\n> _old_\n\nBye");
    assert_eq!(
        written.html,
        "<p>Hello <strong>Ann</strong>,<br />\nuse <code>a &lt; b</code> &amp; \
         <a href=\"https://x.example/a?b=1&amp;c=2\">the guide</a>.</p>\n<blockquote>\n<p><em>old</em></p>\n</blockquote>\n<p>Bye</p>"
    );
    assert_eq!(written.text, "Hello *Ann*,\nuse `a < b` & the guide <https://x.example/a?b=1&c=2>.\n\n> _old_\n\nBye");
}

#[test]
fn lists_nest_and_keep_their_numbers() {
    assert_eq!(text("1. one\n2. two\n   - a\n   - b\n3. three"), "1. one\n2. two\n   - a\n   - b\n3. three");
    assert_eq!(text("First:\n- a\n- b\n\nThen"), "First:\n\n- a\n- b\n\nThen");
    assert_eq!(text("- a\n\n- b"), "- a\n\n- b");
    assert_eq!(text("- a\n\n  more\n- b"), "- a\n\n  more\n\n- b");
}

#[test]
fn code_stays_as_it_is() {
    assert_eq!(text("Run:\n```sh\nls *.rs\n\n<b>\n```\nDone"), "Run:\n\n    ls *.rs\n\n    <b>\n\nDone");
    assert!(shown("```\nhttps://x.example <b>\n```").contains("<pre><code>https://x.example &lt;b&gt;"));
}

#[test]
fn what_people_write_in_mail_stays_text() {
    // A signature's mark makes no heading of the line above it, tags are shown, and addresses lead there.
    assert_eq!(text("Regards\n-- \nAnn"), "Regards\n--\n\nAnn");
    assert_eq!(text("Above\n---\nBelow"), "Above\n\n---\n\nBelow");
    assert!(!shown("Regards\n--\nAnn").contains("<h"));
    assert_eq!(text("Write <head> and\n\n<div>\nx\n</div>"), "Write <head> and\n\n<div>\nx\n</div>");
    let html = shown("See https://a.example/x_y_z. Or <https://b.example>");
    assert!(html.contains("href=\"https://a.example/x_y_z\"") && html.contains("</a>. Or"), "{html}");
    assert_eq!(text("See https://a.example/x. Or <ann@x.example>"), "See https://a.example/x. Or ann@x.example");
    assert_eq!(text("![screen](https://x.example/1.png)"), "screen <https://x.example/1.png>");
    assert!(!shown("![screen](https://x.example/1.png)").contains("<img"));
}

/// E12.8: neither tags nor addresses that act come through.
#[test]
fn nothing_active_is_rendered() {
    for hostile in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>)",
        "<javascript:alert(1)>",
        "[a](https://x.example \"onclick=x\")",
        "<a href=x\nonclick=alert(1)>",
    ] {
        let html = shown(hostile);
        harmless(&html);
    }
    assert!(shown("[bank.example](https://evil.example)").contains("[evil.example]"));
}

fn harmless(html: &str) {
    let mut tags = html.split('<').skip(1).map(|t| t.split('>').next().unwrap_or_default().to_ascii_lowercase());
    assert!(
        tags.all(|t| !t.starts_with("script")
            && !t.starts_with("img")
            && !t.contains(" on")
            && !t.contains("script:")
            && !t.contains("data:")),
        "{html}"
    );
}

#[test]
fn what_nests_too_deep_is_plain_text() {
    let deep = "> ".repeat(500) + "x";
    assert_eq!(text(&deep), deep);
    assert!(!render(&deep).html.contains("blockquote"));
    render(&"- ".repeat(100_000));
}

proptest! {
    /// E12.8.
    #[test]
    fn rendering_never_gives_anything_active(source in r"([<>\[\]()!*_`#\-:/ \n]|script|img|onload=|javascript:|data:|a|x){0,60}") {
        harmless(&shown(&source));
    }

    /// Words on lines come back as they are, whatever stands between them.
    #[test]
    fn plain_words_come_back(lines in prop::collection::vec("[a-zäß]{1,8}( [a-zäß,.]{1,8}){0,4}", 1..8)) {
        let source = lines.join("\n");
        prop_assert_eq!(text(&source), source.clone());
        let paragraphs = lines.join("\n\n");
        prop_assert_eq!(text(&paragraphs), paragraphs);
    }

    /// The text that a mail carries reads the same once more: no entities, no lost lines.
    #[test]
    fn text_of_any_source_has_no_entities_of_ours(source in "[a-z&<>*_ \n]{0,40}") {
        let got = text(&source);
        prop_assert!(!got.contains("&amp;") && !got.contains("&lt;"), "{}", got);
    }
}
