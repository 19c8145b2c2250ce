//! The grammar of searches, the same in the search page, saved views and the API.
//!
//! `refund "not yet"` finds both, the second one as it stands; `invoic*` finds beginnings; `-spam` leaves out; and
//! `from: to: subject:` look in one place, `status: priority: assigned: requester: tag: tenant: category: in: has: is:
//! before: after: since: until:` choose among tickets: `before:` and `after:` by when messages were written, `since:` and
//! `until:` by when the ticket was made. A word with a colon that is none of these is a word.

use crate::clock::Time;
use crate::text_enum;
use crate::tickets::{Folder, Priority, Status};
use chrono::{Duration, NaiveDate, TimeZone, Utc};
use std::fmt;

text_enum! {
    /// Where words are looked for.
    pub enum Place ("place") {
        /// Who wrote.
        From = "from",
        /// Whom it was sent to.
        To = "to",
        /// The ticket's subject.
        Subject = "subject",
    }
}

/// Words to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// As they were written; one or several words that stand one after the other.
    pub text: String,
    /// Whether the last one is only a beginning.
    pub prefix: bool,
    /// Whether they must not be there.
    pub negated: bool,
    /// Where; None: anywhere.
    pub place: Option<Place>,
}

/// Who is responsible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// Who asks.
    Me,
    /// Nobody.
    Nobody,
    /// Somebody, by address.
    Somebody(String),
}

/// A condition on tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One of these statuses.
    Status(Vec<Status>),
    /// Neither solved nor closed (true), or either (false).
    Open(bool),
    /// One of these priorities.
    Priority(Vec<Priority>),
    /// Who is responsible.
    Assigned(Assigned),
    /// With this tag.
    Tag(String),
    /// Of this tenant, by slug.
    Tenant(String),
    /// In this category, by slug.
    Category(String),
    /// A clock is in its last quarter, or late.
    AtRisk,
    /// In this folder; without one, the inbox is searched.
    In(Folder),
    /// With a file.
    HasAttachment,
    /// Written before.
    Before(Time),
    /// Written at or after.
    After(Time),
    /// The ticket was made at or after.
    Since(Time),
    /// The ticket was made before.
    Until(Time),
    /// Whose problem it is, by address.
    Requester(String),
    /// Somebody else wrote since the reader looked.
    Unread,
    /// It is put off (true), or not (false).
    Snoozed(bool),
}

/// A search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What must be found, and what must not.
    pub words: Vec<Words>,
    /// Which tickets; all must hold.
    pub conditions: Vec<Condition>,
}

/// A word that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word}: {why}")]
pub struct Wrong {
    /// The word.
    pub word: String,
    /// What is wrong with it.
    pub why: String,
}

impl Query {
    /// Reads a search. Never fails on words; a known operator with a value that it cannot have is wrong.
    ///
    /// # Errors
    /// The first word that cannot be understood.
    pub fn parse(text: &str) -> Result<Query, Wrong> {
        let mut query = Query::default();
        for item in items(text) {
            query.take(item)?;
        }
        Ok(query)
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.conditions.is_empty()
    }

    /// Reads a search of which nothing can be wrong: what [`Query::parse`] would refuse is words.
    pub fn lenient(text: &str) -> Query {
        Query::parse(text).unwrap_or_else(|_| {
            let words = Words { text: text.replace('"', " "), prefix: false, negated: false, place: None };
            let words = text.split_whitespace().map(|word| Words { text: word.replace('"', " "), ..words.clone() });
            let has_words = |w: &Words| !super::tokens::wanted(&w.text).is_empty();
            Query { words: words.filter(has_words).collect(), conditions: Vec::new() }
        })
    }

    /// Returns the folder that is searched, if the search names one.
    pub fn folder(&self) -> Option<Folder> {
        self.conditions.iter().find_map(|c| match c {
            Condition::In(folder) => Some(*folder),
            _ => None,
        })
    }

    /// Whether it says something about tickets that are put off.
    pub fn names_snoozed(&self) -> bool {
        self.conditions.iter().any(|c| matches!(c, Condition::Snoozed(_)))
    }

    /// Returns the words as one text, if nothing but that they be there is said about them.
    pub fn plain_text(&self) -> Option<String> {
        let plain = |w: &Words| !w.negated && w.place.is_none();
        let text = || self.words.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
        (!self.words.is_empty() && self.words.iter().all(plain)).then(text)
    }

    fn take(&mut self, item: Item) -> Result<(), Wrong> {
        let value = || if item.quoted { item.value.clone() } else { item.value.to_lowercase() };
        let wrong = |why: &str| Wrong { word: item.to_string(), why: why.to_owned() };
        let Some(operator) = item.operator.as_deref() else {
            self.words.extend(item.words(None));
            return Ok(());
        };
        let condition = match operator {
            "from" | "to" | "subject" => {
                let place = operator.parse().map_err(|_| wrong("is no place"))?;
                self.words.extend(item.words(Some(place)));
                return Ok(());
            }
            _ if item.negated => return Err(wrong("only words can be left out")),
            "status" => match value().as_str() {
                "open" => Condition::Open(true),
                "done" => Condition::Open(false),
                list => Condition::Status(parsed(list).ok_or_else(|| wrong("is no status"))?),
            },
            "priority" => Condition::Priority(parsed(&value()).ok_or_else(|| wrong("is no priority"))?),
            "assigned" => Condition::Assigned(match value().as_str() {
                "me" => Assigned::Me,
                "nobody" | "none" | "unassigned" => Assigned::Nobody,
                address if address.contains('@') => Assigned::Somebody(address.to_owned()),
                _ => return Err(wrong("expected me, nobody or an address")),
            }),
            "tag" => Condition::Tag(value()),
            "tenant" => Condition::Tenant(value()),
            "category" => Condition::Category(value()),
            "in" => Condition::In(value().parse().map_err(|_| wrong("expected inbox, spam or trash"))?),
            "has" if matches!(value().as_str(), "attachment" | "attachments" | "file") => Condition::HasAttachment,
            "has" => return Err(wrong("expected attachment")),
            "is" => match value().as_str() {
                "open" => Condition::Open(true),
                "done" => Condition::Open(false),
                "unassigned" => Condition::Assigned(Assigned::Nobody),
                "at_risk" => Condition::AtRisk,
                "unread" => Condition::Unread,
                "snoozed" => Condition::Snoozed(true),
                "awake" => Condition::Snoozed(false),
                one => Condition::Status(parsed(one).ok_or_else(|| {
                    wrong("expected open, done, unassigned, at_risk, unread, snoozed, awake or a status")
                })?),
            },
            "before" => Condition::Before(time(&value()).ok_or_else(|| wrong(DATE))?),
            "after" => Condition::After(time(&value()).ok_or_else(|| wrong(DATE))?),
            "since" => Condition::Since(time(&value()).ok_or_else(|| wrong(DATE))?),
            "until" => Condition::Until(time(&value()).ok_or_else(|| wrong(DATE))?),
            "requester" => Condition::Requester(value().to_lowercase()),
            _ => unreachable!("items() names these operators alone"),
        };
        self.conditions.push(condition);
        Ok(())
    }
}

const DATE: &str = "expected a date such as 2026-11-30, 2026-11 or 2026, or 7d for seven days ago";
const OPERATORS: [&str; 17] = [
    "from",
    "to",
    "subject",
    "status",
    "priority",
    "assigned",
    "requester",
    "tag",
    "tenant",
    "category",
    "in",
    "has",
    "is",
    "before",
    "after",
    "since",
    "until",
];

fn is_operator(word: &str) -> bool {
    OPERATORS.contains(&word)
}

/// A list of enum values, comma separated.
fn parsed<T: std::str::FromStr>(list: &str) -> Option<Vec<T>> {
    list.split(',').map(|v| v.trim().parse().ok()).collect()
}

/// The beginning of a day, month or year in UTC, or so many days ago, counted from the beginning of today.
fn time(text: &str) -> Option<Time> {
    let day = |date: NaiveDate| Some(Utc.from_utc_datetime(&date.and_hms_opt(0, 0, 0)?));
    if let Some(days) = text.strip_suffix('d').and_then(|n| n.parse::<u16>().ok()) {
        return day(crate::clock::now().date_naive() - Duration::days(days.into()));
    }
    let mut parts = text.split('-');
    let year = parts.next()?.parse().ok().filter(|y| (1970..=9999).contains(y))?;
    let month = parts.next().map_or(Some(1), |m| m.parse().ok())?;
    let of_month = parts.next().map_or(Some(1), |d| d.parse().ok())?;
    if parts.next().is_some() {
        return None;
    }
    day(NaiveDate::from_ymd_opt(year, month, of_month)?)
}

/// One item as it stands: `-subject:"not yet"*`.
struct Item {
    negated: bool,
    operator: Option<String>,
    value: String,
    quoted: bool,
    prefix: bool,
}

impl Item {
    fn words(&self, place: Option<Place>) -> Option<Words> {
        let has_words = !super::tokens::wanted(&self.value).is_empty();
        let words = || Words { text: self.value.clone(), prefix: self.prefix, negated: self.negated, place };
        has_words.then(words)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = self.operator.as_deref().unwrap_or_default();
        write!(f, "{}{operator}:{}", if self.negated { "-" } else { "" }, self.value)
    }
}

fn items(text: &str) -> Vec<Item> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (item, left) = item(rest);
        found.extend(item);
        rest = left.trim_start();
    }
    found
}

/// Reads one item off the front; None where nothing but signs stands.
fn item(text: &str) -> (Option<Item>, &str) {
    let bare = text.strip_prefix('-').unwrap_or(text);
    let negated = bare.len() < text.len();
    let word_end = |t: &str| t.find(char::is_whitespace).unwrap_or(t.len());
    let head = &bare[..bare.find([':', '"']).unwrap_or(bare.len()).min(word_end(bare))];
    let name = head.to_ascii_lowercase();
    let (operator, value) = match bare[head.len()..].strip_prefix(':') {
        Some(value) if is_operator(&name) && !value.starts_with(char::is_whitespace) && !value.is_empty() => {
            (Some(name), value)
        }
        _ => (None, bare),
    };
    if let Some(quoted) = value.strip_prefix('"') {
        // A quote that is never closed reaches to the end.
        let (inner, after) = quoted.split_once('"').unwrap_or((quoted, ""));
        let left = after.strip_prefix('*').unwrap_or(after);
        let prefix = left.len() < after.len();
        let item = Item { negated, operator, value: inner.trim().to_owned(), quoted: true, prefix };
        return ((!item.value.is_empty()).then_some(item), left);
    }
    let (word, left) = value.split_at(word_end(value));
    let bare = word.trim_end_matches('*');
    let prefix = bare.len() < word.len();
    let value = bare.replace('"', " ").trim().to_owned();
    let item = Item { negated, operator, value, quoted: false, prefix };
    ((!item.value.is_empty()).then_some(item), left)
}

impl fmt::Display for Query {
    /// Writes the search so that reading it again gives the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words.iter().map(ToString::to_string);
        let conditions = self.conditions.iter().map(ToString::to_string);
        f.write_str(&words.chain(conditions).collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.map(|p| format!("{p}:")).unwrap_or_default();
        let (sign, star) = (if self.negated { "-" } else { "" }, if self.prefix { "*" } else { "" });
        write!(f, "{sign}{place}\"{}\"{star}", self.text.replace('"', " "))
    }
}

fn joined<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Status(list) => write!(f, "status:{}", joined(list)),
            Condition::Open(open) => write!(f, "is:{}", if *open { "open" } else { "done" }),
            Condition::Priority(list) => write!(f, "priority:{}", joined(list)),
            Condition::Assigned(Assigned::Me) => f.write_str("assigned:me"),
            Condition::Assigned(Assigned::Nobody) => f.write_str("assigned:nobody"),
            Condition::Assigned(Assigned::Somebody(address)) => write!(f, "assigned:{address}"),
            Condition::Tag(tag) => write!(f, "tag:\"{tag}\""),
            Condition::Tenant(slug) => write!(f, "tenant:\"{slug}\""),
            Condition::Category(slug) => write!(f, "category:\"{slug}\""),
            Condition::AtRisk => f.write_str("is:at_risk"),
            Condition::In(folder) => write!(f, "in:{folder}"),
            Condition::HasAttachment => f.write_str("has:attachment"),
            Condition::Before(at) => write!(f, "before:{}", at.format("%Y-%m-%d")),
            Condition::After(at) => write!(f, "after:{}", at.format("%Y-%m-%d")),
            Condition::Since(at) => write!(f, "since:{}", at.format("%Y-%m-%d")),
            Condition::Until(at) => write!(f, "until:{}", at.format("%Y-%m-%d")),
            Condition::Requester(address) => write!(f, "requester:\"{address}\""),
            Condition::Unread => f.write_str("is:unread"),
            Condition::Snoozed(snoozed) => write!(f, "is:{}", if *snoozed { "snoozed" } else { "awake" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        Query::parse(text).map_or_else(|wrong| format!("! {wrong}"), |q| q.to_string())
    }

    #[test]
    fn searches_are_understood() {
        let cases = [
            ("refund", r#""refund""#),
            ("refund \"not  yet\" invoic* -spam", r#""refund" "not  yet" "invoic"* -"spam""#),
            (
                "from:ann@example.org subject:\"order 7\" to:sales",
                r#"from:"ann@example.org" subject:"order 7" to:"sales""#,
            ),
            ("-from:bob FROM:Ann", r#"-from:"bob" from:"Ann""#),
            (
                "status:open is:solved status:new,triaged is:at_risk",
                "is:open status:solved status:new,triaged is:at_risk",
            ),
            ("status:waiting priority:urgent,normal", "status:waiting_on_customer priority:urgent,medium"),
            (
                "assigned:me assigned:unassigned assigned:Ann@x.example",
                "assigned:me assigned:nobody assigned:ann@x.example",
            ),
            (
                "tag:VIP has:attachment in:spam tenant:ka category:billing",
                r#"tag:"vip" has:attachment in:spam tenant:"ka" category:"billing""#,
            ),
            ("after:2026-11 before:2027", "after:2026-11-01 before:2027-01-01"),
            ("since:2026-11 until:2027 is:unread", "since:2026-11-01 until:2027-01-01 is:unread"),
            ("requester:Ann@x.example", r#"requester:"ann@x.example""#),
            ("is:Snoozed is:awake", "is:snoozed is:awake"),
            ("error:timeout 10:30 a:\"b c\"", r#""error:timeout" "10:30" "a: b" "c""#),
            ("\"never closed", r#""never closed""#),
            ("- -- \" * …", ""),
            ("status:bogus", "! status:bogus: is no status"),
            ("-status:open", "! -status:open: only words can be left out"),
            ("assigned:ann", "! assigned:ann: expected me, nobody or an address"),
            (
                "before:soon",
                "! before:soon: expected a date such as 2026-11-30, 2026-11 or 2026, or 7d for seven days ago",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(shown(text).trim(), wanted.trim(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_the_same(text in "[a-zé東 :\"*,.@0-9-]{0,40}|((from|status|is|tag|before|since|requester|has|in|assigned):[a-z0-9,-]{0,8} ){0,4}") {
            if let Ok(query) = Query::parse(&text) {
                prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,60}") {
            let _ = Query::parse(&text);
        }
    }
}
