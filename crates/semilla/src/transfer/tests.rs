use super::*;
use crate::model::{Convention, Model};
use crate::{DType, Slice};

fn model(tensors: &[(&str, &[usize])], convention: Convention) -> Model {
    let tensor = |(name, shape): &(&str, &[usize])| (name.to_string(), shape.to_vec(), DType::F32);
    Model::infer(tensors.iter().map(tensor).collect(), convention)
}

fn torch(tensors: &[(&str, &[usize])]) -> Model {
    model(tensors, Convention::Pytorch)
}

fn globs(list: &[&str]) -> Vec<String> {
    list.iter().map(|glob| glob.to_string()).collect()
}

const TRUNK: [(&str, &[usize]); 3] = [
    ("layers.0.fc.weight", &[8, 8]),
    ("layers.0.fc.bias", &[8]),
    ("layers.1.fc.weight", &[8, 8]),
];

fn prefixed(prefix: &str) -> Vec<(String, Vec<usize>)> {
    TRUNK
        .iter()
        .map(|(name, shape)| (format!("{prefix}{name}"), shape.to_vec()))
        .collect()
}

fn owned(tensors: &[(String, Vec<usize>)]) -> Model {
    let list = tensors
        .iter()
        .map(|(name, shape)| (name.clone(), shape.clone(), DType::F32));
    Model::infer(list.collect(), Convention::Pytorch)
}

#[test]
fn wrappers_are_found_and_told() {
    let target = torch(&TRUNK);
    for (strip, add) in [
        ("module.", ""),
        ("state_dict.module.", ""),
        ("", "bert."),
        ("model.", "encoder.trunk."),
    ] {
        let source = owned(&prefixed(strip));
        let target = if add.is_empty() {
            target.clone()
        } else {
            owned(&prefixed(add))
        };
        let alignment = Transfer::default().align(&target, &source, true).unwrap();
        assert_eq!((&*alignment.stripped, &*alignment.added), (strip, add));
        assert!(alignment.found && alignment.unused.is_empty());
        assert!(alignment.loads.iter().all(Option::is_some));
    }
}

#[test]
fn equally_good_wrappers_are_an_error() {
    let mut tensors = prefixed("state_dict.");
    tensors.extend(prefixed("state_dict_ema."));
    let source = owned(&tensors);
    let error = Transfer::default()
        .align(&torch(&TRUNK), &source, true)
        .unwrap_err();
    assert!(matches!(error, TransferError::Ambiguous(..)), "{error}");
    let rules = Transfer {
        strip: Some("state_dict_ema.".into()),
        ..Transfer::default()
    };
    let alignment = rules.align(&torch(&TRUNK), &source, true).unwrap();
    assert_eq!(
        alignment.loads[0].as_ref().unwrap().tensor,
        "state_dict_ema.layers.0.fc.weight"
    );
    assert_eq!(alignment.unused.len(), 3);
}

/// A layer of one model is not taken for a layer of another because both have a weight and a bias.
#[test]
fn unrelated_models_do_not_match() {
    let source = torch(&[
        ("conv1.weight", &[4, 4]),
        ("conv1.bias", &[4]),
        ("out.weight", &[4, 4]),
        ("out.bias", &[4]),
    ]);
    let target = torch(&[
        ("a.0.weight", &[4, 4]),
        ("a.0.bias", &[4]),
        ("a.1.weight", &[4, 4]),
        ("a.1.bias", &[4]),
    ]);
    let error = Transfer::default()
        .align(&target, &source, true)
        .unwrap_err();
    assert!(matches!(error, TransferError::NoMatch { .. }), "{error}");
}

#[test]
fn a_missing_target_is_an_error_unless_it_may_miss() {
    let target = torch(&[TRUNK[0], TRUNK[1], TRUNK[2], ("head.weight", &[10, 8])]);
    let source = torch(&TRUNK);
    let error = Transfer::default()
        .align(&target, &source, true)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("head.weight: not in the checkpoint"),
        "{error}"
    );
    let rules = Transfer {
        may_miss: globs(&["head.*"]),
        ..Transfer::default()
    };
    assert!(rules.align(&target, &source, true).unwrap().loads[3].is_none());
    let rules = Transfer {
        must_load: globs(&["layers.*"]),
        min_coverage: Some(0.9),
        ..Transfer::default()
    };
    let error = rules.align(&target, &source, true).unwrap_err();
    assert!(matches!(error, TransferError::Coverage { .. }), "{error}");
}

#[test]
fn rules_that_match_nothing_are_errors() {
    let both = torch(&TRUNK);
    for rules in [
        Transfer {
            may_miss: globs(&["haed.*"]),
            ..Transfer::default()
        },
        Transfer {
            exclude: globs(&["optimizer.*"]),
            ..Transfer::default()
        },
        Transfer {
            rename: vec![("^gamma".into(), "weight".into())],
            ..Transfer::default()
        },
    ] {
        let error = rules.align(&both, &both, true).unwrap_err();
        assert!(matches!(error, TransferError::Unfired { .. }), "{error}");
    }
    let rules = Transfer {
        rename: vec![("(".into(), "".into())],
        ..Transfer::default()
    };
    assert!(matches!(
        rules.align(&both, &both, true),
        Err(TransferError::Pattern { .. })
    ));
}

#[test]
fn two_sources_for_one_target_are_an_error() {
    let source = torch(&[("a.weight", &[4]), ("b.weight", &[4])]);
    let target = torch(&[("c.weight", &[4])]);
    let rules = Transfer {
        rename: vec![("^[ab]\\.".into(), "c.".into())],
        ..Transfer::default()
    };
    let error = rules.align(&target, &source, true).unwrap_err();
    assert!(matches!(error, TransferError::Collision { .. }), "{error}");
}

#[test]
fn no_match_is_an_error_and_shapes_suggest_names() {
    let source = torch(&[
        ("enc.0.w", &[8, 4]),
        ("enc.1.w", &[8, 8]),
        ("out.w", &[3, 8]),
    ]);
    let target = torch(&[
        ("layers.0.weight", &[8, 4]),
        ("layers.1.weight", &[8, 8]),
        ("head.weight", &[3, 8]),
    ]);
    let error = Transfer::default()
        .align(&target, &source, true)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("enc.*.w -> layers.*.weight") && error.contains("out.w -> head.weight"),
        "{error}"
    );
}

#[test]
fn shapes_that_differ_are_an_error_or_overlap() {
    let source = torch(&[("embed.weight", &[10, 4]), ("fc.weight", &[4, 4])]);
    let target = torch(&[("embed.weight", &[13, 4]), ("fc.weight", &[4, 4])]);
    let error = Transfer::default()
        .align(&target, &source, true)
        .unwrap_err()
        .to_string();
    assert!(error.contains("has shape [13, 4]"), "{error}");
    let rules = Transfer {
        overlap: globs(&["embed.*"]),
        ..Transfer::default()
    };
    let load = rules.align(&target, &source, true).unwrap().loads[0]
        .clone()
        .unwrap();
    assert_eq!(load.elements(&[13, 4]), 40);
    assert!(
        !load.covers(&[13, 4]) && load.fits(&[10, 4], &[13, 4]) && !load.fits(&[9, 4], &[13, 4])
    );
}

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
    let loads = rules.align(&target, &source, false).unwrap().loads;
    assert_eq!(loads[0].as_ref().unwrap().permute, [1, 0]);
    assert_eq!(loads[1].as_ref().unwrap().permute, [3, 2, 0, 1]);
}

#[test]
fn boxes_cover_what_is_taken() {
    let run = |from, to, len| Run { from, to, len };
    let load = Load {
        permute: vec![1, 0],
        axes: vec![vec![run(0, 0, 2), run(5, 3, 2)], vec![run(1, 0, 3)]],
        ..Load::whole(0, "x")
    };
    let boxes = load.boxes(&Slice::new([1, 0], [3, 2]));
    let expected = [
        (Slice::new([1, 0], [1, 2]), Slice::new([1, 1], [2, 1])),
        (Slice::new([3, 0], [1, 2]), Slice::new([1, 5], [2, 1])),
    ];
    assert_eq!(boxes, expected);
    assert!(load.problem(&[5, 3]).unwrap().contains("nowhere"));
    let twice = Load {
        axes: vec![vec![run(0, 0, 2), run(0, 1, 2)], vec![run(0, 0, 3)]],
        ..load.clone()
    };
    assert!(twice.problem(&[5, 3]).unwrap().contains("order"));
    let beyond = Load {
        axes: vec![vec![run(0, usize::MAX, 2)], vec![run(0, 0, 3)]],
        ..load
    };
    assert!(beyond.problem(&[5, 3]).is_some());
}
