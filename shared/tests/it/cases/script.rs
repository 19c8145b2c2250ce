//! The stories' language: lines to steps.

/// One step, and the line it stands in.
pub struct Step {
    pub line: usize,
    pub does: Does,
}

pub enum Does {
    Mail { envelope: Vec<(String, String)>, lines: Vec<String> },
    Became(Vec<String>),
    Traced { text: String, is_there: bool },
    Act { verb: String, ticket: String, text: String },
    Check { ticket: String, wanted: Vec<(String, String)> },
}

/// A story.
pub struct Script {
    pub title: String,
    pub steps: Vec<Step>,
}

impl Script {
    pub fn read(text: &str) -> Script {
        let mut lines = text.lines().enumerate().map(|(i, l)| (i + 1, l)).peekable();
        let (_, title) = lines.next().expect("a first line");
        assert!(title.contains(": "), "the first line names rules, then says what is told");
        let mut steps = Vec::new();
        while let Some((line, text)) = lines.next() {
            let text = text.trim_end();
            let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
            let does = match word {
                "" | "#" => continue,
                "mail" => {
                    let mut raw = Vec::new();
                    while let Some((_, l)) = lines.next_if(|(_, l)| l.starts_with('|')) {
                        raw.push(l.strip_prefix("| ").or(l.strip_prefix('|')).unwrap_or_default().to_owned());
                    }
                    Does::Mail { envelope: pairs(rest), lines: raw }
                }
                "=" => Does::Became(rest.split(", ").map(str::to_owned).collect()),
                "?" | "!" => Does::Traced { text: rest.to_owned(), is_there: word == "?" },
                "check" => {
                    let (ticket, wanted) = rest.split_once(' ').expect("check WHICH key=value");
                    Does::Check { ticket: ticket.to_owned(), wanted: pairs(wanted) }
                }
                // Not about a ticket: all of the line is its value.
                "gateway" | "desk" | "probe" | "mailbox" | "settings" | "tenant" | "flood" | "release" => {
                    Does::Act { verb: word.to_owned(), ticket: rest.trim().to_owned(), text: String::new() }
                }
                verb => {
                    let (ticket, text) = rest.split_once([':', ' ']).unwrap_or((rest, ""));
                    Does::Act { verb: verb.to_owned(), ticket: ticket.to_owned(), text: text.trim().to_owned() }
                }
            };
            steps.push(Step { line, does });
        }
        Script { title: title.to_owned(), steps }
    }
}

/// `a=b c="d e"`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a closing quote"),
            None => after.split_once(' ').unwrap_or((after, "")),
        };
        found.push((key.trim().to_owned(), value.to_owned()));
        rest = left.trim();
    }
    found
}
