//! Tables as CSV and JSON, for other programs: text is the data itself, not what a screen shows.

use std::collections::HashSet;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::format;
use crate::shown::shown;

/// Rows under headers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of the columns.
    pub headers: Vec<String>,
    /// The rows. One that is shorter than the headers ends in empty cells.
    pub rows: Vec<Vec<Cell>>,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// There is no value.
    Empty,
    /// Text as it stands in the store, with any characters.
    Text(String),
    /// A number; NaN and infinities occur.
    Number(f64),
    /// A whole number: steps, times in milliseconds.
    Integer(i64),
}

/// A table by RFC 4180: a line of headers, lines end with CR LF, text stays exactly what it is.
///
/// An empty text is `""` and a missing value nothing, so the two differ for readers that care.
pub fn csv(table: &Table) -> String {
    let mut out = String::new();
    let headers: Vec<String> = table.headers.iter().map(|header| quoted(header)).collect();
    line(&mut out, &headers);
    for row in &table.rows {
        let missing = table.headers.len().saturating_sub(row.len());
        let mut cells: Vec<String> = row.iter().map(field).collect();
        cells.extend(std::iter::repeat_n(String::new(), missing));
        line(&mut out, &cells);
    }
    out
}

fn line(out: &mut String, fields: &[String]) {
    match fields {
        // Readers skip an empty line, and the row would be lost.
        [only] if only.is_empty() => out.push_str("\"\""),
        fields => out.push_str(&fields.join(",")),
    }
    out.push_str("\r\n");
}

fn field(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => quoted(text),
        Cell::Number(number) => {
            format::no_number(*number).map_or_else(|| format!("{number:?}"), str::to_owned)
        }
        Cell::Integer(number) => number.to_string(),
    }
}

/// Text with quotes where they are needed. Blanks at the ends count: some readers trim them.
fn quoted(text: &str) -> String {
    if text.is_empty() || text.trim() != text || text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A table in Markdown, for people: numbers to four digits, text on one line.
pub fn markdown(table: &Table) -> String {
    let text = |text: &str| shown(text).as_str().replace('|', "\\|");
    let cell = |cell: &Cell| match cell {
        Cell::Empty => String::new(),
        Cell::Text(content) => text(content),
        Cell::Number(number) => format::number(*number),
        Cell::Integer(number) => number.to_string(),
    };
    let is_number = |place: usize| {
        let mut cells =
            table.rows.iter().filter_map(|row| row.get(place)).filter(|cell| **cell != Cell::Empty);
        cells.by_ref().next().is_some_and(|cell| matches!(cell, Cell::Number(_) | Cell::Integer(_)))
    };
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = line(table.headers.iter().map(|header| text(header)).collect());
    let rules =
        (0..table.headers.len()).map(|place| if is_number(place) { "---:" } else { "---" }.to_owned());
    out.push_str(&line(rules.collect()));
    for row in &table.rows {
        let missing = table.headers.len().saturating_sub(row.len());
        out.push_str(&line(
            row.iter().map(cell).chain(std::iter::repeat_n(String::new(), missing)).collect(),
        ));
    }
    out
}

/// A table separated by tabs, with a line of headers; tabs and ends of lines in a text become pictures of them.
pub fn tsv(table: &Table) -> String {
    let cell = |cell: &Cell| match cell {
        Cell::Text(text) => shown(text).into_string(),
        other => field(other),
    };
    let mut out = String::new();
    let mut line = |cells: Vec<String>| {
        out.push_str(&cells.join("\t"));
        out.push('\n');
    };
    line(table.headers.iter().map(|header| shown(header).into_string()).collect());
    table.rows.iter().for_each(|row| line(row.iter().map(cell).collect()));
    out
}

/// A table as an array of objects, one a line, with the headers as keys in their order. A missing value is `null`;
/// NaN and infinities, which JSON does not have, are the strings `NaN`, `Infinity` and `-Infinity`.
///
/// Keys are unique: of equal headers, later ones get a number (`name (2)`). Cells beyond the headers are left out.
pub fn json(table: &Table) -> String {
    let rows = objects(table);
    if rows.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", rows.join(",\n")) }
}

/// The same with one object a line, and nothing around them.
pub fn jsonl(table: &Table) -> String {
    objects(table).into_iter().map(|object| object + "\n").collect()
}

fn objects(table: &Table) -> Vec<String> {
    let keys = unique(&table.headers);
    // Keys are strings and no cell fails, so there is always a text.
    table.rows.iter().filter_map(|cells| serde_json::to_string(&Row { keys: &keys, cells }).ok()).collect()
}

fn unique(headers: &[String]) -> Vec<String> {
    let mut used: HashSet<String> = HashSet::new();
    let mut keys = Vec::with_capacity(headers.len());
    for header in headers {
        let mut key = header.clone();
        let mut number = 2;
        // A numbered key must not meet a header that is really called so.
        while used.contains(&key) || (number > 2 && headers.contains(&key)) {
            key = format!("{header} ({number})");
            number += 1;
        }
        used.insert(key.clone());
        keys.push(key);
    }
    keys
}

struct Row<'a> {
    keys: &'a [String],
    cells: &'a [Cell],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.keys.len()))?;
        for (place, key) in self.keys.iter().enumerate() {
            map.serialize_entry(key, self.cells.get(place).unwrap_or(&Cell::Empty))?;
        }
        map.end()
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Number(number) => match format::no_number(*number) {
                Some(word) => serializer.serialize_str(word),
                None => serializer.serialize_f64(*number),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(headers: &[&str], rows: Vec<Vec<Cell>>) -> Table {
        Table { headers: headers.iter().map(|h| (*h).to_owned()).collect(), rows }
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    /// A strict reader of what RFC 4180 allows, so that the tests do not trust the writer.
    fn read(csv: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field, mut inside) = (Vec::new(), Vec::new(), String::new(), false);
        let mut characters = csv.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '"' if inside && characters.peek() == Some(&'"') => field.extend(characters.next()),
                '"' => inside = !inside,
                ',' if !inside => row.push(std::mem::take(&mut field)),
                '\r' if !inside => {
                    assert_eq!(characters.next(), Some('\n'));
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                c => field.push(c),
            }
        }
        assert!(!inside && field.is_empty() && row.is_empty());
        rows
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let table = table(
            &["run, name", "loss"],
            vec![
                vec![text("say \"hi\""), Cell::Number(0.1)],
                vec![text("two\nlines"), Cell::Number(f64::NAN)],
                vec![text(""), Cell::Number(f64::NEG_INFINITY)],
                vec![Cell::Empty, Cell::Integer(i64::MIN)],
                vec![text("한글")],
            ],
        );
        let want = "\"run, name\",loss\r\n\"say \"\"hi\"\"\",0.1\r\n\"two\nlines\",NaN\r\n\"\",-Infinity\r\n\
                    ,-9223372036854775808\r\n한글,\r\n";
        assert_eq!(csv(&table), want);
    }

    #[test]
    fn csv_of_one_column_keeps_empty_rows() {
        assert_eq!(csv(&table(&["a"], vec![vec![Cell::Empty], vec![]])), "a\r\n\"\"\r\n\"\"\r\n");
    }

    #[test]
    fn json_keeps_the_order_and_the_odd() {
        let table = table(
            &["b", "a", "b"],
            vec![
                vec![Cell::Number(f64::NAN), Cell::Integer(7), text("x\"\u{1b}")],
                vec![Cell::Number(1e300)],
            ],
        );
        assert_eq!(
            json(&table),
            "[\n{\"b\":\"NaN\",\"a\":7,\"b (2)\":\"x\\\"\\u001b\"},\n{\"b\":1e+300,\"a\":null,\"b (2)\":null}\n]\n"
        );
        assert_eq!(json(&Table::default()), "[]\n");
    }

    #[test]
    fn keys_are_unique_even_against_numbered_headers() {
        let headers = ["a", "a", "a (2)"].map(str::to_owned);
        assert_eq!(unique(&headers), ["a", "a (3)", "a (2)"]);
    }

    proptest! {
        #[test]
        fn text_comes_back(rows in proptest::collection::vec(proptest::collection::vec("[ab,\"\r\n é가]*", 3), 0..8)) {
            let table = Table {
                headers: vec!["x".into(), "y\n".into(), "".into()],
                rows: rows.iter().map(|row| row.iter().map(|t| text(t)).collect()).collect(),
            };
            let mut want = vec![table.headers.clone()];
            want.extend(rows);
            prop_assert_eq!(read(&csv(&table)), want);
        }

        #[test]
        fn numbers_come_back(number in any::<f64>()) {
            let table = table(&["n"], vec![vec![Cell::Number(number)]]);
            let back: f64 = read(&csv(&table))[1][0].parse().unwrap();
            prop_assert!(back.to_bits() == number.to_bits() || number.is_nan() && back.is_nan());
            let written = json(&table).replace(['[', ']', '{', '}', '"', '\n'], "").replace("n:", "");
            let back: f64 = written.parse().unwrap();
            prop_assert!(back.to_bits() == number.to_bits() || number.is_nan() && back.is_nan());
        }
    }
}
