//! A different number of input channels.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::fill::{Along, Run};
use crate::layout::Axis;

/// How a convolution or linear layer gets a different number of input channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Fewer channels: each is the sum of neighbours, so the response to equal channels stays.
    Sum,
    /// Every channel is the mean of all: the response to equal channels changes by the ratio of
    /// their numbers.
    Mean,
    /// Channels repeated in turns, all times old / new; one channel is the sum. `timm`'s
    /// `adapt_input_conv`: exact for equal channels only if the new number is a multiple of the
    /// old.
    Timm,
    /// Channels repeated in turns, each divided by how often it occurs (fewer: sums): the response
    /// to equal channels stays, whatever the numbers.
    Preserve,
    /// New channels zero: the response to the old ones stays, the new ones are ignored at first.
    Zero,
}

const STAYS: &str = "the response to equal channels stays";

impl Channels {
    pub(super) fn settle(self, draft: &mut Draft<'_>) -> Result<(), String> {
        let axis = draft.axis(Axis::In).ok_or("it has no input channels")?;
        if !draft.differs(axis) {
            return Ok(());
        }
        let (old, new) = draft.sizes(axis);
        if old == 0 || new == 0 {
            return Err("it has 0 input channels on one side".to_owned());
        }
        let (runs, note) = self.runs(old, new)?;
        draft.settle(axis, Along::Runs(runs));
        let name = format!("{self:?}").to_lowercase();
        draft.note(format!("{old} to {new} input channels by {name}: {note}"));
        Ok(())
    }

    /// The runs that make `new` channels of `old`, and what they keep true.
    fn runs(self, old: usize, new: usize) -> Result<(Vec<Run>, &'static str), String> {
        let sums = new < old && old.is_multiple_of(new);
        // timm sums for gray input only: one channel, or one per position of a space-to-depth stem
        // of RGB.
        let timm_sums = new == 1 || (old > 3 && old == 3 * new);
        Ok(match self {
            Channels::Sum if !sums => {
                return Err(format!(
                    "{old} channels cannot be summed into {new} equal groups; use channels:preserve"
                ));
            }
            Channels::Sum => (grouped(old, new), STAYS),
            Channels::Timm if sums && timm_sums => (grouped(old, new), STAYS),
            Channels::Timm => {
                let runs = in_turns(old, new, |_| old as f64 / new as f64);
                match new.is_multiple_of(old) {
                    true => (runs, STAYS),
                    false => (
                        runs,
                        "the response to equal channels changes unless all kernels are alike",
                    ),
                }
            }
            Channels::Preserve if new < old => (grouped(old, new), STAYS),
            Channels::Preserve => {
                let times = |index: usize| (index..new).step_by(old).count() as f64;
                (in_turns(old, new, |from| 1.0 / times(from)), STAYS)
            }
            Channels::Mean => (
                means(old, new),
                "the response to equal channels changes by new / old",
            ),
            Channels::Zero if new < old => {
                return Err(
                    "channels:zero only adds channels, but the model has fewer; use channels:sum \
                     or channels:preserve"
                        .to_owned(),
                );
            }
            Channels::Zero => (
                zero_padded(old, new),
                "the response to the old channels stays",
            ),
        })
    }
}

fn scaled(scale: f64, from: usize, to: usize) -> Run {
    Run {
        scale,
        ..Run::new(from, to, 1)
    }
}

/// Each new channel is the sum of neighbouring old ones.
fn grouped(old: usize, new: usize) -> Vec<Run> {
    (0..old)
        .map(|from| Run::new(from, from * new / old, 1))
        .collect()
}

/// The old channels in turns, each times its scale.
fn in_turns(old: usize, new: usize, scale: impl Fn(usize) -> f64) -> Vec<Run> {
    (0..new)
        .map(|to| scaled(scale(to % old), to % old, to))
        .collect()
}

fn means(old: usize, new: usize) -> Vec<Run> {
    let all = (0..new).flat_map(|to| (0..old).map(move |from| (from, to)));
    all.map(|(from, to)| scaled(1.0 / old as f64, from, to))
        .collect()
}

fn zero_padded(old: usize, new: usize) -> Vec<Run> {
    let zeros = (old..new).map(|to| scaled(0.0, 0, to));
    std::iter::once(Run::new(0, 0, old)).chain(zeros).collect()
}

#[cfg(test)]
mod tests {
    use crate::transfer::fixtures::one;

    /// Element [o, i, k] of the source is 6 o + 2 i + k.
    #[test]
    fn channels_do_what_they_say() {
        let conv = |to: usize, op: &str| {
            let shape = [1, to, 2];
            one(("conv.weight", &[1, 3, 2]), ("conv.weight", &shape), op)
        };
        assert_eq!(conv(1, "channels:sum").unwrap(), [6.0, 9.0]);
        assert_eq!(conv(1, "channels:timm").unwrap(), [6.0, 9.0]);
        assert_eq!(conv(1, "channels:mean").unwrap(), [2.0, 3.0]);
        assert_eq!(
            conv(4, "channels:zero").unwrap(),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]
        );
        assert_eq!(
            conv(4, "channels:preserve").unwrap(),
            [0.0, 0.5, 2.0, 3.0, 4.0, 5.0, 0.0, 0.5]
        );
        let timm: Vec<f64> = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 1.0]
            .iter()
            .map(|x| x * 0.75)
            .collect();
        assert_eq!(conv(4, "channels:timm").unwrap(), timm);
        assert_eq!(conv(2, "channels:preserve").unwrap(), [2.0, 4.0, 4.0, 5.0]);
        assert!(
            conv(2, "channels:sum")
                .unwrap_err()
                .contains("cannot be summed into 2 equal groups")
        );
        assert!(conv(2, "channels:zero").is_err());
        for to in 1..9 {
            let gray: f64 = conv(to, "channels:preserve")
                .unwrap()
                .iter()
                .step_by(2)
                .sum();
            assert!((gray - 6.0).abs() < 1e-12, "{to} channels");
        }
    }
}
