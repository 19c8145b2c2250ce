//! Signatures (E7.7): the `-- ` line, and what phones put under a mail.

use super::{Line, Mark, Reason, hide};

/// Longest signature.
const MAX_LINES: usize = 12;
const MAX_CHARS: usize = 1000;

/// Hides the signature at the end of what is shown.
pub(super) fn mark(lines: &[Line<'_>], marks: &mut [Mark]) {
    // What a phone writes stands at the end of its user's text: all below is the client's.
    let written = |marks: &[Mark], at: usize| (0..at).any(|n| marks[n] == Mark::Shown && !lines[n].is_blank());
    if let Some(at) = (0..lines.len()).find(|&n| marks[n] == Mark::Shown && is_phone_line(lines[n].text))
        && written(marks, at)
        && !within_kept_signature(lines, marks, at)
    {
        let from = if at > 0 && is_delimiter(lines[at - 1].text) { at - 1 } else { at };
        hide(marks, from, lines.len(), Reason::Signature, "sent from");
    }
    if let Some(at) = list_footer(lines)
        && written(marks, at)
    {
        hide(marks, at, lines.len(), Reason::Signature, "list footer");
    }
    if let Some(at) = delimiter(lines, marks)
        && written(marks, at)
    {
        hide(marks, at, lines.len(), Reason::Signature, "-- ");
    }
}

/// Where a list's own footer begins (Mailman, Sympa): a long rule at the end of the mail, the list's name and address.
fn list_footer(lines: &[Line<'_>]) -> Option<usize> {
    let at = lines.iter().rposition(|l| {
        let text = l.text.trim();
        text.len() >= 30 && text.bytes().all(|b| b == b'_')
    })?;
    let below: Vec<&str> = lines[at + 1..].iter().filter(|l| !l.is_blank()).map(|l| l.text).collect();
    let named = below.iter().any(|l| l.to_lowercase().contains("mailing list") || l.contains("/listinfo/"));
    (named && below.len() <= 6 && below.iter().all(|l| l.len() <= 200)).then_some(at)
}

/// Tells whether a line belongs to a `-- ` signature that stays because a quote follows it.
fn within_kept_signature(lines: &[Line<'_>], marks: &[Mark], at: usize) -> bool {
    let delimited = (at.saturating_sub(MAX_LINES)..at).any(|n| is_delimiter(lines[n].text) && n + 1 < at);
    delimited && quote_below(marks, at)
}

fn quote_below(marks: &[Mark], at: usize) -> bool {
    marks[at..].iter().any(|m| matches!(m, Mark::Hidden(Reason::Quote, _)))
}

/// Where the signature's delimiter stands, if no quote was hidden behind it.
fn delimiter(lines: &[Line<'_>], marks: &[Mark]) -> Option<usize> {
    let at = last_delimiter(lines, |n| marks[n] == Mark::Shown)?;
    (!quote_below(marks, at)).then_some(at)
}

/// The topmost delimiter whose signature is no longer than one is and holds no quote that is shown.
fn last_delimiter(lines: &[Line<'_>], shown: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut count, mut chars, mut found) = (0, 0, None);
    for (n, line) in lines.iter().enumerate().rev() {
        if shown(n) && is_delimiter(line.text) {
            found = Some(n);
        }
        count += usize::from(!line.is_blank());
        chars += line.text.chars().count();
        if count > MAX_LINES || chars > MAX_CHARS || line.is_quoted() {
            break;
        }
    }
    found
}

/// Number of the line where what is put under a text begins: the signature or a phone's line; all lines if neither.
pub(super) fn begins(lines: &[Line<'_>]) -> usize {
    let phone = lines.iter().position(|l| is_phone_line(l.text)).unwrap_or(lines.len());
    phone.min(last_delimiter(lines, |_| true).unwrap_or(lines.len()))
}

/// `-- ` (RFC 3676, 4.3), its blank often lost; other dashes and a no-break space are seen too.
fn is_delimiter(line: &str) -> bool {
    matches!(line.trim_end_matches([' ', '\u{a0}', '\t']), "--" | "—" | "––" | "- --")
}

/// Beginnings of lines that phones and apps add, lower case, with the blank behind.
const PHONE: &[&str] = &[
    "sent from my ",
    "sent from ",
    "sent via ",
    "sent with ",
    "sent on my ",
    "sent using ",
    "get outlook for ",
    "gesendet von ",
    "von meinem ",
    "gesendet mit ",
    "diese nachricht wurde von meinem ",
    "outlook für ",
    "envoyé de mon ",
    "envoyé depuis ",
    "envoyé à partir de ",
    "envoyé avec ",
    "télécharger outlook pour ",
    "obtenez outlook pour ",
    "enviado desde mi ",
    "enviado desde ",
    "obtener outlook para ",
    "enviado do meu ",
    "enviado de ",
    "enviado a partir do ",
    "enviado pelo ",
    "obter o outlook para ",
    "inviato da ",
    "inviato dal mio ",
    "ottieni outlook per ",
    "verzonden vanaf mijn ",
    "verstuurd vanaf mijn ",
    "verzonden met ",
    "verstuurd met ",
    "outlook voor ",
    "skickat från min ",
    "skickat från ",
    "hämta outlook för ",
    "sendt fra min ",
    "sendt fra ",
    "hent outlook til ",
    "få outlook for ",
    "lähetetty ",
    "wysłano z ",
    "wysłane z ",
    "pobierz aplikację outlook dla ",
    "odesláno z ",
    "odoslané z ",
    "отправлено с ",
    "отправлено из ",
    "надіслано з ",
    "iphone'umdan gönderildi",
    "gönderen: ",
    "trimis de pe ",
    "küldve ",
    "从我的",
    "发自我的",
    "从我的 iphone",
    "iphoneから送信",
    "나의 iphone에서 보냄",
    "εστάλη από ",
    "στάλθηκε από ",
    "poslano s ",
    "poslano z ",
];

/// Tells whether a line is what a phone or app put under the mail: short, no sentence.
pub(super) fn is_phone_line(line: &str) -> bool {
    let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '-' | '[' | ']' | '(' | ')'));
    if line.len() > 300 || line.len() < 6 {
        return false;
    }
    let lower = line.to_lowercase();
    let Some(begun) = PHONE.iter().find(|p| lower.starts_with(*p)) else { return false };
    // Links that a client wrote behind the name do not count.
    let rest = lower[begun.len()..]
        .trim_start_matches(['[', '<', '('])
        .split(['<', '(', '['])
        .next()
        .unwrap_or_default()
        .split("http")
        .next()
        .unwrap_or_default()
        .trim();
    let words = rest.split_whitespace().count();
    let is_sentence =
        rest.contains([',', '?', '!', ':', ';']) || rest.split_whitespace().any(|w| NO_DEVICE.contains(&w));
    // "sent from" alone may begin a sentence: there a name must follow.
    words <= 6 && !is_sentence && (words > 0 || !begun.ends_with(' '))
}

/// Words that no device or app has in its name.
const NO_DEVICE: &[&str] =
    &["is", "are", "was", "were", "has", "have", "will", "yesterday", "today", "you", "the", "ist", "und", "and"];
