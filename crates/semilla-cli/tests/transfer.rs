//! Pretrained weights through the real binary: what other systems lose in silence ends here in an error or in a line.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use semilla::DType;
use semilla_checkpoint::{
    CheckpointWriter, Metadata, SafetensorsWriter, TensorInfo, Tensors, open,
};
use serde_json::Value;
use tempfile::TempDir;

fn semilla() -> Command {
    Command::cargo_bin("semilla").expect("the binary is built")
}

/// A safetensors file; the value of element i of the tensor n is n + i / 1000.
fn file(folder: &Path, name: &str, tensors: &[(&str, &[usize])]) -> PathBuf {
    let values: Vec<Vec<f32>> = tensors
        .iter()
        .enumerate()
        .map(|(n, (_, shape))| {
            (0..shape.iter().product())
                .map(|i: usize| n as f32 + i as f32 / 1000.0)
                .collect()
        })
        .collect();
    with_values(folder, name, tensors, &values)
}

fn with_values(
    folder: &Path,
    name: &str,
    tensors: &[(&str, &[usize])],
    values: &[Vec<f32>],
) -> PathBuf {
    let path = folder.join(name);
    let infos = tensors
        .iter()
        .map(|(name, shape)| TensorInfo::new(*name, DType::F32, *shape).unwrap());
    let list = Tensors::new(infos.collect()).unwrap();
    let writer = SafetensorsWriter::create(&path, list, Metadata::new(), None).unwrap();
    for (tensor, values) in values.iter().enumerate() {
        writer
            .write(tensor, 0, bytemuck::cast_slice(values))
            .unwrap();
    }
    Box::new(writer).finish().unwrap();
    path
}

fn values(path: &Path, name: &str) -> Vec<f32> {
    let file = open(path).unwrap();
    let tensor = file.tensors().index_of(name).expect(name);
    let mut bytes = vec![0; file.tensors()[tensor].bytes() as usize];
    file.read(tensor, 0, &mut bytes).unwrap();
    let elements = bytes.chunks_exact(4);
    elements
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// `init`s a model of these shapes from a checkpoint; answers the command and where it writes.
fn init(folder: &TempDir, shapes: &[(&str, &[usize])], from: &Path) -> (Command, PathBuf) {
    let list: serde_json::Map<String, Value> = shapes
        .iter()
        .map(|(name, shape)| {
            (
                name.to_string(),
                serde_json::json!({"dtype": "F32", "shape": shape}),
            )
        })
        .collect();
    let model = folder.path().join("model.json");
    std::fs::write(&model, Value::Object(list).to_string()).unwrap();
    let out = folder.path().join("out.safetensors");
    let mut command = semilla();
    command
        .arg("init")
        .arg(model)
        .arg("--from")
        .arg(from)
        .arg("-o")
        .arg(&out);
    (command, out)
}

fn refused(command: &mut Command, out: &Path, because: &str) {
    command
        .assert()
        .code(2)
        .stderr(predicate::str::contains(because));
    assert!(!out.exists(), "a refused transfer wrote a file");
}

const TRUNK: [(&str, &[usize]); 3] = [
    ("a.0.fc.weight", &[8, 6]),
    ("a.1.fc.weight", &[8, 8]),
    ("head.weight", &[10, 8]),
];

/// Head replacement never relaxes the checks on the rest (timm's `strict=False` for the whole dict).
#[test]
fn a_renamed_trunk_is_an_error_with_any_head() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        folder.path(),
        "from.safetensors",
        &[
            ("x.0.w", &[8, 6]),
            ("x.1.w", &[8, 8]),
            ("head.weight", &[1000, 8]),
        ],
    );
    let (mut command, out) = init(&folder, &TRUNK, &from);
    refused(
        command.args(["--may-miss", "head.*"]),
        &out,
        "a.0.fc.weight: not in the checkpoint",
    );
}

#[test]
fn a_new_head_is_told_and_the_trunk_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        folder.path(),
        "from.safetensors",
        &[TRUNK[0], TRUNK[1], ("head.weight", &[1000, 8])],
    );
    let (mut command, out) = init(&folder, &TRUNK, &from);
    refused(
        &mut command,
        &out,
        "has shape [10, 8], but head.weight of the checkpoint has [1000, 8]",
    );
    let said = command.args(["--may-miss", "head.*"]).assert().success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(
        said.contains("loaded 2 of 3 tensors") && said.contains("new: head.weight"),
        "{said}"
    );
    assert!(
        said.contains("not used: head.weight (the target has shape [10, 8])"),
        "{said}"
    );
    assert_eq!(
        values(&out, "a.1.fc.weight"),
        values(&from, "a.1.fc.weight")
    );

    // One tensor more or less from the checkpoint changes no other's random values.
    let head = values(&out, "head.weight");
    let (mut command, out) = init(&folder, &TRUNK, &from);
    command
        .args([
            "--exclude",
            "a.0.*",
            "--may-miss",
            "head.*",
            "--may-miss",
            "a.0.*",
        ])
        .assert()
        .success();
    assert_eq!(values(&out, "head.weight"), head);
    assert_ne!(
        values(&out, "a.0.fc.weight"),
        values(&from, "a.0.fc.weight")
    );
}

/// Two keys renamed onto one parameter: transformers keeps the first and says nothing.
#[test]
fn renames_onto_one_name_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        folder.path(),
        "from.safetensors",
        &[("l.weight", &[4]), ("l.gamma", &[4])],
    );
    let (mut command, out) = init(&folder, &[("l.weight", &[4])], &from);
    refused(
        command.args(["--rename", "gamma=weight"]),
        &out,
        "both become \"l.weight\"",
    );
}

/// Gaps in lists of names stay visible (transformers prints 0...12 where 7 is not missing).
#[test]
fn lists_of_names_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..13).map(|i| format!("layers.{i}.w.weight")).collect();
    let shape: &[usize] = &[2, 2];
    let all: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), shape)).collect();
    let from = file(folder.path(), "from.safetensors", &all[7..8]);
    let (mut command, _) = init(&folder, &all, &from);
    let said = command
        .args(["--may-miss", "*", "--scheme", "he_normal"])
        .assert()
        .success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(said.contains("new: layers.{0..6,8..12}.w.weight"), "{said}");
}

/// Nothing in common is an error, whatever may miss (Keras' by_name loads nothing without a word).
#[test]
fn no_match_is_always_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        folder.path(),
        "from.safetensors",
        &[("enc.0.w", &[8, 6]), ("enc.1.w", &[8, 8])],
    );
    let (mut command, out) = init(&folder, &TRUNK[..2], &from);
    refused(
        command.args(["--may-miss", "*"]),
        &out,
        "no tensor of the checkpoint matches one of the model",
    );
}

/// The dense layers `enc` and `mid`, of one shape, as Keras saved them: `tests/peers/keras_fixtures.py`.
fn keras_chain() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../semilla-checkpoint/tests/fixtures/keras/chain.weights.h5")
}

const ENC: [(&str, &[usize]); 2] = [("enc/kernel", &[3, 3]), ("enc/bias", &[3])];
const MID: [(&str, &[usize]); 2] = [("mid/kernel", &[3, 3]), ("mid/bias", &[3])];

/// What Keras held under this name when it saved the file.
fn keras_value(name: &str) -> Vec<f32> {
    let list = keras_chain().with_file_name("chain.weights.h5.json");
    let list: Value = serde_json::from_str(&std::fs::read_to_string(list).unwrap()).unwrap();
    let hex = list[name]["bytes"].as_str().expect(name);
    let words = hex.as_bytes().chunks_exact(8);
    words
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).unwrap(), 16).unwrap())
        .map(|word| f32::from_bits(word.swap_bytes()))
        .collect()
}

/// Layers of one shape in another order, or with one put before them, load by their names (Keras loads by order,
/// in silence: `tests/peers/test_checkpoints.py` shows it).
#[test]
fn keras_layers_load_by_name_and_not_by_order() {
    let folder = tempfile::tempdir().unwrap();
    let new: [(&str, &[usize]); 2] = [("new/kernel", &[3, 3]), ("new/bias", &[3])];
    let swapped = [MID, ENC].concat();
    let inserted = [new, ENC, MID].concat();
    for (shapes, options) in [
        (&swapped, &[][..]),
        (&swapped, &["--layout", "keras"]),
        (&inserted, &["--layout", "keras", "--may-miss", "new/*"][..]),
    ] {
        let (mut command, out) = init(&folder, shapes, &keras_chain());
        command.args(options).assert().success();
        for (name, _) in [ENC, MID].concat() {
            assert_eq!(values(&out, name), keras_value(name), "{name}");
        }
    }
    let (mut command, out) = init(&folder, &inserted, &keras_chain());
    std::fs::remove_file(&out).unwrap();
    refused(&mut command, &out, "new/kernel: not in the checkpoint");
}

/// A square kernel goes to PyTorch transposed, since its layout is stated: its sizes would not tell.
#[test]
fn a_square_keras_kernel_is_transposed_for_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    let shapes: [(&str, &[usize]); 2] = [("mid.weight", &[3, 3]), ("enc.weight", &[3, 3])];
    let (mut command, out) = init(&folder, &shapes, &keras_chain());
    let renames = ["--rename", "/kernel$=.weight"];
    command.args(renames).assert().success();
    for (layer, _) in shapes {
        let kernel = keras_value(&layer.replace(".weight", "/kernel"));
        let transposed: Vec<f32> = (0..9).map(|i| kernel[i % 3 * 3 + i / 3]).collect();
        assert_eq!(values(&out, layer), transposed, "{layer}");
    }
}

/// A list of shapes states no layout: names tell it where they can, and it is said.
#[test]
fn names_tell_the_layout_where_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let said = |text: &'static str| predicate::str::contains(text);
    let torch: [(&str, &[usize]); 2] = [("mid.weight", &[3, 3]), ("enc.weight", &[3, 3])];
    let from = file(folder.path(), "torch.safetensors", &torch);
    let names = ["--rename", "[.]weight$=/kernel"];
    let keras: [(&str, &[usize]); 2] = [("mid/kernel", &[3, 3]), ("enc/kernel", &[3, 3])];
    let (mut command, out) = init(&folder, &keras, &from);
    let told = "model.json: read in Keras's layout because of names such as \"enc/kernel\"; --layout overrides it";
    command.args(names).assert().success().stdout(said(told));
    let transposed = [0, 3, 6, 1, 4, 7, 2, 5, 8].map(|i| i as f32 / 1000.0);
    assert_eq!(values(&out, "mid/kernel"), transposed);

    // What was written has Keras's names, and goes back.
    let from = folder.path().join("keras.safetensors");
    std::fs::rename(&out, &from).unwrap();
    let (mut command, out) = init(&folder, &torch, &from);
    let names = ["--rename", "/kernel$=.weight"];
    let told = "because of names such as \"enc/kernel\"; --from-layout overrides it";
    command.args(names).assert().success().stdout(said(told));
    let straight = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|i| i as f32 / 1000.0);
    assert_eq!(values(&out, "mid.weight"), straight);
    // What is said goes before what is told.
    command
        .args(["--from-layout", "pytorch"])
        .assert()
        .success();
    assert_eq!(values(&out, "mid.weight"), transposed);
}

#[test]
fn names_that_contradict_each_other_are_not_guessed_at() {
    let folder = tempfile::tempdir().unwrap();
    let mixed: [(&str, &[usize]); 2] = [("mid/kernel", &[3, 3]), ("enc.weight", &[3, 3])];
    let from = file(folder.path(), "mixed.safetensors", &mixed);
    let (mut command, out) = init(&folder, &mixed, &from);
    let because =
        "\"enc.weight\" is a name of PyTorch's, \"mid/kernel\" one of Keras's; give --layout";
    refused(&mut command, &out, because);
    command.args(["--layout", "pytorch"]);
    refused(
        &mut command,
        &out,
        "give --from-layout pytorch, keras or jax",
    );
    command.args(["--from-layout", "keras"]).assert().success();
    assert_eq!(values(&out, "mid/kernel")[1], 0.003);
}

/// A transfer that fails leaves what was there (a failed `load_state_dict` leaves a model half overwritten).
#[test]
fn a_failed_transfer_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(folder.path(), "good.safetensors", &TRUNK);
    let (mut command, out) = init(&folder, &TRUNK, &good);
    command.assert().success();
    let before = std::fs::read(&out).unwrap();
    let mut bad = vec![vec![0.5; 48], vec![0.5; 64], vec![0.5; 80]];
    bad[2][7] = f32::NAN;
    let bad = with_values(folder.path(), "bad.safetensors", &TRUNK, &bad);
    let (mut command, out) = init(&folder, &TRUNK, &bad);
    command.assert().code(2).stderr(predicate::str::contains(
        "NaN or infinite values in head.weight",
    ));
    assert_eq!(std::fs::read(&out).unwrap(), before);
    command.arg("--allow-non-finite").assert().success();
    assert!(values(&out, "head.weight")[7].is_nan());
}

/// A grown vocabulary keeps its rows; the new ones have the model's own distribution, not copies of a mean.
#[test]
fn a_table_grows_and_shrinks_by_its_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        folder.path(),
        "from.safetensors",
        &[("embed.weight", &[50, 16])],
    );
    for rows in [60, 40] {
        let shape: &[usize] = &[rows, 16];
        let (mut command, out) = init(&folder, &[("embed.weight", shape)], &from);
        command
            .args(["--adapt", "embed.*=overlap", "--scheme", "he_normal"])
            .assert()
            .success();
        let (old, new) = (values(&from, "embed.weight"), values(&out, "embed.weight"));
        let kept = rows.min(50) * 16;
        assert_eq!(new[..kept], old[..kept]);
        let fresh = &new[kept..];
        let std = (fresh.iter().map(|x| x * x).sum::<f32>() / fresh.len().max(1) as f32).sqrt();
        assert!(fresh.is_empty() || (0.015..0.025).contains(&std), "{std}");
    }
}

#[test]
fn types_are_converted_and_what_is_lost_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let from = with_values(
        folder.path(),
        "from.safetensors",
        &[("w.weight", &[2, 2])],
        &[vec![1e6, 1.0, 1e-12, 0.0]],
    );
    let (mut command, out) = init(&folder, &[("w.weight", &[2, 2])], &from);
    command.args(["--dtype", "f16", "--json"]);
    refused(&mut command, &out, "beyond the range of the type");
    let said = command.arg("--allow-non-finite").assert().success();
    let said: Value = serde_json::from_slice(&said.get_output().stdout).unwrap();
    let found = &said["findings"][0];
    assert_eq!(
        (&found["overflowed"], &found["flushed"]),
        (&1.into(), &1.into())
    );
    assert_eq!(said["transfer"]["loaded"], serde_json::json!(["w.weight"]));
}

/// What is read stays: no output takes its place, and none is written twice.
#[test]
fn nothing_is_written_over_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(folder.path(), "from.safetensors", &TRUNK);
    let (mut command, _) = init(&folder, &TRUNK, &from);
    command.assert().success();
    let model = folder.path().join("model.json");
    let before = (
        std::fs::read(&from).unwrap(),
        std::fs::read(&model).unwrap(),
    );
    let run = |output: &Path, lock: &Path| {
        let mut command = semilla();
        command
            .arg("init")
            .arg(&model)
            .arg("--from")
            .arg(&from)
            .arg("-o")
            .arg(output)
            .arg("--lock")
            .arg(lock);
        let done = command.assert().code(2);
        String::from_utf8(done.get_output().stderr.clone()).unwrap()
    };
    let [new, lock] = ["new.safetensors", "new.lock"].map(|name| folder.path().join(name));
    let around = folder
        .path()
        .join("../")
        .join(folder.path().file_name().unwrap())
        .join("from.safetensors");
    for (output, lock) in [
        (&from, &lock),
        (&around, &lock),
        (&model, &lock),
        (&new, &from),
        (&new, &model),
    ] {
        let said = run(output, lock);
        assert!(said.contains("is read by this command"), "{said}");
    }
    assert!(run(&new, &new).contains("would be written twice"));
    assert!(run(&new, &folder.path().join("none/x.lock")).contains("its folder does not exist"));
    assert!(!new.exists());
    assert_eq!(
        before,
        (
            std::fs::read(&from).unwrap(),
            std::fs::read(&model).unwrap()
        )
    );
}

/// A plan that keeps values of the model's own file is locked to that file.
#[test]
fn a_lock_knows_the_file_whose_values_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let own = file(folder.path(), "own.safetensors", &TRUNK);
    let recipe = folder.path().join("keep.toml");
    std::fs::write(&recipe, "name = \"keep\"\nunmatched = \"keep\"").unwrap();
    let [out, lock] = ["out.safetensors", "keep.lock"].map(|name| folder.path().join(name));
    let mut command = semilla();
    command
        .arg("init")
        .arg(&own)
        .arg("--recipe")
        .arg(&recipe)
        .arg("-o")
        .arg(&out)
        .arg("--lock")
        .arg(&lock);
    command.assert().success();
    let mut again = semilla();
    again
        .arg("init")
        .arg(&own)
        .arg("--plan")
        .arg(&lock)
        .arg("-o")
        .arg(&out);
    again.assert().success();
    assert_eq!(values(&out, "head.weight"), values(&own, "head.weight"));
    let others: Vec<Vec<f32>> = TRUNK
        .iter()
        .map(|(_, shape)| vec![7.0; shape.iter().product()])
        .collect();
    with_values(folder.path(), "own.safetensors", &TRUNK, &others);
    again.assert().code(2).stderr(predicate::str::contains(
        "is not the file that the plan was made for",
    ));
    let mut alone = semilla();
    alone
        .arg("init")
        .arg("--plan")
        .arg(&lock)
        .arg("-o")
        .arg(&out);
    alone
        .assert()
        .code(2)
        .stderr(predicate::str::contains("give that file as MODEL"));
}

/// Rules of an alignment mean nothing to a plan that is made, and are not ignored in silence.
#[test]
fn a_saved_plan_takes_no_rules() {
    for rule in [
        ["--exclude", "a.*"],
        ["--adapt", "*=overlap"],
        ["--min-coverage", "0.5"],
        ["--depth", "a=first"],
    ] {
        let mut command = semilla();
        command
            .args(["init", "--plan", "plan.json", "-o", "out.safetensors"])
            .args(rule);
        command
            .assert()
            .code(2)
            .stderr(predicate::str::contains("cannot be used with"));
    }
}

#[test]
fn what_rules_leave_out_is_told_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(folder.path(), "from.safetensors", &TRUNK);
    let (mut command, out) = init(&folder, &TRUNK, &from);
    command.args(["--exclude", "head.*"]);
    refused(
        &mut command,
        &out,
        "head.weight: the checkpoint has it, but exclude \"head.*\" leaves it out",
    );
    for asked in ["nan", "2", "-0.1"] {
        let (mut command, out) = init(&folder, &TRUNK, &from);
        command.arg(format!("--min-coverage={asked}"));
        refused(&mut command, &out, "from 0 to 1");
    }
    let (mut command, out) = init(&folder, &TRUNK[2..], &from);
    command.args([
        "--adapt",
        "head.weight=rows:offset=99",
        "--may-miss",
        "head.*",
    ]);
    refused(&mut command, &out, "none is taken");
}

#[test]
fn a_lock_replays_the_bytes_or_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(folder.path(), "from.safetensors", &TRUNK[..2]);
    let (mut command, out) = init(&folder, &TRUNK, &from);
    let lock = folder.path().join("lock.json");
    command
        .args(["--may-miss", "head.*", "--lock"])
        .arg(&lock)
        .assert()
        .success();
    let again = folder.path().join("again.safetensors");
    let replay = || {
        let mut command = semilla();
        command
            .args(["init", "--plan"])
            .arg(&lock)
            .arg("-o")
            .arg(&again);
        command
    };
    replay().assert().success();
    assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&out).unwrap());
    file(folder.path(), "from.safetensors", &[TRUNK[1], TRUNK[0]]);
    replay().assert().code(2).stderr(predicate::str::contains(
        "is not the file that the plan was made for",
    ));
}

/// Ranks of a transfer hold exactly the bytes of the whole.
#[test]
fn shards_of_a_transfer_are_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        folder.path(),
        "from.safetensors",
        &[TRUNK[0], TRUNK[1], ("head.weight", &[7, 8])],
    );
    let (mut command, out) = init(&folder, &TRUNK, &from);
    command
        .args(["--adapt", "head.*=overlap"])
        .assert()
        .success();
    let whole = values(&out, "head.weight");
    let mut parts = Vec::new();
    for rank in 0..3 {
        let (mut command, out) = init(&folder, &TRUNK, &from);
        command
            .args(["--adapt", "head.*=overlap", "--shard", &format!("{rank}/3")])
            .assert()
            .success();
        parts.extend(values(&out, "head.weight"));
    }
    assert_eq!(parts, whole);
}

/// A recipe names its checkpoints: the backbone from one, the rest by rules.
#[test]
fn a_recipe_takes_from_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        folder.path(),
        "from.safetensors",
        &[
            ("model.0.fc.weight", &[8, 6]),
            ("model.1.fc.weight", &[8, 8]),
        ],
    );
    let recipe = folder.path().join("mine.toml");
    let text = format!(
        "name = \"mine\"\ndefaults = true\n[[pretrained]]\nfrom = {:?}\nstrip = \"model.\"\nadd = \"a.\"\ninto = [\"a.*\"]\n\
         [[rule]]\nrole = \"head\"\ninit = \"zeros\"\n",
        from.display().to_string()
    );
    std::fs::write(&recipe, text).unwrap();
    let out = folder.path().join("out.safetensors");
    let (command, _) = init(&folder, &TRUNK, &from);
    drop(command);
    semilla()
        .arg("init")
        .arg(folder.path().join("model.json"))
        .arg("--recipe")
        .arg(&recipe)
        .arg("-o")
        .arg(&out)
        .assert()
        .success();
    assert_eq!(
        values(&out, "a.1.fc.weight"),
        values(&from, "model.1.fc.weight")
    );
    assert!(values(&out, "head.weight").iter().all(|&x| x == 0.0));
}

/// Of two checkpoints that have a tensor the first gives it, and the plan says so of the second.
#[test]
fn the_first_checkpoint_gives_and_the_second_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let first = file(folder.path(), "first.safetensors", &TRUNK[..2]);
    let second = file(folder.path(), "second.safetensors", &TRUNK);
    let recipe = folder.path().join("two.toml");
    let table = |from: &Path, rest: &str| {
        format!(
            "[[pretrained]]\nfrom = {:?}\n{rest}\n",
            from.display().to_string()
        )
    };
    let text = format!(
        "name = \"two\"\nunmatched = \"zeros\"\n{}{}",
        table(&first, "may_miss = [\"head.*\"]"),
        table(&second, "")
    );
    std::fs::write(&recipe, text).unwrap();
    let (command, out) = init(&folder, &TRUNK, &first);
    drop(command);
    let said = semilla()
        .arg("init")
        .arg(folder.path().join("model.json"))
        .arg("--recipe")
        .arg(&recipe)
        .arg("-o")
        .arg(&out)
        .assert()
        .success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(
        said.contains("a.{0,1}.fc.weight (an earlier checkpoint gives the target)"),
        "{said}"
    );
    assert_eq!(
        values(&out, "a.0.fc.weight"),
        values(&first, "a.0.fc.weight")
    );
    assert_eq!(values(&out, "head.weight"), values(&second, "head.weight"));
}

/// Layers that load from their own numbers share a line of the table; those that come from others do not.
#[test]
fn layers_of_the_same_number_share_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let named =
        |count: usize| -> Vec<String> { (0..count).map(|i| format!("a.{i}.fc.weight")).collect() };
    let shapes = |names: &'static [String]| -> Vec<(&'static str, &'static [usize])> {
        names
            .iter()
            .map(|name| (name.as_str(), &[4usize, 4][..]))
            .collect()
    };
    let (six, three) = (named(6).leak(), named(3).leak());
    let from = file(folder.path(), "six.safetensors", &shapes(six));
    let table = |command: &mut Command| {
        let done = command.assert().success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    };
    let (mut same, _) = init(&folder, &shapes(six), &from);
    let said = table(&mut same);
    assert!(
        said.contains("a.{0..5}.fc.weight ×6") && said.contains("from a.*.fc.weight"),
        "{said}"
    );
    let (mut fewer, _) = init(&folder, &shapes(three), &from);
    let said = table(fewer.args(["--depth", "a=uniform"]));
    assert!(
        said.contains("from a.2.fc.weight") && said.contains("from a.4.fc.weight"),
        "{said}"
    );
}
