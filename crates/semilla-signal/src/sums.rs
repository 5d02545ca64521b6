//! Sums over runs of elements, as many at a time as a vector register holds.

use crate::real::Real;

/// Elements that are worth a thread.
pub(crate) const MANY: usize = 1 << 14;

/// Partial sums that are kept side by side. They also lose fewer digits than one would.
const LANES: usize = 16;

/// The sum of a function of the elements of two runs of the same length.
pub(crate) fn sum_of_pairs<A: Copy, T: Real>(a: &[A], b: &[A], term: impl Fn(A, A) -> T) -> T {
    let mut lanes = [T::zero(); LANES];
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    let rest = rest_a.iter().zip(rest_b);
    let rest: T = rest.map(|(&a, &b)| term(a, b)).sum();
    lanes.into_iter().sum::<T>() + rest
}

/// The sum of a function of each element.
pub(crate) fn sum_of<A: Copy, T: Real>(x: &[A], term: impl Fn(A) -> T) -> T {
    sum_of_pairs(x, x, |x, _| term(x))
}

/// The sum of all elements.
pub(crate) fn sum<T: Real>(x: &[T]) -> T {
    sum_of(x, |x| x)
}

/// The sum of products.
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    sum_of_pairs(a, b, |a, b| a * b)
}

/// Adds a run times a factor.
#[inline(always)]
pub(crate) fn add<T: Real>(to: &mut [T], factor: T, from: &[T]) {
    let pairs = to.iter_mut().zip(from);
    pairs.for_each(|(to, &from)| *to += factor * from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_length() {
        for len in [0, 1, 15, 16, 17, 40] {
            let x: Vec<f64> = (0..len).map(|i| i as f64 - 3.0).collect();
            assert_eq!(sum(&x), x.iter().sum());
            assert_eq!(dot(&x, &x), x.iter().map(|x| x * x).sum());
            assert_eq!(sum_of(&x, |x| x + 1.0), x.iter().map(|x| x + 1.0).sum());
            let mut to = x.clone();
            add(&mut to, 2.0, &x);
            assert!(to.iter().zip(&x).all(|(to, x)| *to == 3.0 * x));
        }
    }
}
