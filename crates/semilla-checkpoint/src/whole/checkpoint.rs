//! A checkpoint with the weights that its parts make.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use semilla::encoding::{AS_STORED, Encoded, encoded};
use semilla::model::Facts;
use semilla::transfer::Norms as NormsName;
use semilla::{Graph, Initializer, Layout};

use super::both::Both;
use super::config::Config;
use super::decoder::{AT_ONCE, Elements};
use super::low_rank::{Factors, LowRank};
use super::make::{Made, Parts};
use super::norms::NormsOf;
use super::reparametrized::Norms;
use crate::checkpoint::scan_read;
use crate::io::range::check_range;
use crate::{Checkpoint, Error, Format, Malformed, Metadata, Remark, TensorInfo, Tensors};

/// A tensor of the list.
enum Entry {
    /// Stored, at this place.
    Stored(usize),
    /// Put together.
    Made(Made),
}

/// Stored tensors, and others that are made of them.
struct Whole {
    stored: Box<dyn Checkpoint>,
    entries: Vec<Entry>,
    tensors: Tensors,
    remarks: Vec<Remark>,
}

/// The checkpoint as the model computes with it: each weight that is stored in parts (weight norm,
/// spectral norm, pruning, quantized numbers and their scales) is one tensor, in the place of its
/// parts, decoded as it is read. A remark says how many were put together, and names those that
/// cannot be. A checkpoint without such parts stays as it is.
///
/// # Errors
/// All tensors together are too large.
///
/// ```
/// # use semilla::DType::F32;
/// # use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors, open};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("weights.safetensors");
/// # let list = [("fc.weight_g", vec![1, 1]), ("fc.weight_v", vec![1, 2])];
/// # let list = list.map(|(name, shape)| TensorInfo::new(name, F32, shape).unwrap());
/// # let writer = SafetensorsWriter::create(&path, Tensors::new(list.to_vec())?, Metadata::new(), None)?;
/// # for (tensor, values) in [vec![10f32], vec![3.0, 4.0]].iter().enumerate() {
/// #     let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
/// #     writer.write(tensor, 0, &bytes)?;
/// # }
/// # writer.finish()?;
/// use semilla_checkpoint::whole;
///
/// let file = whole(open(&path)?)?; // fc.weight_g = 10, fc.weight_v = [3, 4]
/// assert_eq!(file.tensors()[0].name(), "fc.weight");
/// let mut bytes = [0; 8];
/// file.read(0, 0, &mut bytes)?;
/// assert_eq!(bytes, *[6f32.to_le_bytes(), 8f32.to_le_bytes()].concat());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn whole(file: Box<dyn Checkpoint>) -> Result<Box<dyn Checkpoint>, Error> {
    whole_except(file, |_| false)
}

/// As [`whole`], except for weights whose stored tensors are all wanted as they are: by a model, or
/// another checkpoint, that stores the same parts.
///
/// # Errors
/// As [`whole`].
pub fn whole_except(
    file: Box<dyn Checkpoint>,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Box<dyn Checkpoint>, Error> {
    let Found { made, remarks } = found(&*file, |encoded| {
        let mut parts = encoded.parts.iter();
        !parts.all(|(_, place)| is_wanted(file.tensors()[*place].name()))
    });
    if made.is_empty() && remarks.is_empty() {
        return Ok(file);
    }
    let mut is_part = vec![false; file.tensors().len()];
    let mut by_main: Vec<Option<Made>> = Vec::new();
    by_main.resize_with(file.tensors().len(), || None);
    for (encoded, made) in made {
        let parts = encoded.parts.iter();
        parts.for_each(|(_, place)| is_part[*place] = true);
        by_main[encoded.main()] = Some(made);
    }
    let entries = by_main.into_iter().zip(is_part).enumerate();
    let entries = entries.filter_map(|(place, (made, is_part))| match (made, is_part) {
        (Some(made), _) => Some(Entry::Made(made)),
        (None, true) => None,
        (None, false) => Some(Entry::Stored(place)),
    });
    let entries = entries.collect();
    Whole::of(file, entries, remarks, &|_| None)
}

/// The checkpoint's tensors, and beside them the weights that they make. A stored tensor of such a
/// weight's name is called so ([`AS_STORED`]).
pub(crate) fn beside(file: Box<dyn Checkpoint>) -> Result<Box<dyn Checkpoint>, Error> {
    let Found { made, remarks } = found(&*file, |_| true);
    if made.is_empty() && remarks.is_empty() {
        return Ok(file);
    }
    let renamed: Vec<usize> = made
        .iter()
        .filter_map(|(encoded, _)| {
            let main = encoded.main();
            (file.tensors()[main].name() == encoded.weight).then_some(main)
        })
        .collect();
    let stored = (0..file.tensors().len()).map(Entry::Stored);
    let made = made.into_iter().map(|(_, made)| Entry::Made(made));
    let entries = stored.chain(made).collect();
    let names: Vec<String> = file
        .tensors()
        .iter()
        .map(|info| info.name().into())
        .collect();
    Whole::of(file, entries, remarks, &|place| {
        let is_renamed = renamed.binary_search(&place).is_ok();
        is_renamed.then(|| names[place].clone() + AS_STORED)
    })
}

/// The checkpoint, and the norms of its tensors that these names speak of.
pub(crate) fn with_norms<'n>(
    file: Box<dyn Checkpoint>,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Box<dyn Checkpoint>, Error> {
    // Several tensors may take the same.
    let names: BTreeSet<&str> = names.into_iter().collect();
    let wanted = names.into_iter().filter_map(|name| {
        let norms = NormsName::parse(name)?;
        // A tensor may be called so itself.
        let is_stored = file.tensors().index_of(name).is_some();
        (!is_stored).then_some((name.to_owned(), norms))
    });
    let mut made: Vec<Made> = Vec::new();
    for (name, NormsName { of, axis }) in wanted {
        let Some(tensor) = file.tensors().index_of(&of) else {
            continue;
        };
        let info = &file.tensors()[tensor];
        let is_there = axis.is_none_or(|axis| axis < info.shape().len());
        if !is_there || !info.dtype().is_float() {
            continue;
        }
        let shape: Vec<usize> = axis.map(|axis| info.shape()[axis]).into_iter().collect();
        let Ok(norms) = TensorInfo::new(name, info.dtype(), shape) else {
            continue;
        };
        made.push(Made {
            main: tensor,
            how: "norms".to_owned(),
            decoder: Box::new(NormsOf {
                tensor,
                norms: Norms::new(info.shape(), axis),
            }),
            info: norms,
        });
    }
    if made.is_empty() {
        return Ok(file);
    }
    let stored = (0..file.tensors().len()).map(Entry::Stored);
    let entries = stored.chain(made.into_iter().map(Entry::Made)).collect();
    Whole::of(file, entries, Vec::new(), &|_| None)
}

/// A change of a base by an adapter, whose tensors are called by their positions.
pub(crate) enum Change {
    /// A weight of the base takes the product of two factors.
    Added {
        /// The weight's position in the base.
        tensor: usize,
        factors: Factors,
    },
    /// A tensor of the adapter takes the place of the base's of that name, or joins the others.
    Given { name: String, by: usize },
}

/// The base with an adapter merged into it, as it is read.
pub(crate) fn merged(
    base: Box<dyn Checkpoint>,
    adapter: Box<dyn Checkpoint>,
    changes: Vec<Change>,
) -> Result<Box<dyn Checkpoint>, Error> {
    let count = base.tensors().len();
    let mut entries: Vec<Entry> = (0..count).map(Entry::Stored).collect();
    let mut names: HashMap<usize, String> = HashMap::new();
    for change in changes {
        match change {
            Change::Added { tensor, factors } => {
                let info = base.tensors()[tensor].clone();
                entries[tensor] = Entry::Made(Made {
                    main: tensor,
                    how: factors.how(),
                    decoder: Box::new(LowRank::new(tensor, &info, factors.behind(count))),
                    info,
                });
            }
            Change::Given { name, by } => {
                let given = Entry::Stored(count + by);
                match base.tensors().index_of(&name) {
                    Some(place) => entries[place] = given,
                    None => entries.push(given),
                }
                names.insert(count + by, name);
            }
        }
    }
    let both = Box::new(Both::new(base, adapter)?);
    Whole::of(both, entries, Vec::new(), &|place| {
        names.get(&place).cloned()
    })
}

struct Found {
    /// In the order of their main parts.
    made: Vec<(Encoded, Made)>,
    remarks: Vec<Remark>,
}

/// The weights that a checkpoint's tensors make, of those that are meant.
fn found(file: &dyn Checkpoint, is_meant: impl Fn(&Encoded) -> bool) -> Found {
    let tensors = file.tensors();
    let all = encoded(tensors.iter().map(|info| (info.name(), info.dtype())));
    let folder = all
        .first()
        .and_then(|first| file.file(first.main())?.parent());
    let config = folder.map(Config::beside).unwrap_or_default();
    let mut found = Found {
        made: Vec::new(),
        remarks: Vec::new(),
    };
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut names = HashSet::new();
    for encoded in all.into_iter().filter(is_meant) {
        let main = encoded.main();
        let other = tensors.index_of(&encoded.weight);
        if other.is_some_and(|other| other != main) || !names.insert(encoded.weight.clone()) {
            // The weight lies beside its parts already.
            continue;
        }
        let parts = Parts {
            file,
            encoded: &encoded,
            config: &config,
        };
        match parts.make() {
            Ok(made) => {
                match counts.iter_mut().find(|(how, _)| *how == made.how) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((made.how.clone(), 1)),
                }
                found.made.push((encoded, made));
            }
            Err(problem) => found.remarks.push(Remark::InParts {
                name: tensors[main].name().to_owned(),
                problem,
            }),
        }
    }
    let decoded = counts.into_iter();
    found
        .remarks
        .extend(decoded.map(|(how, count)| Remark::Decoded { count, how }));
    found
}

impl Whole {
    fn of(
        stored: Box<dyn Checkpoint>,
        entries: Vec<Entry>,
        remarks: Vec<Remark>,
        renamed: &dyn Fn(usize) -> Option<String>,
    ) -> Result<Box<dyn Checkpoint>, Error> {
        let infos = entries.iter().map(|entry| match entry {
            Entry::Made(made) => Ok(made.info.clone()),
            Entry::Stored(place) => {
                let info = &stored.tensors()[*place];
                match renamed(*place) {
                    None => Ok(info.clone()),
                    Some(name) => TensorInfo::new(name, info.dtype(), info.shape()),
                }
            }
        });
        let infos: Result<Vec<TensorInfo>, _> = infos.collect();
        let tensors = infos.map_err(Malformed::from).and_then(Tensors::new);
        let path = stored.file(0).unwrap_or(Path::new(""));
        let tensors = tensors.map_err(Error::malformed(path))?;
        let remarks = [stored.remarks(), &remarks].concat();
        Ok(Box::new(Self {
            stored,
            entries,
            tensors,
            remarks,
        }))
    }

    fn stored(&self, tensor: usize) -> Option<usize> {
        match self.entries.get(tensor)? {
            Entry::Stored(place) => Some(*place),
            Entry::Made(made) => Some(made.main),
        }
    }
}

impl Checkpoint for Whole {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        self.stored.metadata()
    }

    fn format(&self) -> Format {
        self.stored.format()
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        match self.entries.get(tensor)? {
            Entry::Stored(place) => self.stored.layout(*place),
            Entry::Made(_) => None,
        }
    }

    fn facts(&self, tensor: usize) -> Option<&Facts> {
        match self.entries.get(tensor)? {
            Entry::Stored(place) => self.stored.facts(*place),
            Entry::Made(_) => None,
        }
    }

    fn start(&self, tensor: usize) -> Option<&Initializer> {
        match self.entries.get(tensor)? {
            Entry::Stored(place) => self.stored.start(*place),
            Entry::Made(_) => None,
        }
    }

    fn made_of_parts(&self, tensor: usize) -> Option<&str> {
        match self.entries.get(tensor)? {
            Entry::Stored(place) => self.stored.made_of_parts(*place),
            Entry::Made(made) => Some(&made.how),
        }
    }

    fn dictionaries(&self) -> &[String] {
        self.stored.dictionaries()
    }

    fn graph(&self) -> Option<&Graph> {
        self.stored.graph()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.stored.file(self.stored(tensor)?)
    }

    fn files(&self, tensor: usize) -> Vec<&Path> {
        let stored = self.stored(tensor);
        stored.map_or_else(Vec::new, |stored| self.stored.files(stored))
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, offset, into.len())?;
        let made = match &self.entries[tensor] {
            Entry::Stored(place) => return self.stored.read(*place, offset, into),
            Entry::Made(made) => made,
        };
        if into.is_empty() {
            // Whoever asks for nothing asks whether there are values.
            return self.stored.read(made.main, 0, into);
        }
        let dtype = info.dtype();
        let size = dtype.size();
        let whole = offset.is_multiple_of(size as u64) && into.len().is_multiple_of(size);
        if !whole {
            let first = offset / size as u64;
            let skip = (offset % size as u64) as usize;
            let count = (skip + into.len()).div_ceil(size);
            let mut elements = vec![0; count * size];
            self.read(tensor, first * size as u64, &mut elements)?;
            into.copy_from_slice(&elements[skip..skip + into.len()]);
            return Ok(());
        }
        let mut first = offset / size as u64;
        for bytes in into.chunks_mut(AT_ONCE * size) {
            let mut elements = Elements { dtype, bytes };
            let count = elements.len() as u64;
            made.decoder.decode(&*self.stored, first, &mut elements)?;
            first += count;
        }
        Ok(())
    }

    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        match self.entries.get(tensor) {
            Some(Entry::Stored(place)) => self.stored.scan(*place, look),
            _ => scan_read(self, tensor, look),
        }
    }
}
