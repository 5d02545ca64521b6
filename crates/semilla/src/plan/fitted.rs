//! Numbers that were found by running the network, put into a plan.

use std::collections::HashMap;

use serde::Serialize;

use super::make::unknown;
use super::stack::plain;
use super::{Disposition, Plan, PlanError};
use crate::fill::Fill;
use crate::fit::Fit;
use crate::model::Model;

/// What was found for one tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fitted {
    /// The tensor.
    pub name: String,
    /// The change.
    pub change: Change,
    /// The reason, in words, which joins that of the tensor's line.
    pub reason: String,
}

/// A change of a tensor's fill.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// None.
    Left,
    /// Its values, all by one factor.
    Scaled(f64),
    /// These values, in row-major order.
    Values(Vec<f64>),
}

impl Plan {
    /// Whether nothing is left to be fitted.
    pub fn is_fitted(&self) -> bool {
        self.tensors.iter().all(|line| line.fit.is_none())
    }

    /// Takes the fits out of the lines: afterwards they make their values as if nothing were to be
    /// fitted. Whoever takes them gives what was found to [`Plan::put`]. Tied tensors follow those
    /// that they are tied to, and have none of their own.
    pub fn take_fits(&mut self) -> Vec<(String, Fit)> {
        let mut found = Vec::new();
        for line in &mut self.tensors {
            let is_tied = matches!(line.disposition, Disposition::Tied { .. });
            let fit = line.fit.take().filter(|_| !is_tied);
            found.extend(fit.map(|fit| (line.name.clone(), fit)));
        }
        found
    }

    /// Puts what was found into the lines. Afterwards the plan is like any other: saved, replayed,
    /// cut into shards, to the same bits.
    ///
    /// # Errors
    /// A tensor that the plan lacks, or one whose fill has no scale.
    ///
    /// ```
    /// use semilla::plan::{Change, Fitted};
    /// use semilla::{Fit, Recipe, model::Spec};
    ///
    /// let model = Spec::parse("mlp:8-8-4:relu")?;
    /// let mut plan = Recipe::named("lsuv")?.plan(&model, 0)?;
    /// assert!(plan.line("layers.0.weight").unwrap().to_bytes().is_err(), "not fitted yet");
    /// let fits = plan.take_fits();
    /// assert_eq!(fits[0], ("layers.0.weight".to_owned(), Fit::Lsuv));
    /// let found = fits.into_iter().map(|(name, _)| Fitted {
    ///     name,
    ///     change: Change::Scaled(1.5),
    ///     reason: "by hand".to_owned(),
    /// });
    /// plan.put(&model, found)?;
    /// assert!(plan.line("layers.0.weight").unwrap().to_bytes().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn put(
        &mut self,
        model: &Model,
        found: impl IntoIterator<Item = Fitted>,
    ) -> Result<(), PlanError> {
        let lines = self.tensors.iter().enumerate();
        let places = lines.map(|(place, line)| (line.name.clone(), place));
        let places: HashMap<String, usize> = places.collect();
        for Fitted {
            name,
            change,
            reason,
        } in found
        {
            let place = places.get(&name).copied();
            let names = || self.tensors.iter().map(|line| line.name.as_str());
            let place = place.ok_or_else(|| unknown(&name, names()))?;
            let line = &mut self.tensors[place];
            match change {
                Change::Left => {}
                Change::Scaled(factor) => {
                    let scaled = line.fill.scaled(factor);
                    line.fill = scaled.ok_or_else(|| PlanError::Scale { name: name.clone() })?;
                    line.gain = line.gain.map(|gain| gain * factor);
                }
                Change::Values(values) => line.fill = Fill::Values { values },
            }
            let checked = line.fill.check(&line.shape, line.dtype);
            checked.map_err(|error| PlanError::Line { name, error })?;
            line.std = line.fill.std();
            // It was the theory of the gain before.
            line.signal = None;
            line.reason = match line.reason.is_empty() {
                true => reason,
                false => format!("{}; {reason}", line.reason),
            };
        }
        self.renew_ties();
        self.judge(model, &plain(model));
        Ok(())
    }
}
