//! What the keyboard does: one list, from which the help sheet is drawn and by which the script acts (`keys.js`).
//!
//! Plain keys, never while something is typed, and only where the page has what the key is about.

use serde::Serialize;

/// Keys that belong together.
#[derive(Debug)]
struct Group {
    name: &'static str,
    keys: &'static [Key],
}

/// Words of keys for what only agents have.
const AGENTS: &[&str] = &[
    "go-mine",
    "go-unassigned",
    "go-at-risk",
    "go-mail",
    "note",
    "take-back",
    "solve",
    "status",
    "priority",
    "assign",
    "take",
    "merge",
    "select",
    "tag",
    "snooze",
    "go-snoozed",
];

/// The keys of a group that a reader has, under `keys-<name>`.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    name: &'static str,
    keys: Vec<&'static Key>,
}

/// Returns the keys for agents, or for customers.
pub fn shown(agent: bool) -> Vec<Shown> {
    let has = |key: &&Key| agent || !AGENTS.contains(&key.word);
    GROUPS.iter().map(|g| Shown { name: g.name, keys: g.keys.iter().filter(has).collect() }).collect()
}

/// One key.
#[derive(Debug, Serialize)]
pub struct Key {
    /// What is pressed, one after the other: `j`, `g m`, `C` with shift.
    pub press: &'static str,
    /// What it does, as `key-<word>`.
    pub word: &'static str,
    /// How: a verb of `keys.js`.
    pub act: &'static str,
    /// On what: a selector, the first that the page has.
    pub on: &'static str,
}

const fn key(press: &'static str, word: &'static str, act: &'static str, on: &'static str) -> Key {
    Key { press, word, act, on }
}

/// What `j` and `k` move over, where they do not lead from ticket to ticket.
const ITEMS: &str = ".row-link, .table td:first-child a, .near li a";

/// What they move over with shift.
const MESSAGES: &str = ".flow > .msg";

/// All keys.
static GROUPS: [Group; 3] = [
    Group {
        name: "everywhere",
        keys: &[
            key("/", "search", "focus", "#q"),
            key("C", "new", "click", "a[href='/dashboard/support/new']"),
            key("g m", "go-mine", "click", ".rail a[href$='view=mine']"),
            key("g u", "go-unassigned", "click", ".rail a[href$='view=unassigned']"),
            key("g o", "go-open", "click", ".rail a[href$='view=open']"),
            key("g w", "go-waiting", "click", ".rail a[href$='view=waiting']"),
            key("g s", "go-at-risk", "click", ".rail a[href$='view=at_risk']"),
            key("g h", "go-snoozed", "click", ".rail a[href$='view=snoozed']"),
            key("g a", "go-all", "click", ".rail a[href$='view=all']"),
            key("g e", "go-mail", "click", ".rail a[href='/dashboard/mail']"),
            key(".", "palette", "palette", "#palette"),
            key("?", "help", "open", "#keys"),
        ],
    },
    Group {
        name: "list",
        keys: &[
            key("j", "next", "next", ITEMS),
            key("k", "previous", "previous", ITEMS),
            key("o", "open", "follow", ITEMS),
            key("x", "select", "select", ".row"),
            key("J", "next-message", "next", MESSAGES),
            key("K", "previous-message", "previous", MESSAGES),
        ],
    },
    Group {
        name: "ticket",
        keys: &[
            key("u", "back", "back", "[data-back]"),
            key("r", "reply", "write", "#reply"),
            key("n", "note", "write", "#note"),
            key("m", "canned", "insert", "#note, #reply"),
            key("z", "take-back", "click", ".undo button, .take-back button"),
            key("e", "solve", "solve", "#status, #bulk-status"),
            key("s", "status", "choose", "#status, #bulk-status"),
            key("p", "priority", "choose", "#priority, #bulk-priority"),
            key("a", "assign", "choose", "#assigned_to, #bulk-assign"),
            key("l", "tag", "focus", "#tag, #bulk-tag"),
            key("h", "snooze", "unfold", "#snooze, #bulk-snooze"),
            key("M", "merge", "unfold", "#merge-into, #bulk-merge"),
            key("i", "take", "click", "form[action*='/take'] button"),
            key("c", "copy", "copy", "[data-copy-link]"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use shared::i18n::{self, Locale};
    use std::collections::BTreeSet;

    #[test]
    fn each_key_does_one_thing_and_has_words() {
        let keys: Vec<&Key> = GROUPS.iter().flat_map(|g| g.keys).collect();
        let presses: BTreeSet<_> = keys.iter().map(|k| k.press).collect();
        assert_eq!(presses.len(), keys.len());
        // A key that begins a longer one would never be seen alone.
        for key in &keys {
            assert!(!presses.iter().any(|p| p.starts_with(&format!("{} ", key.press))), "{}", key.press);
        }
        for &locale in Locale::ALL {
            for key in &keys {
                assert!(i18n::lookup(locale, &format!("key-{}", key.word), &[]).is_some(), "{}", key.word);
            }
        }
    }

    #[test]
    fn customers_have_no_keys_of_ours() {
        let words = |agent| shown(agent).iter().flat_map(|g| &g.keys).map(|k| k.word).collect::<BTreeSet<_>>();
        assert_eq!(words(true).difference(&words(false)).count(), AGENTS.len());
        assert!(words(false).contains("reply") && !words(false).contains("note"));
    }

    #[test]
    fn the_script_knows_every_verb() {
        let script = include_str!("../../assets/keys.js");
        for key in GROUPS.iter().flat_map(|g| g.keys) {
            assert!(script.contains(&format!("\n  {}(", key.act)), "{}", key.act);
        }
    }
}
