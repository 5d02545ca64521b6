//! A plan carried out: same bytes for any number of threads and ranks, and memory that does not
//! grow with the model.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use semilla::{DType, Initializer, Layout, Model, Plan, Recipe, Role, Tensor, init};
use semilla_checkpoint::{
    Checkpoint, Error, Metadata, SafetensorsWriter, Share, Sources, materialize, open, tensors_of,
};

fn tensors() -> Vec<(Tensor, Initializer)> {
    let embedding = Tensor::new("embed", [1003, 33], DType::BF16);
    vec![
        (
            embedding.with(Role::Embedding, Layout::embedding()),
            init::normal().into(),
        ),
        (
            Tensor::linear("fc", 257, 129),
            init::kaiming_uniform().into(),
        ),
        (Tensor::linear("square", 40, 40), init::orthogonal().into()),
        (Tensor::new("bias", [129], DType::F16), init::zeros().into()),
        (
            Tensor::new("scale", [0; 0], DType::F32),
            init::ones().into(),
        ),
        (Tensor::new("none", [0, 5], DType::F32), init::ones().into()),
        (
            Tensor::new("ids", [1, 77], DType::I64),
            init::arange().into(),
        ),
        (
            Tensor::new("wide", [3, 70_001], DType::F64),
            init::trunc_normal().into(),
        ),
    ]
}

fn plan(seed: u64) -> Plan {
    let (tensors, initializers): (Vec<_>, Vec<_>) = tensors().into_iter().unzip();
    let model = Model {
        tensors,
        ..Model::default()
    };
    let recipe = Recipe::from_toml("name = \"test\"\nunmatched = \"keep\"").unwrap();
    let mut plan = recipe.plan(&model, seed).unwrap();
    for (tensor, initializer) in model.tensors.iter().zip(initializers) {
        plan.set(&model, &tensor.name, initializer).unwrap();
    }
    plan
}

fn write(
    plan: &Plan,
    share: Share,
    path: &Path,
    source: Option<&dyn Checkpoint>,
) -> Result<u64, Error> {
    let writer = SafetensorsWriter::create(
        path,
        tensors_of(plan, share).unwrap(),
        Metadata::new(),
        None,
    )?;
    let bytes = AtomicU64::new(0);
    let count = |n| {
        bytes.fetch_add(n, Ordering::Relaxed);
    };
    let sources = Sources {
        own: source,
        pretrained: &[],
    };
    materialize(
        plan,
        share,
        sources,
        &writer,
        &count,
        &AtomicBool::new(false),
    )?;
    writer.finish()?;
    Ok(bytes.into_inner())
}

fn content(path: &Path, name: &str) -> Option<(Vec<usize>, Vec<u8>)> {
    let file = open(path).unwrap();
    let tensor = file.tensors().index_of(name)?;
    let mut bytes = vec![0; file.tensors()[tensor].bytes() as usize];
    file.read(tensor, 0, &mut bytes).unwrap();
    Some((file.tensors()[tensor].shape().to_vec(), bytes))
}

#[test]
fn any_thread_count_writes_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for threads in [1, 2, 5] {
        let path = folder.path().join(format!("{threads}.safetensors"));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let done = pool
            .install(|| write(&plan(3), Share::WHOLE, &path, None))
            .unwrap();
        assert_eq!(done, open(&path).unwrap().tensors().bytes());
        files.push(std::fs::read(&path).unwrap());
    }
    assert!(files.iter().all(|file| *file == files[0]));
}

#[test]
fn the_file_holds_what_each_initializer_generates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.safetensors");
    write(&plan(3), Share::WHOLE, &path, None).unwrap();
    let (tensor, initializer) = tensors().swap_remove(1);
    let expected: Vec<f32> = initializer.generate(&tensor, 3).unwrap();
    assert_eq!(
        content(&path, "fc").unwrap().1,
        bytemuck::cast_slice::<f32, u8>(&expected)
    );
    let ids: Vec<i64> = (0..77).collect();
    assert_eq!(
        content(&path, "ids").unwrap().1,
        bytemuck::cast_slice::<i64, u8>(&ids)
    );
}

#[test]
fn the_ranks_together_hold_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.safetensors");
    write(&plan(0), Share::WHOLE, &whole, None).unwrap();
    for world in [2, 3, 200] {
        let ranks: Vec<_> = (0..world)
            .map(|rank| {
                let path = folder.path().join(format!("{rank}-{world}.safetensors"));
                let share: Share = format!("{rank}/{world}").parse().unwrap();
                write(&plan(0), share, &path, None).unwrap();
                path
            })
            .collect();
        for line in &plan(0).tensors {
            let (_, expected) = content(&whole, &line.name).unwrap();
            let parts = ranks.iter().filter_map(|path| content(path, &line.name));
            let (shapes, bytes): (Vec<_>, Vec<_>) = parts.unzip();
            assert_eq!(bytes.concat(), expected, "{} over {world}", line.name);
            let rows: usize = shapes.iter().filter_map(|shape| shape.first()).sum();
            assert_eq!(rows, line.shape.first().copied().unwrap_or(0));
        }
    }
}

#[test]
fn a_saved_plan_replays_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        folder.path().join("a.safetensors"),
        folder.path().join("b.safetensors"),
    );
    let plan = plan(11);
    let json = serde_json::to_string(&plan).unwrap();
    let replayed: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(replayed, plan);
    replayed.check().unwrap();
    write(&plan, Share::WHOLE, &a, None).unwrap();
    write(&replayed, Share::WHOLE, &b, None).unwrap();
    assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap());
}

#[test]
fn kept_tensors_come_from_the_model_file() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        folder.path().join("a.safetensors"),
        folder.path().join("b.safetensors"),
    );
    write(&plan(1), Share::WHOLE, &a, None).unwrap();
    let mut keeping = plan(2);
    keeping.tensors[0].fill = semilla::Fill::Keep;
    assert!(matches!(
        write(&keeping, Share::WHOLE, &b, None),
        Err(Error::NothingToKeep { tensor }) if tensor == "embed"
    ));
    assert!(!b.exists());
    let source = open(&a).unwrap();
    write(&keeping, Share::WHOLE, &b, Some(&*source)).unwrap();
    assert_eq!(content(&a, "embed"), content(&b, "embed"));
    assert_ne!(content(&a, "fc"), content(&b, "fc"));
    // A share keeps its own rows.
    let rank = folder.path().join("rank.safetensors");
    write(&keeping, "1/2".parse().unwrap(), &rank, Some(&*source)).unwrap();
    let (shape, rows) = content(&rank, "embed").unwrap();
    assert_eq!(shape, [501, 33]);
    assert_eq!(rows, content(&a, "embed").unwrap().1[502 * 33 * 2..]);
}

#[test]
fn a_stopped_run_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.safetensors");
    let plan = plan(0);
    let tensors = tensors_of(&plan, Share::WHOLE).unwrap();
    let writer = SafetensorsWriter::create(&path, tensors, Metadata::new(), None).unwrap();
    let stop = AtomicBool::new(false);
    let result = materialize(
        &plan,
        Share::WHOLE,
        Sources::default(),
        &writer,
        &|_| stop.store(true, Ordering::Relaxed),
        &stop,
    );
    assert!(matches!(result, Err(Error::Interrupted)));
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn ranks_are_read_strictly() {
    assert!("0/1".parse::<Share>().is_ok());
    for bad in ["", "1", "1/1", "2/1", "-1/2", "0/0", "a/b", "0/2/3"] {
        assert!(bad.parse::<Share>().is_err(), "{bad}");
    }
}
