//! Who may join: every cell of E4.4's table, by every evidence and verdict, as stories that are made from the table.

use super::run;
use super::script::Script;
use std::fmt::Write;

/// E4.4, as it is written there. The last column is where verdict `fail` puts a stranger.
const TABLE: &str = "
    matched by | participant | same domain        | stranger           | stranger, fail
    1          | join        | join, add cc       | join, new sender   | held
    3, 6       | join        | join, add cc       | new ticket, linked | held
    4, 5       | join        | join, not added    | new ticket, linked | held
    7          | join        | new ticket, linked | new ticket         | held
";

/// Who writes, and in which column of the table they are. In a freemail domain everybody is a stranger to everybody.
const SENDERS: [(&str, &str, &str, usize); 4] = [
    ("participant", "ada@firm{n}.example", "ada@firm{n}.example", 1),
    ("colleague", "ada@firm{n}.example", "dora@firm{n}.example", 2),
    ("freemail", "ada{n}@gmail.com", "eve{n}@gmail.com", 3),
    ("stranger", "ada@firm{n}.example", "eve@elsewhere{n}.example", 3),
];

/// What the sender's mail bears, by the rule of E4.1 that finds the ticket by it: To, further header lines, text, subject.
const EVIDENCE: [(u8, &str, &str, &str, &str); 6] = [
    (1, "{T{n}.reply_to}", "", "", ""),
    (3, "support@desk.example", "In-Reply-To: <{T{n}.message_id}>", "", ""),
    (4, "support@desk.example", "In-Reply-To: <first{n}@mail.example>", "", ""),
    (5, "support@desk.example", "References: <root{n}@mail.example>", "", ""),
    (6, "support@desk.example", "", "> {T{n}.marker}", ""),
    (7, "support@desk.example", "", "", " [{T{n}.pid}]"),
];

const VERDICTS: [&str; 4] = ["pass", "weak", "none", "fail"];

/// What the table says of a rule and a column.
fn cell(rule: u8, column: usize) -> &'static str {
    let rows = TABLE.lines().map(|l| l.split('|').map(str::trim).collect::<Vec<_>>());
    let of_rule = |row: &Vec<&str>| row[0].split(", ").any(|r| r.parse() == Ok(rule));
    rows.filter(|r| r.len() == 5).find(of_rule).expect("a row for each rule")[column]
}

/// What must be true after the sender's mail, in the stories' language: what became of it, who takes part, what waits.
fn expected(cell: &str, n: usize, takes_part: bool) -> String {
    // Who takes part is on it already, wherever `fail` has moved them.
    let all = if takes_part { 1 } else { 2 };
    match cell {
        "join" => {
            format!("= message_added, ticket T{n}\n? match E4.4 join\ncheck T{n} participants=1 tray=0 messages=3")
        }
        "join, add cc" => {
            format!(
                "= message_added, ticket T{n}\n? match E4.4 join, add cc\ncheck T{n} participants={all} awaiting=0 tray=0"
            )
        }
        "join, not added" => {
            format!(
                "= message_added, ticket T{n}\n? match E4.4 join, not added\ncheck T{n} participants=1 tray=0 messages=3"
            )
        }
        "join, new sender" => {
            format!(
                "= message_added, ticket T{n}\n? match E4.4 join, new sender\ncheck T{n} participants=2 awaiting=1 tray=1"
            )
        }
        "new ticket, linked" => format!(
            "= ticket_created, ticket N{n}\n? match E4.4 new ticket, linked\ncheck N{n} tray=1 event=TICKET_LINKED\n\
             check T{n} messages=2 participants=1 event=TICKET_LINKED"
        ),
        "new ticket" => format!(
            "= ticket_created, ticket N{n}\n? match E4.4 new ticket\ncheck N{n} tray=0 no_event=TICKET_LINKED\n\
             check T{n} messages=2 participants=1 no_event=TICKET_LINKED"
        ),
        "held" => format!(
            "= quarantined, reason stranger_failed, no ack\ncheck T{n} messages=2 participants=1 no_event=TICKET_LINKED"
        ),
        other => panic!("no cell {other}"),
    }
}

/// The story of one rule: for each sender and verdict a ticket, an agent's answer, and the sender's mail.
fn story(evidence: &(u8, &str, &str, &str, &str)) -> String {
    let &(rule, to, header, text, subject) = evidence;
    let mut told = format!("E4.4: by rule {rule}\n\ndesk support@desk.example body_marker\n");
    let senders = SENDERS.iter().flat_map(|s| VERDICTS.iter().map(move |v| (s, *v)));
    for (n, ((who, customer, sender, column), verdict)) in senders.enumerate() {
        let cell = cell(rule, column + usize::from(verdict == "fail"));
        let auth = if verdict == "none" { String::new() } else { format!(" auth={verdict}") };
        let _ = write!(
            told,
            "\n# {who}, {verdict}: {cell}\n\
             mail\n| From: <{customer}>\n| To: support@desk.example\n| Subject: Broken\n\
             | Message-ID: <first{n}@mail.example>\n| References: <root{n}@mail.example>\n|\n| It broke.\n\
             = ticket_created, ticket T{n}\n\
             reply T{n}: Try again.\n\
             mail{auth}\n| From: <{sender}>\n| To: {to}\n| Subject: Broken, says {who}{subject}\n\
             | Message-ID: <second{n}@mail.example>\n{}|\n| It is still broken.\n{}\
             ? match E4.1({rule})\n! E4.1({rule}) nothing\n",
            if header.is_empty() { String::new() } else { format!("| {header}\n") },
            if text.is_empty() { String::new() } else { format!("| {text}\n") },
        );
        told = told.replace("{n}", &n.to_string());
        let _ = writeln!(told, "{}", expected(cell, n, *who == "participant"));
    }
    told
}

/// E4.4, E4.1: every rule, sender and verdict, on both databases.
#[tokio::test]
async fn every_cell_of_the_table() {
    for evidence in &EVIDENCE {
        run::on_both(&Script::read(&story(evidence))).await;
    }
}

#[test]
fn the_table_is_read() {
    assert_eq!(cell(1, 3), "join, new sender");
    assert_eq!((cell(3, 2), cell(6, 2)), (cell(6, 2), "join, add cc"));
    assert_eq!(cell(7, 3), "new ticket");
}
