//! `semilla drift`, through the real binary.

mod common;

use std::path::Path;

use common::{json, run};
use serde_json::Value;

const MODEL: &str = "mlp:64-96-80-10:relu";

/// Weights of a seed, in a file.
fn weights(folder: &Path, seed: &str) -> String {
    let path = folder.join(format!("{seed}.safetensors"));
    let path = path.to_str().unwrap().to_owned();
    let (code, _, error) = run(&["init", MODEL, "--seed", seed, "-o", &path]);
    assert_eq!(code, 0, "{error}");
    path
}

fn tensors(arguments: &[&str]) -> Vec<Value> {
    let (code, report) = json(&[&["drift"], arguments].concat());
    assert_eq!(code, 0);
    report["tensors"].as_array().unwrap().clone()
}

#[test]
fn the_start_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = weights(folder.path(), "5");
    for tensor in tensors(&[&path, MODEL, "--seed", "5"]) {
        assert_eq!(tensor["unmoved"], tensor["elements"]);
        assert_eq!(tensor["distance"], 0.0);
        assert!(tensor["spectrum"].is_null());
    }
    let (code, out, _) = run(&["drift", &path, MODEL, "--seed", "5"]);
    assert_eq!(code, 0);
    assert!(out.contains("6 of 6 tensors never moved"), "{out}");
}

#[test]
fn another_draw_is_noise_as_far_away_as_two_draws_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = weights(folder.path(), "5");
    let found = tensors(&[&path, MODEL, "--seed", "6", "--recipe", "auto"]);
    for tensor in found.iter().filter(|tensor| !tensor["units"].is_null()) {
        let moved = tensor["moved"].as_f64().unwrap();
        assert!((moved - 2f64.sqrt()).abs() < 0.15, "{tensor}");
        assert!(tensor["cosine"].as_f64().unwrap().abs() < 0.15, "{tensor}");
    }
    // Two orthogonal matrices differ by one with another spectrum, two normal ones by noise.
    let normal = |seed: &'static str| ["--scheme", "normal", "--seed", seed];
    let start = folder.path().join("normal.safetensors");
    let start = start.to_str().unwrap();
    let (code, _, error) = run(&[&["init", MODEL, "-o", start][..], &normal("1")].concat());
    assert_eq!(code, 0, "{error}");
    let found = tensors(&[&[start, MODEL][..], &normal("2")].concat());
    let matrices: Vec<_> = found
        .iter()
        .filter(|tensor| !tensor["spectrum"].is_null())
        .collect();
    assert_eq!(matrices.len(), 3);
    for tensor in matrices {
        assert_eq!(tensor["spectrum"]["beyond_noise"], 0, "{tensor}");
    }
}

#[test]
fn the_difference_leads_from_start_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["5", "6"].map(|seed| weights(folder.path(), seed));
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (task, there) = (file("task.safetensors"), file("there.safetensors"));
    let arguments = ["drift", &a, MODEL, "--seed", "6", "--difference", &task];
    let more = ["--apply-to", &b, "-o", &there];
    let (code, out, error) = run(&[&arguments[..], &more].concat());
    assert_eq!(code, 0, "{error}");
    assert!(
        out.contains("task.safetensors") && out.contains("there.safetensors"),
        "{out}"
    );
    // From the start by the whole difference is the end, up to the rounding of two sums.
    for tensor in tensors(&[&there, MODEL, "--seed", "5"]) {
        assert!(tensor["moved"].as_f64().unwrap_or(0.0) < 1e-6, "{tensor}");
    }
    let (code, _, error) = run(&["drift", &a, MODEL, "--seed", "6", "--difference", &a]);
    assert_eq!(code, 2);
    assert!(error.contains("is read by this command"), "{error}");
    let plan = file("plan.json");
    std::fs::write(&plan, run(&["plan", MODEL, "--json"]).1).unwrap();
    let (code, _, error) = run(&["drift", &a, "--plan", &plan, "--difference", &plan]);
    assert_eq!(code, 2);
    assert!(error.contains("is read by this command"), "{error}");
    let (code, _, error) = run(&[&arguments[..], &["--apply-to", &b, "-o", &task]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("would be written twice"), "{error}");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = weights(folder.path(), "5");
    let (code, out, _) = run(&["drift", &path, "mlp:64-96-10:relu", "--seed", "5"]);
    assert_eq!(code, 0);
    assert!(out.contains("only in the trained file"), "{out}");
    assert!(out.contains("became"), "{out}");
    let (code, _, error) = run(&["drift", &path]);
    assert_eq!(code, 2, "{error}");
}
