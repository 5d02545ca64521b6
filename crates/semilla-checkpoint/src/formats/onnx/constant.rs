//! Tensors that become a body's, whether initializers or what `Constant` nodes make.

use semilla::DType;
use semilla::graph::{Initializer, Literal, Node};

use super::dtype::dtype;
use super::parser::Parser;
use super::stored::{Data, Kind, Stored};
use crate::io::window::Fault;
use crate::io::wire::{Span, next_field};

impl Parser<'_, '_> {
    /// Adds a tensor to a body, under the name by which nodes take it.
    pub(super) fn carry(&mut self, body: usize, name: String, tensor: Stored) -> Result<(), Fault> {
        let initializer = Initializer {
            name,
            dtype: dtype(tensor.data_type).ok(),
            shape: tensor.shape(),
            tensor: None,
            is_unnamed: false,
            literal: tensor.literal(self.window)?,
        };
        self.at(body).initializers.push(initializer);
        self.stored[body].push(Some(tensor));
        Ok(())
    }

    /// Adds a single number or a text.
    fn carry_single(
        &mut self,
        body: usize,
        name: String,
        literal: Option<Literal>,
    ) -> Result<(), Fault> {
        self.count()?;
        self.singles += 1;
        self.at(body).initializers.push(Initializer {
            name,
            dtype: literal.as_ref().map(Literal::dtype),
            shape: Vec::new(),
            tensor: None,
            is_unnamed: false,
            literal,
        });
        self.stored[body].push(None);
        Ok(())
    }

    /// Adds a tensor that is stored by its nonzero elements, which are not read.
    pub(super) fn carry_sparse(
        &mut self,
        body: usize,
        name: String,
        tensor: Stored,
    ) -> Result<(), Fault> {
        self.sparse += 1;
        self.carry(body, name, tensor)?;
        if let Some(last) = self.stored[body].last_mut() {
            *last = None;
        }
        Ok(())
    }

    /// Adds the output that an attribute gives to a `Constant` node; false if it gives none.
    pub(super) fn constant(
        &mut self,
        message: Span,
        attribute: &str,
        node: &Node,
        body: usize,
    ) -> Result<bool, Fault> {
        let output = node.outputs.first().map_or("", String::as_str);
        let mut is_found = false;
        let mut typed = None;
        let mut rest = message;
        while let Some((field, value)) = next_field(self.window, &mut rest)? {
            let single = match (field, attribute) {
                (5, "value") => {
                    let tensor = self.tensor(value.bytes()?)?;
                    let name = self.repeat(output)?;
                    self.carry(body, name, tensor)?;
                    is_found = true;
                    continue;
                }
                (22, "sparse_value") => {
                    let tensor = self.sparse_tensor(value.bytes()?)?;
                    let name = self.repeat(output)?;
                    self.carry_sparse(body, name, tensor)?;
                    is_found = true;
                    continue;
                }
                (7, "value_floats") => {
                    self.numbers(&mut typed, message, field, Kind::F32, value)?;
                    continue;
                }
                (8, "value_ints") => {
                    self.numbers(&mut typed, message, field, Kind::I64, value)?;
                    continue;
                }
                (2, "value_float") => {
                    let bytes = self.float(value.fixed()?)?.to_le_bytes();
                    Literal::new(DType::F32, [], bytes.to_vec())
                }
                (3, "value_int") => {
                    let bytes = value.varint()?.to_le_bytes();
                    Literal::new(DType::I64, [], bytes.to_vec())
                }
                (4, "value_string") => None,
                _ => continue,
            };
            let name = self.repeat(output)?;
            self.carry_single(body, name, single)?;
            is_found = true;
        }
        if let Some(typed) = typed {
            self.count()?;
            let tensor = Stored {
                dims: vec![typed.count],
                data_type: if typed.kind == Kind::F32 { 1 } else { 7 },
                data: Data::Typed(typed),
                ..Stored::default()
            };
            let name = self.repeat(output)?;
            self.carry(body, name, tensor)?;
            is_found = true;
        }
        Ok(is_found)
    }
}
