//! Tables for people.

use review::escape;

/// Rows of texts under a heading, in columns. A column is aligned to the right when its heading
/// starts with `>`, which is not shown.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let titles = heading.iter().map(|title| title.trim_start_matches('>').to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(titles)
        .chain(rows.iter().map(|row| row.iter().map(|cell| escape(cell).into_owned()).collect()))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..heading.len()).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(heading).map(|((cell, width), title)| {
            if title.starts_with('>') {
                format!("{cell:>width$}")
            } else {
                format!("{cell:width$}")
            }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_and_nothing_moves_the_cursor() {
        let rows =
            [vec!["a\u{1b}".to_owned(), "1".to_owned()], vec!["b".to_owned(), "10".to_owned()]];
        assert_eq!(table(&["name", ">n"], &rows), "name      n\na\\u{1b}   1\nb        10\n");
    }
}
