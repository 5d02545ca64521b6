//! Text as the ids of its bytes, or of a tokenizer's tokens.

use std::path::Path;

use semilla::number::counted;
use semilla_signal::InputSpec;

use crate::error::DataError;
use crate::reading::Reading;
use crate::sample::{Found, Samples, check_size, known, said};
use crate::tokens::tokens;

/// Windows of a text, evenly spread.
pub(crate) fn read(path: &Path, input: &InputSpec, reading: &Reading) -> Result<Found, DataError> {
    let content = |problem: String| DataError::content(path, problem);
    if input.takes_numbers {
        return Err(DataError::Kind {
            path: path.to_owned(),
            input: input.name.clone(),
            found: "text",
            wanted: "numbers; give arrays (.npy), a table (.csv) or images",
        });
    }
    let dims = input.shape.as_deref().unwrap_or_default();
    let length = match dims {
        [_, length] => known(length),
        _ => None,
    };
    let length = length.ok_or_else(|| {
        content(format!(
            "the input {:?} is {}; give the length of a window, such as --size length=64",
            input.name,
            said(dims)
        ))
    })?;
    let (text, remark) = tokens(path, reading.tokenizer.as_deref())?;
    if text.len() < length {
        return Err(content(format!(
            "it has {}, and a window is {length}; give a longer text or a smaller length",
            counted(text.len() as u64, "token", "tokens")
        )));
    }
    let room = text.len() - length;
    // Windows do not overlap more than they must; all there are lie side by side.
    let samples = match reading.count(Some(input)) {
        usize::MAX => text.len() / length.max(1),
        count => count.min(room + 1),
    };
    check_size(path, samples, &[length])?;
    let window = |place: usize| {
        let start = match samples {
            1 => 0,
            many => (place as u128 * room as u128 / (many as u128 - 1)) as usize,
        };
        text.window(start..start + length)
    };
    Ok(Found {
        samples: Samples::Whole {
            shape: vec![length],
            values: (0..samples).map(window).collect(),
        },
        labels: None,
        remarks: vec![remark],
    })
}

#[cfg(test)]
mod tests {
    use semilla::graph::Dim;

    use super::*;

    #[test]
    fn windows_are_spread_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.txt");
        std::fs::write(&path, vec![b'a'; 1 << 16]).unwrap();
        let input = |length: usize| InputSpec {
            name: "tokens".to_owned(),
            takes_numbers: false,
            shape: Some(vec![Dim::Unknown, Dim::Known(length)]),
            vocabulary: Some(256),
        };
        let reading = Reading {
            samples: 1 << 15,
            ..Reading::default()
        };
        let found = read(&path, &input(2), &reading).unwrap();
        let Samples::Whole { shape, values } = found.samples else {
            panic!()
        };
        assert_eq!((shape, values.len()), (vec![2], 1 << 15));
        let all = Reading {
            samples: usize::MAX,
            ..Reading::default()
        };
        let Samples::Whole { values, .. } = read(&path, &input(64), &all).unwrap().samples else {
            panic!()
        };
        assert_eq!(values.len(), 1 << 10);
        let error = read(&path, &input(1 << 15), &reading).unwrap_err();
        assert!(matches!(error, DataError::TooLarge { .. }), "{error}");
    }
}
