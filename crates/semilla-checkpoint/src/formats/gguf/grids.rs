//! Blocks of IQ1, IQ2 and IQ3: places in grids of short vectors, with signs and scales.
//!
//! `grids.bin` has the grids of ggml (MIT licence), as the package `gguf` packs them: two bytes for
//! each vector. `tests/peers/onnx_gguf_fixtures.py grids` writes it.

use half::f16;

use super::numbers::scale;

/// Vectors of 8 elements of 2 bits, or of 4 elements of 4 bits.
struct Grid {
    /// Two bytes for each vector.
    vectors: &'static [u8],
    /// What the bits stand for; a power of two.
    levels: &'static [f32],
}

const GRIDS: &[u8; 9216] = include_bytes!("grids.bin");
const THREE: [f32; 4] = [8.0, 25.0, 43.0, 0.0];
const TERNARY: [f32; 4] = [-1.0, 0.0, 1.0, 0.0];
const EIGHT: [f32; 8] = [4.0, 12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 62.0];
const ODD: [f32; 8] = [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0];

const IQ2_XXS: Grid = Grid::new(0, 512, &THREE);
const IQ2_XS: Grid = Grid::new(512, 1024, &THREE);
const IQ2_S: Grid = Grid::new(1536, 2048, &THREE);
const IQ3_XXS: Grid = Grid::new(3584, 512, &EIGHT);
const IQ3_S: Grid = Grid::new(4096, 1024, &ODD);
const IQ1: Grid = Grid::new(5120, 4096, &TERNARY);

impl Grid {
    const fn new(start: usize, bytes: usize, levels: &'static [f32]) -> Self {
        let (_, rest) = GRIDS.split_at(start);
        let (vectors, _) = rest.split_at(bytes);
        Self { vectors, levels }
    }

    /// The levels of the vector at a place, for each of these elements.
    fn look_up(&self, place: u16, into: &mut [f32], value: impl Fn(usize, f32) -> f32) {
        let place = 2 * usize::from(place);
        let word = u16::from_le_bytes([self.vectors[place], self.vectors[place + 1]]);
        let bits = 16 / into.len();
        for (index, element) in into.iter_mut().enumerate() {
            let level = usize::from(word >> (bits * index)) & (self.levels.len() - 1);
            *element = value(index, self.levels[level]);
        }
    }

    /// The same times `d`, with a bit for the sign of each element.
    fn signed(&self, place: u16, signs: u8, d: f32, into: &mut [f32]) {
        self.look_up(place, into, |index, level| match signs >> index & 1 {
            0 => d * level,
            _ => -(d * level),
        });
    }
}

/// Signs of 8 elements in 7 bits: an even number of them is negative.
fn even(signs: u32) -> u8 {
    let signs = signs as u8 & 127;
    signs | (signs.count_ones() as u8 & 1) << 7
}

fn word(bytes: &[u8], index: usize) -> u16 {
    u16::from_le_bytes([bytes[2 * index], bytes[2 * index + 1]])
}

fn long(bytes: &[u8], index: usize) -> u32 {
    u32::from(word(bytes, 2 * index)) | u32::from(word(bytes, 2 * index + 1)) << 16
}

/// The low or high half of a byte: the halves of all bytes follow each other.
fn nibble(bytes: &[u8], index: usize) -> u8 {
    bytes[index / 2] >> (4 * (index % 2)) & 15
}

/// 8 groups of 32: four places, and the signs of each with a scale in 4 bits.
pub(super) fn iq2_xxs(block: &[u8], into: &mut [f32]) {
    for (vector, values) in into.chunks_exact_mut(8).enumerate() {
        let group = &block[2 + vector / 4 * 8..][..8];
        let signs = long(group, 1);
        let d = scale(block, 0) * (0.5 + (signs >> 28) as f32) * 0.25;
        let signs = even(signs >> (7 * (vector % 4)));
        IQ2_XXS.signed(u16::from(group[vector % 4]), signs, d, values);
    }
}

/// 32 places with their signs in 16 bits, and a scale in 4 bits for each two.
pub(super) fn iq2_xs(block: &[u8], into: &mut [f32]) {
    for (vector, values) in into.chunks_exact_mut(8).enumerate() {
        let place = word(&block[2..66], vector);
        let d = scale(block, 0) * (0.5 + f32::from(nibble(&block[66..], vector / 2))) * 0.25;
        IQ2_XS.signed(place & 511, even(u32::from(place >> 9)), d, values);
    }
}

/// 32 places of 10 bits, the signs, and a scale in 4 bits for each two.
pub(super) fn iq2_s(block: &[u8], into: &mut [f32]) {
    let (low, signs, high, scales) = (&block[2..34], &block[34..66], &block[66..74], &block[74..]);
    for (vector, values) in into.chunks_exact_mut(8).enumerate() {
        let high = u16::from(high[vector / 4] >> (2 * (vector % 4)) & 3);
        let d = scale(block, 0) * (0.5 + f32::from(nibble(scales, vector / 2))) * 0.25;
        let place = u16::from(low[vector]) | high << 8;
        IQ2_S.signed(place, signs[vector], d, values);
    }
}

/// 64 places of 4 elements, and for each 8 of them the signs with a scale in 4 bits.
pub(super) fn iq3_xxs(block: &[u8], into: &mut [f32]) {
    for (vector, values) in into.chunks_exact_mut(4).enumerate() {
        let signs = long(&block[66..], vector / 8);
        let d = scale(block, 0) * (0.5 + (signs >> 28) as f32) * 0.5;
        let signs = even(signs >> (7 * (vector % 8 / 2))) >> (4 * (vector % 2));
        IQ3_XXS.signed(u16::from(block[2 + vector]), signs, d, values);
    }
}

/// 64 places of 9 bits for 4 elements, the signs, and a scale in 4 bits for each 8 of them.
pub(super) fn iq3_s(block: &[u8], into: &mut [f32]) {
    let (low, high, scales) = (&block[2..66], &block[66..74], &block[106..]);
    for (vector, values) in into.chunks_exact_mut(4).enumerate() {
        let high = u16::from(high[vector / 8] >> (vector % 8) & 1);
        let d = scale(block, 0) * f32::from(1 + 2 * nibble(scales, vector / 8));
        let signs = nibble(&block[74..106], vector);
        IQ3_S.signed(u16::from(low[vector]) | high << 8, signs, d, values);
    }
}

/// How far all elements of a vector of IQ1 are moved.
const SHIFT: f32 = 0.125;

/// Vectors of IQ1 times `d`, after their move to one side or the other.
fn shifted(place: u16, is_down: bool, d: f32, into: &mut [f32]) {
    let shift = if is_down { -SHIFT } else { SHIFT };
    IQ1.look_up(place, into, |_, level| d * (level + shift));
}

/// 32 places of 11 bits; each four have a scale in 3 bits and the side of their move.
pub(super) fn iq1_s(block: &[u8], into: &mut [f32]) {
    for (vector, values) in into.chunks_exact_mut(8).enumerate() {
        let high = word(&block[34..], vector / 4);
        let d = scale(block, 0) * f32::from(2 * (high >> 12 & 7) + 1);
        let place = u16::from(block[2 + vector]) | (high >> (3 * (vector % 4)) & 7) << 8;
        shifted(place, high & 0x8000 != 0, d, values);
    }
}

/// 32 places of 11 bits with the side of their move; each two have a scale in 3 bits. The scale of
/// all lies in the highest bits of the others.
pub(super) fn iq1_m(block: &[u8], into: &mut [f32]) {
    let (low, high, scales) = (&block[..32], &block[32..48], &block[48..]);
    let parts = (0..4).map(|part| (word(scales, part) & 0xf000) >> (12 - 4 * part));
    let all = f16::from_bits(parts.fold(0, |all, part| all | part)).to_f32();
    for (vector, values) in into.chunks_exact_mut(8).enumerate() {
        let high = nibble(high, vector);
        let own = word(scales, vector / 8) >> (3 * (vector / 2 % 4)) & 7;
        let place = u16::from(low[vector]) | u16::from(high & 7) << 8;
        shifted(place, high & 8 != 0, all * f32::from(2 * own + 1), values);
    }
}
