//! Predicted beside measured.
//!
//! `predicted [--samples N] [--seeds N] [--size AXIS=N] [--full] MODEL RECIPE ...` runs each model,
//! whatever `semilla check` runs, with the weights that the recipe or the scheme behind it plans,
//! and prints how far the measured layers are from the predicted ones: the part of numbers within 4
//! standard deviations, their root mean square, and the farthest.
//!
//! `predicted --zoo [PART]` does so for the built-in networks, or for those with this in their name,
//! and says where theory ends. `predicted --speed [PART]` measures the theory alone.

mod compared;
mod speed;
mod summary;
mod zoo;

use std::error::Error;

use compared::{Compared, compared};
use semilla_signal::Batch;
use summary::Summary;

fn main() -> Result<(), Box<dyn Error>> {
    let mut batch = Batch {
        samples: 32,
        ..Batch::default()
    };
    let (mut seeds, mut full) = (3, false);
    let mut arguments = std::env::args().skip(1);
    let mut total = Summary::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("a value is missing");
        match &*argument {
            "--samples" => batch.samples = value()?.parse()?,
            "--seeds" => seeds = value()?.parse()?,
            "--full" => full = true,
            "--size" => {
                let text = value()?;
                let (axis, size) = text.split_once('=').ok_or("write AXIS=N")?;
                batch.sizes.insert(axis.to_owned(), size.parse()?);
            }
            "--speed" => return speed::speed(&arguments.next().unwrap_or_default()),
            "--zoo" => {
                let part = arguments.next().unwrap_or_default();
                println!("{}", Summary::HEADER);
                for case in zoo::cases().filter(|case| case.model.contains(&part)) {
                    let found = compared(case.model, case.recipe, &case.batch, seeds)?;
                    show(&found, full, true);
                    total.add(&found.summary);
                }
            }
            model => {
                let found = compared(model, &value()?, &batch, seeds)?;
                if total.is_empty() {
                    println!("{}", Summary::HEADER);
                }
                show(&found, full, full);
                total.add(&found.summary);
            }
        }
    }
    println!("{}", total.line("all", ""));
    Ok(())
}

fn show(found: &Compared, full: bool, ends: bool) {
    println!("{}", found.summary.line(&found.model, &found.recipe));
    if full {
        found.layers.iter().for_each(|line| println!("  {line}"));
        println!("  {}", found.prediction);
    } else if ends {
        found.far.iter().for_each(|line| println!("  {line}"));
    }
    if ends {
        for end in &found.prediction.ends {
            println!("  ends at {}: {}", end.at, end.because);
        }
        for assumed in &found.prediction.assumed {
            println!("  assumed: {assumed}");
        }
    }
}
