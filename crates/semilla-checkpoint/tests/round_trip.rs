//! What is written is read back, by us and by the reference implementation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use proptest::prelude::*;
use safetensors::{SafeTensors, tensor::TensorView};
use semilla::DType;
use semilla_checkpoint::{
    ByteSize, Checkpoint, CheckpointWriter, Limits, Metadata, Safetensors, SafetensorsWriter,
    TensorInfo, Tensors, open,
};

/// Tensors with their bytes.
type Model = Vec<(TensorInfo, Vec<u8>)>;

fn tensor(name: &str, dtype: DType, shape: &[usize]) -> (TensorInfo, Vec<u8>) {
    let info = TensorInfo::new(name, dtype, shape).unwrap();
    let salt = name.bytes().map(usize::from).sum::<usize>();
    let bytes = (0..info.bytes() as usize)
        .map(|i| (i * 7 + salt) as u8)
        .collect();
    (info, bytes)
}

fn tensors_of(model: &Model) -> Tensors {
    Tensors::new(model.iter().map(|(info, _)| info.clone()).collect()).unwrap()
}

fn size(text: &str) -> Option<ByteSize> {
    Some(text.parse().unwrap())
}

/// Writes every tensor in pieces of `piece` bytes, the last tensor first, on `threads` threads.
fn write(writer: &dyn CheckpointWriter, model: &Model, piece: usize, threads: usize) {
    let pieces: Vec<(usize, usize, &[u8])> = model
        .iter()
        .enumerate()
        .rev()
        .flat_map(|(tensor, (_, bytes))| {
            bytes
                .chunks(piece)
                .enumerate()
                .map(move |(i, chunk)| (tensor, i * piece, chunk))
        })
        .collect();
    thread::scope(|scope| {
        for thread in 0..threads {
            let mine = pieces.iter().skip(thread).step_by(threads);
            scope.spawn(move || {
                for &(tensor, offset, chunk) in mine {
                    writer.write(tensor, offset as u64, chunk).unwrap();
                }
            });
        }
    });
}

fn save(path: &Path, model: &Model, max_shard: Option<ByteSize>, threads: usize) -> Vec<String> {
    let metadata = Metadata::from([("note".to_owned(), "\u{e9}\n\"x\"".to_owned())]);
    let writer = SafetensorsWriter::create(path, tensors_of(model), metadata, max_shard).unwrap();
    write(&writer, model, 5, threads);
    let paths = writer.finish().unwrap();
    paths
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn assert_holds(checkpoint: &dyn Checkpoint, model: &Model) {
    assert_eq!(checkpoint.tensors().len(), model.len());
    for (info, bytes) in model {
        let tensor = checkpoint.tensors().index_of(info.name()).unwrap();
        assert_eq!(&checkpoint.tensors()[tensor], info);
        let mut read = vec![0; bytes.len()];
        checkpoint.read(tensor, 0, &mut read).unwrap();
        assert_eq!(&read, bytes);
        let middle = bytes.len() / 3..bytes.len() / 2;
        let mut read = vec![0; middle.len()];
        checkpoint
            .read(tensor, middle.start as u64, &mut read)
            .unwrap();
        assert_eq!(read, bytes[middle]);
    }
}

fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

fn mixed() -> Model {
    vec![
        tensor("z.weight", DType::BF16, &[3, 5]),
        tensor("ids", DType::I64, &[2]),
        tensor("a.bias", DType::F32, &[7]),
        tensor("empty", DType::F32, &[0, 4]),
        tensor("scalar", DType::F8E4M3, &[]),
        tensor("a.weight", DType::F32, &[2, 3]),
        tensor("mask", DType::Bool, &[3]),
    ]
}

fn any_model() -> impl Strategy<Value = Model> {
    let dtype = prop::sample::select(DType::ALL.to_vec());
    let shape = prop::collection::vec(0usize..5, 0..4);
    prop::collection::btree_map("\\PC{0,12}", (dtype, shape), 0..9).prop_map(|model| {
        model
            .iter()
            .map(|(name, (dtype, shape))| tensor(name, *dtype, shape))
            .collect()
    })
}

proptest! {
    #[test]
    fn any_model_comes_back(model in any_model(), limit in prop::option::of(1u64..300)) {
        let folder = tempfile::tempdir().unwrap();
        let limit = limit.map(|limit| limit.to_string().parse().unwrap());
        save(&folder.path().join("m.safetensors"), &model, limit, 2);
        assert_holds(&*open(folder.path()).unwrap(), &model);
    }

    #[test]
    fn the_reference_reads_ours_and_writes_the_same_bytes(model in any_model()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let writer = SafetensorsWriter::create(
            &path,
            tensors_of(&model),
            Metadata::new(),
            None,
        ).unwrap();
        write(&writer, &model, 3, 1);
        writer.finish().unwrap();
        let ours = fs::read(&path).unwrap();
        let views: Vec<_> = model
            .iter()
            .map(|(info, bytes)| {
                let dtype = serde_json::from_str(&format!("{:?}", info.dtype().name())).unwrap();
                (info.name(), TensorView::new(dtype, info.shape().to_vec(), bytes).unwrap())
            })
            .collect();
        let read = SafeTensors::deserialize(&ours).unwrap();
        for (name, view) in &views {
            prop_assert_eq!(&read.tensor(name).unwrap(), view);
        }
        let metadata = Some([("format".to_owned(), "pt".to_owned())].into());
        let theirs = safetensors::serialize(views, metadata).unwrap();
        prop_assert_eq!(&ours, &theirs);
        fs::write(&path, theirs).unwrap();
        assert_holds(&*open(&path).unwrap(), &model);
    }
}

#[test]
fn the_data_of_every_tensor_are_aligned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    save(&path, &mixed(), None, 1);
    let file = fs::read(&path).unwrap();
    assert_eq!(u64::from_le_bytes(file[..8].try_into().unwrap()) % 8, 0);
    let header =
        semilla_checkpoint::Header::read(&file[..], file.len() as u64, &Default::default());
    let header = header.unwrap().unwrap();
    for (tensor, start) in header.tensors.iter().zip(&header.starts) {
        assert_eq!(start % tensor.dtype().size() as u64, 0, "{}", tensor.name());
    }
    assert_eq!(header.metadata["format"], "pt");
    assert_eq!(header.metadata["note"], "\u{e9}\n\"x\"");
}

#[test]
fn threads_do_not_change_the_files() {
    let written = |threads| {
        let folder = tempfile::tempdir().unwrap();
        save(
            &folder.path().join("m.safetensors"),
            &mixed(),
            size("40B"),
            threads,
        );
        files_in(folder.path())
    };
    let once = written(1);
    assert_eq!(once.len(), 5);
    assert_eq!(written(3), once);
}

/// 30 + 16 | 28 (+ 0 + 1) | 24 + 3: as huggingface_hub splits, in the order of the list.
#[test]
fn shards_follow_the_order_of_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let names = save(
        &folder.path().join("model.safetensors"),
        &mixed(),
        size("46B"),
        2,
    );
    assert_eq!(
        names,
        [
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors",
            "model.safetensors.index.json"
        ]
    );
    let index: serde_json::Value =
        serde_json::from_slice(&files_in(folder.path())["model.safetensors.index.json"]).unwrap();
    assert_eq!(index["metadata"]["total_size"], 30 + 16 + 28 + 1 + 24 + 3);
    let map = index["weight_map"].as_object().unwrap();
    assert_eq!(
        map.keys().collect::<Vec<_>>(),
        [
            "a.bias", "a.weight", "empty", "ids", "mask", "scalar", "z.weight"
        ]
    );
    for (tensor, shard) in [
        ("z.weight", 1),
        ("ids", 1),
        ("a.bias", 2),
        ("empty", 2),
        ("scalar", 2),
        ("a.weight", 3),
        ("mask", 3),
    ] {
        assert_eq!(
            map[tensor],
            format!("model-0000{shard}-of-00003.safetensors"),
            "{tensor}"
        );
    }
    let checkpoint = open(folder.path()).unwrap();
    assert_holds(&*checkpoint, &mixed());
    assert_eq!(checkpoint.metadata()["format"], "pt");
    let ids = checkpoint.tensors().index_of("ids").unwrap();
    assert_eq!(checkpoint.file(ids).unwrap(), folder.path().join(&names[0]));
    assert_holds(&*open(folder.path().join(&names[3])).unwrap(), &mixed());
}

#[test]
fn a_tensor_beyond_the_limit_has_its_own_shard() {
    let folder = tempfile::tempdir().unwrap();
    let model = vec![
        tensor("a", DType::U8, &[3]),
        tensor("big", DType::U8, &[50]),
        tensor("b", DType::U8, &[3]),
        tensor("c", DType::U8, &[5]),
    ];
    let names = save(&folder.path().join("out"), &model, size("10B"), 1);
    assert_eq!(names[0], "out-00001-of-00003.safetensors");
    assert_eq!(names[3], "out.safetensors.index.json");
    let checkpoint = open(folder.path()).unwrap();
    let of_file = |name: &str| {
        let path = folder.path().join(name);
        // A shard alone, not the model that `open` would find around it.
        let names = Safetensors::open(&path, &Limits::default())
            .unwrap()
            .tensors()
            .iter()
            .map(|t| t.name().to_owned())
            .collect::<Vec<_>>();
        names.join(",")
    };
    // The shard that is being filled goes on after the big one, so "b" still joins "a".
    assert_eq!(of_file("out-00001-of-00003.safetensors"), "big");
    assert_eq!(of_file("out-00002-of-00003.safetensors"), "a,b");
    assert_eq!(of_file("out-00003-of-00003.safetensors"), "c");
    assert_holds(&*checkpoint, &model);
}

#[test]
fn what_fits_in_one_shard_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    assert_eq!(save(&path, &mixed(), size("102B"), 1), ["m.safetensors"]);
    assert_eq!(files_in(folder.path()).len(), 1);
    assert_eq!(
        save(&folder.path().join("none"), &Vec::new(), size("1B"), 1),
        ["none"]
    );
}

#[test]
fn threads_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("m.safetensors"), &mixed(), None, 1);
    let checkpoint = open(folder.path()).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| assert_holds(&*checkpoint, &mixed())));
        }
    });
}
