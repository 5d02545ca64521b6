//! What a pickle says, without running it.
//!
//! A pickle is a program for a machine with a stack, marks on it, and a memo. Ours builds values as Python's does, but where
//! that one imports and calls, it notes what was to be called with what ([`Node::Call`]). What a
//! call means is for the reader of the values to say; nothing is ever run.
//!
//! Source: the opcodes of pickle's protocols 0 to 5, as Python's `pickletools` lists them.

mod allowed;
mod machine;
mod values;

use std::io;

pub(crate) use values::{Call, Id, MAX_VALUES, Node, Values};

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
    #[error("the pickle puts items into a value that holds none")]
    Target,
    #[error("the pickle gives a collection a key without a value")]
    Odd,
    #[error("the pickle has more than {MAX_VALUES} values")]
    TooMany,
    #[error("the pickle's texts have more than {0} bytes")]
    TooLong(u64),
}
