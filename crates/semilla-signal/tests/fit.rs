//! Numbers that are found by running a network.

use std::collections::HashMap;
use std::convert::Infallible;

use semilla::graph::{Attribute, Graph, Initializer, Node, Value};
use semilla::plan::Change;
use semilla::stream::{Sampler, Stream};
use semilla::{DType, Distribution, Fit};
use semilla_signal::{Array, Datum, Network, fit};

const SAMPLES: usize = 64;
const INPUTS: usize = 6;
const UNITS: usize = 5;

fn normal(name: &str, shape: &[usize], std: f64) -> Array<f32> {
    let mut array = Array::filled(shape, 0.0f32);
    let sampler = Sampler::new(&Distribution::Normal { mean: 0.3, std }, DType::F32).unwrap();
    Stream::new(1, name).fill(&sampler, 0, array.data_mut());
    array
}

/// A weight-normalized layer: magnitudes times directions, and a weight that nothing takes.
fn graph() -> Graph {
    let mut graph = Graph::new();
    graph.opsets.insert(String::new(), 18);
    let main = &mut graph.bodies_mut()[0];
    main.inputs.push(Value {
        name: "x".into(),
        ..Value::default()
    });
    for (name, shape) in [
        ("v", &[UNITS, INPUTS][..]),
        ("g", &[UNITS, 1]),
        ("b", &[UNITS]),
        ("unused", &[UNITS, INPUTS]),
    ] {
        let mut tensor = Initializer::new(name, DType::F32, shape);
        tensor.tensor = Some(name.into());
        main.initializers.push(tensor);
    }
    main.nodes = vec![
        Node::new("ReduceL2", &["v"], &["norms"])
            .with("axes", Attribute::Ints(vec![1]))
            .with("keepdims", Attribute::Int(1)),
        Node::new("Div", &["v", "norms"], &["directions"]),
        Node::new("Mul", &["g", "directions"], &["w"]),
        Node::new("Gemm", &["x", "w", "b"], &["y"]).with("transB", Attribute::Int(1)),
    ];
    main.outputs.push(Value {
        name: "y".into(),
        ..Value::default()
    });
    graph
}

fn network(graph: &Graph) -> Network<'_> {
    let ones = || Array::filled([UNITS, 1], 1.0f32);
    let weights: HashMap<&str, Array<f32>> = HashMap::from([
        ("v", normal("v", &[UNITS, INPUTS], 0.05)),
        ("g", ones()),
        ("b", Array::filled([UNITS], 0.5)),
        ("unused", normal("unused", &[UNITS, INPUTS], 1.0)),
    ]);
    let inputs = vec![(
        "x".to_owned(),
        Datum::Float(normal("x", &[SAMPLES, INPUTS], 2.0)),
    )];
    let weight = |name: &str| {
        let found = weights.get(name).cloned();
        Ok::<_, Infallible>(found.map(|array| Datum::Float(array).into()))
    };
    Network::new(graph, inputs, weight).unwrap()
}

/// The mean and the variance of each unit of the output.
fn units(network: &Network<'_>) -> Vec<(f64, f64)> {
    let trace = network.run().unwrap();
    let y = trace.array(trace.find("y").unwrap()).data();
    let unit = |unit: usize| {
        let values = || y.iter().skip(unit).step_by(UNITS).map(|&x| f64::from(x));
        let mean = values().sum::<f64>() / SAMPLES as f64;
        (
            mean,
            values().map(|x| (x - mean).powi(2)).sum::<f64>() / SAMPLES as f64,
        )
    };
    (0..UNITS).map(unit).collect()
}

#[test]
fn weight_normalized_layers_start_with_unit_variance_and_mean_0() {
    let graph = graph();
    let mut network = network(&graph);
    assert!(
        units(&network)
            .iter()
            .any(|(mean, variance)| mean.abs() > 0.1 && *variance > 1.5)
    );
    // In any order: magnitudes go before shifts.
    let fits = [("b", Fit::Centred), ("g", Fit::UnitVariance)];
    let fits = fits.map(|(name, fit)| (name.to_owned(), fit));
    let fitting = fit(&mut network, &fits, None, 0).unwrap();
    assert_eq!(
        (fitting.forward, fitting.backward, fitting.samples),
        (3, 0, SAMPLES)
    );
    for (mean, variance) in units(&network) {
        assert!(
            mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4,
            "{mean} {variance}"
        );
    }
    for found in &fitting.found {
        let Change::Values(values) = &found.change else {
            panic!("{found:?}")
        };
        assert_eq!(values.len(), UNITS);
    }
}

#[test]
fn what_cannot_be_fitted_is_left_and_said() {
    let graph = graph();
    let mut network = network(&graph);
    let fits = [
        ("unused".to_owned(), Fit::Lsuv),
        ("g".to_owned(), Fit::Balanced),
    ];
    let fitting = fit(&mut network, &fits, None, 0).unwrap();
    let unused = &fitting.found[0];
    assert_eq!((&*unused.name, &unused.change), ("unused", &Change::Left));
    assert!(unused.reason.contains("no layer"), "{}", unused.reason);
    assert!(
        fitting.found[1].reason.contains("no main path"),
        "{:?}",
        fitting.found
    );
}
