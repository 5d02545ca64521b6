use proptest::prelude::*;

use super::*;
use crate::matrix::{Singular, singular};

const SHAPES: [[usize; 2]; 5] = [[12, 12], [30, 9], [9, 30], [40, 64], [64, 40]];

/// Normals, with a spectrum that falls off where the rows are weighted.
fn normals(seed: u64, [out, input]: [usize; 2]) -> Vec<f64> {
    let mut values = vec![0.0; out * input];
    f64::normals(Stream::new(seed, "weight"), 0, &mut values);
    for (i, row) in values.chunks_exact_mut(input).enumerate() {
        row.iter_mut().for_each(|x| *x /= 1.0 + i as f64);
    }
    values
}

fn made(init: LoraInit, weight: &[f64], shape: [usize; 2], rank: Rank) -> Factors {
    let factors = init.factors(weight, shape, rank, Key::new(3, "fc.lora_A.weight"));
    factors.expect("a weight that fits")
}

/// B A by its definition.
fn product(factors: &Factors, [out, input]: [usize; 2], r: usize) -> Vec<f64> {
    let (a, b) = (wide(&factors.a), wide(&factors.b));
    let element = |i: usize, j: usize| (0..r).map(|k| b[i * r + k] * a[k * input + j]).sum();
    (0..out * input)
        .map(|at| element(at / input, at % input))
        .collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0f64, |most, x| most.max(x.abs()))
}

/// max |XᵀX - 1| of the columns of B.
fn deviation(b: &[f32], r: usize) -> f64 {
    let columns = transpose(&wide(b), r);
    let len = columns.len() / r;
    let gram = Packed::transposed(&columns, r, len).times(&columns);
    let errors = gram
        .iter()
        .enumerate()
        .map(|(at, x)| x - f64::from(u8::from(at / r == at % r)));
    largest(&errors.collect::<Vec<_>>())
}

fn values(matrix: &[f64], [rows, cols]: [usize; 2]) -> Vec<f64> {
    let Singular { values, .. } = singular(matrix, rows, cols);
    values
}

#[test]
fn residual_and_adapter_are_the_weight() {
    for init in [LoraInit::Pissa, LoraInit::Olora] {
        for shape in SHAPES {
            for rank in [
                Rank::new(1, 1.0),
                Rank::new(4, 8.0),
                Rank::stabilized(9, 16.0),
            ] {
                let rank = rank.unwrap();
                let weight = normals(1, shape);
                let factors = made(init, &weight, shape, rank);
                let residual = factors.residual.as_ref().expect("a residual");
                let whole = product(&factors, shape, rank.get());
                for ((w, rest), x) in weight.iter().zip(residual).zip(whole) {
                    assert!(
                        (rest + rank.scaling() * x - w).abs() < 1e-14 * largest(&weight),
                        "{init} {shape:?}"
                    );
                }
            }
        }
    }
}

/// Eckart & Young 1936: nothing of rank r is nearer.
#[test]
fn what_pissa_leaves_begins_with_the_next_singular_value() {
    for shape in SHAPES {
        for r in [1, 3, 9] {
            let (weight, rank) = (normals(2, shape), Rank::new(r, 5.0).unwrap());
            let factors = made(LoraInit::Pissa, &weight, shape, rank);
            let all = values(&weight, shape);
            let left = values(factors.residual.as_ref().unwrap(), shape);
            // f32 factors are exact to 2⁻²⁴ of the largest value.
            for (left, value) in left.iter().zip(all[r..].iter().chain(&vec![0.0; r])) {
                assert!(
                    (left - value).abs() < 4e-7 * all[0],
                    "{shape:?} {r}: {left} {value}"
                );
            }
            let captured = rank.scaling().powi(2) * factors.squared_norm(rank);
            let expected: f64 = all[..r].iter().map(|s| s * s).sum();
            assert!((captured / expected - 1.0).abs() < 1e-6);
        }
    }
}

#[test]
fn pissa_shares_the_singular_values_evenly() {
    let (shape, rank) = ([30, 20], Rank::new(6, 24.0).unwrap());
    let weight = normals(3, shape);
    let factors = made(LoraInit::Pissa, &weight, shape, rank);
    let all = values(&weight, shape);
    let rows = wide(&factors.a);
    let columns = transpose(&wide(&factors.b), 6);
    for (k, value) in all[..6].iter().enumerate() {
        for (vectors, length) in [(&rows, 20), (&columns, 30)] {
            let vector = &vectors[k * length..][..length];
            let square: f64 = vector.iter().map(|x| x * x).sum();
            assert!((square * 4.0 / value - 1.0).abs() < 1e-6, "{k}");
        }
        let column = &columns[k * 30..][..30];
        assert_eq!(
            column
                .iter()
                .fold(0f64, |m, &x| if x.abs() > m.abs() { x } else { m }),
            largest(column)
        );
    }
}

#[test]
fn olora_is_the_qr_factorization() {
    for shape in SHAPES {
        for r in [1, 4, 9] {
            let (weight, rank) = (normals(4, shape), Rank::new(r, 3.0).unwrap());
            let factors = made(LoraInit::Olora, &weight, shape, rank);
            assert!(deviation(&factors.b, r) < 1e-6);
            let whole = product(&factors, shape, r);
            for (at, (x, w)) in whole.iter().zip(&weight).enumerate() {
                if at % shape[1] < r {
                    assert!(
                        (x - w).abs() < 1e-6 * largest(&weight),
                        "the first columns are whole"
                    );
                }
            }
            for (k, row) in factors.a.chunks_exact(shape[1]).enumerate() {
                assert!(row[..k].iter().all(|&x| x == 0.0) && row[k] > 0.0);
            }
        }
    }
}

#[test]
fn mica_has_the_smallest_singular_vectors() {
    for shape in SHAPES {
        for r in [1, 4, 9] {
            let (weight, rank) = (normals(5, shape), Rank::new(r, 3.0).unwrap());
            let factors = made(LoraInit::Mica, &weight, shape, rank);
            assert!(factors.residual.is_none() && factors.a.iter().all(|&x| x == 0.0));
            assert!(deviation(&factors.b, r) < 1e-6);
            let columns = transpose(&wide(&factors.b), r);
            let along = Packed::new(&weight, shape[0], shape[1]).times(&columns);
            let all = values(&weight, shape);
            for (row, value) in along.chunks_exact(shape[1]).zip(&all[all.len() - r..]) {
                let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                assert!(
                    (length - value).abs() < 1e-7 * all[0],
                    "{shape:?} {r}: {length} {value}"
                );
            }
        }
    }
}

/// Also what has no singular value there: the null space.
#[test]
fn weights_without_full_rank_have_factors_too() {
    let shape = [24, 16];
    let mut weight = vec![0.0; 24 * 16];
    weight[0] = 2.0;
    weight[17] = 1.0;
    let rank = Rank::new(4, 4.0).unwrap();
    let pissa = made(LoraInit::Pissa, &weight, shape, rank);
    assert!(largest(pissa.residual.as_ref().unwrap()) < 1e-6);
    for init in [LoraInit::Mica, LoraInit::Olora] {
        let factors = made(init, &weight, shape, rank);
        assert!(deviation(&factors.b, 4) < 1e-6, "{init}");
    }
    let mica = made(LoraInit::Mica, &weight, shape, rank);
    assert!(
        mica.b[..8].iter().all(|x| x.abs() < 1e-7),
        "beside the two directions of the weight"
    );
    for init in LoraInit::ALL {
        let zero = made(init, &vec![0.0; 24 * 16], shape, rank);
        assert!(
            zero.a.iter().chain(&zero.b).all(|x| x.is_finite()),
            "{init}"
        );
    }
}

#[test]
fn random_factors_follow_their_laws() {
    let (shape, rank) = ([96, 400], Rank::new(16, 16.0).unwrap());
    let weight = normals(6, shape);
    let std = |values: &[f32]| {
        (wide(values).iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt()
    };

    let zero_b = made(LoraInit::ZeroB, &weight, shape, rank);
    assert!(zero_b.a.iter().all(|x| x.abs() <= 0.05) && zero_b.b.iter().all(|&x| x == 0.0));
    // 6400 values: the standard deviation's own is under 1 %.
    assert!((std(&zero_b.a) / (0.05 / 3f64.sqrt()) - 1.0).abs() < 0.03);

    let gaussian = made(LoraInit::Gaussian, &weight, shape, rank);
    assert!((std(&gaussian.a) * 16.0 - 1.0).abs() < 0.04 && gaussian.b.iter().all(|&x| x == 0.0));

    let orthogonal = made(LoraInit::Orthogonal, &weight, shape, rank);
    for factor in [&orthogonal.a, &orthogonal.b] {
        assert!((std(factor) / (0.1 * 0.5f64.sqrt()) - 1.0).abs() < 0.1);
    }
    // Terms of about 0.005 that cancel, in f32.
    assert!(largest(&product(&orthogonal, shape, 16)) < 3e-8);
    let all = values(&wide(&orthogonal.a), [16, 400]);
    assert!(
        all[7] > 1.0 && all[8] < 1e-6,
        "half of the rank each: {all:?}"
    );
}

#[test]
fn only_the_key_and_the_weight_decide() {
    let (shape, rank) = ([64, 40], Rank::new(8, 8.0).unwrap());
    let weight = normals(7, shape);
    let single: Vec<f32> = narrow(&weight);
    for init in LoraInit::ALL {
        let factors = init
            .factors(&single, shape, rank, Key::new(1, "a"))
            .unwrap();
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let again = || {
                init.factors(&wide(&single), shape, rank, Key::new(1, "a"))
                    .unwrap()
            };
            assert_eq!(pool.unwrap().install(again), factors, "{init}");
        }
        let other = init
            .factors(&single, shape, rank, Key::new(2, "a"))
            .unwrap();
        let drawn = matches!(
            init,
            LoraInit::ZeroB | LoraInit::Gaussian | LoraInit::Orthogonal
        );
        assert_eq!(other != factors, drawn, "{init}");
    }
}

#[test]
fn what_has_no_factors_says_why() {
    let rank = |r| Rank::new(r, 8.0).unwrap();
    let of = |init: LoraInit, weight: &[f64], shape, r| {
        init.factors(weight, shape, rank(r), Key::new(0, "a"))
            .unwrap_err()
    };
    assert_eq!(Rank::new(0, 8.0), Err(LoraError::ZeroRank));
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(
            matches!(Rank::stabilized(4, alpha), Err(LoraError::Alpha(_))),
            "{alpha}"
        );
    }
    for init in LoraInit::ALL {
        assert_eq!(
            of(init, &[0.0; 6], [2, 3], 4),
            LoraError::Rank {
                rank: 4,
                out: 2,
                input: 3
            }
        );
        assert_eq!(
            of(init, &[0.0; 5], [2, 3], 2),
            LoraError::Length {
                len: 5,
                out: 2,
                input: 3
            }
        );
        assert_eq!(
            of(init, &[], [usize::MAX, 2], 2),
            LoraError::Length {
                len: 0,
                out: usize::MAX,
                input: 2
            }
        );
        assert_eq!(
            of(init, &[], [0, 3], 1),
            LoraError::Rank {
                rank: 1,
                out: 0,
                input: 3
            }
        );
        let bad = [1.0, 1.0, 1.0, 1.0, f64::INFINITY, 1.0];
        let value = f64::INFINITY;
        assert_eq!(
            of(init, &bad, [2, 3], 2),
            LoraError::NotFinite {
                row: 1,
                column: 1,
                value
            }
        );
    }
    assert_eq!(
        of(LoraInit::Orthogonal, &[0.0; 12], [4, 3], 3),
        LoraError::OddRank(3)
    );
    assert_eq!(
        of(LoraInit::Pissa, &[1e200; 4], [2, 2], 1),
        LoraError::Overflow(1e200)
    );
}

#[test]
fn names_are_those_of_peft() {
    for init in LoraInit::ALL {
        assert_eq!(init.to_string().parse(), Ok(init));
        let json = serde_json::to_string(&init).unwrap();
        assert_eq!(json, format!("{:?}", init.name()));
        assert_eq!(serde_json::from_str::<LoraInit>(&json).unwrap(), init);
    }
    assert_eq!("zero_b".parse(), Ok(LoraInit::ZeroB));
    assert_eq!("True".parse(), Ok(LoraInit::ZeroB));
    assert_eq!(
        serde_json::from_str::<LoraInit>("\"zero_b\"").unwrap(),
        LoraInit::ZeroB
    );
    let error = "pisa".parse::<LoraInit>().unwrap_err().to_string();
    assert!(error.ends_with("did you mean \"pissa\"?"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_finite_weight_is_kept(
        (out, input) in (1usize..12, 1usize..12),
        r in 1usize..12,
        alpha in 0.1f64..64.0,
        seed: u64,
        exponent in -20i32..20,
        zeros in 0usize..12,
    ) {
        let shape = [out, input];
        let r = r.min(out).min(input);
        let mut weight = normals(seed, shape);
        weight.iter_mut().for_each(|x| *x *= 2f64.powi(exponent));
        weight[..zeros.min(out) * input].fill(0.0);
        let rank = Rank::new(r, alpha).unwrap();
        for init in [LoraInit::Pissa, LoraInit::Olora] {
            let factors = made(init, &weight, shape, rank);
            let whole = product(&factors, shape, r);
            let residual = factors.residual.unwrap();
            for ((w, rest), x) in weight.iter().zip(&residual).zip(whole) {
                prop_assert!((rest + rank.scaling() * x - w).abs() <= 1e-12 * largest(&weight) * rank.scaling().max(1.0));
            }
            if init == LoraInit::Pissa {
                let all = values(&weight, shape);
                let next = all.get(r).copied().unwrap_or(0.0);
                let left = values(&residual, shape)[0];
                prop_assert!((left - next).abs() <= 1e-6 * all[0], "{left} {next}");
            }
        }
        let mica = made(LoraInit::Mica, &weight, shape, rank);
        prop_assert!(deviation(&mica.b, r) < 1e-6);
    }
}
