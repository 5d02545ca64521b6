//! Singular values against what theory and exact products say.

mod common;

use semilla::graph::{Attribute, Node};
use semilla::init::Initializer;
use semilla::model::Spec;
use semilla::{Recipe, init};
use semilla_signal::{Array, Batch, Datum, Mode, Spectra, Trace, spectra};

fn of(spec: &str, recipe: &Recipe, sizes: &[(&str, usize)]) -> Spectra {
    let (graph, inputs) = model(spec, sizes);
    let weights = weights(spec, recipe);
    let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
    spectra(&graph, inputs, weights, 1).unwrap()
}

fn model(spec: &str, sizes: &[(&str, usize)]) -> (semilla::Graph, Vec<(String, Datum<f32>)>) {
    let graph = Spec::graph(spec).unwrap();
    let batch = Batch {
        samples: 8,
        sizes: sizes
            .iter()
            .map(|(name, size)| ((*name).to_owned(), *size))
            .collect(),
        ..Batch::default()
    };
    let inputs = batch.inputs(&graph).unwrap();
    (graph, inputs)
}

fn weights<T: semilla_signal::Real>(
    spec: &str,
    recipe: &Recipe,
) -> impl Fn(&semilla::graph::Initializer) -> Option<Datum<T>> + use<T> {
    let plan = recipe.plan(&Spec::parse(spec).unwrap(), 5).unwrap();
    move |tensor| {
        let bytes = plan.line(tensor.tensor.as_ref()?)?.to_bytes().ok()?;
        Datum::decode(tensor.dtype?, &tensor.shape, &bytes)
    }
}

fn mlp(width: usize, layers: usize, after: &str) -> String {
    let sizes = vec![width.to_string(); layers + 2].join("-");
    format!("mlp:{sizes}-10:{after}")
}

fn scheme(initializer: impl Into<Initializer>) -> Recipe {
    Recipe::scheme(initializer)
}

/// ⟨u, Jv⟩ = ⟨Jᵀu, v⟩ through every kind of layer, with the forward derivative on one side and the
/// gradients on the other.
#[test]
fn products_with_the_jacobian_and_its_transpose_agree() {
    let specs: [(&str, &[(&str, usize)]); 4] = [
        ("mlp:12-16-16-5:gelu", &[]),
        ("conv:3-8-8:5:silu", &[("height", 6), ("width", 6)]),
        ("lstm:6-8:3", &[("length", 5)]),
        ("transformer:2x64:50:tanh", &[("length", 6)]),
    ];
    for (spec, sizes) in specs {
        let (graph, inputs) = model(spec, sizes);
        let inputs = inputs.into_iter().map(|(name, datum)| {
            let datum = match datum {
                Datum::Float(array) => Datum::Float(array.map(f64::from)),
                Datum::Whole(array) => Datum::Whole(array),
            };
            (name, datum)
        });
        let inputs: Vec<(String, Datum<f64>)> = inputs.collect();
        let given = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
        let weights = weights(spec, &Recipe::auto());
        let trace = Trace::record(&graph, Mode::Training, given, weights).unwrap();
        let output = trace.find("y").unwrap();
        // By its first weight: a table of words in the transformer.
        let (_, weight) = trace.weights()[0].clone();
        let wave = |shape: &[usize], speed: f64| {
            let count: usize = shape.iter().product();
            let data = (0..count).map(|i| (speed * i as f64).sin()).collect();
            Array::new(shape, data).unwrap()
        };
        let (v, u) = (
            wave(trace.array(weight).shape(), 1.3),
            wave(trace.array(output).shape(), 0.7),
        );
        let dot = |a: &Array<f64>, b: &Array<f64>| -> f64 {
            a.data().iter().zip(b.data()).map(|(a, b)| a * b).sum()
        };
        let changes = trace.changes([(weight, v.clone())]);
        let gradients = trace.gradients_to([(output, u.clone())], &[weight]);
        let (forward, back) = (
            dot(&u, changes.of(output).unwrap()),
            dot(gradients.of(weight).unwrap(), &v),
        );
        let off = (forward - back).abs() / forward.abs();
        assert!(off < 1e-7, "{spec}: {forward} {back}");
    }
}

#[test]
fn gaussian_linear_layers_have_the_spread_of_theory() {
    let found = of(&mlp(128, 8, "linear"), &scheme(init::lecun_normal()), &[]);
    let jacobian = found.jacobian.unwrap();
    // Seven products: mean 1, spread 7; the largest s² near 8⁸/7⁷ = 20.4 for infinite width.
    assert!((jacobian.mean_square - 1.0).abs() < 0.35, "{jacobian:?}");
    assert!((jacobian.spread / 8.0 - 1.0).abs() < 0.35, "{jacobian:?}");
    let expected = (9f64.powi(9) / 8f64.powi(8)).sqrt();
    assert!(
        (jacobian.largest / expected - 1.0).abs() < 0.2,
        "{jacobian:?}"
    );
    assert!(jacobian.smallest < 5e-2 * jacobian.largest, "{jacobian:?}");
}

#[test]
fn orthogonal_relu_layers_spread_half_as_much() {
    let relu = |initializer: Initializer| of(&mlp(128, 8, "relu"), &scheme(initializer), &[]);
    let gain = std::f64::consts::SQRT_2;
    let orthogonal = relu(init::orthogonal().gain(gain).into());
    let gaussian = relu(init::kaiming_normal().into());
    let spread = |found: &Spectra| found.jacobian.as_ref().unwrap().spread;
    let ratio = spread(&gaussian) / spread(&orthogonal);
    assert!((1.3..3.0).contains(&ratio), "{ratio}");
    // A semi-orthogonal square matrix is at half of Marchenko and Pastur's edge.
    let edges = |found: &Spectra| found.layers[1].edge;
    assert!((edges(&orthogonal) - 0.5).abs() < 1e-3);
    assert!((edges(&gaussian) - 1.0).abs() < 0.06);
}

#[test]
fn layers_show_what_is_saturated_and_alike() {
    let tanh = of(&mlp(64, 4, "tanh"), &scheme(init::normal().std(1.0)), &[]);
    let flat = tanh.layers[2].saturated.unwrap();
    assert!(flat > 0.2, "{flat}");
    let healthy = of(&mlp(64, 4, "tanh"), &scheme(init::xavier_normal()), &[]);
    assert_eq!(healthy.layers[2].saturated, Some(0.0));
    // Ordered networks make samples alike; the kernel says the same.
    let deep = of(&mlp(64, 20, "relu"), &scheme(init::kaiming_normal()), &[]);
    let shallow = of(&mlp(64, 1, "relu"), &scheme(init::kaiming_normal()), &[]);
    let rank = |found: &Spectra| found.layers[found.layers.len() - 2].effective_rank;
    assert!(rank(&deep) < 0.6 * rank(&shallow));
    let condition = |found: &Spectra| found.kernel.as_ref().unwrap().condition.unwrap();
    assert!(condition(&deep) > 1.0 && condition(&shallow) > 1.0);
}

#[test]
fn a_mean_that_is_not_0_stands_out_of_the_edge() {
    let recipe = scheme(init::normal().mean(0.05).std(0.1));
    let found = of(&mlp(128, 2, "relu"), &recipe, &[]);
    assert!(found.layers[1].edge > 2.0, "{:?}", found.layers[1]);
}

#[test]
fn all_models_have_spectra() {
    let specs: [(&str, &[(&str, usize)]); 3] = [
        ("conv:3-8-8:5:relu", &[("height", 6), ("width", 6)]),
        ("lstm:6-8:3", &[("length", 5)]),
        ("transformer:2x64:50:gelu", &[("length", 6)]),
    ];
    for (spec, sizes) in specs {
        let found = of(spec, &Recipe::auto(), sizes);
        assert!(!found.layers.is_empty() && found.kernel.is_some(), "{spec}");
        let layer = &found.layers[0];
        assert!(
            layer.effective_rank >= 1.0 && layer.stable_rank >= 1.0,
            "{layer:?}"
        );
    }
}

/// Masked scores are huge or infinite, and say nothing of how far the others may be moved.
#[test]
fn masked_scores_do_not_change_the_derivative_of_the_others() {
    let derivative = |operator: &str, never: f32| {
        let constant = Attribute::Float(never);
        let nodes = vec![
            Node::new("Constant", &[], &["never"]).with("value_float", constant),
            match operator {
                "Where" => Node::new("Where", &["mask", "x", "never"], &["scores"]),
                _ => Node::new("Add", &["x", "mask"], &["scores"]),
            },
            Node::new("Softmax", &["scores"], &["y"]),
        ];
        let graph = common::graph(&["x", "mask"], nodes);
        let mask = match operator {
            "Where" => Datum::Whole(Array::list(vec![1, 1, 0, 0])),
            _ => Array::list(vec![0.0, 0.0, never.into(), never.into()]).into(),
        };
        let x = Array::list(vec![0.3, -0.2, 0.7, 0.1]);
        let inputs = [("x", x.into()), ("mask", mask)];
        let trace = Trace::<f64>::record(&graph, Mode::Inference, inputs, |_| None).unwrap();
        let (x, y) = (trace.find("x").unwrap(), trace.find("y").unwrap());
        let changes = trace.changes([(x, Array::list(vec![1.0, 0.5, -2.0, 3.0]))]);
        let found = changes.of(y).unwrap().data().to_vec();
        let p = (0.3f64).exp() / ((0.3f64).exp() + (-0.2f64).exp());
        let expected = p * (1.0 - p) * 0.5;
        [expected, -expected, 0.0, 0.0]
            .iter()
            .zip(found)
            .map(|(expected, found)| (expected - found).abs())
            .fold(0.0, f64::max)
    };
    for (operator, never) in [
        ("Where", f32::NEG_INFINITY),
        ("Where", f32::MIN),
        ("Where", -1e4),
        ("Add", f32::NEG_INFINITY),
        ("Add", f32::MIN),
        ("Add", -1e4),
        ("Add", -1e9),
    ] {
        let off = derivative(operator, never);
        assert!(off < 1e-9, "{operator} {never}: {off}");
    }
}
