//! Claims about narrow networks: many of them at once, as stacks of matrices.

use semilla_signal::Array;

use super::claim::{Claim, Measured, QUICK, Quantity};
use super::net::{Draft, normal};

pub(crate) const CLAIMS: &[Claim] = &[Claim {
    name: "born-dead",
    paper: "Lu et al. 2019, section 4 and figure 2",
    says: "the part of 10-layer ReLU networks on numbers that are born constant, at width 10, 5, 3 \
           and 2",
    published: "< 1 %; > 10 %; about 60 %; > 90 %",
    measure: born_dead,
    ..QUICK
}];

fn born_dead() -> Measured {
    Ok(vec![
        Quantity::at_most("10", dead(10, 2_000)?, 0.01),
        Quantity::at_least("5", dead(5, 4_000)?, 0.10),
        Quantity::near("3", dead(3, 4_000)?, 0.6, 0.05),
        Quantity::at_least("2", dead(2, 10_000)?, 0.90),
    ])
}

/// The part of networks of ten hidden layers, without biases, that make nothing of either sign of
/// their input.
fn dead(width: usize, networks: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let mut draft = Draft::<f32>::new();
    let mut state = "x".to_owned();
    for layer in 0..10 {
        let inputs = if layer == 0 { 1 } else { width };
        let name = format!("{width} {layer}");
        let weight = draft.weight(normal(&name, 11, &[networks, width, inputs], 1.0));
        state = draft.put("MatMul", &[&weight, &state]);
        state = draft.put("Relu", &[&state]);
    }
    let x = Array::new([1, 1, 2], vec![1.0, -1.0]).ok_or("two numbers")?;
    let trace = draft.net().run(&x)?;
    let made = trace.array(trace.find("y").ok_or("y")?);
    let silent = made
        .data()
        .chunks(2 * width)
        .filter(|network| network.iter().all(|&h| h == 0.0));
    Ok(silent.count() as f64 / networks as f64)
}
