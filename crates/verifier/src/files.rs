use crate::Accepted;
use detector::Corpus;
use json_patch::PatchOperation;
use manifest::{Source, TextEdit};
use std::collections::BTreeMap;

/// What accepted patches do to files.
#[derive(Debug, Default)]
pub struct FileEdits {
    /// By the index of the input: sorted edits of its text.
    pub edits: BTreeMap<usize, Vec<TextEdit>>,
    /// Findings that the edits cure.
    pub cured: usize,
    /// Documents whose objects' patches cannot be brought together: the input and the document in
    /// it, and the reason.
    pub refused: Vec<((usize, usize), String)>,
}

/// Brings the accepted patches of objects together, file by file; each comes with the position of
/// its object, in any order.
pub fn file_edits<'a>(
    corpus: &Corpus<'_>,
    accepted: impl IntoIterator<Item = (usize, &'a Accepted)>,
) -> FileEdits {
    let mut by_document: BTreeMap<(usize, usize), BTreeMap<usize, &Accepted>> = BTreeMap::new();
    for (position, accepted) in accepted {
        let document = corpus.object(position).document;
        let place = (corpus.file_of(position), document);
        by_document.entry(place).or_default().insert(position, accepted);
    }
    let mut all = FileEdits::default();
    for ((file, document), accepted) in by_document {
        let accepted: Vec<&Accepted> = accepted.into_values().collect();
        let Ok(source) = &corpus.inputs()[file].source else { continue };
        match document_edits(source, document, &accepted) {
            Ok(edits) if edits.is_empty() => {}
            Ok(edits) => {
                all.edits.entry(file).or_default().extend(edits);
                all.cured += accepted.iter().map(|accepted| accepted.included.len()).sum::<usize>();
            }
            Err(reason) => all.refused.push(((file, document), reason)),
        }
    }
    all
}

/// The edits of one document. Objects of a List share theirs, so their patches are brought
/// together and the text is edited and proven once more.
fn document_edits(
    source: &Source,
    document: usize,
    accepted: &[&Accepted],
) -> Result<Vec<TextEdit>, String> {
    if let [only] = accepted {
        return Ok(only.edit.edits.clone());
    }
    let operations: Vec<PatchOperation> =
        accepted.iter().flat_map(|accepted| accepted.operations.iter().cloned()).collect();
    let edit = manifest::edit(source, document, &operations).map_err(|error| error.to_string())?;
    Ok(edit.edits)
}
