//! Operators as the executor has them, on what theory knows.

use std::sync::Arc;

use semilla::graph::Node;

use crate::array::Array;
use crate::executor::{Call, Made, Problem, Value, ValueId};
use crate::operators::lower;

/// What a node takes, one operand after the other.
#[derive(Default)]
pub(super) struct Operands {
    pub(super) arrays: Vec<Array<f32>>,
    inputs: Vec<Option<Value>>,
}

impl Operands {
    /// One that is left out.
    pub(super) fn left_out(&mut self) {
        self.inputs.push(None);
    }

    pub(super) fn whole(&mut self, array: &Arc<Array<i64>>) {
        self.inputs.push(Some(Value::Whole(Arc::clone(array))));
    }

    pub(super) fn numbers(&mut self, array: Array<f32>) {
        self.arrays.push(array);
        let id = ValueId(self.arrays.len() - 1);
        self.inputs.push(Some(Value::Float(id)));
    }

    /// What the node becomes.
    pub(super) fn lower(&mut self, node: &Node, opset: i64) -> Result<Made<f32>, Problem> {
        lower(&Call {
            node,
            opset,
            inputs: std::mem::take(&mut self.inputs),
            arrays: &self.arrays,
            is_training: true,
        })
    }
}
