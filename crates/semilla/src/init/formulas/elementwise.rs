//! Values that need no layout: constants, plain distributions, and values that are not drawn.
//!
//! Blocks make no difference to them.

use crate::distribution::Distribution;
use crate::fill::Fill;
use crate::init::catalogue::{
    Arange, Constant, Keep, Normal, Ones, Padded, Pretrained, TruncNormal, Uniform, Zeros,
};
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};
use crate::init::parameters::Bounds;

impl Formula for Constant {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let value = place.value("value", &self.value)?;
        Ok(Resolved::plain(Fill::Constant { value }))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Zeros {
    fn at(&self, _: &Place<'_>) -> Result<Resolved, InitError> {
        Ok(Resolved::plain(Fill::Constant { value: 0.0 }))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Ones {
    fn at(&self, _: &Place<'_>) -> Result<Resolved, InitError> {
        Ok(Resolved::plain(Fill::Constant { value: 1.0 }))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Uniform {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let low = place.value("low", &self.low)?;
        let high = place.value("high", &self.high)?;
        let law = Distribution::Uniform { low, high };
        Ok(Resolved::plain(Fill::Draw(law)))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Normal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let mean = place.value("mean", &self.mean)?;
        let std = place.magnitude("std", &self.std)?;
        let law = Distribution::Normal { mean, std };
        Ok(Resolved::plain(Fill::Draw(law)))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for TruncNormal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let mean = place.value("mean", &self.mean)?;
        let std = place.magnitude("std", &self.std)?;
        let (a, b) = (place.value("a", &self.a)?, place.value("b", &self.b)?);
        let (low, high) = match self.units {
            Bounds::Std => (a.mul_add(std, mean), b.mul_add(std, mean)),
            Bounds::Absolute => (a, b),
        };
        let law = Distribution::TruncatedNormal {
            mean,
            std,
            low,
            high,
        };
        Ok(Resolved::plain(Fill::Draw(law)))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Padded {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let rows = place.tensor.shape.first().copied().unwrap_or(0);
        if self.row >= rows {
            return Err(place.needs(format!("more rows than {}", self.row)));
        }
        let inner = self.of.formula().at(&Place {
            name: self.of.name(),
            ..*place
        })?;
        let fill = Fill::Padded {
            row: self.row,
            of: Box::new(inner.fill),
        };
        Ok(Resolved { fill, ..inner })
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Arange {
    fn at(&self, _: &Place<'_>) -> Result<Resolved, InitError> {
        Ok(Resolved::plain(Fill::Arange))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Keep {
    fn at(&self, _: &Place<'_>) -> Result<Resolved, InitError> {
        Ok(Resolved::plain(Fill::Keep))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Pretrained {
    fn at(&self, _: &Place<'_>) -> Result<Resolved, InitError> {
        Err(InitError::NoCheckpoint)
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}
