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
        Node::new(operator, &["x", "w", "b"], &["y"])
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

/// What a node makes, and the gradients of its inputs, by a gradient of what it makes.
struct Run {
    made: Array<f64>,
    seed: Array<f64>,
    gradients: Vec<Array<f64>>,
}

fn run(node: Node, inputs: &[(&str, &Array<f64>)]) -> Run {
    let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
    let graph = common::graph(&names, vec![node]);
    let given = inputs
        .iter()
        .map(|&(name, array)| (name, Datum::Float(array.clone())));
    let trace = Trace::record(&graph, Mode::Inference, given, |_| None).unwrap();
    let y = trace.find("y").unwrap();
    let seed = numbers(trace.array(y).shape(), 3);
    let found = trace.gradients([(y, seed.clone())]);
    let of = |name: &&str| found.of(trace.find(name).unwrap()).unwrap().clone();
    Run {
        made: trace.array(y).clone(),
        seed,
        gradients: names.iter().map(of).collect(),
    }
}

/// A number for each channel, everywhere in an array of samples.
fn spread(channels: &Array<f64>, shape: &[usize]) -> Array<f64> {
    let area = shape[2] * shape[3];
    let mut array = Array::filled(shape, 0.0);
    for (place, x) in array.data_mut().iter_mut().enumerate() {
        *x = channels.data()[place / area % channels.data().len()];
    }
    array
}

/// The sums over each channel of an array of samples.
fn summed(array: &Array<f64>) -> Array<f64> {
    let &[_, channels, height, width] = array.shape() else {
        panic!()
    };
    let mut sums = Array::filled([channels], 0.0);
    for (place, x) in array.data().iter().enumerate() {
        sums.data_mut()[place / (height * width) % channels] += x;
    }
    sums
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
    let b = numbers(&made[1..2], 4);
    let found = run(sizes.node("Conv"), &[("x", &x), ("w", &w), ("b", &b)]);
    let seed = found.seed;
    let mut expected = [
        spread(&b, &made),
        Array::filled(image, 0.0),
        Array::filled(kernel, 0.0),
    ];
    sizes.each(|i, k, o| {
        expected[0].data_mut()[o] += x.data()[i] * w.data()[k];
        expected[1].data_mut()[i] += seed.data()[o] * w.data()[k];
        expected[2].data_mut()[k] += seed.data()[o] * x.data()[i];
    });
    prop_assert_eq!(&found.made, &expected[0]);
    prop_assert_eq!(&found.gradients[..2], &expected[1..]);
    prop_assert_eq!(&found.gradients[2], &summed(&seed));

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
    let b = numbers(&image[1..2], 4);
    let found = run(node, &[("x", &given), ("w", &w), ("b", &b)]);
    let seed = found.seed;
    let mut expected = [
        spread(&b, &image),
        Array::filled(made, 0.0),
        Array::filled(kernel, 0.0),
    ];
    sizes.each(|i, k, o| {
        expected[0].data_mut()[i] += given.data()[o] * w.data()[k];
        expected[1].data_mut()[o] += seed.data()[i] * w.data()[k];
        expected[2].data_mut()[k] += seed.data()[i] * given.data()[o];
    });
    prop_assert_eq!(&found.made, &expected[0]);
    prop_assert_eq!(&found.gradients[..2], &expected[1..]);
    prop_assert_eq!(&found.gradients[2], &summed(&seed));
    Ok(())
}

/// Whether the greatest of windows, and what goes back to the first of them in each window, are
/// those of the definition: also where gradients are added to others.
fn check_pool(sizes: &Sizes) -> Result<(), TestCaseError> {
    let Some([height, width]) = sizes.windows() else {
        return Ok(());
    };
    let channels = sizes.samples * sizes.inputs;
    let x = numbers(
        &[sizes.samples, sizes.inputs, sizes.image[0], sizes.image[1]],
        1,
    );
    let ints = |sizes: &[usize]| Attribute::Ints(sizes.iter().map(|&n| n as i64).collect());
    let pool = |made: &str| {
        Node::new("MaxPool", &["x"], &[made])
            .with("kernel_shape", ints(&sizes.kernel))
            .with("strides", ints(&sizes.strides))
            .with("dilations", ints(&sizes.dilations))
            .with("pads", ints(&[sizes.begin, sizes.end].concat()))
    };
    let graph = common::graph(&["x"], vec![pool("y"), pool("z")]);
    let given = [("x", Datum::Float(x.clone()))];
    let trace = Trace::record(&graph, Mode::Inference, given, |_| None).unwrap();
    let both = ["y", "z"].map(|name| trace.find(name).unwrap());
    let seed = numbers(trace.array(both[0]).shape(), 3);
    let found = trace.gradients(both.map(|value| (value, seed.clone())));
    let area = sizes.image[0] * sizes.image[1];
    let mut expected = Array::filled(x.shape(), 0.0);
    for (at, (channel, y, x_at, _)) in product([channels, height, width, 1]).enumerate() {
        let mut best: Option<usize> = None;
        for (i, j, _, _) in product([sizes.kernel[0], sizes.kernel[1], 1, 1]) {
            if let (Some(row), Some(column)) = (sizes.at(0, y, i), sizes.at(1, x_at, j)) {
                let place = channel * area + row * sizes.image[1] + column;
                if best.is_none_or(|best| x.data()[place] > x.data()[best]) {
                    best = Some(place);
                }
            }
        }
        let value = best.map_or(f64::NEG_INFINITY, |place| x.data()[place]);
        prop_assert_eq!(trace.array(both[0]).data()[at], value);
        if let Some(place) = best {
            expected.data_mut()[place] += 2.0 * seed.data()[at];
        }
    }
    let of_x = found.of(trace.find("x").unwrap()).unwrap();
    prop_assert_eq!(of_x, &expected);
    Ok(())
}

/// Sizes of pooling: half of them with windows side by side.
fn pools() -> impl Strategy<Value = Sizes> {
    (sizes(), any::<bool>()).prop_map(|(mut sizes, is_tiled)| {
        if is_tiled {
            (sizes.strides, sizes.dilations) = (sizes.kernel, [1, 1]);
        }
        sizes
    })
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn pooled_as_defined(sizes in pools()) {
        check_pool(&sizes)?;
    }
}
