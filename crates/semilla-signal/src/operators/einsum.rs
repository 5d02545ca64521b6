//! Einstein sums, as products of matrices.

use std::collections::BTreeSet;

use semilla::graph::{Attribute, Node};

use crate::executor::{Call, Made, Problem};
use crate::real::Real;

/// `Einsum` of one or two operands.
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let equation: String = call.text("equation", "")?.split_whitespace().collect();
    let unsupported = || Problem::Unsupported(format!("the equation {equation:?}"));
    if equation.contains('.') {
        return Err(unsupported());
    }
    let (terms, output) = match equation.split_once("->") {
        Some((terms, output)) => (terms, output.to_owned()),
        None => (&*equation, implied(&equation)),
    };
    let terms: Vec<Vec<char>> = terms
        .split(',')
        .map(|term| term.chars().collect())
        .collect();
    let output: Vec<char> = output.chars().collect();
    let is_distinct = |term: &Vec<char>| term.iter().collect::<BTreeSet<_>>().len() == term.len();
    if !terms.iter().all(is_distinct) || terms.len() != call.inputs.len() {
        return Err(unsupported());
    }
    let sizes = Sizes::of(call, &terms)?;
    let mut nodes = Vec::new();
    match &*terms {
        [only] => {
            let summed = sum_out(&mut nodes, "0", only, &|label| output.contains(&label), "s");
            order(&mut nodes, &summed.0, &summed.1, &output, "y").ok_or_else(unsupported)?;
        }
        [first, second] => {
            pair(&mut nodes, first, second, &output, &sizes).ok_or_else(unsupported)?;
        }
        _ => return Err(unsupported()),
    }
    Ok(call.stand(nodes, &["y"]))
}

/// Without an arrow, labels that occur once, in order.
fn implied(terms: &str) -> String {
    let letters: BTreeSet<char> = terms.chars().filter(|&c| c != ',').collect();
    letters
        .into_iter()
        .filter(|&c| terms.matches(c).count() == 1)
        .collect()
}

/// The size of each label.
struct Sizes(Vec<(char, usize)>);

impl Sizes {
    fn of<T: Real>(call: &Call<'_, T>, terms: &[Vec<char>]) -> Result<Self, Problem> {
        let mut known: Vec<(char, usize)> = Vec::new();
        for (input, term) in terms.iter().enumerate() {
            let shape = call.float(input)?.array.shape();
            if shape.len() != term.len() {
                return Err(call.shapes("a label for each axis"));
            }
            for (&label, &size) in term.iter().zip(shape) {
                match known.iter().find(|(other, _)| *other == label) {
                    Some(&(_, other)) if other != size => {
                        return Err(call.shapes("a label has one size"));
                    }
                    Some(_) => {}
                    None => known.push((label, size)),
                }
            }
        }
        Ok(Self(known))
    }

    fn product(&self, labels: &[char]) -> i64 {
        let of = |label: &char| self.0.iter().find(|(other, _)| other == label);
        labels
            .iter()
            .filter_map(of)
            .map(|&(_, size)| size as i64)
            .product()
    }
}

/// A product of two operands: batched, of matrices.
fn pair(
    nodes: &mut Vec<Node>,
    first: &[char],
    second: &[char],
    output: &[char],
    sizes: &Sizes,
) -> Option<()> {
    let kept = |other: &[char]| {
        let other = other.to_vec();
        move |label: char| other.contains(&label) || output.contains(&label)
    };
    let (a, first) = sum_out(nodes, "0", first, &kept(second), "a");
    let (b, second) = sum_out(nodes, "1", second, &kept(first.as_slice()), "b");
    let all = |labels: &[char], keep: &dyn Fn(char) -> bool| -> Vec<char> {
        labels
            .iter()
            .copied()
            .filter(|&label| keep(label))
            .collect()
    };
    let batch = all(&first, &|label| {
        second.contains(&label) && output.contains(&label)
    });
    let inner = all(&first, &|label| {
        second.contains(&label) && !output.contains(&label)
    });
    let rows = all(&first, &|label| !second.contains(&label));
    let columns = all(&second, &|label| !first.contains(&label));
    let sizes_of = |parts: [&[char]; 3]| parts.map(|labels| sizes.product(labels)).to_vec();
    let a = order(
        nodes,
        &a,
        &first,
        &[&*batch, &*rows, &*inner].concat(),
        "a2",
    )?;
    let a = reshape(nodes, &a, sizes_of([&batch, &rows, &inner]), "a3");
    let b = order(
        nodes,
        &b,
        &second,
        &[&*batch, &*inner, &*columns].concat(),
        "b2",
    )?;
    let b = reshape(nodes, &b, sizes_of([&batch, &inner, &columns]), "b3");
    nodes.push(Node::new("MatMul", &[&a, &b], &["product"]));
    let made = [&*batch, &*rows, &*columns].concat();
    let shape = made.iter().map(|&label| sizes.product(&[label])).collect();
    let product = reshape(nodes, "product", shape, "split");
    order(nodes, &product, &made, output, "y").map(|_| ())
}

/// Sums over the labels that nothing else needs.
fn sum_out(
    nodes: &mut Vec<Node>,
    input: &str,
    labels: &[char],
    is_kept: &dyn Fn(char) -> bool,
    name: &str,
) -> (String, Vec<char>) {
    let axes: Vec<i64> = (0..labels.len())
        .filter(|&axis| !is_kept(labels[axis]))
        .map(|axis| axis as i64)
        .collect();
    if axes.is_empty() {
        return (input.to_owned(), labels.to_vec());
    }
    let sum = Node::new("ReduceSum", &[input], &[name])
        .with("axes", Attribute::Ints(axes))
        .with("keepdims", Attribute::Int(0));
    nodes.push(sum);
    let kept = labels
        .iter()
        .copied()
        .filter(|&label| is_kept(label))
        .collect();
    (name.to_owned(), kept)
}

/// Axes in the order of other labels; `None` if they are not the same labels.
fn order(
    nodes: &mut Vec<Node>,
    input: &str,
    from: &[char],
    to: &[char],
    name: &str,
) -> Option<String> {
    let place = |label: &char| from.iter().position(|other| other == label);
    let axes: Option<Vec<i64>> = to.iter().map(|label| Some(place(label)? as i64)).collect();
    let axes = axes.filter(|axes| axes.len() == from.len())?;
    nodes.push(Node::new("Transpose", &[input], &[name]).with("perm", Attribute::Ints(axes)));
    Some(name.to_owned())
}

fn reshape(nodes: &mut Vec<Node>, input: &str, shape: Vec<i64>, name: &str) -> String {
    let node = Node::new("Reshape", &[input], &[name])
        .with("shape", Attribute::Ints(shape))
        .with("allowzero", Attribute::Int(1));
    nodes.push(node);
    name.to_owned()
}
