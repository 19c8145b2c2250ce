//! What of two values differs, as lines for people.

use super::Difference;
use serde_json::Value as Json;

impl Difference {
    /// Returns the lines that stand and the lines of today, without those at the beginning and at the end that are the
    /// same. A value that is no text is one line.
    pub fn lines(&self) -> (Vec<String>, Vec<String>) {
        let (stored, today) = (lines(&self.stored), lines(&self.today));
        let same = |(a, b): &(&String, &String)| a == b;
        let begin = stored.iter().zip(&today).take_while(same).count();
        let (a, b) = (&stored[begin..], &today[begin..]);
        let end = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
        (a[..a.len() - end].to_vec(), b[..b.len() - end].to_vec())
    }
}

fn lines(value: &Json) -> Vec<String> {
    match value {
        Json::Null => Vec::new(),
        Json::String(text) => text.lines().map(str::to_owned).collect(),
        Json::Array(all) => all.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// E14.3.
    #[test]
    fn only_the_lines_that_differ_are_shown() {
        let lines = |stored: Json, today: Json| {
            let (a, b) = Difference { field: "body", stored, today, proposed: false }.lines();
            (a.join("|"), b.join("|"))
        };
        let of = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(lines(json!("a\nb\nc"), json!("a\nx\ny\nc")), of("b", "x|y"));
        assert_eq!(lines(json!("a\na"), json!("a")), of("a", ""));
        assert_eq!(lines(json!(null), json!("new")), of("", "new"));
        assert_eq!(lines(json!(["one.pdf"]), json!(["one.pdf", "two.pdf"])), of("", "two.pdf"));
        assert_eq!(lines(json!(true), json!({"a": 1})), of("true", "{\"a\":1}"));
    }
}
