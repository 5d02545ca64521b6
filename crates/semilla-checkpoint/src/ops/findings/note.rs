use serde::Serialize;

use semilla::number::rounded;

/// A remark on the values of a tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// NaN or infinite in the checkpoint.
    NonFinite {
        /// How many values.
        count: u64,
    },
    /// Finite in the checkpoint, beyond the range of the new type.
    Overflowed {
        /// How many values.
        count: u64,
    },
    /// Not zero in the checkpoint, zero in the new type.
    Flushed {
        /// How many values.
        count: u64,
    },
    /// Nearly zero: below the normal range of the checkpoint's type.
    Denormal {
        /// How many values.
        count: u64,
    },
    /// All values are the same.
    Constant {
        /// The value.
        value: f64,
    },
    /// A scale that no layer of this fan-in has.
    Scale {
        /// The root mean square of the values.
        rms: f64,
        /// The one that keeps a signal's variance.
        expected: f64,
    },
    /// Variances that are zero or negative.
    NotPositive {
        /// How many values.
        count: u64,
    },
    /// The values look as an initializer left them.
    Fresh {
        /// The initializer.
        initializer: String,
        /// The probability of values that fit it less; `None` where the match is exact.
        p: Option<f64>,
    },
    /// The same bytes as a different tensor has.
    TiedByContent {
        /// The model's tensor that has them too.
        to: String,
    },
}

impl Note {
    /// The observation, in a few words.
    pub fn what(&self) -> String {
        match self {
            Note::NonFinite { count } => format!("{count} NaN or infinite"),
            Note::Overflowed { count } => format!("{count} overflowed"),
            Note::Flushed { count } => format!("{count} flushed to 0"),
            Note::Denormal { count } => format!("{count} denormal"),
            Note::Constant { value } => format!("all {}", rounded(*value)),
            Note::Scale { rms, expected } => {
                let (rms, expected) = (rounded(*rms), rounded(*expected));
                format!("RMS {rms}, fan-in asks for {expected}")
            }
            Note::NotPositive { count } => format!("{count} variances ≤ 0"),
            Note::Fresh { initializer, p } => match p {
                Some(p) => format!("fits {initializer} (p = {p:.3})"),
                None => format!("fits {initializer}"),
            },
            Note::TiedByContent { to } => format!("equal to {to}"),
        }
    }

    /// Its meaning, and the next step.
    pub fn advice(&self) -> &'static str {
        match self {
            Note::NonFinite { .. } => {
                "no weight can be: the checkpoint is damaged or its training diverged"
            }
            Note::Overflowed { .. } => {
                "too large for the new type, infinite or NaN in it: choose a wider dtype"
            }
            Note::Flushed { .. } => "too small for the new type; a wider dtype keeps them",
            Note::Denormal { .. } => {
                "below the type's normal range: nearly 0, imprecise, and slow on some CPUs; \
                 pruned or underflowed?"
            }
            Note::Constant { .. } => {
                "nothing was learnt here: a layer that was never trained, or pruned; exclude it to \
                 initialize it"
            }
            Note::Scale { .. } => {
                "beyond a factor of 100: wrong units, a quantized tensor without its scale, or the \
                 wrong axis as input"
            }
            Note::NotPositive { .. } => {
                "batch normalization divides by its root: activations explode or are NaN; \
                 recompute the statistics"
            }
            Note::Fresh { .. } => {
                "looks never trained: not told from that initializer at p = 0.001; short tensors \
                 may fit by chance"
            }
            Note::TiedByContent { .. } => {
                "tied by content: if they are to stay one tensor, tie them"
            }
        }
    }
}
