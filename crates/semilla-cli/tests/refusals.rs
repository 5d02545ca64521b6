//! Files that hold less, more or something else than a model, through the real binary: read as far
//! as they are one, and otherwise refused with what to do.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use semilla_checkpoint::open;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Runs the command beside the fixtures; answers its exit code and all that it says.
fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    let output = command
        .current_dir(fixture(""))
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

/// A folder, and the path of a file to write in it.
fn target() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.safetensors").display().to_string();
    (folder, path)
}

/// `init MODEL --from FROM` with these options must be refused, and write nothing.
fn refused(model: &str, from: &str, options: &[&str]) -> String {
    let (_folder, out) = target();
    let command = ["init", model, "--from", from, "-o", &out];
    let (code, said) = run(&[&command[..], options].concat());
    assert_eq!(code, 2, "{from}: {said}");
    assert!(!Path::new(&out).exists(), "{from}: {said}");
    said
}

/// `init MODEL --from FROM` with these options must load everything; answers what it says.
fn loaded(model: &str, from: &str, options: &[&str]) -> String {
    let (_folder, out) = target();
    let command = ["init", model, "--from", from, "-o", &out];
    let (code, said) = run(&[&command[..], options].concat());
    assert_eq!(code, 0, "{from}: {said}");
    assert!(said.contains("100.00 % of the elements"), "{from}: {said}");
    said
}

fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

/// The elements of a tensor of a file.
fn values(path: impl AsRef<Path>, name: &str) -> Vec<f64> {
    let file = open(path).unwrap();
    let tensor = file.tensors().index_of(name).expect(name);
    let info = &file.tensors()[tensor];
    let mut bytes = vec![0; info.bytes() as usize];
    file.read(tensor, 0, &mut bytes).unwrap();
    let mut values = Vec::new();
    info.dtype().decode(&bytes, &mut values);
    values
}

/// `init MODEL --from FROM` with these options: what it says, and the elements of a tensor of what
/// it writes.
fn made(model: &str, from: &str, options: &[&str], tensor: &str) -> (String, Vec<f64>) {
    let (_folder, out) = target();
    let command = ["init", model, "--from", from, "-o", &out];
    let (code, said) = run(&[&command[..], options].concat());
    assert_eq!(code, 0, "{from}: {said}");
    assert!(said.contains("100.00 % of the elements"), "{from}: {said}");
    (said, values(&out, tensor))
}

#[test]
fn the_parts_of_a_normalized_weight_make_the_weight() {
    for (from, [direction, length], rename) in [
        (
            "wn_old.pt",
            ["fc1.weight_v", "fc1.weight_g"],
            r"^fc(\d+)\.weight_v$=fc${1}.weight",
        ),
        (
            "wn_new.pt",
            [
                "fc1.parametrizations.weight.original1",
                "fc1.parametrizations.weight.original0",
            ],
            r"^fc(\d+)\.parametrizations\.weight\.original1$=fc${1}.weight",
        ),
    ] {
        let [v, g] = [direction, length].map(|name| values(fixture(from), name));
        let rows = v.chunks(8).zip(g);
        let weight = rows.flat_map(|(row, length)| {
            let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            row.iter()
                .map(move |v| f64::from((v * length / norm) as f32))
        });
        let weight: Vec<f64> = weight.collect();
        // A rename of a part does not get around it.
        for options in [&[][..], &["--rename", rename]] {
            let (said, found) = made("target_fc.safetensors", from, options, "fc1.weight");
            says(&said, &["weight norm folded"]);
            assert_eq!(found, weight, "{from}");
        }
    }
    let (said, found) = made("target_fc.safetensors", "sn_old.pt", &[], "fc1.weight");
    says(&said, &["spectral norm folded"]);
    let [w, u, v] =
        ["orig", "u", "v"].map(|part| values(fixture("sn_old.pt"), &format!("fc1.weight_{part}")));
    let rows = w.chunks(8).zip(u);
    let norm: f64 = rows
        .map(|(row, u)| u * row.iter().zip(&v).map(|(w, v)| w * v).sum::<f64>())
        .sum();
    for (found, w) in found.into_iter().zip(w) {
        assert!(
            (found - w / norm).abs() < 1e-6 * w.abs(),
            "{found} {w} {norm}"
        );
    }
}

#[test]
fn a_target_that_may_miss_is_new_and_the_part_is_listed() {
    let (_folder, out) = target();
    let command = ["init", "target_fc.safetensors", "--from", "wn_old.pt"];
    let options = ["--may-miss", "fc1.weight", "-o", &out];
    let (code, said) = run(&[command, options].concat());
    assert_eq!(code, 0, "{said}");
    // Its parts can be put together, so that nothing misses.
    says(&said, &["loaded", "weight norm folded", "stored part"]);
}

#[test]
fn a_model_that_is_stored_in_the_same_parts_takes_them() {
    loaded("wn_old.pt", "wn_old.pt", &[]);
    loaded("deepseek_fp8.safetensors", "deepseek_fp8.safetensors", &[]);
}

#[test]
fn a_quantized_weight_is_its_codes_times_the_scale() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.json");
    let list = open(fixture("deepseek_fp8.safetensors")).unwrap();
    let weights = list
        .tensors()
        .iter()
        .filter(|tensor| tensor.name().ends_with(".weight"));
    let weights: serde_json::Map<String, serde_json::Value> = weights
        .map(|tensor| {
            let entry = serde_json::json!({"dtype": "F32", "shape": tensor.shape()});
            (tensor.name().to_owned(), entry)
        })
        .collect();
    std::fs::write(&model, serde_json::Value::Object(weights).to_string()).unwrap();
    let model = model.to_str().unwrap();
    let name = "model.layers.0.self_attn.q_proj.weight";
    for (from, scale) in [
        ("deepseek_fp8.safetensors", "weight_scale_inv"),
        ("ct_fp8.safetensors", "weight_scale"),
        ("comfy_fp8.safetensors", "scale_weight"),
    ] {
        let codes = values(fixture(from), name);
        let scale = values(fixture(from), &name.replace("weight", scale))[0];
        let weight: Vec<f64> = codes
            .iter()
            .map(|code| f64::from((code * scale) as f32))
            .collect();
        let (said, found) = made(model, from, &[], name);
        says(&said, &["dequantized from FP8 with one scale"]);
        assert_eq!(found, weight, "{from}");
        let (code, said) = run(&["inspect", from]);
        assert_eq!(code, 0, "{said}");
        says(&said, &["3 weights: dequantized from FP8"]);
        assert!(!said.contains(&format!("{name}_scale")), "{said}");
    }
}

#[test]
fn parts_that_say_too_little_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.json");
    let bias = r#""fc.bias": {"dtype": "F32", "shape": [4]}"#;
    let entry = r#": {"dtype": "F32", "shape": [4, 6]}"#;
    let list = format!(r#"{{"fc.weight"{entry}, {bias}}}"#);
    std::fs::write(&model, list).unwrap();
    let from = folder.path().join("from.json");
    let list = format!(r#"{{"fc.parametrizations.weight.original"{entry}, {bias}}}"#);
    std::fs::write(&from, list).unwrap();
    let rename = r"^fc\.parametrizations\.weight\.original$=fc.weight";
    for options in [&[][..], &["--rename", rename]] {
        let said = refused(model.to_str().unwrap(), from.to_str().unwrap(), options);
        says(
            &said,
            &[
                "what a parametrization makes the weight of",
                "remove_parametrizations",
            ],
        );
        assert!(!said.contains("--rename '"), "{said}");
    }
}

#[test]
fn a_weight_beside_an_adapter_is_not_taken_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let list = |entries: &[(&str, &str)]| {
        let entries = entries
            .iter()
            .map(|(name, shape)| format!(r#""{name}": {{"dtype": "F32", "shape": {shape}}}"#));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
    };
    std::fs::write(
        at("model"),
        list(&[("q.weight", "[4, 6]"), ("q.bias", "[4]")]),
    )
    .unwrap();
    let peft = [
        ("q.base_layer.weight", "[4, 6]"),
        ("q.base_layer.bias", "[4]"),
        ("q.lora_A.default.weight", "[2, 6]"),
        ("q.lora_B.default.weight", "[4, 2]"),
    ];
    let loralib = [
        ("q.weight", "[4, 6]"),
        ("q.bias", "[4]"),
        ("q.lora_A", "[2, 6]"),
        ("q.lora_B", "[4, 2]"),
    ];
    let rename = ["--rename", r"base_layer\.="];
    for (entries, options) in [(peft, &rename[..]), (loralib, &[])] {
        std::fs::write(at("values.json"), list(&entries)).unwrap();
        let write = [
            "init",
            &at("values.json"),
            "--scheme",
            "normal",
            "-o",
            &at("f.safetensors"),
        ];
        assert_eq!(run(&write).0, 0);
        let said = refused(&at("model"), &at("f.safetensors"), options);
        says(&said, &["adapter", "merge_and_unload()"]);
        assert!(!said.contains("--rename '"), "{said}");
        // The base alone is a choice.
        let alone = [options, &["--exclude", "*lora_*"]].concat();
        loaded(&at("model"), &at("f.safetensors"), &alone);
    }
}

#[test]
fn an_axis_of_heads_is_folded() {
    let rename = r"mha/(\w+)/kernel=mha.$1.weight";
    for options in [
        &["--rename", rename][..],
        &["--rename", rename, "--adapt", "*=reshape"],
    ] {
        let (_folder, out) = target();
        let command = ["init", "t2d.safetensors", "--from", "mha.weights.h5"];
        let (code, said) = run(&[&command[..], &["-o", &out], options].concat());
        assert_eq!(code, 0, "{said}");
        for part in ["query", "key", "value", "attention_output"] {
            let kernel = values(fixture("mha.weights.h5"), &format!("mha/{part}/kernel"));
            // Inputs by outputs, with the heads on one of the sides.
            let (width, weight) = (32, values(&out, &format!("mha.{part}.weight")));
            for (place, value) in weight.iter().enumerate() {
                let (output, input) = (place / width, place % width);
                assert_eq!(*value, kernel[input * width + output], "{part} {place}");
            }
        }
    }
}

#[test]
fn what_cannot_be_read_is_left_out_and_listed() {
    for (model, from, left_out) in [
        (
            "net.safetensors",
            "lit_dist.ckpt",
            "left out \"hyper_parameters.prior\"",
        ),
        (
            "t8.safetensors",
            "llama_freqs.pth",
            "left out \"freqs_cis\"",
        ),
        (
            "t8.safetensors",
            "llama_freqs.safetensors",
            "left out \"freqs_cis\"",
        ),
        ("t8.safetensors", "e8m0.safetensors", "not used: mask"),
    ] {
        says(&loaded(model, from, &[]), &[left_out]);
    }
    for (model, from, glob) in [
        ("net.safetensors", "lit_dist.ckpt", "hyper_parameters*"),
        ("net.safetensors", "lit.ckpt", "hyper_parameters*"),
        ("t8.safetensors", "llama_freqs.pth", "freqs_cis"),
        ("t8.safetensors", "llama_freqs.safetensors", "freqs_cis"),
        ("t8.safetensors", "e8m0.safetensors", "mask"),
    ] {
        loaded(model, from, &["--exclude", glob]);
    }
    let said = refused(
        "t8.safetensors",
        "llama_freqs.pth",
        &["--exclude", "frequencies"],
    );
    says(&said, &["\"frequencies\" matches no tensor"]);
    let (code, said) = run(&["inspect", "str.npz"]);
    assert_eq!(code, 0, "{said}");
    says(
        &said,
        &["left out \"names\": its dtype \"<U1\" is not supported"],
    );
    // A target that needs it hears of it.
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.json");
    let list = r#"{
        "layers.0.attention.wq.weight": {"dtype": "F32", "shape": [8, 8]},
        "freqs_cis": {"dtype": "F32", "shape": [4, 2]}
    }"#;
    std::fs::write(&model, list).unwrap();
    let said = refused(model.to_str().unwrap(), "llama_freqs.pth", &[]);
    says(
        &said,
        &[
            "of which freqs_cis cannot be read",
            "freqs_cis: not in the checkpoint",
        ],
    );
}

#[test]
fn an_array_of_numpy_among_tensors_is_read() {
    let (code, said) = run(&["inspect", "npin.pt"]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("left out"), "{said}");
    assert_eq!(values(fixture("npin.pt"), "w"), [1.0; 6]);
}

#[test]
fn files_that_cannot_be_compared_whole_are_not_the_same() {
    let (code, said) = run(&["diff", "llama_freqs.pth", "llama_freqs.pth"]);
    assert_eq!(code, 1, "{said}");
    says(&said, &["freqs_cis", "not compared"]);
}

#[test]
fn an_optimizers_state_is_never_a_weight() {
    let said = refused("t.safetensors", "opt_names.pt", &[]);
    assert!(!said.contains("exp_avg"), "{said}");
    for options in [
        ["--strip", "optimizer.exp_avg."],
        ["--rename", r"^optimizer\.exp_avg\.="],
    ] {
        refused("t.safetensors", "opt_names.pt", &options);
    }
    let said = loaded("net.safetensors", "lit.ckpt", &[]);
    says(&said, &["the optimizer's state, which is never a weight"]);
}

#[test]
fn the_model_is_taken_out_of_a_trainers_file() {
    for (file, prefix) in [("pl.ckpt", "\"state_dict.net.\""), ("mo.pt", "\"model.\"")] {
        let folder = tempfile::tempdir().unwrap();
        let adapter = folder.path().join("adapter");
        let (code, said) = run(&["lora", file, "-o", adapter.to_str().unwrap()]);
        assert_eq!(code, 0, "{said}");
        says(&said, &["the weights lie below", prefix]);
        let file = open(adapter.join("adapter_model.safetensors")).unwrap();
        assert_eq!(file.tensors().len(), 8);
        for tensor in file.tensors().iter() {
            let name = tensor.name();
            assert!(name.starts_with("base_model.model.layers."), "{name}");
        }
    }
    let (folder, out) = target();
    // The classes' weights in the loss are no layer's: a rule must say what they are.
    let (code, said) = run(&["init", "lit.ckpt", "-o", &out]);
    assert_eq!(code, 2, "{said}");
    says(&said, &["criterion.weight [4] (role unknown)"]);
    let recipe = folder.path().join("kept.toml");
    std::fs::write(
        &recipe,
        "name = \"kept\"\ndefaults = true\nunmatched = \"keep\"",
    )
    .unwrap();
    let recipe = recipe.to_str().unwrap();
    let (code, said) = run(&["init", "lit.ckpt", "--recipe", recipe, "-o", &out]);
    assert_eq!(code, 0, "{said}");
    says(
        &said,
        &[
            "\"state_dict.\"",
            "12 tensors of the optimizer's state left out",
            "of the trainer left out",
        ],
    );
    let written = open(&out).unwrap();
    let names: Vec<&str> = written
        .tensors()
        .iter()
        .map(|tensor| tensor.name())
        .collect();
    assert!(
        names.contains(&"net.0.weight") && names.contains(&"criterion.weight"),
        "{names:?}"
    );
    assert_eq!(names.len(), 5);
    let (_, said) = run(&["inspect", "mo.pt"]);
    says(
        &said,
        &[
            "a trainer's checkpoint",
            "4 averaged copies of weights (EMA)",
        ],
    );
}

#[test]
fn a_trainers_file_is_compared_by_its_model() {
    let (folder, out) = target();
    let (code, said) = run(&[
        "init", "mo.pt", "--from", "mo.pt", "--strip", "model.", "-o", &out,
    ]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = run(&["diff", "mo.pt", &out]);
    assert_eq!(code, 0, "{said}");
    says(&said, &["the same: 4 tensors", "4 averaged copies"]);
    drop(folder);
}

#[test]
fn a_part_of_the_files_is_not_the_model() {
    let part = "half_model_1_of_2/model-00001-of-00002.safetensors";
    let (_folder, out) = target();
    for command in [
        &["inspect", "half_model_1_of_2"][..],
        &["inspect", part],
        &["lora", "half_model_1_of_2", "-o", &out],
        &["init", part, "-o", &out],
        &["init", "t8.safetensors", "--from", part, "-o", &out],
        &["diff", part, part],
    ] {
        let (code, said) = run(command);
        assert_eq!(code, 2, "{command:?}: {said}");
        says(&said, &["model-00002-of-00002.safetensors is missing"]);
    }
}

#[test]
fn all_parts_together_are_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let copy = |from: &str, to: &str| std::fs::copy(fixture(from), at(to)).unwrap();
    copy("t8.safetensors", "m-00001-of-00002.safetensors");
    copy("t.safetensors", "m-00002-of-00002.safetensors");
    for path in [
        at(""),
        at("m-00001-of-00002.safetensors"),
        at("m-00002-of-00002.safetensors"),
    ] {
        let (code, said) = run(&["inspect", path.to_str().unwrap()]);
        assert_eq!(code, 0, "{said}");
        says(&said, &["4 tensors"]);
    }
    std::fs::write(
        at("m.safetensors.index.json"),
        r#"{"weight_map": {"a": "m-00001-of-00003.safetensors", "b": "m-00003-of-00003.safetensors"}}"#,
    )
    .unwrap();
    let (code, said) = run(&["inspect", folder.path().to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    says(
        &said,
        &["m-00001-of-00003.safetensors, m-00003-of-00003.safetensors are missing"],
    );
}

#[test]
fn slices_without_the_first_are_not_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let slice = folder.path().join("consolidated.01.pth");
    std::fs::copy(fixture("llama_freqs.pth"), &slice).unwrap();
    let (code, said) = run(&["inspect", slice.to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    says(&said, &["consolidated.00.pth is missing"]);
    let first = folder.path().join("consolidated.00.pth");
    std::fs::rename(slice, &first).unwrap();
    assert_eq!(run(&["inspect", first.to_str().unwrap()]).0, 0);
}

#[test]
fn a_folder_of_deepspeed_is_its_latest_model() {
    let folder = tempfile::tempdir().unwrap();
    let step = folder.path().join("global_step3");
    std::fs::create_dir(&step).unwrap();
    for name in [
        "mp_rank_00_model_states.pt",
        "zero_pp_rank_0_mp_rank_00_optim_states.pt",
    ] {
        std::fs::copy(fixture("llama_freqs.pth"), step.join(name)).unwrap();
    }
    std::fs::write(folder.path().join("latest"), "global_step3\n").unwrap();
    for path in [folder.path(), &step] {
        let (code, said) = run(&["inspect", path.to_str().unwrap()]);
        assert_eq!(code, 0, "{said}");
    }
}

#[test]
fn files_that_are_no_weights_say_what_they_are() {
    for (file, parts) in [
        (
            "lfs2",
            &[
                "model-00002-of-00002.safetensors is a Git LFS pointer",
                "git lfs pull",
            ][..],
        ),
        ("html.pt", &["this is an HTML page"]),
    ] {
        let (code, said) = run(&["inspect", file]);
        assert_eq!(code, 2, "{file}: {said}");
        says(&said, parts);
    }
}

#[test]
fn a_distributed_checkpoint_is_one_model() {
    for path in ["dcp", "dcp/__0_0.distcp"] {
        let (code, said) = run(&["inspect", path]);
        assert_eq!(code, 0, "{path}: {said}");
    }
}

#[test]
fn what_the_reference_library_reads_is_read() {
    for file in ["extra_field.safetensors", "meta_null.safetensors"] {
        let (code, said) = run(&["inspect", file]);
        assert_eq!(code, 0, "{file}: {said}");
        says(&said, &["1 tensors"]);
    }
}

#[test]
fn values_next_to_zero_are_no_normal_draw() {
    let (_, said) = run(&["inspect", "law.safetensors"]);
    let line = said
        .lines()
        .find(|line| line.starts_with("tiny16"))
        .unwrap();
    assert!(line.trim_end().ends_with('-'), "{line}");
}

#[test]
fn a_weight_is_not_meant_by_a_shift() {
    let said = refused("bert_t.safetensors", "bert_c.bin", &[]);
    says(
        &said,
        &[
            "LayerNorm.weight: not in the checkpoint; did you mean \"bert.embeddings.LayerNorm.gamma\"?",
            "LayerNorm.bias: not in the checkpoint; did you mean \"bert.embeddings.LayerNorm.beta\"?",
        ],
    );
}
