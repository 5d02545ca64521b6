//! Parquet: tables of numbers, and images in them as Hugging Face's data sets store them.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use csv::StringRecord;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use semilla_signal::InputSpec;

use crate::error::DataError;
use crate::images;
use crate::reading::Reading;
use crate::sample::{Found, check_size};
use crate::table::{self, Table};

/// The most bytes of a file.
const MOST: u64 = 1 << 31;

pub(crate) fn read(path: &Path, input: &InputSpec, reading: &Reading) -> Result<Found, DataError> {
    let rows = rows(path)?;
    let first = rows.first();
    let first = first.ok_or_else(|| DataError::content(path, "it has no rows"))?;
    let image = first
        .get_column_iter()
        .position(|(_, field)| is_image(field));
    let others = rows.iter().enumerate();
    let others = others.map(|(number, row)| Cells::of(row, image).record(path, number));
    let table = Table {
        header: Some(Cells::of(first, image).names()),
        rows: others.collect::<Result<_, DataError>>()?,
        line: "row",
    };
    let Some(image) = image else {
        return table::found(path, &table, input, reading);
    };
    let files = rows.iter().map(|row| {
        let field = row.get_column_iter().nth(image).map(|(_, field)| field);
        field.and_then(file).unwrap_or_default()
    });
    images::of_table(path, &files.collect::<Vec<_>>(), &table, input, reading)
}

fn rows(path: &Path) -> Result<Vec<Row>, DataError> {
    let failed = |error| DataError::Io {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > MOST {
        return Err(DataError::TooLarge {
            path: path.to_owned(),
            what: "the file",
            limit: format!("{} GiB", MOST >> 30),
        });
    }
    // The package asserts some of what a damaged file says of itself.
    catch_unwind(AssertUnwindSafe(|| all(path, file)))
        .unwrap_or_else(|_| Err(DataError::content(path, "it is damaged; write it again")))
}

fn all(path: &Path, file: File) -> Result<Vec<Row>, DataError> {
    let content = |error: ParquetError| {
        let problem = match error.to_string() {
            // What the package says of a compression that is not built in.
            text if text.contains("Disabled feature") => {
                "it is compressed in a way that is not read; write it with Snappy or gzip, in \
                 pandas with to_parquet(..., compression=\"snappy\")"
                    .to_owned()
            }
            text => text,
        };
        DataError::content(path, problem)
    };
    let reader = SerializedFileReader::new(file).map_err(content)?;
    let known = reader.metadata().file_metadata();
    let count = usize::try_from(known.num_rows()).unwrap_or(usize::MAX);
    check_size(path, count, &[known.schema_descr().num_columns()])?;
    let rows = reader.get_row_iter(None).map_err(content)?;
    rows.collect::<Result<_, _>>().map_err(content)
}

/// Bytes, or a group that has some: of an image in a file, beside its path.
fn file(field: &Field) -> Option<&[u8]> {
    match field {
        Field::Bytes(bytes) => Some(bytes.data()),
        Field::Group(group) => {
            let mut fields = group.get_column_iter();
            fields.find_map(|(_, field)| match field {
                Field::Bytes(bytes) => Some(bytes.data()),
                _ => None,
            })
        }
        _ => None,
    }
}

fn is_image(field: &Field) -> bool {
    file(field).is_some_and(images::is_file)
}

/// The cells of a row but for its image; a list is as many as it has elements.
struct Cells<'r>(Vec<(&'r str, Vec<&'r Field>)>);

impl<'r> Cells<'r> {
    fn of(row: &'r Row, image: Option<usize>) -> Self {
        let columns = row.get_column_iter().enumerate();
        let columns = columns.filter(|(place, _)| Some(*place) != image);
        Self(
            columns
                .map(|(_, (name, field))| (name.as_str(), elements(field)))
                .collect(),
        )
    }

    fn names(&self) -> StringRecord {
        let names = self.0.iter().flat_map(|(name, fields)| {
            let numbered = |place: usize| match fields.len() {
                1 => (*name).to_owned(),
                _ => format!("{name}[{place}]"),
            };
            (0..fields.len()).map(numbered).collect::<Vec<String>>()
        });
        names.collect()
    }

    fn record(&self, path: &Path, number: usize) -> Result<StringRecord, DataError> {
        let mut record = StringRecord::new();
        for (name, fields) in &self.0 {
            for field in fields {
                let text = text(field).ok_or_else(|| {
                    let problem = format!(
                        "row {}, column {name:?} is neither a number nor a word; leave the column \
                         out, in pandas with drop(columns=...)",
                        number + 1
                    );
                    DataError::content(path, problem)
                })?;
                record.push_field(&text);
            }
        }
        let mut position = csv::Position::new();
        position.set_line(number as u64 + 1);
        record.set_position(Some(position));
        Ok(record)
    }
}

/// All elements of a list, and of lists in it.
fn elements(field: &Field) -> Vec<&Field> {
    match field {
        Field::ListInternal(list) => list.elements().iter().flat_map(elements).collect(),
        // A list is a group with one list in it, as some write it.
        Field::Group(group) if group.len() == 1 => group
            .get_column_iter()
            .flat_map(|(_, field)| elements(field))
            .collect(),
        field => vec![field],
    }
}

/// A cell as CSV has it; `None` of what CSV has no cell for.
fn text(field: &Field) -> Option<String> {
    Some(match field {
        Field::Null => String::new(),
        Field::Bool(value) => u8::from(*value).to_string(),
        Field::Str(text) => text.clone(),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        Field::Bytes(_) | Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => {
            return None;
        }
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use semilla::graph::Dim;
    use semilla_signal::Labels;

    use super::*;
    use crate::sample::Samples;

    enum Column<'a> {
        Numbers(&'a [f64]),
        Whole(&'a [i64]),
        Bytes(&'a [&'a [u8]]),
        /// Rows of a list, of so many elements each.
        Lists(&'a [f64], usize),
    }

    fn write(path: &Path, schema: &str, columns: &[Column<'_>]) {
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        let file = File::create(path).unwrap();
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for column in columns {
            let mut writer = group.next_column().unwrap().unwrap();
            match column {
                Column::Numbers(values) => {
                    let writer = writer.typed::<DoubleType>();
                    writer.write_batch(values, None, None).unwrap();
                }
                Column::Whole(values) => {
                    let writer = writer.typed::<Int64Type>();
                    writer.write_batch(values, None, None).unwrap();
                }
                Column::Bytes(values) => {
                    let values = values.iter().map(|bytes| ByteArray::from(bytes.to_vec()));
                    let values: Vec<ByteArray> = values.collect();
                    let writer = writer.typed::<ByteArrayType>();
                    writer.write_batch(&values, None, None).unwrap();
                }
                Column::Lists(values, each) => {
                    let definitions = vec![1; values.len()];
                    let repetitions: Vec<i16> = (0..values.len())
                        .map(|place| i16::from(place % each > 0))
                        .collect();
                    let writer = writer.typed::<DoubleType>();
                    writer
                        .write_batch(values, Some(&definitions), Some(&repetitions))
                        .unwrap();
                }
            }
            writer.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
    }

    fn input(dims: &[usize]) -> InputSpec {
        let known = dims.iter().map(|&size| Dim::Known(size));
        InputSpec {
            name: "x".to_owned(),
            takes_numbers: true,
            shape: Some([Dim::Unknown].into_iter().chain(known).collect()),
            vocabulary: None,
        }
    }

    fn numbers(found: &Found) -> &[Vec<f32>] {
        match &found.samples {
            Samples::Numbers { values, .. } => values,
            Samples::Whole { .. } => panic!("numbers are asked for"),
        }
    }

    const TABLE: &str = "message m { required double a; required int64 label; \
                         required group b (LIST) { repeated group list { required double element; } } }";

    #[test]
    fn columns_and_lists_of_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.parquet");
        let columns = [
            Column::Numbers(&[0.5, -1.0]),
            Column::Whole(&[3, 4]),
            Column::Lists(&[1.0, 2.0, 3.0, 4.0], 2),
        ];
        write(&path, TABLE, &columns);
        let found = read(&path, &input(&[3]), &Reading::default()).unwrap();
        assert_eq!(numbers(&found), [[0.5, 1.0, 2.0], [-1.0, 3.0, 4.0]]);
        assert_eq!(found.labels, Some(Labels::Classes(vec![3, 4])));
    }

    #[test]
    fn images_with_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.parquet");
        let png = |value: u8| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            let image = image::GrayImage::from_pixel(4, 4, image::Luma([value]));
            image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            bytes.into_inner()
        };
        let schema = "message m { required group image { required binary bytes; } \
                      required int64 label; }";
        let (black, white) = (png(0), png(255));
        let columns = [Column::Bytes(&[&black, &white]), Column::Whole(&[0, 1])];
        write(&path, schema, &columns);
        let found = read(&path, &input(&[1, 2, 2]), &Reading::default()).unwrap();
        assert_eq!(numbers(&found), [[0.0; 4], [1.0; 4]]);
        assert_eq!(found.labels, Some(Labels::Classes(vec![0, 1])));
    }

    #[test]
    fn mistakes_are_sentences() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.parquet");
        std::fs::write(&path, "PAR1 and nothing else").unwrap();
        assert!(read(&path, &input(&[1]), &Reading::default()).is_err());
        let schema = "message m { required binary raw; required int64 label; }";
        let raw: [&[u8]; 1] = [b"no image"];
        write(&path, schema, &[Column::Bytes(&raw), Column::Whole(&[1])]);
        let error = read(&path, &input(&[1]), &Reading::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("row 1, column \"raw\" is neither"), "{text}");
        // Lists of different lengths make no table.
        let columns = [
            Column::Numbers(&[0.5]),
            Column::Whole(&[3]),
            Column::Lists(&[1.0, 2.0], 2),
        ];
        write(&path, TABLE, &columns);
        let whole = std::fs::read(&path).unwrap();
        // Whatever is broken, nothing panics.
        for place in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = whole.clone();
                broken[place] ^= flip;
                std::fs::write(&path, &broken).unwrap();
                let _ = read(&path, &input(&[3]), &Reading::default());
            }
        }
    }
}
