use crate::ObjectVerdict;
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
    /// Documents whose objects' patches cannot be brought together: the input and the reason.
    pub refused: Vec<(usize, String)>,
}

/// Brings the accepted patches of all objects together, file by file.
pub fn file_edits(corpus: &Corpus<'_>, verdicts: &[ObjectVerdict]) -> FileEdits {
    let mut by_document: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (position, verdict) in verdicts.iter().enumerate() {
        if verdict.accepted.is_some() {
            let document = corpus.object(position).document;
            by_document.entry((corpus.file_of(position), document)).or_default().push(position);
        }
    }
    let mut all = FileEdits::default();
    for ((file, document), positions) in by_document {
        let Some(first) = positions.first() else { continue };
        let Ok(source) = &corpus.input_of(*first).source else { continue };
        match document_edits(source, document, &positions, verdicts) {
            Ok(edits) if edits.is_empty() => {}
            Ok(edits) => {
                all.edits.entry(file).or_default().extend(edits);
                let accepted = positions.iter().filter_map(|p| verdicts[*p].accepted.as_ref());
                all.cured += accepted.map(|accepted| accepted.included.len()).sum::<usize>();
            }
            Err(reason) => all.refused.push((file, reason)),
        }
    }
    all
}

/// The edits of one document. Objects of a List share theirs, so their patches are brought
/// together and the text is edited and proven once more.
fn document_edits(
    source: &Source,
    document: usize,
    positions: &[usize],
    verdicts: &[ObjectVerdict],
) -> Result<Vec<TextEdit>, String> {
    let accepted: Vec<_> =
        positions.iter().filter_map(|position| verdicts[*position].accepted.as_ref()).collect();
    if let [only] = accepted[..] {
        return Ok(only.edit.edits.clone());
    }
    let operations: Vec<PatchOperation> =
        accepted.iter().flat_map(|accepted| accepted.operations.iter().cloned()).collect();
    let edit = manifest::edit(source, document, &operations).map_err(|error| error.to_string())?;
    Ok(edit.edits)
}
