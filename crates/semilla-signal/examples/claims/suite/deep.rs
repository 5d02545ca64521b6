//! Claims about deep networks, and networks that begin with what another one learned.

use std::error::Error;
use std::ops::Range;

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
    Claim {
        name: "transfer",
        paper: "Yosinski et al. 2014, section 4.1 and table 1",
        says: "features that were learned on one half of the classes, then tuned on the other half, \
               do better there than random ones: points of accuracy more, here with 25 labels",
        published: "1.6 (ImageNet, all labels)",
        measure: transfer,
        ..LONG
    },
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

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
        Self::with(network, shape, |name| {
            let line = plan.line(name).ok_or("a line of the plan")?;
            Ok(Datum::decode(line.dtype, &line.shape, &line.to_bytes()?))
        })
    }

    fn with(
        network: &'g Described,
        shape: &'static [usize],
        weight: impl Fn(&str) -> Result<Option<Datum<f32>>>,
    ) -> Result<Self> {
        let weights = |name: &str| Ok::<_, Box<dyn Error>>(weight(name)?.map(Parameter::from));
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

    fn given(&self, (x, classes): Batch<f32>) -> Result<(Vec<(String, Datum<f32>)>, Labels)> {
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

fn transfer() -> Measured {
    const LABELS: usize = 25;
    const TEST: Range<usize> = 300..800;
    let network = Described::named("mlp:64-64-64-5:relu")?;
    let all = Digits::all();
    let (before, after) = (all.of_classes(0..5), all.of_classes(5..10));
    let he = Recipe::scheme(init::kaiming_normal());
    let rates = [3e-3, 1e-2, 3e-2, 1e-1];
    let (mut random, mut learned) = ([0.0; 4], [0.0; 4]);
    let seeds = 0..5;
    for seed in seeds.clone() {
        let mut trunk = Pupil::new(&network, &he, &[64], seed)?;
        trunk.train(0.03, (0..300).map(|step| before.cycled(step, 64)))?;
        let plan = he.plan(&network.model, seed + 100)?;
        let (first, last) = (seed as usize * LABELS, (seed as usize + 1) * LABELS);
        for (place, &rate) in rates.iter().enumerate() {
            let accuracy = |is_learned: bool| -> Result<f64> {
                let mut pupil = Pupil::with(&network, &[64], |name| {
                    // The head is new.
                    let own = trunk.trainer.network().values(name);
                    if let Some(own) = own.filter(|_| is_learned && !name.starts_with("layers.2")) {
                        return Ok(Some(Datum::Float(own.clone())));
                    }
                    let line = plan.line(name).ok_or("a line of the plan")?;
                    Ok(Datum::decode(line.dtype, &line.shape, &line.to_bytes()?))
                })?;
                pupil.train(rate, (0..100).map(|_| after.at(first..last)))?;
                pupil.accuracy(after.at(TEST))
            };
            random[place] += accuracy(false)?;
            learned[place] += accuracy(true)?;
        }
    }
    let best = |sums: [f64; 4]| sums.into_iter().fold(0.0, f64::max) / seeds.clone().count() as f64;
    let (random, learned) = (best(random), best(learned));
    Ok(vec![
        Quantity::at_least("points", 100.0 * (learned - random), 1.6),
        Quantity::within("random", random, 0.5, 1.0),
        Quantity::within("transferred", learned, 0.5, 1.0),
    ])
}
