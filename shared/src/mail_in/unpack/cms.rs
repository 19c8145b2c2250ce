//! CMS (RFC 5652) as far as reading needs it: what sort of message it is, and the content of an opaque signature
//! (RFC 8551 3.5.2). Nothing is verified here.

use std::borrow::Cow;

/// What a CMS message is.
#[derive(Debug, PartialEq, Eq)]
pub enum Cms {
    /// Signed, with the signed octets within.
    Signed(Vec<u8>),
    /// Encrypted: nobody without the key can read it.
    Encrypted,
    /// Something else, or not readable.
    Other,
}

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 16;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const AUTH_ENVELOPED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17];

const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const OCTETS_CONSTRUCTED: u8 = 0x24;
const SEQUENCE: u8 = 0x30;
const EXPLICIT_0: u8 = 0xa0;

/// Reads a CMS message in BER or DER.
pub fn read(data: &[u8]) -> Cms {
    message(data).unwrap_or(Cms::Other)
}

fn message(data: &[u8]) -> Option<Cms> {
    let (outer, _) = element(data, 0)?;
    let (kind, rest) = element(outer.sequence()?, 1)?;
    if kind.tag != OID {
        return None;
    }
    if [ENVELOPED_DATA, ENCRYPTED_DATA, AUTH_ENVELOPED].contains(&kind.content) {
        return Some(Cms::Encrypted);
    }
    if kind.content != SIGNED_DATA {
        return None;
    }
    let (explicit, _) = element(rest, 1)?;
    let (signed, _) = element(explicit.tagged(EXPLICIT_0)?, 2)?;
    let (_version, rest) = element(signed.sequence()?, 3)?;
    let (_digests, rest) = element(rest, 3)?;
    let (encapsulated, _) = element(rest, 3)?;
    let (_content_type, rest) = element(encapsulated.sequence()?, 4)?;
    let (explicit, _) = element(rest, 4)?;
    let (octets, _) = element(explicit.tagged(EXPLICIT_0)?, 5)?;
    octets.octets(5).map(|o| Cms::Signed(o.into_owned()))
}

/// An element of BER.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Element<'a> {
    fn tagged(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    fn sequence(&self) -> Option<&'a [u8]> {
        self.tagged(SEQUENCE)
    }

    /// The octets of a string, which may come in pieces.
    fn octets(&self, depth: usize) -> Option<Cow<'a, [u8]>> {
        match self.tag {
            OCTETS => Some(Cow::Borrowed(self.content)),
            OCTETS_CONSTRUCTED if depth < MAX_DEPTH => {
                let mut out = Vec::new();
                let mut rest = self.content;
                while !rest.is_empty() && rest != [0, 0] {
                    let (piece, more) = element(rest, depth + 1)?;
                    out.extend_from_slice(&piece.octets(depth + 1)?);
                    rest = more;
                }
                Some(Cow::Owned(out))
            }
            _ => None,
        }
    }
}

/// Splits the element that `data` begins with; what follows it is returned with it. Tags of more than one octet do not
/// occur here.
fn element(data: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = data.split_first()?;
    if tag & 0x1f == 0x1f || depth > MAX_DEPTH {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    if first == 0x80 {
        let len = indefinite(rest, depth)?;
        return Some((Element { tag, content: &rest[..len] }, rest.get(len + 2..)?));
    }
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count > 4 {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(count)?;
        (bytes.iter().fold(0usize, |len, b| len << 8 | usize::from(*b)), rest)
    };
    // A message that was cut still shows what there is of it.
    let len = len.min(rest.len());
    let (content, rest) = rest.split_at(len);
    Some((Element { tag, content }, rest))
}

/// How many octets an element of indefinite length holds, its two octets of end not counted.
fn indefinite(data: &[u8], depth: usize) -> Option<usize> {
    let mut rest = data;
    while !rest.starts_with(&[0, 0]) {
        let (_, more) = element(rest, depth + 1)?;
        rest = more;
    }
    Some(data.len() - rest.len())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match content.len() {
            len @ 0..128 => out.push(len as u8),
            len => {
                out.push(0x82);
                out.extend((len as u16).to_be_bytes());
            }
        }
        out.extend(content);
        out
    }

    /// Returns a signed message around `content`, without any signature.
    pub fn signed(content: &[u8]) -> Vec<u8> {
        let inner = [tlv(OID, &[0x2a, 1]), tlv(EXPLICIT_0, &tlv(OCTETS, content))].concat();
        let data = [tlv(2, &[1]), tlv(0x31, &[]), tlv(SEQUENCE, &inner), tlv(0x31, &[])].concat();
        tlv(SEQUENCE, &[tlv(OID, SIGNED_DATA), tlv(EXPLICIT_0, &tlv(SEQUENCE, &data))].concat())
    }

    /// E2.12.
    #[test]
    fn opaque_signature() {
        let text = "Content-Type: text/plain\r\n\r\nhello".repeat(10);
        let data = signed(text.as_bytes());
        assert_eq!(read(&data), Cms::Signed(text.into_bytes()));
        for end in 0..data.len() {
            let _ = read(&data[..end]);
        }
    }

    /// E2.12: lengths that are not said in advance, octets in pieces (as OpenSSL streams them).
    #[test]
    fn indefinite_lengths() {
        let pieces = [vec![0x24, 0x80], tlv(OCTETS, b"hel"), tlv(OCTETS, b"lo"), vec![0, 0]].concat();
        let inner = [tlv(OID, &[0x2a, 1]), vec![0xa0, 0x80], pieces, vec![0, 0]].concat();
        let data = [tlv(2, &[1]), tlv(0x31, &[]), vec![0x30, 0x80], inner, vec![0, 0], tlv(0x31, &[])].concat();
        let all = [vec![0x30, 0x80], tlv(OID, SIGNED_DATA), vec![0xa0, 0x80, 0x30, 0x80], data, vec![0, 0, 0, 0, 0, 0]]
            .concat();
        assert_eq!(read(&all), Cms::Signed(b"hello".to_vec()));
    }

    /// E2.12.
    #[test]
    fn encrypted_and_nonsense() {
        let data = tlv(SEQUENCE, &[tlv(OID, ENVELOPED_DATA), tlv(EXPLICIT_0, &[])].concat());
        assert_eq!(read(&data), Cms::Encrypted);
        assert_eq!(read(b"hello"), Cms::Other);
        assert_eq!(read(&[0x30, 0x80, 0x30, 0x80, 0x30, 0x80]), Cms::Other);
    }
}
