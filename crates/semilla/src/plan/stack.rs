//! Plain stacks: layers with nothing but activations between them, and what their gains do to
//! signals.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Line;
use crate::activation::{Activation, Function, Pair};
use crate::fill::Fill;
use crate::layout::Axis;
use crate::model::{Model, Tensor, hidden};

/// Fewer layers are not deep: mean-field theory speaks of long ways.
const LEAST: usize = 3;

/// Layers one after the other, with nothing but biases and activations between them (no residual
/// sums, no normalizations), and what happens to signals in them: by mean-field theory, for inputs
/// of unit variance and large widths (Poole et al. 2016; Schoenholz et al. 2017).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// The weights, in order.
    pub tensors: Vec<String>,
    /// The factor on the variance of pre-activations, from the first layer to the last.
    pub variance: f64,
    /// The factor on squared gradients, from the last layer back to the first.
    pub gradients: f64,
}

impl Stack {
    /// The factor on squared gradients per layer: χ₁ of a stack of equal layers.
    pub fn chi1(&self) -> f64 {
        let steps = self.tensors.len().saturating_sub(1).max(1);
        self.gradients.powf(1.0 / steps as f64)
    }
}

/// The plain stacks of a model: the places of each one's hidden layers, in order.
pub(super) fn plain(model: &Model) -> Vec<Vec<usize>> {
    let hidden = model.chains().into_iter().map(|chain| chain.hidden);
    hidden.filter(|hidden| hidden.len() >= LEAST).collect()
}

/// Signals in a stack whose layers have these lines; `None` where a gain or a moment is not known.
pub(super) fn judged(model: &Model, places: &[usize], lines: &Lines<'_>) -> Option<Stack> {
    let layer = |&place: &usize| Layer::of(&model.tensors[place], lines);
    let layers = places.iter().map(layer).collect::<Option<Vec<Layer>>>()?;
    let (first, rest) = layers.split_first()?;
    let start = first.variance(1.0);
    let (mut variance, mut gradients) = (start, 1.0);
    let mut before = first;
    for layer in rest {
        // Signals that are gone stay gone.
        if variance > 0.0 {
            let passed = before.passed_to(layer, variance)?;
            gradients *= layer.gain.powi(2) * passed.derivative_square;
            variance = layer.variance(passed.square);
        } else {
            gradients = 0.0;
        }
        before = layer;
    }
    let factor = if start > 0.0 { variance / start } else { 0.0 };
    (factor.is_finite() && gradients.is_finite()).then(|| Stack {
        tensors: places
            .iter()
            .map(|&at| model.tensors[at].name.clone())
            .collect(),
        variance: factor,
        gradients,
    })
}

/// Lines by name.
pub(super) type Lines<'a> = HashMap<&'a str, &'a Line>;

/// A layer's part in the theory.
struct Layer {
    activation: Activation,
    gain: f64,
    /// The mean square of its bias.
    bias: f64,
    /// Whether its units come in pairs of opposite sign.
    is_paired: bool,
    takes: Takes,
}

/// What a layer's weights do with what they take.
#[derive(Clone, Copy)]
enum Takes {
    /// They are independent.
    All,
    /// They add up to 0: the mean is lost.
    Differences,
    /// They have opposite signs for the two of a pair.
    Pairs,
}

/// The mean squares of what one layer passes to the next, per input.
struct Passed {
    square: f64,
    derivative_square: f64,
}

impl Layer {
    fn of(tensor: &Tensor, lines: &Lines<'_>) -> Option<Self> {
        let line = lines.get(tensor.name.as_str())?;
        let bias = (tensor.name.strip_suffix("weight")).and_then(|stem| {
            let line = lines.get(format!("{stem}bias").as_str())?;
            line.fill.root_mean_square(&line.shape)
        });
        let is_mirrored = |side: Axis| {
            let axis = tensor.layout.as_ref().and_then(|layout| layout.axis(side));
            match &line.fill {
                Fill::LooksLinear { .. } => true,
                Fill::Mirrored { axes, .. } => axis.is_some_and(|axis| axes.contains(&axis)),
                _ => false,
            }
        };
        Some(Self {
            activation: hidden(tensor)?,
            gain: gain(tensor, line)?,
            bias: (bias.unwrap_or(0.0) * tensor.times.unwrap_or(1.0)).powi(2),
            is_paired: is_mirrored(Axis::Out),
            takes: match &line.fill {
                _ if is_mirrored(Axis::In) => Takes::Pairs,
                Fill::Centred { .. } => Takes::Differences,
                _ => Takes::All,
            },
        })
    }

    /// The variance of its output at a mean square of its inputs.
    fn variance(&self, square: f64) -> f64 {
        self.gain * self.gain * square + self.bias
    }

    /// What the next layer takes where this one's outputs have a variance; `None` where the theory
    /// does not speak of such weights.
    fn passed_to(&self, next: &Self, variance: f64) -> Option<Passed> {
        let moments = |function: Function<'_>| function.moments(0.0, variance).ok();
        let single = || moments(Function::from(self.activation));
        let (square, derivative_square) = match next.takes {
            Takes::All => {
                let moments = single()?;
                (moments.square, moments.derivative_square)
            }
            Takes::Differences => {
                let moments = single()?;
                (moments.variance(), moments.derivative_square)
            }
            Takes::Pairs if !self.is_paired => return None,
            // Half as many inputs as units, each of them what a pair makes.
            Takes::Pairs => match Pair::of(self.activation) {
                pair if pair.is_linear() => {
                    let half = 0.5 * pair.slope.powi(2);
                    (half * variance, half)
                }
                _ => {
                    let moments = moments(Function::of_pair(self.activation))?;
                    (0.5 * moments.square, 0.5 * moments.derivative_square)
                }
            },
        };
        Some(Passed {
            square,
            derivative_square,
        })
    }
}

/// Whether weights are what the theory of one layer by itself speaks of.
pub(super) fn is_independent(fill: &Fill) -> bool {
    let is_paired = matches!(fill, Fill::LooksLinear { .. } | Fill::Mirrored { .. });
    !is_paired && !matches!(fill, Fill::Centred { .. })
}

/// The forward gain of a line: by the layer's own fans, whichever rule its initializer followed,
/// with what its output is multiplied by before the activation.
pub(super) fn gain(tensor: &Tensor, line: &Line) -> Option<f64> {
    if !line.loads().is_empty() {
        return None;
    }
    // The theory is of random weights around 0.
    if matches!(line.fill, Fill::Constant { value } if value != 0.0) {
        return None;
    }
    let fans = tensor.layout.as_ref()?.fans(&tensor.shape).ok()?;
    let scale = line.multiplier.unwrap_or(1.0) * fans.fan_in.sqrt();
    let times = tensor.times.unwrap_or(1.0);
    Some(line.fill.root_mean_square(&line.shape)? * scale * times)
}

#[cfg(test)]
mod tests {
    use crate::model::{Convention, Evidence, Facts, Model, Source, Spec};
    use crate::{Activation, DType, Plan, Recipe, init};

    fn plan(model: &Model, recipe: &Recipe) -> Plan {
        recipe.plan(model, 0).unwrap()
    }

    fn mlp(layers: usize, activation: &str) -> Model {
        let sizes = vec!["64"; layers + 1].join("-");
        Spec::parse(&format!("mlp:{sizes}-10:{activation}")).unwrap()
    }

    #[test]
    fn a_gain_that_keeps_the_variance_may_let_gradients_explode() {
        let scheme = init::variance_scaling()
            .scale(1.0)
            .activation(Activation::Tanh);
        let plan = plan(&mlp(50, "tanh"), &Recipe::scheme(scheme));
        let [stack] = &plan.stacks[..] else {
            panic!("{:?}", plan.stacks)
        };
        assert_eq!(stack.tensors.len(), 50);
        // The first layer makes a variance of gain² of its inputs' 1, then it settles at 1.
        let gain = 1.592_536_f64;
        assert!(
            (stack.variance * gain.powi(2) - 1.0).abs() < 1e-5,
            "{stack}"
        );
        // χ₁ = 1.17784 there; a little less on the way.
        let most = 1.177_842_f64.powi(49);
        assert!(
            stack.gradients > most / 3.0 && stack.gradients < most,
            "{stack}"
        );
        let text = plan.to_string();
        let said = "layers.0.weight to layers.49.weight, 50 layers with only activations between: \
                    the variance of signals stays (× 0.39), squared gradients grow 1,600-fold on \
                    the way back (χ₁ 1.1626 per layer)";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn he_keeps_both_and_small_weights_lose_both() {
        let model = mlp(20, "relu");
        let he = &plan(&model, &Recipe::scheme(init::kaiming_normal())).stacks[0];
        assert!((he.variance - 1.0).abs() < 1e-9 && (he.gradients - 1.0).abs() < 1e-9);
        let small = &plan(&model, &Recipe::scheme(init::normal().std(0.01))).stacks[0];
        // Per layer 64 · 0.01² / 2.
        assert!((small.variance / 0.0032f64.powi(19) - 1.0).abs() < 1e-9);
        assert!(small.to_string().contains("shrink"), "{small}");
        let zero = &plan(&model, &Recipe::scheme(init::zeros())).stacks[0];
        assert_eq!((zero.variance, zero.gradients), (0.0, 0.0));
        assert!(
            zero.to_string()
                .contains("signals vanishes, squared gradients vanish")
        );
    }

    #[test]
    fn pairs_are_judged_as_what_they_pass_on() {
        for activation in [
            "relu",
            "gelu",
            "silu",
            "softplus",
            "leaky_relu(0.3)",
            "mish",
        ] {
            let stack = &plan(&mlp(40, activation), &Recipe::auto()).stacks[0];
            assert!(
                (0.3..1.2).contains(&stack.variance),
                "{activation}: {stack}"
            );
            assert!(
                (0.6..1.6).contains(&stack.gradients),
                "{activation}: {stack}"
            );
        }
        // A pair that the next layer does not take as one: f(x) adds up over independent weights.
        let mut plan = plan(&mlp(4, "relu"), &Recipe::auto());
        plan.set(&mlp(4, "relu"), "layers.2.weight", init::kaiming_normal())
            .unwrap();
        assert!(
            plan.stacks.is_empty(),
            "what follows takes pairs that are none"
        );
    }

    #[test]
    fn centred_weights_lose_the_mean() {
        let model = mlp(30, "sigmoid");
        let scheme = init::centred().of(init::orthogonal().gain(4.0));
        let centred = &plan(&model, &Recipe::scheme(scheme)).stacks[0];
        let plain = &plan(&model, &Recipe::scheme(init::orthogonal().gain(4.0))).stacks[0];
        // Without the mean of 1/2, sigmoid is tanh(x / 2) / 2: a gain of 1.
        assert!(centred.gradients > 1e-3, "{centred}");
        assert!(plain.gradients < 1e-3 * centred.gradients, "{plain}");
    }

    #[test]
    fn biases_keep_signals_alive() {
        let plan = plan(&mlp(20, "relu"), &Recipe::named("pytorch").unwrap());
        let stack = &plan.stacks[0];
        // q = q/6 + 1/(3·64) from a third on.
        let fixed = (1.0 / 192.0) / (1.0 - 1.0 / 6.0);
        assert!((stack.variance / (fixed / (1.0 / 3.0 + 1.0 / 192.0)) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn theory_is_silent_on_branches_heads_and_single_layers() {
        for spec in [
            "transformer:2x64:100:gelu",
            "mlp:8-16-4:relu",
            "conv:3-8-8-8-8:10",
            "lstm:4-8:2",
        ] {
            let plan = plan(&Spec::parse(spec).unwrap(), &Recipe::auto());
            assert!(plan.stacks.is_empty(), "{spec}");
            assert!(
                plan.tensors.iter().all(|line| line.signal.is_none()),
                "{spec}"
            );
        }
        let deep = plan(&mlp(5, "selu"), &Recipe::auto());
        let judged = deep.tensors.iter().filter(|line| line.signal.is_some());
        assert_eq!(judged.count(), 5, "not the head");
    }

    #[test]
    fn numbered_layers_are_a_stack_once_their_activation_is_known() {
        let named = |norm: bool| {
            let mut tensors = Vec::new();
            let mut evidence = Evidence::guessed(Convention::Pytorch);
            for number in [0, 2, 4, 6] {
                let name = format!("net.{number}.weight");
                evidence.add(
                    &*name,
                    Facts::from(Source::User).activation(Activation::Tanh),
                );
                tensors.push((name, vec![16, 16], DType::F32));
                tensors.push((format!("net.{number}.bias"), vec![16], DType::F32));
            }
            if norm {
                tensors.push(("net.3.weight".into(), vec![16], DType::F32));
                tensors.push(("net.3.bias".into(), vec![16], DType::F32));
            }
            Model::derive(tensors, evidence)
        };
        let model = named(false);
        assert_eq!(model.tensors[0].next.as_deref(), Some("net.2.weight"));
        assert_eq!(plan(&model, &Recipe::auto()).stacks[0].tensors.len(), 4);
        assert!(plan(&named(true), &Recipe::auto()).stacks.is_empty());
    }

    #[test]
    fn edits_are_judged_again() {
        let model = mlp(3, "tanh");
        let mut plan = plan(&model, &Recipe::scheme(init::xavier_normal()));
        plan.set(&model, "layers.1.weight", init::zeros()).unwrap();
        assert_eq!(plan.stacks[0].variance, 0.0);
        assert_eq!(
            plan.line("layers.1.weight").unwrap().signal.unwrap().gain,
            0.0
        );
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }
}
