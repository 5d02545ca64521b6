//! The header of an array in NumPy's format: a magic number, a version, the header's length, and a
//! dictionary in Python's notation.
//!
//! Source: NumPy's description of the format, versions 1.0 to 3.0 (`numpy.lib.format`).

use std::io::{self, Read};

use semilla::DType;

use crate::io::type_names::by_code;

const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest dictionary that is read; NumPy itself stops at 10 000 characters.
const MAX_HEADER: usize = 1 << 16;

/// An array as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Array {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    /// The bytes of an element come highest first.
    pub(crate) big_endian: bool,
    /// The first dimension runs fastest.
    pub(crate) fortran: bool,
    /// Where the elements start.
    pub(crate) start: u64,
}

impl Array {
    /// Whether the elements are stored in the form to be given: little-endian, row-major.
    pub(crate) fn is_plain(&self) -> bool {
        let swapped = self.big_endian && self.dtype.size() > 1;
        let long_dims = self.shape.iter().filter(|&&dim| dim > 1).count();
        !swapped && (!self.fortran || long_dims <= 1)
    }

    /// Brings the elements into the order in which they are to be given.
    pub(crate) fn arrange(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.is_plain() || bytes.is_empty() {
            return bytes;
        }
        let size = self.dtype.size();
        if self.big_endian {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        match self.fortran {
            true => to_row_major(&bytes, &self.shape, size),
            false => bytes,
        }
    }
}

/// Walks the result in order and the source by strides.
fn to_row_major(bytes: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(size, |stride, dim| {
            let this = *stride;
            *stride *= dim;
            Some(this)
        })
        .collect();
    let mut result = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    while result.len() < bytes.len() {
        result.extend_from_slice(&bytes[at..at + size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    result
}

/// Why there is no array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The header contradicts the format.
    Damaged(String),
    /// The elements are of a kind that is not read.
    Foreign(String),
}

impl Refusal {
    pub(crate) fn into_problem(self) -> String {
        match self {
            Refusal::Damaged(problem) | Refusal::Foreign(problem) => problem,
        }
    }
}

impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Refusal::Damaged(problem)
    }
}

/// Reads a header. The outer error is the reader's, the inner one says what is wrong.
pub(crate) fn read_header(from: &mut dyn Read) -> io::Result<Result<Array, Refusal>> {
    match read_to_data(from) {
        Err(cut) if cut.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(Err("it ends inside its header; fetch the file again"
                .to_owned()
                .into()))
        }
        result => result,
    }
}

fn read_to_data(from: &mut dyn Read) -> io::Result<Result<Array, Refusal>> {
    let mut start = [0; 8];
    from.read_exact(&mut start)?;
    let wide = match start {
        [m @ .., 1, _] if m == MAGIC => false,
        [m @ .., 2 | 3, _] if m == MAGIC => true,
        [m @ .., version, _] if m == MAGIC => {
            return Ok(Err(
                format!("version {version} of the format is not known").into()
            ));
        }
        _ => return Ok(Err("it does not start as an array does".to_owned().into())),
    };
    let mut length = [0; 4];
    let length_bytes = if wide { 4 } else { 2 };
    from.read_exact(&mut length[..length_bytes])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER {
        return Ok(Err(format!(
            "its header has {length} bytes, more than the limit of {MAX_HEADER}"
        )
        .into()));
    }
    let mut header = vec![0; length];
    from.read_exact(&mut header)?;
    let start = (start.len() + length_bytes + length) as u64;
    Ok(parse(&String::from_utf8_lossy(&header), start))
}

fn parse(header: &str, start: u64) -> Result<Array, Refusal> {
    let damaged = || Refusal::Damaged("its header is damaged".to_owned());
    let records = || Refusal::Foreign("its elements are records, not numbers".to_owned());
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    let mut text = Text(header);
    text.token('{').ok_or_else(damaged)?;
    while text.token('}').is_none() {
        let key = text.string().ok_or_else(damaged)?;
        text.token(':').ok_or_else(damaged)?;
        let again = match key {
            "descr" => descr.replace(text.string().ok_or_else(records)?).is_some(),
            "fortran_order" => fortran
                .replace(text.boolean().ok_or_else(damaged)?)
                .is_some(),
            "shape" => shape.replace(text.numbers().ok_or_else(damaged)?).is_some(),
            _ => true,
        };
        if again || (text.token(',').is_none() && !text.0.trim_start().starts_with('}')) {
            return Err(damaged());
        }
    }
    if !text.0.trim().is_empty() {
        return Err(damaged());
    }
    let (big_endian, dtype) = element(descr.ok_or_else(damaged)?).map_err(Refusal::Foreign)?;
    Ok(Array {
        dtype,
        shape: shape.ok_or_else(damaged)?,
        big_endian,
        fortran: fortran.ok_or_else(damaged)?,
        start,
    })
}

/// The byte order and the element type behind a code such as `<f4`.
fn element(code: &str) -> Result<(bool, DType), String> {
    let refused = |what: &str| Err(format!("its dtype {:?} is not supported{what}", code));
    let big_endian = match code.chars().next() {
        Some('<' | '|') => false,
        Some('>') => true,
        _ => return refused(""),
    };
    if code.starts_with('|') && code != "|O" && !code.ends_with('1') {
        return refused("");
    }
    match (by_code(&code[1..]), &code[1..]) {
        (Some(dtype), _) => Ok((big_endian, dtype)),
        (None, "O" | "O8") => refused(": Python objects are a pickle"),
        (None, "V2" | "V1") => {
            refused(": it may be bfloat16 or an 8-bit float, but the file does not tell")
        }
        (None, _) => refused(""),
    }
}

/// The rest of a header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn token(&mut self, token: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (string, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        (!string.contains('\\')).then_some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        let text = self.0.trim_start();
        let (value, rest) = match text.strip_prefix("True") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("False")?),
        };
        self.0 = rest;
        Some(value)
    }

    /// A tuple of numbers, which Python 2 ended by L.
    fn numbers(&mut self) -> Option<Vec<usize>> {
        self.token('(')?;
        let mut numbers = Vec::new();
        while self.token(')').is_none() {
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit())?;
            numbers.push(text[..end].parse().ok()?);
            self.0 = text[end..].strip_prefix('L').unwrap_or(&text[end..]);
            if self.token(',').is_none() && !self.0.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &str) -> Result<Array, Refusal> {
        parse(header, 128)
    }

    #[test]
    fn headers_of_every_writer() {
        let array =
            parsed("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n").unwrap();
        assert_eq!(
            (array.dtype, &array.shape[..], array.fortran),
            (DType::F32, &[3, 4][..], false)
        );
        let old = parsed("{\"shape\": (3L,), 'fortran_order': True, 'descr': \">i8\"}").unwrap();
        assert_eq!(
            (old.dtype, &old.shape[..], old.big_endian),
            (DType::I64, &[3][..], true)
        );
        let scalar = parsed("{'descr':'|b1','fortran_order':False,'shape':()}").unwrap();
        assert!(scalar.shape.is_empty());
    }

    #[test]
    fn damaged_headers() {
        for header in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} more",
            "{'descr': '\u{e9}4', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<V2', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        ] {
            assert!(parsed(header).is_err(), "{header}");
        }
    }

    #[test]
    fn columns_become_rows() {
        let array = Array {
            dtype: DType::U16,
            shape: vec![2, 1, 3],
            big_endian: true,
            fortran: true,
            start: 0,
        };
        let bytes = (0..6).flat_map(|n: u16| n.to_be_bytes()).collect();
        let rows: Vec<u8> = [0u16, 2, 4, 1, 3, 5]
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(array.arrange(bytes), rows);
    }
}
