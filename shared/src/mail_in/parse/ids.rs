//! Message ids, normalised as E1.11 and E4.2 say.

use sha2::{Digest, Sha256};

/// Most ids kept of the front and of the end of a list (E4.2).
const FIRST: usize = 10;
const NEWEST: usize = 90;
/// The longest id that is kept as it is.
const LONGEST: usize = 998;

/// Reads a list of ids: the `<…>` groups, or, without any, what white space and commas separate. Doubles are
/// dropped; the first 10 and the newest 90 are kept.
pub fn list(value: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut add = |id: Option<String>, ids: &mut Vec<String>| {
        if let Some(id) = id
            && seen.insert(id.clone())
        {
            ids.push(id);
        }
    };
    if value.contains('<') {
        let mut rest = value;
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            let end = rest.find(['>', '<']).unwrap_or(rest.len());
            add(normalise(&rest[..end]), &mut ids);
            rest = &rest[end..];
        }
    } else {
        for word in value.split(|c: char| c.is_whitespace() || c == ',') {
            add(normalise(word), &mut ids);
        }
    }
    if ids.len() > FIRST + NEWEST {
        ids.drain(FIRST..ids.len() - NEWEST);
    }
    ids
}

/// Returns one id without brackets, comments and blanks, its domain in lower case; None if nothing is left.
/// An id without `@` stays as it is.
pub fn normalise(id: &str) -> Option<String> {
    let id = match (id.find('<'), id.rfind('>')) {
        (Some(from), Some(to)) if from < to => &id[from + 1..to],
        _ => id,
    };
    let mut id: String =
        id.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>')).collect();
    if let Some(at) = id.rfind('@') {
        let domain = id[at..].to_lowercase();
        id.replace_range(at.., &domain);
    }
    if id.len() > LONGEST {
        // E1.6: no header line can carry it (RFC 5322 2.1.1), and no index of a database.
        id = format!("long.{}", data_encoding::HEXLOWER.encode(&Sha256::digest(&id)));
    }
    let blank = id.trim_matches(|c| matches!(c, '"' | '\'' | '@' | '.')).is_empty();
    (!blank).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E1.6: what no database can index is told apart by its digest.
    #[test]
    fn endless_ids_stay_apart() {
        let (one, other) =
            (format!("<{}1@b.example>", "x".repeat(60_000)), format!("<{}2@b.example>", "x".repeat(60_000)));
        let (one, other) = (normalise(&one).unwrap(), normalise(&other).unwrap());
        assert!(one != other && one.len() < 100, "{one}");
        assert_eq!(normalise(&"x".repeat(998)).unwrap().len(), 998);
    }

    /// E1.11.
    #[test]
    fn normalised() {
        assert_eq!(normalise(" <AbC@Mail.Example> (x)").as_deref(), Some("AbC@mail.example"));
        assert_eq!(normalise("abc").as_deref(), Some("abc"));
        for none in ["", "<>", " < > ", "<@>"] {
            assert_eq!(normalise(none), None, "{none:?}");
        }
    }

    /// E4.2.
    #[test]
    fn lists() {
        assert_eq!(list("<a@x>\r\n <b@x><a@x>, <c@x>"), ["a@x", "b@x", "c@x"]);
        assert_eq!(list("a@x, b@x c@x"), ["a@x", "b@x", "c@x"]);
        assert_eq!(list("<>"), Vec::<String>::new());
        let many: String = (0..300).map(|n| format!("<{n}@x>,")).collect();
        let kept = list(&many);
        assert_eq!(
            (kept.len(), kept[0].as_str(), kept[9].as_str(), kept[10].as_str(), kept[99].as_str()),
            (100, "0@x", "9@x", "210@x", "299@x")
        );
    }
}
