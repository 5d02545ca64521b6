use crate::Health;

/// A checkpoint gave values that no weight can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFinite {
    /// They are NaN or infinite in the checkpoint.
    #[error(
        "the checkpoint holds NaN or infinite values in {}; use a different checkpoint, or exclude \
         these tensors",
        listed(tensors)
    )]
    InCheckpoint {
        /// The model's tensors that take them.
        tensors: Vec<String>,
    },
    /// They are beyond the range of the type that they are written in.
    #[error(
        "finite values in {} are beyond the range of the type that they are written in; use a \
         wider type",
        listed(tensors)
    )]
    Overflow {
        /// The model's tensors that take them.
        tensors: Vec<String>,
    },
}

/// Checks that all loaded values are finite, in the checkpoint and as they are written.
///
/// # Errors
/// [`NotFinite`].
pub fn check_finite(health: &[(String, Health)]) -> Result<(), NotFinite> {
    let with = |is_bad: fn(&Health) -> bool| -> Vec<String> {
        let bad = health.iter().filter(|(_, health)| is_bad(health));
        bad.map(|(name, _)| name.clone()).collect()
    };
    let tensors = with(|health| health.non_finite > 0);
    if !tensors.is_empty() {
        return Err(NotFinite::InCheckpoint { tensors });
    }
    let tensors = with(|health| health.overflowed > 0);
    match tensors.is_empty() {
        true => Ok(()),
        false => Err(NotFinite::Overflow { tensors }),
    }
}

/// The first names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.len().min(SHOWN);
    let text = names[..shown].join(", ");
    match names.len() - shown {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
