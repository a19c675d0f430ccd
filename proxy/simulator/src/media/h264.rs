//! H.264 key frames without an encoder: constrained baseline, written straight from the standard (ITU-T H.264).
//!
//! A few macroblock rows carry raw samples (`I_PCM`); every other macroblock says only "continue the pixels above me"
//! (`Intra_16x16`, vertical, no residual), which is one byte. Decoders show vertical stripes that change colour at each
//! raw row. No motion, no audio, no compression beyond that.

use super::MediaError;
use super::bits::Bits;
use super::pattern::{Pattern, Rgb};

/// Raw rows per frame: the top one and the starts of the other bands.
const RAW_ROWS: usize = 3;
/// (most macroblocks per frame, `level_idc`), table A-1.
const LEVELS: [(usize, u8); 5] = [(1_620, 30), (3_600, 31), (8_192, 40), (22_080, 50), (36_864, 51)];

/// A stream of equally sized key frames.
pub struct Stream {
    width: usize,
    height: usize,
    columns: usize,
    rows: usize,
    level: u8,
}

impl Stream {
    /// A stream of `width` × `height` pixels, both even.
    pub fn new(width: u32, height: u32) -> Result<Self, MediaError> {
        let (columns, rows) = (width.div_ceil(16) as usize, height.div_ceil(16) as usize);
        let level = LEVELS.iter().find(|(most, _)| columns * rows <= *most).map(|(_, level)| *level);
        let level = level.ok_or(MediaError::VideoSize { width, height })?;
        Ok(Self { width: width as usize, height: height as usize, columns, rows, level })
    }

    /// `level_idc`, which the container repeats.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Sequence parameter set (7.3.2.1), as a NAL unit.
    pub fn sequence_parameters(&self) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.bytes(&[66, 0xc0, self.level]);
        bits.unsigned(0); // seq_parameter_set_id
        bits.unsigned(0); // log2_max_frame_num_minus4
        bits.unsigned(2); // pic_order_cnt_type: output order is decoding order
        bits.unsigned(1); // max_num_ref_frames
        bits.put(0, 1); // gaps_in_frame_num_value_allowed_flag
        bits.unsigned(size(self.columns) - 1);
        bits.unsigned(size(self.rows) - 1);
        bits.put(0b11, 2); // frame_mbs_only_flag, direct_8x8_inference_flag
        self.crop(&mut bits);
        bits.put(0, 1); // vui_parameters_present_flag
        unit(0x67, &bits.finish())
    }

    /// Cuts the last macroblocks to the asked size; the unit is two pixels in 4:2:0.
    fn crop(&self, bits: &mut Bits) {
        let (right, bottom) = (self.columns * 16 - self.width, self.rows * 16 - self.height);
        bits.put(u32::from(right + bottom > 0), 1);
        if right + bottom > 0 {
            for offset in [0, right / 2, 0, bottom / 2] {
                bits.unsigned(size(offset));
            }
        }
    }

    /// Picture parameter set (7.3.2.2), as a NAL unit.
    pub fn picture_parameters() -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0); // pic_parameter_set_id
        bits.unsigned(0); // seq_parameter_set_id
        bits.put(0, 2); // CAVLC, bottom_field_pic_order_in_frame_present_flag
        bits.unsigned(0); // num_slice_groups_minus1
        bits.unsigned(0); // num_ref_idx_l0_default_active_minus1
        bits.unsigned(0); // num_ref_idx_l1_default_active_minus1
        bits.put(0, 3); // weighted_pred_flag, weighted_bipred_idc
        for _ in 0..3 {
            bits.unsigned(0); // pic_init_qp, pic_init_qs, chroma_qp_index_offset: se(0)
        }
        bits.put(0b100, 3); // deblocking control present; intra not constrained; no redundant pictures
        unit(0x68, &bits.finish())
    }

    /// Key frame number `number` of a pattern, as a NAL unit: the colours wander a little from frame to frame.
    pub fn key_frame(&self, pattern: &Pattern, number: usize) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0); // first_mb_in_slice
        bits.unsigned(7); // slice_type: I, and so are all of this picture
        bits.unsigned(0); // pic_parameter_set_id
        bits.put(0, 4); // frame_num
        bits.unsigned(size(number % 2)); // idr_pic_id: differs between neighbours
        bits.put(0, 2); // no_output_of_prior_pics_flag, long_term_reference_flag
        bits.unsigned(0); // slice_qp_delta: se(0)
        bits.unsigned(1); // disable_deblocking_filter_idc
        let distance = self.rows.div_ceil(RAW_ROWS);
        for row in 0..self.rows {
            match row % distance {
                0 => self.raw_row(&mut bits, pattern, row, number),
                after => self.copied_row(&mut bits, after == 1),
            }
        }
        unit(0x65, &bits.finish())
    }

    fn raw_row(&self, bits: &mut Bits, pattern: &Pattern, row: usize, number: usize) {
        let down = i32::try_from(row * 256 / self.rows).unwrap_or(0);
        let mut pixels = pattern.row(self.columns * 16, down);
        let turn = (number * 48) % pixels.len();
        pixels.rotate_left(turn);
        for block in pixels.chunks_exact(16) {
            bits.unsigned(25); // mb_type: I_PCM
            bits.align();
            bits.bytes(&raw_block(block));
        }
    }

    /// `below_raw` decides the code for "no coefficients": a raw macroblock counts as 16 of them for its neighbours
    /// (9.2.1), so the row below one uses the fixed-length table.
    fn copied_row(&self, bits: &mut Bits, below_raw: bool) {
        // mb_type 1 (010), intra_chroma_pred_mode vertical (011), mb_qp_delta 0 (1), coeff_token.
        let (code, length) = if below_raw { (0b0_1001_1100_0011, 13) } else { (0b0100_1111, 8) };
        for _ in 0..self.columns {
            bits.put(code, length);
        }
    }
}

/// 256 luma and twice 64 chroma samples of one macroblock whose 16 columns have the given colours.
fn raw_block(columns: &[Rgb]) -> Vec<u8> {
    let luma: Vec<u8> = columns.iter().map(|&[r, g, b]| sample(16, [66, 129, 25], [r, g, b])).collect();
    let even = || columns.iter().step_by(2).copied();
    let blue: Vec<u8> = even().map(|pixel| sample(128, [-38, -74, 112], pixel)).collect();
    let red: Vec<u8> = even().map(|pixel| sample(128, [112, -94, -18], pixel)).collect();
    let mut block = luma.repeat(16);
    block.extend(blue.repeat(8));
    block.extend(red.repeat(8));
    block
}

/// BT.601 in the limited range, in 256ths. Never 0, which raw samples may not be.
fn sample(base: i32, weights: [i32; 3], pixel: Rgb) -> u8 {
    let sum: i32 = weights.iter().zip(pixel).map(|(weight, value)| weight * i32::from(value)).sum();
    u8::try_from((base + ((sum + 128) >> 8)).clamp(1, 254)).unwrap_or(128)
}

fn size(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// A NAL unit: header byte, then the payload with emulation prevention (7.4.1).
fn unit(header: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 16);
    bytes.push(header);
    let mut zeros = 0;
    for &byte in payload {
        if zeros >= 2 && byte <= 3 {
            bytes.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}
