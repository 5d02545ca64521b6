//! The macro behind the table of initializers.
//!
//! One entry of the table becomes a struct of parameters with defaults and setters, a variant of
//! [`Initializer`](super::Initializer), its name and aliases in text, and a function that makes it.

macro_rules! initializers {
    ($(
        $(#[$doc:meta])*
        $name:ident / $function:ident
        $(also $($alias:literal $(with $set:ident = $to:expr)?),+;)?
        {
            $($(#[$field_doc:meta])* $field:ident: $type:ident $(<$inner:ident>)? = $default:expr,)*
        }
    )*) => {
        /// Any initializer.
        ///
        /// In text it is its name, with the parameters that are not the defaults in parentheses:
        /// `kaiming_normal`, `kaiming_normal(mode=fan_out)`. In JSON and TOML it is its name or a
        /// table: `"kaiming_normal"`, `{ kaiming_normal = { mode = "fan_out" } }`.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Initializer {
            $(
                #[doc = concat!("[`", stringify!($name), "`].")]
                $name($name),
            )*
        }

        impl Initializer {
            /// The name of every initializer.
            pub const NAMES: [&str; [$(stringify!($function)),*].len()] =
                [$(stringify!($function)),*];

            /// Other names that are read: the alias, the name, and what the alias sets.
            pub(super) const ALIASES: &[Alias] = &[$($($(Alias {
                alias: $alias,
                name: stringify!($function),
                set: |_initializer| {
                    $(if let Initializer::$name(parameters) = _initializer {
                        parameters.$set = $to;
                    })?
                },
            },)+)?)*];

            /// The name, without parameters.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($function),)* }
            }

            /// The concrete values for a tensor.
            ///
            /// A tensor of several blocks (fused projections, gates) is resolved block by block,
            /// each with its own fans.
            ///
            /// # Errors
            /// A missing layout, a shape that the initializer is not made for, an expression
            /// without a value, parameters out of range, or an element type that cannot hold the
            /// values.
            pub fn resolve(
                &self,
                tensor: &Tensor,
                context: &Context,
            ) -> Result<Resolved, InitError> {
                resolve(self.name(), self.formula(), tensor, context)
            }

            /// The values of a tensor under a seed, in the tensor's own element type.
            ///
            /// # Errors
            /// As [`Initializer::resolve`]; also when `E` is not the tensor's element type.
            pub fn generate<E: Element>(
                &self,
                tensor: &Tensor,
                seed: u64,
            ) -> Result<Vec<E>, InitError> {
                generate(self.name(), self.formula(), tensor, seed)
            }

            pub(super) fn formula(&self) -> &dyn Formula {
                match self { $(Self::$name(parameters) => parameters,)* }
            }

            /// The parameters that are not their defaults, with their values as text.
            pub(super) fn changed(&self) -> Vec<(&'static str, String)> {
                match self { $(Self::$name(parameters) => parameters.changed(),)* }
            }

            pub(super) fn by_name(name: &str) -> Option<Self> {
                match name { $(stringify!($function) => Some($function().into()),)* _ => None }
            }

            /// Reads the parameters of the initializer `name`; `None` if there is no such name.
            pub(super) fn from_table<'de, A: MapAccess<'de>>(
                name: &str,
                table: &mut A,
            ) -> Option<Result<Self, A::Error>> {
                Some(match name {
                    $(stringify!($function) => table.next_value::<$name>().map(Self::from),)*
                    _ => return None,
                })
            }

            pub(super) fn to_table<M: SerializeMap>(&self, table: &mut M) -> Result<(), M::Error> {
                match self {
                    $(Self::$name(parameters) => {
                        table.serialize_entry(stringify!($function), parameters)
                    })*
                }
            }
        }

        $(
            $(#[$doc])*
            ///
            #[doc = concat!(
                "In text: `", stringify!($function), "`" $($(, ", `", $alias, "`")+)?, "."
            )]
            #[derive(Clone, Debug, PartialEq, Serialize)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type $(<$inner>)?,)*
            }

            impl Default for $name {
                fn default() -> Self {
                    Self { $($field: $default,)* }
                }
            }

            impl $name {
                $(setter! { $(#[$field_doc])* $field: $type $(<$inner>)? })*

                /// The concrete values for a tensor; see [`Initializer::resolve`].
                ///
                /// # Errors
                /// As [`Initializer::resolve`].
                pub fn resolve(
                    &self,
                    tensor: &Tensor,
                    context: &Context,
                ) -> Result<Resolved, InitError> {
                    resolve(stringify!($function), self, tensor, context)
                }

                /// The values of a tensor under a seed; see [`Initializer::generate`].
                ///
                /// # Errors
                /// As [`Initializer::generate`].
                pub fn generate<E: Element>(
                    &self,
                    tensor: &Tensor,
                    seed: u64,
                ) -> Result<Vec<E>, InitError> {
                    generate(stringify!($function), self, tensor, seed)
                }
            }

            impl From<$name> for Initializer {
                fn from(parameters: $name) -> Self {
                    Initializer::$name(parameters)
                }
            }

            impl Parameters for $name {
                const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

                fn read<'de, A: MapAccess<'de>>(
                    &mut self,
                    name: &str,
                    _table: &mut A,
                ) -> Result<(), A::Error> {
                    $(if name == stringify!($field) {
                        self.$field = _table.next_value().map_err(|error| within(name, &error))?;
                        return Ok(());
                    })*
                    Err(A::Error::unknown_field(name, Self::NAMES))
                }

                fn changed(&self) -> Vec<(&'static str, String)> {
                    let all: Vec<Option<(&'static str, String)>> = vec![$(
                        (self.$field != Self::default().$field)
                            .then(|| (stringify!($field), self.$field.text())),
                    )*];
                    all.into_iter().flatten().collect()
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    read(deserializer)
                }
            }

            #[doc = concat!("[`", stringify!($name), "`] with its defaults.")]
            pub fn $function() -> $name {
                $name::default()
            }
        )*
    };
}

/// The setter of one parameter, which takes whatever becomes the parameter's type.
macro_rules! setter {
    ($(#[$doc:meta])* $field:ident: Scalar) => {
        setter! { @ $(#[$doc])* $field, impl Into<Scalar>, $field.into() }
    };
    ($(#[$doc:meta])* $field:ident: Box<$inner:ident>) => {
        setter! { @ $(#[$doc])* $field, impl Into<$inner>, Box::new($field.into()) }
    };
    ($(#[$doc:meta])* $field:ident: Option<$inner:ident>) => {
        setter! { @ $(#[$doc])* $field, impl Into<$inner>, Some($field.into()) }
    };
    ($(#[$doc:meta])* $field:ident: Vec<$inner:ident>) => {
        setter! {
            @ $(#[$doc])* $field, impl IntoIterator<Item = impl Into<$inner>>,
            $field.into_iter().map(Into::into).collect()
        }
    };
    ($(#[$doc:meta])* $field:ident: $type:ident) => {
        setter! { @ $(#[$doc])* $field, $type, $field }
    };
    (@ $(#[$doc:meta])* $field:ident, $given:ty, $value:expr) => {
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, $field: $given) -> Self {
            self.$field = $value;
            self
        }
    };
}

pub(super) use {initializers, setter};
