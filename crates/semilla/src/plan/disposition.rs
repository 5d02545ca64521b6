//! Where a tensor's values come from.

use serde::{Deserialize, Serialize};

use crate::init::Initializer;
use crate::transfer::{Fate, Given};

/// Where a tensor's values come from. Every tensor has exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// A checkpoint's values, at most with their axes permuted or their type converted.
    Copied,
    /// A checkpoint's values, combined, rearranged, or with a part that is new.
    Adapted {
        /// The operations, in order.
        by: Vec<String>,
    },
    /// Some of a checkpoint's units.
    Selected,
    /// A checkpoint's units, some of them several times.
    Grown,
    /// An initializer.
    Filled,
    /// An initializer, though a checkpoint has the tensor.
    Excluded {
        /// The rule that leaves it out.
        rule: String,
    },
    /// Those of a different tensor.
    Tied {
        /// Its name.
        to: String,
    },
    /// The model's own file.
    Kept,
}

impl Disposition {
    /// The disposition of a tensor with this fate, whose rest this initializer fills.
    pub(super) fn of(fate: &Fate, initializer: &Initializer) -> Self {
        match (fate, initializer) {
            (Fate::Given(given), _) => Self::given(given),
            (_, Initializer::Keep(_)) => Disposition::Kept,
            (Fate::Excluded { rule }, _) => Disposition::Excluded { rule: rule.clone() },
            (Fate::New, _) => Disposition::Filled,
        }
    }

    fn given(given: &Given) -> Self {
        let all = |op: &str| given.by.iter().all(|by| by == op);
        match &given.by[..] {
            [] => Disposition::Copied,
            _ if all("select") => Disposition::Selected,
            _ if all("grow") => Disposition::Grown,
            by => Disposition::Adapted { by: by.to_vec() },
        }
    }
}

impl std::fmt::Display for Disposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Disposition::Copied => f.write_str("copied"),
            Disposition::Adapted { by } => write!(f, "adapted by {}", by.join(", ")),
            Disposition::Selected => f.write_str("selected"),
            Disposition::Grown => f.write_str("grown"),
            Disposition::Filled => f.write_str("filled"),
            Disposition::Excluded { rule } => write!(f, "excluded by {rule}"),
            Disposition::Tied { to } => write!(f, "tied to {to}"),
            Disposition::Kept => f.write_str("kept"),
        }
    }
}
