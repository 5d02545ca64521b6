use super::*;
use crate::DType;
use crate::fill::Fill;
use crate::model::{Convention, Model};

fn model(tensors: &[(&str, &[usize])], convention: Convention) -> Model {
    let tensor = |(name, shape): &(&str, &[usize])| (name.to_string(), shape.to_vec(), DType::F32);
    Model::infer(tensors.iter().map(tensor), convention)
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
    Model::infer(list, Convention::Pytorch)
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
        adapt: vec![adapt("embed.*", "overlap")],
        ..Transfer::default()
    };
    let load = load(&rules.align(&target, &source, true).unwrap(), 0);
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
    let alignment = rules.align(&target, &source, false).unwrap();
    assert_eq!(load(&alignment, 0).permute, [1, 0]);
    assert_eq!(load(&alignment, 1).permute, [3, 2, 0, 1]);
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

fn adapt(glob: &str, op: &str) -> Adapt {
    let glob = glob.to_owned();
    let op = op.parse().unwrap();
    Adapt { glob, op }
}

fn load(alignment: &Alignment, place: usize) -> Load {
    match &alignment.fates[place].given().unwrap().fill {
        Fill::Load(load) => load.clone(),
        fill => panic!("{fill:?}"),
    }
}

/// A shape, and its elements.
type Dense = (Vec<usize>, Vec<f64>);

/// What a fill makes of sources whose elements are given by name: the plain meaning of a load, element by element.
fn made(fill: &Fill, shape: &[usize], sources: &dyn Fn(&str) -> Dense) -> Vec<f64> {
    let mut out = vec![f64::NAN; shape.iter().product()];
    if let Fill::Constant { value } = fill {
        out.fill(*value);
    }
    for (area, load) in fill.loads(shape) {
        assert_eq!(load.problem(area.size()), None);
        let (source_shape, values) = sources(&load.tensor);
        assert!(load.fits(&source_shape, area.size()));
        let seen = load.seen(&source_shape);
        let terms: Vec<Terms> = (0..shape.len())
            .map(|axis| load.terms(axis, 0..area.size()[axis]))
            .collect();
        for element in 0..area.len() as usize {
            let index = unravel(element, area.size());
            let mut sum = 0.0;
            let mut reached = true;
            let mut choice: Vec<(Vec<usize>, f64)> = vec![(vec![0; shape.len()], 1.0)];
            for axis in 0..shape.len() {
                reached &= !terms[axis].of(index[axis]).is_empty();
                choice = choice
                    .iter()
                    .flat_map(|(place, weight)| {
                        terms[axis]
                            .of(index[axis])
                            .iter()
                            .map(move |(from, factor)| {
                                let mut place = place.clone();
                                place[load.source_axis(axis)] = *from;
                                (place, weight * factor)
                            })
                    })
                    .collect();
            }
            for (place, weight) in choice {
                sum += weight * values[ravel(&place, seen)];
            }
            let target: Vec<usize> = index
                .iter()
                .zip(area.offset())
                .map(|(i, o)| i + o)
                .collect();
            if reached {
                out[ravel(&target, shape)] = sum;
            }
        }
    }
    out
}

fn unravel(mut element: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = element % shape[axis];
        element /= shape[axis];
    }
    index
}

fn ravel(index: &[usize], shape: &[usize]) -> usize {
    index
        .iter()
        .zip(shape)
        .fold(0, |at, (i, size)| at * size + i)
}

/// Element i of a tensor is i.
fn counting(model: &Model) -> impl Fn(&str) -> Dense {
    let tensors = model.tensors.clone();
    move |name| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        let count = tensor.shape.iter().product::<usize>();
        (tensor.shape.clone(), (0..count).map(|i| i as f64).collect())
    }
}

/// A model of one tensor out of another's, by one operation.
fn one(from: (&str, &[usize]), to: (&str, &[usize]), op: &str) -> Result<Vec<f64>, String> {
    let (source, target) = (torch(&[from]), torch(&[to]));
    let rules = Transfer {
        adapt: vec![adapt(to.0, op)],
        ..Transfer::default()
    };
    let alignment = rules
        .align(&target, &source, true)
        .map_err(|error| error.to_string())?;
    let given = alignment.fates[0].given().ok_or("nothing")?;
    Ok(made(&given.fill, to.1, &counting(&source)))
}

#[test]
fn operations_are_read_from_text() {
    assert_eq!("overlap".parse(), Ok(Op::Overlap));
    assert_eq!(
        "channels:preserve".parse(),
        Ok(Op::Channels(Channels::Preserve))
    );
    assert_eq!(
        "patch".parse(),
        Ok(Op::Patch {
            filter: Filter::Bicubic
        })
    );
    let positions: Op = "positions:prefix=1,grid=[16, 12],filter=bilinear"
        .parse()
        .unwrap();
    let expected = Op::Positions {
        prefix: Some(1),
        from: None,
        grid: Some(vec![16, 12]),
        filter: Filter::Bilinear,
    };
    assert_eq!(positions, expected);
    let grow: Op = "grow:heads=[6,12],next=true".parse().unwrap();
    assert!(matches!(
        grow,
        Op::Grow(Grow {
            next: true,
            structure: Structure {
                heads: Some([6, 12]),
                ..
            },
            ..
        })
    ));
    for bad in [
        "",
        "chanels:sum",
        "channels",
        "positions:grid=",
        "grow:heads=6\nx=1",
        "patch:size=3",
    ] {
        assert!(bad.parse::<Op>().is_err(), "{bad}");
    }
    let rules: Transfer = toml::from_str(
        "adapt = [{ match = 'a.*', op = 'channels:sum' }, { match = 'b', op = { rows = { new = 'mean', map = [3, [1, 2], -1] } } }]",
    )
    .unwrap();
    let text = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<Transfer>(&text).unwrap(), rules);
}

/// Element [o, i, k] of the source is 6 o + 2 i + k.
#[test]
fn channels_do_what_they_say() {
    let conv = |to: usize, op: &str| {
        let shape = [1, to, 2];
        one(("conv.weight", &[1, 3, 2]), ("conv.weight", &shape), op)
    };
    assert_eq!(conv(1, "channels:sum").unwrap(), [6.0, 9.0]);
    assert_eq!(conv(1, "channels:timm").unwrap(), [6.0, 9.0]);
    assert_eq!(conv(1, "channels:mean").unwrap(), [2.0, 3.0]);
    assert_eq!(
        conv(4, "channels:zero").unwrap(),
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]
    );
    assert_eq!(
        conv(4, "channels:preserve").unwrap(),
        [0.0, 0.5, 2.0, 3.0, 4.0, 5.0, 0.0, 0.5]
    );
    let timm: Vec<f64> = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 1.0]
        .iter()
        .map(|x| x * 0.75)
        .collect();
    assert_eq!(conv(4, "channels:timm").unwrap(), timm);
    assert_eq!(conv(2, "channels:preserve").unwrap(), [2.0, 4.0, 4.0, 5.0]);
    assert!(
        conv(2, "channels:sum")
            .unwrap_err()
            .contains("cannot each be the sum")
    );
    assert!(conv(2, "channels:zero").is_err());
    for to in 1..9 {
        let gray: f64 = conv(to, "channels:preserve")
            .unwrap()
            .iter()
            .step_by(2)
            .sum();
        assert!((gray - 6.0).abs() < 1e-12, "{to} channels");
    }
}

#[test]
fn kernels_inflate_and_deflate() {
    let [flat, deep]: [(&str, &[usize]); 2] = [
        ("conv.weight", &[1, 2, 2, 1]),
        ("conv.weight", &[1, 2, 3, 2, 1]),
    ];
    let mean = one(flat, deep, "inflate:mean").unwrap();
    let expected = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0].map(|x| x / 3.0);
    assert!(
        mean.iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-15)
    );
    let center = one(flat, deep, "inflate:center").unwrap();
    assert_eq!(
        center,
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0]
    );
    let sum = one(deep, flat, "deflate").unwrap();
    assert_eq!(sum, [6.0, 9.0, 24.0, 27.0]);
}

#[test]
fn rows_follow_their_map() {
    let table: (&str, &[usize]) = ("embed.weight", &[4, 2]);
    let rows = one(
        table,
        ("embed.weight", &[3, 2]),
        "rows:map=[3, [0, 1], -1], new=zero",
    )
    .unwrap();
    assert_eq!(rows, [6.0, 7.0, 1.0, 2.0, 0.0, 0.0]);
    let shifted = one(table, ("embed.weight", &[3, 2]), "rows:offset=1").unwrap();
    assert_eq!(shifted, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    // The same size: the map is followed all the same.
    let turned = one(table, table, "rows:map=[3,2,1,0]").unwrap();
    assert_eq!(turned, [6.0, 7.0, 4.0, 5.0, 2.0, 3.0, 0.0, 1.0]);
    assert!(
        one(table, table, "rows:map=[4,0,0,0]")
            .unwrap_err()
            .contains("row 4 of 4")
    );
    assert!(
        one(table, table, "rows:map=[1,0]")
            .unwrap_err()
            .contains("2 rows")
    );
    let (source, target) = (torch(&[table]), torch(&[("embed.weight", &[6, 2])]));
    let rules = Transfer {
        adapt: vec![adapt("embed.*", "rows:new=covariance")],
        ..Transfer::default()
    };
    let load = load(&rules.align(&target, &source, true).unwrap(), 0);
    assert_eq!(load.alike, Some(1.0));
    assert!(load.covers(&[6, 2]) && load.rest.is_none());
}

#[test]
fn rotary_orders_are_inverse_to_each_other() {
    let weight: (&str, &[usize]) = ("q_proj.weight", &[8, 1]);
    let halves = one(weight, weight, "rotary:heads=2,to=halves").unwrap();
    assert_eq!(halves, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    let pairs = one(weight, weight, "rotary:heads=2,to=pairs").unwrap();
    assert_eq!(pairs, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    assert!(one(weight, weight, "rotary:heads=3,to=halves").is_err());
}

#[test]
fn positions_need_one_way_to_be_grids() {
    let table = |rows: usize| [rows, 1];
    let resized = |from: usize, to: usize, op: &str| {
        one(("pos_embed", &table(from)), ("pos_embed", &table(to)), op)
    };
    let grown = resized(5, 10, "positions").unwrap();
    assert_eq!((grown.len(), grown[0]), (10, 0.0));
    assert!(
        resized(5, 11, "positions")
            .unwrap_err()
            .contains("no grids")
    );
    assert!(resized(7, 13, "positions:prefix=1,from=[2,3],grid=[3,4]").is_ok());
    assert!(resized(7, 13, "positions:prefix=1,from=[2,3],grid=[3,5]").is_err());
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
            .contains("do not make up the 7")
    );
    assert!(
        fuse.align(&short, &parts, true)
            .unwrap_err()
            .to_string()
            .contains("make up 8")
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

#[test]
fn layers_come_from_others() {
    let layer = |n: usize| format!("encoder.layer.{n}.mlp.fc2.weight");
    let list = |count: usize| {
        let names: Vec<(String, Vec<usize>)> = (0..count).map(|n| (layer(n), vec![2, 2])).collect();
        owned(&names)
    };
    let sources = |from: usize, to: usize, depth: Depth| -> Vec<String> {
        let rules = Transfer {
            depth: Some(depth),
            ..Transfer::default()
        };
        let alignment = rules.align(&list(to), &list(from), true).unwrap();
        let unused = alignment.unused.iter();
        assert!(
            unused.clone().all(|(_, why)| *why == Unused::OtherLayer),
            "{unused:?}"
        );
        alignment
            .fates
            .iter()
            .map(|fate| match fate.given().unwrap().tensors(&[2, 2]).pop() {
                Some(name) => name.chars().filter(char::is_ascii_digit).take(1).collect(),
                None => "zero".to_owned(),
            })
            .collect()
    };
    let depth = |map: LayerMap, new: NewLayers| Depth {
        layers: "encoder.layer".into(),
        map,
        new,
    };
    let rule = |rule: LayerRule| depth(LayerMap::Rule(rule), NewLayers::Copy);
    assert_eq!(sources(6, 3, rule(LayerRule::Uniform)), ["0", "2", "4"]);
    assert_eq!(sources(6, 3, rule(LayerRule::First)), ["0", "1", "2"]);
    assert_eq!(sources(2, 4, rule(LayerRule::Stack)), ["0", "1", "0", "1"]);
    assert_eq!(
        sources(2, 4, rule(LayerRule::Interlace)),
        ["0", "0", "1", "1"]
    );
    assert_eq!(
        sources(3, 2, depth(LayerMap::List(vec![2, 0]), NewLayers::Copy)),
        ["2", "0"]
    );
    assert_eq!(
        sources(
            2,
            4,
            depth(LayerMap::Rule(LayerRule::Interlace), NewLayers::Zero)
        ),
        ["0", "zero", "1", "zero"]
    );
    let rules = Transfer {
        depth: Some(depth(LayerMap::List(vec![9]), NewLayers::Copy)),
        ..Transfer::default()
    };
    let error = rules.align(&list(1), &list(2), true).unwrap_err();
    assert!(matches!(error, TransferError::Depth { .. }), "{error}");
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
            // Rules that match nothing, or no match at all, are errors, which other tests are about.
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
        assert!(said("grow:heads=[4,8],kv_heads=[2,2]").contains("other queries share a key"));
        assert!(!said("grow:heads=[4,8],kv_heads=[2,4]").contains("changes"));
    }
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
    assert!(said.contains("gates lie in another order"), "{said}");
    align(4).unwrap();
}
