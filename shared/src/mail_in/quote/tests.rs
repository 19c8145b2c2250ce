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

/// T48, E7.3, E7.5: a bare quote is the writer's own words; a forward in a quote's container is what the mail is about.
#[test]
fn t48_bare_quotes_and_forwards_are_shown_whole() {
    let whole = |html: &str| {
        let raw = format!("From: a@b.example\nSubject: x\nContent-Type: text/html\n\n{html}\n");
        let mail = crate::mail_in::parse::parse(raw.as_bytes());
        assert_eq!(mail.visible_text, mail.body_text.trim(), "{html}");
        assert!(mail.visible_text.len() > 15, "{html}");
    };
    whole("<p>It says:</p><blockquote>Error 7</blockquote>");
    whole("<p>It says:</p><blockquote><p>Error 7</p></blockquote><p>What is that?</p>");
    whole(
        "<div>See below.</div><div class=\"gmail_quote\"><div class=\"gmail_attr\">---------- Forwarded message ---------<br>\
         From: <b>Shop</b> &lt;shop@shop.example&gt;<br>Date: Fri, 20 Nov 2026 at 10:00<br>Subject: Invoice<br>\
         To: &lt;ada@customer.example&gt;<br></div><p>You owe us 5.</p></div>",
    );
}

/// T49, E7.9: by limits, not by clocks. A line of 5 MiB is not trimmed and whole; 10⁵ nested containers lose no word.
#[test]
fn t49_what_is_too_large_is_shown_whole() {
    let long = format!("New.\n\n> {}\n", "x".repeat(5 << 20));
    let trimmed = visible(&long, None);
    assert_eq!((trimmed.visible.len(), trimmed.hidden.len()), (long.trim().len(), 0));
    let html = format!("{}deep words{}", "<div class=\"gmail_quote\">".repeat(100_000), "</div>".repeat(100_000));
    let text = html::to_text(&html);
    assert_eq!(text.trim(), "deep words");
    assert_eq!(visible(&text, Some(&html)).visible, "deep words");
}
