use super::*;

fn shown(text: &str) -> String {
    visible(text, None).visible
}

/// E7.4, E7.6.
#[test]
fn top_posted_replies() {
    for quote in [
        "On Mon, Nov 2, 2026 at 10:00 AM Jane <j@b.example> wrote:\n\n> old\n> older\n",
        "-----Original Message-----\nFrom: Jane\nSent: Monday\nTo: us\nSubject: x\n\nold\n",
        "________________________________\nVon: Jane <j@b.example>\nGesendet: Montag\nAn: us@o.example\nBetreff: x\n\nold\n",
        "Le lun. 2 nov. 2026 à 10:00, Jane <j@b.example> a\nécrit :\n\n> old\n",
        "Am 02.11.2026 um 10:00 schrieb Jane:\n> old\n",
        "From: Jane\nSent: Monday\nTo: us\nSubject: x\nold\n",
        "On 2 Nov 2026, at 10:00, Jane <j@b.example> wrote:\n\nold without marks\n",
        "> old\n> older\n",
        "## Reply above this line ##\n\nold\n",
    ] {
        assert_eq!(shown(&format!("New.\n\n{quote}")), "New.", "{quote}");
    }
}

#[test]
fn bottom_posted_reply() {
    assert_eq!(shown("On 02.11.2026 10:00, Jane wrote:\n> old\n\nNew.\n"), "New.");
}

/// E7.2.
#[test]
fn inline_answers_stay_with_their_questions() {
    let text = "On 02.11.2026 10:00, Jane wrote:\n> one?\n\nYes.\n\n> two?\n\nNo.\n\n> bye\n";
    assert_eq!(shown(text), "On 02.11.2026 10:00, Jane wrote:\n> one?\n\nYes.\n\n> two?\n\nNo.");
}

/// E7.7.
#[test]
fn signatures() {
    assert_eq!(shown("New.\n-- \nJane\nDirector\n"), "New.");
    assert_eq!(shown("New.\n\nSent from my iPhone\n"), "New.");
    assert_eq!(shown("New.\n\nGesendet von Outlook für Android<https://x.example>\n\nold\n"), "New.");
    assert_eq!(shown("Sent from my desk, is much easier.\n"), "Sent from my desk, is much easier.");
    assert_eq!(shown("A\n--first point\n-- second point\nB"), "A\n--first point\n-- second point\nB");
}

/// E7.2.
#[test]
fn nothing_but_quote_is_shown() {
    let text = "> only\n> quote\n";
    assert_eq!(visible(text, None), Trimmed { visible: "> only\n> quote".into(), hidden: vec![] });
    assert_eq!(shown("-- \nJane"), "-- \nJane");
}

#[test]
fn text_that_looks_like_a_header_stays() {
    let text = "Please send\nFrom: Berlin\nand more.\n\nOn the other hand it works.\n";
    assert_eq!(shown(text), text.trim());
}

/// E7.3.
#[test]
fn html_containers() {
    let html = "<div>New.</div><div class=\"gmail_quote\">old words<blockquote>older</blockquote></div>";
    let text = html::to_text(html);
    let trimmed = visible(&text, Some(html));
    assert_eq!(trimmed.visible, "New.");
    assert_eq!(trimmed.hidden[0].rule, ".gmail_quote");
    let bare = "<div>New.</div><blockquote>kept</blockquote>";
    assert_eq!(visible(&html::to_text(bare), Some(bare)).visible, "New.\nkept");
}

/// E7.9.
#[test]
fn long_lines_and_big_bodies_are_cheap() {
    let line = format!("{}\n> q", "x ".repeat(200_000));
    assert!(shown(&line).len() > 300_000);
    let big = "> q\n".repeat(400_000);
    assert_eq!(visible(&big, None).hidden, vec![]);
    let many = "On 2 Nov 2026 Jane\n".repeat(40_000);
    let started = std::time::Instant::now();
    visible(&many, None);
    assert!(started.elapsed().as_secs() < 5);
}
