//! What keeps a conversation in one thread at the other end: subject line, References, Thread-Index (E8.2, E8.3).

use crate::clock::Time;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// How much References may hold, brackets and spaces included (E8.3).
const MAX_REFERENCES_OCTETS: usize = 1500;
/// A longer id cannot stand on a line of a header.
const MAX_ID_OCTETS: usize = 900;

/// Answer and forward prefixes of mail clients, lower case: English, German, Dutch, Nordic, Romance, Slavic, Greek,
/// Turkish, Hebrew, Arabic, Chinese, Japanese, Korean, Vietnamese, Indonesian.
const PREFIXES: [&str; 48] = [
    "re",
    "fw",
    "fwd",
    "aw",
    "antw",
    "antwort",
    "wg",
    "doorst",
    "sv",
    "vs",
    "vl",
    "vb",
    "ang",
    "svar",
    "rép",
    "tr",
    "rv",
    "res",
    "resp",
    "enc",
    "rif",
    "odp",
    "pd",
    "vá",
    "továbbítás",
    "ynt",
    "ilt",
    "i̇lt",
    "απ",
    "σχετ",
    "πρθ",
    "отв",
    "ответ",
    "пересл",
    "atb",
    "השב",
    "הועבר",
    "رد",
    "إعادة توجيه",
    "回复",
    "回覆",
    "答复",
    "转发",
    "轉寄",
    "返信",
    "転送",
    "회신",
    "trả lời",
];
/// Italian Outlook's, too short to be taken in lower case.
const CAPITAL_PREFIXES: [&str; 2] = ["R", "I"];

/// Returns the subject of a mail about a ticket: one `Re:` if it answers something, the subject without any chain of
/// prefixes, and the PID once, at the end (none if `pid` is empty). Line breaks and other controls in what a customer wrote become spaces.
pub fn subject_line(subject: &str, pid: &str, is_reply: bool) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control();
    let mut text = subject.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let tag = if pid.is_empty() { String::new() } else { format!("[{pid}]") };
    while !tag.is_empty()
        && let Some(at) = find_ignoring_case(&text, &tag)
    {
        text.replace_range(at..at + tag.len(), "");
    }
    let answer = if is_reply { "Re:" } else { "" };
    let line = format!("{answer} {} {tag}", strip_prefixes(&text));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the subject without the answer and forward prefixes at its start, in any language, also numbered
/// (`Re[2]:`, `AW (3):`).
pub fn strip_prefixes(subject: &str) -> &str {
    let mut rest = subject.trim_start();
    loop {
        let Some((head, tail)) = rest.split_once([':', '：']) else { return rest };
        let word = head.trim_end();
        let word = match word.strip_suffix([']', ')']) {
            Some(counted) => {
                counted.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['[', '(']).trim_end()
            }
            None => word,
        };
        if word.len() > 24 || !(PREFIXES.contains(&word.to_lowercase().as_str()) || CAPITAL_PREFIXES.contains(&word)) {
            return rest;
        }
        rest = tail.trim_start();
    }
}

/// Returns what stands in References (bare ids): the ticket's anchor, the thread's first mail, then as many of
/// `earlier` (oldest first) as fit, newest first to stay, and the answered mail last. Ids that no header can hold, and
/// repeated ones, are left out.
pub fn references(anchor: Option<&str>, root: Option<&str>, earlier: &[String], answered: Option<&str>) -> Vec<String> {
    let mut head: Vec<&str> = Vec::new();
    for id in anchor.into_iter().chain(root).filter(|id| is_writable(id) && Some(*id) != answered) {
        if !head.contains(&id) {
            head.push(id);
        }
    }
    let last = answered.filter(|id| is_writable(id));
    // "<", ">" and the white space before the next.
    let size = |id: &str| id.len() + 3;
    let mut left = MAX_REFERENCES_OCTETS.saturating_sub(head.iter().copied().chain(last).map(size).sum());
    let mut newest: Vec<&str> = Vec::new();
    for id in earlier.iter().rev().map(String::as_str) {
        if !is_writable(id) || head.contains(&id) || newest.contains(&id) || last == Some(id) {
            continue;
        }
        match left.checked_sub(size(id)) {
            Some(rest) => left = rest,
            None => break,
        }
        newest.push(id);
    }
    head.into_iter().chain(newest.into_iter().rev()).chain(last).map(str::to_owned).collect()
}

/// Whether a bare id can stand in a header between angle brackets.
pub fn is_writable(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_OCTETS && id.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
}

/// Returns the Thread-Index of an answer: the answered mail's with one more child block of 5 octets (MS-OXOMSG
/// 2.2.1.3). `random` tells apart answers of the same instant. None if `parent` is no Thread-Index, or too long a one.
pub fn thread_index_child(parent: &str, at: Time, random: u8) -> Option<String> {
    const HEADER: usize = 22;
    const CHILD: usize = 5;
    const MAX_CHILDREN: usize = 60;
    let mut bytes = BASE64.decode(parent.split_whitespace().collect::<String>()).ok()?;
    let children = bytes.len().checked_sub(HEADER)?;
    if bytes[0] != 1 || children % CHILD != 0 || children / CHILD >= MAX_CHILDREN {
        return None;
    }
    // The header holds the upper 48 of a FILETIME's 64 bits, whose first octet is its leading 1.
    let upper = bytes[..6].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let delta = filetime(at)?.saturating_sub(upper << 16);
    let coarse = delta >= 1 << 49;
    let field = if coarse { 1 << 31 | (delta >> 23) as u32 & 0x7fff_ffff } else { (delta >> 18) as u32 };
    bytes.extend_from_slice(&field.to_be_bytes());
    bytes.push(random);
    Some(BASE64.encode(bytes))
}

/// 100-nanosecond steps since 1601.
fn filetime(at: Time) -> Option<u64> {
    const EPOCH: i64 = 116_444_736_000_000_000;
    u64::try_from(at.timestamp_micros().checked_mul(10)?.checked_add(EPOCH)?).ok()
}

fn find_ignoring_case(text: &str, tag: &str) -> Option<usize> {
    text.as_bytes().windows(tag.len()).position(|w| w.eq_ignore_ascii_case(tag.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// E8.2.
    #[test]
    fn chains_become_one_re_and_the_pid_stands_last() {
        let cases = [
            ("Printer", "Re: Printer [202611-0001]"),
            ("Re: Printer [202611-0001]", "Re: Printer [202611-0001]"),
            ("AW: Re: WG: SV: Printer", "Re: Printer [202611-0001]"),
            ("RE[2]: Re (3): Fwd:Printer", "Re: Printer [202611-0001]"),
            ("回复：转发: Printer", "Re: Printer [202611-0001]"),
            ("[202611-0001] Re: Printer [202611-0001]", "Re: Printer [202611-0001]"),
            ("R: I: stampante", "Re: stampante [202611-0001]"),
            ("r: i: x", "Re: r: i: x [202611-0001]"),
            ("Order: 5 pieces", "Re: Order: 5 pieces [202611-0001]"),
            ("Re: Re: ", "Re: [202611-0001]"),
            ("", "Re: [202611-0001]"),
            ("a\r\nBcc: b@c.example\0  d", "Re: a Bcc: b@c.example d [202611-0001]"),
        ];
        for (subject, expected) in cases {
            assert_eq!(subject_line(subject, "202611-0001", true), expected);
        }
        assert_eq!(subject_line("Re: Printer", "KA-202611-0001", false), "Printer [KA-202611-0001]");
        assert_eq!(subject_line("x [ka-202611-0001] y", "KA-202611-0001", false), "x y [KA-202611-0001]");
    }

    proptest! {
        /// Gmail opens a new thread when the subject changes: the fifth answer's is the first's.
        /// E8.2.
        #[test]
        fn a_subject_stays_the_same_for_ever(subject in "\\PC{0,60}", pid in "[A-Z]{0,3}-?2026[01][0-9]-[0-9]{4}") {
            let once = subject_line(&subject, &pid, true);
            prop_assert_eq!(subject_line(&once, &pid, true), once.clone());
            prop_assert_eq!(subject_line(&format!("AW: {once}"), &pid, true), once);
        }

        /// T51.
        /// E8.3.
        #[test]
        fn references_stay_under_their_limit(lengths in prop::collection::vec(1..200usize, 0..400)) {
            let ids: Vec<String> = lengths.iter().enumerate().map(|(n, l)| format!("{n}.{}@x.example", "a".repeat(*l))).collect();
            let answered = ids.last().map(String::as_str);
            let found = references(Some("t.1.mac@h.example"), ids.first().map(String::as_str), &ids, answered);
            prop_assert!(found.iter().map(|id| id.len() + 3).sum::<usize>() <= 1500);
            prop_assert_eq!(found.first().map(String::as_str), Some("t.1.mac@h.example"));
            if let Some(answered) = answered {
                prop_assert_eq!(found.last().map(String::as_str), Some(answered));
            }
            let order: Vec<_> = found.iter().skip(1).map(|id| ids.iter().position(|i| i == id).unwrap()).collect();
            prop_assert!(order.windows(2).all(|w| w[0] < w[1]), "{:?}", order);
        }
    }

    /// E8.3.
    #[test]
    fn references_keep_root_and_newest() {
        let ids: Vec<String> = (0..400).map(|n| format!("message-{n}@client.example")).collect();
        let found = references(Some("t.1@h"), Some(&ids[0]), &ids, Some(&ids[399]));
        assert_eq!(&found[..2], &["t.1@h".to_owned(), ids[0].clone()]);
        assert_eq!(&found[2..], &ids[400 - (found.len() - 2)..]);
        assert!(found.len() > 40, "{}", found.len());
    }

    #[test]
    fn references_of_nothing_are_nothing_and_unwritable_ids_are_left_out() {
        assert!(references(None, None, &[], None).is_empty());
        let long = "x".repeat(901);
        let bad = ["", "a b", "a\r\nBcc: x", "ü@x", "<a>", &long].map(str::to_owned);
        assert_eq!(references(Some("t@h"), Some("a\0b"), &bad, Some("e f")), ["t@h"]);
        assert_eq!(references(None, Some("a@b"), &["a@b".into()], Some("a@b")), ["a@b"]);
    }

    #[test]
    fn thread_index_gets_a_child() {
        let at: Time = "2026-11-21T10:00:00Z".parse().unwrap();
        let mut header = (filetime(at).unwrap() >> 16).to_be_bytes()[2..].to_vec();
        assert_eq!(header[0], 1, "the leading octet of a FILETIME of our time");
        header.extend([7; 16]);
        let parent = BASE64.encode(&header);
        let child = |minutes: i64, of: &str| {
            BASE64.decode(thread_index_child(of, at + chrono::TimeDelta::minutes(minutes), 9).unwrap()).unwrap()
        };
        let minute = child(1, &parent);
        assert_eq!(minute[..22], header[..]);
        // 600,000,000 steps of 100 ns, without the lowest 18 bits; the header's own cut adds less than one 65,536th.
        assert_eq!(u32::from_be_bytes(minute[22..26].try_into().unwrap()), 600_000_000 >> 18);
        assert_eq!((minute.len(), minute[26]), (27, 9));
        let years = child(3 * 365 * 24 * 60, &parent);
        assert!(years[22] & 0x80 != 0);
        assert_eq!(child(5, &BASE64.encode(&minute)).len(), 32);
        for bad in ["", "x", "AAAA", &BASE64.encode([2; 22]), &BASE64.encode([1; 24]), &BASE64.encode([1; 22 + 300])] {
            assert_eq!(thread_index_child(bad, at, 0), None, "{bad}");
        }
    }
}
