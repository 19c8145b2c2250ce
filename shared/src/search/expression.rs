//! A search's words as each database's own expression.

use super::document::{EVERY, NOTE, placed, tenant_mark};
use super::query::{Query, Words};
use super::tokens::wanted;
use crate::ids::TenantId;

/// Which documents may be found, beside the words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    /// One tenant's alone.
    pub tenant: Option<TenantId>,
    /// Notes too.
    pub notes: bool,
}

/// One phrase to find or not to find.
struct Phrase {
    words: Vec<String>,
    prefix: bool,
}

impl Phrase {
    fn new(words: &Words) -> Phrase {
        let in_place = |word: String| words.place.map_or(word.clone(), |place| placed(place, &word));
        Phrase {
            words: wanted(&words.text).into_iter().map(in_place).collect(),
            prefix: words.prefix || is_letter(words),
        }
    }

    fn mark(word: String) -> Phrase {
        Phrase { words: vec![word], prefix: false }
    }

    /// `"a b"*`.
    fn sqlite(&self) -> String {
        format!("\"{}\"{}", self.words.join(" "), if self.prefix { " *" } else { "" })
    }

    /// `('a' <-> 'b':*)`.
    fn postgres(&self) -> String {
        let quoted: Vec<String> = self.words.iter().map(|w| format!("'{w}'")).collect();
        format!("({}{})", quoted.join(" <-> "), if self.prefix { ":*" } else { "" })
    }
}

/// A single letter of a script without spaces is the beginning of its pairs.
fn is_letter(words: &Words) -> bool {
    let mut letters = words.text.trim().chars();
    let first = letters.next();
    first.is_some_and(|c| !c.is_ascii() && super::tokens::is_packed(c)) && letters.next().is_none()
}

/// Returns what FTS5's MATCH (`sqlite`) or a cast to tsquery takes.
pub(super) fn expression(query: &Query, within: Within, sqlite: bool) -> String {
    let mut wanted: Vec<Phrase> = within.tenant.map(|tenant| Phrase::mark(tenant_mark(tenant))).into_iter().collect();
    let mut unwanted: Vec<Phrase> = Vec::new();
    for words in &query.words {
        if words.negated { &mut unwanted } else { &mut wanted }.push(Phrase::new(words));
    }
    if wanted.is_empty() {
        wanted.push(Phrase::mark(EVERY.to_owned()));
    }
    if !within.notes {
        unwanted.push(Phrase::mark(NOTE.to_owned()));
    }
    let form = |p: &Phrase| if sqlite { p.sqlite() } else { p.postgres() };
    let all: Vec<String> = wanted.iter().map(form).collect();
    let none: Vec<String> = unwanted.iter().map(form).collect();
    if sqlite {
        none.iter().fold(format!("({})", all.join(" AND ")), |all, not| format!("({all} NOT {not})"))
    } else {
        all.into_iter().chain(none.into_iter().map(|not| format!("!{not}"))).collect::<Vec<_>>().join(" & ")
    }
}
