//! Tensors that do not fit, through the real binary: what is done to them is asked for, told, and replayed.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use semilla::DType;
use semilla_checkpoint::{
    CheckpointWriter, Metadata, SafetensorsWriter, TensorInfo, Tensors, open,
};
use tempfile::TempDir;

type Shapes<'a> = &'a [(&'a str, &'a [usize])];

/// Element i of the tensor n is n + i / 1000.
fn file(folder: &Path, tensors: Shapes<'_>) -> PathBuf {
    let path = folder.join("from.safetensors");
    let infos = tensors
        .iter()
        .map(|(name, shape)| TensorInfo::new(*name, DType::F32, *shape).unwrap());
    let list = Tensors::new(infos.collect()).unwrap();
    let writer = SafetensorsWriter::create(&path, list, Metadata::new(), None).unwrap();
    for (n, (_, shape)) in tensors.iter().enumerate() {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| n as f32 + i as f32 / 1000.0).collect();
        writer.write(n, 0, bytemuck::cast_slice(&values)).unwrap();
    }
    Box::new(writer).finish().unwrap();
    path
}

fn values(path: &Path, name: &str) -> Vec<f32> {
    let file = open(path).unwrap();
    let tensor = file.tensors().index_of(name).expect(name);
    let mut bytes = vec![0; file.tensors()[tensor].bytes() as usize];
    file.read(tensor, 0, &mut bytes).unwrap();
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// A command on a model of these shapes and a checkpoint of those.
fn command(folder: &TempDir, verb: &str, model: Shapes<'_>, from: Shapes<'_>) -> Command {
    let list: serde_json::Map<String, serde_json::Value> = model
        .iter()
        .map(|(name, shape)| {
            (
                name.to_string(),
                serde_json::json!({ "dtype": "F32", "shape": shape }),
            )
        })
        .collect();
    let path = folder.path().join("model.json");
    std::fs::write(&path, serde_json::Value::Object(list).to_string()).unwrap();
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    command
        .arg(verb)
        .arg(path)
        .arg("--from")
        .arg(file(folder.path(), from));
    if verb == "init" {
        command.arg("-o").arg(folder.path().join("out.safetensors"));
    }
    command
}

fn printed(command: &mut Command) -> String {
    let done = command.assert().success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

/// What transformers does in silence (one vector for all new words) is a line here: the mean, or the true covariance.
#[test]
fn the_plan_says_what_new_rows_are() {
    let folder = tempfile::tempdir().unwrap();
    let model: Shapes<'_> = &[("embed.weight", &[7, 2])];
    let from: Shapes<'_> = &[("embed.weight", &[5, 2])];
    for (new, said) in [
        (
            "mean",
            "5 of 7 rows by map, 2 the mean of all 5: equal to each other",
        ),
        (
            "covariance",
            "2 normal with the mean and covariance of all 5",
        ),
        (
            "{scaled_covariance=1e-9}",
            "2 normal with the mean of all 5 and 0.000000001 of their covariance",
        ),
        ("zero", "5 of 7 rows by map, 2 zero"),
        ("scheme", "10 of 14 elements, the rest"),
    ] {
        let operation = format!("embed.weight=rows:new={new}");
        let text = printed(command(&folder, "plan", model, from).args(["--adapt", &operation]));
        assert!(text.contains(said), "{new}: {text}");
    }
    let refused = command(&folder, "plan", model, from).assert().code(2);
    refused.stderr(predicate::str::contains("has shape [7, 2]"));
}

#[test]
fn new_rows_of_the_mean_are_the_mean() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(
        &folder,
        "init",
        &[("embed.weight", &[4, 2])],
        &[("embed.weight", &[3, 2])],
    );
    printed(command.args(["--adapt", "embed.weight=rows:new=mean"]));
    let found = values(&folder.path().join("out.safetensors"), "embed.weight");
    assert_eq!(
        found,
        [0.0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.002, 0.003]
    );
}

#[test]
fn a_plan_of_adapted_tensors_replays_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let model: Shapes<'_> = &[
        ("conv1.weight", &[4, 4, 5, 5]),
        ("pos_embed", &[1, 17, 6]),
        ("embed.weight", &[9, 3]),
    ];
    let from: Shapes<'_> = &[
        ("conv1.weight", &[4, 3, 3, 3]),
        ("pos_embed", &[1, 10, 6]),
        ("embed.weight", &[5, 3]),
    ];
    let options = [
        "--adapt",
        "conv1.weight=channels:preserve",
        "--adapt",
        "conv1.weight=patch",
        "--adapt",
        "pos_embed=positions",
        "--adapt",
        "embed.weight=rows:new=covariance",
    ];
    let text = printed(command(&folder, "init", model, from).args(options));
    for said in [
        "3 to 4 input channels by preserve: the response to equal channels stays",
        "kernel resized by the pseudo-inverse: the response to enlarged patches stays",
        "positions 3×3 to 4×4 bicubic, antialiased, leading tokens kept: 1",
        "adapted: conv1.weight, embed.weight, pos_embed",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let plan = printed(
        command(&folder, "plan", model, from)
            .args(options)
            .arg("--json"),
    );
    let saved = folder.path().join("plan.json");
    std::fs::write(&saved, plan).unwrap();
    let again = folder.path().join("again.safetensors");
    let mut replay = Command::cargo_bin("semilla").unwrap();
    replay
        .args(["init", "--plan"])
        .arg(&saved)
        .arg("-o")
        .arg(&again)
        .assert()
        .success();
    for (name, _) in model {
        assert_eq!(
            values(&folder.path().join("out.safetensors"), name),
            values(&again, name)
        );
    }
}

#[test]
fn operations_that_cannot_be_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let model: Shapes<'_> = &[
        ("layers.0.attn.q_proj.weight", &[8, 4]),
        ("pos_embed", &[1, 12, 4]),
    ];
    let from: Shapes<'_> = &[
        ("layers.0.attn.q_proj.weight", &[4, 4]),
        ("pos_embed", &[1, 10, 4]),
    ];
    for (operation, said) in [
        (
            "*.q_proj.weight=grow",
            "state heads=[the checkpoint's, the model's]",
        ),
        (
            "*.q_proj.weight=grow:heads=[3,6]",
            "axes of 4 and 8 do not divide into 3 and 6 heads",
        ),
        (
            "pos_embed=positions",
            "10 positions in the checkpoint and 12 in the model do not form full grids",
        ),
        (
            "pos_embed=positons",
            "cannot read the operation \"positons\"",
        ),
        ("pos_embd=positions", "did you mean \"pos_embed\""),
        (
            "pos_embed=rows:from=missing.json,to=other.json",
            "missing.json",
        ),
        ("pos_embed", "write GLOB=OPERATION"),
    ] {
        let options = ["--adapt", operation, "--adapt", "pos_embed=overlap"];
        let refused = command(&folder, "init", model, from)
            .args(options)
            .assert()
            .code(2);
        refused.stderr(predicate::str::contains(said));
        assert!(!folder.path().join("out.safetensors").exists());
    }
}

#[test]
fn layers_are_mapped_and_the_others_told() {
    let folder = tempfile::tempdir().unwrap();
    let layer = [
        "layers.0.fc2.weight",
        "layers.1.fc2.weight",
        "layers.2.fc2.weight",
        "layers.3.fc2.weight",
    ];
    let four: Vec<(&str, &[usize])> = layer.iter().map(|name| (*name, &[2usize, 2][..])).collect();
    let text =
        printed(command(&folder, "init", &four[..2], &four).args(["--depth", "layers=[3,1]"]));
    assert!(
        text.contains("layers.{0,2}.fc2.weight (the map of layers leaves its layer out)"),
        "{text}"
    );
    let out = folder.path().join("out.safetensors");
    assert_eq!(values(&out, layer[0]), [3.0, 3.001, 3.002, 3.003]);
    assert_eq!(values(&out, layer[1]), [1.0, 1.001, 1.002, 1.003]);
    printed(command(&folder, "init", &four, &four[..2]).args(["--depth", "layers=stack:zero"]));
    assert_eq!(values(&out, layer[1]), [1.0, 1.001, 1.002, 1.003]);
    assert_eq!(values(&out, layer[3]), [0.0; 4]);
    let refused = command(&folder, "init", &four, &four)
        .args(["--depth", "layers=[9,0,0,0]"])
        .assert()
        .code(2);
    refused.stderr(predicate::str::contains("must list 4 layers, each below 4"));
    let refused = command(&folder, "init", &four, &four)
        .args(["--depth", "layers=alternate"])
        .assert()
        .code(2);
    refused.stderr(predicate::str::contains("does not map layers"));
}

#[test]
fn a_map_file_says_which_rows_are_which() {
    let folder = tempfile::tempdir().unwrap();
    let vocabulary = folder.path().join("old.json");
    let tokenizer = serde_json::json!({
        "model": { "vocab": { "a": 0, "b": 1, "c": 2 } },
        "added_tokens": [{ "id": 3, "content": "<s>" }],
    });
    std::fs::write(&vocabulary, tokenizer.to_string()).unwrap();
    let words = folder.path().join("new.txt");
    std::fs::write(&words, "<s>\nb\nz\n").unwrap();
    let operation = format!(
        "embed.weight=rows:from={},to={},new=zero",
        vocabulary.display(),
        words.display()
    );
    let model: Shapes<'_> = &[("embed.weight", &[3, 1])];
    let from: Shapes<'_> = &[("embed.weight", &[4, 1])];
    printed(command(&folder, "init", model, from).args(["--adapt", &operation]));
    assert_eq!(
        values(&folder.path().join("out.safetensors"), "embed.weight"),
        [0.003, 0.001, 0.0]
    );
    std::fs::write(&words, "b\nb\n").unwrap();
    let refused = command(&folder, "init", model, from)
        .args(["--adapt", &operation])
        .assert()
        .code(2);
    refused.stderr(predicate::str::contains("rows 0 and 1 have the same label"));
    // The map itself, with a row that is the mean of two and one that is new.
    std::fs::write(&vocabulary, "[[1, 3], null, 0]").unwrap();
    let operation = format!("embed.weight=rows:from={},new=zero", vocabulary.display());
    printed(command(&folder, "init", model, from).args(["--adapt", &operation]));
    assert_eq!(
        values(&folder.path().join("out.safetensors"), "embed.weight"),
        [0.002, 0.0, 0.0]
    );
}

/// Of every tensor of the model one disposition, and of every tensor of the checkpoint one use.
#[test]
fn every_tensor_has_one_disposition() {
    let folder = TempDir::new().unwrap();
    let from: Shapes<'_> = &[
        ("embed.weight", &[6, 8]),
        ("layers.0.fc1.weight", &[16, 8]),
        ("layers.0.fc2.weight", &[8, 16]),
        ("stem.weight", &[4, 3, 3, 3]),
        ("norm.weight", &[8]),
        ("out.weight", &[6, 8]),
        ("head.weight", &[5, 8]),
        ("aux.weight", &[2, 2]),
    ];
    let model: Shapes<'_> = &[
        ("embed.weight", &[6, 8]),
        ("layers.0.fc1.weight", &[8, 8]),
        ("layers.0.fc2.weight", &[8, 32]),
        ("stem.weight", &[4, 1, 3, 3]),
        ("norm.weight", &[8]),
        ("out.weight", &[6, 8]),
        ("head.weight", &[9, 8]),
        ("new.weight", &[3, 3]),
        ("aux.weight", &[2, 2]),
    ];
    let mut plan = command(&folder, "plan", model, from);
    plan.args(["--adapt", "*fc1*=select", "--adapt", "*fc2*=grow"])
        .args(["--adapt", "stem.weight=channels:sum"])
        .args([
            "--tie",
            "out.weight=embed.weight",
            "--exclude",
            "out.*",
            "--exclude",
            "aux.*",
        ])
        .args([
            "--may-miss",
            "head.*",
            "--may-miss",
            "new.*",
            "--may-miss",
            "aux.*",
        ]);
    let table = printed(&mut plan);
    assert!(table.contains("left out by exclude \"aux.*\""), "{table}");
    let json: serde_json::Value = serde_json::from_str(&printed(plan.arg("--json"))).unwrap();
    let of = |name: &str| {
        let lines = json["tensors"].as_array().unwrap().iter();
        let mut lines = lines.filter(|line| line["name"] == name);
        lines.next().unwrap()["disposition"].clone()
    };
    assert_eq!(of("embed.weight"), "copied");
    assert_eq!(of("layers.0.fc1.weight"), "selected");
    assert_eq!(of("layers.0.fc2.weight"), "grown");
    let channels = serde_json::json!({"adapted": {"by": ["channels"]}});
    assert_eq!(of("stem.weight"), channels);
    let tied = serde_json::json!({"tied": {"to": "embed.weight"}});
    assert_eq!(of("out.weight"), tied);
    let too_small = serde_json::json!({"excluded": {"rule": "may_miss \"head.*\""}});
    assert_eq!(of("head.weight"), too_small);
    assert_eq!(of("new.weight"), "filled");
    let excluded = serde_json::json!({"excluded": {"rule": "exclude \"aux.*\""}});
    assert_eq!(of("aux.weight"), excluded);
    let source = &json["sources"][0];
    let unused: Vec<&str> = source["unused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| pair[0].as_str().unwrap())
        .collect();
    assert_eq!(
        (&source["tensors"], &unused[..]),
        (&8.into(), &["aux.weight", "out.weight", "head.weight"][..])
    );
}
