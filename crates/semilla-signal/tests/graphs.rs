//! Whole graphs: loops, the main path, and numbers that make no sense.

mod common;

use std::convert::Infallible;

use semilla::DType;
use semilla::graph::{Attribute, Body, Graph, Initializer, Literal, Node, NodeId, Owner, Value};
use semilla_signal::{
    Array, Datum, Loss, Mode, Network, Optimizer, Stepper, Trace, TrainError, first_step, measure,
    spectra,
};

fn value(name: &str) -> Value {
    Value {
        name: name.to_owned(),
        ..Value::default()
    }
}

fn weight(name: &str, shape: &[usize]) -> Initializer {
    let mut tensor = Initializer::new(name, DType::F32, shape);
    tensor.tensor = Some(name.to_owned());
    tensor
}

fn numbers(name: &str, value: i64) -> Initializer {
    let mut tensor = Initializer::new(name, DType::I64, []);
    tensor.literal = Literal::new(DType::I64, [], value.to_le_bytes().to_vec());
    tensor
}

#[test]
fn a_weight_within_a_loop_is_one_weight() {
    let mut graph = Graph::new();
    let main = &mut graph.bodies_mut()[0];
    main.inputs.push(value("x"));
    main.initializers.push(numbers("times", 3));
    let node = Node::new("Loop", &["times", "", "x"], &["y"]);
    main.nodes.push(node.with("body", Attribute::Body(1)));
    main.outputs.push(value("y"));
    graph.add(Body {
        owner: Some(Owner {
            node: NodeId { body: 0, index: 0 },
            attribute: "body".to_owned(),
        }),
        inputs: ["turn", "goes_on", "state"].map(value).to_vec(),
        outputs: ["goes_on", "next"].map(value).to_vec(),
        initializers: vec![weight("w", &[1])],
        nodes: vec![Node::new("Mul", &["state", "w"], &["next"])],
        ..Body::default()
    });
    let x = Array::new([1], vec![5.0]).unwrap();
    let two = |tensor: &Initializer| {
        let value = tensor.tensor.as_ref().map(|_| vec![2.0])?;
        Array::new([1], value).map(Datum::Float)
    };
    let trace = Trace::<f64>::record(&graph, Mode::Inference, [("x", x.into())], two).unwrap();
    let y = trace.find("y").unwrap();
    assert_eq!(trace.array(y).data(), [40.0]);
    // d(5 w³)/dw at w = 2, of the one weight that all turns share.
    let [(name, w)] = trace.weights() else {
        panic!("{} weights", trace.weights().len());
    };
    let gradients = trace.gradients([(y, Array::filled([1], 1.0))]);
    assert_eq!(
        (&**name, gradients.of(*w).unwrap().data()),
        ("w", &[60.0][..])
    );
}

#[test]
fn an_array_that_is_taken_twice_by_a_step_is_one() {
    let mut graph = Graph::new();
    let main = &mut graph.bodies_mut()[0];
    main.inputs.push(value("x"));
    main.initializers = vec![
        weight("a", &[4, 4]),
        weight("b", &[12, 4]),
        weight("c", &[4, 4]),
    ];
    main.nodes = vec![
        Node::new("MatMul", &["x", "a"], &["p"]),
        Node::new("Relu", &["p"], &["q"]),
        Node::new("Tanh", &["p"], &["r"]),
        Node::new("Concat", &["q", "r", "q"], &["s"]).with("axis", Attribute::Int(1)),
        Node::new("MatMul", &["s", "b"], &["t"]),
        Node::new("MatMul", &["t", "c"], &["y"]),
    ];
    main.outputs.push(value("y"));
    let x = Array::new([2, 4], vec![1.0, -2.0, 3.0, 0.5, 2.0, 1.0, -1.0, 4.0]).unwrap();
    let weights = |tensor: &Initializer| {
        let count = tensor.shape.iter().product::<usize>();
        let values = (0..count).map(|i| (i % 5) as f32 - 1.5).collect();
        Array::new(&*tensor.shape, values).map(Datum::Float)
    };
    let found = measure(&graph, [("x", x.into())], weights, 0).unwrap();
    let path: Vec<&str> = found.path.iter().map(|point| &*point.after).collect();
    assert_eq!(path, ["a", "b"]);
}

#[test]
fn words_compared_with_a_list_are_signals() {
    let mut graph = Graph::new();
    let main = &mut graph.bodies_mut()[0];
    main.inputs.push(value("words"));
    let mut list = Initializer::new("list", DType::I64, [4]);
    let bytes = (0..4i64).flat_map(i64::to_le_bytes).collect();
    list.literal = Literal::new(DType::I64, [4], bytes);
    main.initializers = vec![list, weight("a", &[4, 3]), weight("b", &[3, 3])];
    main.nodes = vec![
        Node::new("Unsqueeze", &["words"], &["column"]).with("axes", Attribute::Ints(vec![1])),
        Node::new("Equal", &["column", "list"], &["is"]),
        Node::new("Cast", &["is"], &["hot"]).with("to", Attribute::Int(1)),
        Node::new("MatMul", &["hot", "a"], &["p"]),
        Node::new("MatMul", &["p", "b"], &["y"]),
    ];
    main.outputs.push(value("y"));
    let weights = |tensor: &Initializer| {
        tensor.tensor.as_ref()?;
        let count = tensor.shape.iter().product::<usize>();
        let values = (0..count).map(|i| (i % 5) as f32 - 1.5).collect();
        Array::new(&*tensor.shape, values).map(Datum::Float)
    };
    let words = Datum::Whole(Array::new([3], vec![2, 0, 3]).unwrap());
    let found = measure(&graph, [("words", words)], weights, 0).unwrap();
    let layers: Vec<&str> = found.layers.iter().map(|layer| &*layer.weight).collect();
    assert_eq!(layers, ["a", "b"]);
    assert_eq!(found.path.len(), 1);
}

#[test]
fn nothing_to_measure_is_no_verdict() {
    let mut graph = Graph::new();
    let main = &mut graph.bodies_mut()[0];
    main.inputs.push(value("x"));
    main.nodes.push(Node::new("Relu", &["x"], &["y"]));
    main.outputs.push(value("y"));
    let x = Datum::Float(Array::filled([2, 3], 1.0));
    let fault = measure(&graph, [("x", x)], |_| None, 0).unwrap_err();
    assert!(fault.to_string().contains("nothing to judge"), "{fault}");
}

#[test]
fn a_batch_of_no_samples_is_refused() {
    let mut graph = Graph::new();
    let main = &mut graph.bodies_mut()[0];
    main.inputs.push(value("x"));
    main.initializers.push(weight("w", &[3, 2]));
    main.nodes.push(Node::new("MatMul", &["x", "w"], &["y"]));
    main.outputs.push(value("y"));
    let none = || Datum::Float(Array::filled([0, 3], 1.0));
    let weight = || Datum::Float(Array::filled([3, 2], 1.0));
    let weights = |_: &Initializer| Some(weight());
    let mut network = Network::new(&graph, vec![("x".to_owned(), none())], |_| {
        Ok::<_, Infallible>(Some(weight().into()))
    })
    .unwrap();
    let stepper = Stepper::new(Optimizer::Sgd, 0.1);
    let faults = [
        measure(&graph, [("x", none())], weights, 0).err(),
        spectra(&graph, [("x", none())], weights, 0).err(),
        match first_step(&mut network, Loss::CrossEntropy, None, stepper, 0) {
            Err(TrainError::Run(fault)) => Some(fault),
            _ => None,
        },
    ];
    for fault in faults {
        let text = fault.map(|fault| fault.to_string()).unwrap_or_default();
        assert!(text.contains("no samples"), "{text:?}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for (operator, name, given) in [
        ("ConvTranspose", "output_padding", i64::MAX),
        ("ConvTranspose", "dilations", 1 << 30),
        ("Conv", "dilations", 1 << 30),
        ("Conv", "pads", -1),
        ("Conv", "strides", 0),
    ] {
        let per_axis = if name == "pads" { 4 } else { 2 };
        let attribute = Attribute::Ints(vec![given; per_axis]);
        let node = Node::new(operator, &["x", "w"], &["y"]).with(name, attribute);
        let graph = common::graph(&["x", "w"], vec![node]);
        let inputs = [("x", [1, 1, 4, 4]), ("w", [1, 1, 3, 3])];
        let inputs = inputs.map(|(name, shape)| (name, Datum::Float(Array::filled(shape, 1.0))));
        let found = Trace::<f32>::record(&graph, Mode::Inference, inputs, |_| None);
        let fault = found.err().map(|fault| fault.to_string());
        assert!(
            fault.is_some_and(|text| text.contains(operator)),
            "{operator} {name}"
        );
    }
}
