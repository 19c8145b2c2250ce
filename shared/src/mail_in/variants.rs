//! Variants: mails that bear one Message-ID and differ (E1.9). Senders choose ids, so an id alone proves nothing: by it
//! anyone could make a genuine mail look like a repetition, and devices use one id again and again. Both are kept and
//! linked, but for one case: a list's copy is the mail itself with some lines of the list below it, and makes no second
//! message.

use super::decide::Read;
use super::known::Known;
use super::types::Mail;
use super::{Error, keep, parse, sql};
use crate::address;
use crate::app::App;
use crate::blobs;
use crate::ids::MailId;
use crate::store::Exec;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// How many of a hundred lines must be equal.
const ENOUGH_PERCENT: usize = 95;
/// The longest footer that a list adds.
const MOST_FOOTER_LINES: usize = 12;
/// With how many a mail is compared beside the first: a device may have sent thousands.
const MOST_COMPARED: i64 = 8;

/// An earlier arrival with a mail's Message-ID.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The arrival.
    pub id: MailId,
    /// How alike the two are.
    pub likeness: Likeness,
}

/// How alike two mails are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likeness {
    /// Whether From, Date and the files are equal.
    pub same_frame: bool,
    /// How many lines of text both have.
    pub same_lines: usize,
    /// How many lines the longer one has.
    pub lines: usize,
}

impl Likeness {
    /// Nothing is known to be alike.
    const NONE: Likeness = Likeness { same_frame: false, same_lines: 0, lines: 0 };

    /// Compares two mails. Lines count without white space around and between words; empty ones do not count, and
    /// neither does what a list wrote below. Symmetric.
    pub fn of(one: &Mail, other: &Mail) -> Likeness {
        let author = |m: &Mail| m.from.as_ref().map(|f| address::key(&f.email));
        let files = |m: &Mail| {
            let mut all: Vec<_> = m.parts.iter().map(|p| Sha256::digest(&p.bytes)).collect();
            all.sort_unstable();
            all
        };
        let known = one.date.is_some() && author(one).is_some();
        let same_frame = known && one.date == other.date && author(one) == author(other) && files(one) == files(other);
        let (one, other) = (lines(one), lines(other));
        Likeness { same_frame, same_lines: in_both(&one, &other), lines: one.len().max(other.len()) }
    }

    /// Whether the second is the first one's copy.
    pub fn is_copy(self) -> bool {
        self.same_frame && self.lines > 0 && self.same_lines * 100 >= self.lines * ENOUGH_PERCENT
    }
}

/// The lines of a mail's text, those of a list's footer left out where a list carried it.
fn lines(mail: &Mail) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut all: Vec<String> = mail.body_text.lines().map(words).filter(|l| !l.is_empty()).collect();
    let listed = ["list-id", "list-post", "list-unsubscribe", "x-mailing-list", "x-beenthere"];
    if listed.iter().any(|h| mail.header(h).is_some()) {
        let nearest = all.len().saturating_sub(MOST_FOOTER_LINES + 1);
        if let Some(begins) = (nearest..all.len()).find(|at| *at > 0 && is_separator(&all[*at])) {
            all.truncate(begins);
        }
    }
    all
}

/// What lists draw above their footer: a line of one sign, five times or more, or the mark of a signature.
fn is_separator(line: &str) -> bool {
    let mut signs = line.chars();
    let Some(first) = signs.next().filter(|c| matches!(c, '_' | '-' | '=' | '*' | '~')) else { return false };
    line == "--" || line.len() >= 5 && signs.all(|c| c == first)
}

/// How many lines of one the other has too, each as often as both have it.
fn in_both(one: &[String], other: &[String]) -> usize {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for line in one {
        *left.entry(line).or_default() += 1;
    }
    let takes = |line: &&String| match left.get_mut(line.as_str()) {
        Some(n) if *n > 0 => {
            *n -= 1;
            true
        }
        _ => false,
    };
    other.iter().filter(takes).count()
}

impl Read {
    /// What variants share: the Message-ID, in the mailbox that keeps tickets of its own (E1.12). None: the mail has none.
    pub fn variant_key(&self) -> Option<String> {
        let id = self.mail.message_id.as_ref()?;
        match self.kept.mailbox_id.filter(|_| self.kept.own_tickets) {
            Some(mailbox) => Some(format!("{id} {mailbox}")),
            None => Some(id.clone()),
        }
    }
}

/// Looks up and reads the variants of `mails`: the first mail of the Message-ID, and the newest ones. A mail that is the first
/// itself has none.
///
/// # Errors
/// If a store refuses.
pub async fn gather(app: &App, ex: &mut impl Exec, known: &mut Known, mails: &[&Read]) -> Result<(), Error> {
    let found = sql::find_variants(ex, mails).await?;
    for read in mails {
        let Some(row) = read.variant_key().and_then(|key| found.get(&(read.kept.tenant_id, key))) else { continue };
        known.variants_seen.insert(read.kept.id, row.newest_mail_id);
        if row.first_mail_id == read.kept.id || known.duplicate_of(read).is_some() {
            continue;
        }
        let newest = sql::newest_variants(ex, row.first_mail_id, MOST_COMPARED).await?;
        for id in std::iter::once(row.first_mail_id).chain(newest).filter(|id| *id != read.kept.id) {
            let likeness = match keep::load(app, id).await {
                Ok(kept) => Likeness::of(&read.mail, &parse::parse_guarded(kept.raw[..].into()).await),
                // Erased: nothing is like it.
                Err(Error::NotFound | Error::Blobs(blobs::Error::Missing { .. })) => Likeness::NONE,
                Err(e) => return Err(e),
            };
            let variant = Variant { id, likeness };
            known.variants.entry(read.kept.id).or_default().push(variant);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "From: Ada <ada@b.example>\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-ID: <1@b.example>\n";

    fn likeness(one: &str, other: &str) -> Likeness {
        Likeness::of(&parse::parse(one.as_bytes()), &parse::parse(other.as_bytes()))
    }

    fn numbered(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("line {i}")).collect()
    }

    fn mail(lines: &[String]) -> String {
        format!("{HEAD}\n{}\n", lines.join("\n"))
    }

    /// E1.9: 95 of 100 lines, counted in the longer one.
    #[test]
    fn ninety_five_of_a_hundred_lines() {
        // Lines of the first, lines changed in the second, lines added to it, whether it is a copy.
        for (lines, changed, added, copy) in [
            (1, 0, 0, true),
            (1, 1, 0, false),
            (19, 0, 1, true),
            (18, 0, 1, false),
            (20, 1, 0, true),
            (20, 2, 0, false),
            (100, 5, 0, true),
            (100, 6, 0, false),
            (100, 0, 5, true),
            (100, 0, 6, false),
            (100, 4, 1, true),
            (100, 5, 1, false),
        ] {
            let first = numbered(lines);
            let mut second = first.clone();
            second[..changed].iter_mut().for_each(|l| l.push_str(" is another"));
            second.extend((0..added).map(|i| format!("added {i}")));
            let found = likeness(&mail(&first), &mail(&second));
            assert_eq!(found.is_copy(), copy, "{lines} lines, {changed} changed, {added} added: {found:?}");
        }
        assert!(!likeness(HEAD, HEAD).is_copy(), "nothing in it proves nothing");
    }

    /// E1.9: author, date and files must be the same.
    #[test]
    fn the_frame_counts() {
        let text = "\nThe same words.\n";
        let ours = format!("{HEAD}{text}");
        for other in [
            ours.replace("ada@", "eve@"),
            ours.replace("10:00:00", "10:00:01"),
            ours.replace("Date:", "X-Date:"),
            ours.replace("\n\nThe", "\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nThe")
                + "--b\nContent-Disposition: attachment; filename=a.txt\n\nfile\n--b--\n",
        ] {
            let found = likeness(&ours, &other);
            assert!(!found.same_frame && found.same_lines == 1, "{other}: {found:?}");
        }
        assert!(likeness(&ours, &ours.replace("From: Ada", "Subject: [list] x\nFrom: \"ADA\"")).is_copy());
    }

    /// E1.9: what a list writes below is the list's.
    #[test]
    fn a_lists_footer_does_not_count() {
        let ours = format!("{HEAD}\nShort.\n");
        let footer = "_______________________________________________\nUsers mailing list\nusers@lists.b.example\n";
        let listed = format!("List-Id: <users.lists.b.example>\n{HEAD}\nShort.\n{footer}");
        assert!(likeness(&ours, &listed).is_copy());
        assert!(likeness(&listed, &ours).is_copy());
        // Nobody's list: the lines are the mail's own.
        assert!(!likeness(&ours, &format!("{HEAD}\nShort.\n{footer}")).is_copy());
        // Too long for a footer: there is something to read in it.
        let long = numbered(40).join("\n");
        assert!(!likeness(&ours, &format!("List-Id: <u.b.example>\n{HEAD}\nShort.\n-----\n{long}\n")).is_copy());
    }

    proptest! {
        /// E1.9: the same from both sides, at most as many as there are, and never a copy that lacks more than a twentieth.
        #[test]
        fn likeness_is_symmetric(
            one in prop::collection::vec("[ab]{0,2}", 0..60),
            other in prop::collection::vec("[ab]{0,2}", 0..60),
        ) {
            let (a, b) = (mail(&one), mail(&other));
            let found = likeness(&a, &b);
            prop_assert_eq!(found, likeness(&b, &a));
            prop_assert!(found.same_lines <= found.lines);
            let counted = |all: &[String]| all.iter().filter(|l| !l.is_empty()).count();
            prop_assert_eq!(found.lines, counted(&one).max(counted(&other)));
            let missing = found.lines - found.same_lines;
            prop_assert_eq!(found.is_copy(), found.lines > 0 && missing * 20 <= found.lines);
        }
    }
}
