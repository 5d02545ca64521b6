//! Damaged files: errors are fine, panics and aborts are not.

use std::fs;

use semilla_checkpoint::open;

use super::{fixture, folder, scanned, whole};

/// Loads damaged copies of a fixture, of which some are read and others refused.
pub(crate) fn damage(name: &str, copies: u32) {
    let content = fs::read(fixture(name)).unwrap();
    let accepted = damage_within(&content, copies, <[u8]>::to_vec);
    assert!(0 < accepted && accepted < copies, "{accepted} of {copies}");
}

/// Loads files made of damaged copies of a content: each is read to its last byte or refused, and
/// declares no more than it may. Returns how many were read.
pub(crate) fn damage_within(
    content: &[u8],
    copies: u32,
    file_of: impl Fn(&[u8]) -> Vec<u8>,
) -> u32 {
    // What external.onnx finds beside it.
    const BESIDE: usize = 1000;
    let folder = folder(&[("external.bin", &[1; BESIDE])]);
    let path = folder.path().join("model");
    let mut accepted = 0;
    damaged(content, copies, |copy| {
        let file = file_of(&copy);
        fs::write(&path, &file).unwrap();
        let Ok(checkpoint) = open(&path) else { return };
        let most = 1000 * (file.len() + BESIDE) as u64;
        assert!(checkpoint.tensors().bytes() <= most);
        let read = (0..checkpoint.tensors().len()).filter(|&tensor| {
            let seen = scanned(&*checkpoint, tensor);
            let read = whole(&*checkpoint, tensor);
            assert_eq!(
                seen.is_ok(),
                read.is_ok(),
                "damage is found by both or neither"
            );
            read.is_ok()
        });
        accepted += u32::from(read.count() == checkpoint.tensors().len());
    });
    accepted
}

/// Makes damaged copies of a content, the same ones every time.
pub(crate) fn damaged(content: &[u8], copies: u32, mut each: impl FnMut(Vec<u8>)) {
    let mut random = Random(content.len() as u64);
    for _ in 0..copies {
        let mut copy = content.to_vec();
        for _ in 0..=random.below(4) {
            random.edit(&mut copy);
        }
        each(copy);
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn edit(&mut self, bytes: &mut Vec<u8>) {
        const EXTREMES: [u64; 6] = [0, 1, u64::MAX, 1 << 63, 0xffff_ffff, 0x7fff_ffff_ffff_ffff];
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(8)).min(bytes.len());
        match self.below(10) {
            0..3 => bytes[at] = self.next() as u8,
            3 => bytes[at] ^= 1 << self.below(8),
            4 => bytes[at] = bytes[at].wrapping_add(1),
            5 => {
                let extreme = EXTREMES[self.below(EXTREMES.len())].to_le_bytes();
                bytes[at..end].copy_from_slice(&extreme[..end - at]);
            }
            6 => drop(bytes.drain(at..end)),
            7 => {
                let copied = bytes[at..end].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, copied);
            }
            8 => bytes.extend_from_within(at..),
            _ => bytes.truncate(at.max(8)),
        }
    }
}
