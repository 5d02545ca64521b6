//! A plan together with the files that its lines read.

use std::path::Path;

use semilla::{Plan, Slice};

use crate::ops::lock::{LockError, locked};
use crate::ops::memory::{self, MemoryError};
use crate::ops::write::Write;
use crate::{Checkpoint, Sources};

/// A plan, with the open files that its lines take values from.
pub struct Planned<'a> {
    /// The plan.
    pub plan: Plan,
    own: Option<&'a dyn Checkpoint>,
    pretrained: Vec<Box<dyn Checkpoint>>,
}

impl<'a> Planned<'a> {
    /// A plan with the model's own file, where there is one, and the plan's checkpoints in its
    /// order.
    pub fn new(
        plan: Plan,
        own: Option<&'a dyn Checkpoint>,
        pretrained: Vec<Box<dyn Checkpoint>>,
    ) -> Self {
        Self {
            plan,
            own,
            pretrained,
        }
    }

    /// The same without the model's own file: lines that keep a tensor's values cannot be carried
    /// out any more, where those values lie elsewhere.
    pub fn apart(self) -> Planned<'static> {
        Planned::new(self.plan, None, self.pretrained)
    }

    /// The files that the plan's lines read.
    pub fn sources(&self) -> Sources<'_> {
        Sources {
            own: self.own,
            pretrained: &self.pretrained,
        }
    }

    /// Writes the weights to a safetensors file: call [`Write::run`] on the result.
    pub fn write(&self, path: impl AsRef<Path>) -> Write<'_> {
        Write::new(&self.plan, path.as_ref(), self.sources())
    }

    /// The whole of a tensor, as little-endian bytes of its element type, row-major.
    ///
    /// # Errors
    /// The plan has no such tensor, or its values cannot be made or read.
    pub fn tensor(&self, name: &str) -> Result<Vec<u8>, MemoryError> {
        memory::tensor(&self.plan, self.sources(), name, None)
    }

    /// One box of a tensor, as [`tensor`](Self::tensor) gives the whole.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor), or a box that does not lie inside the tensor.
    pub fn slice(&self, name: &str, slice: &Slice) -> Result<Vec<u8>, MemoryError> {
        memory::tensor(&self.plan, self.sources(), name, Some(slice))
    }

    /// The plan as JSON, with the hashes of the files that it reads: a replay checks them.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn lock(&self) -> Result<String, LockError> {
        locked(&self.plan, self.sources())
    }
}
