//! Fixed texts, written as a list.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $en:literal, $es:literal;)*) => {
        $($(#[$doc])* pub const $name: $crate::text::Text = $crate::text::Text::new($en, $es);)*
    };
}
