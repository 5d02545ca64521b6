use rayon::prelude::*;
use semilla::*;
use std::time::Instant;
fn time(name: &str, n: usize, mut f: impl FnMut()) -> f64 {
    f();
    let mut best = f64::MAX;
    for _ in 0..20 {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
    }
    println!("{name:24} {:8.3} G/s", n as f64 / best / 1e9);
    best
}
fn run<E: Element>(n: usize) {
    let mut v = vec![E::default(); n];
    let s = stream::Stream::new(0, "x");
    time("slice::fill", n, || {
        v.par_chunks_mut(1 << 16)
            .for_each(|c| c.fill(std::hint::black_box(E::from_f64(1.5))))
    });
    for d in [
        Distribution::Uniform {
            low: -0.1,
            high: 0.1,
        },
        Distribution::Normal {
            mean: 0.0,
            std: 0.02,
        },
        Distribution::TruncatedNormal {
            mean: 0.0,
            std: 0.02,
            low: -0.04,
            high: 0.04,
        },
        Distribution::TruncatedNormal {
            mean: 0.0,
            std: 0.02,
            low: -0.06,
            high: 0.06,
        },
        Distribution::TruncatedNormal {
            mean: 0.0,
            std: 0.02,
            low: -2.0,
            high: 2.0,
        },
        Distribution::Normal {
            mean: 0.0,
            std: 0.02,
        },
        Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        },
    ] {
        let sampler = Sampler::new(&d, E::DTYPE).unwrap();
        time(&format!("{} {d:?}", E::DTYPE)[..20], n, || {
            s.par_fill(&sampler, 0, &mut v)
        });
    }
}
fn main() {
    let t: usize = std::env::args().nth(1).map_or(2, |s| s.parse().unwrap());
    rayon::ThreadPoolBuilder::new()
        .num_threads(t)
        .build_global()
        .unwrap();
    println!("{t} threads");
    run::<f32>(1 << 16);
    run::<f32>(1 << 26);
    run::<half::bf16>(1 << 26);
    run::<half::f16>(1 << 26);
}
