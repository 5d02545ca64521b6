//! Every operator's gradients against finite differences in f64, over random shapes.

mod common;

use semilla::graph::{Attribute, Graph, Literal, Node, Value};
use semilla_signal::{Array, Datum, Fault, Mode, Trace};

/// Random numbers for shapes and values.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) ^ (self.0 >> 13)
    }

    /// A whole number from `low` to `high`.
    fn size(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }

    /// A number between -1.5 and 1.5, away from 0 and from whole numbers, where slopes jump.
    fn number(&mut self) -> f64 {
        loop {
            let x = (self.next() % (1 << 20)) as f64 / (1 << 20) as f64 * 3.0 - 1.5;
            if (x - x.round()).abs() > 0.02 && (x.abs() - 0.5).abs() > 0.02 {
                return x;
            }
        }
    }

    fn array(&mut self, shape: &[usize]) -> Array<f64> {
        let count = shape.iter().product();
        Array::new(shape, (0..count).map(|_| self.number()).collect()).unwrap()
    }

    fn positive(&mut self, shape: &[usize]) -> Array<f64> {
        self.array(shape).map(|x| x.abs() + 0.3)
    }
}

/// A graph of one node, run.
fn run(node: &Node, inputs: &[Datum<f64>], mode: Mode) -> Result<Trace<f64>, Fault> {
    let names: Vec<String> = (0..inputs.len()).map(|input| format!("x{input}")).collect();
    let mut graph = common::graph(&names, vec![node.clone()]);
    graph.opsets.insert(String::new(), 21);
    let given = names.iter().map(|name| &**name).zip(inputs.iter().cloned());
    Trace::record(&graph, mode, given, |_| None)
}

/// Compares all gradients of a node with differences.
fn check_in(mode: Mode, random: &mut Random, node: &Node, inputs: &[Datum<f64>]) {
    let trace = run(node, inputs, mode).unwrap_or_else(|fault| panic!("{fault}\n{node:?}"));
    let outputs: Vec<_> = node
        .outputs
        .iter()
        .filter_map(|name| trace.find(name))
        .collect();
    assert!(!outputs.is_empty(), "{} makes floats", node.operator);
    let seeds: Vec<_> = outputs
        .iter()
        .map(|&output| (output, random.array(trace.array(output).shape())))
        .collect();
    let gradients = trace.gradients(seeds.clone());
    let total = |inputs: &[Datum<f64>]| -> f64 {
        let trace = run(node, inputs, mode).unwrap();
        let products = seeds.iter().map(|(output, seed)| {
            let values = trace.array(*output).data().iter();
            values.zip(seed.data()).map(|(y, s)| y * s).sum::<f64>()
        });
        products.sum()
    };
    for (place, input) in inputs.iter().enumerate() {
        let Datum::Float(array) = input else {
            continue;
        };
        let found = gradients.of(trace.find(&format!("x{place}")).unwrap());
        for _ in 0..6.min(array.data().len()) {
            let at = random.size(0, array.data().len() - 1);
            let moved = |by: f64| {
                let mut inputs = inputs.to_vec();
                let mut array = array.clone();
                array.data_mut()[at] += by;
                inputs[place] = Datum::Float(array);
                total(&inputs)
            };
            let step = 1e-5;
            let expected = (moved(step) - moved(-step)) / (2.0 * step);
            let found = found.map_or(0.0, |array| array.data()[at]);
            assert!(
                (found - expected).abs() <= 1e-6 * (1.0 + expected.abs()),
                "{}: gradient of input {place} at {at}: {found}, not {expected}\n{node:?}",
                node.operator
            );
        }
    }
}

fn check(random: &mut Random, node: &Node, inputs: &[Datum<f64>]) {
    check_in(Mode::Inference, random, node, inputs);
}

fn node(operator: &str, inputs: usize) -> Node {
    let names: Vec<String> = (0..inputs).map(|input| format!("x{input}")).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    Node::new(operator, &names, &["y"])
}

fn ints(values: &[usize]) -> Attribute {
    Attribute::Ints(values.iter().map(|&value| value as i64).collect())
}

fn whole(values: &[i64]) -> Datum<f64> {
    Datum::Whole(Array::list(values.to_vec()))
}

/// Runs a test with many random numbers.
fn many(test: impl Fn(&mut Random)) {
    for seed in 0..25 {
        test(&mut Random(seed * 77 + 5));
    }
}

#[test]
fn functions_of_one_element() {
    let names = [
        "Relu",
        "LeakyRelu",
        "ThresholdedRelu",
        "Elu",
        "Celu",
        "Selu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Swish",
        "Mish",
        "Gelu",
        "Tanh",
        "Softplus",
        "Softsign",
        "Erf",
        "Exp",
        "Reciprocal",
        "Neg",
        "Abs",
        "Sin",
        "Cos",
        "Tan",
        "Atan",
        "Sinh",
        "Cosh",
        "Asinh",
        "Floor",
        "Ceil",
        "Round",
        "Sign",
        "Shrink",
        "Identity",
    ];
    many(|random| {
        for name in names {
            let x = random.array(&[2, 5]);
            check(random, &node(name, 1), &[x.into()]);
        }
        let tanh = node("Gelu", 1).with("approximate", Attribute::Text("tanh".into()));
        let x = random.array(&[7]);
        check(random, &tanh, &[x.into()]);
        for name in ["Log", "Sqrt"] {
            let x = random.positive(&[6]);
            check(random, &node(name, 1), &[x.into()]);
        }
        for name in ["Asin", "Acos", "Atanh"] {
            let x = random.array(&[6]).map(|x| x / 2.0);
            check(random, &node(name, 1), &[x.into()]);
        }
        let x = random.positive(&[6]).map(|x| x + 1.0);
        check(random, &node("Acosh", 1), &[x.into()]);
        let clip = node("Clip", 1)
            .with("min", Attribute::Float(-0.5))
            .with("max", Attribute::Float(0.5));
        let x = random.array(&[9]);
        check(random, &clip, &[x.into()]);
    });
}

#[test]
fn functions_of_two_elements_broadcast() {
    many(|random| {
        let [a, b, c] = [0; 3].map(|_| random.size(1, 4));
        let pairs = [
            (vec![a, b, c], vec![b, c]),
            (vec![a, 1, c], vec![b, 1]),
            (vec![], vec![a, b]),
            (vec![a, b], vec![a, b]),
            (vec![b, 1], vec![1, c]),
        ];
        for (first, second) in pairs {
            for name in ["Add", "Sub", "Mul", "Max", "Min", "Sum", "Mean"] {
                let inputs = [random.array(&first).into(), random.array(&second).into()];
                check(random, &node(name, 2), &inputs);
            }
            let inputs = [random.array(&first).into(), random.positive(&second).into()];
            check(random, &node("Div", 2), &inputs);
            let inputs = [random.positive(&first).into(), random.array(&second).into()];
            check(random, &node("Pow", 2), &inputs);
        }
        let three = [&[a, b][..], &[b], &[a, 1]].map(|shape| random.array(shape).into());
        check(random, &node("Sum", 3), &three);
        let inputs = [
            random.array(&[a, b, c]).into(),
            random.positive(&[b, 1]).into(),
        ];
        check(random, &node("PRelu", 2), &inputs);
        let condition = Array::new([a, 1], (0..a as i64).map(|i| i % 2).collect()).unwrap();
        let inputs = [
            Datum::Whole(condition),
            random.array(&[b]).into(),
            random.array(&[a, b]).into(),
        ];
        check(random, &node("Where", 3), &inputs);
    });
}

#[test]
fn products_of_matrices() {
    many(|random| {
        let [a, b, m, k, n] = [0; 5].map(|_| random.size(1, 4));
        let pairs = [
            (vec![m, k], vec![k, n]),
            (vec![a, m, k], vec![k, n]),
            (vec![a, b, m, k], vec![b, k, n]),
            (vec![a, 1, m, k], vec![b, k, n]),
            (vec![m, k], vec![a, k, n]),
            (vec![k], vec![k, n]),
            (vec![m, k], vec![k]),
            (vec![a, m, k], vec![k]),
            (vec![k], vec![a, k, n]),
            (vec![k], vec![k]),
        ];
        for (first, second) in pairs {
            let inputs = [random.array(&first).into(), random.array(&second).into()];
            check(random, &node("MatMul", 2), &inputs);
        }
        for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let first = if a == 1 { [k, m] } else { [m, k] };
            let second = if b == 1 { [n, k] } else { [k, n] };
            let gemm = node("Gemm", 3)
                .with("transA", Attribute::Int(a))
                .with("transB", Attribute::Int(b))
                .with("alpha", Attribute::Float(0.5))
                .with("beta", Attribute::Float(2.0));
            let inputs = [&first[..], &second, &[n]].map(|shape| random.array(shape).into());
            check(random, &gemm, &inputs);
        }
        for (equation, first, second) in [
            ("bij,bjk->bik", vec![a, m, k], vec![a, k, n]),
            ("bhid,bhjd->bhij", vec![a, b, m, k], vec![a, b, n, k]),
            ("ij,jk", vec![m, k], vec![k, n]),
            ("bi,bj->ij", vec![a, m], vec![a, n]),
            ("abc,cd->dab", vec![a, b, m], vec![m, n]),
            ("i,j->ji", vec![m], vec![n]),
        ] {
            let einsum = node("Einsum", 2).with("equation", Attribute::Text(equation.into()));
            let inputs = [random.array(&first).into(), random.array(&second).into()];
            check(random, &einsum, &inputs);
        }
        let sum = node("Einsum", 1).with("equation", Attribute::Text("abc->ca".into()));
        let x = random.array(&[a, b, m]);
        check(random, &sum, &[x.into()]);
    });
}

#[test]
fn convolutions_of_any_geometry() {
    many(|random| {
        for axes in 1..=3 {
            let groups = random.size(1, 2);
            let [samples, inputs] = [0; 2].map(|_| random.size(1, 3));
            let outputs = random.size(1, 5);
            let mut draw =
                |low, high| -> Vec<usize> { (0..axes).map(|_| random.size(low, high)).collect() };
            let (image, kernel, strides) = (draw(4, 6), draw(1, 3), draw(1, 2));
            let (dilations, begin, end) = (draw(1, 2), draw(0, 1), draw(0, 1));
            let geometry = |node: Node| {
                node.with("strides", ints(&strides))
                    .with("dilations", ints(&dilations))
                    .with("pads", ints(&[&*begin, &*end].concat()))
                    .with("group", Attribute::Int(groups as i64))
            };
            let x = [&[samples, groups * inputs][..], &image].concat();
            let weight = [&[groups * outputs, inputs][..], &kernel].concat();
            let shapes = [&*x, &weight, &[groups * outputs]];
            let arrays = shapes.map(|shape| random.array(shape).into());
            // A kernel of 3, dilated by 2, reaches over 5 of at least 4 elements.
            if (0..axes).all(|i| (kernel[i] - 1) * dilations[i] < image[i] + begin[i] + end[i]) {
                check(random, &geometry(node("Conv", 3)), &arrays);
            }
            let weight = [&[groups * inputs, outputs][..], &kernel].concat();
            let shapes = [&*x, &weight, &[groups * outputs]];
            let arrays = shapes.map(|shape| random.array(shape).into());
            check(random, &geometry(node("ConvTranspose", 3)), &arrays);
            let same = node("Conv", 2)
                .with("strides", ints(&strides))
                .with("auto_pad", Attribute::Text("SAME_UPPER".into()));
            let shapes = [
                [&[1, 1][..], &image].concat(),
                [&[2, 1][..], &kernel].concat(),
            ];
            let arrays = shapes.map(|shape| random.array(&shape).into());
            check(random, &same, &arrays);
            let padded = (0..axes).all(|i| begin[i] < kernel[i] && end[i] < kernel[i]);
            let pool = |name: &str| {
                let pool = node(name, 1)
                    .with("kernel_shape", ints(&kernel))
                    .with("strides", ints(&strides))
                    .with("ceil_mode", Attribute::Int((samples % 2) as i64));
                match padded {
                    true => pool.with("pads", ints(&[&*begin, &*end].concat())),
                    false => pool,
                }
            };
            for name in ["MaxPool", "AveragePool"] {
                let array = random.array(&x);
                check(random, &pool(name), &[array.into()]);
            }
            let array = random.array(&x);
            let with_padding = pool("AveragePool").with("count_include_pad", Attribute::Int(1));
            check(random, &with_padding, &[array.into()]);
            for name in ["GlobalAveragePool", "GlobalMaxPool"] {
                let array = random.array(&x);
                check(random, &node(name, 1), &[array.into()]);
            }
        }
    });
}

#[test]
fn normalizations() {
    many(|random| {
        let [n, c, h, w] = [0; 4].map(|_| random.size(2, 4));
        let of = |random: &mut Random, shapes: [&[usize]; 3]| -> [Datum<f64>; 3] {
            shapes.map(|shape| random.array(shape).into())
        };
        let inputs = of(random, [&[n, c, h], &[h], &[h]]);
        check(random, &node("LayerNormalization", 3), &inputs);
        check(random, &node("RMSNormalization", 2), &inputs[..2]);
        let inputs = of(random, [&[n, c, h], &[c, h], &[c, h]]);
        check(
            random,
            &node("LayerNormalization", 3).with("axis", Attribute::Int(1)),
            &inputs,
        );
        let inputs = of(random, [&[n, c, h, w], &[c], &[c]]);
        check(random, &node("InstanceNormalization", 3), &inputs);
        let group = node("GroupNormalization", 3).with("num_groups", Attribute::Int(2));
        let inputs = of(random, [&[n, 2 * c, h], &[2 * c], &[2 * c]]);
        check(random, &group, &inputs);
        let [x, scale, shift] = of(random, [&[n, c, h, w], &[c], &[c]]);
        let (mean, variance) = (random.array(&[c]), random.positive(&[c]));
        // Running statistics are counted, not learned, so they have no gradient.
        let batch = node("BatchNormalization", 5);
        let inputs = [x, scale, shift, mean.into(), variance.into()];
        let trace = run(&batch, &inputs, Mode::Inference).unwrap();
        let seed = Array::filled(trace.array(trace.find("y").unwrap()).shape(), 1.0);
        let gradients = trace.gradients([(trace.find("y").unwrap(), seed)]);
        assert!(gradients.of(trace.find("x3").unwrap()).is_none());
        check_in(Mode::Training, random, &batch, &inputs);
        let array = random.array(&[n, c, h]);
        check(random, &node("LpNormalization", 1), &[array.into()]);
        let local = node("LRN", 1)
            .with("size", Attribute::Int(3))
            .with("alpha", Attribute::Float(0.9));
        let array = random.array(&[n, c, h]);
        check(random, &local, &[array.into()]);
    });
}

#[test]
fn a_frozen_batch_normalization() {
    many(|random| {
        let statistics = [random.array(&[3]), random.positive(&[3])];
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        for (name, values) in ["mean", "variance"].iter().zip(&statistics) {
            let bytes = values.data().iter().flat_map(|x| x.to_le_bytes()).collect();
            let mut tensor = semilla::graph::Initializer::new(*name, semilla::DType::F64, [3]);
            tensor.literal = Literal::new(semilla::DType::F64, [3], bytes);
            main.initializers.push(tensor);
        }
        for name in ["x", "scale", "shift"] {
            let name = name.to_owned();
            main.inputs.push(Value {
                name,
                ..Value::default()
            });
        }
        let names = ["x", "scale", "shift", "mean", "variance"];
        main.nodes
            .push(Node::new("BatchNormalization", &names, &["y"]));
        let inputs = [&[2, 3, 2][..], &[3], &[3]].map(|shape| random.array(shape));
        let record = |inputs: &[Array<f64>; 3]| {
            let given = ["x", "scale", "shift"].into_iter().zip(inputs.clone());
            let given = given.map(|(name, array)| (name, Datum::Float(array)));
            Trace::record(&graph, Mode::Inference, given, |_| None).unwrap()
        };
        let trace = record(&inputs);
        let y = trace.find("y").unwrap();
        let gradients = trace.gradients([(y, Array::filled([2, 3, 2], 1.0))]);
        for (place, name) in ["x", "scale", "shift"].iter().enumerate() {
            let moved = |by: f64| -> f64 {
                let mut inputs = inputs.clone();
                inputs[place].data_mut()[1] += by;
                let trace = record(&inputs);
                trace.array(y).data().iter().sum()
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let found = gradients.of(trace.find(name).unwrap()).unwrap().data()[1];
            assert!(
                (found - expected).abs() < 1e-6,
                "{name}: {found}, not {expected}"
            );
        }
    });
}

#[test]
fn along_axes() {
    many(|random| {
        let shape = [0; 3].map(|_| random.size(2, 4));
        for axis in -1..3 {
            for name in ["Softmax", "LogSoftmax"] {
                let x = random.array(&shape);
                check(
                    random,
                    &node(name, 1).with("axis", Attribute::Int(axis)),
                    &[x.into()],
                );
            }
        }
        for (axes, keeps) in [
            (vec![0], 1),
            (vec![1, 2], 0),
            (vec![0, 1, 2], 1),
            (vec![2], 0),
        ] {
            for name in [
                "ReduceSum",
                "ReduceMean",
                "ReduceProd",
                "ReduceMax",
                "ReduceMin",
                "ReduceL1",
                "ReduceL2",
                "ReduceSumSquare",
                "ReduceLogSumExp",
            ] {
                let reduce = node(name, 1)
                    .with("axes", ints(&axes))
                    .with("keepdims", Attribute::Int(keeps));
                let x = random.array(&shape);
                check(random, &reduce, &[x.into()]);
            }
            let x = random.positive(&shape);
            check(
                random,
                &node("ReduceLogSum", 1).with("axes", ints(&axes)),
                &[x.into()],
            );
        }
        for (exclusive, reverse) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let sum = node("CumSum", 2)
                .with("exclusive", Attribute::Int(exclusive))
                .with("reverse", Attribute::Int(reverse));
            let inputs = [random.array(&shape).into(), Datum::Whole(Array::scalar(1))];
            check(random, &sum, &inputs);
        }
    });
}

#[test]
fn elements_moved() {
    many(|random| {
        let shape = [0; 3].map(|_| random.size(2, 4));
        let [a, b, c] = shape;
        let mut one = |node: &Node, more: &[Datum<f64>]| {
            let mut inputs = vec![random.array(&shape).into()];
            inputs.extend_from_slice(more);
            check(random, node, &inputs);
        };
        one(&node("Transpose", 1).with("perm", ints(&[2, 0, 1])), &[]);
        one(&node("Reshape", 2), &[whole(&[-1, a as i64])]);
        one(&node("Flatten", 1), &[]);
        one(&node("Unsqueeze", 2), &[whole(&[0, -1])]);
        one(&node("Expand", 2), &[whole(&[2, 1, 1, c as i64])]);
        one(&node("Tile", 2), &[whole(&[2, 1, 3])]);
        one(
            &node("Slice", 5),
            &[
                whole(&[1, -1]),
                whole(&[9, -99]),
                whole(&[0, 2]),
                whole(&[1, -2]),
            ],
        );
        one(&node("Trilu", 1), &[]);
        one(&node("Pad", 2), &[whole(&[1, 0, 2, 0, 1, 1])]);
        for mode in ["reflect", "edge", "wrap"] {
            let pad = node("Pad", 2).with("mode", Attribute::Text(mode.into()));
            one(&pad, &[whole(&[1, 0, 1, 0, 1, 1])]);
        }
        let row = |values: &[i64], shape: &[usize]| {
            Datum::Whole(Array::new(shape, values.to_vec()).unwrap())
        };
        let gather = node("Gather", 2).with("axis", Attribute::Int(1));
        one(&gather, &[row(&[0, -1, 1, 1], &[2, 2])]);
        let elements = node("GatherElements", 2).with("axis", Attribute::Int(2));
        one(&elements, &[row(&[1, 0, 0, 1], &[2, 2, 1])]);
        one(&node("GatherND", 2), &[row(&[0, 1, 1, 0], &[2, 2])]);
        let k = Datum::Whole(Array::list(vec![2]));
        let mut top = node("TopK", 2);
        top.outputs.push("places".into());
        one(&top, &[k]);
        let mut split = node("Split", 1).with("axis", Attribute::Int(1));
        split.outputs = vec!["y".into(), "z".into()];
        one(&split, &[]);
        let concat = node("Concat", 2).with("axis", Attribute::Int(1));
        let other = random.array(&[a, 3, c]);
        let inputs = [random.array(&shape).into(), other.into()];
        check(random, &concat, &inputs);
        for reduction in ["none", "add"] {
            let scatter = node("ScatterND", 3).with("reduction", Attribute::Text(reduction.into()));
            let inputs = [
                random.array(&shape).into(),
                row(&[0, 1, 1, 0], &[2, 2]),
                random.array(&[2, c]).into(),
            ];
            check(random, &scatter, &inputs);
            let scatter =
                node("ScatterElements", 3).with("reduction", Attribute::Text(reduction.into()));
            let inputs = [
                random.array(&[a, b]).into(),
                row(&[0, 1], &[1, 2]),
                random.array(&[1, 2]).into(),
            ];
            check(random, &scatter, &inputs);
        }
        for mode in ["DCR", "CRD"] {
            let deep = node("DepthToSpace", 1)
                .with("blocksize", Attribute::Int(2))
                .with("mode", Attribute::Text(mode.into()));
            let x = random.array(&[1, 8, a, b]);
            check(random, &deep, &[x.into()]);
        }
        let space = node("SpaceToDepth", 1).with("blocksize", Attribute::Int(2));
        let x = random.array(&[1, 2, 2 * a, 2 * b]);
        check(random, &space, &[x.into()]);
        for mode in ["nearest", "linear", "cubic"] {
            for coordinates in ["half_pixel", "align_corners", "asymmetric"] {
                let mut resize = node("Resize", 4)
                    .with("mode", Attribute::Text(mode.into()))
                    .with(
                        "coordinate_transformation_mode",
                        Attribute::Text(coordinates.into()),
                    );
                resize.inputs[1] = String::new();
                resize.inputs[2] = String::new();
                let inputs = [
                    random.array(&[1, 2, a, b]).into(),
                    whole(&[0]),
                    whole(&[0]),
                    whole(&[1, 2, 5, 3]),
                ];
                check(random, &resize, &inputs);
            }
        }
    });
}

#[test]
fn recurrent_layers_and_attention() {
    many(|random| {
        let [steps, batch, inputs, hidden] = [0; 4].map(|_| random.size(1, 3));
        for (name, gates) in [("LSTM", 4), ("GRU", 3), ("RNN", 1)] {
            for (direction, directions) in [("forward", 1), ("reverse", 1), ("bidirectional", 2)] {
                let mut layer = node(name, if name == "LSTM" { 7 } else { 6 })
                    .with("direction", Attribute::Text(direction.into()))
                    .with("hidden_size", Attribute::Int(hidden as i64));
                if name == "GRU" {
                    layer = layer.with("linear_before_reset", Attribute::Int((batch % 2) as i64));
                }
                layer.inputs[4] = String::new();
                layer.outputs = vec!["y".into(), "h".into()];
                layer
                    .outputs
                    .extend((name == "LSTM").then(|| "c".to_owned()));
                let state = [directions, batch, hidden];
                let mut arrays: Vec<Datum<f64>> = vec![
                    random.array(&[steps, batch, inputs]).into(),
                    random.array(&[directions, gates * hidden, inputs]).into(),
                    random.array(&[directions, gates * hidden, hidden]).into(),
                    random.array(&[directions, 2 * gates * hidden]).into(),
                    whole(&[0]),
                    random.array(&state).into(),
                ];
                if name == "LSTM" {
                    arrays.push(random.array(&state).into());
                }
                check(random, &layer, &arrays);
            }
        }
        let size = 2;
        let attention = node("Attention", 3)
            .with("is_causal", Attribute::Int((batch % 2) as i64))
            .with("q_num_heads", Attribute::Int(4))
            .with("kv_num_heads", Attribute::Int(2));
        let shapes = [
            [batch, steps, 4 * size],
            [batch, steps, 2 * size],
            [batch, steps, 2 * size],
        ];
        let arrays = shapes.map(|shape| random.array(&shape).into());
        check(random, &attention, &arrays);
        let list = node("SequenceConstruct", 2);
        let arrays = [random.array(&[2, 3]).into(), random.array(&[2, 3]).into()];
        assert!(run(&list, &arrays, Mode::Inference).is_ok());
    });
}

/// A node of ONNX Runtime's own domain.
fn contributed(operator: &str, inputs: usize) -> Node {
    let mut node = node(operator, inputs);
    node.domain = "com.microsoft".to_owned();
    node
}

#[test]
fn nodes_that_were_fused() {
    many(|random| {
        let [a, b, m, n] = [0; 4].map(|_| random.size(1, 4));
        let turned = contributed("FusedMatMul", 2)
            .with("transA", Attribute::Int(1))
            .with("transB", Attribute::Int(1))
            .with("alpha", Attribute::Float(0.5));
        let given = [random.array(&[a, m, b]), random.array(&[a, n, m])];
        check(random, &turned, &given.map(Datum::from));
        for name in ["BiasGelu", "FastGelu"] {
            let given = [random.array(&[a, n]), random.array(&[n])];
            check(random, &contributed(name, 2), &given.map(Datum::from));
        }
        let width = n + 1;
        let given = [
            &[a, b, width][..],
            &[a, b, width],
            &[width],
            &[width],
            &[width],
        ];
        let given = given.map(|shape| Datum::from(random.array(shape)));
        let skip = contributed("SkipLayerNormalization", 5).with("epsilon", Attribute::Float(0.1));
        check(random, &skip, &given);
        let simplified = contributed("SkipSimplifiedLayerNormalization", 3)
            .with("epsilon", Attribute::Float(0.1));
        check(random, &simplified, &given[..3]);
        let layer = contributed("FusedGemm", 3).with("activation", Attribute::Text("Tanh".into()));
        let given = [&[a, m][..], &[m, n], &[n]].map(|shape| Datum::from(random.array(shape)));
        check(random, &layer, &given);
        let layer = contributed("FusedConv", 4)
            .with("activation", Attribute::Text("LeakyRelu".into()))
            .with("activation_params", Attribute::Floats(vec![0.2]));
        let shapes = [&[a, m, 3][..], &[n, m, 1], &[n], &[a, n, 3]];
        let given = shapes.map(|shape| Datum::from(random.array(shape)));
        check(random, &layer, &given);
    });
}

#[test]
fn attention_that_was_fused() {
    many(|random| {
        let [batch, length, size] = [0; 3].map(|_| random.size(1, 3));
        let (heads, width) = (2, 2 * 2 * size);
        let heads_of = |node: Node| node.with("num_heads", Attribute::Int(heads));
        let several = heads_of(contributed("MultiHeadAttention", 4));
        let row = [batch, length, width];
        let given = [&row[..], &row, &row, &[3 * width]];
        let given = given.map(|shape| Datum::from(random.array(shape)));
        check(random, &several, &given);
        let mut groups = heads_of(contributed("GroupQueryAttention", 9))
            .with("kv_num_heads", Attribute::Int(1))
            .with("do_rotary", Attribute::Int(1));
        groups.inputs[3] = String::new();
        groups.inputs[4] = String::new();
        let half = [length + 2, size];
        let [query, key, value] = [width, 2 * size, 2 * size]
            .map(|width| Datum::from(random.array(&[batch, length, width])));
        let none = || whole(&[0]);
        let [cos, sin] = [0; 2].map(|_| Datum::from(random.array(&half)));
        let ends = whole(&vec![length as i64 - 1; batch]);
        let all = whole(&[length as i64]);
        let given = [query, key, value, none(), none(), ends, all, cos, sin];
        check(random, &groups, &given);
    });
}

#[test]
fn rotary_positions() {
    many(|random| {
        let [batch, length, size] = [0; 3].map(|_| random.size(1, 3));
        for interleaved in [0, 1] {
            let rotary = node("RotaryEmbedding", 4)
                .with("interleaved", Attribute::Int(interleaved))
                .with("rotary_embedding_dim", Attribute::Int(2 * size as i64));
            let x = random.array(&[batch, 2, length, 2 * size + 1]);
            let [cos, sin] = [0; 2].map(|_| random.array(&[5, size]));
            let places = (0..batch * length).map(|i| (i % 5) as i64).collect();
            let places = Datum::Whole(Array::new([batch, length], places).unwrap());
            check(random, &rotary, &[x.into(), cos.into(), sin.into(), places]);
        }
    });
}

#[test]
fn gradients_go_straight_through_rounding() {
    let x = Array::list(vec![0.26, -0.31, 500.0]);
    let rounded = node("QuantizeLinear", 3);
    let given = [
        x.into(),
        Array::scalar(0.1).into(),
        Datum::Whole(Array::scalar(0)),
    ];
    let trace = run(&rounded, &given, Mode::Inference).unwrap();
    let y = trace.find("y").unwrap();
    assert_eq!(trace.array(y).data(), [3.0, -3.0, 127.0]);
    let gradients = trace.gradients([(y, Array::filled([3], 1.0))]);
    let found = gradients.of(trace.find("x0").unwrap()).unwrap().data();
    assert!((found[0] - 10.0).abs() < 1e-12 && found[2] == 0.0);
    // Scales are constants.
    let back = [trace.array(y).clone().into(), Array::scalar(0.1).into()];
    let trace = run(&node("DequantizeLinear", 2), &back, Mode::Inference).unwrap();
    let gradients = trace.gradients([(trace.find("y").unwrap(), Array::filled([3], 2.0))]);
    let found = gradients.of(trace.find("x0").unwrap()).unwrap();
    assert_eq!(found.data(), [0.2; 3]);
    assert!(gradients.of(trace.find("x1").unwrap()).is_none());
}

#[test]
fn places_that_a_grid_gives() {
    many(|random| {
        for axes in 1..=3 {
            let image: Vec<usize> = (0..axes).map(|_| random.size(1, 4)).collect();
            let points: Vec<usize> = (0..axes).map(|_| random.size(1, 3)).collect();
            for (padding, aligned) in [
                ("zeros", 0),
                ("border", 1),
                ("reflection", 0),
                ("reflection", 1),
            ] {
                let node = node("GridSample", 2)
                    .with("padding_mode", Attribute::Text(padding.into()))
                    .with("align_corners", Attribute::Int(aligned));
                let x = random.array(&[&[2, 2][..], &image].concat());
                // Away from the places where slopes jump.
                let grid = random.array(&[&[2][..], &points, &[axes]].concat());
                let grid = grid.map(|x| x * 0.937 + 0.011);
                check(random, &node, &[x.into(), grid.into()]);
            }
        }
    });
}

/// Columns of all windows add up in the image that they were taken from.
#[test]
fn images_of_columns() {
    let image = [whole(&[3, 3]), whole(&[2, 2])];
    let ones = Array::filled([1, 4, 4], 1.0);
    let inputs = [ones.into(), image[0].clone(), image[1].clone()];
    let trace = run(&node("Col2Im", 3), &inputs, Mode::Inference).unwrap();
    let made = trace.array(trace.find("y").unwrap());
    assert_eq!(made.shape(), [1, 1, 3, 3]);
    assert_eq!(made.data(), [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0]);
    many(|random| {
        let node = node("Col2Im", 3)
            .with("strides", ints(&[2, 1]))
            .with("pads", ints(&[1, 0, 1, 1]))
            .with("dilations", ints(&[1, 2]));
        // (5 + 2 - 2)/2 + 1 windows by (4 + 1 - 3) + 1, of 3 by 2 elements.
        let x = random.array(&[2, 2 * 6, 3 * 3]);
        check(random, &node, &[x.into(), whole(&[5, 4]), whole(&[3, 2])]);
    });
    let wrong = [
        Array::filled([1, 4, 5], 1.0).into(),
        image[0].clone(),
        image[1].clone(),
    ];
    assert!(run(&node("Col2Im", 3), &wrong, Mode::Inference).is_err());
}

#[test]
fn powers_of_floats_by_whole_numbers() {
    let exponents = whole(&[0, 1, 2, 3]);
    let base = Array::list(vec![2.0, 2.0, -3.0, 2.0]);
    let trace = run(&node("Pow", 2), &[base.into(), exponents], Mode::Inference).unwrap();
    let made = trace.array(trace.find("y").unwrap());
    assert_eq!(made.data(), [1.0, 2.0, 9.0, 8.0]);
}
