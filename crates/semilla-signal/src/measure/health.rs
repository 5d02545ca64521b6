//! How each layer does, at a glance.

use serde::Serialize;

use super::check::Report;
use super::measurement::{Layer, Measurement};
use super::verdict::{DEAD, DIFFERENCES, GRADIENTS};

/// How a layer does, at a glance, by the limits of the [`Verdict`](super::Verdict).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing speaks against it.
    Good,
    /// Half way to a limit, or without a gradient at first.
    Watch,
    /// Past a limit.
    Bad,
}

impl Health {
    /// By how far something has come on its way to a limit, which is at 1.
    fn at(way: f64) -> Self {
        match way {
            _ if way > 1.0 => Health::Bad,
            _ if way > 0.5 => Health::Watch,
            _ => Health::Good,
        }
    }
}

impl Report {
    /// The health of every layer, in the order in which they ran: the worst of all seeds.
    ///
    /// A layer on the main path is compared with the path's ends, in logarithms: its gradient with
    /// the last one, the variance between samples with the first. Others are judged by dead units
    /// and finite values.
    pub fn health(&self) -> Vec<Health> {
        let mut health = Vec::new();
        for measured in &self.measurements {
            health.resize(measured.layers.len(), Health::Good);
            let steps = measured.log_steps();
            for (layer, health) in measured.layers.iter().zip(&mut health) {
                *health = (*health)
                    .max(alone(layer, measured))
                    .max(along(layer, measured, &steps));
            }
        }
        health
    }
}

fn alone(layer: &Layer, measured: &Measurement) -> Health {
    if !layer.forward.second_moment.is_finite() {
        return Health::Bad;
    }
    let has_gradient = layer.weight_gradient.unwrap_or(0.0) != 0.0;
    let dead = layer.backward.map_or(0.0, |backward| backward.dead);
    match has_gradient {
        false => Health::Watch,
        // Where all are without a gradient, something behind the layer holds it back.
        true if layer.activated.is_some() && dead < 1.0 => match measured.is_on_path(layer) {
            true => Health::at(dead / DEAD),
            false => Health::at(dead / DEAD).min(Health::Watch),
        },
        true => Health::Good,
    }
}

fn along(layer: &Layer, measured: &Measurement, steps: &[f64]) -> Health {
    let Some((first, _)) = measured.ends() else {
        return Health::Good;
    };
    let points = measured.path.iter().zip(steps);
    let points = points.filter(|(point, _)| point.after == layer.weight);
    let ways = points.flat_map(|(point, step)| {
        let gradient = step.abs() / GRADIENTS.ln();
        let kept = point.forward.between_samples / first.forward.between_samples;
        [gradient, kept.ln() / DIFFERENCES.ln()]
    });
    ways.map(Health::at).max().unwrap_or(Health::Good)
}

#[cfg(test)]
mod tests {
    use semilla::Recipe;
    use semilla::model::Spec;

    use super::*;
    use crate::executor::Datum;
    use crate::measure::{Batch, check};

    fn health(recipe: &str) -> Vec<Health> {
        let text = format!("mlp:{}10:relu", "32-".repeat(25));
        let (model, graph) = (Spec::parse(&text).unwrap(), Spec::graph(&text).unwrap());
        let batch = Batch {
            samples: 32,
            ..Batch::default()
        };
        let plan = Recipe::named(recipe).unwrap().plan(&model, 0).unwrap();
        let weights = |_: u64, tensor: &semilla::graph::Initializer| {
            let bytes = plan.line(tensor.tensor.as_ref()?)?.to_bytes().ok()?;
            Datum::decode(tensor.dtype?, &tensor.shape, &bytes)
        };
        let inputs = batch.inputs(&graph).unwrap();
        check(&graph, &inputs, &[0], weights).unwrap().health()
    }

    #[test]
    fn layers_are_bad_where_gradients_or_differences_are_gone() {
        let lost = health("pytorch");
        assert_eq!(lost.len(), 25);
        assert_eq!(lost[0], Health::Bad, "its gradient is gone");
        assert_eq!(lost[23], Health::Bad, "samples are alike there");
        assert!(!health("auto").contains(&Health::Bad));
    }
}
