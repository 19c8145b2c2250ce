//! The places in a canned reply for what differs from ticket to ticket. Strict: a name that is none is told when the text
//! is saved, and not by the customer.

/// The names that stand between `{{` and `}}`.
pub const VARIABLES: [&str; 6] =
    ["requester.name", "requester.first_name", "ticket.pid", "ticket.subject", "agent.name", "tenant.name"];

/// What stands for them.
pub(super) struct Values<'a> {
    pub requester_name: &'a str,
    pub requester_email: &'a str,
    pub pid: &'a str,
    pub subject: &'a str,
    pub agent: &'a str,
    pub tenant: &'a str,
}

impl Values<'_> {
    fn of(&self, name: &str) -> &str {
        let called = match self.requester_name.trim() {
            "" => self.requester_email.split('@').next().unwrap_or_default(),
            name => name,
        };
        match name {
            "requester.name" => called,
            "requester.first_name" => called.split_whitespace().next().unwrap_or_default(),
            "ticket.pid" => self.pid,
            "ticket.subject" => self.subject,
            "agent.name" => self.agent,
            _ => self.tenant,
        }
    }
}

/// Returns the first place of a text whose name is none, or that does not end.
pub(super) fn unknown(body: &str) -> Option<String> {
    let mut rest = body;
    while let Some((_, after)) = rest.split_once("{{") {
        match after.split_once("}}") {
            Some((name, after)) if VARIABLES.contains(&name.trim()) => rest = after,
            Some((name, _)) => return Some(format!("{{{{{}}}}}", name.chars().take(40).collect::<String>())),
            None => return Some("{{".to_owned()),
        }
    }
    None
}

/// Returns a text with the values in their places. What a value holds is words, never marks: a customer's name makes no
/// link in what an agent sends.
pub(super) fn fill(body: &str, values: &Values<'_>) -> String {
    let mut out = String::with_capacity(body.len() + 64);
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        match after.split_once("}}") {
            Some((name, after)) if VARIABLES.contains(&name.trim()) => {
                escape(&mut out, values.of(name.trim()));
                rest = after;
            }
            // Only a text from before a name was taken away has this: it stays in sight.
            _ => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out + rest
}

fn escape(out: &mut String, value: &str) {
    for c in value.chars() {
        if "\\`*_[]<>#".contains(c) {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(body: &str, name: &str) -> String {
        let values = Values {
            requester_name: name,
            requester_email: "ann.lee@shop.example",
            pid: "202611-0001",
            subject: "A *bold* one",
            agent: "Mara Lind",
            tenant: "Kaiwerk",
        };
        fill(body, &values)
    }

    #[test]
    fn values_stand_in_their_places() {
        assert_eq!(filled("Hello {{requester.first_name}} ({{ ticket.pid }})", "Ann Lee"), "Hello Ann (202611-0001)");
        assert_eq!(filled("{{requester.name}}, {{agent.name}}, {{tenant.name}}", " "), "ann.lee, Mara Lind, Kaiwerk");
        assert_eq!(filled("{{ticket.subject}}", "x"), "A \\*bold\\* one");
        assert_eq!(filled("{{requester.name}}", "[x](https://evil.example)"), "\\[x\\](https://evil.example)");
    }

    #[test]
    fn names_that_are_none_are_told() {
        assert_eq!(unknown("Hello {{requester.name}}, { {x} }"), None);
        assert_eq!(unknown("a {{requester.phone}} b").as_deref(), Some("{{requester.phone}}"));
        assert_eq!(unknown("a {{requester.name} b").as_deref(), Some("{{"));
        assert_eq!(filled("{{gone}} {{ticket.pid}}", "x"), "{{gone}} 202611-0001");
    }
}
