//! What each mail says, before it is put into words: one struct per template, each with a sample.

use crate::clock::Time;
use crate::mail_in::sanitise;
use crate::text_enum;
use serde::{Deserialize, Serialize};

/// How many lines of the customer's last message a reply quotes (E8.11).
const MAX_QUOTED_LINES: usize = 200;
/// How much of a message a notice shows.
const MAX_EXCERPT_CHARS: usize = 2000;

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Content {
    /// An agent's answer.
    Reply(Reply),
    /// The acknowledgement of a new ticket.
    Ack(Ack),
    /// To an agent: a ticket was opened, assigned, answered.
    Notice(Notice),
    /// To an agent: named in a note.
    Mention(Mention),
    /// To an agent: several notices in one.
    Digest(Digest),
    /// To the requester: solved.
    Solved(Solved),
    /// To the requester: how was it?
    Csat(Csat),
    /// To a new user.
    Invite(AccountLink),
    /// A link for a new password.
    Password(AccountLink),
    /// A sign-in link.
    Link(AccountLink),
    /// To a mailbox's own tagged address.
    Probe(Probe),
}

impl Content {
    /// Returns the name of the template files.
    pub fn template(&self) -> &'static str {
        match self {
            Content::Reply(_) => "reply",
            Content::Ack(_) => "ack",
            Content::Notice(_) => "notice",
            Content::Mention(_) => "mention",
            Content::Digest(_) => "digest",
            Content::Solved(_) => "solved",
            Content::Csat(_) => "csat",
            Content::Invite(_) => "invite",
            Content::Password(_) => "password",
            Content::Link(_) => "link",
            Content::Probe(_) => "probe",
        }
    }

    /// Returns the title of the HTML: the ticket's number, or the team's name.
    pub fn title(&self) -> &str {
        match self {
            Content::Invite(c) | Content::Password(c) | Content::Link(c) => &c.team,
            Content::Digest(c) => &c.team,
            Content::Probe(c) => &c.address,
            _ => self.pid().unwrap_or_default(),
        }
    }

    /// Returns the ticket's number, if it is about one.
    pub fn pid(&self) -> Option<&str> {
        match self {
            Content::Reply(c) => Some(&c.pid),
            Content::Ack(c) => Some(&c.pid),
            Content::Notice(c) => Some(&c.pid),
            Content::Mention(c) => Some(&c.pid),
            Content::Solved(c) => Some(&c.pid),
            Content::Csat(c) => Some(&c.pid),
            Content::Digest(_) | Content::Invite(_) | Content::Password(_) | Content::Link(_) | Content::Probe(_) => {
                None
            }
        }
    }

    /// Returns where its reader switches such mail off.
    pub fn stop_url(&self) -> Option<&str> {
        match self {
            Content::Notice(c) => c.stop_url.as_deref(),
            Content::Mention(c) => c.stop_url.as_deref(),
            Content::Digest(c) => c.stop_url.as_deref(),
            Content::Csat(c) => c.stop_url.as_deref(),
            _ => None,
        }
    }

    /// Returns a sample of each content, and of each event of a notice, to render when templates are loaded.
    pub fn samples() -> Vec<Content> {
        let notices = NoticeEvent::ALL.iter().map(|&event| Content::Notice(Notice { event, ..Notice::sample() }));
        let others = [
            Content::Reply(Reply::sample()),
            Content::Ack(Ack::sample()),
            Content::Mention(Mention::sample()),
            Content::Digest(Digest::sample()),
            Content::Solved(Solved::sample()),
            Content::Csat(Csat::sample()),
            Content::Invite(AccountLink::sample()),
            Content::Password(AccountLink::sample()),
            Content::Link(AccountLink::sample()),
            Content::Probe(Probe { address: "support@example.com".to_owned() }),
        ];
        others.into_iter().chain(notices).collect()
    }
}

/// An agent's public message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The ticket.
    pub pid: String,
    /// The ticket's page in the customers' portal.
    pub url: Option<String>,
    /// What the agent wrote.
    pub body_text: String,
    /// The same as HTML; made by [`Reply::safe_html`].
    pub body_html: Option<String>,
    /// The customer's last message.
    pub quoted: Option<Quoted>,
    /// Whether "write above this line" stands at the top (E7.6).
    pub reply_line: bool,
    /// Files that are too large to go along (E8.5).
    #[serde(default)]
    pub files: Vec<LinkedFile>,
}

/// A mail of ours to ourselves (E3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The mailbox.
    pub address: String,
}

/// A file that the mail leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedFile {
    /// Its name.
    pub name: String,
    /// Its size, for people.
    pub size: String,
    /// Where it is.
    pub url: String,
    /// Until when.
    pub until: Time,
}

/// How elements look in a mail, where they say nothing themselves: mail programs differ in all that is not written out.
const STYLES: &[(&str, &str)] = &[
    ("<p>", "<p style=\"margin:0 0 16px\">"),
    ("<ul>", "<ul style=\"margin:0 0 16px;padding:0 0 0 24px\">"),
    ("<ol>", "<ol style=\"margin:0 0 16px;padding:0 0 0 24px\">"),
    ("<blockquote>", "<blockquote style=\"margin:0 0 16px;padding:0 0 0 12px;border-left:2px solid #8a8f8c\">"),
    ("<pre>", "<pre style=\"margin:0 0 16px;padding:8px 12px;border:1px solid #8a8f8c;white-space:pre-wrap\">"),
];

impl Reply {
    /// Returns the composer's HTML without anything active, as views of mail are cleaned (E12.8); images of the mail
    /// itself (`cid:`) stay.
    pub fn safe_html(html: &str) -> String {
        let clean = sanitise::html(html, |cid| Some(format!("cid:{cid}"))).html;
        STYLES.iter().fold(clean, |html, (bare, styled)| html.replace(bare, styled))
    }

    /// A sample with all there can be.
    pub fn sample() -> Self {
        Self {
            pid: "KW-202611-0430".into(),
            url: Some("https://help.kaiwerk.example/portal/KW-202611-0430".into()),
            body_text: "Hello Misaki,\n\nthe preview pointed to an old server:\n    preview.old <gone>\nIt works again now.\n\nPriya Raman".into(),
            body_html: None,
            quoted: Some(Quoted::of("佐藤 美咲", sample_time(), "The page stays blank.\n\nIt worked yesterday.\n> and the day before")),
            reply_line: true,
            files: vec![LinkedFile {
                name: "Aufnahme <1>.mov".into(),
                size: "31.5 MB".into(),
                url: "https://help.kaiwerk.example/files/abc234".into(),
                until: sample_time(),
            }],
        }
    }
}

/// The customer's last message under a reply. Never a note, never what the recipient was not party to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// Who wrote it.
    pub name: String,
    /// When.
    pub at: Time,
    /// Its new text, at most 200 lines.
    pub text: String,
    /// Whether there was more.
    pub cut: bool,
}

impl Quoted {
    /// Returns the quotation of a message's visible text.
    pub fn of(name: &str, at: Time, text: &str) -> Self {
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let kept = &lines[..lines.len().min(MAX_QUOTED_LINES)];
        Self { name: name.to_owned(), at, text: kept.join("\n"), cut: kept.len() < lines.len() }
    }
}

/// The acknowledgement. It has no room for anything that the received mail said, its sender's name included: whoever
/// forges a sender could have their own words delivered (E5.14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The ticket.
    pub pid: String,
    /// The team's name.
    pub team: String,
    /// The ticket's page in the customers' portal.
    pub url: Option<String>,
    /// Until when an answer is promised.
    pub answer_by: Option<Time>,
}

impl Ack {
    /// A sample with all there can be.
    pub fn sample() -> Self {
        Self {
            pid: "KW-202611-0430".into(),
            team: "Kaiwerk Hosting".into(),
            url: Some("https://help.kaiwerk.example/portal/KW-202611-0430".into()),
            answer_by: Some(sample_time()),
        }
    }
}

text_enum! {
    /// What an agent is told of.
    pub enum NoticeEvent ("notice event") {
        /// A ticket was opened.
        Created = "created",
        /// The ticket is theirs now.
        Assigned = "assigned",
        /// The customer wrote.
        Answered = "answered",
        /// A scheduled reply waits: somebody wrote first.
        Held = "held",
        /// A reply could not be delivered.
        Undelivered = "undelivered",
    }
}

/// News of a ticket for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What happened.
    pub event: NoticeEvent,
    /// The ticket.
    pub pid: String,
    /// Its subject.
    pub subject: String,
    /// The requester's name or address.
    pub customer: String,
    /// Who did it, or the team's name if nobody did.
    pub actor: String,
    /// What was written; see [`excerpt`].
    pub excerpt: Option<String>,
    /// The ticket's page in the dashboard.
    pub url: String,
    /// Where such mail is switched off.
    pub stop_url: Option<String>,
}

impl Notice {
    /// A sample with all there can be.
    pub fn sample() -> Self {
        Self {
            event: NoticeEvent::Created,
            pid: "KW-202611-0430".into(),
            subject: "Preview stays blank".into(),
            customer: "佐藤 美咲".into(),
            actor: "Priya Raman".into(),
            excerpt: Some("The page stays blank.\n\nIt worked <yesterday>.".into()),
            url: "https://help.kaiwerk.example/dashboard/support/430".into(),
            stop_url: Some("https://help.kaiwerk.example/unsubscribe/abc234".into()),
        }
    }
}

/// An agent was named in a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The ticket.
    pub pid: String,
    /// Its subject.
    pub subject: String,
    /// Who wrote the note.
    pub actor: String,
    /// The note; see [`excerpt`].
    pub excerpt: Option<String>,
    /// The ticket's page in the dashboard.
    pub url: String,
    /// Where such mail is switched off.
    pub stop_url: Option<String>,
}

impl Mention {
    /// A sample with all there can be.
    pub fn sample() -> Self {
        Self {
            pid: "KW-202611-0430".into(),
            subject: "Preview stays blank".into(),
            actor: "Priya Raman".into(),
            excerpt: Some("@jonas can you look at the routing?".into()),
            url: "https://help.kaiwerk.example/dashboard/support/430".into(),
            stop_url: Some("https://help.kaiwerk.example/unsubscribe/abc234".into()),
        }
    }
}

/// Several notices in one mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The team's name.
    pub team: String,
    /// What happened, oldest first.
    pub lines: Vec<DigestLine>,
    /// How many more there were.
    pub more: Option<String>,
    /// Where such mail is switched off.
    pub stop_url: Option<String>,
}

/// One notice of a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestLine {
    /// What happened.
    pub event: NoticeEvent,
    /// The ticket.
    pub pid: String,
    /// What it is about.
    pub subject: String,
    /// Its page.
    pub url: String,
}

impl Digest {
    /// A sample with all there can be.
    pub fn sample() -> Self {
        let line = |event| DigestLine {
            event,
            pid: "KW-202611-0430".into(),
            subject: "Preview stays <blank>".into(),
            url: "https://help.kaiwerk.example/dashboard/support/430".into(),
        };
        Self {
            team: "Kaiwerk Hosting".into(),
            lines: NoticeEvent::ALL.iter().map(|e| line(*e)).collect(),
            more: Some("7".into()),
            stop_url: Some("https://help.kaiwerk.example/unsubscribe/abc234".into()),
        }
    }
}

/// A request to rate the help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Csat {
    /// The ticket.
    pub pid: String,
    /// Its subject.
    pub subject: String,
    /// The team's name.
    pub team: String,
    /// The form: it rates this ticket, and nothing else.
    pub url: String,
    /// Where its reader switches such mail off.
    pub stop_url: Option<String>,
}

impl Csat {
    /// A sample with all there can be.
    pub fn sample() -> Self {
        Csat {
            pid: "KW-202611-0430".into(),
            subject: "Preview stays blank".into(),
            team: "Kaiwerk Hosting".into(),
            url: "https://help.kaiwerk.example/rate/abc234".into(),
            stop_url: Some("https://help.kaiwerk.example/unsubscribe/abc234".into()),
        }
    }
}

/// The requester's ticket was solved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solved {
    /// The ticket.
    pub pid: String,
    /// Its subject.
    pub subject: String,
    /// The team's name.
    pub team: String,
    /// What solved it, in words for the requester.
    pub resolution: Option<String>,
    /// The ticket's page in the customers' portal.
    pub url: Option<String>,
}

impl Solved {
    /// A sample with all there can be.
    pub fn sample() -> Self {
        Self {
            pid: "KW-202611-0430".into(),
            subject: "Preview stays blank".into(),
            team: "Kaiwerk Hosting".into(),
            resolution: Some("The preview points to the new server now.".into()),
            url: Some("https://help.kaiwerk.example/portal/KW-202611-0430".into()),
        }
    }
}

/// A link that opens an account: invitation, new password, sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLink {
    /// The team's name.
    pub team: String,
    /// Whose account.
    pub email: String,
    /// The link.
    pub link: String,
    /// Until when it works.
    pub expires_at: Option<Time>,
}

impl AccountLink {
    /// A sample with all there can be.
    pub fn sample() -> Self {
        Self {
            team: "Kaiwerk Hosting".into(),
            email: "misaki@customer.example".into(),
            link: "https://help.kaiwerk.example/link/3q2-7wEXAMPLE".into(),
            expires_at: Some(sample_time()),
        }
    }
}

/// Returns the beginning of a message for a notice: whole lines where possible.
pub fn excerpt(text: &str) -> Option<String> {
    let text = text.trim();
    let kept = match text.char_indices().nth(MAX_EXCERPT_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => {
            let end = text[..end].rfind('\n').filter(|at| *at > end / 2).unwrap_or(end);
            format!("{}\n[...]", text[..end].trim_end())
        }
    };
    (!kept.is_empty()).then_some(kept)
}

fn sample_time() -> Time {
    Time::from_timestamp(1_795_170_120, 0).expect("a moment of 2026")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E8.11.
    #[test]
    fn a_quotation_has_200_lines_at_most() {
        let text = |n: usize| (0..n).map(|n| format!("line {n}\n")).collect::<String>();
        let whole = Quoted::of("Ann", sample_time(), &text(200));
        assert_eq!((whole.text.lines().count(), whole.cut), (200, false));
        let long = Quoted::of("Ann", sample_time(), &text(201));
        assert_eq!((long.text.lines().count(), long.cut), (200, true));
        assert!(long.text.ends_with("line 199"));
    }

    #[test]
    fn an_excerpt_ends_with_a_line() {
        assert_eq!(excerpt("  \n "), None);
        assert_eq!(excerpt(" a\nb ").as_deref(), Some("a\nb"));
        let long = excerpt(&"äöü äöü äöü\n".repeat(400)).unwrap();
        assert!(long.ends_with("äöü\n[...]") && long.chars().count() <= 2010);
        assert!(excerpt(&"ä".repeat(5000)).unwrap().chars().count() <= 2010);
    }

    /// E12.8.
    #[test]
    fn html_of_the_composer_is_cleaned() {
        assert_eq!(
            Reply::safe_html("<p onclick=x>a<script>b</script><img src=\"cid:logo\"><img src=\"javascript:x\"></p>"),
            "<p style=\"margin:0 0 16px\">a<img src=\"cid:logo\"><img></p>"
        );
    }

    #[test]
    fn contents_come_back_from_json() {
        for content in Content::samples() {
            let json = serde_json::to_string(&content).unwrap();
            assert_eq!(serde_json::from_str::<Content>(&json).unwrap(), content);
        }
    }
}
