//! What a pickle names, found without running it.
//!
//! A pickle is a program for a machine with a stack, marks on it, and a memo. This one keeps of
//! every value only whether it is a string and which, that being all that naming a global takes.
//!
//! Source: the opcodes of pickle's protocols 0 to 5, as Python's `pickletools` lists them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Values that the pickles of a file may push. More than those of 32 MiB of tensors.
const MAX_VALUES: usize = 1 << 23;

/// What the pickles of a file name.
#[derive(Default)]
pub(crate) struct Scan {
    /// Modules and names that are not among what weights are made of.
    pub(crate) strangers: BTreeSet<(String, String)>,
    /// Where each global, written with its module, first appears: the last string before it, which
    /// is the key of the value that it makes.
    globals: HashMap<String, Option<usize>>,
    /// How often a collection was used again after tensors were put into it.
    pub(crate) reused: usize,
    /// The strings in the order of their first appearance.
    texts: Vec<Rc<str>>,
    places: HashMap<Rc<str>, usize>,
    /// How many values were pushed.
    values: usize,
}

/// Why a pickle cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error("the pickle has an unknown or forbidden opcode, 0x{0:02x}")]
    Opcode(u8),
    #[error("the pickle takes a value where there is none")]
    Underflow,
    #[error("the pickle has a text that is not what its opcode asks for")]
    Text,
    #[error("the pickle has more than {MAX_VALUES} values")]
    TooMany,
}

/// What is known of a value.
#[derive(Clone, Copy)]
struct Value {
    /// Its place among the strings, if it is one.
    string: Option<usize>,
    /// A storage is in it, so that it is or holds tensors.
    stored: bool,
    /// Its number in the memo, if it was kept there.
    kept: Option<u64>,
}

/// A value that is no string.
const OTHER: Value = Value {
    string: None,
    stored: false,
    kept: None,
};

/// What an opcode comes to.
enum Step {
    Push(Value),
    Mark,
    Nothing,
    Stop,
}

impl Scan {
    /// Follows one pickle to its end, and leaves `from` behind it.
    pub(crate) fn pickle(&mut self, from: &mut impl BufRead) -> Result<(), Fault> {
        let mut machine = Machine::default();
        loop {
            match self.step(from, &mut machine)? {
                Step::Push(value) => machine.stack.push(value),
                Step::Mark => machine.marks.push(machine.stack.len()),
                Step::Nothing => continue,
                Step::Stop => return Ok(()),
            }
            self.values += 1;
            if self.values > MAX_VALUES {
                return Err(Fault::TooMany);
            }
        }
    }

    fn step(&mut self, from: &mut impl BufRead, machine: &mut Machine) -> Result<Step, Fault> {
        let opcode = number::<1>(from)? as u8;
        let value = match opcode {
            // Scalars and empty containers.
            b'N' | 0x88 | 0x89 | b')' | b']' | b'}' | 0x8f => OTHER,
            b'I' | b'L' | b'F' | b'P' => line(from).map(|_| OTHER)?,
            b'K' => skip(from, 1)?,
            b'M' => skip(from, 2)?,
            b'J' => skip(from, 4)?,
            b'G' => skip(from, 8)?,
            0x8a | b'C' => number::<1>(from).and_then(|bytes| skip(from, bytes))?,
            0x8b | b'B' => number::<4>(from).and_then(|bytes| skip(from, bytes))?,
            0x8e | 0x96 => number::<8>(from).and_then(|bytes| skip(from, bytes))?,
            // Strings.
            b'S' => self.string(line(from)?.trim_matches(['\'', '"'])),
            b'V' => self.string(&line(from)?),
            b'U' | 0x8c => self.sized_string::<1>(from)?,
            b'T' | b'X' => self.sized_string::<4>(from)?,
            0x8d => self.sized_string::<8>(from)?,
            // Globals.
            b'c' => self.global(machine, line(from)?, line(from)?),
            b'i' => {
                machine.pop_to_mark()?;
                self.global(machine, line(from)?, line(from)?)
            }
            0x93 => {
                let (name, module) = (machine.pop()?, machine.pop()?);
                self.global(machine, self.text_of(module)?, self.text_of(name)?)
            }
            // Values made of others, and containers after something was put in.
            b't' | b'l' | b'd' | 0x91 | b'o' => machine.pop_to_mark()?,
            0x85 => machine.replace(1)?,
            0x86 | b'R' | 0x81 => machine.replace(2)?,
            0x87 | 0x92 => machine.replace(3)?,
            b'Q' => Value {
                stored: true,
                ..machine.replace(1)?
            },
            b'a' => {
                let item = machine.pop()?;
                machine.put_in(item)?
            }
            b's' => {
                let items = machine.replace(2)?;
                machine.put_in(items)?
            }
            b'e' | b'u' | 0x90 => {
                let items = machine.pop_to_mark()?;
                machine.put_in(items)?
            }
            b'b' => machine.build()?,
            // The memo.
            b'2' => machine.top()?,
            b'g' => self.recall(machine, decimal(from)?)?,
            b'h' => self.recall(machine, number::<1>(from)?)?,
            b'j' => self.recall(machine, number::<4>(from)?)?,
            b'p' => return machine.keep(decimal(from)?),
            b'q' => return machine.keep(number::<1>(from)?),
            b'r' => return machine.keep(number::<4>(from)?),
            0x94 => return machine.keep(machine.memo.len() as u64),
            // The stack, the protocol's number, and a frame's length.
            b'(' => return Ok(Step::Mark),
            b'0' => return machine.drop_one(),
            b'1' => return machine.pop_to_mark().map(|_| Step::Nothing),
            0x80 => return skip(from, 1).map(|_| Step::Nothing),
            0x95 => return skip(from, 8).map(|_| Step::Nothing),
            b'.' => return Ok(Step::Stop),
            other => return Err(Fault::Opcode(other)),
        };
        Ok(Step::Push(value))
    }

    /// Where among the strings this one first appeared.
    pub(crate) fn place(&self, text: &str) -> Option<usize> {
        self.places.get(text).copied()
    }

    fn string(&mut self, text: &str) -> Value {
        let place = self.place(text).unwrap_or_else(|| {
            let (text, place) = (Rc::from(text), self.texts.len());
            self.texts.push(Rc::clone(&text));
            self.places.insert(text, place);
            place
        });
        Value {
            string: Some(place),
            ..OTHER
        }
    }

    fn sized_string<const N: usize>(&mut self, from: &mut impl BufRead) -> Result<Value, Fault> {
        let length = number::<N>(from)?;
        let mut bytes = Vec::new();
        if from.take(length).read_to_end(&mut bytes)? as u64 != length {
            return Err(cut());
        }
        Ok(self.string(&String::from_utf8_lossy(&bytes)))
    }

    fn text_of(&self, value: Value) -> Result<String, Fault> {
        value
            .string
            .map(|place| self.texts[place].to_string())
            .ok_or(Fault::Text)
    }

    fn recall(&mut self, machine: &Machine, number: u64) -> Result<Value, Fault> {
        let kept = machine.memo.get(&number).ok_or(Fault::Underflow)?;
        self.reused += usize::from(kept.filled);
        Ok(kept.value)
    }

    fn global(&mut self, machine: &Machine, module: String, name: String) -> Value {
        if let Entry::Vacant(first) = self.globals.entry(format!("{module}.{name}")) {
            let mut strings = machine.stack.iter().rev().filter_map(|value| value.string);
            let key = strings.find(|&place| &*self.texts[place] != "storage");
            first.insert(key);
        }
        if !makes_weights(&module, &name) {
            self.strangers.insert((module, name));
        }
        OTHER
    }

    /// The key of the value that the global named in a text makes, if one is.
    pub(crate) fn key_near(&self, text: &str) -> Option<&str> {
        let named = self
            .globals
            .iter()
            .filter(|(global, _)| text.contains(global.as_str()));
        let (_, key) = named.max_by_key(|(global, _)| global.len())?;
        key.map(|place| &*self.texts[place])
    }
}

#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    /// The stack's lengths where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u64, Kept>,
}

/// A value in the memo.
struct Kept {
    value: Value,
    /// Tensors were put into it since it was kept. A reader that keeps copies misses them.
    filled: bool,
}

impl Machine {
    fn at_mark(&self) -> bool {
        self.marks.last() == Some(&self.stack.len())
    }

    fn top(&self) -> Result<Value, Fault> {
        match self.stack.last() {
            Some(value) if !self.at_mark() => Ok(*value),
            _ => Err(Fault::Underflow),
        }
    }

    fn pop(&mut self) -> Result<Value, Fault> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    /// Takes values away; what is made of them is no string.
    fn replace(&mut self, count: usize) -> Result<Value, Fault> {
        let mut stored = false;
        for _ in 0..count {
            stored |= self.pop()?.stored;
        }
        Ok(Value { stored, ..OTHER })
    }

    fn pop_to_mark(&mut self) -> Result<Value, Fault> {
        let mark = self.marks.pop().ok_or(Fault::Underflow)?;
        let stored = self.stack.drain(mark..).any(|value| value.stored);
        Ok(Value { stored, ..OTHER })
    }

    /// Puts items into the collection at the top.
    fn put_in(&mut self, items: Value) -> Result<Value, Fault> {
        let mut collection = self.pop()?;
        if items.stored {
            collection.stored = true;
            if let Some(kept) = collection
                .kept
                .and_then(|number| self.memo.get_mut(&number))
            {
                kept.filled = true;
            }
        }
        Ok(collection)
    }

    /// Gives an object its state, of which the one in the memo has its share too.
    fn build(&mut self) -> Result<Value, Fault> {
        let state = self.pop()?;
        let mut object = self.pop()?;
        object.stored |= state.stored;
        if let Some(number) = object.kept {
            self.memo.insert(
                number,
                Kept {
                    value: object,
                    filled: false,
                },
            );
        }
        Ok(object)
    }

    /// Takes the top away, be it a value or a mark.
    fn drop_one(&mut self) -> Result<Step, Fault> {
        if self.at_mark() {
            self.marks.pop();
        } else {
            self.pop()?;
        }
        Ok(Step::Nothing)
    }

    fn keep(&mut self, number: u64) -> Result<Step, Fault> {
        let mut value = self.pop()?;
        value.kept = Some(number);
        self.memo.insert(
            number,
            Kept {
                value,
                filled: false,
            },
        );
        self.stack.push(value);
        Ok(Step::Nothing)
    }
}

/// Whether weights, or what is usually saved beside them, are made by this. Nothing here runs what
/// a file says when it is called or named.
fn makes_weights(module: &str, name: &str) -> bool {
    match module {
        "torch" => {
            DTYPES.contains(&name)
                || (name.ends_with("Storage") && is_word(name))
                || OF_TORCH.contains(&name)
        }
        "torch._utils" => name.starts_with("_rebuild_") && is_word(name),
        "torch._tensor" => name == "_rebuild_from_type_v2",
        "torch.nn.functional" => ACTIVATIONS.contains(&name),
        "torch._C._nn" => ["gelu", "softplus"].contains(&name),
        "torch.serialization" => name == "_get_layout",
        "torch.storage" => ["TypedStorage", "UntypedStorage"].contains(&name),
        "torch.nn.parameter" => ["Parameter", "Buffer", "UninitializedParameter"].contains(&name),
        "collections" => ["OrderedDict", "defaultdict", "Counter"].contains(&name),
        "builtins" | "__builtin__" => BUILTINS.contains(&name),
        "numpy" => ["dtype", "ndarray"].contains(&name),
        "numpy.core.multiarray" | "numpy._core.multiarray" => {
            ["scalar", "_reconstruct"].contains(&name)
        }
        "numpy.dtypes" => name.ends_with("DType") && is_word(name),
        "_codecs" => name == "encode",
        "argparse" => name == "Namespace",
        // The classes of a whole module; not the modules and functions that are named there too.
        _ => {
            module.starts_with("torch.nn.modules.")
                && name.starts_with(|c: char| c.is_ascii_uppercase())
                && is_word(name)
        }
    }
}

const OF_TORCH: [&str; 10] = [
    "Size",
    "Tensor",
    "device",
    "strided",
    "sparse_coo",
    "sparse_csr",
    "per_tensor_affine",
    "per_channel_affine",
    "contiguous_format",
    "channels_last",
];

/// What a whole module may hold to call.
const ACTIVATIONS: [&str; 12] = [
    "relu",
    "relu6",
    "gelu",
    "silu",
    "tanh",
    "sigmoid",
    "leaky_relu",
    "elu",
    "selu",
    "mish",
    "softmax",
    "hardswish",
];

const BUILTINS: [&str; 11] = [
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "set",
    "tuple",
];

const DTYPES: [&str; 24] = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "double",
    "float",
    "half",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "int64",
    "int32",
    "int16",
    "int8",
    "long",
    "int",
    "uint64",
    "uint32",
    "uint16",
    "uint8",
    "bool",
    "complex64",
    "complex128",
];

/// Whether a name has no dots, by which protocol 4 reaches into what a module holds.
fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn cut() -> Fault {
    Fault::Read(io::ErrorKind::UnexpectedEof.into())
}

/// A little-endian number of `N` bytes.
fn number<const N: usize>(from: &mut impl BufRead) -> Result<u64, Fault> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes[..N])?;
    Ok(u64::from_le_bytes(bytes))
}

fn skip(from: &mut impl BufRead, bytes: u64) -> Result<Value, Fault> {
    match io::copy(&mut from.take(bytes), &mut io::sink())? == bytes {
        true => Ok(OTHER),
        false => Err(cut()),
    }
}

/// The text before the next line's end.
fn line(from: &mut impl BufRead) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    from.read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        Some(b'\n') => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        _ => Err(cut()),
    }
}

fn decimal(from: &mut impl BufRead) -> Result<u64, Fault> {
    line(from)?.trim().parse().map_err(|_| Fault::Text)
}
