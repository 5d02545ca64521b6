//! ONNX models: what the package `onnx` reads from them, and models that are damaged or lie.

#![cfg(feature = "onnx")]

mod common;

use std::fs;

use common::{check, damage, fixture, folder, left_out, load, read, refusal};
use semilla::graph::{Attribute, Convolution, Dim, Node, Takers, Wiring, order};
use semilla::{DType, Graph};
use semilla_checkpoint::{Format, Limits, open, open_with};

#[test]
fn nodes_give_names_and_layouts() {
    let model = check("onnx/roles.onnx");
    assert_eq!(model.format(), Format::Onnx);
    assert_eq!(model.metadata()["author"], "nobody");
    assert_eq!(model.metadata()["producer_name"], "semilla");
    assert_eq!(left_out(model.remarks()), [1, 1]);
}

#[test]
fn every_type_as_bytes_and_as_numbers() {
    let model = check("onnx/types.onnx");
    assert_eq!(left_out(model.remarks()), [1, 1, 1]);
}

#[test]
fn branches_and_loops() {
    check("onnx/branches.onnx");
}

#[test]
fn values_in_a_file_beside() {
    let model = check("onnx/external.onnx");
    let position = |name| model.tensors().index_of(name).unwrap();
    let file = |name| model.file(position(name)).unwrap().file_name().unwrap();
    assert_eq!(file("a"), "external.bin");
    assert_eq!(file("inside"), "external.onnx");
    assert_eq!(model.file(3), None);
}

/// A field of Protocol Buffers: a run of bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(varint(content.len() as u64));
    field.extend(content);
    field
}

/// A field of Protocol Buffers: an integer.
fn integer(number: u8, value: u64) -> Vec<u8> {
    [vec![number << 3], varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A tensor named `w`.
fn tensor(dims: &[u64], data_type: u64, data: &[u8]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|&dim| integer(1, dim)).collect();
    let parts: [Vec<u8>; 4] = [dims, integer(2, data_type), bytes(8, b"w"), data.to_vec()];
    parts.concat()
}

/// A model whose graph has this content.
fn model(graph: &[u8]) -> Vec<u8> {
    [integer(1, 8), bytes(7, graph)].concat()
}

fn model_of(tensor: &[u8]) -> Vec<u8> {
    model(&bytes(5, tensor))
}

fn external(location: &str, offset: &str, length: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| {
        bytes(
            13,
            &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat(),
        )
    };
    [
        entry("location", location),
        entry("offset", offset),
        entry("length", length),
        integer(14, 1),
    ]
    .concat()
}

const TWO_FLOATS: [u8; 8] = [0, 0, 128, 63, 0, 0, 0, 64];

#[test]
fn numbers_in_any_arrangement() {
    let packed = bytes(4, &TWO_FLOATS);
    let chunks = [bytes(4, &TWO_FLOATS[..4]), bytes(4, &TWO_FLOATS[4..])].concat();
    let single = |at| [&[4 << 3 | 5], &TWO_FLOATS[at..at + 4]].concat();
    let unpacked = [single(0), single(4)].concat();
    for data in [packed, chunks, unpacked, bytes(9, &TWO_FLOATS)] {
        assert_eq!(
            load(&model_of(&tensor(&[2], 1, &data))).unwrap(),
            [TWO_FLOATS]
        );
    }
    let ones: Vec<u8> = (0..17).flat_map(|_| integer(7, u64::MAX)).collect();
    let values = load(&model_of(&tensor(&[17], 7, &ones))).unwrap();
    assert_eq!(values, [vec![0xff; 8 * 17]]);
}

#[test]
fn values_that_do_not_fit() {
    let message =
        |dims: &[u64], data_type, data: &[u8]| refusal(&model_of(&tensor(dims, data_type, data)));
    let raw = bytes(9, &TWO_FLOATS);
    assert!(message(&[3], 1, &raw).contains("need 12 bytes and there are 8"));
    assert!(message(&[1 << 62, 4], 1, &raw).contains("more bytes than a file"));
    assert!(message(&[u64::MAX], 1, &raw).contains("more bytes than a file"));
    assert!(message(&[2], 1, &[]).contains("need 8 bytes and there are 0"));
    assert!(message(&[1; 65], 1, &raw).contains("64 dimensions"));
    assert!(message(&[2], 1, &[raw.clone(), raw.clone()].concat()).contains("twice"));
    assert!(message(&[2], 1, &[raw.clone(), bytes(4, &TWO_FLOATS)].concat()).contains("twice"));
    assert!(message(&[20], 6, &bytes(4, &[0; 80])).contains("20 values of F32"));
    assert!(message(&[20], 6, &bytes(5, &[1; 19])).contains("19 values of I32"));
    assert!(message(&[2], 1, &bytes(4, &[0; 7])).contains("not stored as its type asks"));
    assert!(message(&[2], 22, &raw).contains("INT4"));
    assert!(message(&[2], 99, &raw).contains("unknown"));
    assert!(message(&[2], 1, &bytes(3, &[])).contains("segments"));
}

#[test]
fn files_beside_are_in_the_same_folder_and_long_enough() {
    let message = |location: &str, offset: &str, length: &str| {
        let model = model_of(&tensor(&[2], 1, &external(location, offset, length)));
        let folder = folder(&[("model", &model), ("data", &[0; 16])]);
        open(folder.path().join("model"))
            .map(drop)
            .map_err(|error| common::message(&error))
    };
    assert_eq!(message("data", "8", "8"), Ok(()));
    for location in [
        "../data",
        "/etc/passwd",
        "",
        ".",
        "..",
        "a/data",
        "a\\data",
        "data\n",
    ] {
        assert!(
            message(location, "0", "8").unwrap_err().contains("refused"),
            "{location}"
        );
    }
    assert!(
        message("none", "0", "8")
            .unwrap_err()
            .contains("cannot open")
    );
    assert!(
        message("data", "9", "8")
            .unwrap_err()
            .contains("there are 7")
    );
    assert!(
        message("data", "18446744073709551615", "8")
            .unwrap_err()
            .contains("there are 0")
    );
    assert!(
        message("data", "0", "4")
            .unwrap_err()
            .contains("there are 4")
    );
    assert!(
        message("data", "-1", "8")
            .unwrap_err()
            .contains("not a number")
    );
}

#[test]
fn a_file_beside_that_shrinks_gives_an_error() {
    let content = model_of(&tensor(&[2], 1, &external("data", "0", "8")));
    let folder = folder(&[("model", &content), ("data", &[0; 8])]);
    let checkpoint = open(folder.path().join("model")).unwrap();
    fs::write(folder.path().join("data"), b"").unwrap();
    assert!(read(&*checkpoint, 0, 8).is_err());
}

#[test]
fn shared_values_cannot_fill_the_memory() {
    let shared = tensor(&[2], 1, &external("data", "0", "8"));
    let graph: Vec<u8> = (0..9)
        .flat_map(|index| bytes(5, &[shared.clone(), bytes(8, &[b'a' + index])].concat()))
        .collect();
    let folder = folder(&[("model", &model(&graph)), ("data", &[0; 8])]);
    let path = folder.path().join("model");
    let tight = Limits {
        expansion: 0,
        ..Limits::default()
    };
    assert!(open(&path).is_ok());
    assert!(open_with(&path, &tight).is_err());
    let few = Limits {
        tensors: 5,
        ..Limits::default()
    };
    assert!(open_with(&path, &few).is_err());
}

/// An `If` within an `If` within...
#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    let graph = |depth: usize| {
        (0..depth).fold(Vec::new(), |inner, _| {
            bytes(1, &bytes(5, &[bytes(1, b"g"), bytes(6, &inner)].concat()))
        })
    };
    assert!(load(&model(&graph(31))).is_ok());
    assert!(refusal(&model(&graph(32))).contains("nested"));
    assert!(refusal(&model(&graph(2000))).contains("nested"));
}

/// A node's long name, and a branch's, are part of the names of many tensors.
#[test]
fn long_names_do_not_multiply() {
    let long = "n".repeat(1 << 20);
    let weight = |name: &str| {
        let own = bytes(8, name.as_bytes());
        bytes(5, &[tensor(&[2], 1, &bytes(9, &TWO_FLOATS)), own].concat())
    };
    let inputs: Vec<u8> = (0..1000u32)
        .flat_map(|input| bytes(1, input.to_string().as_bytes()))
        .collect();
    let weights: Vec<u8> = (0..1000u32)
        .flat_map(|input| weight(&input.to_string()))
        .collect();
    let node = bytes(1, &[inputs, bytes(3, long.as_bytes())].concat());
    assert!(refusal(&model(&[node, weights].concat())).contains("too long"));
    let branches: Vec<u8> = (0..20)
        .flat_map(|_| bytes(5, &[bytes(1, b"g"), bytes(6, &weight("w"))].concat()))
        .collect();
    let node = bytes(1, &[bytes(3, long.as_bytes()), branches].concat());
    assert!(refusal(&model(&node)).contains("too long"));
}

#[test]
fn a_file_cut_anywhere_does_not_panic() {
    let content = fs::read(fixture("onnx/roles.onnx")).unwrap();
    let graph_end = content.len() - 40;
    for length in 0..content.len() {
        let loaded = load(&content[..length]);
        assert!(loaded.is_err() || length >= graph_end, "{length}");
    }
    assert!(refusal(&[8, 8, 0x3a, 0xff]).contains("no end"));
    assert!(refusal(&[8, 8, 0x3a, 0x7f, 1]).contains("truncated"));
    assert!(refusal(&[8, 8, 0x12, 0]).contains("no graph"));
    assert!(refusal(&[8, 8, 0x3a, 1, 0x0b]).contains("unknown kind"));
}

#[test]
fn contradictions_are_refused() {
    let one = bytes(5, &tensor(&[2], 1, &bytes(9, &TWO_FLOATS)));
    assert!(refusal(&model(&[one.clone(), one].concat())).contains("occurs twice"));
    assert!(refusal(&[model(&[]), model(&[])].concat()).contains("two graphs"));
    let name = [
        tensor(&[2], 1, &bytes(9, &TWO_FLOATS)),
        bytes(8, b"\x1b[2J"),
    ]
    .concat();
    assert!(refusal(&model_of(&name)).contains("control characters"));
    let not_text = [tensor(&[2], 1, &bytes(9, &TWO_FLOATS)), bytes(8, b"\xff")].concat();
    assert!(refusal(&model_of(&not_text)).contains("UTF-8"));
}

#[test]
fn damaged_files_never_panic() {
    for name in ["roles", "types", "branches", "external", "graph"] {
        damage(&format!("onnx/{name}.onnx"), 2000);
    }
}

fn node<'g>(graph: &'g Graph, operator: &str) -> &'g Node {
    let mut nodes = graph.main().nodes.iter();
    nodes.find(|node| node.operator == operator).unwrap()
}

#[test]
fn the_graph_has_all_outputs_and_attributes() {
    let model = check("onnx/graph.onnx");
    let graph = model.graph().unwrap();
    assert_eq!(
        (graph.opset(""), graph.opset("semilla.test")),
        (Some(17), Some(3))
    );
    let conv = node(graph, "Conv");
    assert_eq!((&*conv.name, &*conv.domain), ("/stem/Conv", ""));
    assert_eq!(conv.inputs, ["x", "stem.weight"]);
    assert_eq!(conv.text("auto_pad"), Some("SAME_UPPER"));
    let note = &conv.properties["namespace"];
    assert_eq!(note, ": Net/stem: torch.nn.modules.conv.Conv2d");
    // A stack trace of 5000 bytes is left out.
    assert_eq!(conv.properties.len(), 1);
    assert_eq!(node(graph, "Split").outputs, ["first", "second"]);
    assert_eq!(
        node(graph, "BatchNormalization").float("epsilon"),
        Some(0.5)
    );
    let lstm = node(graph, "LSTM");
    assert_eq!(lstm.outputs, ["", "h", ""]);
    assert_eq!(lstm.int("hidden_size"), Some(2));
    let names = ["Tanh", "Sigmoid", "Tanh"].map(str::to_owned).to_vec();
    assert_eq!(
        lstm.attribute("activations"),
        Some(&Attribute::Texts(names))
    );
    let slopes = Attribute::Floats(vec![0.25, 0.5]);
    assert_eq!(lstm.attribute("activation_alpha"), Some(&slopes));
    let Some(Attribute::Tensor(value)) = node(graph, "ConstantOfShape").attribute("value") else {
        panic!("a tensor");
    };
    assert_eq!((value.shape(), value.floats()), (&[1][..], vec![1.5]));
    let halve = node(graph, "Halve");
    assert_eq!(halve.domain, "semilla.test");
    assert_eq!(halve.ints("none"), Some(&[][..]));
}

#[test]
fn the_graph_has_strides_of_each_axis() {
    let model = check("onnx/graph.onnx");
    let graph = model.graph().unwrap();
    let geometry = Convolution::of(node(graph, "Conv"), &[4, 3, 5, 3]).unwrap();
    assert_eq!(
        (geometry.kernel, geometry.strides),
        (vec![5, 3], vec![2, 1])
    );
    assert_eq!((geometry.dilations, geometry.groups), (vec![1, 2], 1));
    let geometry = Convolution::of(node(graph, "ConvTranspose"), &[2, 3, 2, 2]).unwrap();
    assert_eq!((geometry.strides, geometry.groups), (vec![2, 3], 2));
}

#[test]
fn the_graph_has_inputs_types_and_small_values() {
    let model = check("onnx/graph.onnx");
    assert_eq!(left_out(model.remarks()), [3, 1, 1]);
    let main = model.graph().unwrap().main();
    let given: Vec<&str> = main.given().map(|value| &*value.name).collect();
    assert_eq!(given, ["x", "flag", "words"]);
    let x = main.value("x").unwrap();
    let batch = Dim::Named("batch".to_owned());
    let shape = [batch, Dim::Known(3), Dim::Unknown, Dim::Known(8)];
    assert_eq!(
        (x.dtype, x.shape.as_deref()),
        (Some(DType::F32), Some(&shape[..]))
    );
    let flag = main.value("flag").unwrap();
    assert_eq!(
        (flag.dtype, flag.shape.as_deref()),
        (Some(DType::Bool), Some(&[][..]))
    );
    let words = main.value("words").unwrap();
    assert_eq!((words.dtype, &words.shape), (None, &None));
    assert_eq!(main.value("h").unwrap().dtype, Some(DType::F16));
    assert_eq!(main.value("c").unwrap().properties["kind"], "activation");

    let tensor = |name: &str| main.initializers.iter().find(|i| i.name == name).unwrap();
    assert_eq!(tensor("stem.weight").shape, [4, 3, 5, 3]);
    assert_eq!(tensor("stem.weight").tensor.as_deref(), Some("stem.weight"));
    assert_eq!(tensor("stem.weight").literal, None);
    let shape = tensor("onnx::Reshape_1");
    assert_eq!(shape.tensor, None);
    let numbers = shape.literal.as_ref().and_then(|literal| literal.ints());
    assert_eq!(numbers.unwrap(), [0, -1, i64::MAX]);
    let half = tensor("onnx::Mul_2").literal.as_ref().unwrap();
    assert_eq!((half.shape(), half.floats()), (&[][..], vec![0.5]));
    let mask = tensor("mask");
    assert_eq!(
        (mask.dtype, &mask.shape[..], &mask.literal),
        (Some(DType::F32), &[2][..], &None)
    );
}

#[test]
fn the_graph_has_nested_bodies_and_functions() {
    let model = check("onnx/graph.onnx");
    let graph = model.graph().unwrap();
    let Some(&Attribute::Body(branch)) = node(graph, "If").attribute("else_branch") else {
        panic!("a body");
    };
    let body = &graph.bodies()[branch];
    let owner = body.owner.as_ref().unwrap();
    assert_eq!(graph.node(owner.node).unwrap().name, "/If");
    assert_eq!(owner.attribute, "else_branch");
    assert_eq!(body.outputs[0].name, "else_branch");
    // The constant is a tensor of the body.
    let operators: Vec<&str> = body.nodes.iter().map(|node| &*node.operator).collect();
    assert_eq!(operators, ["Neg", "Mul"]);
    let literal = body.initializers[0].literal.as_ref().unwrap();
    assert_eq!(
        (&*body.initializers[0].name, literal.floats()),
        ("k", vec![2.0])
    );
    let wiring = Wiring::of(graph);
    assert_eq!(
        graph
            .node(wiring.producer(branch, "first").unwrap())
            .unwrap()
            .operator,
        "Split"
    );
    assert_eq!(wiring.uses(0, "first").len(), 3);
    assert_eq!(
        order(graph, &wiring, 0).unwrap().len(),
        graph.main().nodes.len()
    );

    let function = &graph.functions[0];
    assert_eq!(
        (&*function.domain, &*function.name),
        ("semilla.test", "Halve")
    );
    assert_eq!(
        (&function.attributes[..], function.opsets[""]),
        (&["by".to_owned()][..], 17)
    );
    let body = &graph.bodies()[function.body];
    assert_eq!((&*body.inputs[0].name, &*body.outputs[0].name), ("a", "c"));
    let alpha = Attribute::Parameter("by".to_owned());
    assert_eq!(body.nodes[1].attribute("alpha"), Some(&alpha));
}

#[test]
fn made_up_names_lead_to_the_checkpoints() {
    let model = check("onnx/roles.onnx");
    let graph = model.graph().unwrap();
    let takers = Takers::of(graph);
    for (index, initializer) in graph.main().initializers.iter().enumerate() {
        let Some(name) = &initializer.tensor else {
            continue;
        };
        let position = model.tensors().index_of(name).unwrap();
        assert_eq!(model.tensors()[position].shape(), initializer.shape);
        let layout = takers.layout(graph, 0, index);
        assert_eq!(model.layout(position), layout.as_ref());
    }
    let named = |name: &str| graph.main().initializers.iter().find(|i| i.name == name);
    let query = named("onnx::MatMul_636").unwrap();
    assert_eq!(query.tensor.as_deref(), Some("enc.layer.0.query.weight"));
    // The fixture does not list its inputs.
    let error = order(graph, &Wiring::of(graph), 0).unwrap_err().to_string();
    assert!(
        error.starts_with("Conv \"/stem/conv/Conv\" takes \"x\""),
        "{error}"
    );
}

#[test]
fn small_values_in_a_file_beside_are_in_the_graph() {
    let content = model_of(&tensor(&[2], 1, &external("data", "8", "8")));
    let folder = folder(&[
        ("model", &content),
        ("data", &[[0; 8], TWO_FLOATS].concat()),
    ]);
    let model = open(folder.path().join("model")).unwrap();
    let initializer = &model.graph().unwrap().main().initializers[0];
    assert_eq!(initializer.literal.as_ref().unwrap().floats(), [1.0, 2.0]);
}

/// Long lists and texts of attributes are left out, whatever their number.
#[test]
fn attributes_are_bounded() {
    let ints = |count: usize| bytes(8, &vec![1; count]);
    let unpacked = |count: usize| integer(8, 7).repeat(count);
    let found = |value: Vec<u8>| {
        let attribute = bytes(5, &[bytes(1, b"a"), value].concat());
        let node = bytes(1, &[bytes(4, b"Op"), attribute].concat());
        let folder = folder(&[("model", &model(&node))]);
        let model = open(folder.path().join("model")).unwrap();
        model.graph().unwrap().main().nodes[0].attributes[0]
            .1
            .clone()
    };
    assert_eq!(found(ints(3)), Attribute::Ints(vec![1; 3]));
    assert_eq!(found(unpacked(3)), Attribute::Ints(vec![7; 3]));
    assert_eq!(found(ints(5000)), Attribute::Omitted);
    assert_eq!(found(unpacked(5000)), Attribute::Omitted);
    assert_eq!(found(bytes(4, &[b'x'; 5000])), Attribute::Omitted);
    assert_eq!(found(bytes(4, b"\xff")), Attribute::Omitted);
    assert_eq!(found(bytes(14, b"")), Attribute::Omitted);
    let large = tensor(&[40], 1, &bytes(9, &[0; 160]));
    assert_eq!(found(bytes(5, &large)), Attribute::Omitted);
    let few = Limits {
        header_bytes: 100,
        ..Limits::default()
    };
    let attribute = bytes(5, &[bytes(1, b"a"), ints(20)].concat());
    let node = bytes(1, &[bytes(4, b"Op"), attribute].concat());
    let folder = folder(&[("model", &model(&node))]);
    let model = open_with(folder.path().join("model"), &few).unwrap();
    let nodes = &model.graph().unwrap().main().nodes;
    assert_eq!(nodes[0].attribute("a"), Some(&Attribute::Omitted));
}
