//! Theory of whole graphs against closed forms, published numbers, and networks that run.

use std::f64::consts::PI;

use semilla::graph::{Attribute, Dim, Graph, Initializer, Node, Value};
use semilla::model::Spec;
use semilla::network::Network;
use semilla::{DType, Model, Recipe, init};
use semilla_signal::theory::{Given, Prediction, WeightMoments, predict};
use semilla_signal::{Batch, Datum, Jacobian, Measurement, Spectra, measure, spectra};

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

/// What a transposed convolution of stride 2 adds to each of four places in a block is another
/// number: of a ReLU's mean, a part 1/π of the mean square, normalization takes a quarter only. What
/// is left of it are three numbers per unit, whose lengths stray for that: 1/v is greater than 1 over
/// the mean of v by the relative variance, to first order.
#[test]
fn places_of_a_block_have_means_of_their_own() {
    let text = "about = \"up\"\n[inputs]\nimage = \"numbers(512, 16, 16)\"\n\
        [network]\nlayers = [\"conv: conv(512, kernel=1, bias=false) -> relu\", \
        \"up: conv_transpose(512, bias=false) -> norm: batch_norm -> relu\", \
        \"head: conv(4, kernel=1)\"]\n";
    let (_, graph) = read(text);
    let weights = |tensor: &Initializer| {
        let name = tensor.tensor.as_ref()?;
        Some(match (tensor.shape.len(), &**name) {
            (1, name) => WeightMoments::constant(f64::from(name == "norm.weight")),
            (_, "head.weight") => WeightMoments::around_zero(2.0 / 512.0),
            _ => WeightMoments::around_zero(1.0 / 512.0),
        })
    };
    let given = [("image".to_owned(), Given::noise(&[64, 512, 16, 16], 1.0))];
    let found = predict(&graph, weights, &given);
    assert!(found.ends.is_empty(), "{:?}", found.ends);
    let up = &found.layers[1];
    near(up.second_moment, 0.5, 1e-9);
    // The head's weights bring each gradient to 512 units times 2/512, and half of these are alive.
    let variance = 0.5 * (1.0 - 0.25 / PI);
    let strays = 2.0 / 3.0 * (0.5 * 0.75 / PI / variance).powi(2);
    near(up.gradient.unwrap(), (1.0 + strays) / variance, 5e-3);
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

/// A normalization as exporters write it, `x / √(E x² + ε)`, is the operator of that name, also on
/// the way back; and a list of parts is what `Split` makes.
#[test]
fn normalizations_and_splits_are_read_where_they_are_written_out() {
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    let written = |is_one_node: bool| {
        let mut draft = Draft::new(512);
        draft.dense("w0");
        let x = draft.last.clone();
        if is_one_node {
            draft.weight("scale", &[512]);
            draft.put(Node::new("RMSNormalization", &[&x, "scale"], &[]));
        } else {
            let square = draft.put(Node::new("Mul", &[&x, &x], &[]));
            let mean = Node::new("ReduceMean", &[&square], &[]).with("axes", ints(&[-1]));
            let mean = draft.put(mean);
            let epsilon = draft.put(constant(1e-6));
            let sum = draft.put(Node::new("Add", &[&mean, &epsilon], &[]));
            let root = draft.put(Node::new("Sqrt", &[&sum], &[]));
            let inverse = draft.put(Node::new("Reciprocal", &[&root], &[]));
            draft.put(Node::new("Mul", &[&x, &inverse], &[]));
        }
        draft.activation("relu");
        draft.dense("w1");
        draft.activation("relu");
        draft.dense("w2");
        draft.predict(3.0, 32)
    };
    let [one, many] = [true, false].map(written);
    assert!(many.ends.is_empty(), "{:?}", many.ends);
    for (one, many) in one.layers.iter().zip(&many.layers) {
        near(many.second_moment, one.second_moment, 1e-4);
        near(many.gradient.unwrap(), one.gradient.unwrap(), 1e-4);
    }

    let split = |is_list: bool| {
        let mut draft = Draft::new(512);
        draft.dense("w0");
        let x = draft.last.clone();
        if is_list {
            let sizes = draft.put(whole(&[512]));
            let parts = Node::new("SplitToSequence", &[&x, &sizes], &[]);
            let parts = draft.put(parts.with("axis", Attribute::Int(-1)));
            let place = draft.put(whole_number(0));
            draft.put(Node::new("SequenceAt", &[&parts, &place], &[]));
        }
        draft.activation("relu");
        draft.dense("w1");
        draft.predict(2.0, 32)
    };
    let [list, none] = [true, false].map(split);
    assert!(list.ends.is_empty(), "{:?}", list.ends);
    assert_eq!(list.layers[1].second_moment, none.layers[1].second_moment);
}

/// A node that makes a number.
fn constant(value: f32) -> Node {
    Node::new("Constant", &[], &[]).with("value_float", Attribute::Float(value))
}

/// A node that makes whole numbers.
fn whole(values: &[i64]) -> Node {
    Node::new("Constant", &[], &[]).with("value_ints", Attribute::Ints(values.to_vec()))
}

fn whole_number(value: i64) -> Node {
    Node::new("Constant", &[], &[]).with("value_int", Attribute::Int(value))
}

/// Of gradients that grow through normalized layers, steps of training see half.
#[test]
fn normalized_weights_bear_gradients() {
    let found = |is_normalized: bool| {
        let mut draft = Draft::new(512);
        for layer in 0..20 {
            draft.dense(&format!("w{layer}"));
            if is_normalized {
                let x = draft.last.clone();
                let scale = draft.weight(&format!("scale{layer}"), &[512]);
                let shift = draft.weight(&format!("shift{layer}"), &[512]);
                let mut node = Node::new("BatchNormalization", &[], &[]);
                node.inputs = vec![x, scale.clone(), shift.clone(), shift, scale];
                draft.put(node);
            }
            draft.activation("relu");
        }
        draft.dense("head");
        draft.predict(2.5, 32)
    };
    let normalized = found(true);
    let (log, steps) = (
        normalized.log_gradients.unwrap(),
        normalized.log_steps.unwrap(),
    );
    assert!(log > 6.0);
    near(steps, 0.5 * log, 0.05);
    let plain = found(false);
    assert_eq!(plain.log_steps, plain.log_gradients);
}

/// A unit with long weights has a long signal, and is divided by more; its gradients go back through the
/// same weights, so that they are not longer than others.
#[test]
fn lengths_of_weights_leave_normalized_gradients_as_they_are() {
    let mut draft = Draft::new(64);
    let x = draft.dense("w0");
    let [scale, shift] = ["scale", "shift"].map(|name| draft.weight(name, &[64]));
    let mut node = Node::new("BatchNormalization", &[], &[]);
    node.inputs = vec![x, scale.clone(), shift.clone(), shift, scale];
    draft.put(node);
    draft.dense("head");
    let found = draft.predict(1.0, 4096);
    near(found.layer("w0").unwrap().gradient.unwrap(), 1.0, 0.005);
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

/// Convolutions with batch normalizations and ReLUs: the gradients behind a ReLU have something in
/// common with what the normalization before it takes out of them, more so in small images.
const NORMALIZED: &str = "about = \"convolutions\"\n\
    [inputs]\nimage = \"numbers(3, 4, 4)\"\n\
    [network]\nlayers = [{ repeat = \"6\", name = \"convs\", layers = \
    [\"conv: conv(128, bias=false) -> bn: batch_norm -> relu\"] }, \
    \"mean(2) -> mean(2) -> head: linear(10)\"]\n";
/// Layers across places: few of them, so that networks differ.
const MIXER: &str = "mixer:width=128:depth=3:pixels=64:token_inner=64:classes=10";

const UPSAMPLED: &str = "about = \"repeated places\"\n\
    [inputs]\nimage = \"numbers(3, 8, 8)\"\n\
    [network]\nlayers = [\"conv1: conv(64) -> bn1: batch_norm -> relu -> upsample(2)\", \
    \"conv2: conv(64) -> bn2: batch_norm -> relu -> mean(2) -> mean(2) -> head: linear(10)\"]\n";
const SHUFFLED: &str = "about = \"channels that become places\"\n\
    [inputs]\nimage = \"numbers(3, 8, 8)\"\n\
    [network]\nlayers = [\"conv1: conv(256) -> relu -> pixel_shuffle(2)\", \
    \"conv2: conv(64) -> bn2: batch_norm -> relu -> mean(2) -> mean(2) -> head: linear(10)\"]\n";

/// Channels that are joined and normalized together, and differ much in size.
const DENSE: &str = "about = \"dense\"\n\
    [inputs]\nimage = \"numbers(3, 8, 8)\"\n\
    [network]\nlayers = [\"stem: conv(64) -> relu\", \
    { concat = [[], [\"bn1: batch_norm -> relu -> conv1: conv(64)\"]] }, \
    \"avg_pool(2)\", \
    { concat = [[], [\"bn2: batch_norm -> relu -> conv2: conv(64)\"]] }, \
    \"bn3: batch_norm -> relu -> mean(2) -> mean(2) -> head: linear(10)\"]\n";

/// A description, a built-in network, or a network in TOML.
fn read(text: &str) -> (Model, Graph) {
    if let (Ok(model), Ok(graph)) = (Spec::parse(text), Spec::graph(text)) {
        return (model, graph);
    }
    let network = match text.contains('\n') {
        true => Network::read(text, ""),
        false => Network::named(text),
    };
    let network = network.unwrap();
    (network.model, network.graph)
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
        (NORMALIZED, kaiming()),
        (MIXER, Recipe::auto()),
        // Places of a block have weights of their own, or are the same, or were channels.
        ("unet:width=32:depth=2:pixels=16", Recipe::auto()),
        (UPSAMPLED, Recipe::auto()),
        (SHUFFLED, Recipe::auto()),
        (DENSE, Recipe::auto()),
    ];
    let (mut all, mut far) = (0, Vec::new());
    for (text, recipe) in cases {
        let (model, graph) = read(text);
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

/// A plain chain whose weights have this variance times their columns, and its prediction on noise.
struct Chain {
    text: String,
    recipe: Recipe,
}

impl Chain {
    fn new(width: usize, hidden: usize, activation: &str, weights: f64, biases: f64) -> Self {
        let sizes = vec![width.to_string(); hidden + 1].join("-");
        let (weights, biases) = ((weights / width as f64).sqrt(), biases.sqrt());
        let rules = format!(
            "name = \"chain\"\n[[rule]]\nrole = \"matrix\"\ninit = \"normal(std={weights})\"\n\
             [[rule]]\nrole = \"bias\"\ninit = \"normal(std={biases})\"\n"
        );
        Self {
            text: format!("mlp:{sizes}-10:{activation}"),
            recipe: Recipe::from_toml(&rules).unwrap(),
        }
    }

    fn inputs(&self, samples: usize) -> Vec<(String, Datum<f32>)> {
        let batch = Batch {
            samples,
            ..Batch::default()
        };
        batch.inputs(&Spec::graph(&self.text).unwrap()).unwrap()
    }

    fn predict(&self, samples: usize) -> Prediction {
        let plan = self
            .recipe
            .plan(&Spec::parse(&self.text).unwrap(), 0)
            .unwrap();
        let weights =
            |tensor: &Initializer| WeightMoments::of_line(plan.line(tensor.tensor.as_ref()?)?);
        let inputs = self.inputs(samples).into_iter();
        let given: Vec<(String, Given)> = inputs
            .map(|(name, datum)| (name, Given::of(&datum)))
            .collect();
        predict(&Spec::graph(&self.text).unwrap(), weights, &given)
    }

    /// Runs it with the weights of a seed.
    fn run<T>(
        &self,
        samples: usize,
        seed: u64,
        run: impl FnOnce(
            &Graph,
            Vec<(&str, Datum<f32>)>,
            &dyn Fn(&Initializer) -> Option<Datum<f32>>,
        ) -> T,
    ) -> T {
        let plan = self
            .recipe
            .plan(&Spec::parse(&self.text).unwrap(), seed)
            .unwrap();
        let weights = |tensor: &Initializer| {
            let bytes = plan.line(tensor.tensor.as_ref()?)?.to_bytes().ok()?;
            Datum::decode(tensor.dtype?, &tensor.shape, &bytes)
        };
        let inputs = self.inputs(samples);
        let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
        run(
            &Spec::graph(&self.text).unwrap(),
            inputs.collect(),
            &weights,
        )
    }

    fn measure(&self, samples: usize, seed: u64) -> Measurement {
        self.run(samples, seed, |graph, inputs, weights| {
            measure(graph, inputs, weights, seed).unwrap()
        })
    }

    fn spectra(&self, samples: usize, seed: u64) -> Spectra {
        self.run(samples, seed, |graph, inputs, weights| {
            spectra(graph, inputs, weights, seed).unwrap()
        })
    }
}

/// Depth scales of tanh (Schoenholz et al. 2017, figure 1): those of the map at its fixed point.
#[test]
fn networks_reach_as_deep_as_their_maps_say() {
    for (weights, wanted) in [(1.3, 7.83), (1.5, 15.8), (2.0, 25.2), (2.5, 11.8)] {
        let found = Chain::new(64, 150, "tanh", weights, 0.05).predict(8);
        let reach = found.reach.unwrap();
        near(reach.correlation.unwrap(), wanted, 0.02);
        near(reach.trainable.unwrap(), 6.0 * wanted, 0.02);
    }
    // He's variance keeps gradients and makes samples alike by a power only: there is no scale.
    let found = Chain::new(64, 60, "relu", 2.0, 0.0)
        .predict(8)
        .reach
        .unwrap();
    assert_eq!((found.gradient, found.correlation), (None, None));
    near(found.correlation_slope.unwrap(), 1.0, 0.1);
    let found = Chain::new(64, 60, "relu", 1.0, 0.0)
        .predict(8)
        .reach
        .unwrap();
    near(found.gradient.unwrap(), 1.0 / 2f64.ln(), 1e-6);
}

#[test]
fn samples_become_alike_over_the_predicted_scale() {
    let chain = Chain::new(256, 44, "tanh", 1.3, 0.05);
    let scale = chain.predict(8).reach.unwrap().correlation.unwrap();
    let apart = |layer: usize| -> f64 {
        let runs = (0..4).map(|seed| chain.measure(8, seed));
        runs.map(|run| 1.0 - run.layers[layer].forward.cosine.unwrap())
            .sum()
    };
    near(20.0 / (apart(20) / apart(40)).ln(), scale, 0.1);
}

/// Pennington et al. (2017), section 2, against measured singular values.
#[test]
fn singular_values_spread_as_predicted() {
    const SEEDS: u64 = 4;
    for (activation, weights) in [("linear", 1.0), ("relu", 2.0), ("tanh", 1.3)] {
        let chain = Chain::new(192, 6, activation, weights, 0.01);
        let expected = chain.predict(8).isometry.unwrap();
        let found: Vec<Jacobian> = (0..SEEDS)
            .map(|seed| chain.spectra(8, seed).jacobian.unwrap())
            .collect();
        let mean = |of: fn(&Jacobian) -> f64| found.iter().map(of).sum::<f64>() / SEEDS as f64;
        near(mean(|found| found.mean_square), expected.mean_square, 0.15);
        near(mean(|found| found.spread), expected.spread.unwrap(), 0.15);
    }
    // L matrices: L, and L more of as many ReLUs.
    for (activation, weights, spread) in [("linear", 1.0, 10.0), ("relu", 2.0, 20.0)] {
        let found = Chain::new(64, 11, activation, weights, 0.0).predict(8);
        near(found.isometry.unwrap().spread.unwrap(), spread, 1e-6);
    }
}

/// Jacot et al. (2018): a kernel of pairs that are alike. Samples that are not quite so make the
/// measured condition larger.
#[test]
fn tangent_kernels_are_as_predicted() {
    const SEEDS: u64 = 4;
    for (activation, weights) in [("relu", 2.0), ("tanh", 1.7)] {
        let chain = Chain::new(192, 6, activation, weights, 0.01);
        let expected = chain.predict(8).tangent.unwrap();
        let mut rank = 0.0;
        for seed in 0..SEEDS {
            let found = chain.spectra(8, seed).kernel.unwrap();
            assert_eq!((found.samples, expected.samples), (8, 8));
            assert!(found.condition.unwrap() > 0.9 * expected.condition.unwrap());
            rank += found.effective_rank / SEEDS as f64;
        }
        near(rank, expected.effective_rank, 0.15);
    }
}

/// Lu et al. (2020): all units of a layer are dead for one sample with probability 2⁻ⁿ.
#[test]
fn networks_are_born_dead_as_often_as_predicted() {
    let chain = Chain::new(3, 5, "relu", 2.0, 0.0);
    let expected = chain.predict(1).born_dead.unwrap();
    near(expected, 1.0 - (1.0 - 0.125f64).powi(5), 1e-9);
    const RUNS: u64 = 400;
    let is_dead = |seed: &u64| {
        let run = chain.measure(1, *seed);
        run.layers.last().unwrap().forward.second_moment == 0.0
    };
    let share = (0..RUNS).filter(is_dead).count() as f64 / RUNS as f64;
    assert!(
        (share - expected).abs() < 3.0 * (0.25 / RUNS as f64).sqrt(),
        "{share} {expected}"
    );
    // Units in pairs of opposite sign are never all dead.
    let pairs = Chain {
        recipe: Recipe::auto(),
        ..Chain::new(4, 5, "relu", 2.0, 0.0)
    };
    assert_eq!(pairs.predict(1).born_dead, Some(0.0));
}

#[test]
fn as_many_units_are_dead_as_predicted() {
    let chain = Chain::new(512, 6, "relu", 2.0, 0.0);
    let (expected, found) = (chain.predict(6), chain.measure(6, 0));
    for (layer, measured) in expected.layers.iter().zip(&found.layers).take(6) {
        let (part, dead) = (layer.dead.unwrap(), measured.backward.unwrap().dead);
        // Of 512 units, three standard deviations, and what samples' likeness strays.
        let room = 3.0 * (part * (1.0 - part) / 512.0).sqrt() + 0.1 * part;
        assert!(
            (part - dead).abs() < room,
            "{}: {part}, {dead} measured",
            layer.weight
        );
    }
    assert_eq!(expected.layers[6].dead, None);
}
