//! The checksum of a table's blocks: CRC-32C (Castagnoli), turned and shifted.

/// The polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = rest >> 1 ^ if rest & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
};

/// What is stored for these bytes.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(!0u32, |crc, &byte| {
        crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)]
    });
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums() {
        // RFC 3720, section B.4: 32 zeros, and the numbers from 0 to 31.
        let mask = |crc: u32| crc.rotate_right(15).wrapping_add(0xa282_ead8);
        let numbers: Vec<u8> = (0..32).collect();
        assert_eq!(masked(&[0; 32]), mask(0x8a91_36aa));
        assert_eq!(masked(&numbers), mask(0x46dd_794e));
    }
}
