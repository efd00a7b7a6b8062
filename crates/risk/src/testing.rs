//! Sets of objects for tests.

use manifest::{Limits, Source};
use rules::{Set, objects};

/// Hands over the set of the objects in a text.
pub(crate) fn with_set<T>(text: &str, work: impl FnOnce(&Set<'_>) -> T) -> T {
    let source = Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap();
    let mut all = Vec::new();
    for document in source.documents() {
        assert!(document.error().is_none(), "{:?}", document.error());
        all.extend(
            source
                .root(document.index())
                .into_iter()
                .flat_map(|root| objects(root, 0, document.index())),
        );
    }
    work(&Set::new(all))
}
