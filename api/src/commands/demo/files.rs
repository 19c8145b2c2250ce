//! The files that the demo's people send: a real screenshot and real PDFs, small, made here.

use std::fmt::Write;

/// A raster that is drawn on in rectangles.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    fn new(width: usize, height: usize, colour: [u8; 3]) -> Picture {
        Picture { width, height, rgb: colour.repeat(width * height) }
    }

    fn fill(&mut self, (x, y): (usize, usize), (w, h): (usize, usize), colour: [u8; 3]) {
        for row in y..(y + h).min(self.height) {
            for column in x..(x + w).min(self.width) {
                let at = 3 * (row * self.width + column);
                self.rgb[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    /// Returns the picture as a PNG (ISO/IEC 15948): eight bits a channel, stored uncompressed.
    fn png(&self) -> Vec<u8> {
        let rows: Vec<u8> = self.rgb.chunks(3 * self.width).flat_map(|row| [&[0], row].concat()).collect();
        let mut head = Vec::new();
        head.extend((self.width as u32).to_be_bytes());
        head.extend((self.height as u32).to_be_bytes());
        head.extend([8, 2, 0, 0, 0]);
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [(b"IHDR", head), (b"IDAT", zlib(&rows)), (b"IEND", Vec::new())] {
            png.extend((data.len() as u32).to_be_bytes());
            let chunk = [&kind[..], &data].concat();
            png.extend(&chunk);
            png.extend(crc32(&chunk).to_be_bytes());
        }
        png
    }
}

/// Wraps data in a zlib stream of stored blocks (RFC 1950, RFC 1951 3.2.4).
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = data.chunks(0xffff).collect();
    for (n, block) in blocks.iter().enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(n + 1 == blocks.len()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(*block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    out.extend(((b << 16) | a).to_be_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    };
    !data.iter().fold(u32::MAX, step)
}

/// Returns a screenshot of a page with an error on it.
pub fn screenshot() -> Vec<u8> {
    const GREY: [u8; 3] = [203, 213, 225];
    const RED: [u8; 3] = [220, 38, 38];
    let mut page = Picture::new(160, 100, [248, 250, 252]);
    page.fill((0, 0), (160, 14), [30, 41, 59]);
    page.fill((6, 5), (30, 4), [248, 250, 252]);
    page.fill((0, 14), (34, 86), [226, 232, 240]);
    (0..5).for_each(|i| page.fill((6, 22 + 12 * i), (22, 3), GREY));
    page.fill((46, 28), (102, 30), [254, 226, 226]);
    page.fill((46, 28), (3, 30), RED);
    page.fill((56, 35), (44, 5), RED);
    page.fill((56, 46), (80, 3), [252, 165, 165]);
    (0..3).for_each(|i| page.fill((46, 68 + 9 * i), (90 - 14 * i, 3), GREY));
    page.png()
}

/// Returns a PDF of one page that shows these lines, of ASCII alone.
pub fn pdf(lines: &[&str]) -> Vec<u8> {
    let mut text = String::from("BT /F1 12 Tf 60 780 Td 18 TL");
    for line in lines {
        let escaped = line.replace('\\', r"\\").replace('(', r"\(").replace(')', r"\)");
        let _ = write!(text, " ({escaped}) Tj T*");
    }
    text.push_str(" ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>"
            .to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        places.push(out.len());
        let _ = write!(out, "{} 0 obj\n{object}\nendobj\n", n + 1);
    }
    let table = out.len();
    let _ = write!(out, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for place in places {
        let _ = writeln!(out, "{place:010} 00000 n ");
    }
    let _ = write!(out, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(zlib(b"Wikipedia")[16..], 0x11e6_0398u32.to_be_bytes());
    }

    #[test]
    fn a_png_of_whole_chunks() {
        let png = screenshot();
        let mut at = 8;
        let mut kinds = Vec::new();
        while at < png.len() {
            let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
            kinds.push(String::from_utf8(png[at + 4..at + 8].to_vec()).unwrap());
            at += 12 + length;
        }
        assert_eq!((at, kinds.join(" ").as_str()), (png.len(), "IHDR IDAT IEND"));
    }

    #[test]
    fn a_pdf_whose_table_points_at_its_objects() {
        let pdf = String::from_utf8(pdf(&["a (b)"])).unwrap();
        let table: usize = pdf.lines().rev().nth(1).unwrap().parse().unwrap();
        let places: Vec<usize> =
            pdf[table..].lines().skip(3).map_while(|l| l.split(' ').next()?.parse().ok()).take(5).collect();
        for (n, place) in places.iter().enumerate() {
            assert!(pdf[*place..].starts_with(&format!("{} 0 obj", n + 1)));
        }
        assert!(places.len() == 5 && pdf.contains(r"(a \(b\)) Tj"));
    }
}
