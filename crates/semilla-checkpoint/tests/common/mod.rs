//! Fixtures, made by `tests/peers/fixtures.py`, and what every reader owes.

use std::fs;
use std::path::{Path, PathBuf};

use semilla_checkpoint::{Checkpoint, Error, open};

/// The path of a fixture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Opens a fixture and checks types, shapes and bytes against the safetensors file beside it.
pub(crate) fn check(name: &str) -> Box<dyn Checkpoint> {
    let given = open(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected = open(fixture(&format!("{name}.safetensors"))).unwrap();
    assert_eq!(given.tensors().len(), expected.tensors().len(), "{name}");
    for (number, info) in expected.tensors().iter().enumerate() {
        let found = given.tensors().index_of(info.name());
        let tensor = found.unwrap_or_else(|| panic!("{name}: no {}", info.name()));
        assert_eq!(&given.tensors()[tensor], info, "{name}");
        assert_eq!(given.file(tensor), Some(&*fixture(name)));
        let bytes = whole(&*expected, number).unwrap();
        assert_eq!(
            whole(&*given, tensor).unwrap(),
            bytes,
            "{name}: {}",
            info.name()
        );
        assert_eq!(in_pieces(&*given, tensor), bytes, "{name}: {}", info.name());
    }
    given
}

/// All bytes of a tensor.
pub(crate) fn whole(checkpoint: &dyn Checkpoint, tensor: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; checkpoint.tensors()[tensor].bytes() as usize];
    checkpoint.read(tensor, 0, &mut bytes)?;
    Ok(bytes)
}

/// The same in pieces that do not end where elements do.
fn in_pieces(checkpoint: &dyn Checkpoint, tensor: usize) -> Vec<u8> {
    let mut bytes = vec![0; checkpoint.tensors()[tensor].bytes() as usize];
    for (number, piece) in bytes.chunks_mut(7).enumerate() {
        checkpoint.read(tensor, 7 * number as u64, piece).unwrap();
    }
    bytes
}

/// The names of the tensors, in their order.
pub(crate) fn names(checkpoint: &dyn Checkpoint) -> Vec<&str> {
    checkpoint.tensors().iter().map(|t| t.name()).collect()
}

/// Why a fixture cannot be opened.
pub(crate) fn refusal(name: &str) -> String {
    refusal_at(&fixture(name))
}

/// Why a file cannot be opened.
pub(crate) fn refusal_at(path: &Path) -> String {
    open(path).err().expect("an error").to_string()
}

/// Changes, cuts and repeats bytes of the fixtures at random: nothing panics.
pub(crate) fn mutate(names: &[&str], rounds: u32) {
    for name in names {
        let content = fs::read(fixture(name)).unwrap();
        mutations(&content, rounds, |mutated| mutated.to_vec());
    }
}

/// Reads files made of random mutations of a content, from a fixed seed: each is read to its last
/// byte or refused, and declares no more than it may.
pub(crate) fn mutations(content: &[u8], rounds: u32, file_of: impl Fn(&[u8]) -> Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutated");
    let mut state = 1u64;
    let mut random = |below: usize| {
        // Knuth's MMIX generator; the high bits are the better ones.
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for _ in 0..rounds {
        let mut mutated = content.to_vec();
        for _ in 0..=random(4) {
            let place = random(mutated.len());
            match random(8) {
                0 => mutated.truncate(place + 1),
                1 => mutated.extend_from_within(place..),
                2 => mutated[place] = 0xff,
                3 => mutated[place] ^= 1 << random(8),
                _ => mutated[place] = random(256) as u8,
            }
        }
        let file = file_of(&mutated);
        fs::write(&path, &file).unwrap();
        if let Ok(checkpoint) = open(&path) {
            assert!(checkpoint.tensors().bytes() <= 1000 * file.len() as u64);
            for tensor in 0..checkpoint.tensors().len() {
                let _ = whole(&*checkpoint, tensor);
            }
        }
    }
}
