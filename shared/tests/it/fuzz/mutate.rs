//! From seeds to cases.

/// A small generator: the same numbers on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x853c_49e6_748f_ea9b)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }
}

/// Longest case.
const MAX_BYTES: usize = 128 * 1024;

/// What mail is made of, and what breaks readers.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\r\n\r\n",
    b"--",
    b"----",
    b"=",
    b"=\r\n",
    b"=3D",
    b"==",
    b";",
    b":",
    b"\"",
    b"<",
    b">",
    b"@",
    b"(",
    b")",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
    b"\x1b$B",
    b"\x1b(B",
    b"+AGE-",
    b"&#",
    b"&#x110000;",
    b"&nbsp",
    b"\nContent-Type: multipart/mixed; boundary=\"\"\n",
    b"\nContent-Type: multipart/alternative; boundary=b\n\n--b\n",
    b"\nContent-Type: message/rfc822\n\n",
    b"\nContent-Type: text/html; charset=utf-7\n\n",
    b"\nContent-Transfer-Encoding: base64\n\n",
    b"\nContent-Transfer-Encoding: quoted-printable\n\n",
    b"\nContent-Disposition: attachment; filename*0*=utf-8''%e2%80; filename*1*=%ae\n",
    b"\nContent-Type: application/ms-tnef; name=winmail.dat\n\n\x78\x9f\x3e\x22",
    b"\nContent-Type: message/delivery-status\n\n",
    b"\nFinal-Recipient: rfc822; <a@b.example>\nAction: failed\nStatus: 5.1.1\n",
    b"\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:2026",
    b"=?utf-8?B?",
    b"=?utf-8?Q?=C3?=",
    b"=?iso-2022-jp?B?GyRC?=",
    b"?=",
    b"=?x?q?",
    b"\nOn Mon, Nov 2, 2026 at 10:00 AM Jane <j@b.example> wrote:\n",
    b"\n> ",
    b"\n>>>>> ",
    b"\n-- \n",
    b"\n-----Original Message-----\n",
    b"\nFrom: Jane <j@b.example>\nSent: Monday\nTo: us\nSubject: x\n",
    b"---------- Forwarded message ---------\n",
    b"\nbegin 644 x\n#0V%T\n`\nend\n",
    b"\nbegin 644 y\nM",
    b"<div class=\"gmail_quote\">",
    b"<blockquote type=cite>",
    b"<script",
    b"<style>",
    b"</",
    b"<!--",
    b"<a href=\"https://x.example\">https://y.example</a>",
    b"<img src=cid:",
    b"<table><tr><td>",
    b"\xf0\x9f\x98\x80",
    b"550 5.1.1 <a@b.example>... User unknown\n",
    b"References: <",
    b"99999999999999999999",
    b"-1",
    b"%00",
    b"../../",
    b"Date: Mon, 99 Foo 99999 99:99:99 +9999\n",
    b"group: a@b.example, c@d.example;",
];

/// Returns one case: a seed, changed in some places.
pub fn one(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seeds[random.below(seeds.len())].clone();
    data.truncate(MAX_BYTES);
    for _ in 0..1 + random.below(8) {
        change(&mut data, seeds, random);
        data.truncate(MAX_BYTES);
    }
    data
}

fn change(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(data.len() + 1);
    let longest = 1 << random.below(12);
    let len = random.below(longest).min(data.len() - at);
    match random.below(12) {
        0 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => data.insert(at, random.next() as u8),
        2 => drop(data.drain(at..at + len)),
        3 => {
            let copy = data[at..at + len].to_vec();
            let to = random.below(data.len() + 1);
            data.splice(to..to, copy);
        }
        4 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let longest = 1 << random.below(13);
            let piece = other[from..].iter().copied().take(longest).collect::<Vec<_>>();
            data.splice(at..at + len, piece);
        }
        5..=8 => {
            let word = WORDS[random.below(WORDS.len())];
            data.splice(at..at + len.min(random.below(40)), word.iter().copied());
        }
        9 => data.truncate(at),
        10 => {
            let word = WORDS[random.below(WORDS.len())];
            let many = word.repeat(1 + random.below(400));
            data.splice(at..at, many);
        }
        _ => {
            let crlf = random.below(2) == 0;
            let changed: Vec<u8> = match crlf {
                true => data.iter().flat_map(|&b| [Some(b'\r').filter(|_| b == b'\n'), Some(b)]).flatten().collect(),
                false => data.iter().copied().filter(|&b| b != b'\r').collect(),
            };
            *data = changed;
        }
    }
}
