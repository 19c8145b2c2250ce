//! A message as the two databases index it: the same words at the same places, in the form that each one takes.
//!
//! Beside its words a document has marks, which no text can contain: its tenant, whether it is a note, and its words
//! of a place (`from:`), each with a sign of its own before it. All of it is one list of words.

use super::query::Place;
use super::tokens::tokens;
use crate::ids::TenantId;
use std::collections::HashMap;
use std::fmt::Write;

/// Stands in every document.
pub(super) const EVERY: &str = "\u{e000}";
/// Stands in documents that are notes.
pub(super) const NOTE: &str = "\u{e002}";
/// Stands where nothing is to be found: between texts, so that no phrase reaches over, and for words that the other
/// database does not note the place of.
const GAP: &str = "\u{e006}";

/// PostgreSQL notes places up to 16,383; what follows is not indexed by either.
const MOST_WORDS: usize = 16_000;
/// PostgreSQL notes so many places of one word.
const MOST_PLACES: usize = 255;

/// The mark of a tenant's documents.
pub(super) fn tenant_mark(tenant: TenantId) -> String {
    format!("\u{e001}{tenant}")
}

/// A word of a place.
pub(super) fn placed(place: Place, word: &str) -> String {
    let sign = match place {
        Place::From => '\u{e003}',
        Place::To => '\u{e004}',
        Place::Subject => '\u{e005}',
    };
    format!("{sign}{word}")
}

/// A document under construction.
pub(super) struct Document {
    words: Vec<String>,
    places: HashMap<String, usize>,
}

impl Document {
    /// Begins the document of a tenant's message.
    pub fn new(tenant: TenantId, is_note: bool) -> Document {
        let mut document = Document { words: Vec::new(), places: HashMap::new() };
        document.word(EVERY.to_owned());
        document.word(tenant_mark(tenant));
        if is_note {
            document.word(NOTE.to_owned());
        }
        document
    }

    /// Adds the words of a text that is found anywhere.
    pub fn text(&mut self, text: &str) {
        self.words.push(GAP.to_owned());
        for token in tokens(text) {
            self.word(token.text);
        }
    }

    /// Adds the words of a text that is found by its place too.
    pub fn placed(&mut self, place: Place, text: &str) {
        self.words.push(GAP.to_owned());
        for token in tokens(text) {
            self.word(placed(place, &token.text));
        }
        self.text(text);
    }

    fn word(&mut self, word: String) {
        if self.words.len() >= MOST_WORDS {
            return;
        }
        let seen = self.places.entry(word.clone()).or_default();
        *seen += 1;
        self.words.push(if *seen > MOST_PLACES { GAP.to_owned() } else { word });
    }

    /// As SQLite's index takes it: words with spaces between them.
    pub fn for_sqlite(&self) -> String {
        self.words.join(" ")
    }

    /// As a tsvector's text: each word with its places.
    pub fn for_postgres(&self) -> String {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut order = Vec::new();
        for (i, word) in self.words.iter().enumerate().filter(|(_, w)| *w != GAP) {
            let of_word = places.entry(word).or_default();
            if of_word.is_empty() {
                order.push(word.as_str());
            }
            of_word.push(i + 1);
        }
        let mut out = String::new();
        for word in order {
            let places: Vec<String> = places[word].iter().map(ToString::to_string).collect();
            // Words are letters, digits and marks: nothing in them needs to be quoted.
            let _ = write!(out, "'{word}':{} ", places.join(","));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_the_same_words_at_the_same_places() {
        let mut d = Document::new(TenantId(7), true);
        d.placed(Place::From, "Ann");
        d.text("one two one");
        let readable =
            |s: String| s.replace('\u{e000}', "every").replace('\u{e001}', "tenant").replace('\u{e002}', "note");
        let readable = |s| readable(s).replace('\u{e003}', "from-").replace(GAP, "|");
        assert_eq!(readable(d.for_sqlite()), "every tenant7 note | from-ann | ann | one two one");
        assert_eq!(
            readable(d.for_postgres()).trim(),
            "'every':1 'tenant7':2 'note':3 'from-ann':5 'ann':7 'one':9,11 'two':10"
        );
    }

    #[test]
    fn what_postgres_cannot_note_is_a_gap_in_both() {
        let mut d = Document::new(TenantId(1), false);
        d.text(&"again ".repeat(300));
        d.text(&"filler word ".repeat(20_000));
        assert_eq!(d.for_sqlite().split(' ').filter(|w| *w == "again").count(), MOST_PLACES);
        assert!(d.words.len() <= MOST_WORDS + 2);
    }
}
