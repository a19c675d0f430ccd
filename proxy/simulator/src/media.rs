//! What a finished job delivers: real, decodable files of exactly the size and kind that was asked for, cheap to make,
//! and visibly different from prompt to prompt and from seed to seed.
//!
//! A file is made when it is asked for and never kept: an [`Artwork`] is a few numbers, and the same numbers always
//! give the same bytes. This is no image model and does not pretend to draw the prompt.

mod bits;
mod h264;
mod mp4;
mod pattern;
mod still;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Kind of file, as its providers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lossless still image.
    Png,
    /// Lossy still image.
    Jpeg,
    /// Lossless WebP still image.
    Webp,
    /// H.264 in MP4.
    Mp4,
}

impl Format {
    /// Reads the providers' spellings (`jpg` and `jpeg`, in any case).
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            "mp4" => Some(Self::Mp4),
            _ => None,
        }
    }

    /// The MIME type the file is served with.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Mp4 => "video/mp4",
        }
    }
}

/// Everything that determines one output file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artwork {
    /// Kind of file.
    pub format: Format,
    /// Pixels across; even for video.
    pub width: u32,
    /// Pixels down; even for video.
    pub height: u32,
    /// Length of a video in milliseconds, 0 for a still image.
    pub duration_ms: u32,
    /// Decides colours and shapes; see [`look`].
    pub look: u64,
}

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The image encoder refused, which a size outside a format's limits would cause.
    #[error("image encoder: {0}")]
    Encode(#[from] image::ImageError),
    /// The picture is larger than an H.264 level or an MP4 box can say.
    #[error("video of {width}x{height} is too large")]
    VideoSize {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// The appearance that belongs to a prompt, a seed and the position among a job's outputs.
pub fn look(prompt: &str, seed: u64, index: usize) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update((index as u64).to_be_bytes());
    hash.update(prompt.as_bytes());
    hash.finalize().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Makes the file. Takes up to a second for the largest sizes: call it off the async threads.
pub fn render(artwork: &Artwork) -> Result<Vec<u8>, MediaError> {
    match artwork.format {
        Format::Mp4 => mp4::movie(artwork),
        Format::Png | Format::Jpeg | Format::Webp => still::encode(artwork),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn still_images_decode_to_exactly_the_asked_size_and_kind() {
        let kinds = [
            (Format::Png, image::ImageFormat::Png),
            (Format::Jpeg, image::ImageFormat::Jpeg),
            (Format::Webp, image::ImageFormat::WebP),
        ];
        for (format, kind) in kinds {
            for (width, height) in [(1, 1), (17, 5), (257, 1031), (1408, 608)] {
                let file = render(&Artwork { format, width, height, duration_ms: 0, look: 5 }).unwrap();
                assert_eq!(image::guess_format(&file).unwrap(), kind);
                let decoded = image::load_from_memory(&file).unwrap();
                assert_eq!((decoded.width(), decoded.height()), (width, height));
            }
        }
    }

    #[test]
    fn prompts_seeds_and_positions_all_change_the_picture() {
        let looks = [look("a", 1, 0), look("b", 1, 0), look("a", 2, 0), look("a", 1, 1)];
        let mut different = looks.to_vec();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), looks.len());
        let picture = |look| render(&Artwork { format: Format::Png, width: 64, height: 64, duration_ms: 0, look });
        assert_ne!(picture(looks[0]).unwrap(), picture(looks[1]).unwrap());
    }
}
