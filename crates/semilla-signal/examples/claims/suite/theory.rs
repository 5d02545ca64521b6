//! Claims that follow from expectations alone.

use semilla::activation::{Activation, EdgeOfChaos, Function, Limit, MeanField};
use semilla::{Context, Distribution, Fans, Tensor, init};

use super::claim::{Claim, Measured, QUICK, Quantity};

const fn quick(
    name: &'static str,
    paper: &'static str,
    says: &'static str,
    published: &'static str,
    measure: fn() -> Measured,
) -> Claim {
    Claim {
        name,
        paper,
        says,
        published,
        measure,
        ..QUICK
    }
}

pub(crate) const CLAIMS: &[Claim] = &[
    quick(
        "critical-tanh",
        "Schoenholz et al. 2017, figures 1 and 2",
        "tanh with biases of variance 0.05 is critical at this weight variance",
        "1.76",
        || edge(0.05, 1.76, 5e-3),
    ),
    quick(
        "critical-cnn",
        "Xiao et al. 2018, section 3",
        "tanh with biases of variance 2.01e-5, of the 10,000-layer network, is critical at",
        "1.05",
        || edge(2.01e-5, 1.05, 1e-3),
    ),
    quick(
        "relu-cosines",
        "Cho & Saul 2009, section 2; Daniely et al. 2016",
        "a wide ReLU layer takes a cosine c to (√(1-c²) + (π - arccos c) c) / π",
        "exact",
        cosines,
    ),
    quick(
        "relu-edge",
        "Hayou et al. 2019, proposition 2",
        "at ReLU's edge of chaos 1 - c falls as 9π²/(2l²) with the depth l",
        "ratio 1",
        decay,
    ),
    quick(
        "he-deviations",
        "He et al. 2015, section 2.2",
        "standard deviations of 3×3 layers with 64, 128, 256, 512 filters; 0.01 instead damps \
         gradients over VGG's ten layers",
        "0.059, 0.042, 0.029, 0.021; 1.7e4-fold",
        deviations,
    ),
    quick(
        "xavier-relu",
        "He et al. 2015, section 2.2",
        "Xavier before ReLU shrinks the standard deviation by 1/√2 a layer: over 30 layers",
        "3.05e-5",
        || {
            let relu = Function::from(Activation::Relu);
            let layer = MeanField::new(&relu, 1.0, 0.0)?;
            let mut q = 1.0;
            for _ in 0..30 {
                q = layer.length(q)?;
            }
            Ok(vec![Quantity::near("", q.sqrt(), 3.05e-5, 5e-8)])
        },
    ),
    quick(
        "selu-jacobian",
        "Klambauer et al. 2017, equation 7",
        "the Jacobian of SELU's map of mean and variance at (0, 1)",
        "0.088834, 0.782648; spectral norm 0.7877",
        selu_jacobian,
    ),
    quick(
        "selu-domain",
        "Klambauer et al. 2017, theorem 1",
        "the map takes its domain into means of [-0.03106, 0.06773], variances of [0.80009, \
         1.48617]",
        "inside",
        selu_domain,
    ),
    quick(
        "selu-pytorch",
        "PyTorch, calculate_gain(\"selu\") = 3/4",
        "activations settle at a standard deviation near 0.2",
        "0.2",
        || {
            let selu = Function::from(Activation::Selu);
            let point = limit(&selu, 0.75 * 0.75, 0.0)?;
            let made = (point.q / (0.75f64 * 0.75)).sqrt();
            Ok(vec![
                Quantity::near("after SELU", made, 0.2, 0.01),
                Quantity::near("χ₁", point.chi1, 1.0, 0.01),
            ])
        },
    ),
    quick(
        "relu-collapse",
        "Zhang, Botev & Martens 2022 (TAT), section 3",
        "the cosine that a ReLU network makes of orthogonal inputs, 10, 50, 100 layers on; a leaky \
         slope of 0.4305 holds it at 0.9 over 50",
        "0.9 at the slope",
        collapse,
    ),
    quick(
        "truncation",
        "TensorFlow, Keras, JAX: variance scaling",
        "a normal cut at ±2σ keeps this part of its standard deviation",
        "0.87962566",
        || {
            let law = Distribution::TruncatedNormal {
                mean: 0.0,
                std: 1.0,
                low: -2.0,
                high: 2.0,
            };
            Ok(vec![Quantity::near("", law.std(), 0.879_625_661_03, 1e-11)])
        },
    ),
    Claim {
        name: "siren",
        paper: "Sitzmann et al. 2020, section 3.2",
        says: "sines keep pre-activations at variance 1 and activations at 1/2 at every depth",
        published: "1; 0.5",
        // The fixed point of q = 1 - e^(-2q) is 0.797: variances fall to it within a few layers.
        stands: false,
        measure: || {
            let sine = Function::from(Activation::Sin);
            let point = limit(&sine, 2.0, 0.0)?;
            Ok(vec![
                Quantity::near("before the sine", point.q, 1.0, 0.05),
                Quantity::near("after it", point.q / 2.0, 0.5, 0.025),
            ])
        },
        ..QUICK
    },
    quick(
        "siren-fixed-point",
        "theory of the above: q = 1 - e^(-2q)",
        "the variance before a sine settles at, and squared gradients grow by, per layer",
        "0.79681; 1.2032",
        || {
            let sine = Function::from(Activation::Sin);
            let point = limit(&sine, 2.0, 0.0)?;
            Ok(vec![
                Quantity::near("variance", point.q, 0.796_81, 1e-5),
                Quantity::near("χ₁", point.chi1, 1.2032, 1e-4),
            ])
        },
    ),
];

fn edge(bias_variance: f64, weight_variance: f64, tolerance: f64) -> Measured {
    let tanh = Function::from(Activation::Tanh);
    let edge: EdgeOfChaos = tanh.edge_of_chaos(bias_variance.sqrt())?;
    Ok(vec![Quantity::near(
        "",
        edge.weight_variance,
        weight_variance,
        tolerance,
    )])
}

fn limit(
    function: &Function<'_>,
    weight_variance: f64,
    bias_variance: f64,
) -> Result<semilla::activation::FixedPoint, Box<dyn std::error::Error>> {
    match MeanField::new(function, weight_variance, bias_variance)?.limit(1.0)? {
        Limit::Fixed(point) => Ok(point),
        other => Err(format!("no fixed point: {other:?}").into()),
    }
}

/// The cosine that a leaky ReLU layer of a slope makes, in closed form.
fn arc(c: f64, slope: f64) -> f64 {
    let bend = (1.0 - slope).powi(2) / (std::f64::consts::PI * (1.0 + slope * slope));
    c + bend * ((1.0 - c * c).max(0.0).sqrt() - c * c.clamp(-1.0, 1.0).acos())
}

fn cosines() -> Measured {
    let relu = Function::from(Activation::Relu);
    let layer = MeanField::new(&relu, 2.0, 0.0)?;
    let mut worst = 0.0f64;
    for c in [-0.9, -0.3, 0.0, 0.25, 0.8, 0.99] {
        worst = worst.max((layer.correlation(1.0, c)? - arc(c, 0.0)).abs());
    }
    Ok(vec![Quantity::at_most("largest difference", worst, 1e-12)])
}

fn decay() -> Measured {
    const DEPTH: u32 = 10_000;
    let c = (0..DEPTH).fold(0.0, |c, _| arc(c, 0.0));
    let depth = f64::from(DEPTH);
    let expected = 4.5 * std::f64::consts::PI.powi(2) / (depth * depth);
    Ok(vec![Quantity::near(
        "ratio at 10,000 layers",
        (1.0 - c) / expected,
        1.0,
        0.01,
    )])
}

fn deviations() -> Measured {
    let filters = [(64, 0.059), (128, 0.042), (256, 0.029), (512, 0.021)];
    let mut found = Vec::new();
    let mut deviations = Vec::new();
    for (size, published) in filters {
        let layer = Tensor::conv("conv.weight", [size, size, 3, 3]);
        let he = init::Initializer::from(init::kaiming_normal());
        let resolved = he.resolve(&layer, &Context::default())?;
        let Some(Fans { fan_in, .. }) = resolved.fans else {
            return Err("He's initializer has fans".into());
        };
        debug_assert_eq!(fan_in, 9.0 * size as f64);
        let std = resolved
            .fill
            .std()
            .ok_or("He's initializer has a deviation")?;
        found.push(Quantity::near(format!("{size}"), std, published, 6e-4));
        deviations.push(std / 0.01);
    }
    let [a, b, c, d] = deviations[..] else {
        return Err("four sizes".into());
    };
    let damped = a * b * b * c * c * d.powi(4);
    found.push(Quantity::near("damping", damped, 1.7e4, 500.0));
    Ok(found)
}

fn selu_jacobian() -> Measured {
    const STEP: f64 = 1e-3;
    let selu = Function::from(Activation::Selu);
    let (above, below) = (
        selu.moments(0.0, 1.0 + STEP)?,
        selu.moments(0.0, 1.0 - STEP)?,
    );
    // With weights of sum 0 and square sum 1 the mean of the inputs has no effect.
    let mean = (above.mean - below.mean) / (2.0 * STEP);
    let variance = (above.variance() - below.variance()) / (2.0 * STEP);
    Ok(vec![
        Quantity::near("mean by variance", mean, 0.088834, 2e-6),
        Quantity::near("variance by variance", variance, 0.782648, 2e-6),
        Quantity::near("norm", mean.hypot(variance), 0.7877, 5e-5),
    ])
}

fn selu_domain() -> Measured {
    let selu = Function::from(Activation::Selu);
    let (mut means, mut variances) = ([f64::MAX, f64::MIN], [f64::MAX, f64::MIN]);
    // Means and sums of weights of [-0.1, 0.1]; variances of [0.8, 1.5], square sums [0.95, 1.1].
    for mean in [-0.01, -0.005, 0.0, 0.005, 0.01] {
        for step in 0..=8 {
            let variance = 0.8 * 0.95 + (1.5 * 1.1 - 0.8 * 0.95) * f64::from(step) / 8.0;
            let made = selu.moments(mean, variance)?;
            for (range, value) in [(&mut means, made.mean), (&mut variances, made.variance())] {
                *range = [range[0].min(value), range[1].max(value)];
            }
        }
    }
    Ok(vec![
        Quantity::at_least("least mean", means[0], -0.031_065),
        Quantity::at_most("greatest mean", means[1], 0.067_735),
        Quantity::at_least("least variance", variances[0], 0.80009),
        Quantity::at_most("greatest variance", variances[1], 1.48617),
    ])
}

fn collapse() -> Measured {
    let after = |layers: u32, slope: f64| (0..layers).fold(0.0, |c, _| arc(c, slope));
    let mut found = Vec::new();
    for (layers, known) in [(10, 0.8715), (50, 0.9879), (100, 0.9964)] {
        let what = format!("{layers} layers");
        found.push(Quantity::near(what, after(layers, 0.0), known, 5e-5));
    }
    let leaky = Function::from(Activation::LeakyRelu { slope: 0.4305 });
    let layer = MeanField::new(&leaky, 2.0 / (1.0 + 0.4305f64.powi(2)), 0.0)?;
    let quadrature = layer.correlation(1.0, 0.5)?;
    let off = (quadrature - arc(0.5, 0.4305)).abs();
    found.push(Quantity::at_most("by quadrature, off", off, 1e-12));
    let held = after(50, 0.4305);
    found.push(Quantity::near("50 at the slope", held, 0.9, 1e-4));
    Ok(found)
}
