//! Sequences of values, as exporters write splits.

use std::sync::Arc;

use semilla::graph::{Attribute, Node};

use super::super::state::{Gap, Known, Step, Theory};
use super::shape::{concat, known_part, rearranged};

/// Operators that make sequences or take them; `None` of others.
pub(super) fn sequence(theory: &mut Theory, step: &Step<'_>) -> Option<Result<Known, Gap>> {
    Some(match &*step.node.operator {
        "SplitToSequence" => split(theory, step).map(list),
        "SequenceConstruct" => Ok(list(step.inputs.iter().flatten().cloned().collect())),
        "SequenceAt" => at(step),
        "ConcatFromSequence" => joined(theory, step),
        _ => return None,
    })
}

fn list(values: Vec<Known>) -> Known {
    Known::List(Arc::new(values))
}

fn taken<'s>(step: &'s Step<'_>) -> Result<&'s [Known], Gap> {
    match step.given(0)? {
        Known::List(values) => Ok(values),
        _ => Gap::new("it takes no sequence"),
    }
}

fn at(step: &Step<'_>) -> Result<Known, Gap> {
    let values = taken(step)?;
    let place = match step.list(1, "position")?.as_deref() {
        Some(&[place]) if place < 0 => place + values.len() as i64,
        Some(&[place]) => place,
        _ => -1,
    };
    let found = usize::try_from(place)
        .ok()
        .and_then(|place| values.get(place));
    found
        .cloned()
        .ok_or_else(|| Gap("its sequence has no such place".to_owned()))
}

/// The parts of a value along an axis: of stated sizes, or all of one size but the last.
fn split(theory: &mut Theory, step: &Step<'_>) -> Result<Vec<Known>, Gap> {
    let input = step.given(0)?;
    let shape = theory.known_shape(input)?;
    let axis = step.axis(step.int("axis", 0), shape.len())?;
    let whole = shape[axis];
    let chunks = |each: usize| -> Vec<usize> {
        let starts = (0..whole).step_by(each.max(1));
        starts.map(|start| each.max(1).min(whole - start)).collect()
    };
    let size = |size: i64| usize::try_from(size).unwrap_or(0);
    let is_scalar = matches!(step.input(1), Some(Known::Whole(array)) if array.rank() == 0);
    let sizes = match step.list(1, "split")? {
        None => chunks(1),
        Some(sizes) if is_scalar => chunks(size(sizes[0])),
        Some(sizes) => sizes.into_iter().map(size).collect(),
    };
    let loses_axis = step.input(1).is_none() && step.int("keepdims", 1) == 0;
    let part = |count: usize| {
        let part = known_part(theory, input, axis, count)?;
        match loses_axis {
            false => Ok(part),
            true => reshaped(theory, part, "Squeeze", axis),
        }
    };
    sizes.into_iter().map(part).collect()
}

/// All values of a sequence in one, along an axis that they have or a new one.
fn joined(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let mut values = taken(step)?.to_vec();
    let axis = step.int("axis", 0);
    if step.int("new_axis", 0) != 0 {
        let rank = match values.first() {
            Some(first) => theory.known_shape(first)?.len() + 1,
            None => return Gap::new("its sequence is empty"),
        };
        let place = step.axis(axis, rank)?;
        for value in &mut values {
            *value = reshaped(theory, value.clone(), "Unsqueeze", place)?;
        }
    }
    let node = Node::new("Concat", &[], &[]).with("axis", Attribute::Int(axis));
    let inputs: Vec<Option<Known>> = values.into_iter().map(Some).collect();
    let step = Step {
        node: &node,
        opset: step.opset,
        inputs: &inputs,
    };
    concat(theory, &step)
}

/// A value with an axis of size 1 more or less.
fn reshaped(theory: &mut Theory, value: Known, operator: &str, axis: usize) -> Result<Known, Gap> {
    let axes = Attribute::Ints(vec![axis as i64]);
    let node = Node::new(operator, &[], &[]).with("axes", axes);
    let step = Step {
        node: &node,
        opset: i64::MAX,
        inputs: &[Some(value)],
    };
    rearranged(theory, &step)
}
