//! `semilla compare` and `semilla trial`, through the real binary.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{json, run};
use serde_json::Value;

/// A comparison of a second or two.
const SMALL: [&str; 15] = [
    "compare",
    "mlp:64-16-16-10:relu",
    "--recipes",
    "he,zeros",
    "--samples",
    "100",
    "--seeds",
    "6",
    "--tuning-seeds",
    "2",
    "--steps",
    "60",
    "--rates",
    "0.02..0.2",
    "--json",
];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().copied().chain(more.iter().copied()).collect()
}

fn started(arguments: &[&str]) -> Child {
    let binary = assert_cmd::cargo::cargo_bin("semilla");
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until a store has so many whole lines.
fn wait_for(store: &Path, lines: usize) {
    let start = Instant::now();
    let count = || {
        std::fs::read_to_string(store)
            .unwrap_or_default()
            .matches('\n')
            .count()
    };
    while count() < lines && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_verdict_comes_first_and_all_numbers_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let [page, csv] = ["r.html", "r.csv"].map(|name| folder.path().join(name));
    let [page, csv] = [&page, &csv].map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = small(&["-o", page, "--csv", csv]);
    let arguments: Vec<&str> = arguments
        .into_iter()
        .filter(|part| *part != "--json")
        .collect();
    let (code, out, error) = run(&arguments);
    assert_eq!(code, 0, "{error}");
    let verdict = out.lines().next().unwrap();
    assert!(
        verdict.starts_with("he is best: median test accuracy"),
        "{out}"
    );
    assert!(out.contains("self-check: he against itself"), "{out}");
    assert!(out.contains("wrote"), "{out}");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(
        html.contains("</html>") && html.len() < 1_000_000,
        "{}",
        html.len()
    );
    let csv = std::fs::read_to_string(csv).unwrap();
    assert_eq!(
        csv.lines().filter(|line| line.contains(",final,")).count(),
        12,
        "{csv}"
    );
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(columns.iter().all(|&count| count == 14), "{csv}");
}

#[test]
fn a_killed_comparison_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (code, whole, error) = run(&small(&["--threads", "1"]));
    assert_eq!(code, 0, "{error}");
    for lines in [1, 4, 9] {
        let store = folder.path().join(format!("{lines}.store"));
        let path = store.to_str().unwrap();
        let mut child = started(&small(&["--store", path]));
        wait_for(&store, lines);
        // SIGKILL, on every Unix.
        child.kill().unwrap();
        child.wait().unwrap();
        let (code, resumed, error) = run(&small(&["--store", path]));
        assert_eq!(code, 0, "{error}");
        assert!(resumed == whole, "killed after {lines} lines");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_partial_report() {
    let folder = tempfile::tempdir().unwrap();
    let [store, page] = ["r.store", "r.html"].map(|name| folder.path().join(name));
    let paths = [&store, &page].map(|path| path.to_str().unwrap());
    let more = ["--steps", "2000", "--store", paths[0], "-o", paths[1]];
    let mut arguments = small(&more);
    let steps = arguments
        .iter()
        .position(|part| *part == "--steps")
        .unwrap();
    arguments.drain(steps..steps + 2);
    let child = started(&arguments);
    wait_for(&store, 3);
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("interrupted; the same command goes on from the store"),
        "{error}"
    );
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["is_complete"], false);
    assert!(std::fs::read_to_string(&page).unwrap().contains("</html>"));
}

#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("r.store");
    let path = store.to_str().unwrap();
    let binary = assert_cmd::cargo::cargo_bin("semilla");
    // No file may grow beyond a few KiB.
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    let command = command.args(["-c", limited, binary.to_str().unwrap()]);
    let output = command.args(small(&["--store", path])).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("cannot write to the store") && error.contains("r.store"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    let kept = std::fs::read_to_string(&store).unwrap().lines().count();
    assert!(kept > 1, "{kept}");
    let (code, resumed, _) = run(&small(&["--store", path]));
    assert_eq!((code, resumed), (0, run(&small(&[])).1));
}

#[test]
fn bad_input_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rows = |row: &str| format!("a,b,label\n{}", format!("{row}\n").repeat(40));
    let beyond = file("beyond.csv", rows("0.1,0.2,7").as_bytes());
    let nan = file("nan.csv", rows("0.1,nan,1").as_bytes());
    let wide = file(
        "wide.csv",
        format!("a,b,c,label\n{}", "1,2,3,0\n".repeat(40)).as_bytes(),
    );
    let empty = file("empty.csv", b"a,b,label\n");
    let images = folder.path().join("images");
    std::fs::create_dir_all(images.join("cats")).unwrap();
    std::fs::write(images.join("cats/a.png"), b"no image").unwrap();
    let images = images.to_str().unwrap().to_owned();
    let texts = folder.path().join("texts");
    std::fs::create_dir(&texts).unwrap();
    std::fs::write(texts.join("a.txt"), b"no image").unwrap();
    let texts = texts.to_str().unwrap().to_owned();
    let foreign = file("foreign.store", b"hello\n");
    let other = folder
        .path()
        .join("other.store")
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(run(&small(&["--store", &other, "--budget", "60"])).0, 0);
    let on = |model: &str, data: &str| {
        ["compare", model, "--data", data]
            .map(str::to_owned)
            .to_vec()
    };
    let of = |data: &str| on("mlp:2-4-2:relu", data);
    let digits = |more: &[&str]| {
        let all = ["compare", "mlp:64-8-10:relu"].iter().chain(more);
        all.map(|part| part.to_string()).collect::<Vec<String>>()
    };
    for (arguments, said) in [
        (of(&beyond), "7"),
        (of(&nan), "nan"),
        (of(&wide), "wide.csv"),
        (of(&empty), "empty.csv"),
        (on("conv:3-4:2:relu", &images), "a.png"),
        (on("conv:3-4:2:relu", &texts), "holds no images"),
        (of("none.csv"), "none.csv"),
        (digits(&["--recipes", "he,hee"]), "hee"),
        (digits(&["--recipes", "he"]), "give 2"),
        (digits(&["--recipes", "he,he"]), "same name"),
        (digits(&["--store", &foreign]), "no store of runs"),
        (
            digits(&["--store", &other]),
            "mlp:64-16-16-10:relu on digits",
        ),
        (digits(&["--trunk", "77"]), "77"),
        (digits(&["--classes", "1"]), "the class 1 alone"),
        (
            digits(&["--classes", "1,2,1"]),
            "the class 1 is named twice",
        ),
        (digits(&["--labels", "x"]), "built in"),
        (digits(&["--recipes", "he"]), "1 start to compare"),
        (
            digits(&["-o", "r.html", "--csv", "./r.html"]),
            "a file of its own",
        ),
        (
            digits(&["--store", "r.csv", "--csv", "r.csv"]),
            "a file of its own",
        ),
        (digits(&["-o", "none/r.html"]), "none"),
        (digits(&["--rates", "1..0.1"]), "low..high"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, out, error) = run(&arguments);
        assert_eq!((code, &*out), (2, ""), "{arguments:?}: {error}");
        assert!(
            error.to_lowercase().contains(said),
            "{arguments:?}: {error}"
        );
        assert!(error.lines().count() == 1 || said == "low..high", "{error}");
    }
    assert_eq!(std::fs::read(&foreign).unwrap(), b"hello\n");
    for zero in [
        "--samples",
        "--budget",
        "--seeds",
        "--tuning-seeds",
        "--steps",
        "--batch",
    ] {
        let (code, out, error) = run(&["compare", "mlp:64-8-10:relu", zero, "0"]);
        assert_eq!((code, &*out), (2, ""), "{zero}: {error}");
        assert!(error.contains("0 is not in 1.."), "{error}");
    }
}

/// What cannot be written is an error at the end, and what was found is shown all the same.
#[test]
fn a_report_without_room_leaves_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("r.html");
    let binary = assert_cmd::cargo::cargo_bin("semilla");
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    let command = command.args(["-c", limited, binary.to_str().unwrap()]);
    let more = ["--seeds", "1", "-o", page.to_str().unwrap()];
    let arguments: Vec<&str> = SMALL
        .iter()
        .copied()
        .filter(|part| *part != "--json")
        .collect();
    let seeds = arguments
        .iter()
        .position(|part| *part == "--seeds")
        .unwrap();
    let rest = [&arguments[..seeds], &arguments[seeds + 2..], &more].concat();
    let output = command.args(rest).output().unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("r.html"), "{error}");
    assert!(
        out.contains("with 1 seed:") || out.contains("median test accuracy"),
        "{out}"
    );
    assert!(out.contains("over 1 fresh seed at"), "{out}");
    assert!(!out.contains("1 seeds") && !out.contains("wrote"), "{out}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Any process that takes trials and answers outcomes gives the same comparison. Here it stands in
/// for Python with Ray.
#[cfg(unix)]
#[test]
fn other_processes_train_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python");
    // python -c DRIVER SEMILLA
    std::fs::write(&python, "#!/bin/sh\nexec \"$3\" trial - --json\n").unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let through = |python: &Path| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("semilla"));
        let command = command
            .args(small(&["--engine", "ray"]))
            .env("SEMILLA_PYTHON", python);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, found, error) = through(&python);
    assert_eq!(code, Some(0), "{error}");
    assert!(found == run(&small(&[])).1);
    let (code, _, error) = through(&folder.path().join("none"));
    assert!(
        code == Some(2) && error.contains("the engine ray failed: cannot start"),
        "{error}"
    );
}

#[test]
fn a_trial_is_a_function_of_its_json() {
    let trial = |seed: u32| {
        format!(
            "{{\"model\": \"mlp:64-8-10:relu\", \"recipe\": \"auto\", \"data\": {{\"source\": \
             \"digits\"}}, \"optimizer\": \"sgd\", \"rate\": 0.1, \"steps\": 30, \"seeds\": \
             {{\"weights\": {seed}}}}}"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial.json");
    std::fs::write(&path, trial(1)).unwrap();
    let path = path.to_str().unwrap();
    let (code, alone) = json(&["trial", path]);
    assert_eq!((code, &alone["end"]), (0, &Value::from("finished")));
    assert!(run(&["trial", path]).1.contains("test loss"));
    // The same beside others, from standard input.
    let binary = assert_cmd::cargo::cargo_bin("semilla");
    let mut command = Command::new(binary);
    let command = command.args(["trial", "-", "--json"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    (0..3).for_each(|seed| writeln!(input, "{}", trial(seed)).unwrap());
    drop(input);
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let outcomes: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((outcomes.len(), &outcomes[1]), (3, &alone));
    std::fs::write(path, "{}").unwrap();
    let (code, _, error) = run(&["trial", path]);
    assert!(code == 2 && error.contains("no trial"), "{error}");
}

/// A tokenizer of words; its ids are what a network of so many words trains on.
#[test]
fn words_of_a_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let [text, tokenizer, table] = ["text.txt", "tokenizer.json", "table.csv"].map(|name| {
        let path = folder.path().join(name);
        path.to_str().unwrap().to_owned()
    });
    let words = ["the", "seed", "grows", "into", "a", "tree"];
    std::fs::write(&text, "The seed grows into a tree \n".repeat(200)).unwrap();
    std::fs::write(&table, "x,label\n1,0\n2,1\n").unwrap();
    let vocabulary: serde_json::Map<String, Value> = (words.iter().enumerate())
        .map(|(id, word)| ((*word).to_owned(), id.into()))
        .collect();
    let words = serde_json::json!({
        "version": "1.0",
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "the"},
    });
    std::fs::write(&tokenizer, words.to_string()).unwrap();
    let model = "transformer:1x64:6";
    let compare = |data: &str, model: &str| {
        run(&[
            "compare",
            model,
            "--data",
            data,
            "--tokenizer",
            &tokenizer,
            "--recipes",
            "gpt2,zeros",
            "--seeds",
            "2",
            "--tuning-seeds",
            "1",
            "--steps",
            "4",
            "--rates",
            "0.01..0.02",
        ])
    };
    let (code, said, error) = compare(&text, model);
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("is 1200 tokens of"), "{said}");
    for (data, model, why) in [
        (
            &*text,
            "transformer:1x64:5",
            "beyond the vocabulary of 5 words",
        ),
        (&*table, model, "a tokenizer is for text"),
        ("digits", model, "a tokenizer is for text"),
    ] {
        let (code, _, said) = compare(data, model);
        assert_eq!((code, said.contains(why)), (2, true), "{said}");
    }
}
