//! Kernels of convolutions with structure.

use crate::fill::Fill;
use crate::init::catalogue::{Bilinear, DeltaOrthogonal, Dirac, Icnr};
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};
use crate::layout::Axis;

impl Formula for Dirac {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let (outputs, _) = place.sides()?;
        if place.kernel_axes()? == 0 {
            return Err(place.needs("a convolution's kernel (3 to 5 axes)"));
        }
        let groups = self.groups;
        if groups == 0 || outputs % groups != 0 {
            return Err(place.needs(format!("outputs divisible by {groups} groups")));
        }
        let layout = place.layout()?.clone();
        Ok(Resolved::plain(Fill::Dirac { groups, layout }))
    }
}

impl Formula for DeltaOrthogonal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let gain = place.value("gain", &self.gain)?;
        let (outputs, inputs) = place.sides()?;
        if outputs < inputs || place.kernel_axes()? == 0 {
            return Err(place.needs("a convolution with outputs ≥ inputs"));
        }
        let layout = place.layout()?.clone();
        Ok(Resolved {
            gain: Some(gain),
            ..Resolved::plain(Fill::DeltaOrthogonal { gain, layout })
        })
    }
}

impl Formula for Icnr {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let axis = place.layout()?.axis(Axis::Out);
        let axis = axis.ok_or_else(|| place.needs("an output axis"))?;
        let outputs = place.tensor.shape[axis];
        let repeats = self.upscale.checked_pow(2).filter(|&r| r > 0);
        let repeats = repeats
            .filter(|&r| outputs.is_multiple_of(r))
            .ok_or_else(|| place.needs(format!("outputs divisible by {}²", self.upscale)))?;
        let mut kernel = place.tensor.clone();
        kernel.shape[axis] /= repeats;
        let inner = self.of.formula().at(&Place {
            name: self.of.name(),
            tensor: &kernel,
            context: place.context,
        })?;
        let fill = Fill::Repeated {
            axis,
            repeats,
            of: Box::new(inner.fill),
        };
        Ok(Resolved { fill, ..inner })
    }
}

impl Formula for Bilinear {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        if place.kernel_axes()? == 0 {
            return Err(place.needs("a convolution's kernel"));
        }
        let layout = place.layout()?.clone();
        Ok(Resolved::plain(Fill::Bilinear { layout }))
    }
}
