//! CISA's catalogue of known exploited vulnerabilities.

use crate::Cve;
use crate::fault::{Fault, text};
use record::Date;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Largest catalogue that is read, in bytes, unpacked. The public one has about a twentieth.
const LARGEST: usize = 32 << 20;
const EXPECTED: &str = "the KEV catalogue as JSON: an object with `vulnerabilities`, or a list of \
    CVE identifiers";

/// The catalogue, or a list of vulnerabilities that are known to be exploited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kev {
    /// Its version, where it says it.
    pub catalog_version: Option<String>,
    /// The day that it was released, where it says it.
    pub date: Option<Date>,
    entries: BTreeMap<Cve, KevEntry>,
}

/// What the catalogue says of a vulnerability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KevEntry {
    /// The day until which it is to be mended.
    pub due: Option<Date>,
    /// Extortionists are known to use it.
    pub ransomware: bool,
}

impl Kev {
    /// Reads a catalogue, plain or packed by gzip.
    ///
    /// # Errors
    /// When it is no such catalogue, is cut, names nothing, or does not hold what it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = text(bytes, LARGEST, EXPECTED)?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| Fault::json(&error, EXPECTED))?;
        let mut kev = Self::default();
        let list = match &value {
            Value::Array(list) => list,
            Value::Object(catalogue) => kev.read_catalogue(catalogue)?,
            _ => return Err(Fault::new(format!("is neither; expected {EXPECTED}"))),
        };
        for (index, entry) in list.iter().enumerate() {
            kev.add(entry)
                .map_err(|message| Fault::new(format!("entry {}: {message}", index + 1)))?;
        }
        match kev.entries.is_empty() {
            true => Err(Fault::new(format!("names no vulnerability; expected {EXPECTED}"))),
            false => Ok(kev),
        }
    }

    /// What is said of a vulnerability; `None` when it is not known to be exploited.
    pub fn get(&self, cve: Cve) -> Option<KevEntry> {
        self.entries.get(&cve).copied()
    }

    /// How many vulnerabilities it names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn read_catalogue<'v>(
        &mut self,
        catalogue: &'v Map<String, Value>,
    ) -> Result<&'v Vec<Value>, Fault> {
        let list = catalogue.get("vulnerabilities").and_then(Value::as_array);
        let list = list.ok_or_else(|| {
            Fault::new(format!("has no list `vulnerabilities`; expected {EXPECTED}"))
        })?;
        if let Some(count) = catalogue.get("count").filter(|count| **count != list.len()) {
            let message = format!("says `count` {count} and holds {}", list.len());
            return Err(Fault::new(format!("{message}: is the file whole?")));
        }
        let version = catalogue.get("catalogVersion").and_then(Value::as_str);
        self.catalog_version = version.map(str::to_owned);
        let released = catalogue.get("dateReleased").and_then(Value::as_str);
        let day = |text: &str| text.split('T').next().unwrap_or("").parse();
        let date = released.map(day).transpose();
        self.date = date
            .map_err(|error: record::DateError| Fault::new(format!("`dateReleased`: {error}")))?;
        Ok(list)
    }

    fn add(&mut self, entry: &Value) -> Result<(), String> {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let id = entry.as_str().or_else(|| text("cveID")).or_else(|| text("cve_id"));
        let id = id.ok_or("expected a CVE identifier, or an object with `cveID`")?;
        let cve: Cve = id.parse().map_err(|error: crate::CveError| error.to_string())?;
        let due: Option<Date> = text("dueDate")
            .map(str::parse)
            .transpose()
            .map_err(|error: record::DateError| format!("{cve}: `dueDate`: {error}"))?;
        let ransomware = text("knownRansomwareCampaignUse") == Some("Known");
        let known = self.entries.entry(cve).or_default();
        // Of two entries for one vulnerability the stricter counts.
        known.due = [known.due, due].into_iter().flatten().min();
        known.ransomware |= ransomware;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Kev;
    use crate::fault::gzip;

    const CATALOGUE: &str = r#"{"title": "t", "catalogVersion": "2025.11.19",
        "dateReleased": "2025-11-19T17:50:06.0614Z", "count": 2, "vulnerabilities": [
        {"cveID": "CVE-2021-44228", "dateAdded": "2021-12-10", "dueDate": "2021-12-24",
         "knownRansomwareCampaignUse": "Known"},
        {"cveID": "CVE-2025-0001", "dateAdded": "2025-11-01", "dueDate": "2025-11-22",
         "knownRansomwareCampaignUse": "Unknown"}]}"#;

    fn fails(text: &str) -> String {
        Kev::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_catalogue_is_read_plain_and_packed() {
        let kev = Kev::parse(CATALOGUE.as_bytes()).unwrap();
        assert_eq!((kev.len(), kev.catalog_version.as_deref()), (2, Some("2025.11.19")));
        assert_eq!(kev.date.unwrap().to_string(), "2025-11-19");
        let entry = kev.get("CVE-2021-44228".parse().unwrap()).unwrap();
        assert_eq!(entry.due.unwrap().to_string(), "2021-12-24");
        assert!(entry.ransomware);
        assert!(!kev.get("CVE-2025-0001".parse().unwrap()).unwrap().ransomware);
        assert_eq!(kev.get("CVE-2025-0002".parse().unwrap()), None);
        assert_eq!(Kev::parse(&gzip(CATALOGUE.as_bytes())).unwrap(), kev);
    }

    #[test]
    fn lists_are_read_as_the_reference_system_reads_them() {
        for list in [
            r#"["CVE-2021-44228"]"#,
            r#"[{"cve_id": "cve-2021-44228"}]"#,
            r#"{"vulnerabilities": [{"cve_id": "CVE-2021-44228"}]}"#,
        ] {
            let kev = Kev::parse(list.as_bytes()).unwrap();
            assert!(kev.get("CVE-2021-44228".parse().unwrap()).is_some(), "{list}");
        }
    }

    #[test]
    fn the_stricter_of_two_entries_counts() {
        let twice = CATALOGUE.replace("CVE-2025-0001", "CVE-2021-44228");
        let kev = Kev::parse(twice.as_bytes()).unwrap();
        let entry = kev.get("CVE-2021-44228".parse().unwrap()).unwrap();
        assert_eq!(entry.due.unwrap().to_string(), "2021-12-24");
        assert!(entry.ransomware);
    }

    #[test]
    fn what_does_not_hold_what_it_says_is_refused() {
        assert!(fails(&CATALOGUE.replace(": 2,", ": 3,")).contains("is the file whole?"));
        assert!(fails(&CATALOGUE.replace("CVE-2025-0001", "CVE-1")).contains("entry 2: `CVE-1`"));
        assert!(fails(&CATALOGUE.replace("2025-11-22", "2025-11-31")).contains("`dueDate`"));
        assert!(fails(&CATALOGUE.replace("2025-11-19T", "T")).contains("`dateReleased`"));
        assert!(fails(&CATALOGUE[..200]).contains("expected the KEV catalogue"));
        for (other, message) in [
            ("", "is empty"),
            ("<html>", "web page"),
            ("[]", "names no vulnerability"),
            ("{}", "no list `vulnerabilities`"),
            ("3", "is neither"),
            ("[3]", "entry 1"),
            ("cve,epss\nCVE-2021-44228,0.9\n", "expected the KEV catalogue"),
        ] {
            assert!(fails(other).contains(message), "{other}: {}", fails(other));
        }
        assert!(fails(&"[".repeat(100_000)).contains("recursion limit"));
    }
}
