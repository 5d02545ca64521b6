//! Reads and writes at a position, from several threads at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

#[cfg(unix)]
pub(crate) fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(unix)]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
pub(crate) fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    let mut done = 0;
    while done < into.len() {
        match file.seek_read(&mut into[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(())
}

#[cfg(windows)]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    let mut done = 0;
    while done < bytes.len() {
        match file.seek_write(&bytes[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => done += count,
        }
    }
    Ok(())
}

/// A file read from a place of its own through a buffer that outlives jumps: a seek makes no call
/// to the system, and neither does a read of bytes in the buffer.
#[derive(Clone)]
pub(crate) struct Buffered {
    file: Arc<File>,
    /// The part of the file that is read, whose places count from its start.
    range: Range<u64>,
    /// Where the next read starts.
    at: u64,
    /// Where the buffer starts.
    start: u64,
    buffer: Vec<u8>,
    capacity: usize,
}

impl Buffered {
    /// Reads a range of a file, up to `capacity` bytes at a time.
    pub(crate) fn new(file: Arc<File>, range: Range<u64>, capacity: usize) -> Self {
        Self {
            file,
            range,
            at: 0,
            start: 0,
            buffer: Vec::new(),
            capacity,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// The buffer's bytes from the current place on.
    fn held(&self) -> &[u8] {
        let skip = self.at.checked_sub(self.start);
        skip.and_then(|skip| self.buffer.get(usize::try_from(skip).ok()?..))
            .unwrap_or_default()
    }
}

impl Read for Buffered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.held().is_empty() {
            let rest = self.len().saturating_sub(self.at);
            self.buffer
                .resize(rest.min(self.capacity as u64) as usize, 0);
            self.start = self.at;
            if let Err(error) = read_at(&self.file, &mut self.buffer, self.range.start + self.at) {
                self.buffer.clear();
                return Err(error);
            }
        }
        let held = self.held();
        let count = held.len().min(into.len());
        into[..count].copy_from_slice(&held[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Buffered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_read_what_lies_there() {
        let bytes: Vec<u8> = (0..200).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, [&[9; 7][..], &bytes, &[9; 50]].concat()).unwrap();
        let mut read = Buffered::new(Arc::new(File::open(path).unwrap()), 7..207, 16);
        let mut plain = io::Cursor::new(&bytes);
        for jump in [0, 3, 15, 16, 150, -190, 37, 199, -1, 200, 300, -100] {
            let jump = match jump {
                0..200 => SeekFrom::Start(jump as u64),
                200.. => SeekFrom::Current(jump - 250),
                _ => SeekFrom::End(jump),
            };
            assert_eq!(read.seek(jump).unwrap(), plain.seek(jump).unwrap());
            for count in [1, 5, 40] {
                let (mut own, mut expected) = (vec![0; count], vec![0; count]);
                let same = read.read_exact(&mut own).is_ok();
                assert_eq!(same, plain.read_exact(&mut expected).is_ok());
                assert!(!same || own == expected);
                // A failed read leaves the place open.
                let place = SeekFrom::Start(plain.position());
                read.seek(place).unwrap();
            }
        }
        assert!(read.seek(SeekFrom::Current(-1000)).is_err());
    }
}
