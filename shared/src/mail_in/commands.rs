//! What an agent's mail tells the desk to do: lines at its very beginning that begin with `#` (E11.6). Pure.

use crate::tickets::Status;

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// What follows is internal.
    Note,
    /// The ticket gets this status.
    Status(Status),
    /// The agent takes it.
    Take,
}

/// Reads the leading lines: the commands, and the text that follows them. Blank lines between them are passed over; the
/// first line that is no command ends them, so that text like `#1 is broken` stays text.
pub fn read(text: &str) -> (Vec<Command>, &str) {
    let mut commands = Vec::new();
    let mut rest = text;
    let mut after = text;
    while let Some(line) = after.split_inclusive('\n').next() {
        after = &after[line.len()..];
        if line.trim().is_empty() {
            continue;
        }
        let Some(command) = command(line) else { break };
        commands.push(command);
        rest = after;
    }
    (commands, rest.trim())
}

/// Whether a text holds nothing of its author's own: it is empty, or all quote with at most the lines that introduce it.
/// Trimming shows such a mail whole (E7.2), yet nothing of it may go out (E11.6).
pub fn is_only_quote(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let is_quote = |l: &&str| l.starts_with('>');
    let introduces = |i: usize| lines[i].ends_with(':') && lines.get(i + 1).is_some_and(is_quote);
    (0..lines.len()).all(|i| is_quote(&lines[i]) || introduces(i))
}

fn command(line: &str) -> Option<Command> {
    let word = line.trim().strip_prefix('#')?.to_ascii_lowercase();
    Some(match word.as_str() {
        "note" => Command::Note,
        "close" | "closed" => Command::Status(Status::Closed),
        "solve" | "solved" | "resolve" | "resolved" => Command::Status(Status::Solved),
        "wait" | "waiting" | "pending" => Command::Status(Status::WaitingOnCustomer),
        "open" | "reopen" => Command::Status(Status::InProgress),
        "take" => Command::Take,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E11.6.
    #[test]
    fn commands_stand_in_leading_lines_only() {
        let closed = Command::Status(Status::Closed);
        assert_eq!(
            read("#note\r\n#Close \n\nAsk billing.\n#take"),
            (vec![Command::Note, closed], "Ask billing.\n#take")
        );
        assert_eq!(read("\n\n#close"), (vec![closed], ""));
        assert_eq!(read("Please see\n#close"), (vec![], "Please see\n#close"));
        assert_eq!(read("#1 is broken\n#close"), (vec![], "#1 is broken\n#close"));
        assert_eq!(read("#close the window"), (vec![], "#close the window"));
        assert_eq!(read(""), (vec![], ""));
    }

    /// E11.6.
    #[test]
    fn a_quote_alone_says_nothing() {
        assert!(is_only_quote(" \n") && is_only_quote("> a\n\n> b") && is_only_quote("On Monday Ada wrote:\n\n> a"));
        assert!(!is_only_quote("Yes:\nno") && !is_only_quote("> a\nYes.") && !is_only_quote("As I said: >"));
    }
}
