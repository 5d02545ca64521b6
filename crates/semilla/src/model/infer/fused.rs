//! Fused projections: which weights one tensor holds, and how they lie.
//!
//! Names tell the order (GPT-2's `c_attn` has queries, keys and values one after the other, BLOOM's
//! `query_key_value` has them head by head), shapes tell the sizes: attention's output projection
//! takes as many features as there are queries.

use super::index::{All, stem};
use crate::layout::{Axis, Layout};
use crate::model::fused::Fused;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// CodeGen's projection is stored for four processors.
const CODEGEN: usize = 4;

/// The weights in a tensor; `None` for a plain weight, and where the sizes are not known.
pub(super) fn fused(name: &Name<'_>, text: &str, tensor: &Tensor, all: All<'_>) -> Option<Fused> {
    let layout = tensor.layout.as_ref()?;
    let shape = &tensor.shape;
    let (out, inputs) = (layout.size(Axis::Out, shape), layout.size(Axis::In, shape));
    match tensor.role {
        Role::Qkv => {
            let queries = match out == inputs.saturating_mul(3) {
                true => inputs,
                false => queries(text, out, all)?,
            };
            let keys = (out - queries) / 2;
            Some(attention(
                name,
                text,
                [queries, keys, out - queries - keys],
                all,
            ))
        }
        Role::Kv if out.is_multiple_of(2) => Some(Fused::in_a_row([
            (Role::Key, out / 2),
            (Role::Value, out / 2),
        ])),
        Role::MlpGate if name.parts.contains(&"gate_up_proj") && out.is_multiple_of(2) => {
            let parts = [(Role::MlpGate, out / 2), (Role::MlpIn, out / 2)];
            // gpt-oss, which alone has a bias of this name, stores gate and up in turns.
            let in_turns = all.find(&format!("{text}_bias")).is_some();
            Some(Fused::in_turns(parts, if in_turns { out / 2 } else { 1 }))
        }
        _ => None,
    }
}

/// The number of outputs that are queries: as many as attention's output projection, beside the
/// fused one, takes.
fn queries(text: &str, out: usize, all: All<'_>) -> Option<usize> {
    const MODULE: usize = 32;
    // `in_proj_weight` is a parameter of the attention itself.
    let around = match text.ends_with("_weight") {
        true => stem(text),
        false => stem(stem(text).trim_end_matches(['.', '/'])),
    };
    let takes = |tensor: &Tensor| {
        let layout: &Layout = tensor.layout.as_ref()?;
        Some(layout.size(Axis::In, &tensor.shape))
    };
    let beside = all.under(around).take(MODULE);
    let mut outputs = beside.filter(|tensor| tensor.role == Role::AttentionOut);
    let queries = takes(outputs.next()?)?;
    let rest = out.checked_sub(queries)?;
    let is_plausible = queries > 0 && rest > 0 && rest.is_multiple_of(2) && rest / 2 <= queries;
    is_plausible.then_some(queries)
}

/// Query, key and value, in the order that the names of their libraries stand for.
fn attention(name: &Name<'_>, text: &str, sizes: [usize; 3], all: All<'_>) -> Fused {
    let [queries, keys, values] = sizes;
    let parts = [
        (Role::Query, queries),
        (Role::Key, keys),
        (Role::Value, values),
    ];
    let own = match name.leaf() {
        "weight" | "kernel" => name.module(),
        leaf => leaf,
    };
    let is_codegen = own == "qkv_proj" && name.inside_numbered("h");
    match own {
        "qkv_proj" if is_codegen && values.is_multiple_of(CODEGEN) => {
            Fused::in_turns([parts[0], parts[2], parts[1]], CODEGEN)
        }
        // Head by head in GPT-NeoX, BLOOM and Persimmon, by groups of heads in Falcon and
        // InternLM, one after the other in ChatGLM.
        "query_key_value" | "wqkv" => Fused::somewhere(parts),
        // Head by head in TinyViT, LeViT and MaxViT of timm.
        "qkv" if is_by_heads(name, text, all) => Fused::somewhere(parts),
        _ => Fused::in_a_row(parts),
    }
}

fn is_by_heads(name: &Name<'_>, text: &str, all: All<'_>) -> bool {
    let around = stem(stem(text).trim_end_matches(['.', '/']));
    let has_biases = all.find(&format!("{around}attention_biases")).is_some();
    has_biases || name.inside("attn_block") || name.inside("attn_grid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::model::convention::Convention;
    use crate::model::state_dict::Model;

    /// What the first of these tensors holds.
    fn held(tensors: &[(&str, &[usize])]) -> Option<Fused> {
        let tensors = tensors.iter();
        let tensors = tensors.map(|(name, shape)| (name.to_string(), shape.to_vec(), DType::F32));
        let model = Model::infer(tensors, Convention::Pytorch);
        model.tensors[0].fused.as_deref().cloned()
    }

    fn sizes(fused: &Fused) -> Vec<usize> {
        fused.parts.iter().map(|part| part.size).collect()
    }

    #[test]
    fn shapes_tell_the_sizes_and_names_the_order() {
        // timm, GPT-2 (stored [in, out]), torch.nn.MultiheadAttention, MPT.
        for (name, shape) in [
            ("blocks.0.attn.qkv.weight", [24, 8]),
            ("h.0.attn.c_attn.weight", [8, 24]),
            ("layers.0.self_attn.in_proj_weight", [24, 8]),
            ("transformer.blocks.0.attn.Wqkv.weight", [24, 8]),
        ] {
            let fused = held(&[(name, &shape)]).unwrap();
            assert_eq!(
                (sizes(&fused), fused.turns),
                (vec![8; 3], Some(1)),
                "{name}"
            );
        }
        // Phi-3 with fewer keys, StarCoder with one.
        let phi = [
            ("model.layers.0.self_attn.qkv_proj.weight", &[16, 8][..]),
            ("model.layers.0.self_attn.o_proj.weight", &[8, 8]),
        ];
        assert_eq!(sizes(&held(&phi).unwrap()), [8, 4, 4]);
        let starcoder = [
            ("transformer.h.0.attn.c_attn.weight", &[12, 8][..]),
            ("transformer.h.0.attn.c_proj.weight", &[8, 8]),
        ];
        let mut model = starcoder.to_vec();
        model.push(("transformer.h.0.mlp.c_fc.weight", &[32, 8]));
        assert_eq!(sizes(&held(&model).unwrap()), [8, 2, 2]);
        assert_eq!(held(&phi[..1]), None, "nothing tells the sizes");
    }

    #[test]
    fn what_lies_head_by_head_has_no_order_without_the_heads() {
        for name in [
            "gpt_neox.layers.0.attention.query_key_value.weight",
            "h.0.self_attention.query_key_value.weight",
        ] {
            let fused = held(&[(name, &[24, 8])]).unwrap();
            assert_eq!((sizes(&fused), fused.turns), (vec![8; 3], None), "{name}");
        }
        let codegen = held(&[("transformer.h.0.attn.qkv_proj.weight", &[24, 8])]).unwrap();
        assert_eq!(
            (codegen.parts[1].role, codegen.turns),
            (Role::Value, Some(4))
        );
        let tiny_vit = [
            ("stages.1.blocks.0.attn.qkv.weight", &[24, 8][..]),
            ("stages.1.blocks.0.attn.attention_biases", &[2, 49]),
        ];
        assert_eq!(held(&tiny_vit).unwrap().turns, None);
    }

    #[test]
    fn keys_with_values_and_gates_with_ups_are_fused_too() {
        let kv = held(&[("stages.0.blocks.0.attn.kv.weight", &[16, 8])]).unwrap();
        assert_eq!(kv, Fused::in_a_row([(Role::Key, 8), (Role::Value, 8)]));
        let gate = held(&[("model.layers.0.mlp.gate_up_proj.weight", &[32, 8])]).unwrap();
        assert_eq!(
            gate,
            Fused::in_a_row([(Role::MlpGate, 16), (Role::MlpIn, 16)])
        );
    }
}
