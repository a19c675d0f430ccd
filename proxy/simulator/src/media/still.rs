//! Still images through the `image` crate's encoders.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::pattern::Pattern;
use super::{Artwork, Format, MediaError};

/// Encodes a still image of exactly the artwork's size.
pub fn encode(artwork: &Artwork) -> Result<Vec<u8>, MediaError> {
    let (width, height) = (artwork.width, artwork.height);
    let pixels = Pattern::of(artwork.look).picture(width as usize, height as usize);
    let mut file = Vec::new();
    let color = ExtendedColorType::Rgb8;
    match artwork.format {
        Format::Png => {
            // One fixed filter: choosing one per row costs more than it saves on gradients.
            let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Up);
            encoder.write_image(&pixels, width, height, color)?;
        }
        Format::Webp => WebPEncoder::new_lossless(&mut file).write_image(&pixels, width, height, color)?,
        Format::Jpeg | Format::Mp4 => {
            JpegEncoder::new_with_quality(&mut file, 80).write_image(&pixels, width, height, color)?;
        }
    }
    Ok(file)
}
