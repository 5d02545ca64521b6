//! The list of a checkpoint's tensors.

use std::ops::Deref;

use crate::malformed::Malformed;
use crate::quoted::Quoted;
use crate::tensor::TensorInfo;

/// A list of tensors with different names, whose bytes together fit in an `i64`.
#[derive(Debug, Clone, Default)]
pub struct Tensors {
    list: Vec<TensorInfo>,
    /// Positions in the list, by name.
    by_name: Vec<usize>,
}

impl Tensors {
    /// Keeps the order of the list.
    ///
    /// # Errors
    /// A name occurs twice, or all bytes together overflow.
    pub fn new(list: Vec<TensorInfo>) -> Result<Self, Malformed> {
        let mut by_name: Vec<usize> = (0..list.len()).collect();
        by_name.sort_unstable_by_key(|&tensor| list[tensor].name());
        let twice = by_name
            .windows(2)
            .find(|pair| list[pair[0]].name() == list[pair[1]].name());
        if let Some(pair) = twice {
            return Err(Malformed::Duplicate(Quoted::new(list[pair[0]].name())));
        }
        list.iter()
            .try_fold(0i64, |sum, tensor| sum.checked_add_unsigned(tensor.bytes()))
            .ok_or(Malformed::TotalTooLarge)?;
        Ok(Self { list, by_name })
    }

    /// The position of the tensor with this name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name
            .binary_search_by_key(&name, |&tensor| self.list[tensor].name())
            .ok()
            .map(|position| self.by_name[position])
    }

    /// The bytes of all tensors together.
    pub fn bytes(&self) -> u64 {
        self.list.iter().map(TensorInfo::bytes).sum()
    }
}

impl Deref for Tensors {
    type Target = [TensorInfo];

    fn deref(&self) -> &[TensorInfo] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use semilla::DType;

    use super::*;

    #[test]
    fn names_are_found_and_unique() {
        let list = |names: &[&str]| {
            Tensors::new(
                names
                    .iter()
                    .map(|name| TensorInfo::new(*name, DType::U8, [3]).unwrap())
                    .collect(),
            )
        };
        let tensors = list(&["b", "", "a"]).unwrap();
        assert_eq!(
            ["b", "", "a", "c"].map(|n| tensors.index_of(n)),
            [Some(0), Some(1), Some(2), None]
        );
        assert_eq!(tensors.bytes(), 9);
        assert_eq!(
            list(&["b", "a", "b"]).unwrap_err(),
            Malformed::Duplicate(Quoted::new("b"))
        );
        let huge = |name: &str| TensorInfo::new(name, DType::U8, [1 << 62]).unwrap();
        assert_eq!(
            Tensors::new(vec![huge("a"), huge("b")]).unwrap_err(),
            Malformed::TotalTooLarge
        );
    }
}
