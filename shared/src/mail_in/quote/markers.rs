//! Lines that announce a forwarded or quoted mail, by language.

/// What an announcing line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A forwarded mail follows.
    Forward,
    /// The mail that is answered follows ("Original Message").
    Original,
}

/// Announcements of a forward, lower case, without dashes and colon.
const FORWARD: &[&str] = &[
    "forwarded message",
    "begin forwarded message",
    "forwarded mail",
    "forwarded by",
    "start of forwarded message",
    "fwd.msg",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten nachricht",
    "anfang der weitergeleiteten e-mail",
    "weitergeleitete e-mail",
    "message transféré",
    "message transmis",
    "début du message réexpédié",
    "début du message transféré",
    "message réexpédié",
    "mensaje reenviado",
    "inicio del mensaje reenviado",
    "mensaje original reenviado",
    "mensaje reenviado por",
    "messaggio inoltrato",
    "inizio messaggio inoltrato",
    "messaggio reinoltrato",
    "inizio del messaggio inoltrato",
    "mensagem encaminhada",
    "mensagem reencaminhada",
    "início da mensagem reencaminhada",
    "início da mensagem encaminhada",
    "doorgestuurd bericht",
    "begin doorgestuurd bericht",
    "przekazana wiadomość",
    "wiadomość przekazana",
    "początek przekazywanej wiadomości",
    "początek przekazanej wiadomości",
    "przekazany mail",
    "vidarebefordrat mejl",
    "vidarebefordrat meddelande",
    "vidarebefordrat brev",
    "vidarebefordrat e-postmeddelande",
    "videresendt melding",
    "videresendt meddelelse",
    "videresendt besked",
    "start på videresendt besked",
    "begynnelse på videresendt melding",
    "starten på videresendt besked",
    "videresend melding",
    "videresendt e-post",
    "välitetty viesti",
    "edelleenlähetetty viesti",
    "välitetty viesti alkaa",
    "välitetty viesti / fwd.msg",
    "välitetyn viestin alku",
    "edastatud kiri",
    "edastatud sõnum",
    "přeposlaná zpráva",
    "přeposlaný e-mail",
    "začátek přeposlané zprávy",
    "přeposílaná zpráva",
    "preposlaná správa",
    "začiatok preposlanej správy",
    "preposielaná správa",
    "továbbított üzenet",
    "továbbított levél kezdete",
    "a továbbított levél kezdete",
    "proslijeđena poruka",
    "početak proslijeđene poruke",
    "prosleđena poruka",
    "posredovano sporočilo",
    "mesaj redirecționat",
    "mesaj redirecţionat",
    "mesaj transmis",
    "începutul mesajului redirecționat",
    "început mesaj redirecționat",
    "mesaj retrimis",
    "пересылаемое сообщение",
    "перенаправленное сообщение",
    "переслане повідомлення",
    "пересланное сообщение",
    "начало переадресованного сообщения",
    "начало переадресованного письма",
    "початок листа, що пересилається",
    "початок переадресованого повідомлення",
    "пересилане повідомлення",
    "начало пересылаемого сообщения",
    "препратено съобщение",
    "iletilen ileti",
    "iletilmiş mesaj",
    "yönlendirilmiş ileti",
    "iletilmiş ileti",
    "iletilen mesaj",
    "yönlendirilen ileti",
    "yönlendirilmiş mesaj",
    "iletilen e-posta",
    "iletinin başlangıcı",
    "προωθημένο μήνυμα",
    "αρχή προωθημένου μηνύματος",
    "έναρξη προωθημένου μηνύματος",
    "メッセージを転送",
    "転送されたメッセージ",
    "転送メッセージ",
    "転送するメッセージの始まり",
    "转发的邮件",
    "转发邮件",
    "已转发邮件",
    "轉寄的郵件",
    "轉寄郵件",
    "開始轉寄郵件",
    "开始转发的邮件",
    "전달된 메시지",
    "전달된 메일",
    "전달된 이메일",
    "הודעה שהועברה",
    "رسالة تم توجيهها",
    "رسالة معاد توجيهها",
    "thư được chuyển tiếp",
    "tin nhắn được chuyển tiếp",
    "pesan terusan",
    "pesan yang diteruskan",
    "začátek přeposílané zprávy",
    "začátek předané zprávy",
    "započni proslijeđenu poruku",
    "početak proslijeđenje poruke",
    "începe mesajul redirecționat",
    "începutul mesajului redirecţionat",
    "ileti başlangıcı",
    "iletilmiş e-posta",
    "başlangıç: iletilen mesaj",
    "treść przekazanej wiadomości",
    "wiadomość przesłana dalej",
    "początek wiadomości przekazanej",
    "inicio del mensaje reenviado",
    "missatge reenviat",
    "inici del missatge reenviat",
    "persiųstas laiškas",
    "persiųsta žinutė",
    "pārsūtīta ziņa",
    "pārsūtīts ziņojums",
    "прослеђена порука",
    "препратено писмо",
    "начало на препратеното съобщение",
    "chuyển tiếp thư",
    "ข้อความที่ส่งต่อ",
    "áframsent skeyti",
    "mezu birbidalia",
    "edastatud kirja algus",
    "forwarded email",
    "forwarded conversation",
    "weitergeleitete mail",
    "mail transféré",
    "courriel transféré",
    "e-mail transféré",
    "correo reenviado",
    "email inoltrata",
    "mail inoltrata",
    "e-mail encaminhado",
    "doorgestuurde e-mail",
    "doorgestuurde mail",
];

/// Announcements of the mail that is answered, lower case.
const ORIGINAL: &[&str] = &[
    "original message",
    "original mail",
    "original email",
    "original appointment",
    "reply message",
    "ursprüngliche nachricht",
    "originalnachricht",
    "original-nachricht",
    "ursprungliche nachricht",
    "urspruengliche nachricht",
    "message d'origine",
    "message d’origine",
    "message original",
    "message initial",
    "mensaje original",
    "messaggio originale",
    "messaggio originario",
    "mensagem original",
    "oorspronkelijk bericht",
    "oorspronkelijke bericht",
    "origineel bericht",
    "ursprungligt meddelande",
    "originalmeddelande",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "opprinnelig meddelelse",
    "original meddelelse",
    "alkuperäinen viesti",
    "algne kiri",
    "původní zpráva",
    "původní e-mail",
    "pôvodná správa",
    "oryginalna wiadomość",
    "wiadomość oryginalna",
    "wiadomość źródłowa",
    "eredeti üzenet",
    "izvorna poruka",
    "originalna poruka",
    "mesaj original",
    "mesajul original",
    "исходное сообщение",
    "оригинальное сообщение",
    "исходное письмо",
    "вихідне повідомлення",
    "оригинално съобщение",
    "özgün ileti",
    "orijinal mesaj",
    "orijinal ileti",
    "αρχικό μήνυμα",
    "元のメッセージ",
    "原始邮件",
    "原始郵件",
    "原邮件",
    "원본 메시지",
    "원본 메일",
    "הודעה מקורית",
    "الرسالة الأصلية",
    "thư gốc",
    "pesan asli",
    "izvorno sporočilo",
];

/// Prefixes of a forward's subject, lower case, without colon.
const FORWARD_PREFIXES: &[&str] = &[
    "fwd",
    "fw",
    "wg",
    "tr",
    "rv",
    "enc",
    "vs",
    "vb",
    "pd",
    "vl",
    "i",
    "inoltra",
    "inoltrato",
    "fs",
    "pv",
    "doorst",
    "doorgestuurd",
    "redir",
    "redir.",
    "tov",
    "továbbítás",
    "ilt",
    "ynt-ilt",
    "res-enc",
    "encaminhado",
    "transf",
    "转发",
    "轉寄",
    "转寄",
    "전달",
    "fwd.",
    "пересл",
    "hl",
    "přep",
    "fyi",
    "πρθ",
    "proth",
    "edast",
    "edasi",
    "пренасочено",
    "препр",
    "reenv",
    "reenviado",
    "videresendt",
    "προωθ",
    "転送",
];

/// Prefixes of an answer's subject, lower case, without colon.
const REPLY_PREFIXES: &[&str] = &[
    "re", "aw", "sv", "antw", "antwort", "odp", "res", "ref", "rif", "ynt", "yan", "yanıt", "vs", "vá", "bls", "r",
    "rsp", "回复", "回覆", "答复", "返信", "답장", "відп", "отв", "на", "απ", "σχετ", "ats", "atb", "re²",
];

/// Reads a line as an announcement. The second value is what stands behind it on the same line.
pub fn marker(line: &str) -> Option<(Marker, &str)> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '>' | '|' | '\u{feff}')).trim_end();
    let inner = line.trim_start_matches(|c: char| is_rule(c) || c.is_whitespace() || c == '*');
    let dashed = line.len() - inner.len() >= 3 && line.starts_with(is_rule);
    // Cheap ways out: long running text, or nothing left.
    if inner.is_empty() || inner.len() > 4000 || !dashed && line.len() > 160 {
        return None;
    }
    let (phrase, rest) = match inner.find(is_rule) {
        Some(_) if !dashed => (inner, ""),
        Some(_) => {
            // The phrase ends where the dashes begin again; a single dash belongs to a word.
            let end = inner
                .find("--")
                .or_else(|| inner.find("__"))
                .or_else(|| inner.find("—"))
                .or_else(|| inner.find("=="))
                .unwrap_or(inner.len());
            (&inner[..end], inner[end..].trim_start_matches(|c: char| is_rule(c) || c.is_whitespace()))
        }
        None => (inner, ""),
    };
    let phrase =
        phrase.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：' | '*' | '_' | '.' | '-' | '>'));
    if phrase.is_empty() || phrase.len() > 120 {
        return None;
    }
    let colon = inner.trim_end().ends_with([':', '：']);
    if !dashed && !colon {
        return None;
    }
    let lower = lower(phrase);
    let forward = FORWARD.contains(&lower.as_str())
        || dashed && (lower.starts_with("forwarded by ") || lower.starts_with("forwarded message from "));
    if forward {
        return Some((Marker::Forward, rest));
    }
    (dashed && ORIGINAL.contains(&lower.as_str())).then_some((Marker::Original, rest))
}

/// Lower case; the Turkish capital dotted I becomes a plain i.
fn lower(text: &str) -> String {
    text.to_lowercase().replace("i\u{307}", "i")
}

fn is_rule(c: char) -> bool {
    matches!(c, '-' | '_' | '=' | '—' | '–' | '─' | '━')
}

/// Tells whether a line is a rule: dashes or underscores alone, as Outlook draws above a quoted mail.
pub fn is_rule_line(line: &str) -> bool {
    let line = line.trim();
    line.chars().count() >= 5 && line.chars().all(is_rule)
}

/// What a subject's first prefix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// A forward's prefix, in any language.
    Forward,
    /// An answer's prefix.
    Reply,
    /// A Finnish, Danish or Norwegian `VS:`: either.
    Either,
    /// None known.
    None,
}

/// Looks at a subject's first prefix; list tags in brackets are skipped.
pub fn prefix(subject: &str) -> Prefix {
    let mut subject = subject.trim();
    while let Some(rest) = subject.strip_prefix('[').and_then(|s| s.split_once(']')) {
        subject = rest.1.trim_start();
    }
    let Some((at, _)) = subject.char_indices().take(14).find(|(_, c)| matches!(c, ':' | '：')) else {
        return Prefix::None;
    };
    let word = lower(subject[..at].trim());
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')'));
    match (FORWARD_PREFIXES.contains(&word), REPLY_PREFIXES.contains(&word)) {
        (true, true) => Prefix::Either,
        (true, false) => Prefix::Forward,
        (false, true) => Prefix::Reply,
        _ => Prefix::None,
    }
}

/// Removes a forward's or answer's first prefix from a subject.
pub fn without_prefix(subject: &str) -> &str {
    match prefix(subject) {
        Prefix::None => subject.trim(),
        _ => subject.split_once([':', '：']).map_or(subject, |(_, rest)| rest).trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E7.4, E7.5.
    #[test]
    fn announcements() {
        for line in [
            "---------- Forwarded message ---------",
            "> Anfang der weitergeleiteten Nachricht:",
            "Begin forwarded message:",
            "-------- Välitetty viesti / Fwd.Msg --------",
            "  ----- Forwarded Message ----- From: A <a@b.example>",
        ] {
            assert_eq!(marker(line).map(|m| m.0), Some(Marker::Forward), "{line}");
        }
        assert_eq!(marker("-----Ursprüngliche Nachricht-----").map(|m| m.0), Some(Marker::Original));
        assert_eq!(marker("  ----- Forwarded Message ----- From: A").map(|m| m.1), Some("From: A"));
        for line in ["I saw the forwarded message", "Forwarded message", "--", "----", "original message:"] {
            assert_eq!(marker(line), None, "{line}");
        }
    }

    /// E7.5.
    #[test]
    fn prefixes() {
        assert_eq!(prefix("WG: x"), Prefix::Forward);
        assert_eq!(prefix("[list] Re[2]: x"), Prefix::Reply);
        assert_eq!(prefix("VS: x"), Prefix::Either);
        assert_eq!(prefix("Invoice: x"), Prefix::None);
        assert_eq!(without_prefix("Fwd: Re: x"), "Re: x");
    }
}
