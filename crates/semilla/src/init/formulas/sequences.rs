//! Recurrent gates, positions, state spaces.

use crate::expression::Scalar;
use crate::fill::{Fill, Section};
use crate::init::catalogue::{Chrono, GateBias, MambaDtBias, RotaryFrequencies, S4d, Sinusoidal};
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};

impl Formula for GateBias {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let constant = |value: &Scalar| {
            let value = place.value("values", value)?;
            Ok(Fill::Constant { value })
        };
        let fills: Result<Vec<Fill>, InitError> = self.values.iter().map(constant).collect();
        gates(place, fills?)
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Chrono {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let t_max = place.value("t_max", &self.t_max)?;
        let t_max = place.within("t_max", t_max, t_max > 2.0, "above 2")?;
        let zero = Fill::Constant { value: 0.0 };
        let gate = |sign| Fill::LogUniform {
            low: 1.0,
            high: t_max - 1.0,
            sign,
        };
        gates(place, vec![gate(-1.0), gate(1.0), zero.clone(), zero])
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

/// One fill per gate of a stacked bias.
fn gates(place: &Place<'_>, fills: Vec<Fill>) -> Result<Resolved, InitError> {
    let gates = fills.len();
    let size = match place.tensor.shape[..] {
        [size] if gates > 0 && size % gates == 0 => size / gates,
        _ => return Err(place.needs(format!("a vector of {gates} equal gates"))),
    };
    let sections = fills.into_iter().map(|fill| Section { size, fill });
    Ok(Resolved::plain(Fill::in_a_row(0, sections.collect())))
}

impl Formula for Sinusoidal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        if place.tensor.shape.len() < 2 {
            return Err(place.needs("a table of positions, [positions, width]"));
        }
        let base = place.positive("base", &self.base)?;
        Ok(Resolved::plain(Fill::Sinusoidal {
            base,
            halves: self.halves,
        }))
    }
}

impl Formula for RotaryFrequencies {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let base = place.positive("base", &self.base)?;
        Ok(Resolved::plain(Fill::RotaryFrequencies { base }))
    }
}

impl Formula for S4d {
    fn at(&self, _: &Place<'_>) -> Result<Resolved, InitError> {
        Ok(Resolved::plain(Fill::S4d { part: self.part }))
    }
}

impl Formula for MambaDtBias {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let dt_min = place.positive("dt_min", &self.dt_min)?;
        let dt_max = place.value("dt_max", &self.dt_max)?;
        let dt_max = place.within("dt_max", dt_max, dt_max >= dt_min, "at least dt_min")?;
        let floor = place.positive("floor", &self.floor)?;
        Ok(Resolved::plain(Fill::MambaDtBias {
            dt_min,
            dt_max,
            floor,
        }))
    }
}
