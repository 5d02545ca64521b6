//! Claims about networks that were trained.

use std::collections::BTreeMap;
use std::error::Error;

use semilla::activation::{Activation, Function, Limit, MeanField};
use semilla::init::Initializer;
use semilla::{Recipe, init};
use semilla_signal::{Array, Real, Slope, singular_values};

use super::claim::{Claim, LONG, Measured, Quantity};
use super::digits::{Batch, Digits};
use super::net::{Net, plain};

pub(crate) const CLAIMS: &[Claim] = &[
    Claim {
        name: "six-depth-scales",
        paper: "Schoenholz et al. 2017, figure 5",
        says: "tanh networks train to a depth of about 6ξ: accuracy at 6ξ = 24, 10 and 60 layers \
               deep; at the edge of chaos, 60 deep",
        published: "trains; fails; trains",
        measure: depth_scales,
        ..LONG
    },
    Claim {
        name: "he-thirty-layers",
        paper: "He et al. 2015, figure 3",
        says: "30 ReLU layers train from He's start and stall from Xavier's: accuracies",
        published: "trains; stalls",
        measure: thirty,
        ..LONG
    },
    Claim {
        name: "he-eight-layers",
        paper: "He et al. 2015, table 2",
        says: "at moderate depth neither start is better: the accuracies' difference over 8 layers",
        published: "0.1 points",
        measure: eight,
        ..LONG
    },
    Claim {
        name: "zero-rank",
        paper: "Zhao, Schäfer & Anandkumar 2022, section 3",
        says: "from partial identities a hidden weight changes by a matrix of at most the input's \
               rank; a Hadamard matrix at the entrance lifts that",
        published: "≤ 16; > 16",
        measure: ranks,
        ..LONG
    },
    Claim {
        name: "mup-coordinates",
        paper: "Yang et al. 2022, appendix D and figure 5",
        says: "logits after a step of Adam against width, as a slope of logarithms: standard \
               parametrization, and maximal update",
        published: "grow; level",
        measure: coordinates,
        ..LONG
    },
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Gradients by weights' names.
type Slopes<T> = BTreeMap<String, Array<T>>;

/// The gradients of the mean cross-entropy; logits are what the network makes times a factor.
fn slopes<T: Real>(net: &Net<T>, (x, classes): &Batch<T>, factor: T) -> Result<Slopes<T>> {
    let trace = net.run(x)?;
    let output = trace.find("y").ok_or("an output")?;
    let mut back = trace.array(output).map(|y| y * factor);
    let count = back.shape()[1];
    let samples = T::of(classes.len() as f64);
    for (row, &class) in back.data_mut().chunks_mut(count).zip(classes) {
        let most = row.iter().copied().fold(T::neg_infinity(), T::max);
        row.iter_mut().for_each(|x| *x = (*x - most).exp());
        let sum: T = row.iter().copied().sum();
        row.iter_mut()
            .for_each(|x| *x = *x / sum * factor / samples);
        row[class] -= factor / samples;
    }
    let gradients = trace.gradients([(output, back)]);
    let of = |(name, id): &(String, _)| Some((name.clone(), gradients.of(*id)?.clone()));
    Ok(trace.weights().iter().filter_map(of).collect())
}

/// Steps of gradient descent with momentum 0.9.
fn descend<T: Real>(
    net: &mut Net<T>,
    rate: f64,
    batches: impl Iterator<Item = Batch<T>>,
) -> Result<()> {
    let mut velocities: Slopes<T> = BTreeMap::new();
    for batch in batches {
        for (name, slope) in slopes(net, &batch, T::one())? {
            let velocity = velocities
                .entry(name.clone())
                .or_insert_with(|| Array::filled(slope.shape(), T::zero()));
            let weight = net.weights.get_mut(&name).ok_or("a weight")?;
            let moved = weight.data_mut().iter_mut().zip(velocity.data_mut());
            for ((weight, velocity), &slope) in moved.zip(slope.data()) {
                *velocity = T::of(0.9) * *velocity + slope;
                *weight -= T::of(rate) * *velocity;
            }
        }
    }
    Ok(())
}

/// The part of images whose class is the greatest output.
fn accuracy<T: Real>(net: &Net<T>, (x, classes): &Batch<T>) -> Result<f64> {
    let trace = net.run(x)?;
    let made = trace.array(trace.find("y").ok_or("an output")?);
    let rows = made.data().chunks(made.shape()[1]).zip(classes);
    let right = rows.filter(|(row, class)| row.iter().all(|&other| other <= row[**class]));
    Ok(right.count() as f64 / classes.len() as f64)
}

/// The test accuracy at the best of some rates. Networks that made NaN have no right class.
fn trained(text: &str, initializer: &Initializer, rates: &[f64], steps: usize) -> Result<f64> {
    let digits = Digits::all();
    let mut best = 0.0f64;
    for &rate in rates {
        let scheme = Recipe::scheme(initializer.clone());
        let mut net = Net::<f32>::described(text, &scheme, 1)?;
        let batches = (0..steps).map(|step| digits.batch(step, 64));
        descend(&mut net, rate, batches)?;
        best = best.max(accuracy(&net, &digits.test())?);
    }
    Ok(best)
}

fn depth_scales() -> Measured {
    let tanh = Function::from(Activation::Tanh);
    let layer = MeanField::new(&tanh, 1.05, 0.05)?;
    let Limit::Fixed(point) = layer.limit(1.0)? else {
        return Err("tanh has a fixed point".into());
    };
    let reach = 6.0 * layer.depth_scales(&point)?.correlation;
    let accuracy = |depth: usize, variance: f64| -> Result<f64> {
        let text = plain(64, 64, depth, 10, "tanh");
        let recipe = format!(
            "name = \"edge\"\ndefaults = true\n[[rule]]\nrole = \"bias\"\n\
             init = {{ normal = {{ std = {} }} }}\n[[rule]]\nrole = \"matrix\"\n\
             init = {{ variance_scaling = {{ scale = {variance}, distribution = \"normal\" }} }}\n",
            0.05f64.sqrt()
        );
        let digits = Digits::all();
        let mut best = 0.0f64;
        for rate in [1e-3, 1e-2] {
            let recipe = Recipe::from_toml(&recipe)?;
            let mut net = Net::<f32>::described(&text, &recipe, 1)?;
            descend(&mut net, rate, (0..400).map(|step| digits.batch(step, 64)))?;
            best = best.max(self::accuracy(&net, &digits.test())?);
        }
        Ok(best)
    };
    Ok(vec![
        Quantity::near("6ξ", reach, 24.5, 0.1),
        Quantity::at_least("10 deep", accuracy(10, 1.05)?, 0.8),
        Quantity::at_most("60 deep", accuracy(60, 1.05)?, 0.4),
        Quantity::at_least("60 deep at the edge", accuracy(60, 1.761)?, 0.8),
    ])
}

fn thirty() -> Measured {
    let text = plain(64, 64, 30, 10, "relu");
    let rates = [3e-3, 1e-2];
    let he = trained(&text, &init::kaiming_normal().into(), &rates, 600)?;
    let xavier = trained(&text, &init::xavier_normal().into(), &rates, 600)?;
    Ok(vec![
        Quantity::at_least("He", he, 0.8),
        Quantity::at_most("Xavier", xavier, 0.2),
    ])
}

fn eight() -> Measured {
    let text = plain(64, 64, 8, 10, "relu");
    let rates = [3e-3, 1e-2, 3e-2];
    let he = trained(&text, &init::kaiming_normal().into(), &rates, 400)?;
    let xavier = trained(&text, &init::xavier_normal().into(), &rates, 400)?;
    Ok(vec![
        Quantity::at_least("He", he, 0.9),
        Quantity::at_least("Xavier", xavier, 0.9),
        Quantity::near("difference", he - xavier, 0.0, 0.02),
    ])
}

fn ranks() -> Measured {
    const HIDDEN: &str = "layers.1.weight";
    let digits = Digits::all();
    let rank = |recipe: &Recipe| -> Result<f64> {
        let mut net = Net::<f64>::described("mlp:16-64-64-10:relu", recipe, 1)?;
        let before = net.weights[HIDDEN].clone();
        let batches = (0..150).map(|step| {
            let (images, labels) = digits.batch::<f64>(step, 64);
            (Digits::halved(&images), labels)
        });
        descend(&mut net, 0.05, batches)?;
        let after = net.weights[HIDDEN].data().iter().zip(before.data());
        let change = after.map(|(after, before)| after - before).collect();
        let change = Array::new(before.shape(), change).ok_or("a matrix")?;
        let values = singular_values(&change);
        Ok(values.iter().filter(|&&s| s > 1e-9 * values[0]).count() as f64)
    };
    let partial = Recipe::scheme(init::eye());
    let hadamard = Recipe::scheme(init::hadamard());
    Ok(vec![
        Quantity::at_most("partial identities", rank(&partial)?, 16.0),
        Quantity::at_least("ZerO", rank(&hadamard)?, 17.0),
    ])
}

fn coordinates() -> Measured {
    const WIDTHS: [usize; 4] = [64, 128, 256, 512];
    const RATE: f64 = 0.01;
    let digits = Digits::all();
    let logits = |recipe: &Recipe, width: usize| -> Result<f64> {
        let text = format!("mlp:64-{width}-{width}-10:relu");
        let plan = recipe.plan(&semilla::model::Spec::parse(&text)?, 1)?;
        let mut net = Net::<f32>::described(&text, recipe, 1)?;
        let line = |name: &str| plan.line(name).ok_or("a line of the plan");
        let factor = line("layers.2.weight")?.multiplier.unwrap_or(1.0) as f32;
        let batch = digits.batch(0, 256);
        for (name, slope) in slopes(&net, &batch, factor)? {
            let rate = RATE * line(&name)?.lr.map_or(1.0, |rates| rates.adam);
            let weight = net.weights.get_mut(&name).ok_or("a weight")?;
            // The first step of Adam is the sign of the gradient.
            let moved = weight.data_mut().iter_mut().zip(slope.data());
            moved.for_each(|(weight, slope)| {
                *weight -= rate as f32 * slope / (slope.abs() + 1e-8);
            });
        }
        let trace = net.run(&batch.0)?;
        let made = trace.array(trace.find("y").ok_or("an output")?);
        Ok(made.mean_square().sqrt() * f64::from(factor))
    };
    let slope_of = |recipe: &Recipe| -> Result<f64> {
        let mut points = Vec::new();
        for width in WIDTHS {
            points.push(((width as f64).ln(), logits(recipe, width)?.ln()));
        }
        Ok(Slope::through(&points).ok_or("a slope")?.slope)
    };
    let mup = "name = \"own\"\nextends = \"mup\"\nbase_width = 64\n";
    let standard = Recipe::named("pytorch")?;
    Ok(vec![
        Quantity::at_least("standard", slope_of(&standard)?, 0.5),
        Quantity::near(
            "maximal update",
            slope_of(&Recipe::from_toml(mup)?)?,
            0.0,
            0.25,
        ),
    ])
}
