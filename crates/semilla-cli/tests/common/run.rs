//! The command's exit code and what it says.

use assert_cmd::Command;
use serde_json::Value;

/// Runs the command; answers its exit code, what it prints, and what it complains about.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Runs the command with `--json`; answers its exit code and what it prints.
pub(crate) fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, out, error) = run(&[arguments, &["--json"]].concat());
    let value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    (code, value)
}
