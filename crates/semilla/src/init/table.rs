//! Tables of parameters: what is read is set, the rest keeps its default.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Error, MapAccess, Visitor};

/// The parameters of one initializer.
pub(super) trait Parameters: Default {
    /// Their names.
    const NAMES: &'static [&'static str];

    /// Sets the parameter `name` to the table's next value.
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, table: &mut A) -> Result<(), A::Error>;

    /// The parameters that are not their defaults, with their values as text.
    fn changed(&self) -> Vec<(&'static str, String)>;
}

/// The parameters of a table.
pub(super) fn read<'de, P: Parameters, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<P, D::Error> {
    deserializer.deserialize_map(Table(PhantomData))
}

/// An error within the table or the value that `name` has.
pub(super) fn within<E: Error>(name: &str, error: &E) -> E {
    E::custom(format_args!("{name}: {error}"))
}

struct Table<P>(PhantomData<P>);

impl<'de, P: Parameters> Visitor<'de> for Table<P> {
    type Value = P;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<P, A::Error> {
        let mut parameters = P::default();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = table.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format_args!("{name} is given twice")));
            }
            parameters.read(&name, &mut table)?;
            seen.push(name);
        }
        Ok(parameters)
    }
}
