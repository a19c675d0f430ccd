//! Pixel sizes behind the providers' words: ratios, presets, `2K`, `720p`. Pure; tables are from `providers.md` §6.1 and
//! §9.

/// Pixels across and down.
pub type Size = (u32, u32);

/// The longest side anything here is made with.
const SIDE_LIMIT: u32 = 4_096;

/// About one megapixel, multiples of 32.
const ONE_MEGAPIXEL: [(&str, Size); 11] = [
    ("1:1", (1024, 1024)),
    ("16:9", (1344, 768)),
    ("9:16", (768, 1344)),
    ("4:3", (1152, 896)),
    ("3:4", (896, 1152)),
    ("3:2", (1216, 832)),
    ("2:3", (832, 1216)),
    ("5:4", (1120, 896)),
    ("4:5", (896, 1120)),
    ("21:9", (1408, 608)),
    ("9:21", (608, 1408)),
];

/// Seedream's `2K`.
const TWO_K: [(&str, Size); 8] = [
    ("1:1", (2048, 2048)),
    ("4:3", (2304, 1728)),
    ("3:4", (1728, 2304)),
    ("16:9", (2560, 1440)),
    ("9:16", (1440, 2560)),
    ("3:2", (2496, 1664)),
    ("2:3", (1664, 2496)),
    ("21:9", (3024, 1296)),
];

/// fal's presets.
const PRESETS: [(&str, Size); 9] = [
    ("square_hd", (1024, 1024)),
    ("square", (512, 512)),
    ("portrait_4_3", (768, 1024)),
    ("portrait_16_9", (576, 1024)),
    ("landscape_4_3", (1024, 768)),
    ("landscape_16_9", (1024, 576)),
    ("auto", (1024, 1024)),
    ("auto_2K", (2048, 2048)),
    ("auto_4K", (4096, 4096)),
];

/// Runway's stills: ratio, at 720p, at 1080p.
const RUNWAY_STILLS: [(&str, Size, Size); 6] = [
    ("16:9", (1280, 720), (1920, 1080)),
    ("9:16", (720, 1280), (1080, 1920)),
    ("1:1", (720, 720), (1080, 1080)),
    ("4:3", (960, 720), (1440, 1080)),
    ("3:4", (720, 960), (1080, 1440)),
    ("21:9", (1680, 720), (2112, 912)),
];

/// Runway's clips.
const RUNWAY_CLIPS: [(&str, Size); 6] = [
    ("16:9", (1280, 720)),
    ("9:16", (720, 1280)),
    ("4:3", (1104, 832)),
    ("3:4", (832, 1104)),
    ("1:1", (960, 960)),
    ("21:9", (1584, 672)),
];

/// One of fal's presets.
pub fn preset(name: &str) -> Option<Size> {
    find(&PRESETS, name)
}

/// `16:9` as numbers; anything else (`match_input_image`, `auto`) is square.
fn parts(ratio: &str) -> Size {
    let parsed = ratio.split_once(':').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parsed.filter(|&(w, h): &Size| (1..=SIDE_LIMIT).contains(&w) && (1..=SIDE_LIMIT).contains(&h)).unwrap_or((1, 1))
}

/// `1280x720`, `1280*720`.
pub fn pair(text: &str) -> Option<Size> {
    let (width, height) = text.split_once(['x', '*'])?;
    bounded(width.parse().ok()?, height.parse().ok()?)
}

/// A size that can be made.
pub fn bounded(width: u32, height: u32) -> Option<Size> {
    let fits = |side: u32| (1..=SIDE_LIMIT).contains(&side);
    (fits(width) && fits(height)).then_some((width, height))
}

/// The usual size of about a megapixel.
pub fn one_megapixel(ratio: &str) -> Size {
    find(&ONE_MEGAPIXEL, ratio).unwrap_or_else(|| of_area(1 << 20, ratio))
}

/// Seedream's sizes: `1K`, `2K`, `4K`.
pub fn seedream(size: &str, ratio: &str) -> Size {
    match size {
        "1K" => one_megapixel(ratio),
        "4K" => long_side(SIDE_LIMIT, ratio),
        _ => find(&TWO_K, ratio).unwrap_or_else(|| of_area(1 << 22, ratio)),
    }
}

/// gpt-image's three sizes.
pub fn gpt(ratio: &str) -> Size {
    match ratio {
        "3:2" => (1536, 1024),
        "2:3" => (1024, 1536),
        _ => (1024, 1024),
    }
}

/// Runway's stills, `720p` or `1080p`.
pub fn runway_still(resolution: &str, ratio: &str) -> Size {
    let row = RUNWAY_STILLS.iter().find(|(known, ..)| *known == ratio);
    row.map_or((1920, 1080), |&(_, small, large)| if resolution == "720p" { small } else { large })
}

/// Runway's clips.
pub fn runway_clip(ratio: &str) -> Size {
    find(&RUNWAY_CLIPS, ratio).unwrap_or((1280, 720))
}

/// wan's `480p`.
pub fn wan_480p(ratio: &str) -> Size {
    match ratio {
        "9:16" => (480, 832),
        "1:1" => (624, 624),
        _ => (832, 480),
    }
}

/// hunyuan-video's `480p`.
pub fn hunyuan_480p(ratio: &str) -> Size {
    if ratio == "9:16" { (480, 864) } else { (864, 480) }
}

/// About that many pixels, multiples of 16.
pub fn of_area(pixels: u32, ratio: &str) -> Size {
    let (w, h) = parts(ratio);
    let exact = f64::from(pixels) * f64::from(w) / f64::from(h);
    let width = rounded(exact.sqrt(), 16);
    (width, rounded(f64::from(width) * f64::from(h) / f64::from(w), 16))
}

/// The longer side given, the other from the ratio in multiples of 16.
pub fn long_side(side: u32, ratio: &str) -> Size {
    let (w, h) = parts(ratio);
    let other = rounded(f64::from(side) * f64::from(w.min(h)) / f64::from(w.max(h)), 16);
    if w >= h { (side, other) } else { (other, side) }
}

/// `720p` and the like: the shorter side is given, and both are even.
pub fn video(resolution: &str, ratio: &str) -> Size {
    let digits: String = resolution.chars().take_while(char::is_ascii_digit).collect();
    let short = match resolution.to_ascii_lowercase().as_str() {
        "4k" => 2_160,
        _ => digits.parse().ok().filter(|side| (64..=2_160).contains(side)).unwrap_or(720),
    };
    let (w, h) = parts(ratio);
    let long = rounded(f64::from(short) * f64::from(w.max(h)) / f64::from(w.min(h)), 2);
    if w >= h { (long, short) } else { (short, long) }
}

/// Rounds to a multiple, within what can be made.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=4096 before the cast")]
fn rounded(value: f64, step: u32) -> u32 {
    let steps = (value / f64::from(step)).round() * f64::from(step);
    steps.clamp(f64::from(step), f64::from(SIDE_LIMIT)) as u32
}

fn find(table: &[(&str, Size)], name: &str) -> Option<Size> {
    table.iter().find(|(known, _)| *known == name).map(|(_, size)| *size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_the_documented_pixels() {
        assert_eq!(one_megapixel("21:9"), (1408, 608));
        assert_eq!(seedream("1K", "16:9"), (1344, 768));
        assert_eq!(seedream("2K", "3:2"), (2496, 1664));
        assert_eq!(seedream("4K", "3:2"), (4096, 2736));
        assert_eq!(seedream("4K", "9:16"), (2304, 4096));
        assert_eq!(seedream("4K", "21:9"), (4096, 1760));
        assert_eq!(video("720p", "16:9"), (1280, 720));
        assert_eq!(video("1080p", "9:16"), (1080, 1920));
        assert_eq!(video("720P", "1:1"), (720, 720));
        assert_eq!(pair("1280*720"), Some((1280, 720)));
    }

    #[test]
    fn nonsense_becomes_a_size_that_can_be_made() {
        for ratio in ["", ":", "0:1", "1:0", "99999:1", "-1:2", "a:b", "match_input_image"] {
            let (width, height) = one_megapixel(ratio);
            assert!((16..=4096).contains(&width) && (16..=4096).contains(&height), "{ratio}");
            let (width, height) = video("99999999999p", ratio);
            assert!((64..=4096).contains(&width) && (64..=4096).contains(&height), "{ratio}");
        }
        assert_eq!(pair("0x5"), None);
        assert_eq!(pair("5000x5"), None);
    }
}
