//! Every template in both languages, as the whole mail that leaves.

use super::*;
use crate::mail_in::types::Address;
use crate::mail_out::compose::{Echo, Letter, Sender, compose};
use crate::mail_out::contents::{AccountLink, Quoted, Reply};
use crate::mail_out::threading::subject_line;

fn templates() -> Templates {
    Templates::load(None).unwrap()
}

/// The letter that a content goes out as, with ids and times that never change.
fn letter(locale: Locale, content: &Content) -> Letter {
    let rendered = templates().render(locale, content).unwrap();
    let form = content.form();
    let about_ticket = !matches!(form, Form::Account | Form::Digest) && !matches!(content, Content::Probe(_));
    let agent = Address { name: Some("Jonas".into()), email: "jonas@kaiwerk.example".into() };
    let customer = Address { name: Some("佐藤 美咲".into()), email: "misaki@customer.example".into() };
    let subject = match content {
        Content::Invite(_) | Content::Password(_) | Content::Link(_) => {
            let key = format!("mail-{}-subject", content.template());
            i18n::text(locale, &key, &[("team", "Kaiwerk Hosting")])
        }
        Content::Probe(_) => i18n::text(locale, "mail-probe-subject", &[]),
        Content::Digest(_) => {
            i18n::text(locale, "mail-digest-subject", &[("count", "12"), ("team", "Kaiwerk Hosting")])
        }
        _ => subject_line("AW: Preview stays blank", "KW-202611-0430", form != Form::AgentNotice),
    };
    let mailbox = "help@kaiwerk.example";
    Letter {
        form,
        from: match form {
            Form::Reply => Sender::agent("Priya Raman", "Kaiwerk Hosting", mailbox),
            Form::AgentNotice => Sender::via(locale, "佐藤 美咲", "Kaiwerk Hosting", mailbox),
            _ => Sender::team("Kaiwerk Hosting", mailbox),
        },
        reply_to: about_ticket.then(|| Address { name: None, email: "help+aqcqgmfzyxwv2345ab@kaiwerk.example".into() }),
        to: vec![if matches!(form, Form::AgentNotice | Form::Digest) { agent } else { customer }],
        cc: vec![],
        subject,
        message_id: "reply.12.5.abcdefghijklmnop@kaiwerk.example".into(),
        in_reply_to: about_ticket.then(|| "question@customer.example".into()),
        references: if about_ticket {
            vec!["t.5.abcdefghijklmnop@kaiwerk.example".into(), "question@customer.example".into()]
        } else {
            vec![]
        },
        date: "2026-11-20T11:05:00Z".parse().unwrap(),
        text: rendered.text,
        html: Some(rendered.html),
        files: vec![],
        loop_guard: "instance.1.12.abcdefghijklmnop".into(),
        row: None,
        relay: Echo::Headers,
        list_unsubscribe: None,
        thread_index: None,
        thread_topic: None,
        utf8_addresses: false,
    }
}

#[test]
fn every_mail_as_it_leaves() {
    for content in Content::samples() {
        for &locale in Locale::ALL {
            let event = match &content {
                Content::Notice(n) => format!("_{}", n.event),
                _ => String::new(),
            };
            let mail = String::from_utf8(compose(&letter(locale, &content)).unwrap()).unwrap();
            assert!(mail.split("\r\n").all(|l| l.len() <= 998 && !l.contains(['\r', '\n'])));
            let name = format!("{}{event}_{locale}", content.template());
            insta::assert_snapshot!(name, mail.replace("\r\n", "\n"));
        }
    }
}

/// E5.14: whatever a mail said, its acknowledgement does not.
#[test]
fn an_acknowledgement_quotes_nothing() {
    let Content::Ack(ack) = Content::samples().remove(1) else { panic!("the second sample is the acknowledgement") };
    let fields = serde_json::to_value(ack).unwrap();
    assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), ["answer_by", "pid", "team", "url"]);
}

#[test]
fn text_is_as_written_and_html_is_escaped() {
    let evil = "1 < 2 && \"x\" <script>alert(1)</script> {{team}}";
    let content = Content::Reply(Reply {
        body_text: evil.into(),
        quoted: Some(Quoted::of(evil, "2026-01-02T03:04:00Z".parse().unwrap(), evil)),
        ..Reply::sample()
    });
    let mail = templates().render(Locale::En, &content).unwrap();
    assert!(mail.text.contains(&format!("\n{evil}\n")) && mail.text.contains(&format!("\n> {evil}\n")));
    assert!(mail.text.contains("On 2 Jan 2026, 03:04 UTC, 1 < 2"), "{}", mail.text);
    assert!(!mail.html.contains("<script") && mail.html.contains("&lt;script&gt;") && mail.html.contains("{{team}}"));
}

/// E12.8.
#[test]
fn a_reply_in_markdown_as_it_leaves() {
    let source = "Hello **Misaki**,\nplease read [the guide](https://docs.example/a?b=1&c=2):\n\n1. open `x < y`\n2. wait\n   - or not\n\n> it was blank\n\n```\ncurl https://x.example\n```\n<script>shown</script> & https://x.example.";
    let written = crate::markdown::render(source);
    let Content::Reply(reply) = Content::samples().remove(0) else { panic!("the first sample is a reply") };
    let body_html = Some(crate::mail_out::contents::Reply::safe_html(&written.html));
    let reply = crate::mail_out::contents::Reply { body_text: written.text, body_html, quoted: None, ..reply };
    let rendered = templates().render(Locale::En, &Content::Reply(reply)).unwrap();
    insta::assert_snapshot!(format!("{}\n=====\n{}", rendered.text, rendered.html));
}

#[test]
fn html_of_the_agent_stands_as_it_is() {
    let html = Reply::safe_html("<p>Hello <b>Ann</b><img src=\"cid:logo\"></p>");
    let content = Content::Reply(Reply { body_html: Some(html.clone()), ..Reply::sample() });
    assert!(templates().render(Locale::De, &content).unwrap().html.contains(&html));
}

#[test]
fn what_is_not_there_leaves_no_trace() {
    let content = Content::Reply(Reply {
        url: None,
        quoted: None,
        reply_line: false,
        files: vec![],
        body_text: "Hi".into(),
        ..Reply::sample()
    });
    assert_eq!(templates().render(Locale::En, &content).unwrap().text, "Hi\n\nTicket KW-202611-0430\n");
    let content = Content::Password(AccountLink { expires_at: None, ..AccountLink::sample() });
    assert!(templates().render(Locale::En, &content).unwrap().text.contains("\nThe link works once.\n"));
}

#[test]
fn paragraphs_keep_lines_and_indents() {
    assert_eq!(
        paragraphs("a\n  b \n\n\n\tc\n"),
        [vec!["a".to_owned(), "\u{a0}\u{a0}b".into()], vec!["\u{a0}\u{a0}\u{a0}\u{a0}c".into()]]
    );
    assert!(paragraphs(" \n\n").is_empty());
}

#[test]
fn a_folder_overrides_single_templates() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let load = || Templates::load(Some(folder.path()));
    put("ack.txt.hbs", "Hi, {{pid}}!");
    put("README.md", "not a template");
    let ack = Content::samples().remove(1);
    assert_eq!(load().unwrap().render(Locale::De, &ack).unwrap().text, "Hi, KW-202611-0430!\n");
    put("ack.txt.hbs", "Hi, {{nobody}}!");
    assert!(matches!(load(), Err(TemplateError::Broken { name, .. }) if name == "ack.txt"));
    put("ack.txt.hbs", "{{#if}");
    assert!(matches!(load(), Err(TemplateError::Broken { name, .. }) if name == "ack.txt"));
    put("ack.txt.hbs", "ok");
    put("acknowledge.html.hbs", "x");
    let error = load().err().unwrap().to_string();
    assert!(error.starts_with("acknowledge.html.hbs overrides no mail template; there are: reply.txt.hbs"), "{error}");
    let missing = folder.path().join("none");
    assert!(matches!(Templates::load(Some(&missing)), Err(TemplateError::Folder { .. })));
}

/// E3.8: the mark is the last line of the text and of the page, in sight.
#[test]
fn the_mark_is_the_last_line_in_sight() {
    let templates = Templates::load(None).unwrap();
    let mark = "ref:202611-0004.aaaaaaaaaaaaaaaa";
    for content in Content::samples() {
        let with = templates.render_marked(Locale::En, &content, Some(mark)).unwrap();
        assert_eq!(with.text.lines().last(), Some(mark));
        let style = with.html.split(mark).next().unwrap().rsplit('<').next().unwrap();
        assert_eq!(style, "p style=\"margin:16px 0 0;font-size:12px\">");
        assert_eq!(crate::mail_in::html::to_text(&with.html).trim().lines().last(), Some(mark));
        let without = templates.render(Locale::En, &content).unwrap();
        assert!(!without.html.contains("ref:") && !without.text.contains("ref:"));
    }
}
