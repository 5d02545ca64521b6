use half::{bf16, f16};
use proptest::prelude::*;

use super::kernel::UNIT;
use super::reference::{element_f32, element_f64};
use super::sampler::Laws;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::*;
use crate::distribution::Distribution;
use crate::dtype::{DType, Element, F8E4M3, F8E5M2};

/// Every instruction set that this machine can run.
pub(crate) fn cpus() -> Vec<Cpu> {
    #[allow(unused_mut)]
    let mut cpus = vec![Cpu::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        cpus.extend(Avx2::detect().map(Cpu::Avx2));
        cpus.extend(Avx512::detect().map(Cpu::Avx512));
    }
    cpus
}

fn distributions() -> Vec<Distribution> {
    let truncated = |mean, std, low, high| Distribution::TruncatedNormal {
        mean,
        std,
        low,
        high,
    };
    vec![
        Distribution::Uniform {
            low: -0.1,
            high: 0.1,
        },
        Distribution::Uniform {
            low: 3.0,
            high: 3.0,
        },
        Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        },
        Distribution::Normal {
            mean: -3.5,
            std: 0.02,
        },
        truncated(0.0, 1.0, -2.0, 2.0),
        truncated(0.0, 0.02, -0.06, 0.06),
        truncated(1.0, 2.0, -30.0, 30.0),
        truncated(0.0, 1.0, 4.0, 4.5),
        truncated(0.0, 1.0, -9.0, -6.0),
        truncated(0.0, 1.0, -1e9, 0.25),
    ]
}

fn law(distribution: &Distribution) -> Law<f32> {
    match Sampler::new(distribution, DType::F32).unwrap().laws {
        Laws::F32(law) => law,
        Laws::F64(_) => unreachable!("asked for f32"),
    }
}

#[test]
fn every_instruction_set_equals_the_reference() {
    let stream = Stream::new(3, "reference").part(Part(0x1234_5678_9abc_def0));
    for distribution in distributions() {
        let law = law(&distribution);
        // The last unit's counters straddle a change of the counter's upper word.
        for first in [0, 7, (1 << 27) - 1, 1 << 40] {
            let mut out = vec![0f32; 8 * UNIT];
            let expected: Vec<u32> = (0..out.len() as u64)
                .map(|i| first * UNIT as u64 + i)
                .map(|i| element_f32(stream.key, stream.part, i, &law).to_bits())
                .collect();
            for cpu in cpus() {
                cpu.fill_units((stream.key, stream.part), &law, first, &mut out);
                let bits: Vec<u32> = out.iter().map(|v| v.to_bits()).collect();
                assert_eq!(bits, expected, "{distribution:?} unit {first}");
            }
        }
    }
}

#[test]
fn long_fills_agree_between_instruction_sets() {
    let stream = Stream::new(9, "long");
    for distribution in distributions() {
        let law = law(&distribution);
        let mut expected = vec![bf16::ZERO; 1 << 16];
        let mut halves = vec![f16::ZERO; 1 << 16];
        Cpu::Portable.fill_units((stream.key, stream.part), &law, 0, &mut expected);
        Cpu::Portable.fill_units((stream.key, stream.part), &law, 0, &mut halves);
        for cpu in cpus() {
            let mut out = vec![bf16::ZERO; 1 << 16];
            cpu.fill_units((stream.key, stream.part), &law, 0, &mut out);
            assert!(
                bytemuck::cast_slice::<_, u16>(&out) == bytemuck::cast_slice::<_, u16>(&expected)
            );
            let mut out = vec![f16::ZERO; 1 << 16];
            cpu.fill_units((stream.key, stream.part), &law, 0, &mut out);
            assert!(
                bytemuck::cast_slice::<_, u16>(&out) == bytemuck::cast_slice::<_, u16>(&halves)
            );
        }
    }
}

/// Fills `range` in one go, in two, and in parallel; all must be what the reference says.
fn check_range<E: Element + std::fmt::Debug>(
    distribution: &Distribution,
    seed: u64,
    first: u64,
    len: usize,
    cut: usize,
) {
    let stream = Stream::new(seed, "range");
    let sampler = Sampler::new(distribution, E::DTYPE).unwrap();
    let bits = |v: &[E]| bytemuck::cast_slice::<E, u8>(v).to_vec();
    let expected: Vec<E> = (first..first + len as u64)
        .map(|i| match &sampler.laws {
            Laws::F32(law) => E::from_f32(element_f32(stream.key, stream.part, i, law)),
            Laws::F64(law) => E::from_f64(element_f64(stream.key, stream.part, i, law)),
        })
        .collect();
    let mut out = vec![E::default(); len];
    stream.fill(&sampler, first, &mut out);
    assert_eq!(bits(&out), bits(&expected));
    let mut out = vec![E::default(); len];
    let (a, b) = out.split_at_mut(cut.min(len));
    stream.fill(&sampler, first, a);
    stream.fill(&sampler, first + a.len() as u64, b);
    assert_eq!(bits(&out), bits(&expected));
    let mut out = vec![E::default(); len];
    stream.par_fill(&sampler, first, &mut out);
    assert_eq!(bits(&out), bits(&expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_range_of_any_type(
        which in 0..10usize,
        seed: u64,
        first in 0..(1u64 << 50),
        len in 0..700usize,
        cut in 0..700usize,
    ) {
        let distribution = distributions()[which];
        check_range::<f32>(&distribution, seed, first, len, cut);
        check_range::<f64>(&distribution, seed, first, len, cut);
        check_range::<bf16>(&distribution, seed, first, len, cut);
        check_range::<f16>(&distribution, seed, first, len, cut);
        check_range::<F8E4M3>(&distribution, seed, first, len, cut);
        check_range::<F8E5M2>(&distribution, seed, first, len, cut);
    }
}

#[test]
fn any_thread_count_gives_the_same_bits() {
    let sampler = Sampler::new(
        &Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        },
        DType::F32,
    )
    .unwrap();
    let stream = Stream::new(0, "threads");
    let fill = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut out = vec![0f32; (5 << 20) + 77];
        pool.install(|| stream.par_fill(&sampler, 31, &mut out));
        out
    };
    let one = fill(1);
    let mut serial = vec![0f32; one.len()];
    stream.fill(&sampler, 31, &mut serial);
    for threads in [1, 2, 3, 7] {
        assert!(fill(threads) == serial, "{threads} threads");
    }
}

/// The radius word 0 gives the farthest normal, the largest word none at all; neither is NaN.
#[test]
fn extreme_words() {
    let (far, _) = math::box_muller(0, 1 << 22, 0.0, 1.0);
    assert!((6.76..6.77).contains(&far), "{far}");
    let (near, _) = math::box_muller(u32::MAX, 1 << 22, 0.0, 1.0);
    assert_eq!(near, 0.0);
    for angle in [0, 0x007f_ffff, 0x8000_0000, u32::MAX] {
        let (a, b) = math::box_muller(0, angle, 0.0, 1.0);
        assert!(((a * a + b * b).sqrt() - far).abs() < 1e-5);
    }
    let (far, _) = math::box_muller_f64(0, 0, 0.0, 1.0);
    assert!(far.abs() < 8.66);
}

/// The elementary functions against `f64` from the standard library.
#[test]
fn elementary_functions_are_accurate() {
    for i in 1..100_000u32 {
        let u = i as f32 / 100_000.0;
        let exact = -2.0 * f64::from(u).ln();
        assert!(
            (f64::from(math::minus_2_ln(u)) - exact).abs() <= 4e-7 * exact,
            "{u}"
        );
        let exact = -2.0 * (i as f64 / 1e5).ln();
        assert!((math::minus_2_ln_f64(i as f64 / 1e5) - exact).abs() <= 1e-15 * exact.max(0.1));
    }
    for i in 1..=4775 {
        let q = i as f32 / 10_000.0;
        let back = crate::gaussian::cdf(f64::from(math::central_quantile(q))) - 0.5;
        assert!((back / f64::from(q) - 1.0).abs() < 4e-7, "{q} {back}");
        let q = f64::from(q);
        if q <= 0.425 {
            let back = crate::gaussian::cdf(math::central_quantile_f64(q)) - 0.5;
            assert!((back / q - 1.0).abs() < 1e-12, "{q} {back}");
        }
    }
    let mut p = 0.0225f32;
    while p > 1e-30 {
        let back = crate::gaussian::cdf(-f64::from(math::tail_quantile(p)));
        // dΦ/Φ ≈ z dz in the tail: z has 7 digits.
        assert!((back / f64::from(p) - 1.0).abs() < 6e-5, "{p:e} {back:e}");
        let back = crate::gaussian::cdf(-math::tail_quantile_f64(f64::from(p)));
        assert!((back / f64::from(p) - 1.0).abs() < 1e-12, "{p:e} {back:e}");
        p *= 0.7;
    }
}

#[test]
fn bounds_hold_exactly() {
    for distribution in distributions() {
        let (low, high, open) = match distribution {
            Distribution::Uniform { low, high } => (low, high, high > low),
            Distribution::TruncatedNormal { low, high, .. } => (low, high, false),
            Distribution::Normal { .. } => continue,
        };
        let sampler = Sampler::new(&distribution, DType::F32).unwrap();
        let mut out = vec![0f32; 1 << 20];
        Stream::new(1, "bounds").par_fill(&sampler, 0, &mut out);
        for v in out {
            assert!(
                v >= low as f32 && v <= high as f32 && !(open && v == high as f32),
                "{v}"
            );
        }
    }
}
