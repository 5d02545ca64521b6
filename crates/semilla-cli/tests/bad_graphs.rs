//! ONNX files that cannot be run, through the real binary: one sentence and exit code 2, whatever is
//! wrong with them.

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// A message of Protocol Buffers.
#[derive(Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 128 {
            self.0.push((value % 128) as u8 | 128);
            value /= 128;
        }
        self.0.push(value as u8);
    }

    fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: Message) -> Self {
        self.bytes(field, &message.0)
    }
}

const FLOAT: i64 = 1;

/// A value with a shape; a size below 0 is left open.
fn value(name: &str, shape: &[i64]) -> Message {
    let dims = shape.iter().fold(Message::default(), |dims, &size| {
        let dim = match size < 0 {
            true => Message::default().text(2, "open"),
            false => Message::default().int(1, size),
        };
        dims.message(1, dim)
    });
    let tensor = Message::default().int(1, FLOAT).message(2, dims);
    Message::default()
        .text(1, name)
        .message(2, Message::default().message(1, tensor))
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> Message {
    let node = inputs
        .iter()
        .fold(Message::default(), |node, name| node.text(1, name));
    let node = outputs.iter().fold(node, |node, name| node.text(2, name));
    node.text(4, operator)
}

/// A weight's header.
fn tensor(name: &str, shape: &[i64]) -> Message {
    let dims = shape
        .iter()
        .fold(Message::default(), |tensor, &size| tensor.int(1, size));
    dims.int(2, FLOAT).text(8, name)
}

fn weight(name: &str, shape: &[i64], fill: f32) -> Message {
    let count = shape.iter().product::<i64>().max(0) as usize;
    let bytes: Vec<u8> = (0..count)
        .flat_map(|at| (fill * ((at * 37 % 11) as f32 - 5.0)).to_le_bytes())
        .collect();
    tensor(name, shape).bytes(9, &bytes)
}

/// A file of nodes, weights, inputs; its output is `y`.
fn model(nodes: &[Message], weights: &[Message], inputs: &[Message]) -> Vec<u8> {
    let graph = Message::default().text(2, "graph");
    let graph = nodes
        .iter()
        .fold(graph, |graph, node| graph.message(1, node.clone()));
    let graph = weights
        .iter()
        .fold(graph, |graph, weight| graph.message(5, weight.clone()));
    let graph = inputs
        .iter()
        .fold(graph, |graph, input| graph.message(11, input.clone()));
    let graph = graph.message(12, value("y", &[-1, -1]));
    Message::default()
        .int(1, 8)
        .message(7, graph)
        .message(8, Message::default().int(2, 20))
        .0
}

fn good() -> Vec<u8> {
    let nodes = [
        node("MatMul", &["x", "a"], &["p"]),
        node("Relu", &["p"], &["q"]),
        node("MatMul", &["q", "b"], &["y"]),
    ];
    let weights = [weight("a", &[4, 3], 0.2), weight("b", &[3, 2], 0.3)];
    model(&nodes, &weights, &[value("x", &[-1, 4])])
}

fn written(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("model.onnx");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Exit code and what is complained about.
fn check(path: &Path, more: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    let command = command
        .arg("check")
        .arg(path)
        .args(["--seeds", "1", "--samples", "4"]);
    let output = command.args(more).output().unwrap();
    let code = output.status.code().expect("no signal");
    (code, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn one_sentence_each() {
    let folder = tempfile::tempdir().unwrap();
    let x = || [value("x", &[-1, 4])];
    let a = || [weight("a", &[4, 3], 0.2)];
    let product = || node("MatMul", &["x", "a"], &["y"]);
    let outside = tensor("a", &[4, 3]).int(14, 1).message(
        13,
        Message::default().text(1, "location").text(2, "gone.bin"),
    );
    let deep = (0..200).fold(Message::default(), |inner, _| {
        let graph = Message::default().message(1, inner);
        let attribute = Message::default()
            .text(1, "body")
            .int(20, 5)
            .message(6, graph);
        node("Loop", &["", ""], &["y"]).message(5, attribute)
    });
    let mut cut = good();
    cut.truncate(cut.len() / 2);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a cycle",
            model(
                &[
                    node("Add", &["x", "y"], &["p"]),
                    node("Relu", &["p"], &["y"]),
                ],
                &[],
                &x(),
            ),
            "form a ring",
        ),
        (
            "a value that nobody makes",
            model(&[node("MatMul", &["x", "nothing"], &["y"])], &[], &x()),
            "nothing",
        ),
        (
            "an unknown operator",
            model(&[node("Frobnicate", &["x"], &["y"])], &[], &x()),
            "Frobnicate",
        ),
        (
            "an open size",
            model(&[product()], &a(), &[value("x", &[-1, -1])]),
            "--size",
        ),
        (
            "an external file that is not there",
            model(&[product()], &[outside], &x()),
            "gone.bin",
        ),
        (
            "wrong ranks",
            model(&[node("Conv", &["x", "a"], &["y"])], &a(), &x()),
            "Conv",
        ),
        (
            "sizes that do not fit",
            model(&[product()], &[weight("a", &[5, 3], 0.2)], &x()),
            "MatMul",
        ),
        (
            "a huge size",
            model(&[product()], &a(), &[value("x", &[1 << 40, 4])]),
            "",
        ),
        (
            "no samples",
            model(&[product()], &a(), &[value("x", &[0, 4])]),
            "",
        ),
        ("bodies within bodies", model(&[deep], &[], &x()), ""),
        ("half of a file", cut, ""),
        ("no file of the kind", b"\x08\x08garbage".to_vec(), ""),
        ("nothing", Vec::new(), ""),
    ];
    for (what, bytes, expected) in cases {
        let (code, error) = check(&written(folder.path(), &bytes), &[]);
        assert_eq!(code, 2, "{what}: {error}");
        assert_eq!(error.lines().count(), 1, "{what}: {error}");
        assert!(
            error.starts_with("error: ") && error.contains(expected),
            "{what}: {error}"
        );
    }
    let (code, error) = check(&written(folder.path(), &good()), &[]);
    assert!(code < 2, "{error}");
}

#[test]
fn data_that_is_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &good());
    let data = folder.path().join("x.npy");
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }";
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(
        [1.0, f32::NAN, 0.0, 1.0]
            .iter()
            .flat_map(|x| x.to_le_bytes()),
    );
    std::fs::write(&data, bytes).unwrap();
    let (code, error) = check(&path, &["--data", data.to_str().unwrap()]);
    assert_eq!(code, 2, "{error}");
    assert!(
        error.contains("NaN") && error.lines().count() == 1,
        "{error}"
    );
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let sound = good();
    let mut state = 12_345u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..150 {
        let mut bytes = sound.clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] ^= 1 << next(8),
                1 => bytes[at] = [0, 1, 127, 128, 255][next(5)],
                _ => {
                    bytes.remove(at);
                }
            }
        }
        let (code, error) = check(&written(folder.path(), &bytes), &[]);
        assert!(
            code <= 2 && !error.contains("panicked"),
            "{code} {error}: {bytes:?}"
        );
    }
}
