//! Aligned columns of text.

/// Rows under a header; columns are as wide as their widest cell.
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

const GAP: &str = "  ";
/// A column is not squeezed below this.
const NARROWEST: usize = 12;

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self {
            header: header.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// The table as text. Within `width` columns of a terminal, the first column gives up its middle and the last its end;
    /// without, nothing is cut.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let columns = self.header.len();
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let mut widths: Vec<usize> = (0..columns)
            .map(|c| lines().map(|row| length(&row[c])).max().unwrap_or(0))
            .collect();
        if let Some(width) = width {
            squeeze(&mut widths, width);
        }
        let mut text = String::new();
        for (number, row) in lines().enumerate() {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let cut = if c == 0 {
                    cut_middle(cell, widths[c])
                } else {
                    cut_end(cell, widths[c])
                };
                let padding = widths[c] - length(&cut);
                line += &cut;
                if c + 1 < columns {
                    line += &" ".repeat(padding);
                    line += GAP;
                }
            }
            let line = line.trim_end();
            if number == 0 {
                text += &format!("{BOLD}{line}{BOLD:#}\n");
            } else {
                text += &format!("{line}\n");
            }
        }
        text
    }
}

const BOLD: anstyle::Style = anstyle::Style::new().bold();

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Takes from the last column first, then from the first.
fn squeeze(widths: &mut [usize], width: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
    for column in [widths.len().saturating_sub(1), 0] {
        let Some(own) = widths.get_mut(column) else {
            return;
        };
        let taken = excess.min(own.saturating_sub(NARROWEST));
        *own -= taken;
        excess -= taken;
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
    let (front, back) = (kept / 2, kept - kept / 2);
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
        table.row(["é".into(), "22".into(), "".into()]);
        let plain = |width| anstream::adapter::strip_str(&table.render(width)).to_string();
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
}
