//! What a file is, by its content. Decodes and re-encodes images within limits; never trusts a name or a header.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use ledger_contract::MediaKind;

/// The longest side of an image that is decoded, in pixels.
const MAX_SIDE: u32 = 16_384;
/// Memory for the pixels of one image: 64 megapixels of RGBA.
const MAX_PIXEL_BYTES: u64 = 256 * 1024 * 1024;
/// Visually lossless; what providers themselves deliver.
const JPEG_QUALITY: u8 = 92;

/// Bytes from the start of a file that tell what it is.
pub const SNIFF_BYTES: usize = 12;

/// Kinds of file that we keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
    /// `image/webp`
    Webp,
    /// `video/mp4`
    Mp4,
}

impl Media {
    /// What these first bytes begin; `None`: nothing that we keep.
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Self::Mp4),
            _ => None,
        }
    }

    /// The public output format of this name.
    pub fn of_format(format: &str) -> Option<Self> {
        match format {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            "mp4" => Some(Self::Mp4),
            _ => None,
        }
    }

    /// What a model that makes it is called.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Png | Self::Jpeg | Self::Webp => MediaKind::Image,
            Self::Mp4 => MediaKind::Video,
        }
    }

    /// For `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Mp4 => "video/mp4",
        }
    }

    /// For file names, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Mp4 => "mp4",
        }
    }
}

/// Decodes an image whole and says how large it is.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    let image = DynamicImage::from_decoder(decoder(bytes)?)?;
    Ok((image.width(), image.height()))
}

/// The same image in another format; colour profile and embedded metadata go along where the format has a place for them.
pub fn transcode(bytes: &[u8], to: Media) -> Result<Vec<u8>, ImageError> {
    let mut decoder = decoder(bytes)?;
    let (profile, exif) = (decoder.icc_profile().ok().flatten(), decoder.exif_metadata().ok().flatten());
    let image = DynamicImage::from_decoder(decoder)?;
    let mut out = Vec::new();
    match to {
        Media::Png => encode(PngEncoder::new(&mut out), &image, profile, exif)?,
        Media::Webp => encode(WebPEncoder::new_lossless(&mut out), &eight_bit(&image), profile, exif)?,
        Media::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
            encode(encoder, &DynamicImage::ImageRgb8(image.to_rgb8()), profile, exif)?;
        }
        Media::Mp4 => {
            return Err(ImageError::Unsupported(image::error::UnsupportedError::from_format_and_kind(
                image::error::ImageFormatHint::Unknown,
                image::error::UnsupportedErrorKind::GenericFeature("a still image is no video".to_owned()),
            )));
        }
    }
    Ok(out)
}

fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_PIXEL_BYTES);
    reader.limits(limits);
    reader.into_decoder()
}

/// `WebP` has eight bits a channel, with or without transparency.
fn eight_bit(image: &DynamicImage) -> DynamicImage {
    if image.color().has_alpha() {
        DynamicImage::ImageRgba8(image.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(image.to_rgb8())
    }
}

/// A profile that the format can't carry is left out: the pixels are what was asked for.
fn encode(
    mut encoder: impl ImageEncoder,
    image: &DynamicImage,
    profile: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
) -> Result<(), ImageError> {
    if let Some(profile) = profile {
        let _ = encoder.set_icc_profile(profile);
    }
    if let Some(exif) = exif {
        let _ = encoder.set_exif_metadata(exif);
    }
    encoder.write_image(image.as_bytes(), image.width(), image.height(), image.color().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn png() -> Vec<u8> {
        let mut out = Vec::new();
        let image = DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(4, 2, image::Rgba([10, 200, 30, 255])));
        encode(PngEncoder::new(&mut out), &image, Some(vec![1, 2, 3]), None).unwrap();
        out
    }

    #[test]
    fn an_image_becomes_every_format_and_is_recognised_by_content() {
        for to in [Media::Png, Media::Jpeg, Media::Webp] {
            let made = transcode(&png(), to).unwrap();
            assert_eq!(Media::of(&made), Some(to));
            assert_eq!(dimensions(&made).unwrap(), (4, 2), "{to:?}");
        }
    }

    #[test]
    fn the_colour_profile_goes_along() {
        let made = transcode(&png(), Media::Webp).unwrap();
        assert_eq!(decoder(&made).unwrap().icc_profile().unwrap(), Some(vec![1, 2, 3]));
    }

    #[test]
    fn what_is_no_image_is_told_from_what_is_a_broken_one() {
        assert_eq!(Media::of(b"<html>"), None);
        assert_eq!(Media::of(b""), None);
        assert_eq!(Media::of(b"\0\0\0\x18ftypmp42"), Some(Media::Mp4));
        let whole = png();
        assert!(dimensions(&whole[..whole.len() / 2]).is_err());
    }
}
