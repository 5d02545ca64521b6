//! Times a 2048 × 2048 Haar-distributed orthogonal matrix on one and two threads.
use std::time::Instant;

use semilla::{matrix::orthogonal, stream::Stream};

fn main() {
    let n: usize = std::env::args()
        .nth(1)
        .map_or(2048, |n| n.parse().expect("a size"));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        let mut best = f64::MAX;
        for seed in 0..12 {
            let start = Instant::now();
            let matrix = pool.install(|| orthogonal(Stream::new(seed, "matrix"), n, n, 1.0));
            best = best.min(start.elapsed().as_secs_f64());
            std::hint::black_box(matrix);
        }
        let flops = 4.0 / 3.0 * (n as f64).powi(3);
        println!(
            "{n}² on {threads}: {:.1} ms, {:.0} GFLOP/s",
            best * 1e3,
            flops / best / 1e9
        );
    }
}
