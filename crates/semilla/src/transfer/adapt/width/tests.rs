use crate::fill::Fill;
use crate::transfer::Transfer;
use crate::transfer::fixtures::{adapt, counting, made, torch};

/// Heads stay whole, fused blocks stay blocks, and all tensors of a width keep the same units.
#[test]
fn selection_respects_heads_and_blocks() {
    let source = torch(&[
        ("layers.0.attn.q_proj.weight", &[8, 4]),
        ("layers.0.attn.q_proj.bias", &[8]),
        ("layers.0.attn.o_proj.weight", &[4, 8]),
        ("layers.0.attn.qkv.weight", &[12, 4]),
        ("norm.weight", &[4]),
    ]);
    let target = torch(&[
        ("layers.0.attn.q_proj.weight", &[4, 2]),
        ("layers.0.attn.q_proj.bias", &[4]),
        ("layers.0.attn.o_proj.weight", &[2, 4]),
        ("layers.0.attn.qkv.weight", &[6, 2]),
        ("norm.weight", &[2]),
    ]);
    let rules = |op: &str| Transfer {
        adapt: vec![adapt("*", op)],
        ..Transfer::default()
    };
    let error = rules("select")
        .align(&target, &source, true)
        .unwrap_err()
        .to_string();
    assert!(error.contains("state heads="), "{error}");
    let alignment = rules("select:heads=[4,2]")
        .align(&target, &source, true)
        .unwrap();
    let values = |place: usize| {
        let shape = &target.tensors[place].shape;
        made(
            &alignment.fates[place].given().unwrap().fill,
            shape,
            &counting(&source),
        )
    };
    // Heads 0 and 2 of width 2; inputs 0 and 2.
    assert_eq!(values(0), [0.0, 2.0, 4.0, 6.0, 16.0, 18.0, 20.0, 22.0]);
    assert_eq!(values(1), [0.0, 1.0, 4.0, 5.0]);
    assert_eq!(values(2), [0.0, 1.0, 4.0, 5.0, 16.0, 17.0, 20.0, 21.0]);
    assert_eq!(
        values(3)
            .iter()
            .step_by(2)
            .map(|x| x / 4.0)
            .collect::<Vec<_>>(),
        [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    );
    assert_eq!(values(4), [0.0, 2.0]);
}

/// A sum over fewer inputs, made up for by √(old / new); outputs and biases are as they were.
#[test]
fn selected_inputs_are_rescaled() {
    let source = torch(&[("net.fc.weight", &[4, 8]), ("net.fc.bias", &[4])]);
    let target = torch(&[("net.fc.weight", &[4, 2]), ("net.fc.bias", &[4])]);
    let rules = Transfer {
        adapt: vec![adapt("*", "select:rescale=true")],
        ..Transfer::default()
    };
    let alignment = rules.align(&target, &source, true).unwrap();
    let given = alignment.fates[0].given().unwrap();
    let found = made(&given.fill, &[4, 2], &counting(&source));
    let old = counting(&source)("net.fc.weight").1;
    let picked = |row: usize| [2.0 * old[8 * row], 2.0 * old[8 * row + 4]];
    assert_eq!(found, (0..4).flat_map(picked).collect::<Vec<_>>());
    assert!(given.note.contains("times 2.0000"), "{}", given.note);
    assert_eq!(alignment.fates[1].given().unwrap().by, [""; 0]);
}

/// y = W₂ relu(W₁ x): the same before and after, for any repetition.
#[test]
fn growth_keeps_the_function() {
    let source = torch(&[
        ("net.fc1.weight", &[3, 2]),
        ("net.fc1.bias", &[3]),
        ("net.fc2.weight", &[2, 3]),
    ]);
    let target = torch(&[
        ("net.fc1.weight", &[7, 2]),
        ("net.fc1.bias", &[7]),
        ("net.fc2.weight", &[2, 7]),
    ]);
    for op in [
        "grow",
        "grow:repeat=random,seed=3",
        "grow:shares=uneven",
        "grow:shares=uneven,repeat=random,seed=1",
    ] {
        let rules = Transfer {
            adapt: vec![adapt("*", op)],
            ..Transfer::default()
        };
        let alignment = rules.align(&target, &source, true).unwrap();
        let run = |w1: &[f64], b: &[f64], w2: &[f64]| -> Vec<f64> {
            let hidden: Vec<f64> = (0..b.len())
                .map(|i| (w1[2 * i] * 0.3 - w1[2 * i + 1] * 0.2 + b[i]).max(0.0))
                .collect();
            w2.chunks(b.len())
                .map(|row| row.iter().zip(&hidden).map(|(w, h)| w * h).sum())
                .collect()
        };
        let old = |name: &str| counting(&source)(name).1;
        let new = |place: usize| {
            let shape = &target.tensors[place].shape;
            made(
                &alignment.fates[place].given().unwrap().fill,
                shape,
                &counting(&source),
            )
        };
        let before = run(
            &old("net.fc1.weight"),
            &old("net.fc1.bias"),
            &old("net.fc2.weight"),
        );
        let after = run(&new(0), &new(1), &new(2));
        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(a, b)| (a - b).abs() < 1e-12),
            "{op}: {before:?} {after:?}"
        );
        // In turns, units 1 and 4 are copies.
        let (fed, in_turns) = (new(2), !op.contains("random"));
        assert!(
            !in_turns || (fed[1] == fed[4]) != op.contains("uneven"),
            "{op}: {fed:?}"
        );
    }
}

mod fused_projections {
    use super::*;

    /// The rows of a fused projection that a model of other heads takes, and what is said.
    fn rows(name: &str, sizes: [usize; 2], op: &str) -> Result<(Vec<usize>, String), String> {
        let [from, to] = sizes.map(|rows| torch(&[(name, &[rows, 2])]));
        let rules = Transfer {
            adapt: vec![adapt("*", op)],
            ..Transfer::default()
        };
        let alignment = rules
            .align(&to, &from, true)
            .map_err(|error| error.to_string())?;
        let given = alignment.fates[0].given().unwrap();
        let Fill::Load(load) = &given.fill else {
            panic!("one load")
        };
        let terms = load.terms(0, 0..sizes[1]);
        let picked = (0..sizes[1]).map(|row| terms.of(row)[0].0).collect();
        Ok((picked, given.note.clone()))
    }

    #[test]
    fn keys_and_values_may_be_fewer() {
        // 4 heads of 2, 2 for keys and values: queries 0..8, keys 8..12, values 12..16.
        let (found, _) = rows(
            "attn.qkv_proj.weight",
            [16, 8],
            "select:heads=[4,2],kv_heads=[2,1]",
        )
        .unwrap();
        assert_eq!(found, [0, 1, 4, 5, 8, 9, 12, 13]);
        let said = rows(
            "attn.qkv_proj.weight",
            [16, 9],
            "select:heads=[4,2],kv_heads=[2,1]",
        )
        .unwrap_err();
        assert!(said.contains("are not queries, keys and values"), "{said}");
    }

    #[test]
    fn heads_in_turns_are_stated() {
        let name = "attention.query_key_value.weight";
        let said = rows(name, [12, 24], "grow:heads=[2,4]").unwrap_err();
        assert!(said.contains("state qkv=heads"), "{said}");
        let (found, note) = rows(name, [12, 24], "grow:heads=[2,4],qkv=heads").unwrap();
        assert_eq!(
            found,
            [(0..12).collect::<Vec<_>>(), (0..12).collect()].concat()
        );
        assert!(!note.contains("changes"), "{note}");
        let (found, note) = rows(name, [12, 24], "grow:heads=[2,2],qkv=heads").unwrap();
        assert_eq!(found[..12], [0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5]);
        assert!(note.contains("wider heads"), "{note}");
    }

    #[test]
    fn other_numbers_of_queries_to_a_key_are_told() {
        let said = |op| rows("attn.q_proj.weight", [8, 16], op).unwrap().1;
        assert!(said("grow:heads=[4,8],kv_heads=[2,2]").contains("different queries share a key"));
        assert!(!said("grow:heads=[4,8],kv_heads=[2,4]").contains("changes"));
    }
}
