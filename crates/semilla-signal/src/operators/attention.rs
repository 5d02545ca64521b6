//! Attention as one operator (version 23), as the nodes that it consists of.

use semilla::graph::{Attribute, Node};

use crate::executor::{Call, Made, Problem};
use crate::real::Real;

/// `Attention` of queries, keys and values, without a cache.
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let operands = [call.float(0)?, call.float(1)?, call.float(2)?];
    let unsupported = |what: &str| Err(Problem::Unsupported(what.to_owned()));
    if call.has(4) || call.has(5) {
        return unsupported("attention with a cache of keys");
    }
    if call.real("softcap", 0.0)? != 0.0 || call.node.outputs.len() > 1 {
        return unsupported("attention with a cap or further outputs");
    }
    let problem = || call.shapes("queries, keys and values with heads");
    let heads = [call.int("q_num_heads", 0)?, call.int("kv_num_heads", 0)?];
    // To [batch, heads, length, size].
    let mut nodes = Vec::new();
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    for (input, operand) in operands.iter().enumerate() {
        let name = input.to_string();
        match *operand.array.shape() {
            [_, heads, length, size] => {
                sizes.push((heads, length, size));
                names.push(name);
            }
            [_, length, width] => {
                let heads = usize::try_from(heads[input.min(1)]).unwrap_or(0);
                if heads == 0 || width % heads != 0 {
                    return Err(problem());
                }
                sizes.push((heads, length, width / heads));
                let own = format!("{name} by heads");
                let size = (width / heads) as i64;
                nodes.extend(super::heads::split(&name, &own, heads as i64, size));
                names.push(own);
            }
            _ => return Err(problem()),
        }
    }
    let (query_heads, queries, size) = sizes[0];
    let (key_heads, keys, _) = sizes[1];
    if key_heads == 0 || query_heads % key_heads != 0 {
        return Err(problem());
    }
    if query_heads != key_heads {
        // Each key and value serves several queries.
        let of_head: Vec<i64> = (0..query_heads)
            .map(|head| (head / (query_heads / key_heads)) as i64)
            .collect();
        nodes.push(
            Node::new("Constant", &[], &["heads"]).with("value_ints", Attribute::Ints(of_head)),
        );
        for name in &mut names[1..] {
            let shared = format!("{name} shared");
            nodes.push(
                Node::new("Gather", &[name, "heads"], &[&shared]).with("axis", Attribute::Int(1)),
            );
            *name = shared;
        }
    }
    let scale = call.real("scale", 1.0 / (size as f64).sqrt())? as f32;
    nodes.push(Node::new("Constant", &[], &["scale"]).with("value_float", Attribute::Float(scale)));
    nodes.push(
        Node::new("Transpose", &[&names[1]], &["keys"])
            .with("perm", Attribute::Ints(vec![0, 1, 3, 2])),
    );
    nodes.push(Node::new("MatMul", &[&names[0], "keys"], &["products"]));
    nodes.push(Node::new("Mul", &["products", "scale"], &["scaled"]));
    let mut scores = "scaled";
    nodes.push(
        Node::new("Constant", &[], &["never"]).with("value_float", Attribute::Float(f32::MIN)),
    );
    if call.has(3) {
        let masked = match call.is_float(3) {
            true => Node::new("Add", &[scores, "3"], &["masked"]),
            false => Node::new("Where", &["3", scores, "never"], &["masked"]),
        };
        nodes.push(masked);
        scores = "masked";
    }
    if call.int("is_causal", 0)? != 0 {
        let shape = Attribute::Ints(vec![queries as i64, keys as i64]);
        let one =
            semilla::graph::Literal::new(semilla::DType::I64, [1], vec![1, 0, 0, 0, 0, 0, 0, 0]);
        let one = one.expect("8 bytes are one integer");
        nodes.push(Node::new("Constant", &[], &["size"]).with("value_ints", shape));
        nodes.push(
            Node::new("ConstantOfShape", &["size"], &["ones"])
                .with("value", Attribute::Tensor(one)),
        );
        nodes.push(Node::new("Trilu", &["ones"], &["past"]).with("upper", Attribute::Int(0)));
        nodes.push(Node::new("Where", &["past", scores, "never"], &["causal"]));
        scores = "causal";
    }
    nodes.push(Node::new("Softmax", &[scores], &["shares"]).with("axis", Attribute::Int(-1)));
    nodes.push(Node::new("MatMul", &["shares", &names[2]], &["mixed"]));
    let is_flat = operands[0].array.rank() == 3;
    if is_flat {
        nodes.extend(super::heads::joined("mixed", "flat"));
    }
    Ok(call.stand(nodes, &[if is_flat { "flat" } else { "mixed" }]))
}
