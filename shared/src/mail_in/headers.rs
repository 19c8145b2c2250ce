//! The header block as a list of raw fields. Tolerant: a stray line is skipped, a mail without a blank line is
//! still split. Nothing is decoded here (see `parse::words`).

/// Most fields that are read of one block (E10.9).
pub const MAX_FIELDS: usize = 2000;
/// Most bytes of one block that are read as header (E10.9).
pub const MAX_BLOCK_BYTES: usize = 512 * 1024;
/// Most bytes of one field's value that are kept (E10.9).
pub const MAX_FIELD_BYTES: usize = 64 * 1024;

/// One field as received: the value may contain folds.
#[derive(Debug, Clone, Copy)]
pub struct RawField<'a> {
    /// The name, as written, without trailing blanks.
    pub name: &'a [u8],
    /// What stands behind the colon, folds included, without the last line end.
    pub value: &'a [u8],
}

/// A header block and where its body begins.
#[derive(Debug, Default)]
pub struct Block<'a> {
    /// The fields in order.
    pub fields: Vec<RawField<'a>>,
    /// Offset of the body within the bytes given.
    pub body: usize,
    /// A line was no header field (E2.13).
    pub stray_line: bool,
    /// A limit of E10.9 was hit.
    pub limited: bool,
}

impl<'a> Block<'a> {
    /// Returns the first value of a field by its lower-case name, with folds.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name.as_bytes())).map(|f| f.value)
    }
}

/// Splits a header block off the beginning of `data`.
pub fn split(data: &[u8]) -> Block<'_> {
    let mut block = Block::default();
    let mut pos = 0;
    // The field being collected: its name and where its value begins and ends.
    let mut open: Option<(&[u8], usize, usize)> = None;
    loop {
        if pos >= data.len() {
            block.body = data.len();
            break;
        }
        let (end, next) = line_end(data, pos);
        let line = &data[pos..end];
        if line.is_empty() {
            block.body = next;
            break;
        }
        let folded = line[0] == b' ' || line[0] == b'\t';
        if folded && (!is_blank(line) || goes_on(&data[next..])) && open.is_some() {
            if let Some(field) = open.as_mut() {
                field.2 = end;
            }
        } else if is_blank(line) {
            block.body = next;
            break;
        } else if let Some(colon) = field_colon(line) {
            close(&mut block, data, open.take());
            open = Some((trim_end(&line[..colon]), pos + colon + 1, end));
        } else if begins_field(&data[next..]) || next >= data.len() && !block.fields.is_empty() {
            block.stray_line = true;
        } else {
            block.stray_line = true;
            block.body = pos;
            break;
        }
        if next > MAX_BLOCK_BYTES || block.fields.len() >= MAX_FIELDS {
            block.limited = true;
            block.body = rest_of_block(data, next);
            break;
        }
        pos = next;
    }
    close(&mut block, data, open);
    block
}

fn close<'a>(block: &mut Block<'a>, data: &'a [u8], open: Option<(&'a [u8], usize, usize)>) {
    let Some((name, start, end)) = open else { return };
    let mut value = &data[start..end];
    if value.len() > MAX_FIELD_BYTES {
        // Line ends must not matter: CR does not count.
        let mut left = MAX_FIELD_BYTES;
        let cut = value.iter().position(|&b| b != b'\r' && left.checked_sub(1).map(|n| left = n).is_none());
        block.limited |= cut.is_some();
        value = &value[..cut.unwrap_or(value.len())];
    }
    block.fields.push(RawField { name, value });
}

/// Where the body begins, looking for the next empty line only.
fn rest_of_block(data: &[u8], mut pos: usize) -> usize {
    while pos < data.len() {
        let (end, next) = line_end(data, pos);
        if end == pos {
            return next;
        }
        pos = next;
    }
    pos
}

/// Returns the end of the line that begins at `pos`, without and with its line end (LF or CRLF).
pub fn line_end(data: &[u8], pos: usize) -> (usize, usize) {
    match data[pos..].iter().position(|&b| b == b'\n') {
        Some(0) => (pos, pos + 1),
        Some(n) if data[pos + n - 1] == b'\r' => (pos + n - 1, pos + n + 1),
        Some(n) => (pos + n, pos + n + 1),
        None => (data.len(), data.len()),
    }
}

/// Tells whether the header goes on behind a blank fold: a field or a further fold follows, or the header's end.
fn goes_on(data: &[u8]) -> bool {
    let mut pos = 0;
    for _ in 0..8 {
        let (end, next) = line_end(data, pos);
        let line = &data[pos..end];
        if !is_blank(line) {
            return matches!(line[0], b' ' | b'\t') || field_colon(line).is_some();
        }
        if line.is_empty() || next >= data.len() {
            return !data.is_empty();
        }
        pos = next;
    }
    false
}

/// Tells whether the bytes begin with a line that looks like a header field.
fn begins_field(data: &[u8]) -> bool {
    if data.is_empty() {
        return false;
    }
    let (end, _) = line_end(data, 0);
    field_colon(&data[..end]).is_some()
}

/// Where the colon stands, if the line is a header field: a name of printable ASCII without blanks (a blank
/// before the colon is forgiven).
pub fn field_colon(line: &[u8]) -> Option<usize> {
    let colon = line.iter().take(256).position(|&b| b == b':')?;
    let name = trim_end(&line[..colon]);
    (!name.is_empty() && name.iter().all(|b| (33..=126).contains(b))).then_some(colon)
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'))
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(raw: &str) -> (Vec<String>, String) {
        let block = split(raw.as_bytes());
        let names = block.fields.iter().map(|f| String::from_utf8_lossy(f.name).into_owned()).collect();
        (names, raw[block.body..].to_owned())
    }

    #[test]
    fn folds_belong_to_their_field() {
        let raw = b"A: 1\r\n 2\r\n\t3\r\nB: x\r\n\r\nbody";
        let block = split(raw);
        assert_eq!(block.get("a"), Some(&b" 1\r\n 2\r\n\t3"[..]));
        assert_eq!(&raw[block.body..], b"body");
    }

    #[test]
    fn stray_line_is_skipped() {
        assert_eq!(names("A: 1\njunk line\nB: 2\n\nbody"), (vec!["A".into(), "B".into()], "body".into()));
    }

    #[test]
    fn body_without_blank_line() {
        assert_eq!(names("A: 1\nHello there\nyou"), (vec!["A".into()], "Hello there\nyou".into()));
    }

    #[test]
    fn blank_fold_before_a_field_continues() {
        assert_eq!(names("A: 1\n \nB: 2\n\nx").0, ["A", "B"]);
        assert_eq!(names("A: 1\n \nHello\n"), (vec!["A".into()], "Hello\n".into()));
        assert_eq!(names("To: a,\n\t\n b\nB: 2\n\nx").0, ["To", "B"]);
    }

    /// E10.9: a field is cut at the same letter whatever the line ends are.
    #[test]
    fn long_field_is_cut() {
        let lf = format!("A: {}\n\nx", "y\n ".repeat(40_000));
        let crlf = lf.replace('\n', "\r\n");
        let cut = |raw: &str| {
            let block = split(raw.as_bytes());
            assert!(block.limited);
            String::from_utf8_lossy(block.fields[0].value).replace('\r', "")
        };
        assert_eq!(cut(&lf), cut(&crlf));
        assert_eq!(cut(&lf).len(), MAX_FIELD_BYTES);
    }

    #[test]
    fn no_header_at_all() {
        assert_eq!(names("Hello\nyou\n"), (vec![], "Hello\nyou\n".into()));
        assert_eq!(names(""), (vec![], String::new()));
    }
}
