use crate::transfer::fixtures::{globs, load, owned, torch};
use crate::transfer::*;

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
        assert!(alignment.fates.iter().all(|fate| fate.given().is_some()));
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
        load(&alignment, 0).tensor,
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
    assert!(
        rules.align(&target, &source, true).unwrap().fates[3]
            .given()
            .is_none()
    );
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
        error.contains(r"--rename '^enc\.(\d+)\.w$=layers.${1}.weight'  (2 tensors, by sizes")
            && error.contains(r"--rename '^out\.w$=head.weight'"),
        "{error}"
    );
}

mod no_tensor_is_without_a_fate {
    use proptest::prelude::*;

    use super::*;
    use crate::fill::Fill;

    const NAMES: [&str; 6] = [
        "a.0.weight",
        "a.1.weight",
        "a.2.weight",
        "b.0.weight",
        "b.1.weight",
        "c.weight",
    ];

    /// A list of some of the names, each 4 or 6 wide.
    fn list() -> impl Strategy<Value = Vec<(String, Vec<usize>)>> {
        let sizes =
            proptest::collection::vec(prop_oneof![Just(0usize), Just(4), Just(6)], NAMES.len());
        sizes.prop_map(|sizes| {
            let named = NAMES.iter().zip(sizes).filter(|(_, size)| *size > 0);
            named
                .map(|(name, size)| (name.to_string(), vec![size, 4]))
                .collect()
        })
    }

    fn some_globs() -> impl Strategy<Value = Vec<String>> {
        let glob = prop_oneof![
            Just("a.*"),
            Just("b.*"),
            Just("*.0.weight"),
            Just("c.weight")
        ];
        proptest::collection::vec(glob.prop_map(str::to_owned), 0..2)
    }

    proptest! {
        #[test]
        fn whatever_the_rules(
            target in list(), source in list(), exclude in some_globs(), into in some_globs(),
            op in prop_oneof![Just(None), Just(Some("overlap")), Just(Some("grow"))], is_shorter in any::<bool>(),
        ) {
            let (target, source) = (owned(&target), owned(&source));
            let depth = is_shorter.then(|| Depth {
                layers: "a".into(),
                map: LayerMap::Rule(LayerRule::Uniform),
                new: NewLayers::Copy,
            });
            let adapt = op.map(|op| Adapt { glob: "*".into(), op: op.parse().unwrap() });
            let may_miss = vec!["*".to_owned()];
            let (adapt, strip) = (adapt.into_iter().collect(), Some(String::new()));
            let rules = Transfer { exclude, into, depth, adapt, may_miss, strip, ..Transfer::default() };
            // Rules that match nothing, or no match at all, are errors, which other tests are
            // about.
            let alignment = rules.align(&target, &source, true);
            prop_assume!(alignment.is_ok());
            let alignment = alignment.unwrap();
            prop_assert_eq!(alignment.fates.len(), target.tensors.len());
            let mut used = std::collections::BTreeSet::new();
            for (fate, tensor) in alignment.fates.iter().zip(&target.tensors) {
                match fate {
                    Fate::Given(given) => {
                        prop_assert!(given.elements(&tensor.shape) > 0);
                        let is_plain = matches!(&given.fill, Fill::Load(load) if load.is_plain());
                        prop_assert_eq!(given.by.is_empty(), is_plain);
                        used.extend(given.tensors(&tensor.shape));
                    }
                    Fate::Excluded { rule } => {
                        let known = ["exclude", "into", "may_miss"].iter().any(|kind| rule.starts_with(kind));
                        prop_assert!(known, "{}", rule);
                    }
                    Fate::New => {}
                }
            }
            let unused = alignment.unused.iter().map(|(name, _)| name.clone());
            let mut all: Vec<String> = used.into_iter().chain(unused).collect();
            all.sort();
            let mut expected: Vec<String> = source.tensors.iter().map(|t| t.name.clone()).collect();
            expected.sort();
            prop_assert_eq!(all, expected);
        }
    }
}

fn typed(tensors: &[(&str, &[usize], crate::DType)]) -> crate::Model {
    let list = tensors.iter();
    let list = list.map(|(name, shape, dtype)| (name.to_string(), shape.to_vec(), *dtype));
    crate::Model::infer(list, crate::model::Convention::Pytorch)
}

#[test]
fn a_weight_in_parts_goes_to_whom_it_fits() {
    use crate::DType::{BF16, F8E4M3, F32};
    // As a reader lists it: the parts, and the weight that they make.
    let source = typed(&[
        ("q.weight (as stored)", &[4, 4], F8E4M3),
        ("q.weight_scale", &[1], F32),
        ("q.weight", &[4, 4], BF16),
    ]);
    let rules = Transfer::default();
    let plain = typed(&[("q.weight", &[4, 4], F32)]);
    let alignment = rules.align(&plain, &source, true).unwrap();
    assert_eq!(load(&alignment, 0).tensor, "q.weight");
    let part = |name: &str| {
        (
            name.to_owned(),
            Unused::Part {
                of: "q.weight".into(),
            },
        )
    };
    let parts = ["q.weight (as stored)", "q.weight_scale"].map(part);
    assert_eq!(alignment.unused, parts);

    let alike = typed(&[("q.weight", &[4, 4], F8E4M3), ("q.weight_scale", &[1], F32)]);
    let alignment = rules.align(&alike, &source, true).unwrap();
    assert_eq!(load(&alignment, 0).tensor, "q.weight (as stored)");
    assert_eq!(load(&alignment, 1).tensor, "q.weight_scale");
    assert_eq!(alignment.unused, [("q.weight".to_owned(), Unused::InParts)]);

    // A whole weight is not put where codes belong.
    let error = rules.align(&alike, &plain, true).unwrap_err();
    assert!(
        error.to_string().contains("the model stores it in parts"),
        "{error}"
    );
    // Without the weight, a part is refused by name.
    let parts = typed(&[("q.weight", &[4, 4], F8E4M3), ("q.weight_scale", &[1], F32)]);
    let error = rules.align(&plain, &parts, true).unwrap_err();
    assert!(error.to_string().contains("without its scale"), "{error}");
}

#[test]
fn direction_and_length_come_from_a_whole_weight() {
    let source = torch(&[("net.fc.weight", &[4, 3])]);
    let target = torch(&[("fc.weight_g", &[4, 1]), ("fc.weight_v", &[4, 3])]);
    let alignment = Transfer::default().align(&target, &source, true).unwrap();
    assert_eq!(
        load(&alignment, 0).tensor,
        "net.fc.weight (norms along axis 0)"
    );
    assert_eq!(load(&alignment, 1).tensor, "net.fc.weight");
    assert!(alignment.unused.is_empty());
}
