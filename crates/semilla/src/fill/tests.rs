use half::bf16;
use proptest::prelude::*;

use super::target::Target;
use super::*;
use crate::distribution::Distribution;
use crate::dtype::DType;
use crate::expression::Scalar;
use crate::init::{self, Context, Initializer};
use crate::layout::Layout;
use crate::matrix;
use crate::model::{Role, Tensor};
use crate::stream::Key;

fn key() -> Key {
    Key::new(0, "tensor")
}

fn normal(std: f64) -> Distribution {
    Distribution::Normal { mean: 0.0, std }
}

fn whole(fill: &Fill, shape: &[usize]) -> Vec<f32> {
    fill.prepare(key(), shape, DType::F32)
        .unwrap()
        .to_vec()
        .unwrap()
}

/// One fill of every kind, each with a shape that it fits.
fn every_fill() -> Vec<(Fill, Vec<usize>)> {
    let layout = |text: &str| text.parse::<Layout>().unwrap();
    let normal = Fill::Draw(normal(1.0));
    let section = |size, fill| Section { size, fill };
    vec![
        (Fill::Constant { value: 0.5 }, vec![3, 5]),
        (normal.clone(), vec![7, 9, 11]),
        (Fill::Eye { gain: 2.0 }, vec![4, 6]),
        (
            Fill::Dirac {
                groups: 2,
                layout: layout("OIHW"),
            },
            vec![8, 4, 3, 3],
        ),
        (Fill::Sparse { std: 1.0, zeros: 3 }, vec![10, 6]),
        (Fill::Orthogonal { gain: 1.0, rows: 6 }, vec![6, 2, 5]),
        (
            Fill::Orthogonal {
                gain: 1.5,
                rows: 10,
            },
            vec![10, 4],
        ),
        (
            Fill::Stacked {
                of: Box::new(Fill::Orthogonal { gain: 1.0, rows: 4 }),
            },
            vec![3, 4, 5],
        ),
        (
            Fill::DeltaOrthogonal {
                gain: 1.0,
                layout: layout("OIHW"),
            },
            vec![6, 4, 3, 3],
        ),
        (
            Fill::Hadamard {
                layout: layout("OI"),
            },
            vec![12, 5],
        ),
        (Fill::LooksLinear { gain: 1.0 }, vec![8, 6]),
        (
            Fill::Repeated {
                axis: 0,
                repeats: 4,
                of: Box::new(normal.clone()),
            },
            vec![8, 3, 3],
        ),
        (
            Fill::Bilinear {
                layout: layout("IOHW^T"),
            },
            vec![3, 3, 4, 4],
        ),
        (
            Fill::Blocks {
                axis: 0,
                turns: 1,
                sections: vec![
                    section(2, normal.clone()),
                    section(3, Fill::Constant { value: 1.0 }),
                    section(4, Fill::Orthogonal { gain: 1.0, rows: 4 }),
                ],
            },
            vec![9, 5],
        ),
        (
            Fill::Blocks {
                axis: 0,
                turns: 3,
                sections: vec![
                    section(6, normal.clone()),
                    section(3, Fill::Orthogonal { gain: 1.0, rows: 3 }),
                    section(3, Fill::Constant { value: 1.0 }),
                ],
            },
            vec![12, 5],
        ),
        (
            Fill::Blocks {
                axis: 1,
                turns: 1,
                sections: vec![section(2, normal.clone()), section(3, normal.clone())],
            },
            vec![9, 5],
        ),
        (
            Fill::Padded {
                row: 2,
                of: Box::new(normal),
            },
            vec![5, 7],
        ),
        (
            Fill::LogUniform {
                low: 1.0,
                high: 99.0,
                sign: -1.0,
            },
            vec![30],
        ),
        (
            Fill::Sinusoidal {
                base: 1e4,
                halves: false,
            },
            vec![9, 8],
        ),
        (
            Fill::Sinusoidal {
                base: 1e4,
                halves: true,
            },
            vec![9, 8],
        ),
        (Fill::RotaryFrequencies { base: 1e4 }, vec![8]),
        (
            Fill::S4d {
                part: StatePart::ALog,
            },
            vec![4, 16],
        ),
        (
            Fill::MambaDtBias {
                dt_min: 0.001,
                dt_max: 0.1,
                floor: 1e-4,
            },
            vec![64],
        ),
        (
            Fill::Mimetic {
                part: Projection::Query,
                heads: 2,
                alpha: 0.7,
                beta: 0.7,
                noise: key(),
                out_first: true,
            },
            vec![8, 8],
        ),
        (Fill::Arange, vec![2, 6]),
    ]
}

#[test]
fn every_fill_is_finite_and_round_trips_as_json() {
    for (fill, shape) in every_fill() {
        assert!(
            whole(&fill, &shape).iter().all(|v| v.is_finite()),
            "{fill:?}"
        );
        let text = serde_json::to_string(&fill).unwrap();
        assert_eq!(serde_json::from_str::<Fill>(&text).unwrap(), fill, "{text}");
    }
}

/// However small the parts, they are the tensor, each element once.
#[test]
fn parts_cover_the_tensor() {
    let mut cut = 0;
    for (fill, shape) in every_fill() {
        let all = whole(&fill, &shape);
        for most in [16, 64, 300] {
            let mut seen = vec![f32::NAN; all.len()];
            let parts = fill.parts_of(
                most,
                Target {
                    shape: &shape,
                    dtype: DType::F32,
                },
            );
            cut += usize::from(parts.len() > 1);
            for part in parts {
                let prepared = fill.prepare_part(key(), &shape, DType::F32, &part).unwrap();
                for (start, len) in part.runs(&shape, 0, part.len()) {
                    let place = &mut seen[start as usize..(start + len) as usize];
                    assert!(place.iter().all(|value| value.is_nan()), "twice: {fill:?}");
                    prepared.fill(start, place).unwrap();
                }
            }
            assert!(seen == all, "{fill:?} in parts of {most} bytes");
        }
    }
    assert!(cut >= 8, "only {cut} fills were cut at all");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Any range and any box of any fill is that part of the whole, in every precision the rounded
    /// `f32` value.
    #[test]
    fn parts_equal_the_whole(
        which in 0..23usize,
        cuts in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 4),
    ) {
        let (fill, shape) = every_fill().swap_remove(which);
        let prepared = fill.prepare(key(), &shape, DType::F32).unwrap();
        let all = whole(&fill, &shape);

        let first = (cuts[0].0 * all.len() as f64) as usize;
        let len = (cuts[0].1 * (all.len() - first) as f64) as usize;
        let mut part = vec![0f32; len];
        prepared.fill(first as u64, &mut part).unwrap();
        prop_assert_eq!(&part[..], &all[first..first + len]);

        let (offset, size): (Vec<usize>, Vec<usize>) = shape.iter().zip(&cuts).map(|(&n, cut)| {
            let start = (cut.0 * n as f64) as usize;
            (start, (cut.1 * (n - start) as f64).ceil() as usize)
        }).unzip();
        let slice = Slice::new(offset.clone(), size.clone());
        let expected: Vec<f32> = (0..slice.len()).map(|mut i| {
            let mut at = 0;
            let mut stride = 1;
            for axis in (0..shape.len()).rev() {
                at += (offset[axis] + (i % size[axis] as u64) as usize) * stride;
                i /= size[axis] as u64;
                stride *= shape[axis];
            }
            all[at]
        }).collect();
        let mut part = vec![0f32; slice.len() as usize];
        prepared.fill_slice(&slice, &mut part).unwrap();
        prop_assert_eq!(&part, &expected);
        let alone = fill.prepare_part(key(), &shape, DType::F32, &slice).unwrap();
        part.fill(f32::NAN);
        alone.fill_slice(&slice, &mut part).unwrap();
        prop_assert_eq!(&part, &expected);
        let mut halves = vec![bf16::ZERO; slice.len() as usize];
        fill.prepare(key(), &shape, DType::BF16).unwrap().fill_slice(&slice, &mut halves).unwrap();
        let rounded: Vec<bf16> = expected.iter().map(|&v| bf16::from_f32(v)).collect();
        prop_assert_eq!(&halves, &rounded);

        // As bytes, from the middle of the box on.
        let skip = part.len() / 2;
        let mut bytes = vec![0f32; part.len() - skip];
        prepared.fill_bytes(&slice, skip as u64, bytemuck::cast_slice_mut(&mut bytes)).unwrap();
        prop_assert_eq!(&bytes[..], &part[skip..]);
    }
}

#[test]
fn ranks_cut_like_torch_chunk() {
    let sizes = |rows: usize, world: usize| -> Vec<usize> {
        (0..world)
            .map(|rank| Slice::of_rank(&[rows, 2], rank, world).size()[0])
            .collect()
    };
    assert_eq!(sizes(10, 4), [3, 3, 3, 1]);
    assert_eq!(sizes(4, 8), [1, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(sizes(7, 1), [7]);
    assert!(Slice::new([1], [usize::MAX]).check(&[5]).is_err());
}

fn generate(initializer: impl Into<Initializer>, tensor: &Tensor) -> Vec<f32> {
    let initializer: Initializer = initializer.into();
    initializer.generate(tensor, 0).unwrap()
}

#[test]
fn eye_dirac_and_their_kin() {
    let eye = generate(init::eye(), &Tensor::linear("w", 3, 2));
    assert_eq!(eye, [1., 0., 0., 0., 1., 0.]);
    let dirac: Initializer = init::Dirac { groups: 2 }.into();
    let values = generate(dirac, &Tensor::conv("w", [4, 2, 3]));
    let ones: Vec<usize> = (0..24).filter(|&i| values[i] == 1.0).collect();
    assert_eq!(ones, [1, 10, 13, 22]);
    assert_eq!(values.iter().sum::<f32>(), 4.0);
    let arange = Tensor::new("ids", [1, 4], DType::I64);
    let prepared = Fill::Arange
        .prepare(key(), &arange.shape, DType::I64)
        .unwrap();
    let mut ids = [0i64; 4];
    prepared
        .fill_bytes(
            &Slice::new([0, 0], [1, 4]),
            0,
            bytemuck::cast_slice_mut(&mut ids),
        )
        .unwrap();
    assert_eq!(ids, [0, 1, 2, 3]);
}

#[test]
fn sparse_columns_have_their_zeros() {
    let sparse: Initializer = init::Sparse {
        sparsity: 0.35.into(),
        std: 0.5.into(),
    }
    .into();
    let values = generate(sparse, &Tensor::linear("w", 30, 50));
    for column in 0..30 {
        let zeros = (0..50)
            .filter(|row| values[row * 30 + column] == 0.0)
            .count();
        assert_eq!(zeros, 18, "⌈0.35 · 50⌉ in column {column}");
    }
}

#[test]
fn orthogonal_kinds_are_orthogonal() {
    // Delta-orthogonal: the centre's columns are orthonormal, the rest is zero.
    let delta = generate(init::delta_orthogonal(), &Tensor::conv("w", [6, 4, 3, 3]));
    let at = |o: usize, i: usize, k: usize| delta[(o * 4 + i) * 9 + k];
    for a in 0..4 {
        for b in 0..4 {
            let dot: f32 = (0..6).map(|o| at(o, a, 4) * at(o, b, 4)).sum();
            assert!((dot - f32::from(a == b)).abs() < 1e-5);
        }
    }
    assert!(
        delta
            .iter()
            .enumerate()
            .all(|(i, &v)| i % 9 == 4 || v == 0.0)
    );
    // Keras's flattening: [rest, last].
    let keras = Tensor::conv("w", [3, 3, 4, 5]).with(Role::Conv, Layout::channels_last(2));
    let values = generate(init::orthogonal(), &keras);
    for a in 0..5 {
        for b in 0..5 {
            let dot: f32 = (0..36).map(|r| values[r * 5 + a] * values[r * 5 + b]).sum();
            assert!((dot - f32::from(a == b)).abs() < 1e-5);
        }
    }
    // Looks-linear: with [x, -x] going in, ReLU's two halves add up to Wx.
    let w = generate(init::looks_linear(), &Tensor::linear("w", 8, 6));
    for row in 0..3 {
        for column in 0..4 {
            assert_eq!(w[row * 8 + column], -w[row * 8 + column + 4]);
            assert_eq!(w[row * 8 + column], w[(row + 3) * 8 + column + 4]);
        }
    }
    let narrow = Tensor::linear("w", 9, 3);
    assert!(
        init::column_orthogonal()
            .generate::<f32>(&narrow, 0)
            .is_err()
    );
}

#[test]
fn gates_are_blocks_of_their_own() {
    let mut weight = Tensor::linear("weight_hh_l0", 8, 32);
    weight.blocks = vec![8; 4];
    let values = generate(init::orthogonal(), &weight);
    for gate in 0..4 {
        let block = &values[gate * 64..][..64];
        for a in 0..8 {
            for b in 0..8 {
                let dot: f32 = (0..8).map(|i| block[a * 8 + i] * block[b * 8 + i]).sum();
                assert!((dot - f32::from(a == b)).abs() < 1e-5);
            }
        }
        assert!(gate == 0 || block != &values[..64], "gates must differ");
    }
    // Xavier sees each gate's own fan_out.
    let resolved = init::xavier_uniform()
        .resolve(&weight, &Context::default())
        .unwrap();
    assert_eq!(resolved.fans.unwrap().fan_out, 8.0);
    let Fill::Draw(Distribution::Uniform { high, .. }) = resolved.fill else {
        panic!()
    };
    assert!((high - (6f64 / 16.0).sqrt()).abs() < 1e-15);

    let bias = Tensor::new("bias_ih_l0", [32], DType::F32);
    let forget = generate(init::gate_bias(), &bias);
    assert_eq!(
        &forget[6..18],
        &[0., 0., 1., 1., 1., 1., 1., 1., 1., 1., 0., 0.]
    );
    let chrono = generate(init::chrono(), &bias);
    for i in 0..8 {
        assert!((0.0..=783f32.ln()).contains(&chrono[8 + i]));
        assert_eq!(chrono[i], -chrono[8 + i]);
        assert_eq!(chrono[16 + i], 0.0);
    }
}

#[test]
fn repeated_kernels_and_bilinear_upsampling() {
    let icnr: Initializer = init::Icnr {
        upscale: 2,
        of: Box::new(init::kaiming_normal().into()),
    }
    .into();
    let values = generate(icnr, &Tensor::conv("w", [8, 3, 3, 3]));
    for output in 0..8 {
        assert_eq!(
            values[output * 27..][..27],
            values[output / 4 * 4 * 27..][..27]
        );
    }
    assert_ne!(values[..27], values[4 * 27..5 * 27]);
    let layout = Layout::conv_transpose(2, 4);
    let up = Tensor::conv("w", [2, 2, 4, 4]).with(Role::ConvTranspose, layout);
    let values = generate(init::bilinear(), &up);
    let row = [0.25, 0.75, 0.75, 0.25];
    for i in 0..16 {
        assert_eq!(values[i], row[i / 4] * row[i % 4]);
        assert_eq!(values[16 + i], 0.0);
    }
}

#[test]
fn hadamard_widens_with_unit_norm_columns() {
    let values = generate(init::hadamard(), &Tensor::linear("w", 5, 16));
    // m = 4, so every entry is ±2^-1.5 and a column's squared norm is 16/8.
    assert!(values.iter().all(|v| v.abs() == 2f32.powf(-1.5)));
    for (a, b) in [(0, 1), (2, 4)] {
        let dot: f32 = (0..16).map(|r| values[r * 5 + a] * values[r * 5 + b]).sum();
        assert_eq!(dot, 0.0);
    }
    let narrow = generate(init::hadamard(), &Tensor::linear("w", 3, 2));
    assert_eq!(narrow, [1., 0., 0., 0., 1., 0.]);
}

#[test]
fn state_space_and_position_tables() {
    let a_log = Tensor::new("A_log", [2, 4], DType::F32);
    let expected = [0f32, 2f32.ln(), 3f32.ln(), 4f32.ln()];
    for (value, expected) in generate(init::s4d(), &a_log)
        .iter()
        .zip(expected.iter().cycle())
    {
        assert!((value - expected).abs() < 1e-6);
    }
    let dt = generate(
        init::mamba_dt_bias(),
        &Tensor::new("dt", [4096], DType::F32),
    );
    for bias in dt {
        let step = f64::from(bias).exp().ln_1p();
        assert!((0.000_99..0.101).contains(&step), "{step}");
    }
    let table = generate(init::sinusoidal(), &Tensor::new("pe", [3, 4], DType::F32));
    for (i, value) in table.iter().enumerate() {
        let angle = (i / 4) as f64 / 1e4f64.powf((i % 4 / 2) as f64 / 2.0);
        let exact = if i % 2 == 0 { angle.sin() } else { angle.cos() };
        assert!((f64::from(*value) - exact).abs() < 1e-7);
    }
    let rotary = generate(
        init::rotary_frequencies(),
        &Tensor::new("inv_freq", [4], DType::F32),
    );
    for (i, value) in rotary.iter().enumerate() {
        assert!((f64::from(*value) - 1e4f64.powf(-(i as f64) / 4.0)).abs() < 1e-7);
    }
}

/// The products that mimetic initialization promises, head by head.
#[test]
fn mimetic_products_lie_along_the_identity() {
    let width = 24;
    let projection = |part, name: &str, heads| {
        let mimetic = init::Mimetic {
            part,
            pair: Some("attn".into()),
            heads,
            ..init::Mimetic::default()
        };
        let tensor = Tensor::linear(name, width, width);
        generate(mimetic, &tensor)
    };
    // Stored [out, in]: for x, value = W_V x and out = W_O value; W_V W_O in the paper's row
    // convention.
    let value = projection(Projection::Value, "v", 1);
    let output = projection(Projection::Output, "o", 1);
    let query = projection(Projection::Query, "q", 1);
    let keys = projection(Projection::Key, "k", 1);
    let trace = |a: &[f32], b: &[f32], transpose_b: bool| -> f64 {
        // tr(Aᵀ B) or tr(Aᵀ Bᵀ) with both stored [out, in].
        (0..width * width)
            .map(|i| {
                let j = if transpose_b {
                    i % width * width + i / width
                } else {
                    i
                };
                f64::from(a[i]) * f64::from(b[j])
            })
            .sum::<f64>()
            / width as f64
    };
    // αZ contributes tr Z / width = O(1/width) to each mean diagonal entry.
    assert!(
        (trace(&query, &keys, false) - 0.7).abs() < 0.2,
        "{}",
        trace(&query, &keys, false)
    );
    assert!(
        (trace(&value, &output, true) + 0.4).abs() < 0.15,
        "{}",
        trace(&value, &output, true)
    );
    // Two heads: still finite, and of the right size.
    let two = projection(Projection::Query, "q", 2);
    assert!(two.iter().all(|v| v.is_finite()) && two != query);
}

#[test]
fn integers_take_what_they_can_hold() {
    let check = |fill: &Fill, dtype| fill.check(&[4], dtype);
    assert!(check(&Fill::Constant { value: 3.0 }, DType::I64).is_ok());
    assert!(check(&Fill::Constant { value: 0.5 }, DType::I64).is_err());
    assert!(check(&Fill::Constant { value: 300.0 }, DType::U8).is_err());
    assert!(check(&Fill::Constant { value: 1.0 }, DType::Bool).is_ok());
    assert!(check(&Fill::Draw(normal(1.0)), DType::I32).is_err());
    assert!(Fill::Arange.check(&[300], DType::U8).is_err());
    assert!(check(&Fill::Constant { value: 1e6 }, DType::F16).is_err());
    assert!(check(&Fill::Draw(normal(100.0)), DType::F8E4M3).is_err());
}

#[test]
fn hostile_fills_are_errors() {
    let huge = vec![usize::MAX, usize::MAX];
    assert!(
        Fill::Constant { value: 0.0 }
            .check(&huge, DType::F32)
            .is_err()
    );
    let blocks = |sizes: &[usize]| Fill::Blocks {
        axis: 0,
        turns: 1,
        sections: sizes
            .iter()
            .map(|&size| Section {
                size,
                fill: Fill::Constant { value: 0.0 },
            })
            .collect(),
    };
    assert!(blocks(&[2, 2]).check(&[5], DType::F32).is_err());
    assert!(blocks(&[usize::MAX, 6]).check(&[5], DType::F32).is_err());
    assert!(blocks(&[]).check(&[], DType::F32).is_err());
    for (fill, _) in every_fill() {
        for shape in [vec![], vec![0], vec![0, 0], vec![3], vec![1, 1, 1]] {
            if fill.check(&shape, DType::F32).is_ok() {
                let _ = whole(&fill, &shape);
            }
        }
    }
}

#[test]
fn formulas_give_their_documented_scales() {
    let tensor = Tensor::linear("w", 300, 100);
    let std = |initializer: Initializer| {
        initializer
            .resolve(&tensor, &Context::default())
            .unwrap()
            .fill
            .std()
            .unwrap()
    };
    let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
    close(std(init::xavier_normal().into()), (2.0 / 400.0f64).sqrt());
    close(std(init::xavier_uniform().into()), (2.0 / 400.0f64).sqrt());
    close(std(init::kaiming_normal().into()), (2.0 / 300.0f64).sqrt());
    close(std("he_normal".parse().unwrap()), (2.0 / 300.0f64).sqrt());
    close(std(init::lecun_normal().into()), (1.0 / 300.0f64).sqrt());
    close(std(init::lecun_uniform().into()), (1.0 / 300.0f64).sqrt());
    let scaled = init::VarianceScaling {
        scale: 3.0.into(),
        mode: init::Mode::FanGeoAvg,
        ..Default::default()
    };
    close(std(scaled.into()), (3.0 / 30_000f64.sqrt()).sqrt());
    let default: Scalar = "sqrt(5)".parse().unwrap();
    let torch = init::KaimingUniform {
        a: default,
        ..Default::default()
    };
    close(std(torch.into()), (1.0 / 900.0f64).sqrt());
}

#[test]
fn matrices_are_made_by_the_matrix_module() {
    let mut expected = vec![0f32; 60];
    matrix::orthogonal(
        crate::stream::Stream::from_key(key()),
        6,
        10,
        1.0,
        &mut expected,
    );
    assert_eq!(
        whole(&Fill::Orthogonal { gain: 1.0, rows: 6 }, &[6, 10]),
        expected
    );
}

#[test]
fn buffers_that_do_not_fit_are_errors() {
    let prepared = Fill::Draw(normal(1.0))
        .prepare(key(), &[4, 8], DType::F32)
        .unwrap();
    let all = Slice::whole(&[4, 8]);
    let mut halves = [bf16::ZERO; 32];
    let wrong = BufferError::Type {
        tensor: DType::F32,
        buffer: DType::BF16,
    };
    assert_eq!(prepared.fill(0, &mut halves), Err(wrong.clone()));
    assert_eq!(prepared.fill_slice(&all, &mut halves), Err(wrong.clone()));
    let vector = prepared.to_vec::<bf16>();
    assert_eq!(vector, Err(FillError::Buffer(wrong)));

    let mut short = [0f32; 3];
    let length = prepared.fill_slice(&all, &mut short).unwrap_err();
    assert_eq!(
        length.to_string(),
        "the slice has 32 elements, the buffer 3; make them equal"
    );
    for first in [30, u64::MAX] {
        let range = prepared.fill(first, &mut short);
        assert!(matches!(range, Err(BufferError::Range { .. })), "{range:?}");
        let range = prepared.fill_bytes(&all, first, bytemuck::cast_slice_mut(&mut short));
        assert!(matches!(range, Err(BufferError::Range { .. })), "{range:?}");
    }
    let outside = Slice::new([3, 0], [2, 8]);
    let outside = prepared.fill_slice(&outside, &mut [0f32; 16]);
    assert!(matches!(outside, Err(BufferError::Slice(_))));
    let mut bytes = [0u8; 7];
    let torn = prepared.fill_bytes(&all, 0, &mut bytes);
    assert!(matches!(torn, Err(BufferError::Bytes { bytes: 7, .. })));
    let ids = Fill::Arange.prepare(key(), &[8], DType::I16).unwrap();
    let torn = ids.fill_bytes(&Slice::whole(&[8]), 0, &mut bytes);
    assert!(matches!(torn, Err(BufferError::Bytes { bytes: 7, .. })));
}

/// Elements that a part does not have are refused, of every kind.
#[test]
fn parts_give_their_own_elements_only() {
    for (fill, shape) in every_fill() {
        let part = Slice::whole(&shape).narrowed(0, 1, 1);
        let prepared = fill.prepare_part(key(), &shape, DType::F32, &part).unwrap();
        let rest = Slice::whole(&shape).narrowed(0, 0, 1);
        let mut out = vec![0f32; rest.len() as usize];
        let refused = |result: Result<(), BufferError>| {
            assert!(
                matches!(result, Err(BufferError::NotPrepared { .. })),
                "{fill:?}"
            );
        };
        if shape[0] > 1 {
            refused(prepared.fill(0, &mut out));
            refused(prepared.fill_slice(&rest, &mut out));
            refused(prepared.fill_bytes(&rest, 0, bytemuck::cast_slice_mut(&mut out)));
            prepared.fill_slice(&part, &mut out).unwrap();
        }
    }
}

#[test]
fn loads_lie_in_the_tensor_or_its_sections() {
    let load = || Fill::Load(Load::whole(0, "w"));
    let of = || Box::new(load());
    let blocks = |fill| Fill::Blocks {
        axis: 0,
        turns: 1,
        sections: vec![Section { size: 4, fill }],
    };
    let shape = [4, 4];
    for fits in [load(), blocks(load()), blocks(blocks(load()))] {
        fits.check(&shape, DType::F32).unwrap();
        fits.check(&shape, DType::I32).unwrap();
    }
    let repeated = Fill::Repeated {
        axis: 0,
        repeats: 2,
        of: of(),
    };
    let rest = Fill::Load(Load {
        rest: Some(Box::new(blocks(load()))),
        ..Load::whole(0, "w")
    });
    for nested in [
        Fill::Stacked { of: of() },
        Fill::Padded { row: 0, of: of() },
        repeated,
        rest,
    ] {
        for fill in [nested.clone(), blocks(nested)] {
            let error = fill.check(&shape, DType::F32).unwrap_err();
            assert!(matches!(error, FillError::NestedLoad { .. }), "{fill:?}");
        }
    }
}

#[test]
fn messages_are_short() {
    let constant = |value| Fill::Constant { value };
    let huge = constant(1e300).check(&[4], DType::F32).unwrap_err();
    assert_eq!(
        huge.to_string(),
        "1e300 is not a F32 value; choose another value or another dtype"
    );
    let empty = Fill::Draw(Distribution::Uniform {
        low: f64::MAX,
        high: -f64::MAX,
    });
    let empty = empty.check(&[4], DType::F64).unwrap_err().to_string();
    assert!(empty.len() < 100, "{empty}");
    for (fill, _) in every_fill() {
        assert!(fill.to_string().len() < 60, "{fill}");
    }
}

#[test]
fn fills_are_described_by_their_numbers() {
    let uniform = |low, high| Fill::Draw(Distribution::Uniform { low, high });
    let std = 0.02 / 24f64.sqrt();
    let draw = || Box::new(Fill::Draw(normal(std)));
    let zero = Fill::Constant { value: 0.0 };
    let section = |fill: &Fill| Section {
        size: 1,
        fill: fill.clone(),
    };
    let truncated = Fill::Draw(Distribution::TruncatedNormal {
        mean: 0.0,
        std: 1.0,
        low: -2.0,
        high: 2.0,
    });
    let blocks = Fill::Blocks {
        axis: 0,
        turns: 1,
        sections: vec![section(&zero), section(&zero), section(&Fill::Arange)],
    };
    for (fill, expected) in [
        (Fill::Draw(normal(0.02)), "N(0, 0.02)"),
        (uniform(-0.05, 0.05), "U(±0.05)"),
        (uniform(0.0, 1.0), "U(0, 1)"),
        (truncated, "N(0, 1) in ±2"),
        (Fill::Stacked { of: draw() }, "each: N(0, 0.0040825)"),
        (
            Fill::Padded { row: 3, of: draw() },
            "N(0, 0.0040825), row 3 zero",
        ),
        (blocks, "3 blocks: 0 | 0, 1, 2, ..."),
        (Fill::Orthogonal { gain: 1.5, rows: 8 }, "8 rows, gain 1.5"),
        (
            Fill::Sparse {
                std: 0.01,
                zeros: 3,
            },
            "N(0, 0.01), 3 zeros a column",
        ),
        (Fill::Keep, "as in the file"),
        (Fill::Load(Load::whole(0, "w")), "from a checkpoint"),
        (
            Fill::S4d {
                part: StatePart::Real,
            },
            "",
        ),
    ] {
        assert_eq!(fill.to_string(), expected);
    }
}

/// Shapes that a kind is not made for are errors, not panics.
#[test]
fn matrices_have_their_axes() {
    let orthogonal = Fill::Orthogonal { gain: 1.0, rows: 1 };
    assert!(orthogonal.check(&[], DType::F32).is_err());
    let sparse = Fill::Sparse { std: 1.0, zeros: 1 };
    assert!(sparse.check(&[2, 2, 2], DType::F32).is_err());
}

#[test]
fn turns_deal_out_the_same_values() {
    let sections = |turns| Fill::Blocks {
        axis: 0,
        turns,
        sections: [4, 2, 2]
            .map(|size| Section {
                size,
                fill: Fill::Draw(normal(1.0)),
            })
            .to_vec(),
    };
    let rows = |fill: Fill| -> Vec<[f32; 3]> {
        let prepared = fill.prepare(Key::new(3, "w"), &[8, 3], DType::F32).unwrap();
        let values: Vec<f32> = prepared.to_vec().unwrap();
        values
            .chunks(3)
            .map(|row| [row[0], row[1], row[2]])
            .collect()
    };
    let (row, dealt) = (rows(sections(1)), rows(sections(2)));
    let order = [0, 1, 4, 6, 2, 3, 5, 7];
    assert_eq!(dealt, order.map(|at| row[at]));
    for turns in [0, 4] {
        let problem = sections(turns).check(&[8, 3], DType::F32).unwrap_err();
        assert!(problem.to_string().contains("do not divide"), "{problem}");
    }
    let json = serde_json::to_string(&sections(2)).unwrap();
    assert_eq!(serde_json::from_str::<Fill>(&json).unwrap(), sections(2));
    assert!(
        !serde_json::to_string(&sections(1))
            .unwrap()
            .contains("turns")
    );
}
