//! The output of a command: tables and sentences for people, JSON for machines.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::show::table::Table;

/// Where output goes, in the form that was asked for. Colours go to terminals only, and respect
/// `NO_COLOR`.
pub(crate) struct Output {
    out: Sink,
    json: bool,
    /// The columns that a table may take.
    width: Option<usize>,
}

enum Sink {
    Standard(anstream::AutoStream<io::Stdout>),
    Text(anstream::StripStream<Vec<u8>>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Standard(out) => out.write(bytes),
            Sink::Text(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Standard(out) => out.flush(),
            Sink::Text(out) => out.flush(),
        }
    }
}

impl Output {
    /// Standard output.
    pub(crate) fn new(json: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            out: Sink::Standard(anstream::stdout()),
            json,
            width: is_terminal.then(terminal_width).flatten(),
        }
    }

    /// What is shown, as a text for a place of this width.
    pub(crate) fn text(
        width: Option<usize>,
        show: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let mut output = Self {
            out: Sink::Text(anstream::StripStream::new(Vec::new())),
            json: false,
            width,
        };
        show(&mut output)?;
        let bytes = match output.out {
            Sink::Text(out) => out.into_inner(),
            Sink::Standard(_) => Vec::new(),
        };
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A document for machines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        // Standard output writes line by line, and a plan has many.
        let mut out = BufWriter::new(&mut self.out);
        serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }

    /// A table, within the terminal if that is where it goes.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        let width = self.width;
        let (fitting, left_out) = table.fitting(width);
        let mut out = BufWriter::new(&mut self.out);
        fitting.write(width, &mut out)?;
        out.flush()?;
        drop(out);
        match left_out.is_empty() {
            true => Ok(()),
            false => self.line(format_args!("no room for: {}", left_out.join(", "))),
        }
    }

    /// The columns that a table leaves out because they are the same in all rows.
    pub(crate) fn same(&mut self, columns: &[(String, String)]) -> Result<(), Failure> {
        if columns.is_empty() {
            return Ok(());
        }
        let columns = columns
            .iter()
            .map(|(column, cell)| format!("{column} {cell}"));
        let columns: Vec<String> = columns.collect();
        self.line(format_args!("all: {}", columns.join(", ")))
    }

    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }
}

fn terminal_width() -> Option<usize> {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
}
