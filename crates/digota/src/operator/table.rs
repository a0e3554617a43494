//! Columns for people.

/// Rows as lines whose columns begin at the same place; the first row is the heading.
pub(super) fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> =
        (0..N).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A span of time in its two largest units: `3 h 20 min`.
pub(super) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headings() {
        let rows = [["ID", "WHAT"], ["7", "a"], ["1234", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(align(&rows), "ID    WHAT\n7     a\n1234\n");
    }

    #[test]
    fn spans_are_as_exact_as_their_length_deserves() {
        for (seconds, text) in
            [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7260, "2 h 1 min"), (180_000, "2 d 2 h")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
