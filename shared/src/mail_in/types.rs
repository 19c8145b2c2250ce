//! What a mail was understood to be: data between the pipeline's stages, no I/O.
//!
//! All of it is a view over the raw bytes (E G3): nothing here is ever written back over them.

use crate::clock::Time;
use crate::text_enum;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A name and an address out of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The display name, decoded; None if there is none.
    pub name: Option<String>,
    /// The address as received (E2.14); compare by [`crate::address::key`].
    pub email: String,
}

/// A leaf of the MIME tree that is not the body (E2.7): a file, an inline image, an attached message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The safe name to show and store (E2.8), never empty.
    pub filename: String,
    /// The name as it was sent, if it differs.
    pub original_filename: Option<String>,
    /// The declared type, lower case, without parameters.
    pub content_type: String,
    /// The decoded bytes.
    pub bytes: Vec<u8>,
    /// Shown within the body rather than as a file of its own.
    pub inline: bool,
    /// The Content-ID without angle brackets.
    pub content_id: Option<String>,
    /// What it was unpacked from: the file's name (`winmail.dat`, `smime.p7m`), or `text` for a file written into the
    /// text (uuencode). None: it is a leaf of the MIME tree.
    pub unpacked_from: Option<String>,
}

/// A mail as it was understood. `parse` always gives one, in the worst case with the flag `degraded`.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// Message-ID, normalised as E1.11 says; None if absent, empty or blank.
    pub message_id: Option<String>,
    /// Ids of In-Reply-To, normalised, at most 10.
    pub in_reply_to: Vec<String>,
    /// Ids of References, normalised, the first 10 and the newest 90 (E4.2), in header order.
    pub references: Vec<String>,
    /// The Date header's instant.
    pub date: Option<Time>,
    /// The author (E2.4); None only if no header names one.
    pub from: Option<Address>,
    /// Reply-To, in header order.
    pub reply_to: Vec<Address>,
    /// To, in header order, further From addresses not included.
    pub to: Vec<Address>,
    /// Cc, and From addresses after the first (E2.4).
    pub cc: Vec<Address>,
    /// The decoded subject; empty if there is none.
    pub subject: String,
    /// The text body (derived from HTML if there is only HTML; then `flags` has `text_derived`).
    pub body_text: String,
    /// The HTML body as received, not sanitised; None if there is none.
    pub body_html: Option<String>,
    /// The new text of a reply (E7): a pure function of this mail.
    pub visible_text: String,
    /// All parts that are not the body, in order.
    pub parts: Vec<Part>,
    /// How many leaves of the MIME tree became the body: with the parts that were not unpacked they are all leaves.
    pub body_leaves: usize,
    /// Delivery reports found in it (E9.11, E9.12).
    pub bounces: Vec<Bounce>,
    /// The forwarded mail in it, if it is a forward (E6.2, E7.5).
    pub forward: Option<Forward>,
    /// All values of the headers that classification, authentication and matching look at: lower-case name,
    /// unfolded and decoded value, in header order, top-level headers only.
    pub headers: Vec<(String, String)>,
    /// The Message-ID of the mail that a report encloses or names, normalised.
    pub reported_message_id: Option<String>,
    /// `multipart/report`'s report-type, lower case.
    pub report_type: Option<String>,
    /// The types of all parts of the MIME tree, lower case, outside enclosed messages, in order.
    pub content_types: Vec<String>,
    /// Facts about reading it: `degraded`, `text_derived`, `no_date`, `no_from`, `limit:parts`, `guessed_charset`, ...
    pub flags: Vec<String>,
    /// MIME defects found (E2.13), short names.
    pub defects: Vec<String>,
}

impl Mail {
    /// Returns the first value of a header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Returns all values of a header by its lower-case name, in header order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// One recipient's line of a delivery report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounce {
    /// The address that the report is about.
    pub recipient: Option<String>,
    /// The Action field, lower case, or what the text says: failed, delayed, delivered, relayed, expanded.
    pub action: String,
    /// The enhanced status (RFC 3463), for example `5.1.1`.
    pub status: Option<String>,
    /// How it is to be taken.
    pub kind: BounceKind,
    /// The diagnostic text.
    pub diagnostic: Option<String>,
}

text_enum! {
    /// How a delivery report is to be taken (DESIGN 6, E9.12).
    pub enum BounceKind ("bounce kind") {
        /// The address will never work.
        Hard = "hard",
        /// Everything else that failed.
        Soft = "soft",
        /// Still being tried.
        Delayed = "delayed",
        /// A success report.
        Delivered = "delivered",
    }
}

/// A forwarded mail within a mail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Forward {
    /// The original author's address.
    pub from_email: Option<String>,
    /// The original author's name.
    pub from_name: Option<String>,
    /// The original subject.
    pub subject: Option<String>,
    /// The forwarded text.
    pub body: String,
    /// What the forwarder wrote above it.
    pub message: String,
    /// When the original was written, if it says so in a way that can be read.
    pub date: Option<Time>,
    /// The original's Message-ID, if the forward has it.
    pub message_id: Option<String>,
}

/// What the door knows about an arrival, beside the bytes (E1.2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    /// MAIL FROM: None = the door does not know, `Some("")` = the null path.
    pub envelope_from: Option<String>,
    /// RCPT TO, as received.
    pub envelope_to: Vec<String>,
    /// The sending host's address, if the door saw it.
    pub peer_ip: Option<IpAddr>,
    /// HELO's or EHLO's name.
    pub helo: Option<String>,
    /// What the door itself vouches for: a provider's signed fields (E11.2). None at all other doors.
    pub vouched: Option<super::authenticate::Vouched>,
    /// How the connection was encrypted, for example `TLSv1_3`; None: it was not, or the door does not know.
    #[serde(default)]
    pub tls: Option<String>,
    /// What the door knows about how the mail came to it, shown among the mail's flags: `reconstructed` (E10.4).
    pub flags: Vec<String>,
    /// When an imported mail was received elsewhere; None: it comes in now.
    pub dated: Option<Time>,
}

/// The flag of a mail that lay in a fetched account's folder of sent mail (E10.5).
pub const SENT_FOLDER: &str = "sent_folder";

impl Facts {
    /// Whether somebody of the desk sent the mail, and it was fetched from where their mail program put it (E10.5).
    pub fn is_sent(&self) -> bool {
        self.flags.iter().any(|f| f == SENT_FOLDER)
    }
}

text_enum! {
    /// What sort of mail it is (E5.1), from the mail's top-level headers and structure and its envelope alone.
    pub enum Class ("class") {
        /// Written by a human to us.
        Person = "person",
        /// Mail of ours that came back (E5.2).
        OwnLoop = "own_loop",
        /// A delivery report (E5.3).
        Dsn = "dsn",
        /// A read receipt (E5.4).
        Mdn = "mdn",
        /// An abuse report (E5.4).
        Arf = "arf",
        /// Out of office and the like (E5.5).
        AutoReply = "auto_reply",
        /// Alarms, forms, shops (E5.6).
        AutoGenerated = "auto_generated",
        /// Mailing lists and bulk mail (E5.8).
        ListBulk = "list_bulk",
    }
}

/// A mail's class and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Classified {
    /// The class.
    pub class: Class,
    /// The rule that fired, for example `E5.5`.
    pub rule: &'static str,
    /// The header or structure that it was seen from, for example `Auto-Submitted: auto-replied`.
    pub evidence: String,
    /// Further facts that follow from the mail alone: `auto_suspect`, `no_ack` (E5.7: suppress header present),
    /// `list_post`, ...
    pub flags: Vec<&'static str>,
}

text_enum! {
    /// Whether the sender is who the mail says (E11.3).
    pub enum Verdict ("verdict") {
        /// DMARC passes, or no policy and an aligned DKIM signature.
        Pass = "pass",
        /// Aligned SPF only, or ARC of a listed sealer.
        Weak = "weak",
        /// Not known.
        None = "none",
        /// DMARC fails, or every signature is broken.
        Fail = "fail",
    }
}

text_enum! {
    /// Whether a mail was taken for spam (E5.10): beside its class.
    pub enum Spam ("spam") {
        /// No.
        None = "none",
        /// It looks like it, but somebody who takes part sent it by a reply address: shown.
        Suspected = "suspected",
        /// Held for somebody to look at.
        Held = "held",
    }
}
