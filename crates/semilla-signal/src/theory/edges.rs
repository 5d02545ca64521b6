//! Images whose middle differs from their borders.
//!
//! A place in the middle is in more windows of a padded convolution than one at the border: its
//! mean square is greater, and so is that of its gradient. Both grow with each layer.

use std::rc::Rc;

use super::axes::Axes;

/// Longer axes have little of a border.
pub(super) const LONGEST: usize = 64;

/// The mean square at each place along some axes, as parts of the mean.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges(Vec<Option<Rc<[f64]>>>);

/// The places of an image at each element of each window, along each of its axes, `None` beyond the
/// border; no windows along long axes.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows(pub(super) Vec<Vec<Window>>);

/// The places of a window along an axis.
pub(super) type Window = Vec<Option<usize>>;

impl Windows {
    /// The sums at each place along the axes behind the channels, and the factor on their mean
    /// beside that of an even image. `sums` makes them of an axis and its windows.
    fn summed(&self, sums: impl Fn(usize, &[Window]) -> Vec<f64>) -> (Edges, f64) {
        let (mut made, mut factor) = (vec![None, None], 1.0);
        for (axis, windows) in self.0.iter().enumerate() {
            if windows.is_empty() {
                made.push(None);
                continue;
            }
            let (parts, mean) = normalized(sums(axis + 2, windows));
            let even = windows.iter().flatten().flatten().count();
            factor *= mean * parts.len() as f64 / even.max(1) as f64;
            made.push(Some(parts));
        }
        (Edges(made), factor)
    }

    /// Sums of what all places have in common, less their mean over all windows: only what is
    /// missing beyond the border is left. The mean square is a part of that of the sums.
    pub(super) fn left(&self) -> (Edges, f64) {
        // For each axis how many elements windows have, the mean and the mean of two windows.
        let parts = |windows: &Vec<Window>| -> (Vec<f64>, f64, f64) {
            let elements = windows.first().map_or(0, Vec::len);
            let count = windows.len() as f64;
            let has = |element: &usize| {
                let of = |window: &&Window| window[*element].is_some();
                windows.iter().filter(of).count() as f64 / count
            };
            let covered: Vec<f64> = (0..elements).map(|element| has(&element)).collect();
            (
                covered.clone(),
                covered.iter().sum(),
                covered.iter().map(|f| f * f).sum(),
            )
        };
        let axes: Vec<(Vec<f64>, f64, f64)> = self.0.iter().map(parts).collect();
        let product = |but: usize, of: fn(&(Vec<f64>, f64, f64)) -> f64| -> f64 {
            let known = axes
                .iter()
                .enumerate()
                .filter(|(_, axis)| !axis.0.is_empty());
            known
                .filter(|(at, _)| *at != but)
                .map(|(_, axis)| of(axis))
                .product()
        };
        let none = usize::MAX;
        let (one, two) = (product(none, |axis| axis.1), product(none, |axis| axis.2));
        let mut made = vec![None, None];
        for (at, windows) in self.0.iter().enumerate() {
            let (one, both) = (product(at, |axis| axis.1), product(at, |axis| axis.2));
            let covered = &axes[at].0;
            let missing = |window: &Window| {
                let own = || {
                    window
                        .iter()
                        .zip(covered)
                        .filter(|(place, _)| place.is_some())
                };
                let shared: f64 = own().map(|(_, f)| f).sum();
                (own().count() as f64 * one - 2.0 * shared * both + two).max(0.0)
            };
            let parts: Vec<f64> = windows.iter().map(missing).collect();
            made.push((!parts.is_empty()).then(|| normalized(parts).0));
        }
        (
            Edges(made),
            if one > 0.0 {
                (1.0 - two / one).max(0.0)
            } else {
                0.0
            },
        )
    }
}

/// How what differs at borders goes back along a way.
#[derive(Clone, Default)]
pub(super) enum EdgeWay {
    /// As it is, where axes are the same.
    #[default]
    Same,
    /// To all places of each window.
    Windows(Rc<Windows>),
    /// Along other axes: for each axis of what it goes to, the one that it was.
    Moved(Vec<Option<usize>>),
    /// Each place was divided by its own length.
    Divided(Edges),
}

/// Values over their mean, and the mean.
fn normalized(values: Vec<f64>) -> (Rc<[f64]>, f64) {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let scale = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    (
        values.into_iter().map(|value| value * scale).collect(),
        mean,
    )
}

impl Edges {
    fn along(&self, axis: usize) -> Option<&Rc<[f64]>> {
        self.0.get(axis)?.as_ref()
    }

    /// Whether places differ along an axis.
    pub(super) fn is_uneven(&self, axis: usize) -> bool {
        self.along(axis).is_some()
    }

    /// Under axes that are these of the earlier ones.
    pub(super) fn moved(&self, sources: &[Option<usize>]) -> Self {
        let of = |source: &Option<usize>| self.along((*source)?).cloned();
        Self(sources.iter().map(of).collect())
    }

    /// Where axes have these sizes still.
    fn fitting(&self, axes: &Axes) -> Self {
        let of = |axis: usize| {
            let own = self.along(axis)?;
            (own.len() == axes.size(axis)).then(|| Rc::clone(own))
        };
        Self((0..axes.rank()).map(of).collect())
    }

    /// The sums over windows along the axes behind the channels, and the factor on their mean
    /// beside that of an even image.
    pub(super) fn summed(&self, windows: &Windows) -> (Self, f64) {
        windows.summed(|axis, windows| {
            let own = self.along(axis);
            let at = |&place: &usize| own.and_then(|own| own.get(place)).copied().unwrap_or(1.0);
            let sum = |window: &Window| window.iter().flatten().map(at).sum();
            windows.iter().map(sum).collect()
        })
    }

    /// The same of means over windows.
    pub(super) fn averaged(&self, windows: &Windows) -> Self {
        let mut made = vec![None, None];
        for (axis, windows) in windows.0.iter().enumerate() {
            let mean = |own: &Rc<[f64]>| {
                let of = |window: &Window| {
                    let inside = || window.iter().flatten();
                    let sum: f64 = inside().filter_map(|&place| own.get(place)).sum();
                    sum / inside().count().max(1) as f64
                };
                normalized(windows.iter().map(of).collect()).0
            };
            let own = self.along(axis + 2).filter(|_| !windows.is_empty());
            made.push(own.map(mean));
        }
        Self(made)
    }

    /// A sum of which two are these parts.
    pub(super) fn mixed(terms: [(&Self, f64); 2]) -> Self {
        let rank = terms[0].0.0.len().max(terms[1].0.0.len());
        let of = |axis: usize| {
            let len = terms.iter().find_map(|(edges, _)| edges.along(axis))?.len();
            let at = |edges: &Self, place: usize| match edges.along(axis) {
                Some(own) if own.len() == len => own[place],
                _ => 1.0,
            };
            let sum = |place| {
                terms
                    .iter()
                    .map(|(edges, part)| part * at(edges, place))
                    .sum()
            };
            Some(normalized((0..len).map(sum).collect()).0)
        };
        Self((0..rank).map(of).collect())
    }

    /// What a function makes of it whose second moment follows the variance by this exponent.
    pub(super) fn to_the(&self, exponent: f64) -> Self {
        let power = |own: &Rc<[f64]>| {
            normalized(
                own.iter()
                    .map(|part| libm::pow(part.max(0.0), exponent))
                    .collect(),
            )
            .0
        };
        Self(self.0.iter().map(|own| own.as_ref().map(power)).collect())
    }
}

impl EdgeWay {
    /// What differs at the borders of a gradient that came this way to a signal with these axes,
    /// and the factor on its mean beside that of an even one.
    pub(super) fn back(&self, gradient: &Edges, axes: &Axes) -> (Edges, f64) {
        match self {
            Self::Same => (gradient.fitting(axes), 1.0),
            Self::Moved(sources) => (gradient.moved(sources).fitting(axes), 1.0),
            Self::Divided(by) => divided(gradient, by, axes),
            Self::Windows(windows) => spread(gradient, windows, axes),
        }
    }
}

fn divided(gradient: &Edges, by: &Edges, axes: &Axes) -> (Edges, f64) {
    let mut factor = 1.0;
    let of = |axis: usize| {
        let by = by.along(axis)?;
        let own = gradient.along(axis).filter(|own| own.len() == by.len());
        let at = |place: usize| own.map_or(1.0, |own| own[place]) / by[place].max(1e-9);
        let (parts, mean) = normalized((0..by.len()).map(at).collect());
        factor *= mean;
        Some(parts)
    };
    let made = Edges((0..axes.rank()).map(of).collect());
    (made.fitting(axes), factor)
}

fn spread(gradient: &Edges, windows: &Windows, axes: &Axes) -> (Edges, f64) {
    windows.summed(|axis, windows| {
        let own = gradient.along(axis);
        let own = own.filter(|own| own.len() == windows.len());
        let mut places = vec![0.0; axes.size(axis)];
        for (at, window) in windows.iter().enumerate() {
            let each = own.map_or(1.0, |own| own[at]);
            for &place in window.iter().flatten() {
                places[place] += each;
            }
        }
        places
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-9, "{got} {want}");
    }

    /// Three places wide windows over four places, padded: after many layers the sums grow by the
    /// greatest eigenvalue, 1 + 2 cos(π/5), where an even image's first grow by 10/4.
    #[test]
    fn borders_settle_at_an_eigenvector() {
        let place = |at: usize| at.checked_sub(1).filter(|&place| place < 4);
        let places = (0..4).map(|first| (first..first + 3).map(place).collect());
        let windows = Windows(vec![places.collect()]);
        // What all have in common: windows at the ends have 2, the others 3; elements are there in
        // 3, 4 and 3 of 4 windows. Σ f (1 - f) = 2 · 3/16 of 10/4.
        let (left, part) = windows.left();
        near(part, 0.375 / 2.5);
        // (1 - 3/4)² + 1/16 in the middle, (3/4)² + 1/16 at the ends.
        let ratio = left.along(2).unwrap();
        near(ratio[0] / ratio[1], (0.5625 + 0.0625) / 0.125);
        let mut edges = Edges::default();
        let mut factor = 0.0;
        for layer in 0..40 {
            (edges, factor) = edges.summed(&windows);
            if layer == 0 {
                near(factor, 1.0);
            }
        }
        near(factor * 2.5, 1.0 + 2.0 * (std::f64::consts::PI / 5.0).cos());
        // Windows are their own transposes: gradients do the same.
        let axes = Axes::of(&[2, 3, 4]).unwrap();
        let way = EdgeWay::Windows(Rc::new(windows));
        let mut gradient = Edges::default();
        for _ in 0..40 {
            (gradient, factor) = way.back(&gradient, &axes);
        }
        near(factor * 2.5, 1.0 + 2.0 * (std::f64::consts::PI / 5.0).cos());
        let (_, factor) = EdgeWay::Divided(edges.clone()).back(&edges, &axes);
        near(factor, 1.0);
    }
}
