//! Adapters merged into their base: values worked out by hand, and folders that are refused.
//! `tests/peers/test_merge.py` compares with peft.

mod common;

use std::fs;
use std::path::Path;

use common::{names, whole};
use semilla::DType;
use semilla_checkpoint::ops::{Merge, MergeError};
use semilla_checkpoint::{
    Checkpoint, Metadata, SafetensorsWriter, TensorInfo, Tensors, open, sentences,
};
use tempfile::TempDir;

type Values<'a> = (&'a str, &'a [usize], &'a [f64]);

fn write(path: &Path, dtype: DType, tensors: &[Values<'_>]) {
    let infos = tensors.iter();
    let infos = infos.map(|(name, shape, _)| TensorInfo::new(*name, dtype, *shape).unwrap());
    let list = Tensors::new(infos.collect()).unwrap();
    let writer = SafetensorsWriter::create(path, list, Metadata::new(), None).unwrap();
    for (tensor, (_, _, values)) in tensors.iter().enumerate() {
        writer
            .write(tensor, 0, &dtype.encode(values).unwrap())
            .unwrap();
    }
    Box::new(writer).finish().unwrap();
}

/// A base of `fc.weight` [[1, 2, 3], [4, 5, 6]] and `head.weight` [[7]], and an adapter.
fn folder(config: &str, adapter: &[Values<'_>]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let base: [Values<'_>; 2] = [
        ("net.fc.weight", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("net.head.weight", &[1, 1], &[7.0]),
    ];
    write(&folder.path().join("base.safetensors"), DType::BF16, &base);
    fs::write(folder.path().join("adapter_config.json"), config).unwrap();
    write(
        &folder.path().join("adapter_model.safetensors"),
        DType::F32,
        adapter,
    );
    folder
}

fn merge(folder: &TempDir) -> Result<Merge, MergeError> {
    let base = open(folder.path().join("base.safetensors")).unwrap();
    Merge::new(base, folder.path())
}

fn values(file: &dyn Checkpoint, name: &str) -> Vec<f64> {
    let tensor = file.tensors().index_of(name).unwrap();
    let mut values = Vec::new();
    let dtype = file.tensors()[tensor].dtype();
    dtype.decode(&whole(file, tensor).unwrap(), &mut values);
    values
}

const A: Values<'_> = (
    "base_model.model.net.fc.lora_A.weight",
    &[2, 3],
    &[1.0, 0.0, 2.0, 0.0, 1.0, 0.0],
);
const B: Values<'_> = (
    "base_model.model.net.fc.lora_B.weight",
    &[2, 2],
    &[1.0, 0.0, 0.0, -1.0],
);

#[test]
fn products_are_added_with_their_scaling() {
    let product = [1.0, 0.0, 2.0, 0.0, -1.0, 0.0];
    let base = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    for (config, scaling) in [
        (r#"{"peft_type":"LORA","lora_alpha":4}"#, 2.0),
        (r#"{"peft_type":"LORA"}"#, 4.0),
        (
            r#"{"peft_type":"LORA","lora_alpha":4,"alpha_pattern":{"f.":6,"fc":8}}"#,
            3.0,
        ),
        (
            r#"{"peft_type":"LORA","lora_alpha":4,"alpha_pattern":{"c":8}}"#,
            2.0,
        ),
    ] {
        let folder = folder(config, &[A, B]);
        let merge = merge(&folder).unwrap();
        let report = merge.write(
            folder.path().join("out.safetensors"),
            None,
            Default::default(),
        );
        assert_eq!(report.unwrap().merged[0].scaling, scaling);
        let file = open(folder.path().join("out.safetensors")).unwrap();
        let expected: Vec<f64> = base
            .iter()
            .zip(product)
            .map(|(w, p)| w + scaling * p)
            .collect();
        assert_eq!(values(&*file, "net.fc.weight"), expected, "{config}");
        assert_eq!(values(&*file, "net.head.weight"), [7.0]);
        assert_eq!(file.tensors()[0].dtype(), DType::BF16);
    }
    let stabilized = r#"{"peft_type":"LORA","lora_alpha":2,"use_rslora":true}"#;
    let folder = folder(stabilized, &[A, B]);
    let file = merge(&folder).unwrap();
    let expected = 1.0 + 2f64.sqrt();
    let found = values(file.checkpoint(), "net.fc.weight")[0];
    assert!((found - expected).abs() < 0.01, "{found}");
}

#[test]
fn tables_and_turned_weights_take_the_transposed_product() {
    let turned: [Values<'_>; 2] = [
        (
            "base_model.model.net.fc.lora_A.weight",
            &[1, 2],
            &[1.0, 10.0],
        ),
        (
            "base_model.model.net.fc.lora_B.weight",
            &[3, 1],
            &[1.0, 2.0, 3.0],
        ),
    ];
    let table: [Values<'_>; 2] = [
        (
            "base_model.model.net.fc.lora_embedding_A",
            &[1, 2],
            &[1.0, 10.0],
        ),
        (
            "base_model.model.net.fc.lora_embedding_B",
            &[3, 1],
            &[1.0, 2.0, 3.0],
        ),
    ];
    for (config, adapter) in [
        (
            r#"{"peft_type":"LORA","lora_alpha":1,"fan_in_fan_out":true}"#,
            turned,
        ),
        (r#"{"peft_type":"LORA","lora_alpha":1}"#, table),
    ] {
        let folder = folder(config, &adapter);
        let found = values(merge(&folder).unwrap().checkpoint(), "net.fc.weight");
        assert_eq!(found, [2.0, 4.0, 6.0, 14.0, 25.0, 36.0]);
    }
}

#[test]
fn rows_get_the_lengths_of_dora() {
    let lengths: Values<'_> = (
        "base_model.model.net.fc.lora_magnitude_vector",
        &[2],
        &[2.0, 3.0],
    );
    let zero: Values<'_> = (B.0, B.1, &[0.0; 4]);
    let config = r#"{"peft_type":"LORA","use_dora":true}"#;
    let folder = folder(config, &[A, zero, lengths]);
    let merge = merge(&folder).unwrap();
    let found = values(merge.checkpoint(), "net.fc.weight");
    for (row, length) in [(0, 2.0), (1, 3.0)] {
        let square: f64 = found[3 * row..3 * row + 3].iter().map(|x| x * x).sum();
        assert!((square.sqrt() - length).abs() < 0.01, "{found:?}");
    }
    // Any range of bytes is the same.
    let file = merge.checkpoint();
    let tensor = file.tensors().index_of("net.fc.weight").unwrap();
    let bytes = whole(file, tensor).unwrap();
    for start in 0..12 {
        let mut part = vec![0; 12 - start];
        file.read(tensor, start as u64, &mut part).unwrap();
        assert_eq!(part, bytes[start..]);
    }
}

#[test]
fn modules_that_were_trained_whole_take_the_place_of_the_bases() {
    let given: [Values<'_>; 2] = [
        ("base_model.model.net.head.weight", &[1, 1], &[9.0]),
        (
            "base_model.model.score.modules_to_save.weight",
            &[1],
            &[3.0],
        ),
    ];
    let folder = folder(r#"{"peft_type":"LORA"}"#, &[A, B, given[0], given[1]]);
    let merge = merge(&folder).unwrap();
    let file = merge.checkpoint();
    assert_eq!(
        names(file),
        ["net.fc.weight", "net.head.weight", "score.weight"]
    );
    assert_eq!(values(file, "net.head.weight"), [9.0]);
    assert_eq!(values(file, "score.weight"), [3.0]);
    assert!(
        file.made_of_parts(0)
            .unwrap()
            .contains("LoRA of rank 2 and scaling 4")
    );
    assert!(sentences(file.remarks()).is_empty());
}

#[test]
fn a_table_that_is_saved_with_its_factors_is_what_they_are_added_to() {
    let own: Values<'_> = (
        "base_model.model.net.fc.base_layer.weight",
        &[2, 3],
        &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
    );
    let folder = folder(r#"{"peft_type":"LORA","lora_alpha":2}"#, &[A, B, own]);
    let merge = merge(&folder).unwrap();
    let found = values(merge.checkpoint(), "net.fc.weight");
    assert_eq!(found, [11.0, 20.0, 32.0, 40.0, 49.0, 60.0]);
}

#[test]
fn a_base_inside_of_the_model_that_was_adapted_is_found() {
    let rename = |(name, shape, values): Values<'static>| {
        let inner = name.replace("net.fc", "wrapper.net.fc");
        (Box::leak(inner.into_boxed_str()) as &str, shape, values)
    };
    let folder = folder(r#"{"peft_type":"LORA"}"#, &[rename(A), rename(B)]);
    assert_eq!(
        values(merge(&folder).unwrap().checkpoint(), "net.fc.weight")[0],
        5.0
    );
}

#[test]
fn what_cannot_be_merged_is_named() {
    let lora = r#"{"peft_type":"LORA"}"#;
    let bias: Values<'_> = ("base_model.model.net.fc.lora_B.bias", &[2], &[1.0, 1.0]);
    let wide: Values<'_> = (B.0, &[3, 2], &[0.0; 6]);
    let other: Values<'_> = ("base_model.model.no.lora_A.weight", A.1, A.2);
    let other_b: Values<'_> = ("base_model.model.no.lora_B.weight", B.1, B.2);
    let head: Values<'_> = ("base_model.model.net.head.weight", &[2], &[9.0, 9.0]);
    for (config, adapter, parts) in [
        (
            r#"{"peft_type":"LOHA"}"#,
            &[A, B][..],
            ["peft_type is \"LOHA\"", "merge_and_unload"],
        ),
        (r#"{"r":8}"#, &[A, B], ["peft_type is \"\"", "LORA"]),
        ("[", &[A, B], ["adapter_config.json", "EOF"]),
        (
            r#"{"peft_type":"LORA","init_lora_weights":"pissa_niter_4"}"#,
            &[A, B],
            ["pissa_niter_4 had changed", "init_lora_weights to true"],
        ),
        (
            r#"{"peft_type":"LORA","alora_invocation_tokens":[1]}"#,
            &[A, B],
            ["invocation tokens", "aLoRA"],
        ),
        (
            lora,
            &[A, B, bias],
            ["net.fc.lora_B.bias", "variant of LoRA"],
        ),
        (lora, &[A], ["\"net.fc\"", "one factor without the other"]),
        (lora, &[A, wide], ["[2, 3] and [3, 2]", "a weight [2, 3]"]),
        (
            lora,
            &[other, other_b],
            ["\"no\"", "the base has no weight of this module"],
        ),
        (
            lora,
            &[A, B, head],
            ["net.head.weight", "the base's [1, 1]"],
        ),
        (
            r#"{"peft_type":"LORA","use_dora":true}"#,
            &[A, B],
            ["net.fc", "lengths"],
        ),
    ] {
        let folder = folder(config, adapter);
        let error = merge(&folder).err().expect("a refusal").to_string();
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    let empty = folder(lora, &[A, B]);
    fs::remove_file(empty.path().join("adapter_model.safetensors")).unwrap();
    let error = merge(&empty).err().expect("a refusal").to_string();
    assert!(error.contains("no adapter_model.safetensors"), "{error}");
    fs::remove_file(empty.path().join("adapter_config.json")).unwrap();
    assert!(merge(&empty).is_err());
    // What is read stays.
    let folder = folder(lora, &[A, B]);
    for name in ["base.safetensors", "adapter_model.safetensors"] {
        let merge = merge(&folder).unwrap();
        let written = merge.write(folder.path().join(name), None, Default::default());
        assert!(matches!(written, Err(MergeError::Onto(_))));
    }
}
