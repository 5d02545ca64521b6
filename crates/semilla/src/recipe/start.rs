//! How `auto` starts plain chains: by what each activation does to signals, over how many layers.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::crossing::{Crossing, Crossings};
use super::decision::Choice;
use super::openings::openings;
use super::outputs;
use super::words::words;
use crate::activation::Activation;
use crate::init::{self, Initializer, Mode, Shape, Sides, VarianceScaling};
use crate::layout::Axis;
use crate::model::{Chain, Model, Role, Source, Tensor};

/// Fewer layers are not deep: all well-known starts train alike.
const LEAST: usize = 3;

/// The choices for the tensors of a model's plain chains, by name.
#[derive(Default)]
pub(super) struct Starts<'m>(HashMap<&'m str, Choice>);

impl<'m> Starts<'m> {
    /// The starts of all plain chains that are deep, of words, and of layers that open branches.
    /// `is_drawn` says of a tensor that it is not tied to another, and that no checkpoint gives it:
    /// units that are given come in no pairs, and layers behind them expect none.
    pub(super) fn of(model: &'m Model, is_drawn: impl Fn(&Tensor) -> bool) -> Self {
        let mut starts = Self::default();
        words(model, &is_drawn, &mut starts.0);
        openings(model, &is_drawn, &mut starts.0);
        let chains = [model.chains(), model.normalized_chains()].concat();
        let is_new = |chain: &Chain| {
            let mut hidden = chain.hidden.iter();
            hidden.all(|&place| is_drawn(&model.tensors[place]))
        };
        let mut deep = chains
            .iter()
            .filter(|chain| chain.hidden.len() >= LEAST && is_new(chain))
            .peekable();
        if deep.peek().is_none() {
            return starts;
        }
        let names = model
            .tensors
            .iter()
            .map(|tensor| tensor.name.as_str())
            .collect();
        let mut crossings = Crossings::default();
        for start in deep.filter_map(|chain| Start::of(model, chain, &names, &mut crossings)) {
            start.choose(&mut starts.0);
        }
        starts
    }

    /// The choice for a tensor that has one by its place in the model.
    pub(super) fn of_tensor(&self, tensor: &Tensor) -> Option<Choice> {
        self.0.get(tensor.name.as_str()).cloned()
    }
}

/// A hidden layer of a chain.
struct Layer<'m> {
    weight: &'m Tensor,
    bias: Option<&'m str>,
    activation: Activation,
    crossing: Crossing,
}

/// A chain whose layers all have a start.
struct Start<'m> {
    layers: Vec<Layer<'m>>,
    /// The layer at its end, with no activation behind.
    head: Option<&'m Tensor>,
}

impl<'m> Start<'m> {
    fn of(
        model: &'m Model,
        chain: &Chain,
        names: &HashSet<&'m str>,
        crossings: &mut Crossings,
    ) -> Option<Self> {
        let layer = |&place: &usize| {
            let weight = &model.tensors[place];
            let activation = weight.activation.filter(|after| is_plain(weight, *after))?;
            let bias = weight
                .name
                .strip_suffix("weight")
                .filter(|_| !weight.is_normalized);
            let bias = bias.and_then(|stem| names.get(format!("{stem}bias").as_str()).copied());
            Some(Layer {
                weight,
                bias,
                activation,
                crossing: match crossings.of(activation, bias.is_some())? {
                    crossing if weight.is_normalized => crossing.normalized(),
                    crossing => crossing,
                },
            })
        };
        let layers = chain.hidden.iter().map(layer).collect::<Option<Vec<_>>>()?;
        let meets = |pair: &[Layer<'_>]| pair[0].meets(pair[1].weight);
        if !layers.windows(2).all(meets) {
            return None;
        }
        let head = chain.head.map(|place| &model.tensors[place]);
        let head = head.filter(|head| {
            let is_linear = head
                .activation
                .is_none_or(|after| after == Activation::Linear);
            let is_mixed = head
                .layout
                .as_ref()
                .is_some_and(|layout| layout.groups() == 1);
            let is_head = matches!(head.role, Role::Head | Role::Linear)
                || (outputs::is_given_away(head) && is_mixed);
            is_head
                && is_linear
                && !head.is_normalized
                && layers.last().is_some_and(|last| last.meets(head))
        });
        Some(Self { layers, head })
    }

    /// The choices for its tensors.
    fn choose(&self, starts: &mut HashMap<&'m str, Choice>) {
        let count = self.layers.len();
        let mut before: Option<&Layer<'_>> = None;
        for layer in &self.layers {
            let reason = Cow::from(layer.crossing.reason(
                layer.activation,
                count,
                layer.weight.is_normalized,
            ));
            let crossing = before.map(|before| before.crossing);
            if let Some(initializer) = weight(layer.weight, crossing, Some(layer.crossing)) {
                starts.insert(&layer.weight.name, (initializer, reason.clone()));
            }
            if let (Some(bias), Crossing::Edge { bias_std, .. }) = (layer.bias, layer.crossing)
                && bias_std > 0.0
            {
                let std = bias_std / times(layer.weight);
                starts.insert(bias, (init::normal().std(std).into(), reason));
            }
            before = Some(layer);
        }
        if let (Some(head), Some(last)) = (self.head, before)
            && let Some(initializer) = end(head, last.crossing)
        {
            let reason = match outputs::is_given_away(head) {
                true => outputs::REASON,
                false => "logits of unit variance, whatever the mean of what comes in",
            };
            starts.insert(&head.name, (initializer, Cow::from(reason)));
        }
    }
}

impl Layer<'_> {
    /// Whether the next layer finds both units of each pair where it looks for them. Of what is
    /// flattened, or folded into pictures, channels come first.
    fn meets(&self, next: &Tensor) -> bool {
        let size = |tensor: &Tensor, side| {
            let layout = tensor.layout.as_ref()?;
            Some(layout.size(side, &tensor.shape))
        };
        let (Some(made), Some(taken)) = (size(self.weight, Axis::Out), size(next, Axis::In)) else {
            return false;
        };
        let is_pairs = matches!(self.crossing, Crossing::Pairs { .. });
        let layout = self.weight.layout.as_ref();
        let is_first = layout.is_some_and(|layout| layout.axis(Axis::Out) == Some(0));
        let is_flattened = made % 2 == 0 && taken % made == 0;
        let is_conv = matches!(next.role, Role::Conv | Role::ConvTranspose);
        let is_folded = is_conv && taken % 2 == 0 && made % taken == 0;
        !is_pairs || made == taken || (is_first && (is_flattened || is_folded))
    }
}

/// Whether a layer's weights are one matrix or kernel, of independent values. Networks of sines
/// have a start of their own (SIREN) where a frequency comes first, as it usually does.
fn is_plain(weight: &Tensor, activation: Activation) -> bool {
    let is_known = matches!(
        weight.activation_from,
        Some(Source::Description | Source::Graph | Source::Module)
    );
    let is_whole = weight.blocks.is_empty() && weight.fused.is_none() && !weight.is_direction();
    let layout = weight.layout.as_ref();
    matches!(weight.role, Role::Linear | Role::Conv | Role::ConvTranspose)
        && is_whole
        && layout.is_some_and(|layout| layout.groups() == 1)
        && (activation != Activation::Sin || (is_known && weight.times.is_none()))
}

/// What a layer's output is multiplied by before its activation.
fn times(weight: &Tensor) -> f64 {
    weight.times.map_or(1.0, f64::abs)
}

/// The weight between two activations; before the first of them come inputs of variance 1.
fn weight(tensor: &Tensor, before: Option<Crossing>, own: Option<Crossing>) -> Option<Initializer> {
    let is_pairs = |crossing| matches!(crossing, Some(Crossing::Pairs { .. }));
    let layout = tensor.layout.as_ref()?;
    let size = |axis| layout.size(axis, &tensor.shape) as f64;
    let half = |size: f64, is_halved| if is_halved { (0.5 * size).ceil() } else { size };
    let (made, taken) = (is_pairs(own), is_pairs(before));
    let inputs = half(layout.fans(&tensor.shape).ok()?.fan_in, taken);
    let outputs = half(size(Axis::Out), made);
    // The longer side of the matrix that is orthogonal: its vectors have length 1.
    let longer = match layout.is_transposed() {
        true => {
            half(size(Axis::In), taken).max(outputs * layout.receptive_field(&tensor.shape) as f64)
        }
        false => outputs.max(inputs),
    };
    let gain = match (before, own) {
        (Some(before), _) => before.gain(),
        (None, Some(own)) => own.first(),
        (None, None) => 1.0,
    };
    let gain = gain * (longer / inputs).sqrt() / times(tensor) * outputs::factor(tensor);
    let mirrored = |sides| init::looks_linear().gain(gain).sides(sides).into();
    let orthogonal = init::orthogonal().gain(gain);
    Some(match (taken, made) {
        (true, true) => mirrored(Sides::Both),
        (true, false) => mirrored(Sides::Inputs),
        (false, true) => mirrored(Sides::Outputs),
        (false, false) if before.is_some_and(Crossing::is_centred) => {
            init::centred().of(orthogonal).into()
        }
        (false, false) => orthogonal.into(),
    })
}

/// The layer at the end; `None` where it needs nothing special.
fn end(head: &Tensor, last: Crossing) -> Option<Initializer> {
    match last {
        Crossing::Pairs { .. } => weight(head, Some(last), None),
        Crossing::Edge {
            gain,
            is_centred: true,
            ..
        } => {
            let independent = VarianceScaling {
                scale: (gain * outputs::factor(head)).powi(2).into(),
                mode: Mode::FanIn,
                distribution: Shape::Normal,
                activation: None,
            };
            Some(init::centred().of(independent).into())
        }
        Crossing::Nothing | Crossing::Edge { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Convention, Evidence, Facts, Spec};
    use crate::{DType, Plan, Recipe};

    fn plan(text: &str) -> Plan {
        let model = Spec::parse(text).unwrap();
        Recipe::auto().plan(&model, 0).unwrap()
    }

    fn deep(layers: usize, activation: &str) -> Plan {
        plan(&format!("mlp:64-{}10:{activation}", "48-".repeat(layers)))
    }

    fn initializer(plan: &Plan, name: &str) -> String {
        plan.line(name).unwrap().initializer.to_string()
    }

    #[test]
    fn deep_chains_keep_gradients_in_size() {
        let activations = [
            "relu",
            "leaky_relu",
            "prelu",
            "gelu",
            "silu",
            "mish",
            "hardswish",
            "softplus",
            "elu",
            "selu",
            "celu",
            "tanh",
            "erf",
            "sin",
            "softsign",
            "arctan",
            "hardtanh",
            "sigmoid",
            "hardsigmoid",
            "relu6",
        ];
        for activation in activations {
            for layers in [3, 12, 50] {
                let plan = deep(layers, activation);
                let stack = &plan.stacks[0];
                let off = stack.gradients.ln().abs();
                assert!(off < 0.02 * layers as f64, "{layers} {activation}: {stack}");
            }
        }
    }

    #[test]
    fn gated_units_come_in_pairs() {
        let plan = deep(30, "gelu");
        let names = ["layers.0.weight", "layers.1.weight", "layers.30.weight"];
        let [first, hidden, head] = names.map(|name| initializer(&plan, name));
        assert_eq!(first, "looks_linear(sides=outputs)");
        assert_eq!(hidden, "looks_linear");
        assert_eq!(head, "looks_linear(sides=inputs)");
        assert_eq!(initializer(&plan, "layers.1.bias"), "zeros");
        let reason = &plan.line("layers.1.weight").unwrap().reason;
        assert!(
            reason.starts_with("30 layers of gelu: units in pairs"),
            "{reason}"
        );
        // Layers that widen keep the variance of what they take.
        let wide = initializer(&self::plan("mlp:2-32-32-32-8:relu"), "layers.0.weight");
        assert_eq!(
            wide,
            format!("looks_linear(gain={}, sides=outputs)", 8f64.sqrt())
        );
    }

    #[test]
    fn saturating_functions_start_at_the_edge_of_chaos() {
        let plan = deep(30, "tanh");
        let line = plan.line("layers.1.weight").unwrap();
        assert!((line.gain.unwrap() - 1.193_40).abs() < 1e-4, "{line}");
        assert_eq!(initializer(&plan, "layers.1.bias"), "normal(std=0.1)");
        let sigmoid = deep(30, "sigmoid");
        assert!(initializer(&sigmoid, "layers.1.weight").starts_with("centred(of=orthogonal(gain"));
        assert!(initializer(&sigmoid, "layers.30.weight").starts_with("centred(of=variance_scal"));
    }

    #[test]
    fn shallow_networks_and_parts_of_others_are_left_alone() {
        assert_eq!(
            initializer(&plan("mlp:8-16-16-4:relu"), "layers.1.weight"),
            "kaiming_normal(nonlinearity=relu)"
        );
        let shallow = plan("transformer:2x64:100:gelu");
        assert!(
            shallow
                .tensors
                .iter()
                .all(|line| line.initializer.name() != "looks_linear")
        );
    }

    /// The plan of layers in a row, each a line of a network.
    fn row(layers: &str) -> Plan {
        let text = format!(
            "about = \"a row\"\n[inputs]\nx = \"numbers(8, 4, 4)\"\n[network]\nlayers = [{layers}]\n"
        );
        let model = crate::network::Network::read(&text, "").unwrap().model;
        Recipe::auto().plan(&model, 0).unwrap()
    }

    #[test]
    fn normalizations_in_a_chain_leave_pairs_and_directions() {
        let layers = |activation: &str| {
            let layer = |name| format!("\"{name}: conv(8) -> batch_norm -> {activation}\"");
            let all: Vec<String> = ["a", "b", "c"].into_iter().map(layer).collect();
            row(&format!(
                "{}, \"flatten -> head: linear(4)\"",
                all.join(", ")
            ))
        };
        let relu = layers("relu");
        assert_eq!(
            initializer(&relu, "a.weight"),
            "looks_linear(sides=outputs)"
        );
        assert_eq!(initializer(&relu, "b.weight"), "looks_linear");
        assert_eq!(
            initializer(&relu, "head.weight"),
            "looks_linear(sides=inputs)"
        );
        let reason = &relu.line("b.weight").unwrap().reason;
        assert!(
            reason.starts_with("3 layers of relu behind normalizations: units in pairs"),
            "{reason}"
        );
        // Theory of plain stacks does not speak of them.
        assert!(relu.stacks.is_empty());
        let tanh = layers("tanh");
        assert_eq!(initializer(&tanh, "b.weight"), "orthogonal");
        assert_eq!(initializer(&tanh, "b.bias"), "zeros");
    }

    #[test]
    fn branches_start_awake_and_their_sum_in_scale() {
        let blocks = |branch: &str| {
            row(&format!(
                "\"stem: conv(8)\", {{ repeat = \"4\", name = \"blocks\", layers = [\
                 {{ residual = [\"{branch}\"] }}] }}, \"mean(2) -> mean(2) -> head: linear(4)\""
            ))
        };
        // Whatever the layers are called.
        let behind = blocks("a: conv(8) -> n: batch_norm -> relu -> b: conv(8) -> m: batch_norm");
        for name in ["blocks.1.a.weight", "blocks.1.b.weight"] {
            let line = behind.line(name).unwrap();
            assert!((line.gain.unwrap().powi(2) - 0.1).abs() < 1e-6, "{line}");
            assert!(line.reason.contains("small weights turn faster"), "{line}");
        }
        assert_eq!(initializer(&behind, "blocks.1.n.weight"), "ones");
        assert_eq!(
            initializer(&behind, "blocks.1.m.weight"),
            "constant(value=0.5)"
        );
        let before =
            blocks("n: batch_norm -> relu -> a: conv(8) -> m: batch_norm -> relu -> b: conv(8)");
        assert_eq!(initializer(&before, "blocks.1.m.weight"), "ones");
        let end = before.line("blocks.1.b.weight").unwrap();
        assert!((end.gain.unwrap().powi(2) - 0.25).abs() < 1e-6, "{end}");
        assert!(end.reason.contains("one of 4 residual branches"), "{end}");
    }

    #[test]
    fn layers_behind_given_ones_expect_no_pairs() {
        let model = Spec::parse("mlp:8-8-8-8-8-4:relu").unwrap();
        let head = &model.tensors[8];
        assert_eq!(head.name, "layers.4.weight");
        assert!(Starts::of(&model, |_| true).of_tensor(head).is_some());
        let starts = Starts::of(&model, |tensor| tensor.name != "layers.1.weight");
        assert_eq!(starts.of_tensor(head), None);
    }

    #[test]
    fn what_is_flattened_keeps_its_pairs_only_with_channels_first() {
        let model = |channels: usize| {
            let mut evidence = Evidence::guessed(Convention::Pytorch);
            let mut tensors = Vec::new();
            let shapes = [
                vec![channels, 3, 3, 3],
                vec![channels, channels, 3, 3],
                vec![channels, channels, 3, 3],
                vec![10, channels * 16],
            ];
            for (place, shape) in shapes.into_iter().enumerate() {
                let name = format!("features.{place}.weight");
                let graph = || Facts::from(Source::Graph);
                let facts = match place {
                    3 => graph().role(Role::Head),
                    _ => graph()
                        .role(Role::Conv)
                        .activation(Activation::Relu)
                        .next(format!("features.{}.weight", place + 1)),
                };
                evidence.add(&*name, facts);
                tensors.push((name, shape, DType::F32));
            }
            Model::derive(tensors, evidence)
        };
        let head = |channels| {
            let plan = Recipe::auto().plan(&model(channels), 0).unwrap();
            initializer(&plan, "features.3.weight")
        };
        assert!(head(6).starts_with("looks_linear"), "{}", head(6));
        assert!(!head(7).starts_with("looks_linear"), "{}", head(7));
    }
}
