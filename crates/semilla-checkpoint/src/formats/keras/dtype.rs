//! Element types of datasets.

use hdf5_reader::{ByteOrder, Dataset, Datatype};
use semilla::DType;

use super::attributes::Attributes;
use super::reader::{Problem, problem};

/// How an element is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct ElementType {
    pub(super) dtype: DType,
    pub(super) big_endian: bool,
}

/// IEEE and bfloat16 numbers as HDF5 describes them: bits, exponent's place and size, mantissa's place and size, bias.
const FLOATS: [(u16, [u8; 4], u32, DType); 4] = [
    (64, [52, 11, 0, 52], 1023, DType::F64),
    (32, [23, 8, 0, 23], 127, DType::F32),
    (16, [10, 5, 0, 10], 15, DType::F16),
    (16, [7, 8, 0, 7], 127, DType::BF16),
];

pub(super) fn of(dataset: &Dataset) -> Result<ElementType, Problem> {
    let refuse = |what: &str| {
        Err(format!(
            "elements that are {what} cannot be read as a tensor"
        ))
    };
    let (dtype, byte_order) = match dataset.dtype() {
        Datatype::FloatingPoint { byte_order, .. } => {
            let raw = dataset.raw_datatype().map_err(|e| problem(&e))?;
            match float(&raw) {
                Some(dtype) => (dtype, *byte_order),
                None => return refuse("floating-point numbers of an unusual format"),
            }
        }
        Datatype::FixedPoint {
            size,
            signed,
            byte_order,
        } => {
            let raw = dataset.raw_datatype().map_err(|e| problem(&e))?;
            match integer(*size, *signed).filter(|_| whole(&raw, *size)) {
                Some(dtype) => (dtype, *byte_order),
                None => return refuse("integers of an unusual size"),
            }
        }
        Datatype::Enum { base, members } if is_bool(base, members) => {
            (DType::Bool, ByteOrder::LittleEndian)
        }
        // Keras hands HDF5 two nameless bytes and says beside them what they are.
        Datatype::Opaque { size: 2, .. }
            if Attributes::of_dataset(dataset)?.text("dtype").as_deref() == Some("bfloat16") =>
        {
            (DType::BF16, ByteOrder::LittleEndian)
        }
        Datatype::Enum { .. } => return refuse("an enumeration"),
        Datatype::Opaque { .. } => return refuse("opaque"),
        Datatype::String { .. } => return refuse("text"),
        Datatype::VarLen { .. } => return refuse("of variable length"),
        Datatype::Compound { .. } => return refuse("compounds (such as complex numbers)"),
        Datatype::Array { .. } => return refuse("arrays"),
        Datatype::Reference { .. } => return refuse("references"),
        Datatype::Bitfield { .. } => return refuse("bit fields"),
    };
    Ok(ElementType {
        dtype,
        big_endian: byte_order == ByteOrder::BigEndian && dtype.size() > 1,
    })
}

/// The type that the bytes of a datatype message describe exactly.
fn float(raw: &[u8]) -> Option<DType> {
    let property = raw.get(8..20)?;
    let half = |at: usize| u16::from_le_bytes([property[at], property[at + 1]]);
    let bias = u32::from_le_bytes(property[8..].try_into().ok()?);
    let size = u32::from_le_bytes(raw[4..8].try_into().ok()?);
    // Not VAX order, an implied leading bit, the sign in the highest bit.
    let usual = raw[1] & 0x70 == 0x20 && u16::from(raw[2]) + 1 == half(2) && half(0) == 0;
    FLOATS
        .iter()
        .find(|(bits, places, of_bias, _)| {
            (half(2), &property[4..8], bias) == (*bits, &places[..], *of_bias)
        })
        .filter(|(bits, ..)| usual && size == u32::from(*bits) / 8)
        .map(|(.., dtype)| *dtype)
}

fn integer(size: u8, signed: bool) -> Option<DType> {
    Some(match (size, signed) {
        (1, false) => DType::U8,
        (1, true) => DType::I8,
        (2, false) => DType::U16,
        (2, true) => DType::I16,
        (4, false) => DType::U32,
        (4, true) => DType::I32,
        (8, false) => DType::U64,
        (8, true) => DType::I64,
        _ => return None,
    })
}

/// Whether an integer has all the bits of its bytes.
fn whole(raw: &[u8], size: u8) -> bool {
    raw.get(8..12) == Some(&[0, 0, size * 8, 0][..])
}

/// What h5py makes of NumPy's booleans.
fn is_bool(base: &Datatype, members: &[hdf5_reader::EnumMember]) -> bool {
    let byte = matches!(base, Datatype::FixedPoint { size: 1, .. });
    let mut pairs: Vec<_> = members
        .iter()
        .map(|member| (&*member.name, &*member.value))
        .collect();
    pairs.sort_unstable();
    byte && pairs == [("FALSE", &[0][..]), ("TRUE", &[1][..])]
}
