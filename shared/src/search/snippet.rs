//! The piece of a message that shows why it was found.

use super::query::Query;
use super::tokens::{Token, tokens, wanted};
use std::ops::Range;

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether it was looked for.
    #[serde(rename = "match")]
    pub is_match: bool,
}

/// Octets shown before and after the first word found.
const BEFORE: usize = 60;
const AFTER: usize = 160;

/// Returns about 220 octets of `text` around the first word that was looked for, in pieces, white space as one space.
pub fn snippet(text: &str, query: &Query) -> Vec<Piece> {
    let all = tokens(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    for words in query.words.iter().filter(|w| !w.negated && w.place.is_none_or(|p| p == super::query::Place::Subject))
    {
        found.extend(places(&all, &wanted(&words.text), words.prefix));
    }
    found.sort_by_key(|r| (r.start, r.end));
    let first = found.first().map_or(0, |r| r.start);
    let from = if first <= BEFORE { 0 } else { word_start(text, text.floor_char_boundary(first - BEFORE)) };
    let to = text.ceil_char_boundary((first + AFTER).min(text.len()));
    let mut pieces = Vec::new();
    let mut at = from;
    let add = |pieces: &mut Vec<Piece>, range: Range<usize>, is_match: bool| {
        let text = text.get(range).unwrap_or_default();
        if !text.is_empty() {
            pieces.push(Piece { text: one_line(text), is_match });
        }
    };
    for r in found {
        let (start, end) = (r.start.max(at), r.end.min(to));
        if start < end {
            add(&mut pieces, at..start, false);
            add(&mut pieces, start..end, true);
            at = end;
        }
    }
    add(&mut pieces, at..to.max(at), false);
    if from > 0 {
        pieces.insert(0, Piece { text: "…".to_owned(), is_match: false });
    }
    if to < text.trim_end().len() {
        pieces.push(Piece { text: "…".to_owned(), is_match: false });
    }
    pieces
}

/// Where a phrase stands.
fn places(all: &[Token], phrase: &[String], prefix: bool) -> Vec<Range<usize>> {
    if phrase.is_empty() {
        return Vec::new();
    }
    let fits = |have: &Token, want: &String, last: bool| {
        have.text == *want || (prefix && last && have.text.starts_with(want.as_str()))
    };
    let whole =
        |w: &&[Token]| w.iter().zip(phrase).enumerate().all(|(i, (h, want))| fits(h, want, i + 1 == phrase.len()));
    all.windows(phrase.len()).filter(whole).map(|w| w[0].at.start..w[w.len() - 1].at.end).collect()
}

fn word_start(text: &str, at: usize) -> usize {
    text[at..].find(char::is_whitespace).map_or(at, |n| text.ceil_char_boundary(at + n + 1))
}

fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_whitespace() {
            true if out.ends_with(' ') => {}
            true => out.push(' '),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, query: &str) -> String {
        let query = Query::parse(query).unwrap();
        snippet(text, &query)
            .iter()
            .map(|p| if p.is_match { format!("[{}]", p.text) } else { p.text.clone() })
            .collect()
    }

    #[test]
    fn what_was_looked_for_is_marked() {
        assert_eq!(shown("The Größe is\n wrong", "grosse wron*"), "The [Größe] is [wrong]");
        assert_eq!(shown("not yet, not now, yet", "\"not now\""), "not yet, [not now], yet");
        assert_eq!(shown("我要退款東京", "東京"), "我要退款[東京]");
        assert_eq!(shown("no word of it", "other"), "no word of it");
        assert_eq!(shown("spam here", "-spam here"), "spam [here]");
        let long = format!("{} needle {}", "hay ".repeat(100), "straw ".repeat(100));
        let short = shown(&long, "needle");
        assert!(
            short.starts_with("…hay") && short.contains("[needle]") && short.ends_with('…') && short.len() < 300,
            "{short}"
        );
    }

    proptest! {
        #[test]
        fn a_snippet_is_always_part_of_the_text(text in "\\PC{0,400}", word in "[a-z東]{1,3}") {
            let query = Query::parse(&word).unwrap();
            for piece in snippet(&text, &query) {
                prop_assert!(piece.text == "…" || one_line(&text).contains(piece.text.trim()), "{piece:?}");
            }
        }
    }
}
