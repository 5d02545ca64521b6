//! Rows of a table or of a head, chosen by class or token.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::fill::{Along, Run};
use crate::layout::Axis;

/// Which row of the checkpoint becomes which of the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rows {
    /// For each row of the model one row of the checkpoint, or several whose mean is taken (the
    /// pieces of a new token), or none (-1 or an empty list). Without a map, the same indices, from
    /// [`offset`](Self::offset) on.
    pub map: Option<Vec<RowSource>>,
    /// A file with such a map, or with the labels of the checkpoint's rows; the caller reads it.
    /// JSON: a list of labels, or a table from labels to rows; anything else: a label per line.
    pub from: Option<String>,
    /// A file with the labels of the model's rows, in the same form.
    pub to: Option<String>,
    /// The first row of the checkpoint that is used: 1 drops a background class.
    pub offset: usize,
    /// How rows without a source are filled.
    pub new: NewRows,
}

/// The checkpoint's rows for one of the model's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RowSource {
    /// One row; none if negative.
    One(i64),
    /// The mean of several; none if empty.
    Several(Vec<usize>),
}

/// How rows without a source are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewRows {
    /// By the recipe.
    #[default]
    Scheme,
    /// 0.
    Zero,
    /// The mean of the checkpoint's rows, the same for all.
    Mean,
    /// Normal with the mean and the covariance of the checkpoint's rows (Hewitt 2021).
    Covariance,
    /// The same with the covariance times a factor; transformers' `mean_resizing` takes 1e-9.
    ScaledCovariance(f64),
}

impl Rows {
    pub(super) fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        let axis = draft
            .axis(Axis::Vocabulary)
            .or(draft.axis(Axis::Out))
            .unwrap_or(0);
        if draft.rank() == 0 {
            return Err("it has no rows".to_owned());
        }
        let (old, new) = draft.sizes(axis);
        let sources = self.sources(old, new)?;
        let missing = sources.iter().filter(|rows| rows.is_empty()).count();
        let spread = self.new.spread().filter(|_| missing > 0);
        if spread.is_some() {
            if axis != 0 || draft.load.source_axis(0) != 0 {
                return Err(
                    "new=mean and new=covariance need the rows along the first axis of both sides"
                        .to_owned(),
                );
            }
            draft.load.alike = spread;
        }
        draft.settle(axis, Along::Runs(self.runs(&sources, old)));
        let rows = format!("{} of {new} rows by map", new - missing);
        draft.note(match missing {
            0 => rows,
            _ => rows + &self.new.note(missing, old),
        });
        Ok(())
    }

    /// For each of the model's `new` rows the checkpoint's, out of `old`.
    fn sources(&self, old: usize, new: usize) -> Result<Vec<Vec<usize>>, String> {
        let Some(map) = &self.map else {
            if self.from.is_some() || self.to.is_some() {
                return Err(
                    "the files named by from and to were not read; read them into map first"
                        .to_owned(),
                );
            }
            let source = |row: usize| row.checked_add(self.offset).filter(|&row| row < old);
            return Ok((0..new)
                .map(|row| source(row).into_iter().collect())
                .collect());
        };
        let sources: Vec<Vec<usize>> = map.iter().map(RowSource::rows).collect();
        if sources.len() != new {
            return Err(format!(
                "the map has {} rows, but the tensor has {new}",
                sources.len()
            ));
        }
        match sources.iter().flatten().find(|row| **row >= old) {
            Some(beyond) => Err(format!(
                "the map takes row {beyond} of {old}; rows count from 0"
            )),
            None => Ok(sources),
        }
    }

    fn runs(&self, sources: &[Vec<usize>], old: usize) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (to, rows) in sources.iter().enumerate() {
            let scale = 1.0 / rows.len() as f64;
            for &from in rows {
                match runs.last_mut() {
                    Some(run) if continues(run, from, to, scale) => run.len += 1,
                    _ => runs.push(Run {
                        scale,
                        ..Run::new(from, to, 1)
                    }),
                }
            }
            if rows.is_empty() && self.new == NewRows::Zero && old > 0 {
                runs.push(Run {
                    scale: 0.0,
                    ..Run::new(0, to, 1)
                });
            }
        }
        runs
    }
}

/// Whether a row is the next one of a run.
fn continues(run: &Run, from: usize, to: usize, scale: f64) -> bool {
    run.from + run.len == from && run.to + run.len == to && run.scale == scale
}

impl RowSource {
    fn rows(&self) -> Vec<usize> {
        match self {
            RowSource::One(row) => usize::try_from(*row).into_iter().collect(),
            RowSource::Several(rows) => rows.clone(),
        }
    }
}

impl NewRows {
    /// The factor of the covariance of rows that are made like the others.
    fn spread(self) -> Option<f64> {
        match self {
            NewRows::Mean => Some(0.0),
            NewRows::Covariance => Some(1.0),
            NewRows::ScaledCovariance(factor) => Some(factor),
            NewRows::Scheme | NewRows::Zero => None,
        }
    }

    /// How `count` new rows are filled beside `old` ones.
    fn note(self, count: usize, old: usize) -> String {
        match self {
            NewRows::Scheme => String::new(),
            NewRows::Zero => format!(", {count} zero"),
            NewRows::Mean => format!(", {count} the mean of all {old}: equal to each other"),
            NewRows::Covariance => {
                format!(", {count} normal with the mean and covariance of all {old}")
            }
            NewRows::ScaledCovariance(factor) => format!(
                ", {count} normal with the mean of all {old} and {factor} of their covariance"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::transfer::Transfer;
    use crate::transfer::fixtures::{adapt, load, one, torch};

    #[test]
    fn rows_follow_their_map() {
        let table: (&str, &[usize]) = ("embed.weight", &[4, 2]);
        let rows = one(
            table,
            ("embed.weight", &[3, 2]),
            "rows:map=[3, [0, 1], -1], new=zero",
        )
        .unwrap();
        assert_eq!(rows, [6.0, 7.0, 1.0, 2.0, 0.0, 0.0]);
        let shifted = one(table, ("embed.weight", &[3, 2]), "rows:offset=1").unwrap();
        assert_eq!(shifted, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        // The same size: the map is followed all the same.
        let turned = one(table, table, "rows:map=[3,2,1,0]").unwrap();
        assert_eq!(turned, [6.0, 7.0, 4.0, 5.0, 2.0, 3.0, 0.0, 1.0]);
        assert!(
            one(table, table, "rows:map=[4,0,0,0]")
                .unwrap_err()
                .contains("row 4 of 4")
        );
        assert!(
            one(table, table, "rows:map=[1,0]")
                .unwrap_err()
                .contains("the map has 2 rows")
        );
        let (source, target) = (torch(&[table]), torch(&[("embed.weight", &[6, 2])]));
        let rules = Transfer {
            adapt: vec![adapt("embed.*", "rows:new=covariance")],
            ..Transfer::default()
        };
        let load = load(&rules.align(&target, &source, true).unwrap(), 0);
        assert_eq!(load.alike, Some(1.0));
        assert!(load.covers(&[6, 2]) && load.rest.is_none());
    }
}
