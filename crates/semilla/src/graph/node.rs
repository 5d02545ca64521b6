//! One step of a model's computation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::attribute::Attribute;

/// Notes of the exporter beside a node or a value: keys and texts, such as PyTorch's `namespace`
/// with the path of modules.
pub type Properties = BTreeMap<String, String>;

/// An operator with what it takes and makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Node {
    /// Its own name, which may be empty.
    pub name: String,
    /// Whose operator it is; empty for ONNX's own.
    pub domain: String,
    /// The operator, such as `Conv`.
    pub operator: String,
    /// The names of the values that it takes; an empty one is an optional input left out.
    pub inputs: Vec<String>,
    /// The names of the values that it makes; an empty one is not made.
    pub outputs: Vec<String>,
    /// Attributes by name, in the order of the file.
    pub attributes: Vec<(String, Attribute)>,
    /// Notes of the exporter.
    pub properties: Properties,
}

impl Node {
    /// A node of ONNX's own operator, without a name and attributes.
    pub fn new(operator: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            operator: operator.to_owned(),
            inputs: owned(inputs),
            outputs: owned(outputs),
            ..Self::default()
        }
    }

    /// The same node with one more attribute.
    pub fn with(mut self, name: &str, value: Attribute) -> Self {
        self.attributes.push((name.to_owned(), value));
        self
    }

    /// The value of an attribute; of one that is given twice, the last.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        let found = self.attributes.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }

    /// The value of an attribute that is an integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attribute(name)? {
            Attribute::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of an attribute that is a list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name)? {
            Attribute::Ints(values) => Some(values),
            _ => None,
        }
    }

    /// The value of an attribute that is a number.
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name)? {
            Attribute::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of an attribute that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attribute(name)? {
            Attribute::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The operator, if it is ONNX's own.
    pub fn standard(&self) -> Option<&str> {
        matches!(&*self.domain, "" | "ai.onnx").then_some(&*self.operator)
    }

    /// The name of the activation that the node is, if it is the one operator that Semilla adds: those of
    /// descriptions and of live modules.
    pub fn activation(&self) -> Option<&str> {
        let is_own = self.domain == "semilla" && self.operator == "Activation";
        is_own.then(|| self.text("function"))?
    }

    /// The operator, if it is one of ONNX Runtime's additions (`com.microsoft`).
    pub fn contributed(&self) -> Option<&str> {
        (self.domain == "com.microsoft").then_some(&*self.operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_by_name_and_kind() {
        let node = Node::new("Conv", &["x", "w"], &["y"])
            .with("group", Attribute::Int(2))
            .with("strides", Attribute::Ints(vec![1, 2]))
            .with("auto_pad", Attribute::Text("SAME_UPPER".to_owned()))
            .with("alpha", Attribute::Float(0.5))
            .with("group", Attribute::Int(4));
        assert_eq!(node.int("group"), Some(4));
        assert_eq!(node.ints("strides"), Some(&[1, 2][..]));
        assert_eq!(node.text("auto_pad"), Some("SAME_UPPER"));
        assert_eq!(node.float("alpha"), Some(0.5));
        assert_eq!(node.int("strides"), None);
        assert_eq!(node.attribute("kernel_shape"), None);
    }

    #[test]
    fn operators_belong_to_a_domain() {
        let of = |domain: &str| Node {
            domain: domain.to_owned(),
            ..Node::new("Attention", &[], &[])
        };
        assert_eq!(of("").standard(), Some("Attention"));
        assert_eq!(of("ai.onnx").standard(), Some("Attention"));
        assert_eq!(of("com.microsoft").standard(), None);
        assert_eq!(of("com.microsoft").contributed(), Some("Attention"));
        assert_eq!(of("mine").contributed(), None);
    }
}
