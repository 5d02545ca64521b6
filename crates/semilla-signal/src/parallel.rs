//! Slices made on all threads.

use rayon::prelude::*;

/// Makes parts of a slice side by side: `make` is called with each part and its number. All have
/// `len` elements, but the last may have fewer.
///
/// `make` is an object, because what rayon compiles for each type of closure was a third of this crate.
pub(crate) fn parts<A: Send>(made: &mut [A], len: usize, make: &(dyn Fn(usize, &mut [A]) + Sync)) {
    if made.len() <= len {
        return make(0, made);
    }
    let parts = made.par_chunks_mut(len.max(1)).enumerate();
    parts.for_each(|(place, part)| make(place, part));
}
