//! Aligned columns of text.

use std::borrow::Cow;
use std::io::{self, Write};

/// Rows under a header; columns are as wide as their widest cell.
#[derive(Clone)]
pub(crate) struct Table {
    columns: usize,
    /// A line for each row, the header's first, of cells with tabs between them: a file may have a
    /// million tensors, and a text for each cell would be most of the memory.
    text: String,
    /// Columns that may be left out where a terminal is too narrow, the first of them first.
    spare: Vec<&'static str>,
}

const GAP: &str = "  ";
/// A column is not squeezed below this.
const NARROWEST: usize = 12;

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut table = Self {
            columns: N,
            text: String::new(),
            spare: Vec::new(),
        };
        table.line(header);
        table
    }

    /// Lets these columns be left out where a terminal is too narrow, the first of them first.
    pub(crate) fn spare(&mut self, columns: &[&'static str]) {
        self.spare = columns.to_vec();
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.line(cells.each_ref().map(String::as_str));
    }

    fn line<const N: usize>(&mut self, cells: [&str; N]) {
        for (column, cell) in cells.into_iter().enumerate() {
            if column > 0 {
                self.text.push('\t');
            }
            // A cell stays one, whatever it quotes.
            self.text.extend(cell.chars().filter(|c| !c.is_control()));
        }
        self.text.push('\n');
    }

    /// Takes out those of these columns that say the same in each of several rows, and hands out
    /// their headers and cells.
    pub(crate) fn drop_same(&mut self, columns: &[&str]) -> Vec<(String, String)> {
        let header = self.header();
        let mut rows = self.text.lines().skip(1);
        let Some(first) = rows.next().filter(|_| rows.clone().next().is_some()) else {
            return Vec::new();
        };
        let first: Vec<&str> = first.split('\t').collect();
        let mut is_same: Vec<bool> = header.iter().map(|name| columns.contains(name)).collect();
        for row in rows {
            for ((is_same, cell), first) in is_same.iter_mut().zip(row.split('\t')).zip(&first) {
                *is_same &= cell == *first;
            }
        }
        let all = header.iter().zip(&first).zip(&is_same);
        let same = all.filter(|(_, is_same)| **is_same);
        let same = same.map(|((name, cell), _)| (name.to_string(), cell.to_string()));
        let same = same.collect();
        self.retain(|column| !is_same[column]);
        same
    }

    /// Takes out a column.
    pub(crate) fn remove(&mut self, column: &str) {
        if let Some(place) = self.header().iter().position(|header| *header == column) {
            self.retain(|column| column != place);
        }
    }

    /// The table without those spare columns that must go for the others to fit; and their headers.
    pub(crate) fn fitting(&self, width: Option<usize>) -> (Cow<'_, Self>, Vec<&'static str>) {
        let mut table = Cow::Borrowed(self);
        let mut left_out = Vec::new();
        for &name in &self.spare {
            if width.is_none_or(|width| excess(&table.widths(), width) == 0) {
                break;
            }
            if let Some(spare) = table.header().iter().position(|header| *header == name) {
                table.to_mut().retain(|column| column != spare);
                left_out.push(name);
            }
        }
        (table, left_out)
    }

    fn header(&self) -> Vec<&str> {
        let header = self.text.lines().next().unwrap_or_default();
        header.split('\t').collect()
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.columns];
        for line in self.text.lines() {
            for (width, cell) in widths.iter_mut().zip(line.split('\t')) {
                *width = length(cell).max(*width);
            }
        }
        widths
    }

    fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut text = String::with_capacity(self.text.len());
        for line in self.text.lines() {
            let cells = line.split('\t').enumerate();
            let kept = cells.filter(|(column, _)| is_kept(*column));
            let kept: Vec<&str> = kept.map(|(_, cell)| cell).collect();
            text += &kept.join("\t");
            text.push('\n');
        }
        self.text = text;
        self.columns = (0..self.columns).filter(|&column| is_kept(column)).count();
    }

    /// Writes the table. Within `width` columns of a terminal, the first column gives up its middle
    /// and the last its end; without, nothing is cut.
    pub(crate) fn write(&self, width: Option<usize>, out: &mut impl Write) -> io::Result<()> {
        let mut widths = self.widths();
        if let Some(width) = width {
            squeeze(&mut widths, width);
        }
        for (number, row) in self.text.lines().enumerate() {
            let mut line = String::new();
            for (c, cell) in row.split('\t').enumerate() {
                let cut = if c == 0 {
                    cut_middle(cell, widths[c])
                } else {
                    cut_end(cell, widths[c])
                };
                let padding = widths[c] - length(&cut);
                line += &cut;
                if c + 1 < self.columns {
                    line += &" ".repeat(padding);
                    line += GAP;
                }
            }
            let line = line.trim_end();
            if number == 0 {
                writeln!(out, "{BOLD}{line}{BOLD:#}")?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

const BOLD: anstyle::Style = anstyle::Style::new().bold();

fn length(text: &str) -> usize {
    text.chars().count()
}

/// How much wider than `width` the columns are.
fn excess(widths: &[usize], width: usize) -> usize {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    (widths.iter().sum::<usize>() + gaps).saturating_sub(width)
}

/// Takes from whichever column is the widest, until the table fits. The first one, which names the
/// rows, counts half.
fn squeeze(widths: &mut [usize], width: usize) {
    for _ in 0..excess(widths, width) {
        let wide = widths
            .iter_mut()
            .enumerate()
            .filter(|(_, width)| **width > NARROWEST);
        let widest =
            wide.max_by_key(|(column, width)| if *column == 0 { **width / 2 } else { **width });
        match widest {
            Some((_, widest)) => *widest -= 1,
            None => return,
        }
    }
}

fn cut_end(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    text.chars()
        .take(width.saturating_sub(1))
        .chain(['…'])
        .collect()
}

fn cut_middle(text: &str, width: usize) -> String {
    let len = length(text);
    if len <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    // The end of a name tells more than its start.
    let (front, back) = (kept / 3, kept - kept / 3);
    text.chars()
        .take(front)
        .chain(['…'])
        .chain(text.chars().skip(len - back))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_give_way() {
        let mut table = Table::new(["tensor", "n", "why"]);
        table.row([
            "layers.0.attention.weight".into(),
            "1".into(),
            "a long reason for it".into(),
        ]);
        table.row(["\u{1b}é".into(), "2\t2\n".into(), "".into()]);
        let plain = |width| {
            let mut text = Vec::new();
            table.write(width, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            anstream::adapter::strip_str(&text).to_string()
        };
        assert_eq!(
            plain(None),
            "tensor                     n   why\n\
             layers.0.attention.weight  1   a long reason for it\n\
             é                          22\n"
        );
        for line in plain(Some(40)).lines() {
            assert!(length(line) <= 40, "{line}");
        }
        assert!(plain(Some(40)).contains("…"));
        assert!(!plain(Some(5)).is_empty());
    }

    #[test]
    fn columns_that_are_not_needed_are_left_out() {
        let mut table = Table::new(["tensor", "dtype", "zeros", "n"]);
        let row = |name: &str, zeros: &str| [name, "F32", zeros, "1"].map(str::to_owned);
        table.row(row("a", "0"));
        assert_eq!(table.drop_same(&["dtype"]), []);
        table.row(row("b", "5%"));
        let same = table.drop_same(&["dtype", "zeros"]);
        assert_eq!(same, [("dtype".to_owned(), "F32".to_owned())]);
        assert_eq!(
            text(&table),
            "tensor  zeros  n\na       0      1\nb       5%     1\n"
        );
        table.spare(&["zeros", "n"]);
        assert!(table.fitting(None).1.is_empty());
        let (fitting, left_out) = table.fitting(Some(12));
        assert_eq!(left_out, ["zeros"]);
        assert_eq!(text(&fitting), "tensor  n\na       1\nb       1\n");
    }

    fn text(table: &Table) -> String {
        let mut text = Vec::new();
        table.write(None, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }
}
