//! Runs a network's [`Graph`](semilla::Graph) forward and backward on a batch.
//!
//! - [`Trace::record`] runs every node on given inputs and weights, and keeps each value.
//! - [`Trace::gradients`] follows the steps back and gives the gradient of every value.
//!
//! [`check`] measures what the first weights do to signals, layer by layer and along the main path,
//! for several seeds, and judges it: a [`Verdict`] in one sentence, and all the numbers.
//!
//! [`theory::predict`] predicts the same without running anything.
//!
//! Operators are ONNX's. One that is not known is named and refused, never passed through.
//! Elements are `f32`, or `f64` where rounding must not matter.
//!
//! ```
//! use semilla::graph::{Graph, Node, Value};
//! use semilla_signal::{Array, Datum, Mode, Trace};
//!
//! let mut graph = Graph::new();
//! let main = &mut graph.bodies_mut()[0];
//! main.inputs.push(Value { name: "x".into(), ..Value::default() });
//! main.nodes.push(Node::new("Relu", &["x"], &["y"]));
//!
//! let x = Array::new([3], vec![-1.0, 2.0, 3.0]).unwrap();
//! let trace = Trace::<f64>::record(&graph, Mode::Inference, [("x", Datum::from(x))], |_| None)?;
//! let y = trace.find("y").unwrap();
//! assert_eq!(trace.array(y).data(), [0.0, 2.0, 3.0]);
//!
//! let ones = Array::filled([3], 1.0);
//! let gradients = trace.gradients([(y, ones)]);
//! assert_eq!(gradients.of(trace.find("x").unwrap()).unwrap().data(), [0.0, 1.0, 1.0]);
//! # Ok::<(), semilla_signal::Fault>(())
//! ```

mod array;
mod executor;
mod fit;
mod lanes;
mod measure;
mod narrow;
mod noise;
mod operators;
mod parallel;
mod product;
mod real;
mod recommend;
mod scratch;
mod smooth;
mod sums;
pub mod theory;
mod train;
mod walk;

pub use array::Array;
pub use executor::{Changes, Datum, Fault, Gradients, Mode, Nature, Problem, Step, Trace, ValueId};
pub use fit::{FitError, Fitting, fit};
pub use measure::{
    Backward, Batch, BatchError, Finding, Forward, Health, Histogram, InputSpec, Jacobian, Kernel,
    Layer, LayerSpectrum, Measurement, Point, Recorded, Report, Spectra, Trouble, Verdict, check,
    main_path, measure, singular_values, spectra,
};
pub use real::Real;
pub use recommend::{
    Candidate, Expected, Outcome, Ranked, Recommendation, Remedy, candidates, rank, recommend,
    remedy,
};
pub use train::{
    Coordinate, Coordinates, FirstStep, Graded, LabelSource, Labels, LayerStep, Loss, Lost,
    Network, Optimizer, Parameter, Slope, StepFinding, Stepper, TrainError, Training, coordinates,
    first_step,
};
