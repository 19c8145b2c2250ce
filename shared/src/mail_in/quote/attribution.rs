//! Lines that say who wrote what follows: "On … wrote:" in its languages, over one to three lines (E7.4).

/// An attribution found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// Number of the line behind it.
    pub end: usize,
    /// The whole of it on one line.
    pub text: String,
}

/// Longest attribution in characters.
const MAX_CHARS: usize = 300;
/// Most lines that an attribution is spread over.
const MAX_LINES: usize = 4;

/// How an attribution ends, lower case, before the colon: the verb.
const VERBS: &[&str] = &[
    "wrote",
    "writes",
    "said",
    "schrieb",
    "schrieb am",
    "geschrieben",
    "a écrit",
    "a ecrit",
    "escribió",
    "escribio",
    "escribió lo siguiente",
    "ha escrito",
    "ha scritto",
    "scrive",
    "scritto",
    "escreveu",
    "schreef",
    "geschreven",
    "het volgende geschreven",
    "napisał",
    "napisał(a)",
    "napisała",
    "napisał/a",
    "pisze",
    "skrev",
    "skrev følgende",
    "följande",
    "skrev följande",
    "kirjoitti",
    "kirjutas",
    "napsal",
    "napsal(a)",
    "napsala",
    "napísal",
    "napísal(a)",
    "napísala",
    "írta",
    "ezt írta",
    "je napisao",
    "je napisala",
    "je napisao/la",
    "napisao je",
    "napisala je",
    "piše",
    "a scris",
    "scria",
    "yazdı",
    "şunu yazdı",
    "şunları yazdı",
    "написал",
    "написал(а)",
    "написала",
    "написав",
    "написав(-ла)",
    "написав(ла)",
    "пишет",
    "пише",
    "написа",
    "έγραψε",
    "đã viết",
    "写道",
    "寫道",
    "のメッセージ",
    "さんのメッセージ",
    "は書きました",
    "さんは書きました",
    "작성",
    "님이 작성",
    "wrote the following",
    "wrote on",
    "כתב",
    "כתבה",
    "كتب",
    "menulis",
    "va escriure",
    "rašė",
    "rakstīja",
    "napisala",
    "napisal",
    "је написао",
    "је написала",
    "је написао/ла",
    "написао",
    "skrifaði",
    "เขียนว่า",
    "נכתב על ידי",
    "كتبت",
    "escribiu",
    "idatzi du",
    "schrieb folgendes",
    "hat geschrieben",
    "hat folgendes geschrieben",
    "schrieb:",
    "a écrit ",
    "respondeu",
    "respondió",
];

/// How an attribution begins, lower case.
const OPENERS: &[&str] = &[
    "on ",
    "am ",
    "le ",
    "el ",
    "il ",
    "em ",
    "op ",
    "w dniu ",
    "dnia ",
    "den ",
    "på ",
    "dne ",
    "dňa ",
    "la data ",
    "în ",
    "pe ",
    "at ",
    "vào ",
    "v ",
    "pada ",
    "在",
    "於",
    "em ",
    "il giorno ",
    "в ",
    "στις ",
    "ב",
    "quoting ",
    "d. ",
    "da: ",
    "från: ",
    "ma ",
    "ti ",
    "ke ",
    "to ",
    "pe ",
    "la ",
    "su ",
    "pon.",
    "wt.",
    "śr.",
    "czw.",
    "pt.",
    "sob.",
    "niedz.",
    "dana ",
    "kuupäeval ",
];

/// Reads the attribution that begins at line `start`, if one does.
pub fn at(lines: &[&str], start: usize) -> Option<Attribution> {
    let first = strip(lines.get(start)?);
    if first.is_empty() || !begins(first) {
        return None;
    }
    let mut text = String::new();
    for (n, line) in lines.iter().enumerate().skip(start).take(MAX_LINES) {
        let line = strip(line);
        if line.is_empty() {
            return None;
        }
        // A line of an older quote is no part of this attribution.
        if n > start && depth(lines[n]) > depth(lines[start]) {
            return None;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line);
        if text.chars().count() > MAX_CHARS {
            return None;
        }
        if ends(&text) {
            return is_telling(&text).then_some(Attribution { end: n + 1, text });
        }
    }
    None
}

/// Reads an attribution of a language that is not known here: up to three lines right above quoted ones, with an address,
/// ended by a colon.
pub fn unknown(lines: &[&str], start: usize) -> Option<Attribution> {
    let mut text = String::new();
    let mut at = start;
    while let Some(line) = lines.get(at).map(|l| strip(l)) {
        if line.is_empty() || depth(lines[at]) > depth(lines[start]) {
            break;
        }
        if at - start >= 3 || text.len() + line.len() > MAX_CHARS * 2 {
            return None;
        }
        text.push_str(if text.is_empty() { "" } else { " " });
        text.push_str(line);
        at += 1;
    }
    let blank = |n: &usize| lines.get(*n).is_some_and(|l| strip(l).is_empty() && depth(l) == 0);
    let next = at + usize::from(blank(&at));
    let quoted = lines.get(next).is_some_and(|l| depth(l) > depth(lines[start]));
    let colon = text.trim_end_matches(is_mark).ends_with([':', '：']);
    (quoted && colon && has_address(&text)).then_some(Attribution { end: at, text })
}

/// Marks of direction, which Hebrew and Arabic clients put around names and addresses.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A line's quote depth.
pub fn depth(line: &str) -> usize {
    line.chars().filter(|c| !c.is_whitespace()).take_while(|&c| c == '>').count()
}

fn strip(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || is_mark(c) || matches!(c, '>' | '*' | '_' | '|'))
}

/// Tells whether a line can begin an attribution: by its opener, a date, or because it is one as a whole.
fn begins(line: &str) -> bool {
    let lower = line.chars().take(24).collect::<String>().to_lowercase();
    let lower = lower.trim_start_matches(['-', '–', '—', ' ']);
    OPENERS.iter().any(|o| lower.starts_with(o))
        || lower.starts_with(|c: char| c.is_ascii_digit())
        || ends(line)
        || has_address(line)
}

fn ends(text: &str) -> bool {
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '*' | '_'));
    let Some(body) = text.strip_suffix([':', '：']) else {
        // Without a colon only where the language writes none.
        return ["のメッセージ", "wrote", "写道", "寫道"].iter().any(|v| text.ends_with(v)) && has_address(text);
    };
    let body = body.trim_end().to_lowercase();
    if VERBS.iter().any(|v| {
        body.strip_suffix(v).is_some_and(|before| {
            before.is_empty() || !before.ends_with(|c: char| c.is_alphabetic() && c.is_ascii()) || !v.is_ascii()
        })
    }) {
        return true;
    }
    // "2.11.2026, 10:00, "Jane" <j@b.example>:" has no verb at all.
    if text.starts_with(|c: char| c.is_ascii_digit())
        && text.trim_end_matches([':', ' ']).ends_with('>')
        && has_address(text)
        && has_date(text)
    {
        return true;
    }
    // "Den … skrev Jane <j@b>:" and "Am … schrieb Jane <j@b>:": the verb stands before the name.
    MIDDLE.iter().any(|v| body.contains(v))
}

/// Verbs that stand before the author's name, with the blanks around them.
const MIDDLE: &[&str] = &[
    " schrieb ",
    " skrev ",
    " wrote ",
    " kirjoitti ",
    " schreef ",
    " napsal ",
    " napsal(a) ",
    " escribió ",
    " escreveu ",
    " ha scritto ",
    " a écrit ",
    " napisał ",
    " napisał(a) ",
    " írta ",
    " kirjutas ",
    " napísal ",
    " tarihinde ",
    " het volgende ",
    " heeft ",
    " пользователь ",
    " користувач ",
];

/// Tells whether the text names a date or an address: without either it is a sentence.
fn is_telling(text: &str) -> bool {
    has_address(text) || has_date(text)
}

fn has_address(text: &str) -> bool {
    text.split(|c: char| is_mark(c) || matches!(c, ' ' | '<' | '>' | '(' | ')' | '[' | ']' | '"' | ',' | ';' | ':'))
        .any(|w| w.split_once('@').is_some_and(|(l, d)| !l.is_empty() && d.contains('.') && d.len() > 3))
        || text.contains("<mailto:")
}

/// A four-digit year, a clock time, or a day and month in figures.
fn has_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).any(|at| {
        let starts = digit(at) && (at == 0 || !digit(at - 1));
        if !starts {
            return false;
        }
        let run = (at..bytes.len()).take_while(|&n| digit(n)).count();
        let next = bytes.get(at + run);
        let year = run == 4 && (bytes[at..].starts_with(b"19") || bytes[at..].starts_with(b"20"));
        let clock = run <= 2
            && matches!(next, Some(b':' | b'.'))
            && digit(at + run + 1)
            && digit(at + run + 2)
            && !digit(at + run + 3);
        let slash = run <= 2 && matches!(next, Some(b'/' | b'-' | b'.')) && digit(at + run + 1);
        year || clock || slash
    }) || MONTHS.iter().any(|m| text.contains(m)) && bytes.iter().any(u8::is_ascii_digit)
}

const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        let lines: Vec<&str> = text.lines().collect();
        at(&lines, 0).is_some()
    }

    /// E7.4.
    #[test]
    fn languages() {
        for line in [
            "On Mon, Nov 2, 2026 at 10:00 AM Jane Doe <j@b.example> wrote:",
            "Am 02.11.2026 um 10:00 schrieb Jane Doe:",
            "Am Mo., 2. Nov. 2026 um 10:00 Uhr schrieb Jane Doe <j@b.example>:",
            "Le lun. 2 nov. 2026 à 10:00, Jane Doe <j@b.example> a écrit :",
            "El lun, 2 nov 2026 a las 10:00, Jane (<j@b.example>) escribió:",
            "Il giorno lun 2 nov 2026 alle ore 10:00 Jane <j@b.example> ha scritto:",
            "Op ma 2 nov. 2026 om 10:00 schreef Jane <j@b.example>:",
            "W dniu 2.11.2026 o 10:00, Jane pisze:",
            "Den mån 2 nov. 2026 kl 10:00 skrev Jane <j@b.example>:",
            "2 нояб. 2026 г., в 10:00, Jane <j@b.example> написал(а):",
            "2026年11月2日(月) 10:00 Jane <j@b.example>:のメッセージ:",
            "Jane <j@b.example> 于2026年11月2日周一 10:00写道：",
            "2.11.2026, 10:00, \"Jane\" <j@b.example>:",
            "2 Kas 2026 Pzt 10:00 tarihinde Jane <j@b.example> şunu yazdı:",
        ] {
            assert!(found(line), "{line}");
        }
    }

    #[test]
    fn over_several_lines() {
        assert!(found("On Mon, Nov 2, 2026 at 10:00 AM\nJane Doe <j@b.example>\nwrote:\n> old"));
        assert!(found("> On Mon, Nov 2, 2026, Jane\n> wrote:"));
    }

    #[test]
    fn sentences_are_none() {
        for line in ["On the one hand I wrote:", "On Monday I was away.", "He said 5 things:", "At 10:00 we leave."] {
            assert!(!found(line), "{line}");
        }
    }
}
