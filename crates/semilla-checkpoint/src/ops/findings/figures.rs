//! Judgements from the figures that the loading took.

use semilla::{Line, Role};

use super::loaded::Loaded;
use super::note::Note;
use crate::Health;

/// Denormals are reported where they are more than this part of a tensor.
const MANY_DENORMALS: f64 = 0.01;
/// A scale is reported where it is this many times what the fan asks for, or this many times less.
const ABSURD: f64 = 100.0;

/// All notes that need no second reading.
pub(super) fn by_figures(loaded: &Loaded<'_>) -> Vec<Note> {
    let (line, health) = (loaded.line, &loaded.health);
    let mut notes = Vec::new();
    let mut counted = |count: u64, note: fn(u64) -> Note| {
        if count > 0 {
            notes.push(note(count));
        }
    };
    counted(health.non_finite, |count| Note::NonFinite { count });
    counted(health.overflowed, |count| Note::Overflowed { count });
    counted(health.flushed, |count| Note::Flushed { count });
    if health.denormal as f64 > MANY_DENORMALS * health.elements as f64 {
        counted(health.denormal, |count| Note::Denormal { count });
    }
    if line.role == Role::RunningVar {
        counted(health.zeros + health.negative, |count| Note::NotPositive {
            count,
        });
    }
    let unexpected =
        |value: &f64| varies(line.role) || (*value == 0.0 && !starts_at_zero(line.role));
    notes.extend(
        health
            .constant()
            .filter(unexpected)
            .map(|value| Note::Constant { value }),
    );
    notes.extend(scale(line, health));
    notes
}

/// Roles of tensors whose elements differ once they are trained.
fn varies(role: Role) -> bool {
    role.is_matrix() || matches!(role, Role::Embedding | Role::PositionEmbedding)
}

/// Roles of tensors that are 0 in many a trained model, or whose zeros are
/// reported otherwise.
fn starts_at_zero(role: Role) -> bool {
    matches!(
        role,
        Role::Bias
            | Role::RecurrentBias
            | Role::NormBias
            | Role::RunningMean
            | Role::RunningVar
            | Role::Counter
            | Role::PositionIds
    )
}

/// A scale that no layer of this fan-in has.
fn scale(line: &Line, health: &Health) -> Option<Note> {
    let fans = line.layout.as_ref()?.fans(&line.shape).ok()?;
    let (rms, expected) = (health.rms()?, fans.fan_in.powf(-0.5));
    let ratio = rms / expected;
    let absurd = rms > 0.0 && !(1.0 / ABSURD..=ABSURD).contains(&ratio);
    (line.role.is_matrix() && absurd).then_some(Note::Scale { rms, expected })
}
