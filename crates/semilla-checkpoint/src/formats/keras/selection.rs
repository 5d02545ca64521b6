//! The datasets that are a model's weights, under their names.

use semilla::Layout;

use crate::remark::Remark;

/// A tensor under its final name: what the files' kinds give.
pub(super) struct Named {
    pub(super) name: String,
    /// The position among the datasets of the tree.
    pub(super) value: usize,
    pub(super) layout: Option<Layout>,
}

/// The datasets that are the model's weights, and what is to be said about the others.
#[derive(Default)]
pub(super) struct Selection {
    pub(super) weights: Vec<Named>,
    pub(super) remarks: Vec<Remark>,
}

impl Selection {
    pub(super) fn leave_out(&mut self, count: usize, what: &'static str) {
        if count > 0 {
            self.remarks.push(Remark::LeftOut { count, what });
        }
    }
}
