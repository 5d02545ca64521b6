//! Claims about signals in networks of random weights.

use semilla::graph::{Attribute, Node};
use semilla::{Recipe, init};
use semilla_signal::{Array, Forward, Slope};

use super::claim::{Claim, Measured, QUICK, Quantity};
use super::net::{Draft, Net, normal, plain};

pub(crate) const CLAIMS: &[Claim] = &[
    Claim {
        name: "glorot-variances",
        paper: "Glorot & Bengio 2010, figures 6 to 8",
        says: "with weights of variance 1/(3n), activations and gradients keep a third of their \
               variance a layer, and the gradients of weights stay level",
        published: "1/3; 1/3; level",
        measure: glorot,
        ..QUICK
    },
    Claim {
        name: "pytorch-default",
        paper: "PyTorch, Linear.reset_parameters",
        says: "weights have variance 1/(3 fan_in); over 20 ReLU layers the biases keep the mean \
               square up while samples become alike",
        published: "1/3",
        measure: pytorch,
        ..QUICK
    },
    Claim {
        name: "residual-growth",
        paper: "Zhang, Dauphin & Ma 2019 (Fixup), section 2",
        says: "He's weights double the variance at every residual block; scaled by 1/√L they \
               multiply it by (1 + 1/L)^L in all",
        published: "1 bit a block; below e",
        measure: residual,
        ..QUICK
    },
    Claim {
        name: "pre-and-post-norm",
        paper: "Xiong et al. 2020, theorem 1",
        says: "gradients of the last block's weights fall as 1/√L with pre-norm, and do not depend \
               on L with post-norm",
        published: "slope -0.5; 0",
        measure: norms,
        ..QUICK
    },
    Claim {
        name: "lsuv",
        paper: "Mishkin & Matas 2016, section 3",
        says: "dividing each layer by its outputs' deviation reaches a variance of 1 ± 0.1 within 10 \
               rounds",
        published: "≤ 10 rounds",
        measure: lsuv,
        ..QUICK
    },
    Claim {
        name: "irnn",
        paper: "Le, Jaitly & Hinton 2015, section 2",
        says: "a ReLU recurrence that starts as the identity passes gradients of active units \
               through any number of steps unchanged",
        published: "1",
        measure: irnn,
        ..QUICK
    },
];

fn glorot() -> Measured {
    const LAYERS: usize = 5;
    let scheme = init::kaiming_uniform().a(5f64.sqrt()); // U(±1/√n)
    let text = plain(400, 400, LAYERS, 10, "tanh");
    let net = Net::<f32>::described(&text, &Recipe::scheme(scheme), 3)?;
    let trace = net.run(&normal("x", 3, &[64, 400], 1.0))?;
    let named = |name: String| trace.find(&name).ok_or("a value of the network");
    let output = named("y".to_owned())?;
    let back = normal("gradient", 4, trace.array(output).shape(), 1.0);
    let gradients = trace.gradients([(output, back)]);
    let (mut forward, mut backward, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for layer in 0..LAYERS {
        let made = trace.array(named(format!("value_{}", 2 * layer + 1))?);
        forward.push(made.mean_square());
        let gradient = gradients.of(named(format!("value_{}", 2 * layer))?);
        backward.push(gradient.ok_or("a gradient")?.mean_square());
        let weight = named(format!("layers.{layer}.weight"))?;
        weights.push(gradients.of(weight).ok_or("a gradient")?.mean_square());
    }
    let ratio = |values: &[f64]| (values[LAYERS - 1] / values[1]).powf(1.0 / (LAYERS - 2) as f64);
    let (most, least) = weights
        .iter()
        .fold((0.0f64, f64::MAX), |(most, least), &x| {
            (most.max(x), least.min(x))
        });
    Ok(vec![
        Quantity::near("activations", ratio(&forward), 1.0 / 3.0, 0.06),
        Quantity::near("gradients", ratio(&backward).recip(), 1.0 / 3.0, 0.06),
        Quantity::at_most("weights, greatest to least", most / least, 1.6),
    ])
}

fn pytorch() -> Measured {
    let text = plain(256, 256, 20, 10, "relu");
    let net = Net::<f64>::described(&text, &Recipe::named("pytorch")?, 1)?;
    let variance = net.weights["layers.9.weight"].mean_square() * 256.0;
    let trace = net.run(&normal("x", 1, &[32, 256], 1.0))?;
    let last = trace.find("value_38").ok_or("the last hidden layer")?;
    let found = Forward::of(trace.array(last));
    Ok(vec![
        Quantity::near("variance × fan_in", variance, 1.0 / 3.0, 0.01),
        Quantity::at_least("mean square", found.second_moment, 1e-4),
        Quantity::at_most("between samples", found.between_samples.sqrt(), 1e-6),
    ])
}

fn residual() -> Measured {
    const BLOCKS: usize = 20;
    const WIDTH: usize = 512;
    let growth = |scale: f64| -> Result<f64, Box<dyn std::error::Error>> {
        let mut draft = Draft::<f32>::new();
        let mut x = draft.put("Identity", &["x"]);
        for block in 0..BLOCKS {
            let std = scale * (2.0 / WIDTH as f64).sqrt();
            let weight = normal(&format!("block {block}"), 2, &[WIDTH, WIDTH], std);
            let weight = draft.weight(weight);
            let branch = draft.put("Relu", &[&x]);
            let branch = draft.put("MatMul", &[&branch, &weight]);
            x = draft.put("Add", &[&x, &branch]);
        }
        let x = normal("x", 2, &[16, WIDTH], 1.0);
        let trace = draft.net().run(&x)?;
        let output = trace.find("y").ok_or("an output")?;
        Ok(trace.array(output).mean_square() / x.mean_square())
    };
    let whole = growth(1.0)?.log2() / BLOCKS as f64;
    let scaled = growth((BLOCKS as f64).sqrt().recip())?;
    let expected = (1.0 + 1.0 / BLOCKS as f64).powi(BLOCKS as i32);
    Ok(vec![
        Quantity::near("bits a block", whole, 1.0, 0.06),
        Quantity::near("scaled, in all", scaled, expected, 0.5),
    ])
}

fn norms() -> Measured {
    const WIDTH: usize = 64;
    let gradient =
        |blocks: usize, is_pre: bool, seed: u64| -> Result<f64, Box<dyn std::error::Error>> {
            let mut draft = Draft::<f32>::new();
            let mut x = draft.put("Identity", &["x"]);
            let mut last = String::new();
            for block in 0..blocks {
                let inner = match is_pre {
                    true => draft.normalized(&x, WIDTH),
                    false => x.clone(),
                };
                let mut branch = inner;
                for (part, square) in [("in", 2.0), ("out", 1.0)] {
                    let std = (square / WIDTH as f64).sqrt();
                    let weight = normal(&format!("{block} {part}"), seed, &[WIDTH, WIDTH], std);
                    last = draft.weight(weight);
                    branch = draft.put("MatMul", &[&branch, &last]);
                    if part == "in" {
                        branch = draft.put("Relu", &[&branch]);
                    }
                }
                x = draft.put("Add", &[&x, &branch]);
                if !is_pre {
                    x = draft.normalized(&x, WIDTH);
                }
            }
            if is_pre {
                draft.normalized(&x, WIDTH);
            }
            let trace = draft.net().run(&normal("x", seed, &[64, WIDTH], 1.0))?;
            let output = trace.find("y").ok_or("an output")?;
            let back = normal("gradient", seed, trace.array(output).shape(), 1.0);
            let gradients = trace.gradients([(output, back)]);
            let weight = trace.find(&last).ok_or("the last weight")?;
            Ok(gradients
                .of(weight)
                .ok_or("a gradient")?
                .mean_square()
                .sqrt())
        };
    let slope_of = |is_pre: bool| -> Result<f64, Box<dyn std::error::Error>> {
        let mut points = Vec::new();
        for depth in [8usize, 16, 32, 64] {
            for seed in 0..4 {
                points.push(((depth as f64).ln(), gradient(depth, is_pre, seed)?.ln()));
            }
        }
        Ok(Slope::through(&points).ok_or("a slope")?.slope)
    };
    Ok(vec![
        Quantity::near("pre-norm", slope_of(true)?, -0.5, 0.1),
        Quantity::near("post-norm", slope_of(false)?, 0.0, 0.1),
    ])
}

fn lsuv() -> Measured {
    const LAYERS: usize = 20;
    let mut most = 0;
    for after in ["relu", "tanh", "sigmoid"] {
        let text = plain(64, 64, LAYERS, 10, after);
        let mut net = Net::<f64>::described(&text, &Recipe::scheme(init::orthogonal()), 7)?;
        let x = normal("x", 7, &[64, 64], 1.0);
        for layer in 0..LAYERS {
            let mut rounds = 0;
            loop {
                let trace = net.run(&x)?;
                let made = trace
                    .find(&format!("value_{}", 2 * layer))
                    .ok_or("a layer")?;
                let found = Forward::of(trace.array(made));
                let variance = found.second_moment - found.mean * found.mean;
                if (variance - 1.0).abs() < 0.1 || rounds == 20 {
                    break;
                }
                let weight = net.weights.get_mut(&format!("layers.{layer}.weight"));
                let weight = weight.ok_or("a weight")?;
                *weight = weight.map(|w| w / variance.sqrt());
                rounds += 1;
            }
            most = most.max(rounds);
        }
    }
    Ok(vec![Quantity::at_most(
        "rounds a layer",
        f64::from(most),
        10.0,
    )])
}

fn irnn() -> Measured {
    const STEPS: usize = 150;
    const WIDTH: usize = 16;
    let mut draft = Draft::<f64>::new();
    let identity = (0..WIDTH * WIDTH).map(|at| f64::from(u8::from(at % (WIDTH + 1) == 0)));
    let identity = Array::new([WIDTH, WIDTH], identity.collect()).ok_or("a square")?;
    let weight = draft.weight(identity);
    let mut state = draft.put("Abs", &["x"]);
    for _ in 0..STEPS {
        let moved = Node::new("Gemm", &[&state, &weight], &[]);
        state = draft.add(moved.with("transB", Attribute::Int(1)));
        state = draft.put("Relu", &[&state]);
    }
    let trace = draft.net().run(&normal("x", 9, &[4, WIDTH], 1.0))?;
    let (output, first) = (trace.find("y").ok_or("y")?, trace.find("v0").ok_or("v0")?);
    let back: Array<f64> = normal("gradient", 9, trace.array(output).shape(), 1.0);
    let size = back.mean_square();
    let gradients = trace.gradients([(output, back)]);
    let arrived = gradients.of(first).ok_or("a gradient")?.mean_square();
    Ok(vec![Quantity::near(
        "150 steps",
        (arrived / size).sqrt(),
        1.0,
        1e-12,
    )])
}
