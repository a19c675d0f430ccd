//! Colours and shapes: four colours drawn from a look, blended into gradients with soft stripes.
//!
//! Pixels are computed for a few dozen rows only and copied from there, because an unoptimised build computes some
//! twenty million pixels a second and a 4K image has sixteen.

/// How many different rows are computed for one image.
const BANDS: usize = 48;

/// A colour: red, green, blue.
pub type Rgb = [u8; 3];

/// The four corners' colours and the stripes of one look.
pub struct Pattern {
    corners: [Rgb; 4],
    stripes: usize,
    waves: usize,
}

impl Pattern {
    /// The pattern of a look.
    pub fn of(look: u64) -> Self {
        let mut state = look;
        let mut corner = || {
            let bits = mix(&mut state).to_be_bytes();
            [channel(bits[0]), channel(bits[1]), channel(bits[2])]
        };
        let corners = [corner(), corner(), corner(), corner()];
        let bits = mix(&mut state);
        Self { corners, stripes: 3 + (bits % 9) as usize, waves: 1 + ((bits >> 8) % 5) as usize }
    }

    /// One row of `width` pixels, `down` of 256 from the top.
    pub fn row(&self, width: usize, down: i32) -> Vec<Rgb> {
        let left = blend(self.corners[0], self.corners[1], down);
        let right = blend(self.corners[2], self.corners[3], down);
        let period = (width / self.stripes).max(2);
        (0..width)
            .map(|x| {
                let across = scale(x, width);
                let shade = triangle(x % period, period) / 8;
                blend(left, right, across).map(|value| value.saturating_add(shade))
            })
            .collect()
    }

    /// A whole picture as packed RGB, row after row.
    pub fn picture(&self, width: usize, height: usize) -> Vec<u8> {
        let bands: Vec<Vec<u8>> =
            (0..BANDS).map(|band| self.row(width, scale(band, BANDS)).into_iter().flatten().collect()).collect();
        let mut pixels = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            let band = &bands[y * BANDS / height.max(1)];
            let (head, tail) = band.split_at(self.shift(y, width, height) * 3);
            pixels.extend_from_slice(tail);
            pixels.extend_from_slice(head);
        }
        pixels
    }

    /// How far a row is turned, in pixels: straight stripes become waves.
    fn shift(&self, y: usize, width: usize, height: usize) -> usize {
        let period = (height / self.waves).max(2);
        usize::from(triangle(y % period, period)) * (width / 4) / 256
    }
}

/// A colour channel away from black and white, so that stripes stay visible.
fn channel(byte: u8) -> u8 {
    32 + byte % 176
}

/// Position `at` of `length` in steps of 0..256.
fn scale(at: usize, length: usize) -> i32 {
    i32::try_from(at * 256 / length.max(1)).unwrap_or(255)
}

/// Rises from 0 to 255 in the first half of the period and falls in the second.
fn triangle(at: usize, period: usize) -> u8 {
    let phase = at * 510 / period.max(1);
    u8::try_from(if phase > 255 { 510 - phase } else { phase }).unwrap_or(255)
}

fn blend(from: Rgb, to: Rgb, share: i32) -> Rgb {
    let channel = |a: u8, b: u8| {
        let value = i32::from(a) + (i32::from(b) - i32::from(a)) * share / 256;
        u8::try_from(value).unwrap_or(u8::MAX)
    };
    [channel(from[0], to[0]), channel(from[1], to[1]), channel(from[2], to[2])]
}

/// splitmix64: small, and spreads every bit of the look over all colours.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
