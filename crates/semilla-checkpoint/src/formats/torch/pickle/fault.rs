//! Why a pickle cannot be followed.

use std::io;

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
    #[error("the pickle has more than {0} values")]
    TooMany(usize),
    #[error("the pickle's texts have more than {0} bytes")]
    TooLong(u64),
}
