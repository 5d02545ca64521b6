use crate::fill::Fill;
use crate::model::Convention;
use crate::transfer::fixtures::{counting, globs, load, made, model, torch};
use crate::transfer::*;

/// Square matrices too: the order of axes follows from the conventions, never from sizes.
#[test]
fn layouts_decide_the_order_of_axes() {
    let source = model(
        &[("dense/kernel", &[8, 8]), ("conv/kernel", &[3, 3, 8, 8])],
        Convention::Keras,
    );
    let target = torch(&[("dense.weight", &[8, 8]), ("conv.weight", &[8, 8, 3, 3])]);
    let rename = vec![("/kernel$".to_owned(), ".weight".to_owned())];
    let rules = Transfer {
        rename,
        ..Transfer::default()
    };
    let alignment = rules.align(&target, &source, false).unwrap();
    assert_eq!(load(&alignment, 0).permute, [1, 0]);
    assert_eq!(load(&alignment, 1).permute, [3, 2, 0, 1]);
}

/// What Keras and Flax call `query` and `out`, and PyTorch's matrices of the same model.
#[test]
fn an_axis_of_heads_comes_and_goes() {
    let split = [
        ("attention/query/kernel", &[6, 2, 3][..]),
        ("attention/query/bias", &[2, 3]),
        ("attention/out/kernel", &[2, 3, 6]),
    ];
    let flax = model(&split, Convention::Jax);
    let torch = torch(&[
        ("attention.query.weight", &[6, 6]),
        ("attention.query.bias", &[6]),
        ("attention.out.weight", &[6, 6]),
    ]);
    let rules = |pairs: &[(&str, &str)]| Transfer {
        rename: pairs
            .iter()
            .map(|(from, to)| (from.to_string(), to.to_string()))
            .collect(),
        ..Transfer::default()
    };
    let dots = rules(&[("/", "."), ("kernel$", "weight")]);
    let alignment = dots.align(&torch, &flax, false).unwrap();
    for (place, permute) in [(0, vec![1, 0]), (1, vec![]), (2, vec![1, 0])] {
        let load = load(&alignment, place);
        assert_eq!(load.permute, permute, "{place}");
        assert_eq!(load.view, torch.tensors[place].shape);
    }
    // And back.
    let slashes = rules(&[(r"\.", "/"), ("weight$", "kernel")]);
    let alignment = slashes.align(&flax, &torch, false).unwrap();
    assert_eq!(load(&alignment, 0).permute, [2, 0, 1]);
    assert_eq!(load(&alignment, 0).view, [2, 3, 6]);
    assert_eq!(load(&alignment, 1).view, [2, 3]);
    assert_eq!(load(&alignment, 2).permute, [1, 2, 0]);
    for (place, (name, shape)) in split.iter().enumerate() {
        let fill = &alignment.fates[place].given().unwrap().fill;
        let back = made(fill, shape, &counting(&torch));
        let there = made(
            &Fill::Load(load(&dots.align(&torch, &flax, false).unwrap(), place)),
            &torch.tensors[place].shape,
            &|_| (shape.to_vec(), back.clone()),
        );
        let (_, own) = counting(&torch)(&torch.tensors[place].name);
        assert_eq!(there, own, "{name}");
    }
}

#[test]
fn fused_and_split_projections_find_their_parts() {
    let parts = torch(&[
        ("a.q.weight", &[4, 2]),
        ("a.k.weight", &[2, 2]),
        ("a.v.weight", &[2, 2]),
    ]);
    let fused = torch(&[("a.qkv.weight", &[8, 2])]);
    let fuse = Transfer {
        fuse: vec![Fuse {
            target: "(.*)\\.qkv\\.(weight|bias)".into(),
            parts: globs(&["$1.q.$2", "$1.k.$2", "$1.v.$2"]),
            interleaved: None,
        }],
        ..Transfer::default()
    };
    let alignment = fuse.align(&fused, &parts, true).unwrap();
    assert!(alignment.unused.is_empty());
    let whole = made(
        &alignment.fates[0].given().unwrap().fill,
        &[8, 2],
        &counting(&parts),
    );
    assert_eq!(whole[..8], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(whole[8..], [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0]);
    let split = Transfer {
        split: vec![Split {
            source: "(.*)\\.qkv\\.(weight|bias)".into(),
            parts: globs(&["$1.q.$2", "$1.k.$2", "$1.v.$2"]),
            interleaved: None,
        }],
        ..Transfer::default()
    };
    let alignment = split.align(&parts, &fused, true).unwrap();
    let part = |place: usize, shape: &[usize]| {
        made(
            &alignment.fates[place].given().unwrap().fill,
            shape,
            &counting(&fused),
        )
    };
    assert_eq!(part(1, &[2, 2]), [8.0, 9.0, 10.0, 11.0]);
    assert_eq!(part(2, &[2, 2]), [12.0, 13.0, 14.0, 15.0]);
    let short = torch(&[("a.qkv.weight", &[7, 2])]);
    assert!(
        split
            .align(&parts, &short, true)
            .unwrap_err()
            .to_string()
            .contains("do not add up to the 7")
    );
    assert!(
        fuse.align(&short, &parts, true)
            .unwrap_err()
            .to_string()
            .contains("add up to 8")
    );
}

#[test]
fn interleaved_projections_alternate_by_heads() {
    let parts = torch(&[
        ("a.q.weight", &[4, 1]),
        ("a.k.weight", &[4, 1]),
        ("a.v.weight", &[4, 1]),
    ]);
    let fused = torch(&[("a.qkv.weight", &[12, 1])]);
    let names = globs(&["$1.q.$2", "$1.k.$2", "$1.v.$2"]);
    let pattern = "(.*)\\.qkv\\.(weight)".to_owned();
    let fuse = Transfer {
        fuse: vec![Fuse {
            target: pattern.clone(),
            parts: names.clone(),
            interleaved: Some(2),
        }],
        ..Transfer::default()
    };
    let alignment = fuse.align(&fused, &parts, true).unwrap();
    let whole = made(
        &alignment.fates[0].given().unwrap().fill,
        &[12, 1],
        &counting(&parts),
    );
    assert_eq!(
        whole,
        [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0]
    );
    let split = Transfer {
        split: vec![Split {
            source: pattern,
            parts: names,
            interleaved: Some(2),
        }],
        ..Transfer::default()
    };
    let alignment = split.align(&parts, &fused, true).unwrap();
    let keys = made(
        &alignment.fates[1].given().unwrap().fill,
        &[4, 1],
        &counting(&fused),
    );
    assert_eq!(keys, [2.0, 3.0, 8.0, 9.0]);
}

#[test]
fn experts_are_stacked_and_taken_apart() {
    let single = torch(&[
        ("m.experts.0.gate.weight", &[2, 3]),
        ("m.experts.0.up.weight", &[2, 3]),
        ("m.experts.1.gate.weight", &[2, 3]),
        ("m.experts.1.up.weight", &[2, 3]),
    ]);
    let stacked = model(
        &[("m.experts.gate_up_proj", &[2, 4, 3])],
        Convention::Pytorch,
    );
    let names = globs(&["$1.experts.{}.gate.weight", "$1.experts.{}.up.weight"]);
    let pattern = "(.*)\\.experts\\.gate_up_proj".to_owned();
    let fuse = Transfer {
        fuse: vec![Fuse {
            target: pattern.clone(),
            parts: names.clone(),
            interleaved: None,
        }],
        ..Transfer::default()
    };
    let alignment = fuse.align(&stacked, &single, true).unwrap();
    let whole = made(
        &alignment.fates[0].given().unwrap().fill,
        &[2, 4, 3],
        &counting(&single),
    );
    let six: Vec<f64> = (0..6).map(f64::from).collect();
    assert_eq!(whole, six.repeat(4));
    let split = Transfer {
        split: vec![Split {
            source: pattern,
            parts: names,
            interleaved: None,
        }],
        ..Transfer::default()
    };
    let alignment = split.align(&single, &stacked, true).unwrap();
    let up = made(
        &alignment.fates[3].given().unwrap().fill,
        &[2, 3],
        &counting(&stacked),
    );
    assert_eq!(up, [18.0, 19.0, 20.0, 21.0, 22.0, 23.0]);
}

/// Keras and PyTorch order a GRU's gates differently, an LSTM's alike.
#[test]
fn a_grus_gates_are_not_taken_for_the_others() {
    let align = |gates: usize| {
        let target = torch(&[
            ("rnn.weight_ih_l0", &[gates * 4, 3]),
            ("rnn.weight_hh_l0", &[gates * 4, 4]),
        ]);
        let list: [(&str, &[usize]); 2] = [
            ("rnn/kernel", &[3, gates * 4]),
            ("rnn/recurrent_kernel", &[4, gates * 4]),
        ];
        let source = model(&list, Convention::Keras);
        let rename = [
            ("^rnn/kernel$", "rnn.weight_ih_l0"),
            ("^rnn/recurrent_kernel$", "rnn.weight_hh_l0"),
        ];
        let rules = Transfer {
            rename: rename.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec(),
            ..Transfer::default()
        };
        rules.align(&target, &source, false)
    };
    let said = align(3).unwrap_err().to_string();
    assert!(said.contains("orders GRU gates differently"), "{said}");
    align(4).unwrap();
}

#[test]
fn loads_that_cannot_be_are_told() {
    let load = Load {
        permute: vec![1, 0],
        axes: vec![
            Along::Runs(vec![Run::new(0, 0, 2), Run::new(5, 3, 2)]),
            Along::Runs(vec![Run::new(1, 0, 3)]),
        ],
        ..Load::whole(0, "x")
    };
    assert!(load.problem(&[5, 3]).unwrap().contains("nowhere"));
    assert!(load.fits(&[4, 7], &[5, 3]) && !load.fits(&[4, 6], &[5, 3]));
    let beyond = Load {
        axes: vec![
            Along::Runs(vec![Run::new(0, usize::MAX, 2)]),
            Along::Runs(vec![Run::new(0, 0, 3)]),
        ],
        ..load.clone()
    };
    assert!(beyond.problem(&[5, 3]).is_some());
    let alike = Load {
        alike: Some(1.0),
        ..load
    };
    assert!(alike.problem(&[5, 3]).unwrap().contains("first axis"));
}
