//! Prints the graph of an ONNX model as JSON: `cargo run --example graph -- model.onnx`

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or("usage: graph MODEL.onnx")?;
    let checkpoint = semilla_checkpoint::open(path)?;
    let graph = checkpoint.graph().ok_or("the file holds no graph")?;
    println!("{}", serde_json::to_string_pretty(graph)?);
    Ok(())
}
