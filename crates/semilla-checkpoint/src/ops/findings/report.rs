use std::collections::HashMap;

use rayon::prelude::*;
use semilla::Plan;
use semilla::junction::{Junction, junctions};
use serde::Serialize;

use super::equal::equal;
use super::figures::by_figures;
use super::fresh::fresh;
use super::loaded::Loaded;
use super::note::Note;
use crate::ops::Watch;
use crate::{Checkpoint, Error, Health};

/// Notes on loaded values, and how the new ones go with them.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// The tensors with notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// New tensors beside loaded ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub junctions: Vec<Junction>,
}

/// The notes on one tensor; the figures are those of [`Health`].
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The model's tensor.
    pub tensor: String,
    /// Elements that were looked at.
    pub elements: u64,
    /// NaN or infinite in the checkpoint.
    pub non_finite: u64,
    /// Finite in the checkpoint, beyond the range of the new type.
    pub overflowed: u64,
    /// Not zero in the checkpoint, zero in the new type.
    pub flushed: u64,
    /// Whether every element is zero.
    pub all_zero: bool,
    /// Below the normal range of the checkpoint's type.
    pub denormal: u64,
    /// The root mean square of the finite values.
    pub rms: Option<f64>,
    /// The notes on it; never empty.
    pub notes: Vec<Note>,
}

impl Findings {
    /// Judges what the loading noticed ([`materialize`](crate::materialize) returns it), and looks
    /// at some of the values again. `files` are the plan's checkpoints, in its order.
    ///
    /// # Errors
    /// A checkpoint cannot be read, or the work was stopped.
    pub fn of(
        plan: &Plan,
        health: &[(String, Health)],
        files: &[Box<dyn Checkpoint>],
        watch: Watch<'_>,
    ) -> Result<Self, Error> {
        let loaded = Loaded::all(plan, health, files);
        let mut notes: Vec<Vec<Note>> = loaded.iter().map(by_figures).collect();
        let fresh: Result<Vec<Option<Note>>, Error> = loaded.par_iter().map(fresh).collect();
        for (notes, fresh) in notes.iter_mut().zip(fresh?) {
            notes.extend(fresh);
        }
        for (place, first) in equal(&loaded, watch.stop)? {
            notes[place].push(Note::TiedByContent {
                to: loaded[first].line.name.clone(),
            });
        }
        let found = loaded
            .iter()
            .zip(notes)
            .filter(|(_, notes)| !notes.is_empty());
        let measured: HashMap<&str, f64> = health
            .iter()
            .filter_map(|(name, health)| Some((name.as_str(), health.rms()?)))
            .collect();
        Ok(Self {
            findings: found
                .map(|(loaded, notes)| Finding::new(loaded, notes))
                .collect(),
            junctions: junctions(plan, |line| measured.get(line.name.as_str()).copied()),
        })
    }
}

impl Finding {
    fn new(loaded: &Loaded<'_>, notes: Vec<Note>) -> Self {
        let health = &loaded.health;
        Self {
            tensor: loaded.line.name.clone(),
            elements: health.elements,
            non_finite: health.non_finite,
            overflowed: health.overflowed,
            flushed: health.flushed,
            all_zero: health.is_all_zero(),
            denormal: health.denormal,
            rms: health.rms(),
            notes,
        }
    }
}
