//! A tree of keys and values in files: the manifest says where its root is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bytes::Bytes;
use super::codec::zstd;
use crate::Limits;
use crate::io::checksum::crc32c;
use crate::io::file::is_plain;

/// Where the value of a key is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Here(Vec<u8>),
    In(Place),
}

/// Bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Below the folder of the manifest.
    pub(super) file: Arc<str>,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// All keys and values.
pub(super) type Values = BTreeMap<String, Value>;

/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest.ocdbt";
const OF_MANIFEST: u32 = 0x0cdb_3a2a;
const OF_NODE: u32 = 0x0cdb_20de;
/// The bytes before and behind a node: magic number and length, checksum.
const HEAD: usize = 12;
const TAIL: usize = 4;

/// Reads the tree whose manifest is in a folder; `read` gives bytes of a file.
///
/// # Errors
/// What contradicts itself, is beyond the limits, or cannot be read.
pub(super) fn values<E: From<String>>(
    manifest: &[u8],
    limits: &Limits,
    read: &dyn Fn(&Place) -> Result<Vec<u8>, E>,
) -> Result<Values, E> {
    let mut tree = Tree {
        room: Room {
            bytes: limits.header_bytes.saturating_mul(2),
            nodes: MOST_NODES,
        },
        values: Values::new(),
        read,
    };
    let content = tree.unpacked(manifest, OF_MANIFEST)?;
    let (root, height) = root(&content, &mut tree.room)?;
    tree.node(root, height, &[])?;
    Ok(tree.values)
}

/// A node: where it is, and the folder that its files are below.
struct Node {
    place: Place,
    base: Arc<str>,
}

fn odd() -> String {
    "it contradicts itself; fetch it again".to_owned()
}

/// The root of the latest version, and how many levels lie below it.
fn root(manifest: &[u8], room: &mut Room) -> Result<(Node, u8), String> {
    let mut rest = Bytes(manifest);
    // Its identity.
    rest.take(16).ok_or_else(odd)?;
    if rest.number().ok_or_else(odd)? != 0 {
        return Err("its versions lie in files of their own".to_owned());
    }
    let mut settings = || {
        rest.numbers(2)?;
        let arity = rest.byte()?;
        if rest.number()? == 1 {
            rest.take(4)?;
        }
        (1..=16).contains(&arity).then_some(())
    };
    settings().ok_or_else(odd)?;
    let files = files(&mut rest, "", room).ok_or_else(odd)?;
    let mut versions = || {
        let count = usize::try_from(rest.number()?).ok()?;
        let last = count.checked_sub(1)?;
        rest.numbers(count)?;
        let height = rest.take(count as u64)?[last];
        let node = nodes(&mut rest, &files, count)?.into_iter().next_back()?;
        Some((node, height))
    };
    let (root, height) = versions().ok_or_else(odd)?;
    Ok((root, height))
}

/// A file that nodes or values lie in, and the folder that files of such a node are below.
struct Known {
    path: Arc<str>,
    base: Arc<str>,
}

/// The files that a node speaks of, below a folder.
fn files(rest: &mut Bytes<'_>, below: &str, room: &mut Room) -> Option<Vec<Known>> {
    let count = usize::try_from(rest.number()?).ok()?;
    if count == 0 {
        return Some(Vec::new());
    }
    let mut shared = vec![0];
    shared.extend(rest.numbers(count - 1)?);
    let own = rest.numbers(count)?;
    let bases = rest.numbers(count)?;
    let mut known: Vec<Known> = Vec::with_capacity(count);
    let mut path: Vec<u8> = Vec::new();
    for ((shared, own), base) in shared.into_iter().zip(own).zip(bases) {
        let shared = usize::try_from(shared)
            .ok()
            .filter(|&shared| shared <= path.len())?;
        path.truncate(shared);
        path.extend_from_slice(rest.take(own)?);
        if path.len() > LONGEST_PATH {
            return None;
        }
        let whole = str::from_utf8(&path).ok()?;
        let base = whole.get(..usize::try_from(base).ok()?)?;
        let is_below = whole.split('/').all(is_plain);
        is_below.then_some(())?;
        let (path, base) = (format!("{below}{whole}"), format!("{below}{base}"));
        room.take((path.len() + base.len()) as u64).ok()?;
        known.push(Known {
            path: path.into(),
            base: base.into(),
        });
    }
    Some(known)
}

const LONGEST_PATH: usize = 4096;

/// References to so many nodes.
fn nodes(rest: &mut Bytes<'_>, files: &[Known], count: usize) -> Option<Vec<Node>> {
    let numbers = rest.numbers(count)?;
    let starts = rest.numbers(count)?;
    let lengths = rest.numbers(count)?;
    // Numbers of keys and bytes below each.
    rest.numbers(count.checked_mul(3)?)?;
    let places = numbers.into_iter().zip(starts).zip(lengths);
    let node = |((number, at), bytes): ((u64, u64), u64)| {
        let known = files.get(usize::try_from(number).ok()?)?;
        Some(Node {
            place: Place {
                file: Arc::clone(&known.path),
                at,
                bytes,
            },
            base: Arc::clone(&known.base),
        })
    };
    places.map(node).collect()
}

/// What a tree may still take.
struct Room {
    /// Of nodes, their paths, keys and values.
    bytes: u64,
    nodes: usize,
}

/// Nodes are as large as the limit on all, and a tree of many reads some again and again.
const MOST_NODES: usize = 10_000;

impl Room {
    fn take(&mut self, bytes: u64) -> Result<(), String> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or("its tree is larger than the limit (Limits::header_bytes)")?;
        Ok(())
    }
}

/// A tree that is being read.
struct Tree<'r, E> {
    room: Room,
    values: Values,
    read: &'r dyn Fn(&Place) -> Result<Vec<u8>, E>,
}

impl<E: From<String>> Tree<'_, E> {
    /// The content of the manifest or a node.
    fn unpacked(&mut self, whole: &[u8], magic: u32) -> Result<Vec<u8>, String> {
        let damaged = || "a node of its tree is damaged; fetch it again".to_owned();
        let (content, sum) = whole.split_last_chunk::<TAIL>().ok_or_else(damaged)?;
        let (head, content) = content.split_at_checked(HEAD).ok_or_else(damaged)?;
        let is_right = head[..4] == magic.to_be_bytes()
            && head[4..] == (whole.len() as u64).to_le_bytes()
            && crc32c(&whole[..whole.len() - TAIL]).to_le_bytes() == *sum;
        if !is_right {
            return Err(damaged());
        }
        let mut rest = Bytes(content);
        let (version, packing) = (rest.number(), rest.number());
        if version != Some(0) {
            return Err("it is of a newer version".to_owned());
        }
        let content = match packing {
            Some(0) => rest.0.to_vec(),
            Some(1) => zstd(rest.0, self.room.bytes)?,
            _ => return Err("a node of its tree is compressed in an unknown way".to_owned()),
        };
        self.room.take(content.len() as u64)?;
        Ok(content)
    }

    /// Reads a node and all below it; their keys begin with `start`.
    fn node(&mut self, node: Node, height: u8, start: &[u8]) -> Result<(), E> {
        let left = self.room.nodes.checked_sub(1);
        self.room.nodes = left.ok_or_else(|| format!("it has more than {MOST_NODES} nodes"))?;
        let whole = (self.read)(&node.place)?;
        self.room.take(whole.len() as u64)?;
        let content = self.unpacked(&whole, OF_NODE)?;
        let mut rest = Bytes(&content);
        if rest.byte() != Some(height) {
            return Err(odd().into());
        }
        let files = files(&mut rest, &node.base, &mut self.room).ok_or_else(odd)?;
        let count = rest.number().and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|&count| count > 0).ok_or_else(odd)?;
        if height == 0 {
            let (keys, _) = self.keys(&mut rest, count, false)?;
            let found = leaves(&mut rest, &files, count).ok_or_else(odd)?;
            for (key, value) in keys.iter().zip(found) {
                let key = [start, key].concat();
                self.room.take(key.len() as u64)?;
                let key = String::from_utf8(key).map_err(|_| odd())?;
                self.values.insert(key, value);
            }
            return Ok(());
        }
        let (keys, shared) = self.keys(&mut rest, count, true)?;
        let below = nodes(&mut rest, &files, count).ok_or_else(odd)?;
        for ((key, shared), node) in keys.iter().zip(shared).zip(below) {
            let shared = usize::try_from(shared)
                .ok()
                .and_then(|shared| key.get(..shared));
            let start = [start, shared.ok_or_else(odd)?].concat();
            self.node(node, height - 1, &start)?;
        }
        Ok(())
    }

    /// The keys of a node, and for nodes above others how much of each all keys below it share.
    fn keys(
        &mut self,
        rest: &mut Bytes<'_>,
        count: usize,
        is_inner: bool,
    ) -> Result<(Vec<Vec<u8>>, Vec<u64>), String> {
        let mut shared = vec![0];
        shared.extend(rest.numbers(count - 1).ok_or_else(odd)?);
        let own = rest.numbers(count).ok_or_else(odd)?;
        let below = match is_inner {
            true => rest.numbers(count).ok_or_else(odd)?,
            false => Vec::new(),
        };
        let mut keys: Vec<Vec<u8>> = Vec::with_capacity(count);
        for (shared, own) in shared.into_iter().zip(own) {
            let before = keys.last().map_or(&[][..], Vec::as_slice);
            let shared = usize::try_from(shared)
                .ok()
                .and_then(|shared| before.get(..shared));
            let own = rest.take(own).ok_or_else(odd)?;
            let key = [shared.ok_or_else(odd)?, own].concat();
            self.room.take(key.len() as u64)?;
            keys.push(key);
        }
        Ok((keys, below))
    }
}

/// The values of a node without others below it.
fn leaves(rest: &mut Bytes<'_>, files: &[Known], count: usize) -> Option<Vec<Value>> {
    let lengths = rest.numbers(count)?;
    let kinds = rest.take(count as u64)?;
    let outside = kinds.iter().filter(|&&kind| kind == 1).count();
    let mut places = rest
        .numbers(outside)?
        .into_iter()
        .zip(rest.numbers(outside)?);
    let values = kinds.iter().zip(lengths).map(|(kind, bytes)| match kind {
        0 => Some((None, bytes)),
        1 => Some((Some(places.next()?), bytes)),
        _ => None,
    });
    let values: Vec<(Option<(u64, u64)>, u64)> = values.collect::<Option<_>>()?;
    let values = values.into_iter().map(|(place, bytes)| match place {
        None => rest.take(bytes).map(|bytes| Value::Here(bytes.to_vec())),
        Some((number, at)) => Some(Value::In(Place {
            file: Arc::clone(&files.get(usize::try_from(number).ok()?)?.path),
            at,
            bytes,
        })),
    });
    values.collect()
}

/// The path of a file below a folder.
pub(super) fn below(folder: &Path, file: &str) -> PathBuf {
    file.split('/')
        .fold(folder.to_owned(), |path, part| path.join(part))
}
