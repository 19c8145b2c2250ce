//! What the sink does instead of accepting: rules that can be added and removed while it runs.

use std::time::Duration;

/// A point in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The banner.
    Connect,
    /// EHLO or HELO.
    Ehlo,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The first octets of the body.
    Body,
    /// The final dot.
    Dot,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
}

/// What to do at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Answer so: `450 4.2.0 later`, or several lines with CRLF between them. 421 closes the connection as well.
    Answer(String),
    /// Send exactly these octets as the answer.
    Raw(Vec<u8>),
    /// Never answer.
    Stall,
    /// Close the connection without an answer.
    Drop,
    /// Wait, then go on as usual.
    Slow(Duration),
    /// At the final dot: keep the mail, then close without an answer.
    KeepThenDrop,
    /// At the final dot: keep the mail, then never answer.
    KeepThenStall,
}

/// An act at a step, for all recipients or one, always or so many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    step: Step,
    act: Act,
    rcpt: Option<String>,
    left: Option<u32>,
}

impl Rule {
    /// Returns a rule that holds for every mail until it is removed.
    pub fn new(step: Step, act: Act) -> Rule {
        Rule { step, act, rcpt: None, left: None }
    }

    /// Returns a rule that answers with this text: `550 5.1.1 no such user`.
    pub fn answer(step: Step, text: &str) -> Rule {
        Rule::new(step, Act::Answer(text.to_owned()))
    }

    /// Restricts the rule to one recipient; it then speaks from RCPT on.
    pub fn rcpt(mut self, address: &str) -> Rule {
        self.rcpt = Some(address.to_owned());
        self
    }

    /// Lets the rule hold so many times.
    pub fn times(mut self, times: u32) -> Rule {
        self.left = Some(times);
        self
    }
}

/// Returns what the first rule that fits says, and counts it down.
pub(super) fn choose(rules: &mut Vec<Rule>, step: Step, rcpts: &[String]) -> Option<Act> {
    let at = rules.iter().position(|rule| {
        rule.step == step
            && rule.rcpt.as_ref().is_none_or(|wanted| rcpts.iter().any(|r| r.eq_ignore_ascii_case(wanted)))
    })?;
    let act = rules[at].act.clone();
    if let Some(left) = &mut rules[at].left {
        *left = left.saturating_sub(1);
        if *left == 0 {
            rules.remove(at);
        }
    }
    Some(act)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_fitting_rule_counts_down() {
        let mut rules = vec![
            Rule::answer(Step::Rcpt, "550 no").rcpt("a@b.example"),
            Rule::answer(Step::Rcpt, "450 later").times(2),
        ];
        let mut ask = |rcpt: &str| choose(&mut rules, Step::Rcpt, &[rcpt.to_owned()]);
        assert_eq!(ask("A@b.example"), Some(Act::Answer("550 no".into())));
        assert_eq!(ask("c@d.example"), Some(Act::Answer("450 later".into())));
        assert_eq!(ask("c@d.example"), Some(Act::Answer("450 later".into())));
        assert_eq!(ask("c@d.example"), None);
        assert_eq!(ask("a@b.example"), Some(Act::Answer("550 no".into())));
    }
}
