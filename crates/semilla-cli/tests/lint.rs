//! `semilla lint`: likely mistakes of a plan, through the real command.

mod common;

use common::{json, run};

fn lint(args: &[&str]) -> (i32, String) {
    let (code, out, _) = run(&[&["lint"], args].concat());
    (code, out)
}

#[test]
fn a_sound_plan_has_nothing_to_say() {
    let (code, text) = lint(&["transformer:12x768:50257", "--recipe", "gpt2"]);
    assert_eq!((code, &*text), (0, "no warnings, no notes\n"));
}

#[test]
fn warnings_fail_and_notes_do_not() {
    let (code, text) = lint(&["mlp:8-16-16-4:relu", "--scheme", "constant(value=0.1)"]);
    assert_eq!(code, 1);
    assert!(text.contains("warning: layers."), "{text}");
    assert!(text.contains("instead: random or orthogonal"), "{text}");
    assert!(text.ends_with("1 warning, no notes\n"), "{text}");
    let absolute = "trunc_normal(std=0.02, units=absolute)";
    let (code, text) = lint(&["mlp:8-16-4:relu", "--scheme", absolute]);
    assert_eq!(code, 0);
    assert!(text.contains("cut nothing"), "{text}");
}

#[test]
fn json_has_every_field() {
    let (code, found) = json(&["lint", "mlp:8-16-16-4:relu", "--scheme", "ones"]);
    assert_eq!(code, 1);
    assert_eq!(found[0]["rule"], "symmetry");
    assert_eq!(found[0]["severity"], "warning");
    assert_eq!(found[0]["tensors"][1], "layers.1.weight");
    assert!(found[0]["reason"].is_string() && found[0]["remedy"].is_string());
}

#[test]
fn check_says_it_too() {
    let (_, report) = json(&["check", "mlp:8-16-16-4:relu", "--scheme", "ones"]);
    assert_eq!(report["lint"][0]["rule"], "symmetry");
}

#[test]
fn tensors_of_a_file_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twins.safetensors");
    let tensor = |begin: usize| {
        let end = begin + 256;
        format!("{{\"dtype\":\"F32\",\"shape\":[8,8],\"data_offsets\":[{begin},{end}]}}")
    };
    let header = format!(
        "{{\"a.weight\":{},\"b.weight\":{}}}",
        tensor(0),
        tensor(256)
    );
    let values = (0..128u16).flat_map(|i| f32::from(i % 64).to_le_bytes());
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.into_bytes().into_iter().chain(values));
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap();
    let (code, text) = lint(&["mlp:8-8-8:relu", "--weights", path]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the same bits"), "{text}");
}
