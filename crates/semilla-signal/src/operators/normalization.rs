//! Normalizations: of layers, roots of mean squares, instances, groups and batches.

use semilla::graph::{Attribute, Node};

use crate::array::{Array, size};
use crate::executor::{Call, Made, Operand, Operator, Pass, Problem};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "LayerNormalization" => rows(call, true),
        "RMSNormalization" | "SimplifiedLayerNormalization" => rows(call, false),
        "InstanceNormalization" => channels(call, Share::Instance),
        "GroupNormalization" => channels(call, Share::Group),
        "BatchNormalization" => batch(call),
        "LpNormalization" => lp(call),
        "LRN" => lrn(call),
        "MeanVarianceNormalization" => Err(Problem::Unsupported("this normalization".to_owned())),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// Elements that are normalized together: `groups` times `segments` runs of `len` elements.
#[derive(Clone, Copy)]
struct Groups {
    groups: usize,
    group_step: usize,
    segments: usize,
    segment_step: usize,
    len: usize,
}

impl Groups {
    fn segments_of(&self, group: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let &Self {
            group_step,
            segments,
            segment_step,
            len,
            ..
        } = self;
        (0..segments).map(move |segment| {
            let start = group * group_step + segment * segment_step;
            start..start + len
        })
    }

    fn count(&self) -> usize {
        self.segments * self.len
    }
}

/// Each group brought to mean 0 (if centred) and mean square 1, then scaled and shifted.
struct Normalize {
    groups: Groups,
    epsilon: f64,
    is_centred: bool,
    /// Elements in a row that share a scale and a shift.
    run: usize,
}

impl Normalize {
    /// The normalized elements, and the factor of each group.
    fn normalized<T: Real>(&self, x: &[T]) -> (Vec<T>, Vec<T>) {
        let count = T::of(self.groups.count() as f64);
        let mut made = vec![T::zero(); x.len()];
        let factors = (0..self.groups.groups).map(|group| {
            let segments = || self.groups.segments_of(group);
            let sum: T = segments()
                .map(|segment| x[segment].iter().copied().sum())
                .sum();
            let mean = if self.is_centred {
                sum / count
            } else {
                T::zero()
            };
            let squares: T = segments()
                .map(|segment| x[segment].iter().map(|&x| (x - mean) * (x - mean)).sum())
                .sum();
            let factor = T::one() / (squares / count + T::of(self.epsilon)).sqrt();
            for segment in segments() {
                let pairs = made[segment.clone()].iter_mut().zip(&x[segment]);
                pairs.for_each(|(made, &x)| *made = (x - mean) * factor);
            }
            factor
        });
        let factors = factors.collect();
        (made, factors)
    }

    /// The parameter of an element.
    fn parameter(&self, at: usize, count: usize) -> usize {
        at / self.run % count
    }
}

impl<T: Real> Operator<T> for Normalize {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let (mut made, _) = self.normalized(inputs[0].data());
        let [scale, shift] = [1, 2].map(|input| inputs.get(input).map(|array| array.data()));
        for (at, y) in made.iter_mut().enumerate() {
            if let Some(scale) = scale {
                *y *= scale[self.parameter(at, scale.len())];
            }
            if let Some(shift) = shift {
                *y += shift[self.parameter(at, shift.len())];
            }
        }
        vec![Array::new(inputs[0].shape(), made).expect("as many elements")]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let x = pass.inputs[0];
        let scale = pass.inputs.get(1).map(|array| array.data());
        let (normalized, factors) = self.normalized(x.data());
        let first = pass.if_wanted(0, || {
            let scaled: Vec<T> = match scale {
                None => gradient.data().to_vec(),
                Some(scale) => {
                    let terms = gradient.data().iter().enumerate();
                    terms
                        .map(|(at, &g)| g * scale[self.parameter(at, scale.len())])
                        .collect()
                }
            };
            let count = T::of(self.groups.count() as f64);
            let mut result = vec![T::zero(); x.data().len()];
            for (group, &factor) in factors.iter().enumerate() {
                let segments = || self.groups.segments_of(group);
                let (mut sum, mut along) = (T::zero(), T::zero());
                for at in segments().flatten() {
                    sum += scaled[at];
                    along += scaled[at] * normalized[at];
                }
                let mean = if self.is_centred {
                    sum / count
                } else {
                    T::zero()
                };
                for at in segments().flatten() {
                    result[at] = factor * (scaled[at] - mean - normalized[at] * along / count);
                }
            }
            Array::new(x.shape(), result).expect("as many elements")
        });
        let mut results = vec![first];
        for input in 1..pass.inputs.len() {
            results.push(pass.if_wanted(input, || {
                let mut sums = Array::filled(pass.inputs[input].shape(), T::zero());
                let count = sums.data().len();
                for (at, &g) in gradient.data().iter().enumerate() {
                    let term = if input == 1 { g * normalized[at] } else { g };
                    sums.data_mut()[self.parameter(at, count)] += term;
                }
                sums
            }));
        }
        results
    }
}

fn refuse_statistics<T: Real>(call: &Call<'_, T>) -> Result<(), Problem> {
    match call
        .node
        .outputs
        .iter()
        .skip(1)
        .any(|name| !name.is_empty())
    {
        true => Err(Problem::Unsupported(
            "statistics as a second output".to_owned(),
        )),
        false => Ok(()),
    }
}

/// Over the last axes.
fn rows<T: Real>(call: &Call<'_, T>, is_centred: bool) -> Result<Made<T>, Problem> {
    refuse_statistics(call)?;
    let (x, scale, shift) = (call.float(0)?, call.float(1)?, call.optional(2)?);
    let axis = call.axis(call.int("axis", -1)?, x.array.rank())?;
    let len = size(&x.array.shape()[axis..]);
    let fits = |operand: Operand<'_, T>| operand.array.data().len() == len && len > 0;
    if !fits(scale) || !shift.is_none_or(fits) {
        return Err(call.shapes("scale and shift have the normalized axes' size"));
    }
    let normalize = Normalize {
        groups: Groups {
            groups: x.array.data().len() / len,
            group_step: len,
            segments: 1,
            segment_step: len,
            len,
        },
        epsilon: call.real("epsilon", 1e-5)?,
        is_centred,
        run: 1,
    };
    Made::step(normalize, [x, scale].into_iter().chain(shift))
}

/// What shares its statistics with each other.
enum Share {
    Instance,
    Group,
}

fn channels<T: Real>(call: &Call<'_, T>, share: Share) -> Result<Made<T>, Problem> {
    let (x, scale, shift) = (call.float(0)?, call.float(1)?, call.float(2)?);
    let problem = || call.shapes("samples, channels and an image; scale and shift per channel");
    let &[samples, channels, ref image @ ..] = x.array.shape() else {
        return Err(problem());
    };
    let groups = match share {
        Share::Instance => channels,
        Share::Group => usize::try_from(call.int("num_groups", 1)?).unwrap_or(0),
    };
    let parameters = scale.array.data().len();
    let is_split = groups > 0 && channels % groups == 0;
    let fits = parameters == channels || parameters == groups;
    if !is_split || !fits || shift.array.data().len() != parameters || x.array.data().is_empty() {
        return Err(problem());
    }
    let len = channels / groups * size(image);
    let normalize = Normalize {
        groups: Groups {
            groups: samples * groups,
            group_step: len,
            segments: 1,
            segment_step: len,
            len,
        },
        epsilon: call.real("epsilon", 1e-5)?,
        is_centred: true,
        run: channels / parameters * size(image),
    };
    Made::step(normalize, [x, scale, shift])
}

fn batch<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let [x, scale, shift, mean, variance] = [
        call.float(0)?,
        call.float(1)?,
        call.float(2)?,
        call.float(3)?,
        call.float(4)?,
    ];
    let problem = || call.shapes("samples and channels; the others per channel");
    let &[samples, channels, ref image @ ..] = x.array.shape() else {
        return Err(problem());
    };
    let per_channel = [scale, shift, mean, variance];
    if per_channel
        .iter()
        .any(|operand| operand.array.shape() != [channels])
        || channels == 0
    {
        return Err(problem());
    }
    let area = size(image);
    let epsilon = call.real("epsilon", 1e-5)?;
    if !call.is_training && call.int("training_mode", 0)? == 0 {
        let frozen = Frozen { area, epsilon };
        return Made::step(frozen, [x, scale, shift, mean, variance]);
    }
    let normalize = Normalize {
        groups: Groups {
            groups: channels,
            group_step: area,
            segments: samples,
            segment_step: channels * area,
            len: area,
        },
        epsilon,
        is_centred: true,
        run: area.max(1),
    };
    Made::step(normalize, [x, scale, shift])
}

/// A batch normalization by its running statistics, which have no gradients.
struct Frozen {
    area: usize,
    epsilon: f64,
}

impl Frozen {
    /// The channel of an element.
    fn channel(&self, at: usize, channels: usize) -> usize {
        at / self.area.max(1) % channels
    }

    fn factors<T: Real>(&self, variance: &Array<T>) -> Vec<T> {
        let factor = |&v: &T| T::one() / (v + T::of(self.epsilon)).sqrt();
        variance.data().iter().map(factor).collect()
    }
}

impl<T: Real> Operator<T> for Frozen {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let [scale, shift, mean] = [1, 2, 3].map(|input| inputs[input].data());
        let factors = self.factors(inputs[4]);
        let normalized = inputs[0].data().iter().enumerate().map(|(at, &x)| {
            let c = self.channel(at, factors.len());
            (x - mean[c]) * factors[c] * scale[c] + shift[c]
        });
        vec![Array::new(inputs[0].shape(), normalized.collect()).expect("as many elements")]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let [scale, mean] = [1, 3].map(|input| pass.inputs[input].data());
        let factors = self.factors(pass.inputs[4]);
        let channels = factors.len();
        let first = pass.if_wanted(0, || {
            let terms = gradient.data().iter().enumerate().map(|(at, &g)| {
                let c = self.channel(at, channels);
                g * scale[c] * factors[c]
            });
            Array::new(gradient.shape(), terms.collect()).expect("as many elements")
        });
        let sums = |input: usize, term: &dyn Fn(usize, usize, T) -> T| {
            pass.if_wanted(input, || {
                let mut sums = Array::filled([channels], T::zero());
                for (at, &g) in gradient.data().iter().enumerate() {
                    let c = self.channel(at, channels);
                    sums.data_mut()[c] += term(at, c, g);
                }
                sums
            })
        };
        let x = pass.inputs[0].data();
        let second = sums(1, &|at, c, g| g * (x[at] - mean[c]) * factors[c]);
        let third = sums(2, &|_, _, g| g);
        vec![first, second, third, None, None]
    }
}

/// Along an axis, divided by its norm.
fn lp<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let operator = match call.int("p", 2)? {
        1 => "ReduceL1",
        2 => "ReduceL2",
        other => return Err(Problem::Unsupported(format!("the norm of order {other}"))),
    };
    let axis = call.int("axis", -1)?;
    let norm = Node::new(operator, &["0"], &["norm"])
        .with("axes", Attribute::Ints(vec![axis]))
        .with("keepdims", Attribute::Int(1));
    let quotient = Node::new("Div", &["0", "norm"], &["y"]);
    Ok(call.stand(vec![norm, quotient], &["y"]))
}

/// Local response normalization, across channels.
fn lrn<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let x = call.float(0)?;
    let &[_, channels, ref image @ ..] = x.array.shape() else {
        return Err(call.shapes("samples and channels"));
    };
    let window = usize::try_from(call.int("size", 1)?).unwrap_or(0).max(1);
    let local = Local {
        channels,
        area: size(image),
        window,
        alpha: call.real("alpha", 1e-4)? / window as f64,
        beta: call.real("beta", 0.75)?,
        bias: call.real("bias", 1.0)?,
    };
    Made::step(local, [x])
}

struct Local {
    channels: usize,
    area: usize,
    window: usize,
    alpha: f64,
    beta: f64,
    bias: f64,
}

impl Local {
    /// The channels around one.
    fn around(&self, channel: usize) -> std::ops::Range<usize> {
        let before = (self.window - 1) / 2;
        let after = self.window - 1 - before;
        channel.saturating_sub(before)..(channel + after + 1).min(self.channels)
    }

    /// What each element's power is of.
    fn bases<T: Real>(&self, x: &[T]) -> Vec<T> {
        let bases = (0..x.len()).map(|at| {
            let (sample, channel, place) = self.split(at);
            let squares: T = self
                .around(channel)
                .map(|c| x[(sample * self.channels + c) * self.area + place])
                .map(|x| x * x)
                .sum();
            T::of(self.bias) + T::of(self.alpha) * squares
        });
        bases.collect()
    }

    fn split(&self, at: usize) -> (usize, usize, usize) {
        let rows = at / self.area;
        (rows / self.channels, rows % self.channels, at % self.area)
    }
}

impl<T: Real> Operator<T> for Local {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let x = inputs[0].data();
        let powers = self
            .bases(x)
            .into_iter()
            .map(|base| base.powf(T::of(-self.beta)));
        let made = x.iter().zip(powers).map(|(&x, power)| x * power).collect();
        vec![Array::new(inputs[0].shape(), made).expect("as many elements")]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let (x, gradient) = (pass.inputs[0].data(), pass.gradient(0));
        let bases = self.bases(x);
        let beta = T::of(self.beta);
        let factor = T::of(-2.0 * self.alpha * self.beta);
        let mut result: Vec<T> = (gradient.data().iter().zip(&bases))
            .map(|(&g, base)| g * base.powf(-beta))
            .collect();
        for (at, &g) in gradient.data().iter().enumerate() {
            let (sample, channel, place) = self.split(at);
            let outer = g * x[at] * bases[at].powf(-beta - T::one()) * factor;
            for c in self.around(channel) {
                let other = (sample * self.channels + c) * self.area + place;
                result[other] += outer * x[other];
            }
        }
        Pass::only(Array::new(gradient.shape(), result).expect("as many elements"))
    }
}
