//! The differences between two checkpoints.

use std::fmt;

use semilla::DType;
use serde::{Serialize, Serializer};

use crate::TensorInfo;
use semilla::number::{grouped, rounded};

/// The differences between two checkpoints.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// Whether values were compared: a list of shapes has none.
    pub values_compared: bool,
    /// How many tensors are the same in both.
    pub same: usize,
    /// The others.
    pub changes: Vec<Change>,
}

impl Diff {
    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A difference at one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// Only the first has a tensor of this name.
    Missing {
        /// The name.
        name: String,
    },
    /// Only the second has a tensor of this name.
    Added {
        /// The name.
        name: String,
    },
    /// The second has the same content under a different name.
    Renamed {
        /// The name in the first.
        name: String,
        /// The name in the second.
        to: String,
    },
    /// In one of them it cannot be read, so that it was not compared.
    Unreadable {
        /// The name.
        name: String,
    },
    /// The types or the shapes differ.
    Retyped {
        /// The name.
        name: String,
        /// Type and shape in the first.
        from: TensorType,
        /// Type and shape in the second.
        to: TensorType,
    },
    /// The values differ.
    Values {
        /// The name.
        name: String,
        /// How many elements the tensor has.
        elements: u64,
        /// How many of them differ.
        differing: u64,
        /// The largest distance between two; infinite where one of them is NaN.
        largest: f64,
    },
}

/// An element type and a shape; serialized as text, such as `F32 [2, 3]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// The element type.
    pub dtype: DType,
    /// The shape.
    pub shape: Vec<usize>,
}

impl TensorType {
    pub(super) fn of(info: &TensorInfo) -> Self {
        Self {
            dtype: info.dtype(),
            shape: info.shape().to_vec(),
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
}

impl Serialize for TensorType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Change {
    /// The name in the first checkpoint, or in the second where the first has none.
    pub fn name(&self) -> &str {
        match self {
            Change::Missing { name }
            | Change::Added { name }
            | Change::Unreadable { name }
            | Change::Renamed { name, .. }
            | Change::Retyped { name, .. }
            | Change::Values { name, .. } => name,
        }
    }

    /// The kind of change in a word or two; the checkpoints are called A and B.
    pub fn kind(&self) -> &'static str {
        match self {
            Change::Missing { .. } => "only in A",
            Change::Added { .. } => "only in B",
            Change::Renamed { .. } => "renamed",
            Change::Unreadable { .. } => "not compared",
            Change::Retyped { from, to, .. } if from.dtype == to.dtype => "reshaped",
            Change::Retyped { .. } => "retyped",
            Change::Values { .. } => "values",
        }
    }

    /// The rest of it in words; empty where there is no more to say.
    pub fn details(&self) -> String {
        match self {
            Change::Missing { .. } | Change::Added { .. } => String::new(),
            Change::Renamed { to, .. } => format!("to {to}"),
            Change::Unreadable { .. } => "it cannot be read".to_owned(),
            Change::Retyped { from, to, .. } => format!("{from} to {to}"),
            Change::Values {
                elements,
                differing,
                largest,
                ..
            } => {
                let largest = match largest.is_finite() {
                    true => rounded(*largest),
                    false => "∞ or NaN".to_owned(),
                };
                let (differing, elements) = (grouped(*differing), grouped(*elements));
                format!("{differing} of {elements} elements, by up to {largest}")
            }
        }
    }
}
