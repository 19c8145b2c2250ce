//! Finding words in texts as people read them, and putting a black bar in their place. Pure.

use crate::tickets::{Error, Result};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// Stands where something was; always as long, so that it does not tell how long that was.
pub(super) const BAR: &str = "█████";
/// The fewest letters of a passage: a shorter one stands everywhere.
const FEWEST: usize = 3;
/// The most letters of a passage.
const MOST: usize = 2_000;
/// The most passages at a time.
const MOST_PASSAGES: usize = 20;

/// Passages to find, whatever their case, and whatever lies between their words: line breaks, and the signs of a quote.
pub(super) struct Words(Regex);

impl Words {
    /// Returns what finds the passages; None if there is none.
    ///
    /// # Errors
    /// `Invalid` if one is too short or too long, or there are too many.
    pub fn new(passages: &[String]) -> Result<Option<Words>> {
        let wrong = |code, message: String| Err(Error::invalid("words", code, message));
        let mut found: Vec<String> = Vec::new();
        for passage in passages.iter().filter(|p| !p.trim().is_empty()) {
            let letters = passage.chars().filter(|c| !c.is_whitespace()).count();
            match letters {
                ..FEWEST => return wrong("too_short", format!("at least {FEWEST} letters each")),
                MOST.. => return wrong("too_long", format!("at most {MOST} letters each")),
                _ => found.push(pattern(passage)),
            }
        }
        if found.is_empty() {
            return Ok(None);
        }
        if found.len() > MOST_PASSAGES {
            return wrong("too_many", format!("at most {MOST_PASSAGES} at a time"));
        }
        // The longest first: of two that begin alike the whole goes.
        found.sort_by_key(|p| std::cmp::Reverse(p.len()));
        match RegexBuilder::new(&found.join("|")).case_insensitive(true).build() {
            Ok(regex) => Ok(Some(Words(regex))),
            Err(_) => wrong("too_long", "too long together".to_owned()),
        }
    }

    /// Whether a text says them.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Whether HTML says them to who reads it.
    pub fn is_in_html(&self, html: &str) -> bool {
        self.is_in(html) || self.is_in(&ammonia::Builder::empty().clean(html).to_string())
    }

    /// Returns a text without them; None if it does not say them.
    pub fn cut(&self, text: &str) -> Option<String> {
        self.is_in(text).then(|| self.0.replace_all(text, BAR).into_owned())
    }

    /// Returns JSON without them in any of its strings; None if none says them. A string of HTML whose marks divide them goes
    /// whole.
    pub fn cut_json(&self, json: &str) -> Option<String> {
        let mut value: Value = serde_json::from_str(json).ok()?;
        self.cut_value(&mut value).then(|| value.to_string())
    }

    fn cut_all<'v>(&self, all: impl Iterator<Item = &'v mut Value>) -> bool {
        let mut any = false;
        for one in all {
            any |= self.cut_value(one);
        }
        any
    }

    fn cut_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => {
                let marked = text.contains('<');
                if !(self.is_in(text) || marked && self.is_in_html(text)) {
                    return false;
                }
                let cut = self.0.replace_all(text, BAR).into_owned();
                *text = if marked && self.is_in_html(&cut) { BAR.to_owned() } else { cut };
                true
            }
            Value::Array(all) => self.cut_all(all.iter_mut()),
            Value::Object(all) => self.cut_all(all.values_mut()),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

/// A passage as it may be written: in plain text, or escaped for HTML.
fn pattern(passage: &str) -> String {
    let word = |word: &str| {
        let (plain, escaped) = (regex::escape(word), regex::escape(&handlebars::html_escape(word)));
        if plain == escaped { plain } else { format!("(?:{plain}|{escaped})") }
    };
    passage.split_whitespace().map(word).collect::<Vec<_>>().join(r"[\s>]+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(passages: &[&str]) -> Words {
        let passages: Vec<String> = passages.iter().map(|p| (*p).to_owned()).collect();
        Words::new(&passages).expect("they are fine").expect("there are some")
    }

    #[test]
    fn words_are_found_however_they_are_written() {
        let w = words(&["hunter2 secret", "a.b"]);
        for text in ["Hunter2 secret", "x hunter2\n> secret y", "HUNTER2  SECRET"] {
            assert!(w.cut(text).expect("it is there").contains(BAR), "{text}");
        }
        assert_eq!(w.cut("hunter2secret aXb"), None, "no sign stands for others");
        assert_eq!(w.cut("say hunter2 secret!").as_deref(), Some("say █████!"));
        assert!(words(&["a & b <c>"]).is_in_html("<p>A &amp; B &lt;c&gt;</p>"));
        assert!(words(&["my password"]).is_in_html("<p>my <b>pass</b>word</p>"));
    }

    #[test]
    fn of_two_passages_the_longer_goes_whole() {
        assert_eq!(words(&["1234", "1234 5678"]).cut("card 1234 5678").as_deref(), Some("card █████"));
    }

    #[test]
    fn json_loses_them_in_every_string() {
        let w = words(&["secret"]);
        let json = r#"{"a":["a secret",{"b":"<p>se<b>cret</b></p>"}],"secret":1,"c":"fine"}"#;
        assert_eq!(w.cut_json(json).as_deref(), Some(r#"{"a":["a █████",{"b":"█████"}],"c":"fine","secret":1}"#));
        assert_eq!(w.cut_json(r#"{"a":"fine"}"#), None);
        assert_eq!(w.cut_json("no json"), None);
    }

    #[test]
    fn what_stands_everywhere_is_refused() {
        let code = |p: &[String]| match Words::new(p) {
            Err(Error::Invalid { code, .. }) => code,
            _ => "",
        };
        assert_eq!(code(&["e e".to_owned()]), "too_short");
        assert_eq!(code(&["x".repeat(MOST)]), "too_long");
        assert_eq!(code(&vec!["abc".to_owned(); MOST_PASSAGES + 1]), "too_many");
        assert!(Words::new(&[" ".to_owned()]).expect("nothing is fine").is_none());
    }
}
