//! Checkpoints that several processes saved together: read as one model, or refused by what is
//! missing.
#![cfg(feature = "torch")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{damaged, fixture, names, read, refusal_at, whole};
use semilla::DType;
use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors, open, sentences};

/// A copy of a folder of fixtures, which goes when it is dropped.
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

fn check(found: &Path, expected: &Path) {
    let (found, expected) = (open(found).unwrap(), open(expected).unwrap());
    assert_eq!(found.tensors().len(), expected.tensors().len());
    for (index, info) in found.tensors().iter().enumerate() {
        let other = expected.tensors().index_of(info.name()).unwrap();
        assert_eq!(info, &expected.tensors()[other]);
        let bytes = whole(&*expected, other).unwrap();
        for piece in [usize::MAX, 1, 7, 30] {
            assert_eq!(
                read(&*found, index, piece).unwrap(),
                bytes,
                "{}",
                info.name()
            );
        }
    }
}

#[test]
fn the_boxes_of_all_processes_are_one_tensor() {
    for name in ["model", "spread"] {
        let folder = fixture(&format!("distributed/{name}"));
        let expected = fixture(&format!("distributed/{name}.safetensors"));
        for path in [
            folder.clone(),
            folder.join(".metadata"),
            folder.join("__2_0.distcp"),
        ] {
            check(&path, &expected);
        }
    }
    let model = open(fixture("distributed/model")).unwrap();
    assert_eq!(
        sentences(model.remarks()),
        ["1 objects that are no tensors left out"]
    );
    let weight = model.tensors().index_of("model.0.weight").unwrap();
    assert_eq!(model.files(weight).len(), 4);
}

#[test]
fn a_slice_that_one_process_saved_is_not_the_tensor() {
    let file = open(fixture("distributed/spread.rank1.pt")).unwrap();
    assert_eq!(names(&*file), ["same"]);
    let remarks = sentences(file.remarks()).join("\n");
    for part in [
        "left out \"grid\": it is the slice [3, 1] that one process has of a tensor [5, 3]",
        "full_tensor()",
        "columns",
    ] {
        assert!(remarks.contains(part), "{part}: {remarks}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let (_folder, path) = copy("distributed/model");
    fs::remove_file(path.join("__1_0.distcp")).unwrap();
    fs::remove_file(path.join("__3_0.distcp")).unwrap();
    let why = refusal_at(&path);
    assert!(
        why.contains("__1_0.distcp, __3_0.distcp are missing"),
        "{why}"
    );
    fs::remove_file(path.join(".metadata")).unwrap();
    let why = refusal_at(&path);
    assert!(why.contains(".metadata is missing"), "{why}");
    assert_eq!(
        why.replace("__2_0", "__0_0"),
        refusal_at(&path.join("__0_0.distcp"))
    );

    let (_folder, path) = copy("distributed/model");
    let file = path.join("__2_0.distcp");
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() - 1]).unwrap();
    let why = refusal_at(&path);
    assert!(why.contains("shorter than .metadata says"), "{why}");
}

#[test]
fn pieces_of_other_tensors_are_refused() {
    let (_folder, path) = copy("distributed/model");
    let (of_first, of_third) = (path.join("__0_0.distcp"), path.join("__3_0.distcp"));
    let length = fs::metadata(&of_first).unwrap().len() as usize;
    fs::write(of_first, &fs::read(of_third).unwrap()[..length]).unwrap();
    let file = open(&path).unwrap();
    let read = (0..file.tensors().len()).filter_map(|tensor| whole(&*file, tensor).err());
    let errors: Vec<String> = read.map(|error| common::message(&error)).collect();
    assert!(errors.len() > 3, "{errors:?}");
}

#[test]
fn damage_is_found_or_harmless() {
    let (_folder, path) = copy("distributed/spread");
    for name in [".metadata", "__3_0.distcp"] {
        let file = path.join(name);
        let content = fs::read(&file).unwrap();
        damaged(&content, 400, |copy| {
            fs::write(&file, copy).unwrap();
            let Ok(found) = open(&path) else { return };
            assert!(found.tensors().bytes() < 1 << 20);
            for tensor in 0..found.tensors().len() {
                let _ = whole(&*found, tensor);
            }
        });
        fs::write(&file, content).unwrap();
    }
}

/// Writes a safetensors file of F32 tensors.
fn write(path: &Path, tensors: &[(&str, Vec<usize>, Vec<f32>)]) {
    let infos = tensors.iter();
    let infos = infos.map(|(name, shape, _)| TensorInfo::new(*name, DType::F32, shape.clone()));
    let list = Tensors::new(infos.collect::<Result<_, _>>().unwrap()).unwrap();
    let writer = SafetensorsWriter::create(path, list, Metadata::new(), None).unwrap();
    for (tensor, (_, _, values)) in tensors.iter().enumerate() {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        writer.write(tensor, 0, &bytes).unwrap();
    }
    Box::new(writer).finish().unwrap();
}

/// `rows` rows of `columns` numbers that count on from `first` in steps.
fn numbers(rows: usize, columns: usize, first: usize, steps: (usize, usize)) -> Vec<f32> {
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    places
        .map(|(row, column)| (first + row * steps.0 + column * steps.1) as f32)
        .collect()
}

#[test]
fn slices_of_llama_are_merged_along_their_axes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for process in 0..2 {
        write(
            &at(&format!("consolidated.0{process}.pth")),
            &[
                ("norm.weight", vec![4], vec![1.0; 4]),
                (
                    "tok_embeddings.weight",
                    vec![3, 2],
                    numbers(3, 2, 2 * process, (4, 1)),
                ),
                (
                    "layers.0.attention.wq.weight",
                    vec![2, 4],
                    numbers(2, 4, 8 * process, (4, 1)),
                ),
                (
                    "layers.0.attention.wo.weight",
                    vec![4, 2],
                    numbers(4, 2, 2 * process, (4, 1)),
                ),
                ("new.weight", vec![2], vec![process as f32; 2]),
                ("new.same", vec![2], vec![5.0; 2]),
            ],
        );
    }
    for path in [folder.path().to_owned(), at("consolidated.01.pth")] {
        let file = open(&path).unwrap();
        let values = |name: &str| -> Vec<f32> {
            let tensor = file.tensors().index_of(name).unwrap();
            let bytes = whole(&*file, tensor).unwrap();
            let shape = file.tensors()[tensor].shape();
            assert_eq!(bytes.len(), 4 * shape.iter().product::<usize>());
            let values = bytes.chunks_exact(4);
            values
                .map(|value| f32::from_le_bytes(value.try_into().unwrap()))
                .collect()
        };
        assert_eq!(values("tok_embeddings.weight"), numbers(3, 4, 0, (4, 1)));
        assert_eq!(
            values("layers.0.attention.wq.weight"),
            numbers(4, 4, 0, (4, 1))
        );
        assert_eq!(
            values("layers.0.attention.wo.weight"),
            numbers(4, 4, 0, (4, 1))
        );
        assert_eq!(values("norm.weight"), [1.0; 4]);
        assert_eq!(values("new.same"), [5.0; 2]);
        let remarks = sentences(file.remarks()).join("\n");
        for part in [
            "2 weights: merged from 2 slices along axis 1",
            "left out \"new.weight\": no rule says along which axis its slices lie",
        ] {
            assert!(remarks.contains(part), "{remarks}");
        }
    }
    // The square of an output says that there are two slices.
    fs::remove_file(at("consolidated.01.pth")).unwrap();
    let why = refusal_at(&at("consolidated.00.pth"));
    assert!(why.contains("consolidated.01.pth is missing"), "{why}");
    fs::rename(at("consolidated.00.pth"), at("consolidated.01.pth")).unwrap();
    let why = refusal_at(folder.path());
    assert!(why.contains("consolidated.00.pth is missing"), "{why}");
}

#[test]
fn gates_beside_layers_are_merged_each_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    for process in 0..2 {
        let path = folder.path().join(format!("iteration/mp_rank_0{process}"));
        fs::create_dir_all(&path).unwrap();
        let fc1 = [
            numbers(1, 2, 2 * process, (0, 1)),
            numbers(1, 2, 4 + 2 * process, (0, 1)),
        ];
        write(
            &path.join("model_optim_rng.pt"),
            &[
                (
                    "model.layers.0.mlp.linear_fc1.weight",
                    vec![2, 2],
                    fc1.concat(),
                ),
                (
                    "model.layers.0.mlp.linear_fc2.weight",
                    vec![2, 1],
                    vec![process as f32; 2],
                ),
                ("model.layers.0.mlp.linear_fc2.bias", vec![2], vec![7.0; 2]),
            ],
        );
    }
    let file = open(folder.path().join("iteration")).unwrap();
    let values = |name: &str| -> (Vec<usize>, Vec<f32>) {
        let tensor = file
            .tensors()
            .index_of(&format!("model.layers.0.mlp.{name}"))
            .unwrap();
        let bytes = whole(&*file, tensor).unwrap();
        let values = bytes.chunks_exact(4);
        let values = values.map(|value| f32::from_le_bytes(value.try_into().unwrap()));
        (file.tensors()[tensor].shape().to_vec(), values.collect())
    };
    assert_eq!(
        values("linear_fc1.weight"),
        (vec![4, 2], numbers(1, 8, 0, (0, 1)))
    );
    assert_eq!(
        values("linear_fc2.weight"),
        (vec![2, 2], vec![0.0, 1.0, 0.0, 1.0])
    );
    assert_eq!(values("linear_fc2.bias"), (vec![2], vec![7.0; 2]));
    let first = folder.path().join("iteration/mp_rank_00");
    fs::rename(&first, folder.path().join("iteration/mp_rank_02")).unwrap();
    let why = refusal_at(&folder.path().join("iteration"));
    assert!(
        why.contains("mp_rank_00/model_optim_rng.pt is missing"),
        "{why}"
    );
    let stage = folder.path().join("mp_rank_00_001/model_optim_rng.pt");
    fs::create_dir_all(stage.parent().unwrap()).unwrap();
    write(&stage, &[("a", vec![1], vec![1.0])]);
    let why = refusal_at(&stage);
    assert!(why.contains("a stage of a pipeline"), "{why}");
}
