//! Normalizations: of layers, roots of mean squares, instances, groups and batches.

use rayon::prelude::*;
use semilla::graph::{Attribute, Node};

use crate::array::{Array, size};
use crate::executor::{Call, Made, Operand, Operator, Pass, Problem};
use crate::real::Real;
use crate::sums::{MANY, add, dot, sum, sum_of, sum_of_pairs};

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

/// Elements that are normalized together: segments of `len` elements in a row, of which every
/// `groups`-th belongs to the same group.
#[derive(Clone, Copy)]
struct Groups {
    groups: usize,
    len: usize,
}

impl Groups {
    /// The elements of a group among so many.
    fn count(&self, elements: usize) -> f64 {
        (elements / self.groups.max(1)) as f64
    }

    /// The sums over groups of what each segment gives.
    fn sums<T: Real, const N: usize>(
        &self,
        x: &[T],
        of_segment: impl Fn(usize, &[T]) -> [T; N] + Sync,
    ) -> Vec<[f64; N]> {
        let segments = x
            .par_chunks(self.len)
            .enumerate()
            .with_min_len(self.share());
        let parts: Vec<[T; N]> = segments
            .map(|(place, part)| of_segment(place, part))
            .collect();
        let mut sums = vec![[0.0; N]; self.groups];
        for (place, part) in parts.into_iter().enumerate() {
            let sum = &mut sums[place % self.groups];
            (0..N).for_each(|n| sum[n] += part[n].f64());
        }
        sums
    }

    /// Segments that are worth a thread.
    fn share(&self) -> usize {
        MANY.div_ceil(self.len)
    }
}

/// What brings a group to mean 0 and mean square 1.
#[derive(Clone, Copy)]
struct Moments<T> {
    mean: T,
    factor: T,
}

/// Each group brought to mean 0 (if centred) and mean square 1, then scaled and shifted.
struct Normalize {
    groups: Groups,
    epsilon: f64,
    is_centred: bool,
    /// Elements in a row that share a scale and a shift; segments consist of whole ones.
    run: usize,
}

impl Normalize {
    fn moments<T: Real>(&self, x: &[T]) -> Vec<Moments<T>> {
        let Groups { groups, .. } = self.groups;
        let count = self.groups.count(x.len());
        let means: Vec<T> = match self.is_centred {
            false => vec![T::zero(); groups],
            true => {
                let sums = self.groups.sums(x, |_, segment| [sum(segment)]);
                sums.into_iter().map(|[sum]| T::of(sum / count)).collect()
            }
        };
        let squares = self.groups.sums(x, |place, segment| {
            let mean = means[place % groups];
            [sum_of(segment, |x| (x - mean) * (x - mean))]
        });
        let moments = means
            .into_iter()
            .zip(squares)
            .map(|(mean, [square])| Moments {
                mean,
                factor: T::of(1.0 / (square / count + self.epsilon).sqrt()),
            });
        moments.collect()
    }

    /// Whether each element of a segment has parameters of its own.
    fn is_by_element(&self, parameters: usize) -> bool {
        self.run == 1 && parameters == self.groups.len
    }

    /// The runs of a segment: for each its elements within the segment, and its parameter.
    fn runs(
        &self,
        segment: usize,
        parameters: usize,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> {
        let (run, count) = (self.run, self.groups.len / self.run);
        (0..count).map(move |place| {
            let parameter = (segment * count + place) % parameters.max(1);
            (place * run..(place + 1) * run, parameter)
        })
    }

    fn normalized<T: Real>(&self, x: &[T], scale: Option<&[T]>, shift: Option<&[T]>) -> Vec<T> {
        let moments = self.moments(x);
        let parameters = scale.or(shift).map_or(1, <[T]>::len);
        let mut made = vec![T::zero(); x.len()];
        let segments = x.par_chunks(self.groups.len);
        let pairs = made.par_chunks_mut(self.groups.len).zip(segments);
        let pairs = pairs.enumerate().with_min_len(self.groups.share());
        pairs.for_each(|(segment, (made, x))| {
            let Moments { mean, factor } = moments[segment % moments.len()];
            if self.is_by_element(parameters) {
                for (made, &x) in made.iter_mut().zip(x) {
                    *made = (x - mean) * factor;
                }
                if let Some(scale) = scale {
                    made.iter_mut().zip(scale).for_each(|(made, &a)| *made *= a);
                }
                if let Some(shift) = shift {
                    made.iter_mut().zip(shift).for_each(|(made, &b)| *made += b);
                }
                return;
            }
            for (run, parameter) in self.runs(segment, parameters) {
                let a = factor * scale.map_or(T::one(), |scale| scale[parameter]);
                let b = shift.map_or(T::zero(), |shift| shift[parameter]);
                let pairs = made[run.clone()].iter_mut().zip(&x[run]);
                pairs.for_each(|(made, &x)| *made = (x - mean) * a + b);
            }
        });
        made
    }

    /// The gradient of the elements: that of the scaled ones, less its mean and its part along
    /// them, times the group's factor.
    fn back<T: Real>(
        &self,
        x: &[T],
        gradient: &[T],
        scale: Option<&[T]>,
        moments: &[Moments<T>],
    ) -> Vec<T> {
        let len = self.groups.len;
        let count = self.groups.count(x.len());
        let parameters = scale.map_or(1, <[T]>::len);
        let by_element = scale.filter(|_| self.is_by_element(parameters));
        let sums = self.groups.sums(gradient, |segment, gradient| {
            let x = &x[segment * len..][..len];
            let Moments { mean, factor } = moments[segment % moments.len()];
            if let Some(scale) = by_element {
                let along = gradient.iter().zip(scale).zip(x);
                let along: T = along.map(|((&g, &a), &x)| g * a * (x - mean)).sum();
                return [dot(gradient, scale), along * factor];
            }
            let mut sums = [T::zero(); 2];
            for (run, parameter) in self.runs(segment, parameters) {
                let a = scale.map_or(T::one(), |scale| scale[parameter]);
                let (g, x) = (&gradient[run.clone()], &x[run]);
                sums[0] += a * sum(g);
                sums[1] += a * factor * sum_of_pairs(g, x, |g, x| g * (x - mean));
            }
            sums
        });
        let mut result = vec![T::zero(); x.len()];
        let given = x.par_chunks(len).zip(gradient.par_chunks(len));
        let all = result.par_chunks_mut(len).zip(given);
        let all = all.enumerate().with_min_len(self.groups.share());
        all.for_each(|(segment, (result, (x, gradient)))| {
            let group = segment % moments.len();
            let Moments { mean, factor } = moments[group];
            let [sum, along] = sums[group];
            let sum = if self.is_centred { sum / count } else { 0.0 };
            let (sum, along) = (T::of(sum), T::of(along / count) * factor);
            let terms = result.iter_mut().zip(gradient.iter().zip(x));
            if let Some(scale) = by_element {
                for ((result, (&g, &x)), &a) in terms.zip(scale) {
                    *result = factor * (g * a - sum - (x - mean) * along);
                }
                return;
            }
            for (run, parameter) in self.runs(segment, parameters) {
                let a = scale.map_or(T::one(), |scale| scale[parameter]);
                let pairs = gradient[run.clone()].iter().zip(&x[run.clone()]);
                for (result, (&g, &x)) in result[run].iter_mut().zip(pairs) {
                    *result = factor * (g * a - sum - (x - mean) * along);
                }
            }
        });
        result
    }

    /// The gradients of scale and shift: sums of the gradient times the normalized elements, and
    /// of the gradient.
    fn parameters<T: Real>(
        &self,
        x: &[T],
        gradient: &[T],
        moments: &[Moments<T>],
        parameters: usize,
    ) -> [Vec<T>; 2] {
        let len = self.groups.len;
        let segments = x.chunks(len).zip(gradient.chunks(len)).enumerate();
        let mut sums = [vec![T::zero(); parameters], vec![T::zero(); parameters]];
        if self.is_by_element(parameters) {
            // Parts of fixed size, so that sums do not depend on the number of threads.
            let share = self.groups.share().max(64);
            let parts = x
                .par_chunks(share * len)
                .zip(gradient.par_chunks(share * len));
            let parts: Vec<[Vec<T>; 2]> = parts
                .enumerate()
                .map(|(part, (x, gradient))| {
                    let mut sums = [vec![T::zero(); parameters], vec![T::zero(); parameters]];
                    let rows = x.chunks(len).zip(gradient.chunks(len)).enumerate();
                    for (row, (x, gradient)) in rows {
                        let group = (part * share + row) % moments.len();
                        let Moments { mean, factor } = moments[group];
                        let [scale, shift] = &mut sums;
                        for (sum, (&x, &g)) in scale.iter_mut().zip(x.iter().zip(gradient)) {
                            *sum += g * (x - mean) * factor;
                        }
                        add(shift, T::one(), gradient);
                    }
                    sums
                })
                .collect();
            for part in &parts {
                (0..2).for_each(|n| add(&mut sums[n], T::one(), &part[n]));
            }
            return sums;
        }
        for (segment, (x, gradient)) in segments {
            let Moments { mean, factor } = moments[segment % moments.len()];
            for (run, parameter) in self.runs(segment, parameters) {
                let (g, x) = (&gradient[run.clone()], &x[run]);
                sums[0][parameter] += factor * sum_of_pairs(g, x, |g, x| g * (x - mean));
                sums[1][parameter] += sum(g);
            }
        }
        sums
    }
}

impl<T: Real> Operator<T> for Normalize {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let [scale, shift] = [1, 2].map(|input| inputs.get(input).map(|array| array.data()));
        let made = self.normalized(inputs[0].data(), scale, shift);
        vec![Array::new(inputs[0].shape(), made).expect("as many elements")]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let x = pass.inputs[0];
        let scale = pass.inputs.get(1).map(|array| array.data());
        let moments = self.moments(x.data());
        let first = pass.if_wanted(0, || {
            let result = self.back(x.data(), gradient.data(), scale, &moments);
            Array::new(x.shape(), result).expect("as many elements")
        });
        let mut results = vec![first];
        if pass.wanted.iter().skip(1).any(|&wanted| wanted) {
            let count = scale.map_or(1, <[T]>::len);
            let sums = self.parameters(x.data(), gradient.data(), &moments, count);
            for (input, sums) in (1..pass.inputs.len()).zip(sums) {
                let shape = pass.inputs[input].shape();
                results.push(pass.if_wanted(input, || {
                    Array::new(shape, sums).expect("as many as there are parameters")
                }));
            }
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
    let &[_, channels, ref image @ ..] = x.array.shape() else {
        return Err(problem());
    };
    let per_channel = [scale, shift, mean, variance];
    if per_channel
        .iter()
        .any(|operand| operand.array.shape() != [channels])
        || channels == 0
        || x.array.data().is_empty()
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
            len: area,
        },
        epsilon,
        is_centred: true,
        run: area,
    };
    Made::step(normalize, [x, scale, shift])
}

/// A batch normalization by its running statistics, which have no gradients.
struct Frozen {
    area: usize,
    epsilon: f64,
}

impl Frozen {
    fn factors<T: Real>(&self, variance: &Array<T>) -> Vec<T> {
        let factor = |&v: &T| T::one() / (v + T::of(self.epsilon)).sqrt();
        variance.data().iter().map(factor).collect()
    }
}

/// What an image of a channel adds to a sum, of its elements and their gradients.
type OfImage<'f, T> = dyn Fn(usize, &[T], &[T]) -> T + 'f;

impl<T: Real> Operator<T> for Frozen {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let [scale, shift, mean] = [1, 2, 3].map(|input| inputs[input].data());
        let factors = self.factors(inputs[4]);
        let mut made = inputs[0].clone();
        let images = made.data_mut().par_chunks_mut(self.area).enumerate();
        images
            .with_min_len(MANY.div_ceil(self.area))
            .for_each(|(place, image)| {
                let c = place % factors.len();
                let (mean, a, b) = (mean[c], factors[c] * scale[c], shift[c]);
                image.iter_mut().for_each(|x| *x = (*x - mean) * a + b);
            });
        vec![made]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let [scale, mean] = [1, 3].map(|input| pass.inputs[input].data());
        let factors = self.factors(pass.inputs[4]);
        let channels = factors.len();
        let first = pass.if_wanted(0, || {
            let mut result = gradient.clone().into_owned();
            let images = result.data_mut().par_chunks_mut(self.area).enumerate();
            images
                .with_min_len(MANY.div_ceil(self.area))
                .for_each(|(place, image)| {
                    let a = scale[place % channels] * factors[place % channels];
                    image.iter_mut().for_each(|g| *g *= a);
                });
            result
        });
        let sums = |input: usize, of_image: &OfImage<T>| {
            pass.if_wanted(input, || {
                let mut sums = Array::filled([channels], T::zero());
                let images = pass.inputs[0].data().chunks(self.area);
                for (place, (x, g)) in images.zip(gradient.data().chunks(self.area)).enumerate() {
                    sums.data_mut()[place % channels] += of_image(place % channels, x, g);
                }
                sums
            })
        };
        let second = sums(1, &|c, x, g| {
            factors[c] * sum_of_pairs(g, x, |g, x| g * (x - mean[c]))
        });
        let third = sums(2, &|_, _, g| sum(g));
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
