//! The fuzz target of foreign reports. The fuzzer and the tests share it.

use detector::{Corpus, Input, ObjectContext, Places, import, still_reported};
use manifest::Limits;
use rules::Settings;
use scanners::Format;

const MANIFESTS: [(&str, &str); 3] = [
    ("apps/batch.yaml", include_str!("../../../scanners/fixtures/manifests/apps/batch.yaml")),
    ("apps/web.yaml", include_str!("../../../scanners/fixtures/manifests/apps/web.yaml")),
    ("list.yaml", include_str!("../../../scanners/fixtures/manifests/list.yaml")),
];

/// Reads a report and looks for its findings in a few manifests. The first byte names the format.
/// Whatever the report says, nothing panics and no finding goes missing.
pub(crate) fn fuzz_report(bytes: &[u8]) {
    let Some((first, report)) = bytes.split_first() else { return };
    let format = Format::ALL.get(usize::from(*first)).copied();
    let Ok(reports) = scanners::parse(report, format) else { return };
    let inputs = MANIFESTS.map(|(path, text)| {
        let bytes = text.as_bytes().to_vec();
        Input::parse(path.to_owned(), path.to_owned(), bytes, &Limits::default())
    });
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let places = Places { cwd: "/srv".to_owned(), folders: vec!["/srv/apps".to_owned()] };
    for report in reports {
        let imported = import(&corpus, &report, &places, &Settings::default());
        let counts = imported.counts;
        assert_eq!(counts.reported, report.findings.len());
        let ended = counts.matched + counts.repeated + counts.unseen + counts.unknown + counts.lost;
        assert_eq!(ended, counts.reported, "every finding ends somewhere");
        assert_eq!(imported.lost.len(), counts.lost);
        assert!(imported.found.len() >= counts.matched + counts.unseen + counts.unknown);
        for (position, found) in imported.found.iter().take(20) {
            let record =
                found.record(String::new(), corpus.input_of(*position), corpus.object(*position));
            assert!(record.reported_by.is_some());
            let id = &report.findings[0].id;
            let tally = still_reported(
                &corpus,
                &report,
                &places,
                *position,
                id,
                std::slice::from_ref(found),
            );
            assert!(tally.total <= counts.reported);
        }
    }
}
