//! The groups and datasets of a file, visited once and within limits.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use hdf5_reader::error::Error as Hdf5Error;
use hdf5_reader::group::Group;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::layout::DataLayout;
use hdf5_reader::messages::link::LinkTarget;
use hdf5_reader::{Dataset, ExternalLinkResolver, Hdf5File};

use super::dtype::ElementType;
use super::problem::{Problem, problem};
use crate::tensor::MAX_NAME_BYTES;
use crate::{Limits, Quoted, TensorInfo};

/// The content of a file.
pub(super) struct Tree {
    /// By path, without a slash at either end; the root's is empty.
    pub(super) groups: BTreeMap<String, Group>,
    /// In natural order of their paths, a group's datasets before its groups.
    pub(super) datasets: Vec<Leaf>,
}

/// A dataset and its path.
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) dataset: Dataset,
    /// The number of the file that it lies in.
    pub(super) shard: usize,
}

impl Leaf {
    /// The path of the group that the dataset lies in.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// A key that puts the datasets of several files in the order of those of one.
    pub(super) fn order(&self) -> Vec<(bool, Vec<(String, u64)>)> {
        let parts = self.path.split('/').map(natural);
        let mut order: Vec<_> = parts.map(|part| (true, part)).collect();
        if let Some((is_group, _)) = order.last_mut() {
            *is_group = false;
        }
        order
    }
}

/// Where a dataset's values are.
pub(super) enum Location {
    /// As they are, from this byte of the source on.
    At(u64),
    /// In pieces or transformed.
    Decode,
}

/// Refuses external links and remembers the first: the reader drops some errors of links.
#[derive(Default)]
pub(super) struct RefusedLinks(Mutex<Option<String>>);

impl RefusedLinks {
    fn check(&self) -> Result<(), Problem> {
        match &*self.0.lock().unwrap_or_else(|e| e.into_inner()) {
            None => Ok(()),
            Some(file) => Err(format!(
                "it has a link into another file, {}, which is not followed; \
                 copy those weights into one file",
                Quoted::new(file)
            )),
        }
    }
}

impl ExternalLinkResolver for RefusedLinks {
    fn resolve_external_link(&self, file: &str) -> Result<Option<Hdf5File>, Hdf5Error> {
        let mut first = self.0.lock().unwrap_or_else(|e| e.into_inner());
        first.get_or_insert_with(|| file.to_owned());
        Err(Hdf5Error::Other(
            "external links are not followed".to_owned(),
        ))
    }
}

impl Tree {
    /// Visits a file, the one with the number `shard`.
    pub(super) fn read(
        file: &Hdf5File,
        shard: usize,
        links: &Arc<RefusedLinks>,
        limits: &Limits,
    ) -> Result<Self, Problem> {
        let root = file.root_group().map_err(|e| problem(&e))?;
        let mut tree = Self {
            groups: BTreeMap::new(),
            datasets: Vec::new(),
        };
        let mut visited = HashSet::new();
        let mut waiting = vec![(String::new(), root)];
        while let Some((path, group)) = waiting.pop() {
            if !visited.insert(group.address()) {
                return Err(format!(
                    "two links lead to the group {}",
                    Quoted::new(&path)
                ));
            }
            check_soft_links(file, &group, &path)?;
            let members = group.members();
            links.check()?;
            let (mut groups, mut datasets) = members.map_err(|e| problem(&e))?;
            groups.sort_by_cached_key(|group| natural(group.name()));
            datasets.sort_by_cached_key(|dataset| natural(dataset.name()));
            for dataset in datasets {
                let path = join(&path, dataset.name())?;
                tree.datasets.push(Leaf {
                    path,
                    dataset,
                    shard,
                });
            }
            for child in groups.into_iter().rev() {
                waiting.push((join(&path, child.name())?, child));
            }
            let objects = tree.groups.len() + waiting.len();
            if objects.max(tree.datasets.len()) > limits.tensors {
                return Err(format!(
                    "it has more than {} datasets or groups (Limits::tensors)",
                    limits.tensors
                ));
            }
            if tree.groups.insert(path.clone(), group).is_some() {
                return Err(format!("the group {} is there twice", Quoted::new(&path)));
            }
        }
        Ok(tree)
    }

    pub(super) fn root(&self) -> &Group {
        &self.groups[""]
    }
}

/// Refuses a group in which following the soft links would take hours: each may lead through a
/// thousand others, and each of those is looked for among all messages of the group.
fn check_soft_links(file: &Hdf5File, group: &Group, path: &str) -> Result<(), Problem> {
    const MOST_LOOKUPS: usize = 1 << 20;
    let header = file
        .get_or_parse_header(group.address())
        .map_err(|e| problem(&e))?;
    let is_soft = |message: &&HdfMessage| match message {
        HdfMessage::Link(link) => matches!(link.target, LinkTarget::Soft { .. }),
        _ => false,
    };
    let soft = header.messages.iter().filter(is_soft).count();
    match soft * header.messages.len() > MOST_LOOKUPS {
        true => Err(format!(
            "the group {} has too many soft links",
            Quoted::new(path)
        )),
        false => Ok(()),
    }
}

fn join(path: &str, name: &str) -> Result<String, Problem> {
    if path.len() + name.len() >= MAX_NAME_BYTES {
        return Err(format!("a path is too long: {}...", Quoted::new(path)));
    }
    Ok(match path {
        "" => name.to_owned(),
        _ => format!("{path}/{name}"),
    })
}

/// A key that puts `dense_2` before `dense_10`: text and numbers in turn.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let digits = rest[text..]
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len() - text);
        let number = rest[text..text + digits].parse().unwrap_or(u64::MAX);
        parts.push((rest[..text].to_owned(), number));
        rest = &rest[text + digits..];
    }
    parts
}

/// A dataset's shape.
pub(super) fn shape(dataset: &Dataset) -> Result<Vec<usize>, Problem> {
    let empty = dataset.num_elements().map_err(|e| problem(&e))? == 0;
    if empty && dataset.shape().is_empty() {
        return Ok(vec![0]);
    }
    dataset
        .shape()
        .iter()
        .map(|&size| usize::try_from(size).map_err(|_| "its shape is too large".to_owned()))
        .collect()
}

/// How many bytes a dataset's chunks have together once unpacked: those at its edges may reach far
/// beyond it.
pub(super) fn unpacked_bytes(dataset: &Dataset, info: &TensorInfo) -> u64 {
    let Some(chunks) = dataset.chunks() else {
        return info.bytes();
    };
    let element = info.dtype().size() as u64;
    let axes = dataset.shape().iter().zip(chunks);
    axes.map(|(&size, chunk)| size.checked_next_multiple_of(u64::from(chunk).max(1)))
        .try_fold(element, |bytes, size| bytes.checked_mul(size?))
        .unwrap_or(u64::MAX)
}

/// Where the values of a dataset are.
pub(super) fn location(
    file: &Hdf5File,
    dataset: &Dataset,
    info: &TensorInfo,
    element: ElementType,
) -> Result<Location, Problem> {
    let header = file
        .get_or_parse_header(dataset.address())
        .map_err(|e| problem(&e))?;
    let mut location = Location::Decode;
    for message in &header.messages {
        match message {
            HdfMessage::ExternalFiles(_) => {
                return Err(
                    "its values lie in another file, which is not read; copy them into one file"
                        .to_owned(),
                );
            }
            HdfMessage::DataLayout(message) => {
                if let DataLayout::Contiguous { address, size } = message.layout
                    && size == info.bytes()
                    && size > 0
                    && !element.big_endian
                    && !is_undefined(address, file)
                {
                    location = Location::At(address.saturating_add(file.superblock().base_address));
                }
            }
            _ => {}
        }
    }
    Ok(location)
}

/// Whether values were never written: then they are the fill value, which the reader knows.
fn is_undefined(address: u64, file: &Hdf5File) -> bool {
    let bits = 8 * u32::from(file.superblock().offset_size.min(8));
    address == u64::MAX >> (64 - bits.max(8))
}
