//! What a check found, as one line.

use std::fmt;

/// How many rows of a kind are named.
const NAMED: usize = 5;

/// A promise of DESIGN 11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// 1. A mail that was accepted has its bytes and its row.
    Kept = 1,
    /// 2. One mail makes one message.
    Once,
    /// 3. PIDs are gapless per tenant and month.
    Pids,
    /// 4. Each change has one event; events are gapless and chained.
    Timeline,
    /// 5. Each public agent message is an outgoing mail per participant, in one state, not stuck.
    Posted,
    /// 6. Every attachment's blob exists and hashes right.
    Attachments,
    /// 7. No row points across tenants.
    Walls,
    /// 8. What was received is never altered.
    Unaltered,
    /// 9. The queue can lose everything: what waits is written in its row.
    SelfReliant,
    /// 10. The views' counts are those of the tickets (DESIGN 12).
    Counts,
}

impl Invariant {
    /// Returns what holds if all is well.
    pub fn claim(self) -> &'static str {
        match self {
            Invariant::Kept => "every received mail has its bytes and was decided",
            Invariant::Once => "one mail made one message",
            Invariant::Pids => "PIDs are gapless per tenant and month",
            Invariant::Timeline => "every change has its event, and the hashes chain",
            Invariant::Posted => "every public reply has its outgoing mail, and none is stuck",
            Invariant::Attachments => "every attachment's file is there and whole",
            Invariant::Walls => "no row points across tenants",
            Invariant::Unaltered => "received mail is as it was received",
            Invariant::SelfReliant => "what waits to be sent needs no queue to be found",
            Invariant::Counts => "the views' counts are those of the tickets",
        }
    }
}

/// One thing that is wrong, with the rows it was seen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: &'static str,
    /// At how many rows.
    pub count: u64,
    /// The first five of them, as a person would name them.
    pub rows: Vec<String>,
}

/// What was found about one invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The invariant.
    pub invariant: Invariant,
    /// How many rows were looked at.
    pub looked_at: u64,
    /// What is wrong; empty: nothing.
    pub faults: Vec<Fault>,
    /// What was left out, if anything.
    pub left_out: Option<&'static str>,
}

impl Finding {
    pub(super) fn new(invariant: Invariant) -> Finding {
        Finding { invariant, looked_at: 0, faults: Vec::new(), left_out: None }
    }

    /// Whether the invariant holds.
    pub fn is_ok(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn looked(&mut self, rows: u64) {
        self.looked_at += rows;
    }

    pub(super) fn fault(&mut self, what: &'static str, row: impl Into<String>) {
        let at = match self.faults.iter().position(|f| f.what == what) {
            Some(at) => at,
            None => {
                self.faults.push(Fault { what, count: 0, rows: Vec::new() });
                self.faults.len() - 1
            }
        };
        let fault = &mut self.faults[at];
        fault.count += 1;
        if fault.rows.len() < NAMED {
            fault.rows.push(row.into());
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.invariant as u8;
        let word = if self.is_ok() { "ok   " } else { "WRONG" };
        write!(f, "{word} {number} {} ({} rows", self.invariant.claim(), self.looked_at)?;
        match self.left_out {
            Some(left_out) => write!(f, "; {left_out})")?,
            None => write!(f, ")")?,
        }
        for (i, fault) in self.faults.iter().enumerate() {
            let more = if fault.count > fault.rows.len() as u64 { ", …" } else { "" };
            let mark = if i == 0 { ": " } else { "; " };
            write!(f, "{mark}{} {} ({}{more})", fault.count, fault.what, fault.rows.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_names_five_rows() {
        let mut finding = Finding::new(Invariant::Pids);
        finding.looked(7);
        assert_eq!(finding.to_string(), "ok    3 PIDs are gapless per tenant and month (7 rows)");
        for n in 1..=7 {
            finding.fault("numbers are missing", format!("202611-000{n}"));
        }
        assert!(!finding.is_ok());
        assert_eq!(
            finding.to_string(),
            "WRONG 3 PIDs are gapless per tenant and month (7 rows): 7 numbers are missing \
             (202611-0001, 202611-0002, 202611-0003, 202611-0004, 202611-0005, …)"
        );
    }
}
