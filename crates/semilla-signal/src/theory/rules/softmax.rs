//! Softmax: shares of attention, near uniform where scores vary little.

use super::super::axes::Mask;
use super::super::node::{Link, Node, Origin, Row};
use super::super::signal::Signal;
use super::super::state::{Gap, Known, Step, Theory};

/// Scores that vary more put all on one place.
const MOST_VARIANCE: f64 = 60.0;
/// Variances of rows that stray by more, as a part of their square, are taken for this.
const MOST_STRAY: f64 = 0.5;
/// Rows of a masked matrix that are looked at for pairs.
const MOST_ROWS: usize = 64;

/// How much of what one row concentrates another does too whose scores share this part of the
/// variance.
fn shared(variance: f64, part: f64) -> f64 {
    match variance > 1e-9 {
        true => libm::expm1(part * variance) / libm::expm1(variance),
        false => part,
    }
}

/// `Softmax` over an axis. `visible` has, for each row of a masked matrix of scores, how many places
/// it sees; rows see the first of them.
pub(super) fn softmax(
    theory: &mut Theory,
    step: &Step<'_>,
    visible: Option<&[f64]>,
) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let from = &theory.nodes[x];
    let axes = from.signal.axes.clone();
    let default = if step.opset < 13 { 1 } else { -1 };
    let axis = step.axis(step.int("axis", default), axes.rank())?;
    let over = match step.opset < 13 {
        true => axes.masks(axis..axes.rank()),
        false => axes.mask(axis),
    };
    let places = axes.places(over);
    let rows_atoms = match visible.is_some() && axis > 0 {
        true => axes.mask(axis - 1),
        false => 0,
    };
    let whole = [places];
    let visible = visible.unwrap_or(&whole);
    let kernel = &from.signal.kernel;
    let variance_of = |mask: Mask| {
        let variance = (kernel[mask & !over] - kernel[mask | over]).max(0.0);
        if variance.is_nan() { 0.0 } else { variance }
    };
    let variance = variance_of(0).min(MOST_VARIANCE);
    let strays = (from.fourth / 3.0 - 1.0).clamp(0.0, MOST_STRAY);
    let rows = theory.concentrations.rows(variance, strays, visible);
    // In the order of what they see; of many, some.
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| a.sees.total_cmp(&b.sees));
    let every = sorted.len().div_ceil(MOST_ROWS);
    let sorted: Vec<Row> = sorted.into_iter().step_by(every).collect();
    let count = sorted.len() as f64;
    // What two rows put on the same place: those that see less are within those that see more.
    let together = |part: f64, is_apart: bool| -> f64 {
        let shared = shared(variance, part);
        let even = |row: &Row| 1.0 / row.sees;
        let of = |row: &Row| even(row) + (row.share - even(row)) * shared;
        let each = sorted.iter().map(of);
        match is_apart && sorted.len() > 1 {
            false => each.sum::<f64>() / count,
            true => {
                let pairs = each.enumerate().map(|(i, share)| i as f64 * share);
                2.0 * pairs.sum::<f64>() / (count * (count - 1.0))
            }
        }
    };
    let made = (0..kernel.len()).map(|mask: Mask| {
        let own = variance_of(mask).min(variance);
        let part = if variance > 0.0 { own / variance } else { 1.0 };
        let shares = together(part, mask & rows_atoms != 0);
        match mask & over {
            0 => shares / places,
            _ => (1.0 - shares) / (places * (places - 1.0)),
        }
    });
    let signal = Signal {
        kernel: made.collect(),
        mean: 1.0 / places,
        axes: axes.clone(),
    };
    let mut node = Node::normal(signal, from.units, Origin::Other);
    node.chance = from.chance;
    let leans = rows.iter().map(|row| row.leans).sum::<f64>() / rows.len() as f64;
    let steep = |mask: Mask| leans * variance_of(mask & !over);
    node.steep = Some((0..kernel.len()).map(steep).collect());
    // y (g - Σ y g): what is the same in all places of a row does nothing, and a row that looks at
    // one place only gets nothing.
    let all: f64 = rows.iter().map(|row| row.share).sum();
    let passed: f64 = rows.iter().map(|row| row.passes).sum();
    let left = passed / all;
    if let Some(lift) = &from.lift {
        lift.set((rows.len() as f64 - all) / passed.max(f64::MIN_POSITIVE));
    }
    let is_masked = rows.len() > 1;
    let weights = is_masked.then(|| {
        let even = passed / rows.len() as f64;
        let of = |row: &Row| row.passes / even.max(f64::MIN_POSITIVE);
        rows.iter().map(of).collect()
    });
    let shares = node.signal.kernel.clone();
    let back = move |gradient: &[f64]| {
        let of = |mask: Mask| {
            let same = mask & !over;
            let own = shares[same] * left * (gradient[same] - gradient[same | over]);
            if mask & over == 0 {
                own
            } else {
                -own / (places - 1.0)
            }
        };
        (0..gradient.len()).map(of).collect()
    };
    node.links.push(Link {
        weights,
        ..Link::plain(x, back)
    });
    node.rows = is_masked.then_some(rows);
    Ok(Known::Signal(theory.push(node)))
}
