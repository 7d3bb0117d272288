//! Tables for people: columns as wide as they need to be, numbers to the right.

/// A table of text.
#[derive(Clone, Debug)]
pub struct Table {
    header: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns. A column whose title starts with `>` is aligned to the right.
    #[must_use]
    pub fn new(columns: &[&'static str]) -> Self {
        let right = columns.iter().map(|title| title.starts_with('>')).collect();
        let header = columns.iter().map(|title| title.strip_prefix('>').unwrap_or(title)).collect();
        Self { header, right, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| one_line(&cell)).collect());
    }

    /// The table as lines, without blanks at their ends.
    #[must_use]
    pub fn render(&self) -> String {
        let header: Vec<String> = self.header.iter().map(|title| title.to_uppercase()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&header]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        let lines = [&header].into_iter().chain(&self.rows).map(|row| self.line(row, &widths));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells =
            row.iter().zip(widths).zip(&self.right).map(|((cell, width), right)| {
                if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

/// Control characters would break the table, or the terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_needed() {
        let mut table = Table::new(&["model", ">calls", "state"]);
        table.row(["openai/gpt-4.1".into(), "7".into(), "ok".into()]);
        table.row(["é".into(), "12345678".into(), "line\nbreak\x1b[0m".into()]);
        let expected = [
            "MODEL              CALLS  STATE",
            "openai/gpt-4.1         7  ok",
            "é               12345678  line break [0m",
        ];
        assert_eq!(table.render(), expected.join("\n"));
    }

    #[test]
    fn an_empty_table_is_its_header() {
        assert_eq!(Table::new(&["a", ">b"]).render(), "A  B");
    }
}
