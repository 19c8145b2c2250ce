//! Header blocks within a text, as clients write them above a quoted or forwarded mail (E7.4, E6.2): the label
//! tables of all languages and their reader.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a label stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The author.
    From,
    /// When it was sent.
    Date,
    /// The recipients.
    To,
    /// Further recipients.
    Cc,
    /// The subject.
    Subject,
    /// Attachments, importance, reply address: no evidence, but part of the block.
    Other,
}

const FROM: &[&str] = &[
    "from",
    "sender",
    "von",
    "de",
    "da",
    "van",
    "od",
    "från",
    "fra",
    "lähettäjä",
    "saatja",
    "feladó",
    "mittente",
    "expéditeur",
    "remitente",
    "remetente",
    "afzender",
    "avsender",
    "avsändare",
    "afsender",
    "absender",
    "nadawca",
    "odesílatel",
    "odosielateľ",
    "šalje",
    "pošiljatelj",
    "pošiljalac",
    "de la",
    "expeditor",
    "от",
    "от кого",
    "отправитель",
    "від",
    "від кого",
    "відправник",
    "kimden",
    "gönderen",
    "gönderici",
    "από",
    "αποστολέας",
    "送信元",
    "差出人",
    "发件人",
    "寄件者",
    "寄件人",
    "보낸 사람",
    "보낸사람",
    "발신",
    "من",
    "המאת",
    "מאת",
    "từ",
    "dari",
    "pengirim",
    "จาก",
    "nuo",
    "kirjoittaja",
    "expeditorul",
    "odosielateľ správy",
    "šalje se",
    "пошиљалац",
    "изпращач",
    "подател",
    "siuntėjas",
    "sūtītājs",
    "remitent",
    "pengirim surat",
    "người gửi",
    "보낸이",
    "寄信人",
    "发信人",
    "发送者",
    "發件人",
    "المرسل",
    "מאת השולח",
    "frá",
];
const DATE: &[&str] = &[
    "date",
    "sent",
    "sent on",
    "datum",
    "gesendet",
    "gesendet am",
    "data",
    "fecha",
    "enviado",
    "enviado el",
    "enviado em",
    "enviada",
    "enviada em",
    "envoyé",
    "envoyé le",
    "date d'envoi",
    "inviato",
    "data invio",
    "verzonden",
    "verzonden op",
    "skickat",
    "skickades",
    "sendt",
    "dato",
    "sendt den",
    "lähetetty",
    "päivämäärä",
    "päiväys",
    "saadetud",
    "kuupäev",
    "elküldve",
    "küldve",
    "dátum",
    "datum odeslání",
    "odesláno",
    "odoslané",
    "dátum odoslania",
    "wysłano",
    "wysłane",
    "poslano",
    "poslato",
    "trimis",
    "dată",
    "trimisă",
    "дата",
    "отправлено",
    "надіслано",
    "дата надсилання",
    "изпратено",
    "tarih",
    "gönderildi",
    "gönderilme tarihi",
    "gönderim tarihi",
    "ημερομηνία",
    "εστάλη",
    "στάλθηκε",
    "日付",
    "日時",
    "送信日時",
    "发送时间",
    "日期",
    "傳送日期",
    "寄件日期",
    "날짜",
    "보낸 날짜",
    "보낸날짜",
    "תאריך",
    "נשלח",
    "تاريخ",
    "التاريخ",
    "ngày",
    "đã gửi",
    "tanggal",
    "dikirim",
    "วันที่",
    "odoslaná",
    "poslané",
    "poslané dňa",
    "küldés ideje",
    "data wysłania",
    "data trimiterii",
    "išsiųsta",
    "nosūtīts",
    "datums",
    "enviat",
    "ngày gửi",
    "gửi",
    "时间",
    "時間",
    "发送日期",
    "發送日期",
    "送信日",
    "sent date",
    "date sent",
    "отправлена",
    "відправлено",
    "tarih/saat",
    "εστάλη στις",
    "تم الإرسال",
    "dagsetning",
];
const TO: &[&str] = &[
    "to",
    "an",
    "à",
    "a",
    "para",
    "pour",
    "aan",
    "till",
    "til",
    "vastaanottaja",
    "saaja",
    "kellele",
    "címzett",
    "destinatario",
    "destinataire",
    "destinatário",
    "do",
    "komu",
    "pro",
    "prima",
    "za",
    "către",
    "кому",
    "получатель",
    "одержувач",
    "до",
    "kime",
    "alıcı",
    "προς",
    "送信先",
    "宛先",
    "收件人",
    "收件者",
    "받는 사람",
    "받는사람",
    "수신",
    "אל",
    "إلى",
    "đến",
    "tới",
    "kepada",
    "ถึง",
    "empfänger",
    "ontvanger",
    "adresat",
    "mottaker",
    "mottagare",
    "modtager",
    "destinatar",
    "destinatari",
    "címzettek",
    "pre",
    "primatelj",
    "primalac",
    "за",
    "кого",
    "gavėjas",
    "kam",
    "saņēmējs",
    "per a",
    "người nhận",
    "收信人",
    "发送至",
    "받는이",
    "المرسل إليه",
    "נמען",
    "recipient",
    "recipients",
    "til dem",
];
const CC: &[&str] = &[
    "cc",
    "kopie",
    "kopie (cc)",
    "kopia",
    "kopi",
    "kópia",
    "kopio",
    "copie à",
    "copie",
    "copia",
    "cópia",
    "bilgi",
    "копия",
    "копія",
    "másolat",
    "másolatot kap",
    "dw",
    "udw",
    "kop",
    "kk",
    "koopia",
    "κοιν",
    "κοιν.",
    "κοινοποίηση",
    "抄送",
    "副本",
    "참조",
    "bcc",
    "cci",
    "cco",
    "ccn",
    "hemlig kopia",
    "blindkopie",
    "đồng gửi",
    "tembusan",
    "สำเนา",
    "עותק",
    "نسخة",
];
const SUBJECT: &[&str] = &[
    "subject",
    "betreff",
    "betr",
    "objet",
    "sujet",
    "asunto",
    "assunto",
    "oggetto",
    "onderwerp",
    "ämne",
    "emne",
    "aihe",
    "otsikko",
    "teema",
    "pealkiri",
    "tárgy",
    "téma",
    "předmět",
    "predmet",
    "temat",
    "naslov",
    "subiect",
    "тема",
    "относно",
    "konu",
    "θέμα",
    "件名",
    "主题",
    "主旨",
    "標題",
    "제목",
    "נושא",
    "الموضوع",
    "موضوع",
    "tiêu đề",
    "chủ đề",
    "subjek",
    "perihal",
    "เรื่อง",
    "tema",
    "asia",
    "tēma",
    "assumpte",
    "temat wiadomości",
    "onderwerpregel",
    "предмет",
    "тема письма",
    "主題",
    "邮件主题",
    "titel",
    "vấn đề",
    "efni",
];
const OTHER: &[&str] = &[
    "reply-to",
    "reply to",
    "antwort an",
    "importance",
    "wichtigkeit",
    "priority",
    "attachments",
    "attachment",
    "anlagen",
    "anhänge",
    "pièces jointes",
    "bijlagen",
    "allegati",
    "adjuntos",
    "datos adjuntos",
    "anexos",
    "bilagor",
    "vedlegg",
    "liitteet",
    "sensitivity",
    "message-id",
    "répondre à",
    "responder a",
    "rispondi a",
    "beantwoorden",
    "svara till",
    "svar til",
    "organization",
    "organisation",
    "x-mailer",
    "user-agent",
    "resent-from",
    "newsgroups",
    "references",
    "in-reply-to",
    "categories",
    "signed by",
    "signiert von",
    "mailed-by",
];

static LABELS: LazyLock<HashMap<&'static str, Field>> = LazyLock::new(|| {
    let tables = [
        (OTHER, Field::Other),
        (CC, Field::Cc),
        (TO, Field::To),
        (DATE, Field::Date),
        (SUBJECT, Field::Subject),
        (FROM, Field::From),
    ];
    tables.iter().flat_map(|(names, field)| names.iter().map(|n| (*n, *field))).collect()
});

/// Longest label in bytes.
const MAX_LABEL: usize = 48;

/// A header block found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The fields with their values, in order.
    pub fields: Vec<(Field, String)>,
    /// Number of the line behind the block.
    pub end: usize,
}

impl Block {
    /// Returns the first value of a field.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.fields.iter().find(|(f, _)| *f == field).map(|(_, v)| v.as_str())
    }

    /// Returns how many different telling fields there are.
    pub fn strength(&self) -> usize {
        [Field::From, Field::Date, Field::To, Field::Cc, Field::Subject]
            .iter()
            .filter(|f| self.get(**f).is_some())
            .count()
    }
}

/// Reads a line as `Label: value`; the label in any language, with bold marks or quote marks around it.
pub fn field(line: &str) -> Option<(Field, &str)> {
    let line = line.trim_start_matches(|c: char| {
        c.is_whitespace() || matches!(c, '>' | '*' | '|' | '_' | '\u{feff}' | '\u{200e}' | '\u{200f}')
    });
    let (at, colon) = line.char_indices().take(MAX_LABEL).find(|(_, c)| matches!(c, ':' | '：'))?;
    let label = line[..at].trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '"'));
    if label.is_empty() || label.len() > MAX_LABEL {
        return None;
    }
    let field = *LABELS.get(label.to_lowercase().as_str())?;
    let value = line[at + colon.len_utf8()..]
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '\u{200e}' | '\u{200f}'));
    Some((field, value))
}

/// Reads the header block that begins at line `start`: labels on successive lines, one blank line and folded values
/// between them forgiven. None if that line bears no label.
pub fn block(lines: &[&str], start: usize) -> Option<Block> {
    let (first, value) = field(lines.get(start)?)?;
    let mut fields = vec![(first, value.to_owned())];
    let mut at = start + 1;
    let mut end = at;
    while at < lines.len() && at < start + 40 {
        let line = bare(lines[at]);
        if line.is_empty() {
            // One blank line may stand between labels, never behind the last.
            let more = lines.get(at + 1).and_then(|l| field(l)).is_some_and(|(f, _)| is_new(&fields, f));
            if !more {
                break;
            }
            at += 1;
            continue;
        }
        match field(line) {
            Some((f, value)) if is_new(&fields, f) => {
                fields.push((f, value.to_owned()));
                at += 1;
                end = at;
            }
            Some(_) => break,
            None => {
                // A value that was wrapped: only if another label follows soon.
                let ahead = (at + 1..(at + 4).min(lines.len())).find_map(|n| field(lines[n]));
                let folds = ahead.is_some_and(|(f, _)| is_new(&fields, f));
                let empty_so_far = fields.last().is_some_and(|(_, v)| v.is_empty());
                if !folds && !empty_so_far {
                    break;
                }
                if let Some((_, value)) = fields.last_mut() {
                    if !value.is_empty() {
                        value.push(' ');
                    }
                    value.push_str(line);
                }
                at += 1;
                end = at;
            }
        }
    }
    Some(Block { fields, end })
}

fn is_new(fields: &[(Field, String)], field: Field) -> bool {
    field == Field::Other || !fields.iter().any(|(f, _)| *f == field)
}

/// The line without quote marks and blanks.
pub fn bare(line: &str) -> &str {
    line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '>' | '|' | '\u{feff}')).trim_end()
}

/// Reads a header block that a client wrote in one line (`From: A <a@b>To: c@dSent: …`): cut wherever a label of
/// the table follows without a line end.
pub fn jammed(text: &str) -> Option<Vec<(Field, String)>> {
    let mut fields: Vec<(Field, String)> = Vec::new();
    let mut value_from = 0;
    let mut word_starts: Vec<usize> = Vec::new();
    let mut previous = ' ';
    for (at, c) in text.char_indices().take(4000) {
        if c == ':' || c == '：' {
            // The longest label that ends here. It begins behind a blank, a bracket, or where small letters, digits and
            // signs give way to a capital.
            let candidate = word_starts.iter().filter(|s| at - **s <= MAX_LABEL).find_map(|&s| {
                let label = text[s..at].trim();
                LABELS.get(label.to_lowercase().as_str()).filter(|f| is_new(&fields, **f)).map(|f| (s, *f))
            });
            if let Some((start, field)) = candidate {
                if let Some((_, value)) = fields.last_mut() {
                    *value = text[value_from..start].trim().to_owned();
                } else if !text[..start].trim().is_empty() {
                    return None;
                }
                fields.push((field, String::new()));
                value_from = at + c.len_utf8();
                word_starts.clear();
            }
        }
        if starts_label(previous, c) {
            word_starts.push(at);
            if word_starts.len() > 6 {
                word_starts.remove(0);
            }
        }
        previous = c;
    }
    let (_, last) = fields.last_mut()?;
    *last = text[value_from..].trim().to_owned();
    Some(fields)
}

fn starts_label(previous: char, c: char) -> bool {
    c.is_alphabetic() && (!previous.is_alphabetic() || c.is_uppercase() || !c.is_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        text.lines().collect()
    }

    #[test]
    fn one_label_means_one_field() {
        let mut all: Vec<&str> = [FROM, DATE, TO, CC, SUBJECT].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn labels_of_all_kinds() {
        assert_eq!(field("> *Von:* Jane <j@b.example>"), Some((Field::From, "Jane <j@b.example>")));
        assert_eq!(field("Objet : x"), Some((Field::Subject, "x")));
        assert_eq!(field("件名：x"), Some((Field::Subject, "x")));
        assert_eq!(field("Note: x"), None);
    }

    #[test]
    fn block_with_fold_and_blank() {
        let text =
            lines("From: A <a@b.example>\nSent: Monday\nTo: c@d.example;\n e@f.example\n\nSubject: s\nBody: text");
        let block = block(&text, 0).unwrap();
        assert_eq!((block.strength(), block.end), (4, 6));
        assert_eq!(block.get(Field::To), Some("c@d.example; e@f.example"));
    }

    #[test]
    fn jammed_block() {
        let got = jammed(" Od: A <a@b.example>Komu: \"c@d.example\" <c@d.example>Odoslané: utorok 2. novembra 2021, 09:26:50 SEČPredmet: Re: x").unwrap();
        let fields: Vec<_> = got.iter().map(|(f, v)| (*f, v.as_str())).collect();
        assert_eq!(fields[0], (Field::From, "A <a@b.example>"));
        assert_eq!(fields[2].0, Field::Date);
        assert_eq!(fields[3], (Field::Subject, "Re: x"));
    }
}
