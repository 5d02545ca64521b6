//! Names of tensors, taken apart.

/// A name taken apart at its dots (and, for Keras and Flax, slashes).
pub(super) struct Name<'a> {
    pub(super) parts: Vec<&'a str>,
    /// All but the last part, in lower case: many words are looked for in it.
    modules: String,
}

impl<'a> Name<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        let end = name.rfind(['.', '/']).unwrap_or(0);
        Self {
            parts: name.split(['.', '/']).collect(),
            modules: name[..end].to_ascii_lowercase(),
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

    /// Whether a module around the parameter has this in its name, which is in lower case.
    pub(super) fn inside(&self, fragment: &str) -> bool {
        self.modules.contains(fragment)
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
    // Few names end in a digit, and this is asked of each many times.
    if !name.ends_with(|end: char| end.is_ascii_digit()) {
        return name;
    }
    match name.rsplit_once(':') {
        Some((rest, number)) if is_number(number) => rest,
        _ => name,
    }
}

/// The directions of a weight-normalized layer beside its magnitudes, under the names that PyTorch
/// gives both: `conv.weight_v` of `conv.weight_g`.
pub(crate) fn directions_of(magnitudes: &str) -> Option<String> {
    let pairs = [("original0", "original1"), ("weight_g", "weight_v")];
    pairs.iter().find_map(|(own, other)| {
        let stem = magnitudes.strip_suffix(own)?;
        Some(format!("{stem}{other}"))
    })
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a tensor lies in a block of a stack: some part of its path is numbered, and that part is
/// not the tensor's own module.
pub(super) fn is_in_block(name: &Name<'_>) -> bool {
    let outer = name.parts.len().saturating_sub(2);
    name.parts[..outer]
        .iter()
        .any(|part| is_number(part) || numbered_block(part).is_some())
}

/// The number of a part that is called after a block: 3 of `encoder_layer_3`.
pub(super) fn numbered_block(part: &str) -> Option<(&str, &str)> {
    let (stem, number) = part.rsplit_once('_')?;
    let is_block = || {
        let lower = stem.to_ascii_lowercase();
        ["layer", "layers", "block", "blocks"]
            .iter()
            .any(|word| lower.ends_with(word))
    };
    (is_number(number) && is_block()).then_some((stem, number))
}

/// Which exponential gate of an xLSTM a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Input,
    Forget,
}

/// The exponential gate that a module is, by its name.
pub(crate) fn exponential_gate(module: &str) -> Option<Gate> {
    match module {
        "igate" | "igate_preact" => Some(Gate::Input),
        "fgate" | "fgate_preact" => Some(Gate::Forget),
        _ => None,
    }
}
