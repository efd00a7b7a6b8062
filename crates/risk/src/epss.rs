//! EPSS: the chance that a vulnerability is exploited within the next 30 days.

use crate::Cve;
use crate::fault::{Fault, text};
use csv::{ErrorKind, ReaderBuilder, StringRecord};
use record::Date;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Largest feed that is read, in bytes, unpacked. The whole public feed has about a tenth.
const LARGEST: usize = 128 << 20;
const EXPECTED: &str = "EPSS scores as CSV, with a header such as cve,epss,percentile";
/// Names of the columns: those of the public feed, then those that the reference system takes.
const ID_COLUMNS: [&str; 2] = ["cve", "cve_id"];
const SCORE_COLUMNS: [&str; 2] = ["epss", "score"];

/// The scores of one day, by one version of the model. Scores of different versions must not be
/// mixed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Epss {
    /// The version of the model, where the feed says it.
    pub model_version: Option<String>,
    /// The day of the scores, where the feed says it.
    pub date: Option<Date>,
    scores: HashMap<Cve, f64>,
}

impl Epss {
    /// Reads a feed, plain or packed by gzip.
    ///
    /// # Errors
    /// When it is no such feed, is cut, has no score at all, or a score is none; with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = text(bytes, LARGEST, EXPECTED)?;
        let mut feed = Self::default();
        feed.read_comments(&text)?;
        feed.read_rows(&text)?;
        match feed.is_empty() {
            true => Err(Fault::new(format!("has no score; expected {EXPECTED}"))),
            false => Ok(feed),
        }
    }

    /// The score of a vulnerability, 0 to 1.
    pub fn score(&self, cve: Cve) -> Option<f64> {
        self.scores.get(&cve).copied()
    }

    /// How many vulnerabilities have a score.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// `#model_version:v2025.03.14,score_date:2025-11-20T00:00:00+0000`
    fn read_comments(&mut self, text: &str) -> Result<(), Fault> {
        for (number, line) in (1..).zip(text.lines()) {
            let Some(comment) = line.strip_prefix('#') else { break };
            for (key, value) in comment.split(',').filter_map(|pair| pair.split_once(':')) {
                match key.trim() {
                    "model_version" => self.model_version = Some(value.trim().to_owned()),
                    "score_date" => {
                        let day = value.trim().split('T').next().unwrap_or("").parse();
                        let day =
                            day.map_err(|error: record::DateError| error_at(number, &error))?;
                        self.date = Some(day);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn read_rows(&mut self, text: &str) -> Result<(), Fault> {
        let mut reader = ReaderBuilder::new()
            .comment(Some(b'#'))
            .has_headers(false)
            .from_reader(text.as_bytes());
        let mut columns = None;
        for row in reader.records() {
            let row = row.map_err(|error| broken(&error))?;
            match columns {
                None => columns = Some(header(&row)?),
                Some(columns) => self.add(&row, columns)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, row: &StringRecord, (id, score): (usize, usize)) -> Result<(), Fault> {
        let line = line_of(row);
        let field = |at: usize| row.get(at).unwrap_or("").trim();
        let cve: Cve = field(id).parse().map_err(|error| error_at(line, &error))?;
        let written = field(score);
        let value = written.parse().ok().filter(|value| (0.0..=1.0).contains(value));
        let value: f64 = value.ok_or_else(|| {
            Fault::at(line, format!("the score `{written}` of {cve} is no number from 0 to 1"))
        })?;
        match self.scores.entry(cve) {
            Entry::Vacant(entry) => drop(entry.insert(value)),
            Entry::Occupied(entry) if (entry.get() - value).abs() > 0.0 => {
                let message = format!("{cve} has the score {written} here and {}", entry.get());
                return Err(Fault::at(line, format!("{message} above; expected one")));
            }
            Entry::Occupied(_) => {}
        }
        Ok(())
    }
}

fn error_at(line: u64, error: &dyn std::error::Error) -> Fault {
    Fault::at(line, error.to_string())
}

fn line_of(row: &StringRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

/// Where identifier and score stand.
fn header(row: &StringRecord) -> Result<(usize, usize), Fault> {
    let find = |names: [&str; 2]| {
        row.iter().position(|name| names.iter().any(|n| n.eq_ignore_ascii_case(name.trim())))
    };
    match (find(ID_COLUMNS), find(SCORE_COLUMNS)) {
        (Some(id), Some(score)) => Ok((id, score)),
        _ => Err(Fault::at(line_of(row), format!("this is no header; expected {EXPECTED}"))),
    }
}

fn broken(error: &csv::Error) -> Fault {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => Fault::at(
            pos.as_ref().map_or(0, csv::Position::line),
            format!("has {len} fields, the header {expected_len}: is the file whole?"),
        ),
        _ => Fault::new(format!("{error}; expected {EXPECTED}")),
    }
}

#[cfg(test)]
mod tests {
    use super::Epss;
    use crate::fault::gzip;

    const FEED: &str = "#model_version:v2025.03.14,score_date:2025-11-20T00:00:00+0000\n\
        cve,epss,percentile\nCVE-2021-44228,0.94358,0.99962\nCVE-1999-0001,0.01141,0.77722\n";

    fn fails(text: &str) -> (Option<u64>, String) {
        let fault = Epss::parse(text.as_bytes()).unwrap_err();
        (fault.line, fault.message)
    }

    #[test]
    fn the_public_feed_is_read_plain_and_packed() {
        let feed = Epss::parse(FEED.as_bytes()).unwrap();
        assert_eq!(feed.len(), 2);
        assert_eq!(feed.model_version.as_deref(), Some("v2025.03.14"));
        assert_eq!(feed.date.unwrap().to_string(), "2025-11-20");
        assert_eq!(feed.score("CVE-2021-44228".parse().unwrap()), Some(0.943_58));
        assert_eq!(feed.score("CVE-2021-44229".parse().unwrap()), None);
        assert_eq!(Epss::parse(&gzip(FEED.as_bytes())).unwrap(), feed);
        assert_eq!(Epss::parse(FEED.replace('\n', "\r\n").as_bytes()).unwrap(), feed);
    }

    #[test]
    fn the_columns_of_the_reference_system_are_taken() {
        for header in ["CVE,EPSS", "cve_id,score", "cve,epss"] {
            let feed = Epss::parse(format!("{header}\nCVE-2021-44228,0.9\n").as_bytes()).unwrap();
            assert_eq!((feed.len(), &feed.model_version, feed.date), (1, &None, None), "{header}");
        }
    }

    #[test]
    fn what_is_no_score_is_named_with_its_line() {
        for score in ["-0.1", "1.01", "NaN", "inf", "", "high", "0,5"] {
            let (line, message) = fails(&FEED.replace("0.01141", score));
            assert_eq!(line, Some(4), "{score}: {message}");
        }
        let (line, message) = fails(&FEED.replace("CVE-1999-0001", "CVE-99"));
        assert!(line == Some(4) && message.contains("`CVE-99`"), "{message}");
        let (line, message) = fails(&FEED.replace("CVE-1999-0001", "CVE-2021-44228"));
        assert!(line == Some(4) && message.contains("0.94358 above"), "{message}");
        assert_eq!(fails(&FEED.replace("0.01141,0.77722", "0.01141")).0, Some(4));
        assert_eq!(fails(&FEED.replace("2025-11-20T", "soonT")).0, Some(1));
    }

    #[test]
    fn the_same_score_twice_is_no_contradiction() {
        let twice = format!("{FEED}CVE-1999-0001,0.01141,0.77722\n");
        assert_eq!(Epss::parse(twice.as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn other_files_are_no_empty_feed() {
        for (other, message) in [
            ("", "is empty"),
            ("<html><body>Sign in</body></html>", "web page"),
            ("{\"vulnerabilities\": []}", "no header"),
            ("#model_version:v1\n", "has no score"),
            ("cve,epss,percentile\n", "has no score"),
            ("a,b\n1,2\n", "no header"),
        ] {
            assert!(fails(other).1.contains(message), "{other}: {:?}", fails(other));
        }
        let packed = gzip(FEED.as_bytes());
        let cut = Epss::parse(&packed[..packed.len() - 4]).unwrap_err();
        assert!(cut.message.contains("is the file whole?"), "{cut}");
    }
}
