//! The values that a pickle makes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::allowed::makes_weights;
use super::fault::Fault;

/// Values that the pickles of a file may make. More than those of 32 MiB of tensors.
pub(crate) const MAX_VALUES: usize = 1 << 23;

/// A value among [`Values`]. Equal texts, integers and globals are one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(u32);

/// A value that a pickle makes.
#[derive(Debug)]
pub(crate) enum Node {
    /// Nothing, a float, a large integer: all that no tensor is made of.
    Other,
    /// Bytes, or a text that is too long for a name.
    Bytes(Run),
    /// An integer, or a truth value, which Python takes for 0 and 1.
    Int(i64),
    /// A text, and where its UTF-8 lies in the pickle; nowhere if it is escaped there.
    Text(Rc<str>, Option<u64>),
    Tuple(Box<[Id]>),
    /// A list or a set, in the pickle's order.
    List(Vec<Id>),
    /// Keys with their values, in the order in which the keys came first.
    Dict(Vec<(Id, Id)>),
    /// A module and the name of something in it.
    Global(Id, Id),
    /// Something outside of the pickle, under this name.
    Persistent(Id),
    Call(Box<Call>),
}

/// Bytes of the file of a pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where they begin in the pickle.
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    /// How many characters they are, if they are a text.
    pub(crate) characters: Option<u64>,
}

/// An object that a pickle asks Python to make.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: Id,
    pub(crate) arguments: Id,
    /// The content: keys with their values, or items under their numbers.
    pub(crate) items: Vec<(Id, Id)>,
    pub(crate) state: Option<Id>,
}

/// The values of a file's pickles. They refer to each other by number, so that sharing and even
/// cycles are as in Python and nothing is deep when it is dropped.
pub(crate) struct Values {
    nodes: Vec<Node>,
    texts: HashMap<Rc<str>, Id>,
    integers: HashMap<i64, Id>,
    globals: HashMap<(Id, Id), Id>,
    /// Where a key stands in a dictionary.
    places: HashMap<(Id, Id), usize>,
    /// How many values were made or put somewhere.
    count: usize,
    text_bytes: u64,
    /// The bytes that all texts together may have.
    most_text: u64,
}

impl Values {
    /// A value of no interest.
    pub(crate) const OTHER: Id = Id(0);

    /// No values yet; their texts may have `most_text` bytes.
    pub(crate) fn new(most_text: u64) -> Self {
        Self {
            nodes: vec![Node::Other],
            texts: HashMap::new(),
            integers: HashMap::new(),
            globals: HashMap::new(),
            places: HashMap::new(),
            count: 0,
            text_bytes: 0,
            most_text,
        }
    }

    pub(crate) fn get(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Every value, in the order in which they were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Node)> {
        let numbered = self.nodes.iter().enumerate();
        numbered.map(|(number, node)| (Id(number as u32), node))
    }

    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Node::Text(text, _) => Some(text),
            _ => None,
        }
    }

    /// The bytes or the text that a value is.
    pub(crate) fn run(&self, id: Id) -> Option<Run> {
        match self.get(id) {
            Node::Bytes(run) => Some(*run),
            Node::Text(text, at) => Some(Run {
                at: (*at)?,
                bytes: text.len() as u64,
                characters: Some(text.chars().count() as u64),
            }),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Node::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn call(&self, id: Id) -> Option<&Call> {
        match self.get(id) {
            Node::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The module and the name of a global.
    pub(crate) fn global(&self, id: Id) -> Option<(&str, &str)> {
        match self.get(id) {
            Node::Global(module, name) => Some((self.text(*module)?, self.text(*name)?)),
            _ => None,
        }
    }

    /// The value under a text in a dictionary.
    pub(crate) fn entry(&self, dict: Id, key: &str) -> Option<Id> {
        let Node::Dict(entries) = self.get(dict) else {
            return None;
        };
        let place = self.places.get(&(dict, *self.texts.get(key)?))?;
        Some(entries[*place].1)
    }

    /// Modules and names that are not among what weights are made of.
    pub(crate) fn strangers(&self) -> BTreeSet<(&str, &str)> {
        let globals = self.globals.values().filter_map(|&id| self.global(id));
        globals
            .filter(|(module, name)| !makes_weights(module, name))
            .collect()
    }

    /// Takes part of what the file may have.
    pub(super) fn spend(&mut self, values: usize) -> Result<(), Fault> {
        self.count = self.count.saturating_add(values);
        match self.count > MAX_VALUES {
            true => Err(Fault::TooMany(MAX_VALUES)),
            false => Ok(()),
        }
    }

    pub(super) fn add(&mut self, node: Node) -> Id {
        // `spend` keeps their number far below what fits.
        let id = Id(self.nodes.len() as u32);
        self.nodes.push(node);
        id
    }

    pub(super) fn add_call(&mut self, function: Id, arguments: Id) -> Id {
        self.add(Node::Call(Box::new(Call {
            function,
            arguments,
            items: Vec::new(),
            state: None,
        })))
    }

    pub(super) fn add_text(&mut self, text: &str, at: Option<u64>) -> Result<Id, Fault> {
        if let Some(&id) = self.texts.get(text) {
            return Ok(id);
        }
        self.text_bytes = self.text_bytes.saturating_add(text.len() as u64);
        if self.text_bytes > self.most_text {
            return Err(Fault::TooLong(self.most_text));
        }
        let text = Rc::<str>::from(text);
        let id = self.add(Node::Text(Rc::clone(&text), at));
        self.texts.insert(text, id);
        Ok(id)
    }

    pub(super) fn add_integer(&mut self, value: i64) -> Id {
        if let Some(&id) = self.integers.get(&value) {
            return id;
        }
        let id = self.add(Node::Int(value));
        self.integers.insert(value, id);
        id
    }

    pub(super) fn add_global(&mut self, module: Id, name: Id) -> Result<Id, Fault> {
        if self.text(module).is_none() || self.text(name).is_none() {
            return Err(Fault::Text);
        }
        if let Some(&id) = self.globals.get(&(module, name)) {
            return Ok(id);
        }
        let id = self.add(Node::Global(module, name));
        self.globals.insert((module, name), id);
        Ok(id)
    }

    /// `into[key] = value`
    pub(super) fn set_item(&mut self, into: Id, key: Id, value: Id) -> Result<(), Fault> {
        let entries = match &mut self.nodes[into.0 as usize] {
            Node::Dict(entries) => entries,
            Node::Call(call) => &mut call.items,
            _ => return Err(Fault::Target),
        };
        // What is kept of such keys does not tell whether they are equal.
        if key == Self::OTHER {
            entries.push((key, value));
            return Ok(());
        }
        match self.places.entry((into, key)) {
            Entry::Occupied(place) => entries[*place.get()].1 = value,
            Entry::Vacant(place) => {
                place.insert(entries.len());
                entries.push((key, value));
            }
        }
        Ok(())
    }

    /// `into.append(item)`
    pub(super) fn append(&mut self, into: Id, item: Id) -> Result<(), Fault> {
        match &mut self.nodes[into.0 as usize] {
            Node::List(items) => items.push(item),
            Node::Call(call) => {
                let number = call.items.len() as i64;
                let key = self.add_integer(number);
                return self.set_item(into, key, item);
            }
            _ => return Err(Fault::Target),
        }
        Ok(())
    }

    /// Gives an object its state; that of dictionaries, lists and the like has no values of theirs.
    pub(super) fn set_state(&mut self, object: Id, state: Id) {
        if let Node::Call(call) = &mut self.nodes[object.0 as usize] {
            call.state = Some(state);
        }
    }
}
