//! Claims about the rank of what attention makes.

use semilla_signal::Array;

use super::claim::{Claim, QUICK, Quantity};
use super::net::{Draft, normal};

pub(crate) const CLAIMS: &[Claim] = &[Claim {
    name: "attention-rank",
    paper: "Dong, Cordonnier & Loukas 2021, theorem 2.2",
    says: "attention without residual sums turns all tokens into one, doubly exponentially with \
           depth: the part of them that differs after 6 layers; with residual sums after 12",
    published: "0 soon; kept",
    measure: || {
        Ok(vec![
            Quantity::at_most("6 layers", differing(6, false)?, 1e-6),
            Quantity::at_least("12 with residual sums", differing(12, true)?, 0.01),
        ])
    },
    ..QUICK
}];

const TOKENS: usize = 32;
const WIDTH: usize = 64;

/// The norm of tokens' differences from their mean over their norm, after layers of attention.
fn differing(layers: usize, is_residual: bool) -> Result<f64, Box<dyn std::error::Error>> {
    let mut draft = Draft::<f64>::new();
    let mut tokens = draft.put("Identity", &["x"]);
    let root = draft.weight(Array::filled([1], (WIDTH as f64).sqrt().recip()));
    for layer in 0..layers {
        let projected = |draft: &mut Draft<f64>, part: &str| {
            let name = format!("{layer} {part}");
            let std = (WIDTH as f64).sqrt().recip();
            let weight = draft.weight(normal(&name, 13, &[WIDTH, WIDTH], std));
            draft.put("MatMul", &[&tokens, &weight])
        };
        let [query, key, value] = ["query", "key", "value"].map(|part| projected(&mut draft, part));
        let key = draft.put("Transpose", &[&key]);
        let scores = draft.put("MatMul", &[&query, &key]);
        let scores = draft.put("Mul", &[&scores, &root]);
        let weights = draft.put("Softmax", &[&scores]);
        let mixed = draft.put("MatMul", &[&weights, &value]);
        tokens = match is_residual {
            true => draft.put("Add", &[&tokens, &mixed]),
            false => mixed,
        };
    }
    draft.put("Identity", &[&tokens]);
    let trace = draft.net().run(&normal("x", 13, &[TOKENS, WIDTH], 1.0))?;
    let made = trace.array(trace.find("y").ok_or("y")?).data();
    let mean = |unit: usize| {
        let column = made.iter().skip(unit).step_by(WIDTH);
        column.sum::<f64>() / TOKENS as f64
    };
    let means: Vec<f64> = (0..WIDTH).map(mean).collect();
    let (mut apart, mut all) = (0.0, 0.0);
    for row in made.chunks(WIDTH) {
        for (x, mean) in row.iter().zip(&means) {
            apart += (x - mean).powi(2);
            all += x * x;
        }
    }
    Ok((apart / all).sqrt())
}
