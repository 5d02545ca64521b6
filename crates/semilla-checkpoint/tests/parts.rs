//! Weights that are stored in parts: put together as the libraries that write them do
//! (`tests/peers/parts_fixtures.py`).

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{damaged, fixture, names, read};
use semilla::transfer::{Depth, LayerMap, LayerRule};
use semilla::{DType, Recipe, Transfer};
use semilla_checkpoint::ops::{DescribeOptions, Planner, describe, replay};
use semilla_checkpoint::{
    Checkpoint, CheckpointWriter, Metadata, SafetensorsWriter, TensorInfo, Tensors, open,
    sentences, whole,
};

fn parts(name: &str) -> PathBuf {
    fixture("parts").join(name)
}

fn values(file: &dyn Checkpoint, tensor: usize) -> Vec<f64> {
    let mut values = Vec::new();
    let bytes = read(file, tensor, usize::MAX).unwrap();
    file.tensors()[tensor].dtype().decode(&bytes, &mut values);
    values
}

/// Compares each weight with the library's, in units of its last digit.
fn check(name: &str, most: f64) -> Vec<String> {
    let file = whole(open(parts(&format!("{name}.safetensors"))).unwrap()).unwrap();
    let expected = open(parts(&format!("{name}.expected.safetensors"))).unwrap();
    let (mut found, mut wanted) = (names(&*file), names(&*expected));
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{name}: {:?}", sentences(file.remarks()));
    for (index, info) in file.tensors().iter().enumerate() {
        let other = expected.tensors().index_of(info.name()).unwrap();
        assert_eq!(info, &expected.tensors()[other], "{name}");
        let unit = match info.dtype() {
            DType::BF16 => 2f64.powi(-8),
            DType::F16 => 2f64.powi(-11),
            _ => 2f64.powi(-24),
        };
        let pairs = values(&*file, index)
            .into_iter()
            .zip(values(&*expected, other));
        for (place, (own, theirs)) in pairs.enumerate() {
            let near = (own - theirs).abs() <= most * unit * theirs.abs();
            assert!(
                near,
                "{name}: {} [{place}] is {own}, not {theirs}",
                info.name()
            );
        }
        let bytes = read(&*file, index, usize::MAX).unwrap();
        for piece in [1, 6, 130, 1 << 10] {
            assert!(
                read(&*file, index, piece).unwrap() == bytes,
                "{name}: {}",
                info.name()
            );
        }
    }
    sentences(file.remarks())
}

#[test]
fn quantized_weights_are_those_of_the_libraries_bit_for_bit() {
    for (name, says) in [
        ("fp8_blocks", "dequantized from FP8 by blocks of 128"),
        ("fp8_blocks", "dequantized from MXFP4 by groups of 32"),
        ("modelopt", "dequantized from NVFP4 by groups of 16"),
        ("modelopt", "dequantized from FP8 with one scale"),
        ("gpt_oss", "dequantized from MXFP4 by groups of 32"),
        ("gptq", "dequantized from GPTQ, 4 bits by groups of 32"),
        ("gptq", "dequantized from GPTQ, 3 bits by groups of 32"),
        (
            "gptq_v2/model",
            "dequantized from GPTQ, 4 bits by groups of 32",
        ),
        ("awq", "dequantized from AWQ, 4 bits by groups of 32"),
        ("mlx", "dequantized from MLX, 8 bits by groups of 64"),
        (
            "bitsandbytes",
            "dequantized from NF4 of bitsandbytes by blocks of 64",
        ),
        ("bitsandbytes", "dequantized from INT8 of bitsandbytes"),
        (
            "compressed_tensors",
            "dequantized from 4 bits of compressed-tensors by groups of 32",
        ),
        (
            "compressed_tensors",
            "dequantized from FP8 with a scale for each row",
        ),
        (
            "compressed_tensors",
            "dequantized from NVFP4 by groups of 16",
        ),
    ] {
        let said = check(name, 0.0);
        assert!(
            said.iter().any(|line| line.contains(says)),
            "{name}: {said:?}"
        );
    }
}

#[test]
fn norms_are_folded_to_a_rounding_or_two() {
    let said = check("normalized", 16.0);
    for says in [
        "weight norm folded",
        "spectral norm folded",
        "pruning mask applied",
    ] {
        assert!(said.iter().any(|line| line.contains(says)), "{said:?}");
    }
}

/// A safetensors file of F32 tensors with these values.
fn file(path: &Path, tensors: &[(&str, &[usize], &[f32])]) {
    let typed = tensors.iter().map(|&(name, shape, values)| {
        let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
        (name, DType::F32, shape, values)
    });
    typed_file(path, &typed.collect::<Vec<_>>());
}

/// A safetensors file of tensors with these values.
fn typed_file(path: &Path, tensors: &[(&str, DType, &[usize], Vec<f64>)]) {
    let infos = tensors.iter();
    let infos = infos.map(|(name, dtype, shape, _)| TensorInfo::new(*name, *dtype, *shape));
    let list = Tensors::new(infos.collect::<Result<_, _>>().unwrap()).unwrap();
    let writer = SafetensorsWriter::create(path, list, Metadata::new(), None).unwrap();
    for (tensor, (_, dtype, _, values)) in tensors.iter().enumerate() {
        let bytes = match dtype {
            DType::I8 => values.iter().map(|&value| value as i8 as u8).collect(),
            DType::I32 => {
                bytemuck::cast_slice(&values.iter().map(|&v| v as i32).collect::<Vec<_>>()).to_vec()
            }
            dtype => dtype.encode(values).unwrap(),
        };
        writer.write(tensor, 0, &bytes).unwrap();
    }
    Box::new(writer).finish().unwrap();
}

/// `from` given to `model`, written, replayed from the lock, and read again.
fn given(folder: &Path, model: &Path, from: &Path) -> (Vec<String>, Box<dyn Checkpoint>) {
    let all = Transfer {
        from: Some(from.display().to_string()),
        ..Transfer::default()
    };
    given_by(folder, model, all)
}

fn given_by(folder: &Path, model: &Path, transfer: Transfer) -> (Vec<String>, Box<dyn Checkpoint>) {
    let described = describe(model.to_str().unwrap(), DescribeOptions::default()).unwrap();
    let planned = Planner::new(&described)
        .recipe(Recipe::named("pytorch").unwrap())
        .from(transfer)
        .plan()
        .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
    let (first, again) = (
        folder.join("first.safetensors"),
        folder.join("again.safetensors"),
    );
    planned.write(&first).run().unwrap();
    let lock = folder.join("lock.json");
    fs::write(&lock, planned.lock().unwrap()).unwrap();
    let replayed = replay(&lock, Some(&described)).unwrap();
    replayed.write(&again).run().unwrap();
    assert!(fs::read(&first).unwrap() == fs::read(&again).unwrap());
    let reasons = planned.plan.tensors.iter();
    let reasons = reasons.map(|line| format!("{}: {}", line.name, line.reason));
    (reasons.collect(), open(&first).unwrap())
}

#[test]
fn a_weight_in_parts_is_given_to_a_model_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    file(&model, &[("old.weight", &[5, 3, 4], &[0.0; 60])]);
    let from = parts("normalized.safetensors");
    let (reasons, found) = given(folder.path(), &model, &from);
    assert_eq!(reasons, ["old.weight: from old.weight; weight norm folded"]);
    let expected = whole(open(&from).unwrap()).unwrap();
    let old = expected.tensors().index_of("old.weight").unwrap();
    assert_eq!(values(&*found, 0), values(&*expected, old));
}

#[test]
fn a_quantized_weight_keeps_its_name_and_not_its_codes() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    file(&model, &[("half.weight", &[8, 256], &[0.0; 8 * 256])]);
    let from = parts("fp8_blocks.safetensors");
    let (reasons, found) = given(folder.path(), &model, &from);
    let says = "half.weight: from half.weight; dequantized from FP8 by blocks of 128";
    assert_eq!(reasons, [says]);
    let expected = open(parts("fp8_blocks.expected.safetensors")).unwrap();
    let half = expected.tensors().index_of("half.weight").unwrap();
    assert_eq!(values(&*found, 0), values(&*expected, half));
}

#[test]
fn a_model_in_the_same_parts_takes_the_parts() {
    for name in [
        "fp8_blocks",
        "normalized",
        "gptq",
        "awq",
        "bitsandbytes",
        "compressed_tensors",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = parts(&format!("{name}.safetensors"));
        let (reasons, found) = given(folder.path(), &path, &path);
        let stored = open(&path).unwrap();
        for (index, info) in stored.tensors().iter().enumerate() {
            let other = found.tensors().index_of(info.name()).unwrap();
            assert_eq!(info, &found.tensors()[other], "{name}");
            let both = [(&stored, index), (&found, other)];
            let [own, other] = both.map(|(file, at)| read(&**file, at, usize::MAX).unwrap());
            assert!(own == other, "{name}: {}", info.name());
        }
        assert!(
            !reasons.iter().any(|line| line.contains("dequantized")),
            "{reasons:?}"
        );
    }
}

#[test]
fn a_normalized_model_is_filled_from_whole_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (model, from) = ("model", "from").into_path(folder.path());
    file(&from, &[("net.fc.weight", &[2, 2], &[3.0, 4.0, 0.0, 2.0])]);
    for (length, direction, shape, norms) in [
        ("fc.weight_g", "fc.weight_v", vec![2, 1], vec![5.0, 2.0]),
        (
            "fc.weight_g",
            "fc.weight_v",
            vec![1, 2],
            vec![3.0, 20f64.sqrt()],
        ),
        ("fc.weight_g", "fc.weight_v", vec![], vec![29f64.sqrt()]),
        (
            "fc.parametrizations.weight.original0",
            "fc.parametrizations.weight.original1",
            vec![2, 1],
            vec![5.0, 2.0],
        ),
    ] {
        let lengths = vec![1.0; norms.len()];
        file(
            &model,
            &[(length, &shape, &lengths), (direction, &[2, 2], &[1.0; 4])],
        );
        let (reasons, found) = given(folder.path(), &model, &from);
        assert!(
            reasons
                .iter()
                .any(|line| line.contains("the norms of the weight")),
            "{reasons:?}"
        );
        let of = |name: &str| values(&*found, found.tensors().index_of(name).unwrap());
        assert_eq!(of(direction), [3.0, 4.0, 0.0, 2.0]);
        let norms: Vec<f64> = norms.iter().map(|&norm| f64::from(norm as f32)).collect();
        assert_eq!(of(length), norms);
    }
}

#[test]
fn the_same_norms_are_given_to_several_layers() {
    let folder = tempfile::tempdir().unwrap();
    let (model, from) = ("model", "from").into_path(folder.path());
    file(&from, &[("net.0.weight", &[2, 2], &[3.0, 4.0, 0.0, 2.0])]);
    let ones = [1.0; 4];
    let layers = [
        ("net.0.weight_g", &[2, 1][..], &ones[..2]),
        ("net.0.weight_v", &[2, 2], &ones),
        ("net.1.weight_g", &[2, 1], &ones[..2]),
        ("net.1.weight_v", &[2, 2], &ones),
    ];
    file(&model, &layers);
    let stacked = Transfer {
        from: Some(from.display().to_string()),
        depth: Some(Depth {
            layers: "net".to_owned(),
            map: LayerMap::Rule(LayerRule::Stack),
            new: Default::default(),
        }),
        ..Transfer::default()
    };
    let (reasons, found) = given_by(folder.path(), &model, stacked);
    for (name, norms) in [
        ("net.0.weight_g", [5.0, 2.0]),
        ("net.1.weight_g", [5.0, 2.0]),
    ] {
        let tensor = found.tensors().index_of(name).unwrap();
        assert_eq!(values(&*found, tensor), norms, "{reasons:?}");
    }
}

trait IntoPath {
    fn into_path(self, folder: &Path) -> (PathBuf, PathBuf);
}

impl IntoPath for (&str, &str) {
    fn into_path(self, folder: &Path) -> (PathBuf, PathBuf) {
        let path = |name: &str| folder.join(format!("{name}.safetensors"));
        (path(self.0), path(self.1))
    }
}

#[test]
fn zero_points_are_one_for_each_scale_or_for_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let (eight, four) = ((0..8).map(f64::from), vec![0.5, 2.0, 4.0, 1.0]);
    for (shape, zeros, expected) in [
        (&[2, 1][..], vec![1.0, 2.0], Some(5.0)),
        (&[2, 2], vec![1.0, 3.0, 2.0, 5.0], Some(2.0)),
        (&[2, 4], vec![0.0; 8], None),
    ] {
        let parts = [
            ("q.weight", DType::I8, &[2, 4][..], eight.clone().collect()),
            ("q.weight_scale", DType::F32, &[2, 2], four.clone()),
            ("q.weight_zero_point", DType::I8, shape, zeros),
        ];
        typed_file(&path, &parts);
        let file = whole(open(&path).unwrap()).unwrap();
        let is_whole = names(&*file) == ["q.weight"];
        let found = is_whole.then(|| values(&*file, 0));
        let says = sentences(file.remarks());
        assert_eq!(found.map(|all| all[7]), expected, "{says:?}");
        assert_eq!(says[0].contains("does not fit its scales"), !is_whole);
    }
}

#[test]
fn columns_in_any_order_may_share_the_zero_point_of_their_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let parts = [
        (
            "q.weight_packed",
            DType::I32,
            &[2, 1][..],
            vec![f64::from(0x4321), 0.0],
        ),
        (
            "q.weight_scale",
            DType::F32,
            &[2, 2],
            vec![1.0, 2.0, 3.0, 4.0],
        ),
        ("q.weight_zero_point", DType::I8, &[2, 1], vec![-8.0, -8.0]),
        ("q.weight_shape", DType::I32, &[2], vec![2.0, 4.0]),
        ("q.weight_g_idx", DType::I32, &[4], vec![0.0, 1.0, 1.0, 0.0]),
    ];
    typed_file(&path, &parts);
    let file = whole(open(&path).unwrap()).unwrap();
    assert_eq!(values(&*file, 0), [1.0, 4.0, 6.0, 4.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_configuration_that_is_none_says_nothing() {
    for config in ["[]", "7", "\"gptq\"", "{", "{\"quantization\": []}"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let parts: [(&str, &[usize], &[f32]); 2] = [
            ("fc.weight_v", &[1, 2], &[3.0, 4.0]),
            ("fc.weight_g", &[1, 1], &[10.0]),
        ];
        file(&path, &parts);
        fs::write(folder.path().join("config.json"), config).unwrap();
        let file = whole(open(&path).unwrap()).unwrap();
        assert_eq!(values(&*file, 0), [6.0, 8.0]);
    }
}

#[test]
fn parts_may_lie_in_different_shards() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = at("model-00001-of-00002.safetensors");
    file(&first, &[("fc.weight_v", &[1, 2], &[3.0, 4.0])]);
    file(
        &at("model-00002-of-00002.safetensors"),
        &[("fc.weight_g", &[1, 1], &[10.0])],
    );
    let file = whole(open(first).unwrap()).unwrap();
    assert_eq!(names(&*file), ["fc.weight"]);
    assert_eq!(values(&*file, 0), [6.0, 8.0]);
}

#[test]
fn whatever_the_damage_nothing_breaks() {
    for name in [
        "normalized",
        "fp8_blocks",
        "modelopt",
        "gpt_oss",
        "gptq",
        "awq",
        "mlx",
        "bitsandbytes",
        "compressed_tensors",
    ] {
        let content = fs::read(parts(&format!("{name}.safetensors"))).unwrap();
        // The header and the first values: later ones are not looked at before they are decoded.
        damaged(&content, 20, |copy| {
            let (_folder, path) = common::file_of(&copy);
            let Ok(file) = open(&path).and_then(whole) else {
                return;
            };
            for tensor in 0..file.tensors().len() {
                if file.tensors()[tensor].bytes() < 1 << 20 {
                    let _ = read(&*file, tensor, 1 << 14);
                }
            }
        });
    }
}
