//! Along which axis each matrix was cut.

/// Whose names the slices have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Meta's own files of Llama, `consolidated.00.pth`.
    Llama,
    /// Megatron-LM and DeepSpeed, `mp_rank_00`.
    Megatron,
}

/// How the slices of a tensor lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Every process has all of it.
    Whole,
    /// One after the other along an axis.
    Along(usize),
    /// Each is a slice of the upper half over one of the lower: two layers in one.
    Halves,
}

/// Endings of names, and how such tensors are cut.
const LLAMA: [(&str, Cut); 8] = [
    ("attention.wq.weight", Cut::Along(0)),
    ("attention.wk.weight", Cut::Along(0)),
    ("attention.wv.weight", Cut::Along(0)),
    ("attention.wo.weight", Cut::Along(1)),
    ("feed_forward.w1.weight", Cut::Along(0)),
    ("feed_forward.w3.weight", Cut::Along(0)),
    ("feed_forward.w2.weight", Cut::Along(1)),
    ("rope.freqs", Cut::Whole),
];

const MEGATRON: [(&str, Cut); 23] = [
    ("query_key_value.weight", Cut::Along(0)),
    ("query_key_value.bias", Cut::Along(0)),
    ("linear_qkv.weight", Cut::Along(0)),
    ("linear_qkv.bias", Cut::Along(0)),
    ("query.weight", Cut::Along(0)),
    ("query.bias", Cut::Along(0)),
    ("key_value.weight", Cut::Along(0)),
    ("key_value.bias", Cut::Along(0)),
    ("attention.dense.weight", Cut::Along(1)),
    ("attention.dense.bias", Cut::Whole),
    ("self_attention.dense.weight", Cut::Along(1)),
    ("self_attention.dense.bias", Cut::Whole),
    ("linear_proj.weight", Cut::Along(1)),
    ("linear_proj.bias", Cut::Whole),
    ("dense_4h_to_h.weight", Cut::Along(1)),
    ("dense_4h_to_h.bias", Cut::Whole),
    ("linear_fc2.weight", Cut::Along(1)),
    ("linear_fc2.bias", Cut::Whole),
    ("word_embeddings.weight", Cut::Along(0)),
    ("output_layer.weight", Cut::Along(0)),
    ("lm_head.weight", Cut::Along(0)),
    ("position_embeddings.weight", Cut::Whole),
    ("tokentype_embeddings.weight", Cut::Whole),
];

/// The layers into an MLP, and those out of it, which tell by their width whether a gate lies
/// beside the former.
const INTO: [(&str, &str); 2] = [
    ("dense_h_to_4h.", "dense_4h_to_h."),
    ("linear_fc1.", "linear_fc2."),
];

impl Family {
    /// How a tensor was cut into `count` slices; nothing if no rule says. `shape` gives the shape
    /// of one slice of a tensor.
    pub(super) fn cut<'s>(
        self,
        name: &str,
        count: usize,
        shape: &dyn Fn(&str) -> Option<&'s [usize]>,
    ) -> Option<Cut> {
        if is_norm(name) {
            return Some(Cut::Whole);
        }
        let rules: &[(&str, Cut)] = match self {
            Family::Llama => &LLAMA,
            Family::Megatron => &MEGATRON,
        };
        if let Some((_, cut)) = rules.iter().find(|(ending, _)| ends(name, ending)) {
            return Some(*cut);
        }
        match self {
            Family::Llama => match name {
                "output.weight" => Some(Cut::Along(0)),
                "tok_embeddings.weight" => embedding(shape(name)?, shape("norm.weight")?, count),
                _ => None,
            },
            Family::Megatron => into_mlp(name, shape),
        }
    }

    /// How many slices there are in all, as the shape of one says.
    pub(super) fn count<'s>(
        self,
        names: impl IntoIterator<Item = (&'s str, &'s [usize])>,
    ) -> Option<usize> {
        let mut outputs = names.into_iter().filter_map(|(name, shape)| match shape {
            &[rows, columns] if ends(name, "attention.wo.weight") => Some((rows, columns)),
            _ => None,
        });
        // All together the outputs of attention are a square.
        let (rows, columns) = outputs.next().filter(|_| self == Family::Llama)?;
        (columns > 0 && rows % columns == 0).then(|| rows / columns)
    }
}

/// Llama's table of words is cut along its width, or, since version 3, its words.
fn embedding(slice: &[usize], norm: &[usize], count: usize) -> Option<Cut> {
    match (slice, norm) {
        (&[_, columns], &[width]) if columns == width => Some(Cut::Along(0)),
        (&[_, columns], &[width]) if columns.checked_mul(count) == Some(width) => {
            Some(Cut::Along(1))
        }
        _ => None,
    }
}

fn into_mlp<'s>(name: &str, shape: &dyn Fn(&str) -> Option<&'s [usize]>) -> Option<Cut> {
    let (into, out) = INTO.into_iter().find(|(into, _)| name.contains(into))?;
    let (module, leaf) = name.rsplit_once(into)?;
    let outer = shape(&format!("{module}{out}weight"))?;
    let (&rows, &[_, inner]) = (shape(name)?.first()?, outer) else {
        return None;
    };
    match ["weight", "bias"].contains(&leaf) {
        true if rows == inner => Some(Cut::Along(0)),
        true if Some(rows) == inner.checked_mul(2) => Some(Cut::Halves),
        _ => None,
    }
}

fn is_norm(name: &str) -> bool {
    let (module, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    let last = module.rsplit('.').next().unwrap_or_default();
    let of_norm = last.contains("norm") && ["weight", "bias"].contains(&leaf);
    of_norm || ["layer_norm_weight", "layer_norm_bias"].contains(&leaf)
}

/// Whether a name ends so, with a whole part of it.
fn ends(name: &str, ending: &str) -> bool {
    let before = name.strip_suffix(ending);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_widths_say_how() {
        let shape = |name: &str| -> Option<&'static [usize]> {
            Some(match name {
                "norm.weight" => &[8],
                "tok_embeddings.weight" => &[100, 4],
                "m.mlp.linear_fc1.weight" | "m.mlp.linear_fc1.bias" => &[12, 8],
                "m.mlp.linear_fc2.weight" => &[8, 6],
                "n.dense_h_to_4h.bias" => &[6],
                "n.dense_4h_to_h.weight" => &[8, 6],
                _ => return None,
            })
        };
        let llama = |name: &str, count| Family::Llama.cut(name, count, &shape);
        let megatron = |name: &str| Family::Megatron.cut(name, 2, &shape);
        for (found, expected) in [
            (
                llama("layers.3.attention.wo.weight", 2),
                Some(Cut::Along(1)),
            ),
            (llama("layers.3.ffn_norm.weight", 2), Some(Cut::Whole)),
            (llama("tok_embeddings.weight", 2), Some(Cut::Along(1))),
            (llama("tok_embeddings.weight", 4), None),
            (llama("other.weight", 2), None),
            (megatron("m.mlp.linear_fc1.weight"), Some(Cut::Halves)),
            (
                megatron("m.mlp.linear_fc1.layer_norm_weight"),
                Some(Cut::Whole),
            ),
            (megatron("n.dense_h_to_4h.bias"), Some(Cut::Along(0))),
            (
                megatron("x.self_attention.dense.weight"),
                Some(Cut::Along(1)),
            ),
            (megatron("x.my_attention.dense.weight"), None),
            (megatron("x.attention.dense.weight"), Some(Cut::Along(1))),
        ] {
            assert_eq!(found, expected);
        }
        assert_eq!(embedding(&[50, 8], &[8], 2), Some(Cut::Along(0)));
        let outputs = [("layers.0.attention.wo.weight", &[8, 2][..])];
        assert_eq!(Family::Llama.count(outputs), Some(4));
        assert_eq!(
            Family::Llama.count([("a.attention.wo.weight", &[5120, 4096][..])]),
            None
        );
    }
}
