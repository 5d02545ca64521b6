//! Claims about singular values.

use semilla::graph::{Attribute, Node};
use semilla::init::Initializer;
use semilla::{Recipe, Tensor, init};
use semilla_signal::{Array, Batch, Datum, Spectra, singular_values, spectra};

use super::claim::{Claim, LONG, Measured, QUICK, Quantity};
use super::net::{Draft, Net, normal, plain};

pub(crate) const CLAIMS: &[Claim] = &[
    Claim {
        name: "glorot-jacobian",
        paper: "Glorot & Bengio 2010, section 4.2.1",
        says: "singular values of a tanh layer's Jacobian: their mean with the normalized start, and \
               with the standard one",
        published: "about 0.8; 0.5",
        measure: glorot,
        ..QUICK
    },
    Claim {
        name: "jacobian-spread",
        paper: "Pennington, Schoenholz & Ganguli 2017, section 2",
        says: "the variance of s² over its squared mean, L layers deep, divided by L: Gaussian \
               linear, orthogonal linear, Gaussian ReLU, orthogonal ReLU",
        published: "1; 0; 2; 1",
        measure: pennington,
        ..LONG
    },
    Claim {
        name: "looks-linear",
        paper: "Balduzzi et al. 2017, section 4",
        says: "mirrored ReLUs with mirrored weights are an isometry at any depth: 200 layers change \
               products of samples by",
        published: "0",
        measure: looks_linear,
        ..QUICK
    },
    Claim {
        name: "delta-orthogonal",
        paper: "Xiao et al. 2018, section 3",
        says: "delta-orthogonal kernels keep the norm of images: over 50 convolutions it changes by",
        published: "0",
        measure: delta_orthogonal,
        ..QUICK
    },
];

fn glorot() -> Measured {
    const WIDTH: usize = 160;
    const LAYERS: usize = 5;
    let mean = |initializer: Initializer| -> Result<f64, Box<dyn std::error::Error>> {
        let text = plain(WIDTH, WIDTH, LAYERS, 10, "tanh");
        let net = Net::<f64>::described(&text, &Recipe::scheme(initializer), 2)?;
        let trace = net.run(&normal("x", 2, &[1, WIDTH], 1.0))?;
        let mut means = Vec::new();
        // The first layer sees the inputs, which are larger than activations.
        for layer in 1..LAYERS {
            let made = trace
                .find(&format!("value_{}", 2 * layer + 1))
                .ok_or("a layer")?;
            let mut jacobian = net.weights[&format!("layers.{layer}.weight")].clone();
            let slopes = trace.array(made).map(|h| 1.0 - h * h);
            let rows = jacobian.data_mut().chunks_mut(WIDTH);
            for (row, slope) in rows.zip(slopes.data()) {
                row.iter_mut().for_each(|w| *w *= slope);
            }
            means.push(singular_values(&jacobian).iter().sum::<f64>() / WIDTH as f64);
        }
        Ok(means.iter().sum::<f64>() / means.len() as f64)
    };
    let standard = init::kaiming_uniform().a(5f64.sqrt());
    Ok(vec![
        Quantity::near("normalized", mean(init::xavier_uniform().into())?, 0.8, 0.1),
        Quantity::near("standard", mean(standard.into())?, 0.5, 0.03),
    ])
}

fn pennington() -> Measured {
    const LAYERS: usize = 10;
    let spread =
        |after: &str, initializer: Initializer| -> Result<f64, Box<dyn std::error::Error>> {
            let text = plain(256, 256, LAYERS + 1, 10, after);
            let net = Net::<f32>::described(&text, &Recipe::scheme(initializer), 4)?;
            let batch = Batch {
                samples: 8,
                seed: 4,
                ..Batch::default()
            };
            let inputs = batch.inputs(&net.graph)?;
            let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
            let weight = |tensor: &semilla::graph::Initializer| {
                let array = net.weights.get(tensor.tensor.as_ref()?)?;
                Some(Datum::Float(array.clone()))
            };
            let found: Spectra = spectra(&net.graph, inputs, weight, 4)?;
            Ok(found.jacobian.ok_or("a path")?.spread / LAYERS as f64)
        };
    let gain = std::f64::consts::SQRT_2;
    let gaussian = init::lecun_normal().distribution(init::Shape::Normal);
    let orthogonal = init::orthogonal();
    Ok(vec![
        Quantity::near("Gaussian", spread("linear", gaussian.into())?, 1.0, 0.15),
        Quantity::near(
            "orthogonal",
            spread("linear", orthogonal.into())?,
            0.0,
            1e-6,
        ),
        Quantity::near(
            "Gaussian ReLU",
            spread("relu", init::kaiming_normal().into())?,
            2.0,
            0.6,
        ),
        Quantity::near(
            "orthogonal ReLU",
            spread("relu", init::orthogonal().gain(gain).into())?,
            1.0,
            0.3,
        ),
    ])
}

fn looks_linear() -> Measured {
    const WIDTH: usize = 16;
    const LAYERS: usize = 200;
    let mut draft = Draft::<f64>::new();
    let mirrored = draft.put("Neg", &["x"]);
    let both = Node::new("Concat", &["x", &mirrored], &[]).with("axis", Attribute::Int(-1));
    let mut state = draft.add(both);
    for layer in 0..LAYERS {
        state = draft.put("Relu", &[&state]);
        let name = format!("layer {layer}");
        let tensor = Tensor::linear(name, 2 * WIDTH, 2 * WIDTH).dtype(semilla::DType::F64);
        let values: Vec<f64> = init::looks_linear().generate(&tensor, 6)?;
        let weight = Array::new([2 * WIDTH; 2], values).ok_or("a square")?;
        let weight = draft.weight(weight);
        let node = Node::new("Gemm", &[&state, &weight], &[]);
        state = draft.add(node.with("transB", Attribute::Int(1)));
    }
    let x: Array<f64> = normal("x", 6, &[8, WIDTH], 1.0);
    let trace = draft.net().run(&x)?;
    let output = trace.array(trace.find("y").ok_or("y")?);
    // The second half is the first one's mirror image.
    let product = |data: &[f64], stride: usize, a: usize, b: usize| -> f64 {
        (0..WIDTH)
            .map(|i| data[a * stride + i] * data[b * stride + i])
            .sum()
    };
    let mut worst = 0.0f64;
    for a in 0..8 {
        for b in 0..=a {
            let before = product(x.data(), WIDTH, a, b);
            let after = product(output.data(), 2 * WIDTH, a, b);
            worst = worst.max((after - before).abs());
        }
    }
    let scale = x.mean_square() * WIDTH as f64;
    Ok(vec![Quantity::at_most("", worst / scale, 1e-12)])
}

fn delta_orthogonal() -> Measured {
    const CHANNELS: usize = 16;
    let mut draft = Draft::<f64>::new();
    let mut state = draft.put("Identity", &["x"]);
    for layer in 0..50 {
        let shape = [CHANNELS, CHANNELS, 3, 3];
        let tensor = Tensor::conv(format!("layer {layer}"), shape).dtype(semilla::DType::F64);
        let values: Vec<f64> = init::delta_orthogonal().generate(&tensor, 8)?;
        let weight = draft.weight(Array::new(shape, values).ok_or("a kernel")?);
        let node = Node::new("Conv", &[&state, &weight], &[]);
        state = draft.add(node.with("pads", Attribute::Ints(vec![1; 4])));
    }
    let x: Array<f64> = normal("x", 8, &[2, CHANNELS, 6, 6], 1.0);
    let trace = draft.net().run(&x)?;
    let output = trace.array(trace.find("y").ok_or("y")?);
    let change = (output.mean_square() / x.mean_square() - 1.0).abs();
    Ok(vec![Quantity::at_most("", change, 1e-12)])
}
