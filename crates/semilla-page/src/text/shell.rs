//! The words that all pages share.

use super::Text;

/// The button that changes the language; each language names the other.
pub const LANGUAGE: Text = Text::new("Español", "English");
/// What the button that changes the colours does.
pub const THEME: Text = Text::new("Light or dark", "Claro u oscuro");
/// The link past the head of a page.
pub const SKIP: Text = Text::new("Skip to content", "Ir al contenido");
/// The button that copies a text.
pub const COPY: Text = Text::new("Copy", "Copiar");
/// What the button says once that is done.
pub const COPIED: Text = Text::new("Copied", "Copiado");
/// Below every page.
pub const MADE_BY: Text = Text::new("Made by semilla", "Hecho con semilla");
/// The button that saves a table.
pub const SAVE_CSV: Text = Text::new("Save as CSV", "Guardar como CSV");
