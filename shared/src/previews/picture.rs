//! Thumbnails of images, within bounds: a picture that says it has a billion pixels is refused before any is decoded.

use super::Picture;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// The longest side of a picture that is decoded, in pixels.
const MOST_SIDE: u32 = 16_384;
/// How much memory decoding may take.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
const JPEG_QUALITY: u8 = 82;

/// Draws a picture small: its longest side has `side` pixels at most. What is smaller stays as large as it is.
///
/// # Errors
/// A clause about why it cannot be decoded.
pub(super) fn thumbnail(bytes: &[u8], side: u32) -> Result<Picture, String> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    match reader.format() {
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP) => {}
        other => return Err(format!("not a picture of a known kind: {other:?}")),
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    // Asked of the decoder, this counts what it needs besides; the picture itself is ours to count.
    limits.reserve(decoder.total_bytes()).map_err(|e| e.to_string())?;
    decoder.set_limits(limits).map_err(|e| e.to_string())?;
    // Telephones write pictures as the sensor lay, and say how to turn them.
    let turned = decoder.orientation().map_err(|e| e.to_string())?;
    let mut whole = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    if whole.width() > side || whole.height() > side {
        whole = whole.thumbnail(side, side);
    }
    whole.apply_orientation(turned);
    encode(whole)
}

fn encode(picture: DynamicImage) -> Result<Picture, String> {
    let (width, height) = (picture.width(), picture.height());
    let mut out = Cursor::new(Vec::new());
    let content_type = if picture.color().has_alpha() {
        picture.to_rgba8().write_to(&mut out, ImageFormat::Png).map_err(|e| e.to_string())?;
        "image/png"
    } else {
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
        picture.to_rgb8().write_with_encoder(encoder).map_err(|e| e.to_string())?;
        "image/jpeg"
    };
    Ok(Picture { content_type, width, height, bytes: out.into_inner() })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use image::{ImageBuffer, Rgb, Rgba};
    use proptest::prelude::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let picture = ImageBuffer::from_pixel(width, height, Rgb([200_u8, 30, 30]));
        picture.write_to(&mut out, ImageFormat::Png).expect("a picture");
        out.into_inner()
    }

    /// A PNG of a few octets that says, with a right checksum, how large it is.
    pub fn bomb(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = png(8, 8);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
        bytes
    }

    #[test]
    fn the_longest_side_is_bounded_and_the_shape_stays() {
        for (width, height, expected) in
            [(1000, 500, (320, 160)), (500, 1000, (160, 320)), (30, 20, (30, 20)), (4000, 2, (320, 1))]
        {
            let small = thumbnail(&png(width, height), 320).expect("a thumbnail");
            assert_eq!((small.width, small.height, small.content_type), (expected.0, expected.1, "image/jpeg"));
        }
        let mut out = Cursor::new(Vec::new());
        let clear = ImageBuffer::from_pixel(400, 400, Rgba([0_u8, 0, 0, 10]));
        clear.write_to(&mut out, ImageFormat::Png).expect("a picture");
        assert_eq!(thumbnail(&out.into_inner(), 320).expect("a thumbnail").content_type, "image/png");
    }

    /// A header is written in a moment; what it claims is not believed (E12.6).
    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused() {
        assert!(thumbnail(&bomb(60_000, 60_000), 320).expect_err("too long").contains("imit"));
        // Within the longest side, and 750 MB all the same.
        assert!(thumbnail(&bomb(16_000, 16_000), 320).expect_err("too much").contains("emory"));
        let mut bomb = b"GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00".to_vec();
        bomb.extend_from_slice(b"\xff\xff\xff\xff\x00\x02\x02D\x01\x00;");
        assert!(thumbnail(&bomb, 320).is_err());
        assert!(thumbnail(b"%PDF-1.4", 320).is_err());
        assert!(thumbnail(b"", 320).is_err());
    }

    proptest! {
        /// Whatever the bytes, no panic and no endless loop.
        #[test]
        fn broken_pictures_are_refused(mut bytes in Just(png(64, 48)), at in 0_usize..160, with: u8, cut in 0_usize..160) {
            let at = at % bytes.len();
            bytes[at] = with;
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            if let Ok(small) = thumbnail(&bytes, 320) {
                prop_assert!(small.width <= 320 && small.height <= 320);
            }
        }
    }
}
