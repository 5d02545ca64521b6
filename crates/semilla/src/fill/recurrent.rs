//! Gates and state spaces.

use super::error::FillError;
use super::kind::Kind;
use super::kinds::StatePart;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::number::rounded;
use crate::stream::Stream;

/// A uniform value on [0, 1) of 32 bits.
fn unit(stream: Stream, index: u64) -> f64 {
    f64::from(stream.word(index)) / 4_294_967_296.0
}

/// Tallec & Ollivier, *Can recurrent neural networks warp time?*, ICLR 2018, section 2.
pub(super) struct LogUniform {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) sign: f64,
}

impl Kind for LogUniform {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let (low, high) = (self.low, self.high);
        let holds = low > 0.0 && high >= low && high.is_finite();
        target.needs(holds, "it needs 0 < low ≤ high")?;
        target.needs(self.sign.abs() == 1.0, "sign must be 1 or -1")
    }

    fn source(&self, stream: Stream, _: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let (low, width, sign) = (self.low, self.high - self.low, self.sign);
        Ok(Source::each(move |i| {
            sign * libm::log(unit(stream, i).mul_add(width, low))
        }))
    }

    fn description(&self) -> String {
        format!("log U({}, {})", rounded(self.low), rounded(self.high))
    }
}

/// Gu et al., *On the Parameterization and Initialization of Diagonal State Space Models*, NeurIPS
/// 2022, section 4.
pub(super) struct S4d {
    pub(super) part: StatePart,
}

impl Kind for S4d {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.needs_axes(1)
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let (size, part) = (target.last() as u64, self.part);
        Ok(Source::each(move |i| {
            let n = (i % size) as f64;
            match part {
                StatePart::ALog => libm::log(n + 1.0),
                StatePart::Real => -(n + 1.0),
                StatePart::LinLogReal => -std::f64::consts::LN_2,
                StatePart::LinImaginary => std::f64::consts::PI * n,
            }
        }))
    }
}

/// Gu & Dao, *Mamba*, 2023, section 3.6.
pub(super) struct MambaDtBias {
    pub(super) dt_min: f64,
    pub(super) dt_max: f64,
    pub(super) floor: f64,
}

impl Kind for MambaDtBias {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let ordered = self.dt_min > 0.0 && self.dt_max >= self.dt_min && self.dt_max.is_finite();
        let holds = ordered && self.floor > 0.0 && self.floor.is_finite();
        target.needs(holds, "it needs 0 < dt_min ≤ dt_max and floor > 0")
    }

    fn source(&self, stream: Stream, _: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let (low, high) = (libm::log(self.dt_min), libm::log(self.dt_max));
        let floor = self.floor;
        Ok(Source::each(move |i| {
            let dt = libm::exp(unit(stream, i).mul_add(high - low, low)).max(floor);
            dt + libm::log(-libm::expm1(-dt))
        }))
    }

    fn description(&self) -> String {
        let (low, high) = (rounded(self.dt_min), rounded(self.dt_max));
        format!("softplus⁻¹ of {low}..{high}")
    }
}
