//! Loads that move and combine elements: what the plain meaning of a load says, for any rank.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use semilla::transfer::{Alignment, Along, Fate, Filter, Given, Resize, Run};
use semilla::{DType, Fill, Load, Model, Plan, PlanSource, Recipe, Section, Supply, Tensor};
use semilla_checkpoint::{
    Checkpoint, CheckpointWriter, Metadata, SafetensorsWriter, Share, Sources, TensorInfo, Tensors,
    materialize, open, tensors_of,
};

/// A checkpoint of one tensor whose element i is `value(i)`.
fn source(folder: &Path, shape: &[usize], value: impl Fn(usize) -> f32) -> Box<dyn Checkpoint> {
    let path = folder.join("source.safetensors");
    let info = TensorInfo::new("x", DType::F32, shape).unwrap();
    let writer = SafetensorsWriter::create(
        &path,
        Tensors::new(vec![info]).unwrap(),
        Metadata::new(),
        None,
    )
    .unwrap();
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    writer.write(0, 0, bytemuck::cast_slice(&values)).unwrap();
    Box::new(writer).finish().unwrap();
    open(&path).unwrap()
}

/// A checkpoint that gives the only tensor this fill.
fn alignment(fill: Fill) -> Alignment {
    let given = Given {
        fill,
        by: vec!["overlap".into()],
        note: String::new(),
    };
    Alignment {
        fates: vec![Fate::Given(given)],
        unused: Vec::new(),
        stripped: String::new(),
        added: String::new(),
        found: false,
    }
}

fn source_of_plan() -> PlanSource {
    PlanSource {
        decoded: false,
        path: String::new(),
        sha256: None,
        prefixes: semilla::transfer::Prefixes::default(),
        remarks: Vec::new(),
        tensors: 1,
        unused: Vec::new(),
    }
}

fn plan(shape: &[usize], dtype: DType, fill: Fill) -> Plan {
    let model = Model {
        tensors: vec![Tensor::new("y", shape, dtype)],
        ..Model::default()
    };
    let mut supply = Supply::default();
    supply.add(&model, alignment(fill), source_of_plan());
    let recipe = "name = \"test\"\nunmatched = { constant = { value = -1 } }";
    let recipe = Recipe::from_toml(recipe).unwrap();
    let plan = recipe.plan_with(&model, supply, &[], 1).unwrap();
    plan.check().unwrap();
    plan
}

/// The elements of the tensor, the ranks' parts one after the other.
fn made(folder: &Path, plan: &Plan, source: &[Box<dyn Checkpoint>], world: usize) -> Vec<f32> {
    let mut all = Vec::new();
    for rank in 0..world {
        let share: Share = format!("{rank}/{world}").parse().unwrap();
        let tensors = tensors_of(plan, share).unwrap();
        if tensors.is_empty() {
            continue;
        }
        let path = folder.join("out.safetensors");
        let writer = SafetensorsWriter::create(&path, tensors, Metadata::new(), None).unwrap();
        let sources = Sources {
            own: None,
            pretrained: source,
        };
        materialize(
            plan,
            share,
            sources,
            &writer,
            &|_| (),
            &AtomicBool::new(false),
        )
        .unwrap();
        Box::new(writer).finish().unwrap();
        let file = open(&path).unwrap();
        let mut bytes = vec![0; file.tensors()[0].bytes() as usize];
        file.read(0, 0, &mut bytes).unwrap();
        all.extend(
            bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap())),
        );
    }
    all
}

fn ravel(index: &[usize], shape: &[usize]) -> usize {
    index
        .iter()
        .zip(shape)
        .fold(0, |at, (i, size)| at * size + i)
}

fn unravel(mut element: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = element % shape[axis];
        element /= shape[axis];
    }
    index
}

/// Element by element, as [`Load`] documents it; -1 where nothing is reached.
fn plainly(
    load: &Load,
    source: &[usize],
    target: &[usize],
    value: impl Fn(usize) -> f32,
) -> Vec<f32> {
    let terms = |axis: usize, at: usize| load.terms(axis, at..at + 1).of(0).to_vec();
    let element = |element: usize| {
        let index = unravel(element, target);
        let mut sums = vec![(vec![0; target.len()], 1.0)];
        for (axis, &at) in index.iter().enumerate() {
            let next = sums.iter().flat_map(|(place, weight): &(Vec<usize>, f64)| {
                terms(axis, at).into_iter().map(move |(from, factor)| {
                    let mut place = place.clone();
                    place[load.source_axis(axis)] = from;
                    (place, weight * factor)
                })
            });
            sums = next.collect();
        }
        let sum =
            |(place, weight): &(Vec<usize>, f64)| weight * f64::from(value(ravel(place, source)));
        match sums.is_empty() {
            true => -1.0,
            false => sums.iter().map(sum).sum::<f64>() as f32,
        }
    };
    (0..target.iter().product()).map(element).collect()
}

/// Source and target sizes of an axis, and what makes one of the other.
fn axis() -> impl Strategy<Value = (usize, usize, Along)> {
    let run = (
        0usize..6,
        0usize..6,
        1usize..4,
        prop_oneof![Just(1.0), Just(0.5), Just(-2.0)],
    );
    let runs = prop::collection::vec(run, 1..4).prop_map(|runs| {
        let runs: Vec<Run> = runs
            .into_iter()
            .map(|(from, to, len, scale)| Run {
                scale,
                ..Run::new(from, to, len)
            })
            .collect();
        (9, 9, Along::Runs(runs))
    });
    let picks = (1usize..8).prop_map(|step| {
        let runs = (0..9).map(|to| Run::new(to * step % 9, to, 1)).collect();
        (9, 9, Along::Runs(runs))
    });
    let resized = (1usize..5, 1usize..7).prop_map(|(from, to)| {
        let resize = Resize {
            before: 1,
            from: vec![from],
            to: vec![to],
            after: 0,
            filter: Filter::Bicubic,
            inverse: false,
        };
        (from + 1, to + 1, Along::Resized(resize))
    });
    let whole = (1usize..5).prop_map(|size| (size, size, Along::Runs(vec![Run::new(0, 0, size)])));
    prop_oneof![runs, picks, resized, whole]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn loads_do_what_they_say_on_any_number_of_ranks(
        axes in prop::collection::vec(axis(), 1..4),
        turn in 0usize..6,
        world in 1usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let target: Vec<usize> = axes.iter().map(|(_, to, _)| *to).collect();
        // One of the orders of the axes.
        let mut permute: Vec<usize> = (0..axes.len()).collect();
        permute.rotate_left(turn % axes.len());
        if turn >= 3 {
            permute.reverse();
        }
        let mut shape = vec![0; axes.len()];
        for (axis, (from, ..)) in axes.iter().enumerate() {
            shape[permute[axis]] = *from;
        }
        let load = Load {
            permute,
            axes: axes.into_iter().map(|(.., along)| along).collect(),
            ..Load::whole(0, "x")
        };
        let value = |i: usize| (i * 37 % 101) as f32 - 40.0;
        let files = [source(folder.path(), &shape, value)];
        let plan = plan(&target, DType::F32, Fill::Load(load.clone()));
        let found = made(folder.path(), &plan, &files, world);
        let expected = plainly(&load, &shape, &target, value);
        for (found, expected) in found.iter().zip(&expected) {
            let close = (found - expected).abs() <= 1e-4 * expected.abs().max(1.0);
            prop_assert!(close, "{found} {expected}");
        }
        prop_assert_eq!(&found, &made(folder.path(), &plan, &files, 1));
    }
}

/// Blocks of loads, one transposed, around one that is drawn.
#[test]
fn sections_come_from_wherever_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let files = [source(folder.path(), &[2, 3], |i| i as f32)];
    let turned = Load {
        view: vec![3, 2],
        permute: vec![1, 0],
        ..Load::whole(0, "x")
    };
    let fill = |fill: Fill, size: usize| Section { size, fill };
    let blocks = Fill::Blocks {
        axis: 0,
        turns: 1,
        sections: vec![
            fill(Fill::Load(Load::whole(0, "x")), 2),
            fill(Fill::Constant { value: 9.0 }, 1),
            fill(Fill::Load(turned), 2),
        ],
    };
    let plan = plan(&[5, 3], DType::F32, blocks);
    let expected = [
        0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 9.0, 9.0, 0.0, 2.0, 4.0, 1.0, 3.0, 5.0,
    ];
    for world in 1..6 {
        assert_eq!(
            made(folder.path(), &plan, &files, world),
            expected,
            "{world} ranks"
        );
    }
}

/// New rows are functions of their index: the same on any number of ranks, and near the rows' mean.
#[test]
fn rows_like_the_others_do_not_depend_on_the_rank() {
    let folder = tempfile::tempdir().unwrap();
    let files = [source(folder.path(), &[50, 3], |i| {
        (i % 7) as f32 + (i % 3 * 100) as f32
    })];
    let load = Load {
        axes: vec![
            Along::Runs(vec![Run::new(0, 0, 50)]),
            Along::Runs(vec![Run::new(0, 0, 3)]),
        ],
        alike: Some(1.0),
        ..Load::whole(0, "x")
    };
    let plan = plan(&[90, 3], DType::F32, Fill::Load(load));
    let whole = made(folder.path(), &plan, &files, 1);
    for world in 2..5 {
        assert_eq!(
            made(folder.path(), &plan, &files, world),
            whole,
            "{world} ranks"
        );
    }
    for (i, value) in whole[150..].iter().enumerate() {
        let mean = 3.0 + (i % 3 * 100) as f32;
        assert!(
            (value - mean).abs() < 12.0 && *value != mean,
            "{i}: {value}"
        );
    }
}

/// A checkpoint that has changed its shape since the plan was made is refused.
#[test]
fn a_view_of_another_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = [source(folder.path(), &[2, 3], |i| i as f32)];
    let load = Load {
        view: vec![3, 3],
        permute: vec![1, 0],
        ..Load::whole(0, "x")
    };
    let plan = plan(&[3, 3], DType::F32, Fill::Load(load));
    let path = folder.path().join("out.safetensors");
    let tensors = tensors_of(&plan, Share::WHOLE).unwrap();
    let writer = SafetensorsWriter::create(&path, tensors, Metadata::new(), None).unwrap();
    let sources = Sources {
        own: None,
        pretrained: &files,
    };
    let result = materialize(
        &plan,
        Share::WHOLE,
        sources,
        &writer,
        &|_| (),
        &AtomicBool::new(false),
    );
    assert!(result.is_err());
}
