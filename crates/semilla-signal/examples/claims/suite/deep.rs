//! Claims about deep networks in training.

use std::error::Error;

use semilla::network::Network as Described;
use semilla::{Recipe, init};
use semilla_signal::{
    Datum, Labels, Loss, Network, Optimizer, Parameter, Stepper, Training as Trainer,
};

use super::claim::{Claim, LONG, Measured, Quantity};
use super::digits::{Batch, Digits};
use super::net::plain;

pub(crate) const CLAIMS: &[Claim] = &[
    Claim {
        name: "orthogonal-depth",
        paper: "Saxe, McClelland & Ganguli 2014, section 3 and figure 6",
        says: "deep linear networks take as long to learn at any depth from orthogonal weights, and \
               longer with depth from normal ones: steps until the loss is below 0.5 at the best \
               of eight rates, 50 layers against 5",
        published: "level; grows",
        measure: orthogonal_depth,
        ..LONG
    },
    Claim {
        name: "residual-starts",
        paper: "Zhang, Dauphin & Ma 2019 (Fixup), section 4; Bachlechner et al. 2021 (ReZero), \
                section 4",
        says: "residual networks without normalization do not train from He's weights once they are \
               deep, and do from Fixup's and ReZero's: accuracies at the best of four rates, of 4 \
               and of 30 blocks of two convolutions",
        published: "fails when deep; trains; trains",
        measure: residual_starts,
        ..LONG
    },
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A network's inputs by their names.
type Inputs = Vec<(String, Datum<f32>)>;

/// A network in training on digits.
struct Pupil<'g> {
    trainer: Trainer<'g>,
    /// The shape that the network takes an image in.
    shape: &'static [usize],
}

impl<'g> Pupil<'g> {
    fn new(
        network: &'g Described,
        recipe: &Recipe,
        shape: &'static [usize],
        seed: u64,
    ) -> Result<Self> {
        let plan = recipe.plan(&network.model, seed)?;
        let weights = |name: &str| -> Result<Option<Parameter>> {
            let line = plan.line(name).ok_or("a line of the plan")?;
            let value = Datum::decode(line.dtype, &line.shape, &line.to_bytes()?);
            Ok(value.map(Parameter::from))
        };
        let network = Network::new(&network.graph, Vec::new(), weights)?;
        let stepper = Stepper::new(Optimizer::Momentum, 0.0);
        Ok(Self {
            trainer: Trainer::new(network, Loss::CrossEntropy, stepper),
            shape,
        })
    }

    /// The losses of steps on batches; none follows one that is beyond all bounds.
    fn train(&mut self, rate: f64, batches: impl Iterator<Item = Batch<f32>>) -> Result<Vec<f64>> {
        let mut losses = Vec::new();
        for batch in batches {
            let (inputs, labels) = self.given(batch)?;
            losses.push(self.trainer.step(inputs, &labels, rate)?);
            if losses
                .last()
                .is_some_and(|&loss| loss.is_nan() || loss > 1e9)
            {
                break;
            }
        }
        Ok(losses)
    }

    fn accuracy(&mut self, test: Batch<f32>) -> Result<f64> {
        let (inputs, labels) = self.given(test)?;
        let found = self.trainer.grade(inputs, &labels)?;
        Ok(found.right.unwrap_or(0) as f64 / found.labels.max(1) as f64)
    }

    fn given(&self, (x, classes): Batch<f32>) -> Result<(Inputs, Labels)> {
        let shape = [&[x.shape()[0]][..], self.shape].concat();
        let x = x.reshaped(shape).ok_or("an image of 64 pixels")?;
        let classes = classes.into_iter().map(|class| class as i64).collect();
        let inputs = vec![("x".to_owned(), Datum::Float(x))];
        Ok((inputs, Labels::Classes(classes)))
    }
}

fn orthogonal_depth() -> Measured {
    let digits = Digits::all();
    let steps = |depth: usize, recipe: &Recipe| -> Result<f64> {
        let network = Described::named(&plain(64, 64, depth, 10, "linear"))?;
        let mut best = f64::INFINITY;
        for octave in 0..8 {
            let mut pupil = Pupil::new(&network, recipe, &[64], 1)?;
            let batches = (0..200).map(|step| digits.batch(step, 64));
            let losses = pupil.train(5e-4 * f64::from(1 << octave), batches)?;
            let mut windows = losses.windows(5);
            let first = windows.position(|five| five.iter().sum::<f64>() < 2.5);
            best = best.min(first.map_or(f64::INFINITY, |first| (first + 5) as f64));
        }
        Ok(best)
    };
    let growth = |recipe: &Recipe| -> Result<f64> { Ok(steps(50, recipe)? / steps(5, recipe)?) };
    let orthogonal = Recipe::scheme(init::orthogonal());
    let normal = Recipe::scheme(init::normal().std(1.0 / 8.0));
    Ok(vec![
        Quantity::at_most("orthogonal", growth(&orthogonal)?, 1.5),
        Quantity::at_least("normal", growth(&normal)?, 3.0),
    ])
}

fn residual_starts() -> Measured {
    const NETWORK: &str = r#"
[parameters]
depth = 4
[inputs]
x = "numbers(1, 8, 8)"
[network]
layers = [
  "stem: conv(8) -> relu",
  { repeat = "depth", name = "blocks", residual = [
    "relu -> conv1: conv(8) -> relu -> conv2: conv(8) -> gate: scale(1)",
  ] },
  "flatten -> head: linear(10)",
]
"#;
    const HE: &str = "name = \"he\"\ndefaults = true\n[[rule]]\nrole = \"matrix\"\n\
                      init = \"kaiming_normal\"\n[[rule]]\nrole = \"branch_scale\"\ninit = \"ones\"\n";
    let digits = Digits::all();
    let accuracy = |recipe: &Recipe, depth: usize| -> Result<f64> {
        let network = Described::read(NETWORK, &format!("depth={depth}"))?;
        let mut best = 0.0f64;
        for rate in [1e-4, 1e-3, 1e-2, 1e-1] {
            let mut pupil = Pupil::new(&network, recipe, &[1, 8, 8], 1)?;
            pupil.train(rate, (0..80).map(|step| digits.batch(step, 32)))?;
            best = best.max(pupil.accuracy(digits.test())?);
        }
        Ok(best)
    };
    let he = Recipe::from_toml(HE)?;
    Ok(vec![
        Quantity::at_least("He, 4", accuracy(&he, 4)?, 0.8),
        Quantity::at_most("He, 30", accuracy(&he, 30)?, 0.2),
        Quantity::at_least("Fixup, 30", accuracy(&Recipe::named("fixup")?, 30)?, 0.9),
        Quantity::at_least("ReZero, 30", accuracy(&Recipe::named("rezero")?, 30)?, 0.9),
    ])
}
