//! Names of tensors, taken apart.

/// A name taken apart at its dots (and, for Keras and Flax, slashes).
pub(super) struct Name<'a> {
    pub(super) parts: Vec<&'a str>,
}

impl<'a> Name<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        Self {
            parts: name.split(['.', '/']).collect(),
        }
    }

    /// The parameter's own name: `weight`.
    pub(super) fn leaf(&self) -> &'a str {
        self.parts.last().copied().unwrap_or("")
    }

    /// The module that it belongs to: `q_proj`.
    pub(super) fn module(&self) -> &'a str {
        self.parts
            .len()
            .checked_sub(2)
            .map_or("", |at| self.parts[at])
    }

    /// The module around that.
    pub(super) fn parent(&self) -> &'a str {
        self.parts
            .len()
            .checked_sub(3)
            .map_or("", |at| self.parts[at])
    }

    pub(super) fn inside(&self, fragment: &str) -> bool {
        let end = self.parts.len().saturating_sub(1);
        self.parts[..end]
            .iter()
            .any(|part| part.to_ascii_lowercase().contains(fragment))
    }

    /// Whether some part is `container` followed by a number: `h.3`.
    pub(super) fn inside_numbered(&self, container: &str) -> bool {
        self.parts
            .windows(2)
            .any(|pair| pair[0] == container && is_number(pair[1]))
    }
}

/// A name without TensorFlow's number of an operation's output: `conv/kernel` of `conv/kernel:0`.
pub(super) fn without_output(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((rest, number)) if is_number(number) => rest,
        _ => name,
    }
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
