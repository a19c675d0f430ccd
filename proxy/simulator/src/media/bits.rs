//! A writer of bits, most significant first, with the Exp-Golomb codes H.264 uses (ITU-T H.264, 9.1).

/// Bits on their way to bytes.
#[derive(Default)]
pub struct Bits {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits {
    /// Appends the lowest `count` (at most 32) bits of `value`.
    pub fn put(&mut self, value: u32, count: u32) {
        self.pending = (self.pending << count) | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.pending >> self.count).to_le_bytes()[0]);
        }
        self.pending &= (1 << self.count) - 1;
    }

    /// Appends an unsigned Exp-Golomb code, `ue(v)`.
    pub fn unsigned(&mut self, value: u32) {
        let length = 32 - (value + 1).leading_zeros();
        self.put(0, length - 1);
        self.put(value + 1, length);
    }

    /// Zero bits up to the next byte boundary.
    pub fn align(&mut self) {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
    }

    /// Whole bytes; the writer must be aligned.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends a payload with its stop bit and alignment, and returns it.
    pub fn finish(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.align();
        self.bytes
    }
}
