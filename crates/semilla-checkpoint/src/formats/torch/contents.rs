//! The tensors among the values of a pickle, under their names.

use std::collections::HashSet;

use semilla::DType;

use crate::formats::torch::pickle::{Call, Id, MAX_VALUES, Node, Values};
use crate::quoted::Quoted;
use crate::tensor::InvalidTensor;
use crate::tensor::MAX_NAME_BYTES;
use crate::{Limits, Remark, TensorInfo};

use super::arrays::{Elements, array, is_array};
use super::sequence::{sequence, sizes};
use super::spread::{SPREAD, Spread};
use super::storage::{Part, Storage, Storages, count, dtype};
use super::view::View;

/// How deep collections may lie in each other.
const MAX_NESTING: usize = 500;

/// Finds tensors: the names are the keys on the way to each, joined by dots; those of a whole
/// module are those of its `state_dict()`.
pub(super) struct Walk<'a> {
    values: &'a Values,
    storages: &'a Storages,
    limits: &'a Limits,
    /// Where the walk is.
    name: String,
    depth: usize,
    /// Values seen where no tensor may be.
    aside: HashSet<Id>,
    /// How many values were looked at.
    steps: usize,
    found: Vec<(TensorInfo, View)>,
    /// The elements of arrays of NumPy, whose storages come behind those of tensors.
    arrays: Vec<Elements>,
    /// Remarks on values that cannot be read.
    remarks: Vec<Remark>,
    /// The keys of state dictionaries in the file's own.
    dictionaries: Vec<String>,
    /// Of all names found.
    bytes: u64,
}

/// What a pickle has.
pub(super) struct Found {
    pub(super) tensors: Vec<(TensorInfo, View)>,
    /// The elements of arrays of NumPy. Views count them as storages behind those of the pickle.
    pub(super) arrays: Vec<Elements>,
    /// What cannot be read.
    pub(super) remarks: Vec<Remark>,
    /// The keys of state dictionaries in the file's own.
    pub(super) dictionaries: Vec<String>,
}

/// Why the walk ends.
pub(super) enum Stop {
    Problem(String),
    Invalid(InvalidTensor),
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Stop::Problem(problem)
    }
}

impl<'a> Walk<'a> {
    /// The tensors below `root`, in the order in which the pickle has them, and what cannot be read
    /// beside them.
    pub(super) fn find(
        values: &'a Values,
        storages: &'a Storages,
        root: Id,
        limits: &'a Limits,
    ) -> Result<Found, Stop> {
        let mut walk = Self::new(values, storages, limits);
        if !matches!(
            values.get(root),
            Node::Tuple(_) | Node::List(_) | Node::Dict(_) | Node::Call(_)
        ) {
            return Err("it holds no dictionary of tensors".to_owned().into());
        }
        walk.visit(root)?;
        walk.check_unique()?;
        match (walk.found.is_empty(), walk.remarks.first()) {
            (true, Some(Remark::Unreadable { name, problem })) => {
                Err(format!("tensor {}: {problem}", Quoted::new(name)).into())
            }
            _ => Ok(walk.done()),
        }
    }

    /// The one tensor that `root` is, without a name.
    pub(super) fn find_one(
        values: &'a Values,
        storages: &'a Storages,
        root: Id,
        limits: &'a Limits,
    ) -> Result<Found, Stop> {
        let mut walk = Self::new(values, storages, limits);
        match values.call(root) {
            Some(call) if walk.makes_a_tensor(call) => walk.tensor(call)?,
            _ => return Err("it is not one tensor".to_owned().into()),
        }
        Ok(walk.done())
    }

    fn done(self) -> Found {
        Found {
            tensors: self.found,
            arrays: self.arrays,
            remarks: self.remarks,
            dictionaries: self.dictionaries,
        }
    }

    fn new(values: &'a Values, storages: &'a Storages, limits: &'a Limits) -> Self {
        Self {
            values,
            storages,
            limits,
            name: String::new(),
            depth: 0,
            aside: HashSet::new(),
            steps: 0,
            found: Vec::new(),
            arrays: Vec::new(),
            remarks: Vec::new(),
            dictionaries: Vec::new(),
            bytes: 0,
        }
    }

    fn visit(&mut self, id: Id) -> Result<(), Stop> {
        self.step(1)?;
        let values = self.values;
        if let Some(items) = sequence(values, id) {
            if let &[name, array] = items
                && let (Node::Text(..), Node::Call(call)) = (values.get(name), values.get(array))
                && is_array(values, call)
            {
                // Paddle's form of a tensor.
                return self.array(call);
            }
            if let Some(pairs) = self.pairs(items)? {
                return self.entries(&pairs);
            }
            let mut numbered = items.iter().enumerate();
            return numbered.try_for_each(|(index, &item)| self.below(&index.to_string(), item));
        }
        if let Some(entries) = self.mapping(id)? {
            if self.depth == 1 && self.is_state(&entries) {
                self.dictionaries.push(self.name.clone());
            }
            return self.entries(&entries);
        }
        match self.values.get(id) {
            Node::Call(call) => self.object(call),
            Node::Persistent(_) if self.storages.get(id).is_some() => {
                self.leave("it is a storage; save tensors instead".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The items of a dictionary that was saved as a list: all are pairs of a text and a tensor.
    fn pairs(&mut self, items: &[Id]) -> Result<Option<Entries>, Stop> {
        self.step(items.len())?;
        let values = self.values;
        let pairs = items.iter().map(|&item| match sequence(values, item) {
            Some(&[name, tensor]) => {
                let call = values.call(tensor)?;
                let is_one = values.text(name).is_some() && self.makes_a_tensor(call);
                is_one.then_some((name, tensor))
            }
            _ => None,
        });
        let pairs: Option<Entries> = pairs.collect();
        Ok(pairs.filter(|pairs| !pairs.is_empty()))
    }

    /// Whether a dictionary has tensors under names of several parts, as those of modules are.
    fn is_state(&self, entries: &[(Id, Id)]) -> bool {
        entries.iter().any(|&(name, value)| {
            let is_tensor = |call| self.makes_a_tensor(call) || is_array(self.values, call);
            let has_parts = self
                .values
                .text(name)
                .is_some_and(|name| name.contains('.'));
            has_parts && self.values.call(value).is_some_and(is_tensor)
        })
    }

    /// Cycles, and values that double with each level, end here.
    fn step(&mut self, count: usize) -> Result<(), String> {
        self.steps = self.steps.saturating_add(count);
        match self.steps > MAX_VALUES {
            true => Err(format!(
                "it has more than {MAX_VALUES} values, where one under two names counts twice"
            )),
            false => Ok(()),
        }
    }

    fn entries(&mut self, entries: &[(Id, Id)]) -> Result<(), Stop> {
        let mut entries = entries.iter();
        entries.try_for_each(|&(key, value)| match self.values.get(key) {
            Node::Text(key, _) => self.below(key, value),
            Node::Int(key) => self.below(&key.to_string(), value),
            _ if self.has_tensors(&[key, value])? => self.leave(
                "it lies below a key that is neither a text nor an integer, so that it has no name"
                    .to_owned(),
            ),
            _ => Ok(()),
        })
    }

    fn below(&mut self, key: &str, value: Id) -> Result<(), Stop> {
        if self.depth == MAX_NESTING {
            return Err(format!("its nesting is deeper than {MAX_NESTING}").into());
        }
        let length = self.name.len();
        // One that is too long will be refused whatever follows.
        if length <= MAX_NAME_BYTES {
            if self.depth > 0 {
                self.name.push('.');
            }
            let end = key.ceil_char_boundary(MAX_NAME_BYTES + 1);
            self.name.push_str(&key[..end]);
        }
        self.depth += 1;
        self.visit(value)?;
        self.depth -= 1;
        self.name.truncate(length);
        Ok(())
    }

    /// Whether tensors are anywhere in values that do not name them. Values without any are looked
    /// at once in all: objects of configurations often know their parents.
    fn has_tensors(&mut self, values: &[Id]) -> Result<bool, Stop> {
        let found = self.looks_for_tensors(values)?;
        if found {
            // Some of them are above a tensor, and others may share it.
            self.aside.clear();
        }
        Ok(found)
    }

    fn looks_for_tensors(&mut self, values: &[Id]) -> Result<bool, Stop> {
        let mut due = values.to_vec();
        while let Some(id) = due.pop() {
            if !self.aside.insert(id) {
                continue;
            }
            let before = due.len();
            match self.values.get(id) {
                Node::Tuple(items) => due.extend(items),
                Node::List(items) => due.extend(items),
                Node::Dict(entries) => due.extend(entries.iter().flat_map(|&(k, v)| [k, v])),
                Node::Call(call) if self.makes_a_tensor(call) || is_array(self.values, call) => {
                    return Ok(true);
                }
                Node::Call(call) => {
                    due.push(call.arguments);
                    due.extend(call.state);
                    due.extend(call.items.iter().flat_map(|&(k, v)| [k, v]));
                }
                Node::Persistent(_) if self.storages.get(id).is_some() => return Ok(true),
                _ => {}
            }
            self.step(1 + due.len() - before)?;
        }
        Ok(false)
    }

    fn object(&mut self, call: &Call) -> Result<(), Stop> {
        if self.makes_a_tensor(call) {
            return match self.depth {
                0 => Err("it is one tensor without a name; save a dictionary with it"
                    .to_owned()
                    .into()),
                _ => self.tensor(call),
            };
        }
        if let Some(state) = call.state
            && let Some(tables) = self.tables(state)?
        {
            return self.module(state, tables);
        }
        if let (Some((module, _)), Some(state)) = (self.values.global(call.function), call.state)
            && module.starts_with(SCRIPT)
            && let Node::Dict(attributes) = self.values.get(state)
        {
            return self.entries(attributes);
        }
        if is_array(self.values, call) {
            return match self.depth {
                0 => Err("it is one array without a name; save a dictionary with it"
                    .to_owned()
                    .into()),
                _ => self.array(call),
            };
        }
        self.entries(&call.items)?;
        let mut rest = vec![call.arguments];
        rest.extend(call.state);
        if self.has_tensors(&rest)? {
            let (module, name) = self.values.global(call.function).unwrap_or_default();
            let (module, name) = (Quoted::new(module), Quoted::new(name));
            return self.leave(format!(
                "it is inside of an object, {name} of {module}; save its state_dict() instead"
            ));
        }
        Ok(())
    }

    fn makes_a_tensor(&self, call: &Call) -> bool {
        match self.values.global(call.function) {
            Some(("torch._utils", name)) => name.starts_with("_rebuild_"),
            Some(("torch._tensor", name)) => name == "_rebuild_from_type_v2",
            Some((module, _)) => module == "torch.nn.parameter",
            None => false,
        }
    }

    /// The parameters, buffers and modules in the state of a `torch.nn.Module`.
    fn tables(&mut self, state: Id) -> Result<Option<[Entries; 3]>, Stop> {
        let mut tables = [const { Vec::new() }; 3];
        let names = ["_parameters", "_buffers", "_modules"];
        for (table, name) in tables.iter_mut().zip(names) {
            let found = self.values.entry(state, name);
            match found.map_or(Ok(None), |table| self.mapping(table))? {
                Some(entries) => *table = entries,
                None => return Ok(None),
            }
        }
        Ok(Some(tables))
    }

    /// The entries that `state_dict()` would have, in its order.
    fn module(
        &mut self,
        state: Id,
        [parameters, buffers, modules]: [Entries; 3],
    ) -> Result<(), Stop> {
        let unsaved = self.values.entry(state, "_non_persistent_buffers_set");
        let unsaved = unsaved.and_then(|set| sequence(self.values, set));
        let unsaved: HashSet<_> = unsaved.unwrap_or_default().iter().collect();
        self.step(unsaved.len())?;
        let mut saved = buffers;
        saved.retain(|(name, _)| !unsaved.contains(name));
        self.entries(&parameters)?;
        self.entries(&saved)?;
        self.entries(&modules)
    }

    /// The entries of a dictionary, and of those that calls make.
    fn mapping(&mut self, id: Id) -> Result<Option<Entries>, Stop> {
        let values = self.values;
        let mut entries = Vec::new();
        match values.get(id) {
            Node::Dict(own) => entries.clone_from(own),
            Node::Call(call) if is_mapping(values.global(call.function)) => {
                let given = values.tuple(call.arguments).unwrap_or_default();
                for &given in given.iter().take(2) {
                    let pairs = sequence(values, given).unwrap_or_default();
                    for &pair in pairs {
                        match sequence(values, pair) {
                            Some(&[key, value]) => entries.push((key, value)),
                            _ => return Err(self.refuse("it is a dictionary of no pairs")),
                        }
                    }
                    if let Node::Dict(given) = values.get(given) {
                        entries.extend(given);
                    }
                    self.step(entries.len())?;
                }
                entries.extend(&call.items);
            }
            _ => return Ok(None),
        }
        self.step(entries.len())?;
        Ok(Some(entries))
    }

    fn tensor(&mut self, call: &Call) -> Result<(), Stop> {
        self.count()?;
        let rebuilt = match self.rebuild(call) {
            Ok(rebuilt) => rebuilt,
            Err(problem) => return self.leave(problem),
        };
        let sizes = |id| sizes(self.values, id);
        let odd = || self.refuse("its shape, strides or offset are not those of a tensor");
        let (shape, strides) = sizes(rebuilt.shape)
            .zip(sizes(rebuilt.strides))
            .ok_or_else(odd)?;
        let offset = count(self.values, rebuilt.offset).ok_or_else(odd)?;
        let dims: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
        let info = TensorInfo::new(&*self.name, rebuilt.dtype, dims).map_err(Stop::Invalid)?;
        let (part, storage) = self
            .storages
            .get(rebuilt.storage)
            .ok_or_else(|| self.refuse("it has no storage"))?;
        let view = View::new((part, storage), rebuilt.dtype, offset, &shape, &strides)
            .ok_or_else(|| self.refuse("its elements are not all in its storage"))?;
        self.found.push((info, view));
        Ok(())
    }

    fn array(&mut self, call: &Call) -> Result<(), Stop> {
        self.count()?;
        let array = match array(self.values, call) {
            Ok(array) => array,
            Err(problem) => return self.leave(problem),
        };
        let dims: Vec<usize> = array.shape.iter().map(|&size| size as usize).collect();
        let info = TensorInfo::new(&*self.name, array.dtype, dims).map_err(Stop::Invalid)?;
        if array.elements.bytes() != info.bytes() {
            return Err(self.refuse("it has not the bytes that its shape needs"));
        }
        let bytes = Storage {
            key: Values::OTHER,
            dtype: None,
            size: 1,
            elements: array.elements.bytes(),
        };
        let part = Part {
            storage: self.storages.list.len() + self.arrays.len(),
            start: 0,
            elements: bytes.elements,
        };
        let view = View::new((part, &bytes), array.dtype, 0, &array.shape, &array.strides);
        let view = view.ok_or_else(|| self.refuse("its elements are not all there"))?;
        self.arrays.push(array.elements);
        self.found.push((info, view));
        Ok(())
    }

    /// Counts a name.
    fn count(&mut self) -> Result<(), String> {
        self.bytes += self.name.len() as u64;
        let named = self.found.len() + self.remarks.len();
        match self.bytes > self.limits.header_bytes || named >= self.limits.tensors {
            true => Err(format!(
                "its tensors or their names are beyond the limits of {} tensors and {} bytes",
                self.limits.tensors, self.limits.header_bytes
            )),
            false => Ok(()),
        }
    }

    /// Leaves out what cannot be read; others of the file can.
    fn leave(&mut self, problem: String) -> Result<(), Stop> {
        self.count()?;
        let name = self.name.clone();
        self.remarks.push(Remark::Unreadable { name, problem });
        Ok(())
    }

    /// Follows the functions of PyTorch that make a tensor of a tensor, to that which makes one of
    /// a storage.
    fn rebuild(&mut self, call: &Call) -> Result<Rebuilt, String> {
        let values = self.values;
        let (mut function, mut arguments) = (call.function, call.arguments);
        let mut spread: Option<Spread> = None;
        loop {
            self.step(1)?;
            let (module, name) = values.global(function).unwrap_or_default();
            match (module, name, values.tuple(arguments).unwrap_or_default()) {
                (
                    "torch._utils",
                    "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3",
                    [storage, offset, shape, strides, rest @ ..],
                ) => {
                    // Whether it has a gradient, its hooks, in the third version its type, and
                    // marks.
                    let (dtype, marks) = match (name, rest) {
                        ("_rebuild_tensor_v3", [_, _, kind, marks @ ..]) => {
                            (dtype(values, *kind)?, marks.first())
                        }
                        _ => (self.dtype_of(*storage)?, rest.get(2)),
                    };
                    check_marks(values, marks)?;
                    if let Some(spread) = &spread {
                        spread.check_whole(&sizes(values, *shape).unwrap_or_default())?;
                    }
                    return Ok(Rebuilt {
                        storage: *storage,
                        dtype,
                        offset: *offset,
                        shape: *shape,
                        strides: *strides,
                    });
                }
                (
                    "torch._utils",
                    "_rebuild_parameter" | "_rebuild_parameter_with_state",
                    [data, ..],
                )
                | ("torch.nn.parameter", "Parameter" | "Buffer", [data, ..]) => {
                    let inner = values.call(*data).ok_or("its data are no tensor")?;
                    (function, arguments) = (inner.function, inner.arguments);
                }
                ("torch._tensor", "_rebuild_from_type_v2", [inner, _, theirs, state, ..])
                    if values
                        .global(*inner)
                        .is_some_and(|(_, name)| name == SPREAD) =>
                {
                    let found = Spread::of(values, *theirs, *state);
                    let found = found.ok_or("it is of a class that cannot be read")?;
                    let local = values.call(found.local).ok_or("its data are no tensor")?;
                    (function, arguments) = (local.function, local.arguments);
                    spread = Some(found);
                }
                ("torch._tensor", "_rebuild_from_type_v2", [inner, _, theirs, ..]) => {
                    (function, arguments) = (*inner, *theirs);
                }
                ("torch._utils", "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor", _) => {
                    return Err("it is sparse; save it with to_dense()".to_owned());
                }
                ("torch._utils", "_rebuild_qtensor", _) => {
                    return Err("it is quantized; save it with dequantize()".to_owned());
                }
                ("torch._utils", "_rebuild_meta_tensor_no_storage", _) => {
                    return Err("it is on the meta device and has no values".to_owned());
                }
                _ => {
                    let (module, name) = (Quoted::new(module), Quoted::new(name));
                    return Err(format!(
                        "{name} of {module} makes it in a way that cannot be read; \
                         save it as a plain tensor"
                    ));
                }
            }
        }
    }

    fn dtype_of(&self, storage: Id) -> Result<DType, String> {
        let (_, storage) = self.storages.get(storage).ok_or("it has no storage")?;
        let why = "its elements are complex, quantized or of a newer kind, which cannot be read";
        Ok(storage.dtype.ok_or(why)?)
    }

    fn refuse(&self, problem: &str) -> Stop {
        Stop::Problem(format!("tensor {}: {problem}", Quoted::new(&self.name)))
    }

    /// Different ways may give one name: `a` then `b.c`, and `a.b` then `c`.
    fn check_unique(&self) -> Result<(), String> {
        let mut seen = HashSet::with_capacity(self.found.len());
        let mut names = self.found.iter().map(|(info, _)| info.name());
        match names.find(|name| !seen.insert(*name)) {
            Some(twice) => Err(format!("two tensors have the name {}", Quoted::new(twice))),
            None => Ok(()),
        }
    }
}

type Entries = Vec<(Id, Id)>;

/// The modules of classes that TorchScript made; their state are parameters, buffers and modules.
const SCRIPT: &str = "__torch__";

/// The parts of a tensor.
struct Rebuilt {
    storage: Id,
    dtype: DType,
    offset: Id,
    shape: Id,
    strides: Id,
}

fn is_mapping(made_by: Option<(&str, &str)>) -> bool {
    matches!(
        made_by,
        Some(("collections", "OrderedDict" | "defaultdict" | "Counter"))
    )
}

/// A tensor can be marked as the negative or the conjugate of what is stored.
fn check_marks(values: &Values, marks: Option<&Id>) -> Result<(), String> {
    let marked = |key| marks.is_some_and(|&marks| values.entry(marks, key).is_some());
    match marked("neg") || marked("conj") {
        true => Err(
            "it is stored negated or conjugated; save it with resolve_neg().resolve_conj()"
                .to_owned(),
        ),
        false => Ok(()),
    }
}
