//! What an input asks for: how many files, of which kind, how large, how long. The native words differ little between
//! replicate, which passes the models' own inputs through, and fal.

use serde_json::{Map, Value};

use crate::media::{self, Artwork, Format};
use crate::paces::Kind;
use crate::provider::Provider;
use crate::sizes::{self, Size};

/// Most files of one job.
const COUNT_LIMIT: u64 = 15;
/// Longest video in milliseconds.
const DURATION_LIMIT_MS: u64 = 60_000;

/// The files of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Pixels.
    pub size: Size,
    /// Kind of file.
    pub format: Format,
    /// Number of files.
    pub count: usize,
    /// Milliseconds, 0 for images.
    pub duration_ms: u32,
}

impl Wanted {
    /// The files, as they look for a prompt and a seed.
    pub fn artworks(&self, prompt: &str, seed: u64) -> Vec<Artwork> {
        let &Self { size: (width, height), format, count, duration_ms } = self;
        let artwork = |index| Artwork { format, width, height, duration_ms, look: media::look(prompt, seed, index) };
        (0..count).map(artwork).collect()
    }

    /// One image.
    pub fn image(size: Size, format: Format) -> Self {
        Self { size, format, count: 1, duration_ms: 0 }
    }
}

/// A native input.
pub struct Input<'a> {
    provider: Provider,
    model: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Input<'a> {
    /// An input of a model.
    pub fn new(provider: Provider, model: &'a str, fields: &'a Map<String, Value>) -> Self {
        Self { provider, model, fields }
    }

    /// What it asks for.
    pub fn wanted(&self) -> Wanted {
        match Kind::of(self.model) {
            Kind::Video => {
                let (width, height) = self.video_size();
                let size = (width.next_multiple_of(2), height.next_multiple_of(2));
                Wanted { size, format: Format::Mp4, count: 1, duration_ms: self.duration_ms() }
            }
            Kind::Image => {
                Wanted { size: self.image_size(), format: self.format(), count: self.count(), duration_ms: 0 }
            }
        }
    }

    fn text(&self, field: &str) -> Option<&'a str> {
        self.fields.get(field)?.as_str()
    }

    /// A number, also one written as `"5"` or `"5s"`.
    fn number(&self, field: &str) -> Option<u64> {
        let value = self.fields.get(field)?;
        value.as_u64().or_else(|| value.as_str()?.trim_end_matches('s').parse().ok())
    }

    fn is(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.model.contains(part))
    }

    fn exact(&self) -> Option<Size> {
        let side = |field| self.number(field).and_then(|side| u32::try_from(side).ok());
        sizes::bounded(side("width")?, side("height")?)
    }

    fn count(&self) -> usize {
        let sequence = self.text("sequential_image_generation") == Some("auto");
        let fields = ["num_outputs", "num_images", "number_of_images"];
        let asked = fields.iter().find_map(|field| self.number(field));
        let grouped = self.number("max_images").filter(|_| sequence);
        usize::try_from(asked.or(grouped).unwrap_or(1).clamp(1, COUNT_LIMIT)).unwrap_or(1)
    }

    fn format(&self) -> Format {
        let asked = self.text("output_format").and_then(Format::from_name).filter(|format| *format != Format::Mp4);
        asked.unwrap_or_else(|| match self.provider {
            // ByteDance delivers JPEG and takes no format.
            _ if self.is(&["seedream"]) => Format::Jpeg,
            Provider::Fal if self.is(&["nano-banana", "imagen", "qwen", "gpt-image", "ideogram"]) => Format::Png,
            Provider::Fal if self.is(&["recraft"]) => Format::Webp,
            Provider::Fal => Format::Jpeg,
            _ if self.is(&["nano-banana", "imagen", "ultra"]) => Format::Jpeg,
            // These two take no format either.
            _ if self.is(&["ideogram", "gen4"]) => Format::Png,
            _ => Format::Webp,
        })
    }

    fn image_size(&self) -> Size {
        self.image_size_field()
            .or_else(|| self.size_field())
            .or_else(|| self.exact())
            .or_else(|| self.resolution_field())
            .unwrap_or_else(|| self.ratio_size())
    }

    /// fal's `image_size`: an object, a preset or `WxH`.
    fn image_size_field(&self) -> Option<Size> {
        match self.fields.get("image_size")? {
            Value::Object(fields) => Input { fields, ..*self }.exact(),
            Value::String(name) => {
                sizes::preset(name).or_else(|| sizes::pair(name)).or_else(|| k_size(name, self.ratio("1:1")))
            }
            _ => None,
        }
    }

    /// `1K`, `2K`, `4K` or `WxH`; `custom` leaves it to width and height.
    fn size_field(&self) -> Option<Size> {
        let size = self.text("size").or_else(|| self.is(&["seedream"]).then_some("2K"))?;
        sizes::pair(size).or_else(|| {
            let known = matches!(size, "1K" | "2K" | "4K");
            known.then(|| sizes::seedream(size, self.ratio("1:1")))
        })
    }

    fn resolution_field(&self) -> Option<Size> {
        let gen4 = self.is(&["gen4"]).then_some("1080p");
        let resolution = self.text("resolution").or(gen4)?;
        if self.is(&["gen4"]) {
            return Some(sizes::runway_still(resolution, self.ratio("16:9")));
        }
        let ratio = self.ratio("1:1");
        if let Some(megapixels) = resolution.strip_suffix(" MP") {
            let halves = if megapixels == "0.5" { 1 } else { megapixels.parse::<u32>().ok()?.clamp(1, 16) * 2 };
            return Some(sizes::of_area(halves << 19, ratio));
        }
        let lines = resolution.ends_with('p').then(|| sizes::video(resolution, self.ratio("16:9")));
        lines.or_else(|| k_size(resolution, ratio))
    }

    fn ratio_size(&self) -> Size {
        if self.is(&["gpt-image"]) {
            return sizes::gpt(self.ratio("1:1"));
        }
        if self.is(&["ultra"]) {
            return sizes::of_area(1 << 22, self.ratio("16:9"));
        }
        let has_ratio = self.fields.contains_key("aspect_ratio");
        let landscape = self.provider == Provider::Fal && self.is(&["flux", "qwen"]);
        if landscape && !has_ratio {
            return (1024, 768);
        }
        let (width, height) = sizes::one_megapixel(self.ratio("1:1"));
        if self.text("megapixels") == Some("0.25") { (width / 2, height / 2) } else { (width, height) }
    }

    fn ratio(&self, default: &'static str) -> &'a str {
        self.text("aspect_ratio").filter(|ratio| ratio.contains(':')).unwrap_or(default)
    }

    fn video_size(&self) -> Size {
        let size = self.text("size").and_then(sizes::pair).or_else(|| self.exact());
        size.unwrap_or_else(|| {
            let resolution = self.text("resolution").unwrap_or_else(|| self.default_lines());
            match self.model {
                _ if self.is(&["ltx"]) => sizes::long_side(self.target(), self.ratio("3:2")),
                _ if self.is(&["gen4", "gen-4"]) => sizes::runway_clip(self.ratio("16:9")),
                _ if self.is(&["wan"]) && resolution == "480p" => sizes::wan_480p(self.ratio("16:9")),
                _ if self.is(&["hunyuan"]) && resolution == "480p" => sizes::hunyuan_480p(self.ratio("16:9")),
                _ => sizes::video(resolution, self.ratio("16:9")),
            }
        })
    }

    fn default_lines(&self) -> &'static str {
        match self.model {
            _ if self.is(&["hailuo-02/standard"]) => "768p",
            _ if self.is(&["kling", "seedance-1-pro", "pro/fast", "hailuo", "veo-3", "wan-25", "wan/v2.6"]) => "1080p",
            _ => "720p",
        }
    }

    /// LTX's longer side in pixels.
    fn target(&self) -> u32 {
        let asked = self.number("target_size").and_then(|side| u32::try_from(side).ok());
        asked.unwrap_or(768).clamp(256, 1_024)
    }

    fn duration_ms(&self) -> u32 {
        let asked = self.number("duration").map(|seconds| seconds.saturating_mul(1_000));
        let frames = ["length", "num_frames", "video_length"].iter().find_map(|field| self.number(field));
        let fps = self.number("fps").unwrap_or(24).clamp(1, 120);
        let counted = frames.map(|frames| frames.saturating_mul(1_000) / fps);
        let default = match self.model {
            _ if self.is(&["veo3", "veo-3"]) => 8_000,
            _ if self.is(&["hailuo"]) => 6_000,
            // 97 frames, 129 frames.
            _ if self.is(&["ltx"]) => 97_000 / 24,
            _ if self.is(&["hunyuan"]) => 129_000 / 24,
            _ => 5_000,
        };
        let duration_ms = asked.or(counted).unwrap_or(default).clamp(1, DURATION_LIMIT_MS);
        u32::try_from(duration_ms).unwrap_or(5_000)
    }
}

/// `1K`, `2K`, `4K` outside Seedream: that many megapixels, squared.
fn k_size(name: &str, ratio: &str) -> Option<Size> {
    match name {
        "1K" => Some(sizes::one_megapixel(ratio)),
        "2K" => Some(sizes::of_area(1 << 22, ratio)),
        "4K" => Some(sizes::seedream("4K", ratio)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
