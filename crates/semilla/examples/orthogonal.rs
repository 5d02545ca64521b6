//! Times a 2048 × 2048 Haar-distributed orthogonal matrix on one and two threads, and a mimetic
//! projection, which is a singular value decomposition.
use std::time::Instant;

use semilla::{Tensor, init, matrix::orthogonal, stream::Stream};

fn main() -> Result<(), semilla::InitError> {
    let n: usize = std::env::args()
        .nth(1)
        .map_or(2048, |n| n.parse().expect("a size"));
    let mut matrix = vec![1f32; n * n];
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        let mut best = f64::MAX;
        for seed in 0..10 {
            let start = Instant::now();
            pool.install(|| orthogonal(Stream::new(seed, "matrix"), n, n, 1.0, &mut matrix));
            best = best.min(start.elapsed().as_secs_f64());
        }
        let flops = 4.0 / 3.0 * (n as f64).powi(3);
        println!(
            "{n}² on {threads}: {:.1} ms, {:.0} GFLOP/s",
            best * 1e3,
            flops / best / 1e9
        );
    }
    let side = n.min(256);
    let query = Tensor::linear("attn.q.weight", side, side);
    let start = Instant::now();
    std::hint::black_box(init::mimetic().generate::<f32>(&query, 0)?);
    let seconds = start.elapsed().as_secs_f64();
    println!("svd of {side}²: {:.1} ms", seconds * 1e3);
    Ok(())
}
