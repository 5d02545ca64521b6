//! Signals whose scale a normalization takes away.

use super::node::{Origin, SignalId, Turn};
use super::whole::Whole;
use crate::measure::NORMALIZED;

/// Of each signal whether its scale is lost before anything else takes it.
fn scale_free(whole: &Whole) -> Vec<bool> {
    let nodes = &whole.followed.theory.nodes;
    // Of what takes a signal: whether all of it loses the scale.
    let mut found: Vec<Option<bool>> = vec![None; nodes.len()];
    for id in (0..nodes.len()).rev() {
        let own = found[id] == Some(true);
        for link in &nodes[id].links {
            let keeps = match nodes[id].origin {
                Origin::Affine(of, ..) => of == link.to,
                _ => matches!(link.turn, Turn::Even | Turn::Slopes(_)),
            };
            let loses = link.pulled.is_some() || own && keeps;
            let known = &mut found[link.to];
            *known = Some(known.unwrap_or(true) && loses);
        }
    }
    found.into_iter().map(|found| found == Some(true)).collect()
}

/// What steps of training do not see of the logarithm of the squared gradient at the main path's start
/// over that at its end.
pub(super) fn absorbed(whole: &Whole) -> f64 {
    let is_free = scale_free(whole);
    let free = whole.path.windows(2).filter(|two| is_free[two[0].after]);
    let logs = free.filter_map(|two| {
        let log = |id: SignalId| Some(whole.gradient(id)?.value.ln());
        let change = log(two[0].id)? - log(two[1].id)?;
        change.is_finite().then_some(change)
    });
    (1.0 - NORMALIZED) * logs.sum::<f64>()
}
