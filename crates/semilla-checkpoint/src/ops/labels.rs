//! Label files: which row of a table is which class or token.

use std::collections::HashMap;
use std::path::Path;

use semilla::transfer::{RowSource, Rows};
use serde_json::Value;

use super::text::{TextError, read_text};

/// A tokenizer of a million words.
const BYTES: u64 = 1 << 28;
/// More rows than any table has.
const ROWS: u64 = 1 << 28;

/// Why a label file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// The file cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The file does not say which row is which.
    #[error(
        "{path} does not say which rows are which: {problem}; give a JSON list of labels or of \
         rows, a table from labels to rows, a tokenizer.json, or a label per line"
    )]
    Content {
        /// The file.
        path: String,
        /// The reason.
        problem: String,
    },
}

/// Replaces the files that an operation names by the map from rows to rows that they state.
pub(super) fn read_rows(rows: &mut Rows) -> Result<(), LabelsError> {
    let map = match (&rows.from, &rows.to) {
        (None, None) => return Ok(()),
        (Some(from), None) => map(from)?,
        (None, Some(to)) => {
            return Err(failure(
                to,
                "the labels of the checkpoint's rows (from) are not given",
            ));
        }
        (Some(from), Some(to)) => by_label(&labels(from)?, &labels(to)?),
    };
    rows.map = Some(map);
    Ok(())
}

fn failure(path: &str, problem: impl Into<String>) -> LabelsError {
    let (path, problem) = (path.to_owned(), problem.into());
    LabelsError::Content { path, problem }
}

/// The map itself: for each row of the model the checkpoint's.
fn map(path: &str) -> Result<Vec<RowSource>, LabelsError> {
    let text = read_text(Path::new(path), BYTES)?;
    let entries: Vec<Option<RowSource>> = serde_json::from_str(&text).map_err(|error| {
        failure(
            path,
            format!("without labels of the model's rows (to) it must be a list of rows ({error})"),
        )
    })?;
    let none = || RowSource::Several(Vec::new());
    Ok(entries
        .into_iter()
        .map(|entry| entry.unwrap_or_else(none))
        .collect())
}

/// The label of each row.
fn labels(path: &str) -> Result<Vec<Option<String>>, LabelsError> {
    let text = read_text(Path::new(path), BYTES)?;
    let labels = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(list)) => list
            .iter()
            .map(|label| label.as_str().map(str::to_owned))
            .collect(),
        Ok(Value::Object(table)) => from_table(table).map_err(|problem| failure(path, problem))?,
        // A list of words may begin with one in brackets, such as [PAD].
        Ok(_) | Err(_) if path.ends_with(".json") => {
            return Err(failure(path, "it is not JSON"));
        }
        Ok(_) | Err(_) => text
            .lines()
            .map(|line| Some(line.trim_end().to_owned()))
            .collect(),
    };
    let mut seen = HashMap::new();
    for (row, label) in labels.iter().enumerate() {
        if let Some(first) = label.as_ref().and_then(|label| seen.insert(label, row)) {
            return Err(failure(
                path,
                format!(
                    "rows {first} and {row} have the same label {:?}",
                    label.as_deref().unwrap_or_default()
                ),
            ));
        }
    }
    Ok(labels)
}

/// Labels to rows; the rows' labels of a model's configuration (`id2label`); a tokenizer.
fn from_table(mut table: serde_json::Map<String, Value>) -> Result<Vec<Option<String>>, String> {
    let mut pairs: Vec<(String, u64)> = Vec::new();
    if let Some(Value::Object(names)) = table.get("id2label") {
        for (row, label) in names {
            let row = row
                .parse()
                .map_err(|_| format!("{row:?} is not the number of a row"))?;
            pairs.push((label.as_str().unwrap_or_default().to_owned(), row));
        }
    } else {
        let vocabulary = table
            .get_mut("model")
            .and_then(|model| model.get_mut("vocab"))
            .map(Value::take);
        let added = table.remove("added_tokens");
        let words = match vocabulary {
            Some(Value::Object(words)) => words,
            Some(_) => return Err("its vocabulary is not a table from tokens to rows".to_owned()),
            None => table,
        };
        for (label, row) in words {
            let row = row
                .as_u64()
                .ok_or_else(|| format!("{label:?} has no row"))?;
            pairs.push((label, row));
        }
        for token in added
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if let (Some(label), Some(row)) = (token["content"].as_str(), token["id"].as_u64())
                && !pairs.iter().any(|(known, _)| known == label)
            {
                pairs.push((label.to_owned(), row));
            }
        }
    }
    let count = pairs
        .iter()
        .map(|(_, row)| row.saturating_add(1))
        .max()
        .unwrap_or(0);
    if count > ROWS {
        return Err(format!("row {} is beyond any table", count - 1));
    }
    let mut labels = vec![None; count as usize];
    for (label, row) in pairs {
        if let Some(other) = labels[row as usize].replace(label) {
            return Err(format!("row {row} has two labels, one of them {other:?}"));
        }
    }
    Ok(labels)
}

fn by_label(from: &[Option<String>], to: &[Option<String>]) -> Vec<RowSource> {
    let rows: HashMap<&str, i64> = (0..)
        .zip(from)
        .filter_map(|(row, label)| Some((label.as_deref()?, row)))
        .collect();
    to.iter()
        .map(|label| label.as_deref().and_then(|label| rows.get(label)).copied())
        .map(|row| RowSource::One(row.unwrap_or(-1)))
        .collect()
}
