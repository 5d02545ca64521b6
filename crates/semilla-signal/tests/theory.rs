//! Theory of whole graphs against closed forms, published numbers, and networks that run.

use std::f64::consts::PI;

use semilla::graph::{Attribute, Dim, Graph, Initializer, Node, Value};
use semilla::model::Spec;
use semilla::{DType, Recipe, init};
use semilla_signal::theory::{Given, Prediction, WeightMoments, predict};
use semilla_signal::{Batch, Datum, measure};

/// A graph as it is written: an input, and layers one after the other.
struct Draft {
    graph: Graph,
    last: String,
    width: usize,
}

impl Draft {
    fn new(width: usize) -> Self {
        let mut graph = Graph::new();
        graph.opsets.insert(String::new(), 20);
        graph.opsets.insert("semilla".to_owned(), 1);
        let main = &mut graph.bodies_mut()[0];
        main.inputs.push(Value {
            name: "x".to_owned(),
            dtype: Some(DType::F32),
            shape: Some(vec![Dim::Unknown, Dim::Known(width)]),
            ..Value::default()
        });
        Self {
            graph,
            last: "x".to_owned(),
            width,
        }
    }

    fn put(&mut self, mut node: Node) -> String {
        let main = &mut self.graph.bodies_mut()[0];
        let name = format!("v{}", main.nodes.len());
        node.outputs = vec![name.clone()];
        main.nodes.push(node);
        self.last.clone_from(&name);
        name
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> String {
        let mut tensor = Initializer::new(name, DType::F32, shape);
        tensor.tensor = Some(name.to_owned());
        self.graph.bodies_mut()[0].initializers.push(tensor);
        name.to_owned()
    }

    /// A square matrix of its own.
    fn dense(&mut self, name: &str) -> String {
        let weight = self.weight(name, &[self.width, self.width]);
        let last = self.last.clone();
        self.put(Node::new("MatMul", &[&last, &weight], &[]))
    }

    fn activation(&mut self, name: &str) -> String {
        let last = self.last.clone();
        let mut node = Node::new("Activation", &[&last], &[]);
        node.domain = "semilla".to_owned();
        self.put(node.with("function", Attribute::Text(name.to_owned())))
    }

    /// What theory says, the matrices having this variance times their columns, other weights being
    /// 1 if they are called a scale and else 0.
    fn predict(mut self, gain: f64, samples: usize) -> Prediction {
        let main = &mut self.graph.bodies_mut()[0];
        main.outputs.push(Value {
            name: self.last.clone(),
            ..Value::default()
        });
        let width = self.width;
        let weights = |tensor: &Initializer| {
            Some(match tensor.shape.len() {
                1 => {
                    let value = if tensor.name.contains("scale") {
                        1.0
                    } else {
                        0.0
                    };
                    WeightMoments::constant(value)
                }
                _ => WeightMoments::around_zero(gain / width as f64),
            })
        };
        let given = [("x".to_owned(), Given::noise(&[samples, width], 1.0))];
        predict(&self.graph, weights, &given)
    }
}

/// A chain of layers, an activation before each but the first.
fn chain(layers: usize, activation: &str, gain: f64) -> Prediction {
    let mut draft = Draft::new(512);
    draft.dense("w0");
    for layer in 1..layers {
        draft.activation(activation);
        draft.dense(&format!("w{layer}"));
    }
    draft.predict(gain, 32)
}

fn near(got: f64, want: f64, tolerance: f64) {
    assert!((got / want - 1.0).abs() < tolerance, "{got}, not {want}");
}

#[test]
fn relu_keeps_lengths_and_makes_samples_alike() {
    let found = chain(11, "relu", 2.0);
    assert_eq!(found.layers.len(), 11);
    assert!(found.ends.is_empty(), "{:?}", found.ends);
    for layer in &found.layers[..10] {
        near(layer.second_moment, 2.0, 1e-12);
        near(layer.chi1.unwrap_or(1.0), 1.0, 1e-12);
    }
    // Cho and Saul (2009): 0 goes to 1/π, and after ten layers to .8715.
    near(found.layers[1].cosine.unwrap(), 1.0 / PI, 1e-9);
    near(found.layers[10].cosine.unwrap(), 0.8715, 1e-4);
}

/// S. Hayou et al. (2019), proposition 1: at the edge of chaos a ReLU's correlation goes to 1 like
/// `9π²/2l²`.
#[test]
fn correlations_of_relu_go_to_1_by_a_power() {
    let found = chain(1001, "relu", 2.0);
    let left = 1.0 - found.layers[1000].cosine.unwrap();
    near(left / (9.0 * PI * PI / 2.0 / 1e6), 0.971, 5e-3);
}

/// S. S. Schoenholz et al. (2017), figure 2, at σ_b² = 0: χ₁ of tanh at its fixed point.
#[test]
fn tanh_settles_where_its_length_does() {
    let found = chain(60, "tanh", 1.592_537 * 1.592_537);
    near(found.layers[50].second_moment, 1.0, 1e-5);
    near(found.layers[50].chi1.unwrap(), 1.177_806, 2e-6);
    let selu = chain(40, "selu", 1.0);
    near(selu.layers[30].second_moment, 1.0, 1e-6);
    near(selu.layers[30].chi1.unwrap(), 1.071_575, 1e-5);
}

/// V. Sitzmann et al. (2020), theorem 1.8, says 1; the fixed point of `q = 1 - e^(-2q)` is .79681.
#[test]
fn sines_settle_below_1() {
    let found = chain(60, "sin", 2.0);
    near(found.layers[57].second_moment, 0.796_812_1, 1e-6);
    near(found.layers[57].chi1.unwrap(), 1.203_188, 1e-5);
}

/// H. Zhang et al. (2019), section 2: variances double with each residual block.
#[test]
fn residual_sums_double() {
    let mut draft = Draft::new(256);
    draft.dense("stem");
    for block in 0..10 {
        let stream = draft.last.clone();
        draft.activation("relu");
        let branch = draft.dense(&format!("block{block}"));
        draft.put(Node::new("Add", &[&stream, &branch], &[]));
    }
    let found = draft.predict(2.0, 16);
    // The branch of block k sees 2^(k+1).
    near(found.layers[10].second_moment, 1024.0, 1e-9);
    // 2 at the stem; gradients grow alike on their way back.
    near(found.log_gradients.unwrap(), 9.0 * 2f64.ln(), 0.05);
}

/// G. Yang et al. (2019), section 4: gradients grow by π/(π - 1) with each batch-normalized ReLU
/// layer.
#[test]
fn batch_normalization_makes_gradients_explode() {
    // The lengths of few units stray, which is no part of the published number.
    const WIDE: usize = 1 << 16;
    let mut draft = Draft::new(WIDE);
    draft.dense("w0");
    for layer in 1..8 {
        let scale = draft.weight(&format!("scale{layer}"), &[WIDE]);
        let rest = ["shift", "mean", "variance"]
            .map(|part| draft.weight(&format!("{part}{layer}"), &[WIDE]));
        let last = draft.last.clone();
        let inputs = [&*last, &scale, &rest[0], &rest[1], &rest[2]];
        draft.put(Node::new("BatchNormalization", &inputs, &[]));
        draft.activation("relu");
        draft.dense(&format!("w{layer}"));
    }
    let found = draft.predict(2.0, 1 << 16);
    let ratio =
        |at: usize| found.layers[at].gradient.unwrap() / found.layers[at + 1].gradient.unwrap();
    near(ratio(3), PI / (PI - 1.0), 1e-3);
    near(ratio(4), 1.466_942_2, 1e-3);
}

/// Y. Dong et al. (2021): attention without residual sums makes all positions alike.
#[test]
fn theory_knows_how_attention_mixes() {
    let text = "transformer:2x128:1000:gelu:length=16";
    let (model, graph) = (Spec::parse(text).unwrap(), Spec::graph(text).unwrap());
    let plan = Recipe::auto().plan(&model, 0).unwrap();
    let weights =
        |tensor: &Initializer| WeightMoments::of_line(plan.line(tensor.tensor.as_ref()?)?);
    let batch = Batch {
        samples: 4,
        ..Batch::default()
    };
    let inputs = batch.inputs(&graph).unwrap();
    let given: Vec<(String, Given)> = inputs
        .iter()
        .map(|(name, datum)| (name.clone(), Given::of(datum)))
        .collect();
    let found = predict(&graph, weights, &given);
    assert!(found.ends.is_empty(), "{:?}", found.ends);
    let value = found.layer("blocks.0.attn.qkv.weight").unwrap();
    let mixed = found.layer("blocks.0.attn.proj.weight").unwrap();
    // A mixture of independent values is shorter than each.
    assert!(mixed.second_moment < value.second_moment);
    assert!(found.layers.iter().all(|layer| layer.gradient.is_some()));
}

#[test]
fn theory_ends_where_it_has_no_rule_and_starts_again_behind_a_normalization() {
    let mut draft = Draft::new(64);
    draft.dense("w0");
    let last = draft.last.clone();
    draft.put(Node::new("Cumulate", &[&last], &[]));
    draft.dense("w1");
    let found = draft.predict(1.0, 8);
    assert_eq!(found.layers.len(), 1);
    assert_eq!(found.layers[0].gradient, None);
    assert_eq!(found.ends.len(), 1, "{:?}", found.ends);
    assert!(
        found.ends[0].because.contains("no rule"),
        "{:?}",
        found.ends
    );

    let mut draft = Draft::new(64);
    let first = draft.dense("w0");
    let second = draft.activation("relu");
    // A sum of a signal and a function of it.
    draft.put(Node::new("HardSwish", &[&first], &[]));
    let third = draft.last.clone();
    draft.put(Node::new("Softmax", &[&third], &[]));
    let shares = draft.last.clone();
    draft.put(Node::new("Add", &[&second, &shares], &[]));
    let scale = draft.weight("scale", &[64]);
    let last = draft.last.clone();
    draft.put(Node::new("LayerNormalization", &[&last, &scale], &[]));
    draft.dense("w1");
    let found = draft.predict(3.0, 8);
    assert_eq!(found.ends.len(), 1, "{:?}", found.ends);
    assert_eq!(found.assumed.len(), 1, "{:?}", found.assumed);
    near(found.layer("w1").unwrap().second_moment, 3.0, 1e-6);
    assert_eq!(found.layer("w1").unwrap().between_samples, None);
}

/// Networks that run are within what theory expects of them.
#[test]
fn networks_are_as_predicted() {
    let kaiming = || Recipe::scheme(init::kaiming_normal());
    let cases = [
        ("mlp:64-256-256-256-256-256-10:relu", kaiming()),
        ("mlp:64-256-256-256-256-256-10:tanh", kaiming()),
        ("mlp:64-256-256-256-256-256-10:gelu", kaiming()),
        // Mirrored, at the edge of chaos, and centred.
        ("mlp:64-256-256-256-256-256-10:relu", Recipe::auto()),
        ("mlp:64-256-256-256-256-256-10:gelu", Recipe::auto()),
        ("mlp:64-256-256-256-256-256-10:tanh", Recipe::auto()),
        ("mlp:64-256-256-256-256-256-10:sigmoid", Recipe::auto()),
        ("transformer:2x128:200:gelu:length=16", Recipe::auto()),
    ];
    let (mut all, mut far) = (0, Vec::new());
    for (text, recipe) in cases {
        let (model, graph) = (Spec::parse(text).unwrap(), Spec::graph(text).unwrap());
        let batch = Batch {
            samples: 16,
            ..Batch::default()
        };
        let inputs = batch.inputs(&graph).unwrap();
        let run = |seed: u64| {
            let plan = recipe.plan(&model, seed).unwrap();
            let weights = |tensor: &Initializer| {
                let bytes = plan.line(tensor.tensor.as_ref()?)?.to_bytes().ok()?;
                Datum::decode(tensor.dtype?, &tensor.shape, &bytes)
            };
            let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
            measure(&graph, inputs, weights, seed).unwrap()
        };
        let measured = [run(0), run(1)];
        let plan = recipe.plan(&model, 0).unwrap();
        let weights =
            |tensor: &Initializer| WeightMoments::of_line(plan.line(tensor.tensor.as_ref()?)?);
        let given: Vec<(String, Given)> = inputs
            .iter()
            .map(|(name, datum)| (name.clone(), Given::of(datum)))
            .collect();
        let prediction = predict(&graph, weights, &given);
        assert!(prediction.ends.is_empty(), "{text}: {:?}", prediction.ends);
        assert_eq!(prediction.layers.len(), measured[0].layers.len(), "{text}");
        for (layer, score) in prediction.layers.iter().zip(prediction.scores(&measured)) {
            let forward = [score.second_moment, score.between_samples];
            let of = |score: &[Option<f64>], is_rough: bool| match is_rough {
                true => Vec::new(),
                false => score.to_vec(),
            };
            let mut scores = of(&forward, layer.is_rough);
            scores.extend(of(&[score.gradient], layer.is_gradient_rough));
            for z in scores {
                all += 1;
                if z.is_none_or(|z| z.abs() >= 4.0) {
                    far.push((text, score.clone()));
                }
            }
        }
    }
    assert!(far.len() * 100 <= all, "{far:#?} of {all}");
}

/// D. Balduzzi et al. (2017), section 4: pairs of units of opposite sign make a ReLU network linear
/// at first. Lengths, angles and gradients stay.
#[test]
fn mirrored_weights_let_everything_through() {
    for activation in ["relu", "gelu"] {
        let text = format!("mlp:64-{}10:{activation}", "64-".repeat(20));
        let (model, graph) = (Spec::parse(&text).unwrap(), Spec::graph(&text).unwrap());
        let plan = Recipe::auto().plan(&model, 0).unwrap();
        let weights =
            |tensor: &Initializer| WeightMoments::of_line(plan.line(tensor.tensor.as_ref()?)?);
        let given = [("x".to_owned(), Given::noise(&[16, 64], 1.0))];
        let found = predict(&graph, weights, &given);
        assert!(found.ends.is_empty(), "{:?}", found.ends);
        assert_eq!(found.layers.len(), 21);
        let last = found.layers[19].gradient.unwrap();
        for layer in &found.layers[..20] {
            near(layer.second_moment, 1.0, 1e-3);
            near(layer.between_samples.unwrap(), 15.0 / 16.0, 1e-3);
            near(layer.gradient.unwrap() / last, 1.0, 1e-3);
        }
    }
}

/// Orthogonal matrices keep lengths: what is left is what the activation adds.
#[test]
fn orthogonal_matrices_spread_less() {
    let text = "mlp:256-256-256-256-256-256-256-10:relu";
    let (model, graph) = (Spec::parse(text).unwrap(), Spec::graph(text).unwrap());
    let spread = |recipe: Recipe| {
        let plan = recipe.plan(&model, 0).unwrap();
        let weights =
            |tensor: &Initializer| WeightMoments::of_line(plan.line(tensor.tensor.as_ref()?)?);
        let given = [("x".to_owned(), Given::noise(&[1, 256], 1.0))];
        let found = predict(&graph, weights, &given);
        found.layers[5].spread.second_moment.deviation
    };
    let gaussian = spread(Recipe::scheme(init::kaiming_normal()));
    let orthogonal = spread(Recipe::scheme(init::orthogonal()));
    // Five layers of κ = 5 and one of 2, of 256 units; of κ = 3 where lengths are kept.
    near(gaussian, (27.0f64 / 256.0).sqrt(), 0.05);
    near(orthogonal, (15.0f64 / 256.0).sqrt(), 0.05);
}
