use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `5GB`, `1.5GiB`, `500MB` or `4096`.
///
/// `KB`, `MB`, `GB`, `TB` are powers of 1000 and `KiB`, `MiB`, `GiB`, `TiB` of 1024, in any case
/// and always bytes. The size is never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

const UNITS: [(&str, u64); 10] = [
    ("TIB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GIB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MIB", 1 << 20),
    ("MB", 1_000_000),
    ("KIB", 1 << 10),
    ("KB", 1000),
    ("B", 1),
    ("", 1),
];

/// The text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size; write a positive number and a unit, such as 5GB, 500MB or 2GiB")]
pub struct InvalidByteSize(pub String);

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        parse(text)
            .map(Self)
            .ok_or_else(|| InvalidByteSize(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|&(name, unit)| Some((upper.strip_suffix(name)?.trim_end(), unit)))?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 9 {
        return None;
    }
    let fraction: u64 = format!("{decimals:0<9}").parse().ok()?;
    let fraction = u128::from(unit) * u128::from(fraction) / 1_000_000_000;
    let bytes = whole
        .parse::<u64>()
        .ok()?
        .checked_mul(unit)?
        .checked_add(fraction as u64)?;
    (bytes > 0).then_some(bytes)
}

impl fmt::Display for ByteSize {
    /// The number with the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(&str, u64); 8] = [
            ("TiB", 1 << 40),
            ("TB", 1_000_000_000_000),
            ("GiB", 1 << 30),
            ("GB", 1_000_000_000),
            ("MiB", 1 << 20),
            ("MB", 1_000_000),
            ("KiB", 1 << 10),
            ("KB", 1000),
        ];
        let fitting = NAMES.iter().find(|(_, unit)| self.0.is_multiple_of(*unit));
        let (name, unit) = fitting.copied().unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_and_print() {
        for (text, bytes, printed) in [
            ("5GB", 5_000_000_000, "5GB"),
            (" 500 mb ", 500_000_000, "500MB"),
            ("2GiB", 2 << 30, "2GiB"),
            ("1.5GB", 1_500_000_000, "1500MB"),
            ("0.5KiB", 512, "512B"),
            ("1000000", 1_000_000, "1MB"),
            ("7b", 7, "7B"),
            ("16777215TiB", 16_777_215 << 40, "16777215TiB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.bytes(), bytes, "{text}");
            assert_eq!(size.to_string(), printed);
            assert_eq!(printed.parse(), Ok(size));
        }
        for text in [
            "",
            "GB",
            "0",
            "0.0GB",
            "-1GB",
            "1e9",
            ".5GB",
            "1.2.3",
            "5 G",
            "16777216TiB",
            "٣GB",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
