//! Tables of numbers: CSV, TSV.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use semilla_signal::{Array, InputSpec, Labels};

use crate::bytes::bytes;
use crate::error::DataError;
use crate::reading::Reading;
use crate::sample::{Found, Samples, known, spread};

/// Headers under which labels are found.
const LABELS: [&str; 6] = ["label", "labels", "class", "target", "targets", "y"];

/// A table as it is read, with as many cells in each row.
pub(crate) struct Table {
    pub(crate) header: Option<StringRecord>,
    pub(crate) rows: Vec<StringRecord>,
    /// What the positions of rows count.
    pub(crate) line: &'static str,
}

pub(crate) fn read(path: &Path, input: &InputSpec, reading: &Reading) -> Result<Found, DataError> {
    found(path, &table(path)?, input, reading)
}

/// The numbers of a table, and its labels.
pub(crate) fn found(
    path: &Path,
    table: &Table,
    input: &InputSpec,
    reading: &Reading,
) -> Result<Found, DataError> {
    let columns = table.columns(path)?;
    let dims = input.shape.as_deref().unwrap_or_default();
    let wanted: Option<usize> = dims
        .get(1..)
        .and_then(|dims| dims.iter().map(known).product());
    // The last if there is one column more than the input takes.
    let last = (wanted == Some(columns.wrapping_sub(1))).then(|| columns - 1);
    let label = table.label(path, reading)?.or(last);
    let places = spread(table.rows.len(), reading.count(Some(input)));
    let mut values = Vec::new();
    for &place in &places {
        let row = &table.rows[place];
        let cells = (0..columns).filter(|&column| Some(column) != label);
        let numbers = cells.map(|column| number(path, table, row, column));
        values.push(numbers.collect::<Result<Vec<f32>, _>>()?);
    }
    let mut remarks = Vec::new();
    let labels = label.map(|column| table.labels(path, column, &places, &mut remarks));
    let labels = labels.transpose()?;
    let shape = vec![columns - usize::from(label.is_some())];
    let samples = match input.takes_numbers {
        true => Samples::Numbers {
            shape,
            values,
            are_pixels: false,
        },
        false => Samples::Whole {
            shape,
            values: ids(path, values)?,
        },
    };
    Ok(Found {
        samples,
        labels,
        remarks,
    })
}

impl Table {
    /// The number of columns.
    fn columns(&self, path: &Path) -> Result<usize, DataError> {
        let columns = self.rows.first().map_or(0, StringRecord::len);
        let Some(odd) = self.rows.iter().find(|row| row.len() != columns) else {
            return Ok(columns);
        };
        let problem = format!(
            "{} {} has {} cells, and those before it have {columns}",
            self.line,
            line(odd),
            odd.len()
        );
        Err(DataError::content(path, problem))
    }

    fn name(&self, column: usize) -> String {
        match self.header.as_ref().and_then(|header| header.get(column)) {
            Some(name) => format!("{:?}", name.trim()),
            None => format!("number {}", column + 1),
        }
    }

    /// The column of labels: the one asked for, or one of a usual name.
    pub(crate) fn label(&self, path: &Path, reading: &Reading) -> Result<Option<usize>, DataError> {
        let columns = self.columns(path)?;
        let header: Vec<String> = self
            .header
            .iter()
            .flat_map(|header| header.iter().map(|name| name.trim().to_owned()))
            .collect();
        let Some(asked) = &reading.labels else {
            let is_label = |name: &String| LABELS.contains(&&*name.to_lowercase());
            return Ok(header.iter().position(is_label));
        };
        let by_number = || {
            let number: usize = asked.parse().ok()?;
            (1..=columns).contains(&number).then(|| number - 1)
        };
        let found = header
            .iter()
            .position(|name| name == asked)
            .or_else(by_number);
        found.map(Some).ok_or_else(|| {
            DataError::content(
                path,
                format!(
                    "it has no column {asked:?} for the labels; give a name of its header, or a \
                     number from 1 to {columns}"
                ),
            )
        })
    }

    /// The labels of some rows, from a column.
    pub(crate) fn labels(
        &self,
        path: &Path,
        column: usize,
        places: &[usize],
        remarks: &mut Vec<String>,
    ) -> Result<Labels, DataError> {
        remarks.push(format!("labels are the column {}", self.name(column)));
        let taken = places
            .iter()
            .filter_map(|&place| self.rows[place].get(column));
        let taken: Vec<&str> = taken.map(str::trim).collect();
        // Classes are numbered by all rows, not by those that are taken.
        let all = self.rows.iter().filter_map(|row| row.get(column));
        labels(&taken, all.map(str::trim)).map_err(|text| {
            let problem = format!("a label is {text:?}; clean the data");
            DataError::content(path, problem)
        })
    }
}

/// Where a row is in its file.
fn line(row: &StringRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

fn table(path: &Path) -> Result<Table, DataError> {
    let content = |problem: String| DataError::content(path, problem);
    let bytes = bytes(path)?;
    let first = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter(first))
        .from_reader(&*bytes);
    let rows: Result<Vec<StringRecord>, csv::Error> = reader.records().collect();
    let mut rows = rows.map_err(|error| content(error.to_string()))?;
    let is_number = |cell: &str| cell.trim().parse::<f64>().is_ok();
    let has_header = rows.first().is_some_and(|row| !row.iter().any(is_number));
    let header = has_header.then(|| rows.remove(0));
    match rows.is_empty() {
        true => Err(content("it has no rows".to_owned())),
        false => Ok(Table {
            header,
            rows,
            line: "line",
        }),
    }
}

/// Of the usual ones the one that the first line has most of.
fn delimiter(line: &[u8]) -> u8 {
    let count = |&delimiter: &u8| line.iter().filter(|&&byte| byte == delimiter).count();
    let usual = [b'\t', b';', b','];
    usual.into_iter().max_by_key(count).unwrap_or(b',')
}

fn number(path: &Path, table: &Table, row: &StringRecord, column: usize) -> Result<f32, DataError> {
    let cell = row.get(column).unwrap_or_default().trim();
    cell.parse().map_err(|_| {
        DataError::content(
            path,
            format!(
                "{} {}, column {}: {:?} is no number; a column of labels is named with --labels",
                table.line,
                line(row),
                table.name(column),
                cell.chars().take(40).collect::<String>()
            ),
        )
    })
}

/// Classes, where all labels are whole numbers or words; else numbers. `Err` holds the label of a
/// row that has none, or that is NaN or infinite.
fn labels<'a>(
    taken: &[&str],
    all: impl Iterator<Item = &'a str> + Clone,
) -> Result<Labels, &'a str> {
    let is_none = |text: &&str| {
        text.is_empty() || text.parse::<f64>().is_ok_and(|number| !number.is_finite())
    };
    if let Some(none) = all.clone().find(is_none) {
        return Err(none);
    }
    let whole = |text: &str| {
        let value: f64 = text.parse().ok()?;
        (value.fract() == 0.0 && value.abs() < 1e9).then_some(value as i64)
    };
    if all.clone().all(|text| whole(text).is_some()) {
        let classes = taken.iter().filter_map(|text| whole(text)).collect();
        return Ok(Labels::Classes(classes));
    }
    let numbers: Option<Vec<f32>> = taken.iter().map(|text| text.parse().ok()).collect();
    if let Some(numbers) = numbers {
        let count = numbers.len();
        let array = Array::new([count, 1], numbers);
        let array = array.unwrap_or_else(|| Array::filled([count, 1], 0.0));
        return Ok(Labels::Values(array));
    }
    let mut names: Vec<&str> = all.collect();
    names.sort_unstable();
    names.dedup();
    let class = |text: &&str| names.binary_search(text).map_or(-1, |class| class as i64);
    Ok(Labels::Classes(taken.iter().map(class).collect()))
}

fn ids(path: &Path, values: Vec<Vec<f32>>) -> Result<Vec<Vec<i64>>, DataError> {
    let id = |x: f32| (x.fract() == 0.0).then_some(x as i64);
    let row = |row: Vec<f32>| row.into_iter().map(id).collect::<Option<Vec<i64>>>();
    let found: Option<Vec<Vec<i64>>> = values.into_iter().map(row).collect();
    found.ok_or_else(|| {
        DataError::content(
            path,
            "the model takes token ids, and the table has numbers with fractions".to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use semilla::graph::Dim;

    fn take(text: &str, width: usize, labels: Option<&str>) -> Result<Found, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.csv");
        std::fs::write(&path, text).unwrap();
        let input = InputSpec {
            name: "x".to_owned(),
            takes_numbers: true,
            shape: Some(vec![Dim::Unknown, Dim::Known(width)]),
            vocabulary: None,
        };
        let reading = Reading {
            labels: labels.map(str::to_owned),
            ..Reading::default()
        };
        read(&path, &input, &reading)
    }

    fn numbers(found: &Found) -> &[Vec<f32>] {
        match &found.samples {
            Samples::Numbers { values, .. } => values,
            Samples::Whole { .. } => panic!("numbers are asked for"),
        }
    }

    #[test]
    fn labels_are_found() {
        let rows = [vec![1.0, 2.0], vec![3.0, 4.0]];
        // By the header, wherever the column is; by its place; by its number.
        for (text, asked) in [
            ("class,a,b\nred,1,2\nblue,3,4\n", None),
            ("1;2;red\n3;4;blue\n", None),
            ("1\tred\t2\n3\tblue\t4\n", Some("2")),
            (
                "a,\"the, colour\",b\n1,red,2\n3,blue,4\n",
                Some("the, colour"),
            ),
        ] {
            let found = take(text, 2, asked).unwrap();
            assert_eq!(numbers(&found), rows, "{text}");
            assert_eq!(found.labels, Some(Labels::Classes(vec![1, 0])), "{text}");
        }
        let found = take("1,2\n3,4\n", 2, None).unwrap();
        assert_eq!((numbers(&found), found.labels.is_none()), (&rows[..], true));
        let found = take("a,b,y\n1,2,0.5\n3,4,1\n", 2, None).unwrap();
        let Some(Labels::Values(values)) = found.labels else {
            panic!()
        };
        assert_eq!(
            (values.shape(), values.data()),
            (&[2, 1][..], &[0.5, 1.0][..])
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        let error = take("a,b\n1,2\n3,x\n", 2, None).err().unwrap().to_string();
        assert!(
            error.contains("line 3, column \"b\": \"x\" is no number"),
            "{error}"
        );
        for text in ["", "a,b\n", "1,2\n3\n"] {
            assert!(take(text, 2, None).is_err(), "{text:?}");
        }
        let error = take("1,2\n", 2, Some("none")).err().unwrap().to_string();
        assert!(error.contains("from 1 to 2"), "{error}");
    }
}
