//! The theory of first weights, with the numbers of a learner's own choice.

use semilla::activation::{Function, Limit, MeanField};
use semilla::graph::{Dim, Graph};
use semilla::network::Network;
use semilla::{Line, Plan, Recipe};
use semilla_signal::theory::{Given, Prediction, WeightMoments, predict};

use super::setup::Setup;
use super::start::Start;
use crate::text::Text;

/// What theory says of one start, step by step.
pub(super) struct Told {
    pub(super) start: Start,
    /// A hidden layer in the middle, as the plan makes it.
    pub(super) layer: Option<Middle>,
    /// What it expects of every layer.
    pub(super) prediction: Prediction,
}

/// A layer in the middle of the network.
pub(super) struct Middle {
    /// The standard deviation of its weights.
    pub(super) std: f64,
    /// How many of them meet in a unit.
    pub(super) fan_in: f64,
    /// σ_w² = fan_in · std².
    pub(super) weight_variance: f64,
    /// The variance of what comes into its activation.
    pub(super) q: f64,
    /// E[φ²] at q.
    pub(super) square: f64,
    /// E[φ′²] at q.
    pub(super) slope_square: f64,
    /// The depth to which the network can train, about: six depth scales. `None` where nothing
    /// limits it, and where the formula says nothing.
    pub(super) reach: Option<f64>,
}

impl Middle {
    /// σ_w² E[φ²]: the squared signal of the next layer.
    pub(super) fn next(&self) -> f64 {
        self.weight_variance * self.square
    }

    /// χ₁ = σ_w² E[φ′²].
    pub(super) fn chi1(&self) -> f64 {
        self.weight_variance * self.slope_square
    }
}

/// What theory says of every start of a setup.
///
/// # Errors
/// The network cannot be made, in a sentence.
pub(super) fn theory(setup: &Setup) -> Result<Vec<Told>, Text> {
    let network = Network::named(&setup.model()).map_err(|error| plain(&error))?;
    let told = setup.starts.iter().map(|&start| {
        let recipe = Recipe::from_toml(&setup.recipe(start)).map_err(|error| plain(&error))?;
        let plan = recipe
            .plan(&network.model, setup.seed)
            .map_err(|error| plain(&error))?;
        Ok(told(setup, start, &network.graph, &plan))
    });
    told.collect()
}

/// An error in the words that it has.
pub(super) fn plain(error: &dyn std::error::Error) -> Text {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    Text::of(said.clone(), said)
}

fn told(setup: &Setup, start: Start, graph: &Graph, plan: &Plan) -> Told {
    let line = |name: &Option<String>| plan.line(name.as_deref()?);
    let weights = |tensor: &semilla::graph::Initializer| {
        let line = line(&tensor.tensor)?;
        WeightMoments::of_line(line)
    };
    let inputs = graph.main().inputs.iter().map(|input| {
        let sizes = input.shape.iter().flatten().map(|dim| match dim {
            Dim::Known(size) => *size,
            _ => setup.batch,
        });
        (
            input.name.clone(),
            Given::noise(&sizes.collect::<Vec<usize>>(), 1.0),
        )
    });
    let prediction = predict(graph, weights, &inputs.collect::<Vec<_>>());
    Told {
        start,
        layer: middle(setup, plan, &prediction),
        prediction,
    }
}

fn middle(setup: &Setup, plan: &Plan, prediction: &Prediction) -> Option<Middle> {
    let hidden = prediction.layers.len().checked_sub(1)?;
    let predicted = prediction.layers.get(hidden / 2)?;
    let line: &Line = plan.line(&predicted.weight)?;
    let (std, fan_in) = (
        line.std?,
        line.shape.iter().skip(1).product::<usize>() as f64,
    );
    let weight_variance = std * std * fan_in;
    let function = Function::from(setup.activation);
    let q = predicted.second_moment;
    let moments = function.moments(0.0, q).ok()?;
    Some(Middle {
        std,
        fan_in,
        weight_variance,
        q,
        square: moments.square,
        slope_square: moments.derivative_square,
        reach: reach(&function, weight_variance, q),
    })
}

/// Six times the depth over which correlations or gradients change by a factor of e, whichever is
/// shorter: Schoenholz et al. 2017, figure 5.
fn reach(function: &Function<'_>, weight_variance: f64, q: f64) -> Option<f64> {
    let field = MeanField::new(function, weight_variance, 0.0).ok()?;
    let Limit::Fixed(point) = field.limit(q).ok()? else {
        return None;
    };
    let scales = field.depth_scales(&point).ok()?;
    let shorter = scales.gradient.min(scales.correlation);
    (shorter.is_finite() && shorter > 0.0).then_some(6.0 * shorter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Told {
        theory(&Setup::from_query(query, None).unwrap())
            .unwrap()
            .remove(0)
    }

    #[test]
    fn he_keeps_relu_and_xavier_halves_it() {
        let query = "activation=relu&depth=30&width=64&start=";
        let he = of(&format!("{query}he"));
        let middle = he.layer.unwrap();
        assert!((middle.weight_variance - 2.0).abs() < 1e-6 && (middle.chi1() - 1.0).abs() < 1e-6);
        let xavier = of(&format!("{query}xavier"));
        assert!((xavier.layer.unwrap().chi1() - 0.5).abs() < 1e-6);
        // 29 steps between hidden layers, each halves.
        let log = xavier.prediction.log_gradients.unwrap();
        assert!((log / 2f64.ln() + 29.0).abs() < 0.5, "{log}");
    }

    #[test]
    fn zeros_have_no_scale() {
        let zeros = of("start=zeros&depth=3");
        assert_eq!(zeros.layer.map(|middle| middle.weight_variance), Some(0.0));
    }
}
