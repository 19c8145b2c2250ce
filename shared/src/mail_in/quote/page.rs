//! What a ticket's page folds beyond what one mail says of itself (E7.2, E7.8): it knows what the ticket has already. The
//! API's `visible_text` never depends on this.

use super::{Reason, visible};
use std::collections::HashSet;

/// Fewest lines at a mail's end that count as a repetition: two are a farewell and a name.
const MIN_TAIL: usize = 3;
/// Hidden text with so many words that the ticket does not have is shown if it is nearly all of the mail (E7.2).
const MIN_NEW_WORDS: usize = 10;
/// Most bytes of one message that are remembered.
const MAX_BYTES: usize = 256 * 1024;

/// What the ticket said so far.
#[derive(Debug, Default)]
pub struct Said {
    lines: HashSet<String>,
    words: HashSet<String>,
}

impl Said {
    /// Adds a message's whole text.
    pub fn add(&mut self, body: &str) {
        let body = &body[..body.floor_char_boundary(MAX_BYTES)];
        self.lines.extend(body.lines().map(bare).filter(|l| !l.is_empty()));
        self.words.extend(words(body));
    }

    fn has_line(&self, line: &str) -> bool {
        self.lines.contains(&bare(line))
    }
}

/// Returns what of a message is shown: `trimmed` is what the mail alone says is new. `first`: it opened the ticket, so
/// that only its signature is folded.
pub fn shown(body: &str, html: Option<&str>, trimmed: &str, first: bool, said: &Said) -> String {
    let body = body.trim();
    if first {
        return without_signature(body, html);
    }
    let trimmed = trimmed.trim();
    if trimmed.is_empty() || hides_news(body, trimmed, said) {
        return body.to_owned();
    }
    without_repetition(trimmed, said).to_owned()
}

/// What a page folds of a message, below what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Quote or signature.
    pub reason: Reason,
    /// The text, without blank lines around it.
    pub text: String,
}

/// Returns what of `body` is not in `shown`, each signature apart from quotes, in order. Where what is shown is not the
/// body's beginning, all of the body is the fold: there it can be read in its own order.
pub fn folds(body: &str, html: Option<&str>, shown: &str) -> Vec<Fold> {
    let (body, shown) = (body.trim(), shown.trim());
    let fold = |reason: Reason, text: &str| {
        let text = text.trim_matches('\n').trim_end();
        (!text.trim().is_empty()).then(|| Fold { reason, text: text.to_owned() })
    };
    if body.len() <= shown.len() || shown.is_empty() {
        return Vec::new();
    }
    if !body.starts_with(shown) {
        return fold(Reason::Quote, body).into_iter().collect();
    }
    let mut folds: Vec<Option<Fold>> = Vec::new();
    let mut at = shown.len();
    let signatures = visible(body, html).hidden.into_iter().filter(|h| h.reason == Reason::Signature);
    for signature in signatures.filter(|h| h.start >= shown.len()) {
        folds.push(fold(Reason::Quote, &body[at..signature.start]));
        folds.push(fold(Reason::Signature, &body[signature.start..signature.end]));
        at = signature.end;
    }
    folds.push(fold(Reason::Quote, &body[at..]));
    folds.into_iter().flatten().collect()
}

fn without_signature(body: &str, html: Option<&str>) -> String {
    let mut hidden = visible(body, html).hidden;
    // A signature with a quote below it stands in what is shown; only one at the end is folded.
    match hidden.pop() {
        Some(last) if last.reason == Reason::Signature && body[last.end..].trim().is_empty() => {
            body[..last.start].trim_end().to_owned()
        }
        _ => body.to_owned(),
    }
}

/// E7.2: nearly all is hidden, and it is not what the ticket has.
fn hides_news(body: &str, trimmed: &str, said: &Said) -> bool {
    if trimmed.len() * 20 >= body.len() {
        return false;
    }
    let shown: HashSet<String> = words(trimmed).collect();
    let new: HashSet<String> = words(body).filter(|w| !said.words.contains(w) && !shown.contains(w)).collect();
    new.len() >= MIN_NEW_WORDS
}

/// E7.8: lines at the end that the ticket has already are quote, and so is the line that announces them.
fn without_repetition<'a>(text: &'a str, said: &Said) -> &'a str {
    let mut cut = text.len();
    let (mut repeated, mut end) = (0, text.len());
    for line in text.split_inclusive('\n').rev() {
        let start = end - line.len();
        if line.trim().is_empty() {
            end = start;
            continue;
        }
        if !said.has_line(line) {
            break;
        }
        repeated += 1;
        cut = start;
        end = start;
    }
    if repeated < MIN_TAIL {
        return text;
    }
    let mut kept = text[..cut].trim_end();
    // "Jane, Nov 2, 10:00:" in whatever form.
    let last = kept.rsplit('\n').next().unwrap_or_default();
    if last.trim_end().ends_with([':', '：']) && last.contains(|c: char| c.is_ascii_digit() || c == '@') {
        kept = kept[..kept.len() - last.len()].trim_end();
    }
    if kept.is_empty() { text } else { kept }
}

/// A line without quote marks and white space.
fn bare(line: &str) -> String {
    line.trim_start_matches(['>', ' ', '\t', '|']).chars().filter(|c| !c.is_whitespace()).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.chars().count() >= 4).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> Said {
        let mut said = Said::default();
        said.add(body);
        said
    }

    const OLD: &str =
        "Dear Ada,\nplease restart the device and tell us the number.\nIt stands below the lid.\nKind regards\n";

    /// E7.8: an unknown client's quote is known by its lines.
    #[test]
    fn what_the_ticket_has_is_quote() {
        let mail = "It is 42.\n\n[Support] 2 Nov 10:00:\nDear Ada,\n please restart the device and tell us the number.\n\nIt stands below the lid.\nKind regards";
        assert_eq!(shown(mail, None, mail, false, &said(OLD)), "It is 42.");
        // A farewell is no quote, nor is an answer between.
        let mail = "It is 42.\nKind regards";
        assert_eq!(shown(mail, None, mail, false, &said(OLD)), mail);
        let mail = "Dear Ada,\nplease restart the device and tell us the number.\nIt stands below the lid.\nWhich lid?";
        assert_eq!(shown(mail, None, mail, false, &said(OLD)), mail);
        let mail = OLD.trim();
        assert_eq!(shown(mail, None, mail, false, &said(OLD)), mail);
    }

    /// E7.2: of a ticket's first message only the signature is folded.
    #[test]
    fn first_message() {
        let mail = "Please help.\n\nOn 2 Nov 2026 Jane <j@b.example> wrote:\n> old\n";
        assert_eq!(shown(mail, None, "Please help.", true, &Said::default()), mail.trim());
        assert_eq!(shown("Please help.\n-- \nAda\n", None, "Please help.", true, &Said::default()), "Please help.");
    }

    /// E7.3, E7.7: a signature folds apart from the quote below or above it, and nothing of the body is in neither.
    #[test]
    fn signatures_fold_apart() {
        let folded = |body: &str, shown: &str| -> Vec<(Reason, String)> {
            folds(body, None, shown).into_iter().map(|f| (f.reason, f.text)).collect()
        };
        let quote = "On 2 Nov 2026 Jane <j@b.example> wrote:\n> old\n> older";
        let sign = "-- \nAda Lovelace\nAnalytical Engines";
        assert_eq!(folded(&format!("Yes.\n{sign}\n"), "Yes."), [(Reason::Signature, sign.to_owned())]);
        assert_eq!(folded(&format!("Yes.\n\n{quote}\n"), "Yes."), [(Reason::Quote, quote.to_owned())]);
        assert_eq!(
            folded(&format!("Yes.\n\n{quote}\n\n{sign}\n"), "Yes."),
            [(Reason::Quote, quote.to_owned()), (Reason::Signature, sign.to_owned())]
        );
        let mail = format!("Yes.\n\n{quote}\n\nNo.\n");
        assert_eq!(folded(&mail, "Yes.\n\nNo."), [(Reason::Quote, mail.trim().to_owned())]);
        assert!(folded("Yes.\n", "Yes.").is_empty());
    }

    /// E7.2: hardly anything shown, and much that the ticket does not have: all is shown.
    #[test]
    fn news_are_never_folded() {
        let news = "> Meanwhile several entirely different customers reported similar problems yesterday evening around midnight\n".repeat(3);
        let mail = format!("See:\n\n{news}");
        assert_eq!(shown(&mail, None, "See:", false, &said(OLD)), mail.trim());
        let quote = OLD.lines().map(|l| format!("> {l}\n")).collect::<String>().repeat(2);
        let mail = format!("Ok\n\n{quote}");
        assert_eq!(shown(&mail, None, "Ok", false, &said(OLD)), "Ok");
    }
}
