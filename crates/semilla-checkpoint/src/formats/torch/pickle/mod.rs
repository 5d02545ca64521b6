//! Reading a pickle without running it.
//!
//! A pickle is a program for a machine with a stack, marks on it, and a memo. Ours builds values as
//! Python's does, but where that one imports and calls, it notes what was to be called with what
//! ([`Node::Call`]). What a call means is for the reader of the values to say; nothing is ever run.
//!
//! Source: the opcodes of pickle's protocols 0 to 5, as Python's `pickletools` lists them.

mod allowed;
mod fault;
mod machine;
mod values;

pub(crate) use fault::Fault;
pub(crate) use values::{Call, Id, MAX_VALUES, Node, Run, Values};
