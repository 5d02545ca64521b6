//! Convolutions and pooling against their definitions, element by element: the fast ways (columns
//! of several samples, depthwise kernels, windows that are the elements) give the same values.

mod common;

use proptest::prelude::*;
use semilla::graph::{Attribute, Node};
use semilla_signal::{Array, Datum, Mode, Trace};

/// A convolution's sizes, two axes in space.
#[derive(Clone, Debug)]
struct Sizes {
    samples: usize,
    groups: usize,
    /// Channels of a group: taken and made.
    inputs: usize,
    outputs: usize,
    image: [usize; 2],
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    begin: [usize; 2],
    end: [usize; 2],
}

impl Sizes {
    fn windows(&self) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
            let padded = self.image[axis] + self.begin[axis] + self.end[axis];
            Some(padded.checked_sub(reach)? / self.strides[axis] + 1)
        };
        Some([along(0)?, along(1)?])
    }

    /// The index in the image that an element of the kernel has in a window; `None` in the padding.
    fn at(&self, axis: usize, window: usize, element: usize) -> Option<usize> {
        let place = window * self.strides[axis] + element * self.dilations[axis];
        let place = place.checked_sub(self.begin[axis])?;
        (place < self.image[axis]).then_some(place)
    }

    /// Visits all that is multiplied: the places in image, kernel and windows.
    fn each(&self, mut f: impl FnMut(usize, usize, usize)) {
        let windows = self.windows().expect("windows");
        let ([height, width], [rows, columns]) = (self.image, self.kernel);
        for sample in 0..self.samples {
            for output in 0..self.groups * self.outputs {
                for input in 0..self.inputs {
                    let channel = output / self.outputs * self.inputs + input;
                    for (y, x, i, j) in product([windows[0], windows[1], rows, columns]) {
                        let (Some(row), Some(column)) = (self.at(0, y, i), self.at(1, x, j)) else {
                            continue;
                        };
                        let channels = self.groups * self.inputs;
                        let image = ((sample * channels + channel) * height + row) * width + column;
                        let kernel = ((output * self.inputs + input) * rows + i) * columns + j;
                        let made = sample * self.groups * self.outputs + output;
                        f(image, kernel, (made * windows[0] + y) * windows[1] + x);
                    }
                }
            }
        }
    }

    fn node(&self, operator: &str) -> Node {
        let ints = |sizes: &[usize]| Attribute::Ints(sizes.iter().map(|&n| n as i64).collect());
        Node::new(operator, &["x", "w"], &["y"])
            .with("strides", ints(&self.strides))
            .with("dilations", ints(&self.dilations))
            .with("pads", ints(&[self.begin, self.end].concat()))
            .with("group", Attribute::Int(self.groups as i64))
    }
}

fn product([a, b, c, d]: [usize; 4]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |at| (at / d / c / b, at / d / c % b, at / d % c, at % d))
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let two = |least: usize, most: usize| prop::array::uniform2(least..=most);
    let channels = (1..=7usize, 1..=3usize, 1..=9usize, 1..=9usize);
    let motion = (two(1, 3), two(1, 2), two(0, 2), two(0, 2));
    (channels, two(1, 9), two(1, 3), motion).prop_map(|(channels, image, kernel, motion)| Sizes {
        samples: channels.0,
        groups: channels.1,
        inputs: channels.2,
        outputs: channels.3,
        image,
        kernel,
        strides: motion.0,
        dilations: motion.1,
        begin: motion.2,
        end: motion.3,
    })
}

/// Numbers that are exact in sums, so that their order does not matter.
fn numbers(shape: &[usize], seed: usize) -> Array<f64> {
    let count = shape.iter().product();
    let values = (0..count).map(|i| ((i * 7919 + seed * 104_729) % 64) as f64 - 31.5);
    Array::new(shape, values.collect()).unwrap()
}

/// A node's value, and the gradients of its two inputs from a gradient of the output.
fn run(node: Node, x: &Array<f64>, w: &Array<f64>) -> [Array<f64>; 4] {
    let graph = common::graph(&["x", "w"], vec![node]);
    let given = [
        ("x", Datum::Float(x.clone())),
        ("w", Datum::Float(w.clone())),
    ];
    let trace = Trace::record(&graph, Mode::Inference, given, |_| None).unwrap();
    let y = trace.find("y").unwrap();
    let seed = numbers(trace.array(y).shape(), 3);
    let gradients = trace.gradients([(y, seed.clone())]);
    let of = |name: &str| gradients.of(trace.find(name).unwrap()).unwrap().clone();
    [trace.array(y).clone(), seed, of("x"), of("w")]
}

/// Sizes of convolutions that need no columns: windows move by one element, and there is much to
/// multiply.
fn large() -> impl Strategy<Value = Sizes> {
    let two = |least: usize, most: usize| prop::array::uniform2(least..=most);
    let channels = (1..=3usize, 1..=2usize, 6..=12usize, 4..=12usize);
    let motion = (two(1, 2), two(0, 2), two(0, 2));
    let geometry = (two(9, 14), two(2, 3), motion);
    (channels, geometry).prop_map(|(channels, (image, kernel, motion))| Sizes {
        samples: channels.0,
        groups: channels.1,
        inputs: channels.2,
        outputs: channels.3,
        image,
        kernel,
        strides: [1, 1],
        dilations: motion.0,
        begin: motion.1,
        end: motion.2,
    })
}

/// Whether values and gradients are those of the definition.
fn check(sizes: &Sizes) -> Result<(), TestCaseError> {
    let Some(windows) = sizes.windows() else {
        return Ok(());
    };
    let image = [
        sizes.samples,
        sizes.groups * sizes.inputs,
        sizes.image[0],
        sizes.image[1],
    ];
    let kernel = [
        sizes.groups * sizes.outputs,
        sizes.inputs,
        sizes.kernel[0],
        sizes.kernel[1],
    ];
    let made = [
        sizes.samples,
        sizes.groups * sizes.outputs,
        windows[0],
        windows[1],
    ];
    let (x, w) = (numbers(&image, 1), numbers(&kernel, 2));
    let [y, seed, of_x, of_w] = run(sizes.node("Conv"), &x, &w);
    let mut expected = [
        Array::filled(made, 0.0),
        Array::filled(image, 0.0),
        Array::filled(kernel, 0.0),
    ];
    sizes.each(|i, k, o| {
        expected[0].data_mut()[o] += x.data()[i] * w.data()[k];
        expected[1].data_mut()[i] += seed.data()[o] * w.data()[k];
        expected[2].data_mut()[k] += seed.data()[o] * x.data()[i];
    });
    prop_assert_eq!(&[y, of_x, of_w], &expected);

    // A transposed convolution is the gradient of one, where both have these sizes.
    let given = numbers(&made, 1);
    let node = sizes.node("ConvTranspose").with(
        "output_padding",
        Attribute::Ints(
            (0..2)
                .map(|axis| {
                    let reach = (sizes.kernel[axis] - 1) * sizes.dilations[axis] + 1;
                    let padded = sizes.image[axis] + sizes.begin[axis] + sizes.end[axis];
                    ((padded - reach) % sizes.strides[axis]) as i64
                })
                .collect(),
        ),
    );
    let [y, seed, of_x, of_w] = run(node, &given, &w);
    let mut expected = [
        Array::filled(image, 0.0),
        Array::filled(made, 0.0),
        Array::filled(kernel, 0.0),
    ];
    sizes.each(|i, k, o| {
        expected[0].data_mut()[i] += given.data()[o] * w.data()[k];
        expected[1].data_mut()[o] += seed.data()[i] * w.data()[k];
        expected[2].data_mut()[k] += seed.data()[i] * given.data()[o];
    });
    prop_assert_eq!(&[y, of_x, of_w], &expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn as_defined(sizes in sizes()) {
        check(&sizes)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn as_defined_without_columns(sizes in large()) {
        check(&sizes)?;
    }
}
