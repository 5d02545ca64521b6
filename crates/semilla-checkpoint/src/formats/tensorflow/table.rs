//! A table: sorted keys with values, in blocks, as LevelDB has it.

use crate::Limits;
use crate::io::checksum::crc32c;
use crate::io::window::{Fault, Window};
use crate::io::wire::{Span, varint};
use crate::tensor::MAX_NAME_BYTES;

/// A key, and where its value lies in the file.
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) value: Span,
}

/// The end of a table: two handles, zeros, and the magic number by which it was recognized.
const FOOTER: u64 = 48;
/// Behind a block: how it is compressed, and its checksum.
const TRAILER: u64 = 5;
/// A name, and what TensorFlow puts behind it.
const MOST_KEY: usize = 2 * MAX_NAME_BYTES;

/// All entries, in the order of their keys.
pub(super) fn entries(window: &mut Window, limits: &Limits) -> Result<Vec<Entry>, Fault> {
    let end = window.len();
    let start = end.checked_sub(FOOTER).ok_or_else(|| window.truncated())?;
    let mut footer = Span { start, end };
    handle(window, &mut footer)?;
    let index = handle(window, &mut footer)?;
    let mut room = Room {
        bytes: limits.header_bytes,
        entries: limits.tensors.saturating_add(1),
    };
    let mut all = Vec::new();
    for block in block(window, index, &mut room)? {
        let data = handle(window, &mut { block.value })?;
        all.extend(self::block(window, data, &mut room)?);
    }
    Ok(all)
}

/// What a table may still have: keys that share their beginnings can be much longer than the file.
struct Room {
    bytes: u64,
    entries: usize,
}

impl Room {
    fn take(&mut self, key: &[u8]) -> Result<(), Fault> {
        let bytes = self.bytes.checked_sub(key.len() as u64);
        let entries = self.entries.checked_sub(1);
        let (Some(bytes), Some(entries)) = (bytes, entries) else {
            return Err(Fault::new(
                "its names are more, or longer, than the limits allow (Limits::tensors, \
                 Limits::header_bytes)",
            ));
        };
        (self.bytes, self.entries) = (bytes, entries);
        Ok(())
    }
}

/// Where a block lies.
fn handle(window: &mut Window, rest: &mut Span) -> Result<Span, Fault> {
    let start = varint(window, rest)?;
    let bytes = varint(window, rest)?;
    let end = start.checked_add(bytes);
    let end = end.filter(|&end| {
        end.checked_add(TRAILER)
            .is_some_and(|end| end <= window.len())
    });
    Ok(Span {
        start,
        end: end.ok_or_else(|| window.truncated())?,
    })
}

/// The checksum that is stored for these bytes: turned and shifted.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The entries of a block.
fn block(window: &mut Window, block: Span, room: &mut Room) -> Result<Vec<Entry>, Fault> {
    let bytes = window.copy(block.start, block.len() + TRAILER)?;
    let (content, trailer) = bytes.split_at(block.len() as usize);
    match trailer[0] {
        0 => {}
        1 => {
            return Err(Fault::new(
                "its table is compressed; load and save it with TensorFlow 1.2 or later",
            ));
        }
        other => return Err(Fault::new(format!("its table has a block of kind {other}"))),
    }
    if masked(&bytes[..content.len() + 1]).to_le_bytes() != trailer[1..] {
        return Err(Fault::new(
            "a checksum of its table is not that of its content; fetch it again",
        ));
    }
    let odd = || Fault::new("a block of its table contradicts itself; fetch it again");
    // Behind the entries: where keys are whole, as numbers of 4 bytes, and how many they are.
    let count = content.last_chunk().copied().map(u32::from_le_bytes);
    let places = count.map(|count| (u64::from(count) + 1) * 4);
    let end = places.and_then(|places| block.len().checked_sub(places));
    let mut rest = Span {
        start: block.start,
        end: block.start + end.ok_or_else(odd)?,
    };
    let mut entries = Vec::new();
    let mut key: Vec<u8> = Vec::new();
    while rest.len() > 0 {
        let shared = varint(window, &mut rest)?;
        let own = varint(window, &mut rest)?;
        let value = varint(window, &mut rest)?;
        let after = own.checked_add(value).filter(|&both| both <= rest.len());
        let after = rest.start + after.ok_or_else(odd)?;
        if shared > key.len() as u64 || shared + own > MOST_KEY as u64 {
            return Err(odd());
        }
        key.truncate(shared as usize);
        key.extend_from_slice(window.get(rest.start, own as usize)?);
        room.take(&key)?;
        entries.push(Entry {
            key: key.clone(),
            value: Span {
                start: rest.start + own,
                end: after,
            },
        });
        rest.start = after;
    }
    Ok(entries)
}
