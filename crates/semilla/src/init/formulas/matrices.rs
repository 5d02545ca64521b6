//! Matrices with structure: identities, sparse, orthogonal and mimetic ones.

use crate::expression::Scalar;
use crate::fill::{Fill, halved};
use crate::init::catalogue::{
    Centred, ColumnOrthogonal, Eye, Hadamard, LooksLinear, Mimetic, Orthogonal, Sparse,
};
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};
use crate::init::parameters::{Projection, Sides};
use crate::layout::Axis;
use crate::stream::Key;

impl Formula for Eye {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        if place.tensor.shape.len() != 2 {
            return Err(place.needs("two axes"));
        }
        let gain = place.value("gain", &self.gain)?;
        Ok(Resolved::plain(Fill::Eye { gain }))
    }
}

impl Formula for Sparse {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let &[rows, _] = place.tensor.shape.as_slice() else {
            return Err(place.needs("two axes"));
        };
        let sparsity = place.value("sparsity", &self.sparsity)?;
        let holds = (0.0..=1.0).contains(&sparsity);
        let sparsity = place.within("sparsity", sparsity, holds, "between 0 and 1")?;
        let std = place.magnitude("std", &self.std)?;
        let zeros = (sparsity * rows as f64).ceil() as usize;
        Ok(Resolved::plain(Fill::Sparse { std, zeros }))
    }
}

impl Formula for Orthogonal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        orthogonal(place, &self.gain)
    }
}

impl Formula for ColumnOrthogonal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let resolved = orthogonal(place, &self.gain)?;
        let (outputs, inputs) = place.sides()?;
        let field = place.layout()?.receptive_field(&place.tensor.shape);
        if outputs < inputs.saturating_mul(field) {
            return Err(place.needs("outputs ≥ inputs"));
        }
        Ok(resolved)
    }
}

fn orthogonal(place: &Place<'_>, gain: &Scalar) -> Result<Resolved, InitError> {
    let gain = place.value("gain", gain)?;
    let axes = place.layout()?.axes();
    let shape = &place.tensor.shape;
    if shape.len() < 2 {
        return Err(place.needs("two axes or more"));
    }
    let is_stacked = axes[0] == Axis::Stack;
    if axes[1..].contains(&Axis::Stack) {
        return Err(place.needs("a stack axis in front"));
    }
    let one = &shape[usize::from(is_stacked)..];
    let rows = if axes.last() == Some(&Axis::Out) {
        // A product beyond usize is refused with the whole shape, which is larger still.
        let sizes = one[..one.len() - 1].iter();
        sizes.fold(1usize, |rows, &size| rows.saturating_mul(size))
    } else {
        one[0]
    };
    let matrix = Fill::Orthogonal { gain, rows };
    let fill = if is_stacked {
        Fill::Stacked {
            of: Box::new(matrix),
        }
    } else {
        matrix
    };
    Ok(Resolved {
        gain: Some(gain),
        ..Resolved::plain(fill)
    })
}

impl Formula for Hadamard {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let layout = place.layout()?.clone();
        Ok(Resolved::plain(Fill::Hadamard { layout }))
    }
}

impl Formula for LooksLinear {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let layout = place.layout()?;
        let sides: &[Axis] = match self.sides {
            Sides::Both => &[Axis::Out, Axis::In],
            Sides::Outputs => &[Axis::Out],
            Sides::Inputs => &[Axis::In],
        };
        let axes: Option<Vec<usize>> = sides.iter().map(|&side| layout.axis(side)).collect();
        let mut axes = axes.ok_or_else(|| place.needs("an output and an input axis"))?;
        axes.sort_unstable();
        let mut half = place.tensor.clone();
        half.shape = halved(&half.shape, &axes);
        let resolved = orthogonal(
            &Place {
                tensor: &half,
                ..*place
            },
            &self.gain,
        )?;
        let of = Box::new(resolved.fill);
        Ok(Resolved {
            fill: Fill::Mirrored { axes, of },
            ..resolved
        })
    }
}

impl Formula for Centred {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let axis = place.layout()?.axis(Axis::Out);
        let axis = axis.ok_or_else(|| place.needs("an output axis"))?;
        let resolved = self.of.formula().at(&Place {
            name: self.of.name(),
            ..*place
        })?;
        let of = Box::new(resolved.fill);
        Ok(Resolved {
            fill: Fill::Centred { axis, of },
            ..resolved
        })
    }
}

impl Formula for Mimetic {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let (outputs, inputs) = place.sides()?;
        if place.tensor.shape.len() != 2 || outputs != inputs {
            return Err(place.needs("a square matrix"));
        }
        if self.heads == 0 || outputs % self.heads != 0 {
            return Err(place.needs(format!("a width divisible by {} heads", self.heads)));
        }
        let attention = matches!(self.part, Projection::Query | Projection::Key);
        let weight = |parameter, given: &Option<Scalar>| match given {
            Some(scalar) => place.value(parameter, scalar),
            None => Ok(if attention { 0.7 } else { 0.4 }),
        };
        let alpha = weight("alpha", &self.alpha)?;
        let beta = weight("beta", &self.beta)?;
        let kind = if attention {
            "query-key"
        } else {
            "value-output"
        };
        let pair = self.pair.as_deref();
        let pair = pair.unwrap_or_else(|| module(&place.tensor.name));
        let noise = Key::new(place.context.seed, &format!("{pair}:{kind}"));
        Ok(Resolved::plain(Fill::Mimetic {
            part: self.part,
            heads: self.heads,
            alpha,
            beta,
            noise,
            out_first: place.layout()?.axis(Axis::Out) == Some(0),
        }))
    }
}

/// A name without its last two components.
fn module(name: &str) -> &str {
    name.rsplitn(3, '.').nth(2).unwrap_or("attention")
}
