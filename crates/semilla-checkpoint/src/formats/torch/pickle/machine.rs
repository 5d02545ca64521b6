//! The machine that follows a pickle's opcodes.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Seek};

use super::fault::Fault;
use super::values::{Id, MAX_VALUES, Node, Run, Values};

/// What a pickle is read from: its bytes are stepped over where they are many.
pub(crate) trait Source: BufRead + Seek {}

impl<S: BufRead + Seek> Source for S {}

/// The most bytes of a text that is kept: longer ones are no names.
const LONG: u64 = 1 << 16;

/// The stack and the memo of one pickle.
#[derive(Default)]
struct Machine {
    stack: Vec<Id>,
    /// The stack's lengths where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

/// The effect of an opcode.
enum Step {
    Push(Id),
    Mark,
    Nothing,
    Stop,
}

impl Values {
    /// Follows one pickle to its end, which `from` is left behind, and gives what it made.
    pub(crate) fn read(&mut self, from: &mut impl Source) -> Result<Id, Fault> {
        let mut machine = Machine::default();
        loop {
            match self.step(from, &mut machine)? {
                Step::Push(value) => machine.stack.push(value),
                Step::Mark => machine.marks.push(machine.stack.len()),
                Step::Nothing => continue,
                Step::Stop => return machine.pop(),
            }
            self.spend(1)?;
        }
    }

    fn step(&mut self, from: &mut impl Source, machine: &mut Machine) -> Result<Step, Fault> {
        let opcode = number::<1>(from)? as u8;
        let value = match opcode {
            // Scalars.
            b'N' => Values::OTHER,
            0x88 => self.add_integer(1),
            0x89 => self.add_integer(0),
            b'K' => self.add_integer(number::<1>(from)? as i64),
            b'M' => self.add_integer(number::<2>(from)? as i64),
            b'J' => self.add_integer(i64::from(number::<4>(from)? as u32 as i32)),
            b'I' | b'L' => self.integer_of(&line(from)?),
            0x8a => self.long::<1>(from)?,
            0x8b => self.long::<4>(from)?,
            b'F' | b'P' => line(from).map(|_| Values::OTHER)?,
            b'G' => skip(from, 8)?,
            b'C' => self.bytes::<1>(from)?,
            b'B' => self.bytes::<4>(from)?,
            0x8e | 0x96 => self.bytes::<8>(from)?,
            // Texts.
            b'S' => self.add_text(line(from)?.trim_matches(['\'', '"']), None)?,
            b'V' => self.add_text(&line(from)?, None)?,
            b'U' | 0x8c => self.sized_text::<1>(from)?,
            b'T' | b'X' => self.sized_text::<4>(from)?,
            0x8d => self.sized_text::<8>(from)?,
            // Collections.
            b')' => self.add(Node::Tuple(Box::default())),
            0x85 => self.tuple_of::<1>(machine)?,
            0x86 => self.tuple_of::<2>(machine)?,
            0x87 => self.tuple_of::<3>(machine)?,
            b't' => machine
                .pop_to_mark()
                .map(|items| self.add(Node::Tuple(items.into())))?,
            b']' | 0x8f => self.add(Node::List(Vec::new())),
            b'l' | 0x91 => machine
                .pop_to_mark()
                .map(|items| self.add(Node::List(items)))?,
            b'}' => self.add(Node::Dict(Vec::new())),
            b'd' => {
                let items = machine.pop_to_mark()?;
                let dict = self.add(Node::Dict(Vec::new()));
                self.set_items(dict, &items)?
            }
            b'a' => {
                let (item, into) = (machine.pop()?, machine.pop()?);
                self.append(into, item)?;
                into
            }
            b'e' | 0x90 => {
                let (items, into) = (machine.pop_to_mark()?, machine.pop()?);
                for item in items {
                    self.append(into, item)?;
                }
                into
            }
            b's' => {
                let (value, key, into) = (machine.pop()?, machine.pop()?, machine.pop()?);
                self.set_items(into, &[key, value])?
            }
            b'u' => {
                let (items, into) = (machine.pop_to_mark()?, machine.pop()?);
                self.set_items(into, &items)?
            }
            // Globals, and what is made by calling them.
            b'c' => self.named_global(from)?,
            0x93 => {
                let (name, module) = (machine.pop()?, machine.pop()?);
                self.add_global(module, name)?
            }
            b'R' | 0x81 => {
                let (arguments, function) = (machine.pop()?, machine.pop()?);
                self.add_call(function, arguments)
            }
            0x92 => {
                let (named, arguments, class) = (machine.pop()?, machine.pop()?, machine.pop()?);
                let both = self.add(Node::Tuple([arguments, named].into()));
                self.add_call(class, both)
            }
            b'i' => {
                let arguments = machine.pop_to_mark()?;
                let class = self.named_global(from)?;
                let arguments = self.add(Node::Tuple(arguments.into()));
                self.add_call(class, arguments)
            }
            b'o' => {
                let mut arguments = machine.pop_to_mark()?;
                let class = (!arguments.is_empty()).then(|| arguments.remove(0));
                let arguments = self.add(Node::Tuple(arguments.into()));
                self.add_call(class.ok_or(Fault::Underflow)?, arguments)
            }
            b'b' => {
                let (state, object) = (machine.pop()?, machine.pop()?);
                self.set_state(object, state);
                object
            }
            b'Q' => machine.pop().map(|name| self.add(Node::Persistent(name)))?,
            // The memo.
            b'2' => machine.top()?,
            b'g' => machine.recall(decimal(from)?)?,
            b'h' => machine.recall(number::<1>(from)?)?,
            b'j' => machine.recall(number::<4>(from)?)?,
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

    fn integer_of(&mut self, text: &str) -> Id {
        let value = text.trim().trim_end_matches('L').parse();
        value.map_or(Values::OTHER, |value| self.add_integer(value))
    }

    /// An integer whose length comes first. What has more than 64 bits, no tensor is made of.
    fn long<const N: usize>(&mut self, from: &mut impl Source) -> Result<Id, Fault> {
        let length = number::<N>(from)?;
        if length > 8 {
            return skip(from, length);
        }
        let mut bytes = [0; 8];
        let used = &mut bytes[..length as usize];
        from.read_exact(used)?;
        let negative = used.last().is_some_and(|&byte| byte >= 0x80);
        bytes[length as usize..].fill(if negative { 0xff } else { 0 });
        Ok(self.add_integer(i64::from_le_bytes(bytes)))
    }

    /// Bytes, which stay where they are.
    fn bytes<const N: usize>(&mut self, from: &mut impl Source) -> Result<Id, Fault> {
        let run = Run {
            bytes: number::<N>(from)?,
            at: from.stream_position()?,
            characters: None,
        };
        skip(from, run.bytes)?;
        Ok(self.add(Node::Bytes(run)))
    }

    /// A text whose length comes first. Python 2 keeps bytes as texts.
    fn sized_text<const N: usize>(&mut self, from: &mut impl Source) -> Result<Id, Fault> {
        let length = number::<N>(from)?;
        let at = from.stream_position()?;
        let mut run = Run {
            at,
            bytes: length,
            characters: None,
        };
        if length > LONG {
            run.characters = Some(characters(from, length)?);
            return Ok(self.add(Node::Bytes(run)));
        }
        let mut bytes = Vec::new();
        if from.take(length).read_to_end(&mut bytes)? as u64 != length {
            return Err(cut());
        }
        match str::from_utf8(&bytes) {
            Ok(text) => self.add_text(text, Some(at)),
            Err(_) => Ok(self.add(Node::Bytes(run))),
        }
    }

    fn named_global(&mut self, from: &mut impl Source) -> Result<Id, Fault> {
        let module = self.add_text(&line(from)?, None)?;
        let name = self.add_text(&line(from)?, None)?;
        self.add_global(module, name)
    }

    fn tuple_of<const N: usize>(&mut self, machine: &mut Machine) -> Result<Id, Fault> {
        let mut items = [Values::OTHER; N];
        for item in items.iter_mut().rev() {
            *item = machine.pop()?;
        }
        Ok(self.add(Node::Tuple(items.into())))
    }

    fn set_items(&mut self, into: Id, items: &[Id]) -> Result<Id, Fault> {
        for pair in items.chunks(2) {
            let [key, value] = *pair else {
                return Err(Fault::Odd);
            };
            self.set_item(into, key, value)?;
        }
        Ok(into)
    }
}

impl Machine {
    fn at_mark(&self) -> bool {
        self.marks.last() == Some(&self.stack.len())
    }

    fn top(&self) -> Result<Id, Fault> {
        match self.stack.last() {
            Some(value) if !self.at_mark() => Ok(*value),
            _ => Err(Fault::Underflow),
        }
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    /// Takes away what stands above the last mark.
    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or(Fault::Underflow)?;
        Ok(self.stack.split_off(mark))
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
        if self.memo.len() == MAX_VALUES {
            return Err(Fault::TooMany(MAX_VALUES));
        }
        self.memo.insert(number, self.top()?);
        Ok(Step::Nothing)
    }

    fn recall(&self, number: u64) -> Result<Id, Fault> {
        self.memo.get(&number).copied().ok_or(Fault::Underflow)
    }
}

fn cut() -> Fault {
    Fault::Read(io::ErrorKind::UnexpectedEof.into())
}

/// A little-endian number of `N` bytes.
fn number<const N: usize>(from: &mut impl Source) -> Result<u64, Fault> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes[..N])?;
    Ok(u64::from_le_bytes(bytes))
}

/// Steps over bytes, all of which must be there.
fn skip(from: &mut impl Source, bytes: u64) -> Result<Id, Fault> {
    if let Some(before_last) = bytes.checked_sub(1) {
        let step = i64::try_from(before_last).map_err(|_| cut())?;
        from.seek_relative(step).map_err(|_| cut())?;
        number::<1>(from)?;
    }
    Ok(Values::OTHER)
}

/// Steps over a text, and counts its characters.
fn characters(from: &mut impl Source, bytes: u64) -> Result<u64, Fault> {
    let (mut left, mut count) = (bytes, 0);
    while left > 0 {
        let held = from.fill_buf()?;
        let here = held.len().min(left.try_into().unwrap_or(usize::MAX));
        if here == 0 {
            return Err(cut());
        }
        let begin = |byte: &&u8| **byte & 0xc0 != 0x80;
        count += held[..here].iter().filter(begin).count() as u64;
        from.consume(here);
        left -= here as u64;
    }
    Ok(count)
}

/// The text before the next line's end.
fn line(from: &mut impl Source) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    from.read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        Some(b'\n') => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        _ => Err(cut()),
    }
}

fn decimal(from: &mut impl Source) -> Result<u64, Fault> {
    line(from)?.trim().parse().map_err(|_| Fault::Text)
}
