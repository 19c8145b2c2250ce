//! Names that look like somebody else's (E11.4): mail programs show the name and hide the address, and so do hurried
//! eyes. A warning only: names prove nothing, in either direction. Pure.

use super::decide::Read;
use super::known::Known;
use crate::access::Role;
use crate::address;

/// The rule.
pub const RULE: &str = "E11.4";
/// The name holds an address that is not the sender's.
pub const OTHER_ADDRESS: &str = "name_other_address";
/// The name is a team member's or the desk's, the address is neither.
pub const OF_TEAM: &str = "name_of_team";

/// What a desk appends to its name.
const ROLES: [&str; 9] =
    ["support", "team", "helpdesk", "help desk", "service", "service desk", "servicedesk", "kundenservice", "hilfe"];

/// Whether a flag of a mail is one of these warnings.
pub fn is_warning(flag: &str) -> bool {
    matches!(flag, OTHER_ADDRESS | OF_TEAM)
}

/// Returns the warnings about a mail's sender, in a fixed order.
pub fn warnings(read: &Read, known: &Known) -> Vec<&'static str> {
    let Some(from) = &read.mail.from else { return Vec::new() };
    let Some(name) = from.name.as_deref().filter(|n| !n.trim().is_empty()) else { return Vec::new() };
    let tenant = read.kept.tenant_id;
    let key = address::key(&from.email);
    let mut found = Vec::new();
    if holds_other_address(name, &key) {
        found.push(OTHER_ADDRESS);
    }
    let domain = address::domain(&key).filter(|d| !address::is_freemail(d));
    let ours = known.role_of(tenant, &key).is_some_and(Role::is_agent)
        || domain.is_some_and(|d| known.desk_domains(tenant).any(|own| own == d));
    if !ours && known.team_names(tenant).any(|own| looks_like(name, own)) {
        found.push(OF_TEAM);
    }
    found
}

/// Whether a name holds an address, and none of those it holds is the sender's own.
fn holds_other_address(name: &str, sender: &str) -> bool {
    let held: Vec<String> = name
        .split(|c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\'' | ',' | ';' | ':')
        })
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| address::is_valid(word) && address::domain(word).is_some_and(|d| d.contains('.')))
        .map(address::key)
        .collect();
    !held.is_empty() && held.iter().all(|h| h != sender)
}

/// Whether two names read the same: whatever their case, marks and spaces, and with what a desk appends.
fn looks_like(name: &str, own: &str) -> bool {
    let (name, own) = (folded(name), folded(own));
    // One short word is a first name that many bear.
    if own.len() < 4 {
        return false;
    }
    name == own || ROLES.iter().any(|role| name.strip_suffix(role).is_some_and(|n| n.trim_end() == own))
}

fn folded(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    plain.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E11.4.
    #[test]
    fn a_name_that_holds_another_address() {
        let odd = |name| holds_other_address(name, "eve@evil.example");
        assert!(odd("boss@desk.example") && odd("The Boss <Boss@Desk.example>") && odd("Boss (boss@desk.example)"));
        assert!(!odd("Eve") && !odd("EVE@evil.example") && !odd("eve @ home") && !odd("me@home"));
        assert!(!odd("eve@evil.example, boss@desk.example"), "her own is there to be seen");
    }

    /// E11.4.
    #[test]
    fn a_name_that_looks_like_one_of_ours() {
        assert!(looks_like("berta  BERG", "Berta Berg") && looks_like("Berg, Berta", "Berg Berta"));
        assert!(looks_like("Acme – Support", "Acme") && looks_like("ACME Help-Desk", "Acme"));
        assert!(!looks_like("Berta", "Berta Berg") && !looks_like("Acme Bikes", "Acme") && !looks_like("Bo", "Bo"));
        assert!(!looks_like("", "Acme") && !looks_like("Support", "Acme"));
    }
}
