//! Zip archives, in which PyTorch, NumPy and Keras keep their files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use zip::read::{ArchiveOffset, Config};
use zip::result::{ZipError, ZipResult};
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use crate::error::Error;
use crate::io::file::open_file;
use crate::io::pieces::{buffer, pieces};
use crate::io::position::{Buffered, read_at};
use crate::quoted::Quoted;
use crate::{Format, Limits};

/// A zip archive that means the same to every reader: each name has one entry, entries do not
/// overlap, and the list of entries agrees with the header before each.
pub(crate) struct Archive {
    path: PathBuf,
    /// Its length, which is the file's unless it lies in one.
    bytes: u64,
    /// For reads at a position.
    file: Arc<File>,
    zip: Mutex<ZipArchive<Buffered>>,
    entries: Vec<Entry>,
}

/// A file in an archive.
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Uncompressed.
    pub(crate) bytes: u64,
    /// Where its bytes begin in the file, if they are not compressed.
    pub(crate) at: Option<u64>,
    /// Its checksum (CRC-32), which PyTorch can leave out.
    sum: Option<u32>,
    /// Whether its checksum has been compared by [`Archive::check`].
    intact: Mutex<bool>,
    /// In the archive's own list.
    index: usize,
}

/// Bytes read at a time of the list, and of the headers, which are mostly far from each other.
const LIST_BUFFER: usize = 64 << 10;
const HEADER_BUFFER: usize = 4 << 10;

impl Archive {
    /// Reads the list of entries.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        Self::open_in(path, file, 0..bytes, limits)
    }

    /// Reads the list of entries of an archive that is a range of a file.
    pub(crate) fn open_in(
        path: &Path,
        file: File,
        range: Range<u64>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let file = Arc::new(file);
        let bytes = range.end - range.start;
        let fail = |problem| Error::Archive {
            path: path.to_owned(),
            problem,
        };
        let cannot = |error| match error {
            ZipError::Io(cause) if os_refused(&cause) => Error::io("read", path)(cause),
            other => fail(format!(
                "{}; it may be cut short: fetch it again",
                printable(&other.to_string())
            )),
        };
        let mut list = Buffered::new(Arc::clone(&file), range.clone(), LIST_BUFFER);
        let zip = list_entries(list.clone()).map_err(cannot)?;
        let lines = count_lines(&mut list, zip.central_directory_start());
        if lines.map_err(Error::io("read", path))? != zip.len() {
            return Err(fail("two entries have one name".to_owned()));
        }
        let mut headers = Buffered::new(Arc::clone(&file), range.clone(), HEADER_BUFFER);
        let mut entries = Vec::with_capacity(zip.len());
        let mut ranges = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            let entry = zip.by_index_data(index).map_err(cannot)?;
            let name = entry.name().map_err(cannot)?.into_owned();
            let (packed, header) = (entry.compressed_size(), entry.header_start());
            let start = read_header(&mut headers, header, entry.name_raw())
                .map_err(|cause| cannot(cause.into()))?
                .ok_or_else(|| {
                    let name = Quoted::new(&name);
                    fail(format!(
                        "{name} has another name in its own header than in the list"
                    ))
                })?;
            ranges.push((header, start.saturating_add(packed)));
            if entry.is_dir() {
                continue;
            }
            if entry.encrypted() {
                return Err(fail(format!("{} is encrypted", Quoted::new(&name))));
            }
            let plain = entry.compression() == CompressionMethod::Stored;
            if plain && packed != entry.size() {
                let name = Quoted::new(&name);
                return Err(fail(format!("{name} has two sizes and is not compressed")));
            }
            entries.push(Entry {
                bytes: entry.size(),
                at: plain.then_some(range.start + start),
                sum: Some(entry.crc32()).filter(|&sum| sum != 0),
                intact: Mutex::new(false),
                name,
                index,
            });
        }
        ranges.sort_unstable();
        let overlap = ranges.windows(2).any(|pair| pair[0].1 > pair[1].0);
        let beyond = |&(_, end): &(u64, u64)| end > zip.central_directory_start();
        if overlap || ranges.last().is_some_and(beyond) {
            return Err(fail("its entries lie over each other".to_owned()));
        }
        let unpacked: u128 = entries.iter().map(|entry| u128::from(entry.bytes)).sum();
        if unpacked > u128::from(bytes) * u128::from(limits.expansion) {
            return Err(fail(format!(
                "its entries unpack to {unpacked} bytes, more than {} times the file \
                 (Limits::expansion)",
                limits.expansion
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            file,
            zip: Mutex::new(zip),
            entries,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file, for reads at the position of an entry that is not compressed.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The entries, without folders.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries of this name in any folder.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.name.rsplit('/').next() == Some(name))
    }

    /// Reads an entry from its start, unpacked; `format` is what to call the file when that fails.
    pub(crate) fn read<T>(
        &self,
        entry: &Entry,
        format: Format,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, Error> {
        let mut zip = self.zip.lock().unwrap_or_else(PoisonError::into_inner);
        let options = ZipReadOptions::new().ignore_crc32(entry.sum.is_none());
        let result = match zip.by_index_with_options(entry.index, options) {
            Ok(mut unpacked) => read(&mut unpacked),
            Err(error) => Err(error.into()),
        };
        result.map_err(|cause| self.failed(entry, format, cause))
    }

    /// Reads all of an entry, of at most `limit` bytes.
    pub(crate) fn read_all(
        &self,
        entry: &Entry,
        format: Format,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        if entry.bytes > limit {
            return Err(Error::Format {
                path: self.path.clone(),
                format,
                problem: format!(
                    "{} has {} bytes, more than the limit of {limit}",
                    Quoted::new(&entry.name),
                    entry.bytes
                ),
            });
        }
        self.read(entry, format, |unpacked| {
            let mut bytes = vec![0; entry.bytes as usize];
            unpacked.read_exact(&mut bytes)?;
            ended(unpacked)?;
            Ok(bytes)
        })
    }

    /// Compares the checksum of an entry whose bytes are read in place, since such reads compare
    /// nothing: once, when the first of them is wanted, so that the time of listing depends on the
    /// list alone.
    pub(crate) fn check(&self, entry: &Entry, format: Format) -> Result<(), Error> {
        let (Some(_), Some(at)) = (entry.sum, entry.at) else {
            return Ok(());
        };
        let mut intact = entry.intact.lock().unwrap_or_else(PoisonError::into_inner);
        if !*intact {
            // By this thread alone: who waits for the lock must not be the one to help.
            let mut found = crc32fast::Hasher::new();
            let mut buffer = buffer(entry.bytes);
            for piece in pieces(entry.bytes) {
                found.update(self.piece(at, piece, &mut buffer)?);
            }
            self.compare(entry, format, found)?;
            *intact = true;
        }
        Ok(())
    }

    /// Hands all bytes of an entry that is not compressed to `look`, in [`pieces`] and on all
    /// threads, and compares its checksum on the way.
    pub(crate) fn scan(
        &self,
        entry: &Entry,
        at: u64,
        format: Format,
        look: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<(), Error> {
        let sum = |buffer: &mut Vec<u8>, piece| {
            let bytes = self.piece(at, piece, buffer)?;
            look(bytes);
            let mut sum = crc32fast::Hasher::new();
            if entry.sum.is_some() {
                sum.update(bytes);
            }
            Ok(sum)
        };
        let joined = |mut sum: crc32fast::Hasher, next| {
            sum.combine(&next);
            Ok(sum)
        };
        let pieces: Vec<Range<u64>> = pieces(entry.bytes).collect();
        let sums = pieces.into_par_iter().map_init(|| buffer(entry.bytes), sum);
        let found = sums.try_reduce(crc32fast::Hasher::new, joined)?;
        self.compare(entry, format, found)?;
        *entry.intact.lock().unwrap_or_else(PoisonError::into_inner) = true;
        Ok(())
    }

    /// Reads a piece of the entry whose bytes begin at `at`.
    fn piece<'a>(
        &self,
        at: u64,
        piece: Range<u64>,
        buffer: &'a mut [u8],
    ) -> Result<&'a [u8], Error> {
        let buffer = &mut buffer[..(piece.end - piece.start) as usize];
        read_at(&self.file, buffer, at + piece.start).map_err(Error::io("read", &self.path))?;
        Ok(buffer)
    }

    fn compare(
        &self,
        entry: &Entry,
        format: Format,
        found: crc32fast::Hasher,
    ) -> Result<(), Error> {
        match entry.sum {
            Some(sum) if sum != found.finalize() => {
                let cause = io::Error::new(io::ErrorKind::InvalidData, "Invalid checksum");
                Err(self.failed(entry, format, cause))
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, entry: &Entry, format: Format, cause: io::Error) -> Error {
        if os_refused(&cause) {
            return Error::io("read", &self.path)(cause);
        }
        Error::Format {
            path: self.path.clone(),
            format,
            problem: format!(
                "{}: {}",
                Quoted::new(&entry.name),
                printable(&cause.to_string())
            ),
        }
    }
}

/// Reads the list of entries of an archive that starts where its file does. By default the crate
/// looks for a start elsewhere, which means reading the whole file.
pub(crate) fn list_entries<R: Read + Seek>(reader: R) -> ZipResult<ZipArchive<R>> {
    let archive_offset = ArchiveOffset::Known(0);
    ZipArchive::with_config(Config { archive_offset }, reader)
}

/// How many lines the list of entries has; the archive keeps one for each name.
fn count_lines(list: &mut Buffered, mut at: u64) -> io::Result<usize> {
    const LINE: usize = 46;
    let mut lines = 0;
    loop {
        let mut line = [0; LINE];
        let whole = read_if_there(list, at, &mut line)?;
        if !whole || !line.starts_with(b"PK\x01\x02") {
            return Ok(lines);
        }
        // The name, the extra fields and the comment follow.
        let lengths = line[28..34].chunks_exact(2);
        let follow: u64 = lengths
            .map(|n| u64::from(u16::from_le_bytes([n[0], n[1]])))
            .sum();
        at += LINE as u64 + follow;
        lines += 1;
    }
}

/// Where the bytes of an entry start, if the header before them has this name.
fn read_header(headers: &mut Buffered, at: u64, name: &[u8]) -> io::Result<Option<u64>> {
    const HEADER: usize = 30;
    let mut header = vec![0; HEADER + name.len()];
    if !read_if_there(headers, at, &mut header)? || !header.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let named = usize::from(length(26)) == name.len() && &header[HEADER..] == name;
    Ok(named.then(|| at + header.len() as u64 + u64::from(length(28))))
}

/// Fills `into` with the bytes at `at`, unless the file ends before.
fn read_if_there(from: &mut Buffered, at: u64, into: &mut [u8]) -> io::Result<bool> {
    from.seek(SeekFrom::Start(at))?;
    match from.read_exact(into) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        done => done.map(|()| true),
    }
}

/// Asks for a byte past the end, which is when the checksum is compared.
pub(crate) fn ended(unpacked: &mut dyn Read) -> io::Result<()> {
    match unpacked.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it goes on after its end",
        )),
    }
}

/// Whether an error is the operating system's and not the content's.
pub(crate) fn os_refused(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

/// The most characters of an error's text that are shown.
const SHOWN: usize = 300;

/// Text that may quote a file, made safe to print: control characters escaped, clipped.
fn printable(text: &str) -> String {
    let mut printable = String::new();
    for c in text.chars().take(SHOWN) {
        match c {
            '"' | '\'' | '\\' => printable.push(c),
            other => printable.extend(other.escape_debug()),
        }
    }
    printable
}
