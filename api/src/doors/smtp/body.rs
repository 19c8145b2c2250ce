//! What follows DATA: octets in, the mail out. Pure.
//!
//! Only CRLF.CRLF ends a mail (E10.7). A bare CR or LF means that some server on the way may have seen other mails in
//! these octets than we do (CVE-2023-51764, -51765, -51766): such a mail is read to its end and refused as a whole.

/// Reads one mail, dots unstuffed (RFC 5321 4.5.2).
#[derive(Debug)]
pub struct Body {
    mail: Vec<u8>,
    most: usize,
    at: At,
    too_big: bool,
    bare: bool,
}

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Behind a CRLF, or at the very beginning.
    LineStart,
    /// Within a line.
    Line,
    /// Behind a CR, which may be half of a line's end.
    Cr,
    /// Behind a dot that began a line.
    Dot,
    /// Behind such a dot and a CR.
    DotCr,
}

/// A mail that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Its octets.
    Mail(Vec<u8>),
    /// It was larger than may be; its octets are gone.
    TooBig,
    /// It held a bare CR or LF.
    BareLineEnd,
}

impl Body {
    /// Begins a mail of at most `most` octets.
    pub fn new(most: usize) -> Body {
        Body { mail: Vec::new(), most, at: At::LineStart, too_big: false, bare: false }
    }

    /// Takes octets up to the mail's end. Returns how many it took, and whether that was the end.
    pub fn push(&mut self, input: &[u8]) -> (usize, bool) {
        let mut used = 0;
        while used < input.len() {
            if self.at == At::Line {
                // Most octets are neither: taken in one piece.
                let run = input[used..].iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(input.len() - used);
                self.take(&input[used..used + run]);
                used += run;
                if used == input.len() {
                    break;
                }
            }
            let octet = input[used];
            used += 1;
            self.at = match (self.at, octet) {
                (At::DotCr, b'\n') => return (used, true),
                (At::Cr, b'\n') => {
                    self.take(b"\r\n");
                    At::LineStart
                }
                (At::Cr | At::DotCr, _) | (_, b'\n') => {
                    self.bare = true;
                    if octet == b'\r' { At::Cr } else { At::Line }
                }
                (At::Dot, b'\r') => At::DotCr,
                (_, b'\r') => At::Cr,
                (At::LineStart, b'.') => At::Dot,
                (At::LineStart | At::Line | At::Dot, _) => {
                    self.take(&[octet]);
                    At::Line
                }
            };
        }
        (used, false)
    }

    /// How many octets are held.
    pub fn len(&self) -> usize {
        self.mail.len()
    }

    /// Keeps nothing of the mail any more, and still finds its end.
    pub fn abandon(&mut self) {
        self.too_big = true;
        self.mail = Vec::new();
    }

    /// Returns what came of it, once its end was seen.
    pub fn end(self) -> Ended {
        match (self.bare, self.too_big) {
            (true, _) => Ended::BareLineEnd,
            (_, true) => Ended::TooBig,
            _ => Ended::Mail(self.mail),
        }
    }

    /// Of a mail that will be refused nothing is kept, however long it goes on.
    fn take(&mut self, octets: &[u8]) {
        if self.mail.len() + octets.len() > self.most {
            self.too_big = true;
        }
        if self.too_big || self.bare {
            self.mail = Vec::new();
        } else {
            self.mail.extend_from_slice(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `wire` in pieces of `step`; returns what came of it and what was left.
    fn read(wire: &[u8], most: usize, step: usize) -> Option<(Ended, Vec<u8>)> {
        let mut body = Body::new(most);
        let mut at = 0;
        while at < wire.len() {
            let piece = &wire[at..wire.len().min(at + step)];
            let (used, done) = body.push(piece);
            at += used;
            if done {
                return Some((body.end(), wire[at..].to_vec()));
            }
        }
        None
    }

    fn mail(octets: &[u8]) -> Ended {
        Ended::Mail(octets.to_vec())
    }

    /// E10.7.
    #[test]
    fn a_dot_alone_on_a_line_ends_the_mail_and_others_are_unstuffed() {
        for (wire, expected) in [
            (&b"a\r\n.\r\n"[..], mail(b"a\r\n")),
            (b".\r\n", mail(b"")),
            (b"..\r\n.\r\n", mail(b".\r\n")),
            (b"..a\r\n.b\r\n.\r\n", mail(b".a\r\nb\r\n")),
            (b"a.\r\n\r\n.\r\n", mail(b"a.\r\n\r\n")),
            (b"...\r\n.\r\n", mail(b"..\r\n")),
        ] {
            for step in 1..=wire.len() {
                assert_eq!(read(wire, 100, step), Some((expected.clone(), vec![])), "{wire:?} by {step}");
            }
        }
    }

    /// E10.7 (T64): whatever looks like an end to somebody else is none here, and the mail is refused as one.
    #[test]
    fn t64_no_other_end_ends_a_mail() {
        for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r\n\x00.\n", "\r\r\n.\r\r\n"] {
            let wire = format!("a{end}MAIL FROM:<x@y.example>\r\n.\r\nQUIT\r\n");
            for step in [1, 2, 3, 1000] {
                let got = read(wire.as_bytes(), 1000, step);
                assert_eq!(got, Some((Ended::BareLineEnd, b"QUIT\r\n".to_vec())), "{end:?} by {step}");
            }
        }
    }

    /// E10.9.
    #[test]
    fn a_mail_too_big_is_read_to_its_end_and_not_kept() {
        let wire = [b"x".repeat(101).as_slice(), b"\r\n.\r\nNOOP"].concat();
        assert_eq!(read(&wire, 102, 7), Some((Ended::TooBig, b"NOOP".to_vec())));
        assert_eq!(read(&wire, 103, 7).map(|(e, _)| matches!(e, Ended::Mail(_))), Some(true));
    }

    proptest! {
        /// E10.7: what a client stuffs comes out as it was, however the network cut it.
        #[test]
        fn lines_survive(lines in prop::collection::vec("[ -~]{0,6}|\\.[.x]{0,3}", 0..20), step in 1usize..30) {
            let text: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
            let wire: String = lines.iter().map(|l| if l.starts_with('.') { format!(".{l}\r\n") } else { format!("{l}\r\n") }).collect();
            let wire = format!("{wire}.\r\nrest");
            prop_assert_eq!(read(wire.as_bytes(), 10_000, step), Some((mail(text.as_bytes()), b"rest".to_vec())));
        }

        /// E10.7: any octets: a mail without bare ends, or a refusal; the cut never matters, nothing is made up.
        #[test]
        fn any_octets_end_only_behind_crlf_dot_crlf(octets in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..40), step in 1usize..9) {
            let wire = [octets.as_slice(), b"a\r\n.\r\n"].concat();
            let (ended, left) = read(&wire, 10_000, step).expect("it ends");
            prop_assert_eq!(read(&wire, 10_000, wire.len()), Some((ended.clone(), left.clone())));
            let taken = &wire[..wire.len() - left.len()];
            prop_assert!(taken == b".\r\n" || taken.ends_with(b"\r\n.\r\n"));
            if let Ended::Mail(mail) = ended {
                let bare = mail.iter().enumerate().any(|(i, b)| match b {
                    b'\n' => i == 0 || mail[i - 1] != b'\r',
                    b'\r' => mail.get(i + 1) != Some(&b'\n'),
                    _ => false,
                });
                prop_assert!(!bare && mail.len() <= taken.len());
            }
        }
    }
}
