//! Rotary position embedding, as the nodes that it consists of.

use semilla::graph::{Attribute, Node};

use super::heads;
use super::movement::shape_of;
use crate::executor::{Call, Made, Problem};
use crate::real::Real;

/// `RotaryEmbedding` (version 23): pairs of elements turned by angles that grow with the position
/// (Su et al. 2021, section 3.4).
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = shape_of(call, 0)?;
    let problem = || call.shapes("words with heads, and cosines and sines for half of their size");
    let stated = call.int("num_heads", 0)?;
    let angles = shape_of(call, 1)?;
    let (rank, angles) = (angles.len(), angles.last().copied().unwrap_or(0));
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    let mut nodes = Vec::new();
    // To [batch, heads, length, size].
    let (x, length, size) = match *shape {
        [_, _, length, size] => ("0", length, size),
        [_, length, width] => {
            // A cache of as many angles as a head has pairs tells how many heads there are.
            let count = match usize::try_from(stated) {
                Ok(0) | Err(_) => width / (2 * angles).max(1),
                Ok(count) => count,
            };
            if count == 0 || width % count != 0 {
                return Err(problem());
            }
            let size = width / count;
            nodes.extend(heads::split("0", "by heads", count as i64, size as i64));
            ("by heads", length, size)
        }
        _ => return Err(problem()),
    };
    let turned = match usize::try_from(call.int("rotary_embedding_dim", 0)?) {
        Ok(0) | Err(_) => size,
        Ok(turned) => turned,
    };
    if turned > size || turned % 2 != 0 || angles < turned / 2 {
        return Err(problem());
    }
    let cut = |from: &str, to: &str, start: usize, end: usize, step: i64| {
        Node::new("Slice", &[from], &[to])
            .with("axes", ints(&[-1]))
            .with("starts", ints(&[start as i64]))
            .with("ends", ints(&[end as i64]))
            .with("steps", ints(&[step]))
    };
    for (input, name) in [("1", "cos"), ("2", "sin")] {
        let mut from = input.to_owned();
        if call.has(3) {
            from = format!("{name} of words");
            nodes.push(Node::new("Gather", &[input, "3"], &[&from]));
        }
        let part = format!("{name} of pairs");
        nodes.push(cut(&from, &part, 0, turned / 2, 1));
        nodes.push(match !call.has(3) && rank == 2 {
            // A row for each position, of which words have the first.
            true => Node::new("Slice", &[&part], &[name])
                .with("axes", ints(&[0]))
                .with("starts", ints(&[0]))
                .with("ends", ints(&[length as i64])),
            false => Node::new("Unsqueeze", &[&part], &[name]).with("axes", ints(&[1])),
        });
    }
    let is_interleaved = call.int("interleaved", 0)? != 0;
    match is_interleaved {
        true => {
            nodes.push(cut(x, "first", 0, turned, 2));
            nodes.push(cut(x, "second", 1, turned, 2));
        }
        false => {
            nodes.push(cut(x, "first", 0, turned / 2, 1));
            nodes.push(cut(x, "second", turned / 2, turned, 1));
        }
    }
    for (a, b, made) in [("first", "cos", "a"), ("second", "sin", "b")] {
        nodes.push(Node::new("Mul", &[a, b], &[made]));
    }
    for (a, b, made) in [("first", "sin", "c"), ("second", "cos", "d")] {
        nodes.push(Node::new("Mul", &[a, b], &[made]));
    }
    nodes.push(Node::new("Sub", &["a", "b"], &["real"]));
    nodes.push(Node::new("Add", &["c", "d"], &["imaginary"]));
    let joined = |inputs: &[&str], made: &str| {
        Node::new("Concat", inputs, &[made]).with("axis", Attribute::Int(-1))
    };
    match is_interleaved {
        true => {
            for (from, to) in [("real", "real pairs"), ("imaginary", "imaginary pairs")] {
                nodes.push(Node::new("Unsqueeze", &[from], &[to]).with("axes", ints(&[-1])));
            }
            nodes.push(joined(&["real pairs", "imaginary pairs"], "pairs"));
            let flat = ints(&[0, 0, 0, turned as i64]);
            nodes.push(Node::new("Reshape", &["pairs"], &["turned"]).with("shape", flat));
        }
        false => nodes.push(joined(&["real", "imaginary"], "turned")),
    }
    let mut made = "turned";
    if turned < size {
        nodes.push(cut(x, "rest", turned, size, 1));
        nodes.push(joined(&["turned", "rest"], "whole"));
        made = "whole";
    }
    if shape.len() == 3 {
        nodes.extend(heads::joined(made, "flat"));
        made = "flat";
    }
    Ok(call.stand(nodes, &[made]))
}
