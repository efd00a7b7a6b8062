//! Lossless edits: a JSON Patch becomes the few splices that a careful person would type.
//!
//! The patch is applied to a copy-on-write overlay of the tree, the overlay is compared with the
//! original once, and each container that changed yields its splices. The edited text is read
//! again before anyone sees it: it must be exactly the patched data and keep every comment.

mod flow;
mod overlay;
mod plan;
mod write;

use json_patch::PatchOperation;
use serde_json::Value;

use crate::build::skip_blank;
use crate::source::{ParseError, Source, Span, cut, read_part};
use crate::text::{TextEdit, apply_edits};
use crate::tree::{Node, Tree};

/// Why a patch did not become a text edit. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file has fewer documents.
    #[error("the file has no document {document}; it has {documents}")]
    NoDocument {
        /// The document asked for, from 0.
        document: usize,
        /// How many there are.
        documents: usize,
    },
    /// The document could not be read in the first place.
    #[error("the document cannot be read, so it cannot be edited: {0}")]
    Unreadable(ParseError),
    /// The patch does not fit the document.
    #[error("operation {operation} at `{path}`: {reason}")]
    Path {
        /// Number of the operation in the patch, from 0.
        operation: usize,
        /// Its pointer.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A `test` operation failed: the document is not what the patch was made for.
    #[error("operation {operation}: test of `{path}` failed: expected {expected}, found {found}")]
    TestFailed {
        /// Number of the operation in the patch, from 0.
        operation: usize,
        /// Its pointer.
        path: String,
        /// The value that the patch relies on, as JSON.
        expected: String,
        /// The value that is there, as JSON.
        found: String,
    },
    /// The text cannot be edited safely; the change has to be typed by hand.
    #[error("line {line}: {reason}; edit it by hand")]
    Unsupported {
        /// What stands in the way.
        reason: String,
        /// Offset in the file.
        offset: usize,
        /// Line in the file, from 1.
        line: usize,
    },
}

/// A source and the document at hand, to say where something is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    source: &'a Source,
}

impl Place<'_> {
    pub(crate) fn line(self, offset: usize) -> usize {
        self.source.position(offset).line
    }

    pub(crate) fn unsupported(self, offset: usize, reason: impl Into<String>) -> EditError {
        EditError::Unsupported { reason: reason.into(), offset, line: self.line(offset) }
    }
}

/// A proven edit of one document.
#[derive(Debug)]
pub struct Edit {
    /// The splices of the file, sorted, without overlaps. Empty when the patch changes nothing.
    pub edits: Vec<TextEdit>,
    text: String,
    tree: Tree,
}

impl Edit {
    /// Root of the edited document. Its spans point into [`Edit::text`].
    pub fn root(&self) -> Node<'_> {
        self.tree.root(&self.text)
    }

    /// The edited document, from separator to separator.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Turns a patch of one document into splices of its file.
///
/// The splices are checked before they are returned: the edited document, read again, is the
/// patched data, and every comment is still there. Everything else is an error.
///
/// ```
/// use manifest::{Limits, Source, apply_edits, edit};
///
/// let text = "spec:\n  containers:\n  - name: web # first\n";
/// let source = Source::parse(text.as_bytes().to_vec(), &Limits::default())?;
/// let patch = serde_json::from_str::<json_patch::Patch>(
///     r#"[{"op": "add", "path": "/spec/containers/0/image", "value": "nginx:1.27"}]"#,
/// )?;
/// let edit = edit(&source, 0, &patch)?;
/// let edited = apply_edits(text, &edit.edits);
/// assert_eq!(edited, "spec:\n  containers:\n  - name: web # first\n    image: nginx:1.27\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn edit(source: &Source, document: usize, patch: &[PatchOperation]) -> Result<Edit, EditError> {
    let documents = source.documents();
    let Some(found) = documents.get(document) else {
        return Err(EditError::NoDocument { document, documents: documents.len() });
    };
    let tree = match &found.parsed {
        Ok(tree) => tree,
        Err(error) => return Err(EditError::Unreadable(error.clone())),
    };
    let place = Place { source };
    if let Some(at) = lone_return(&source.text()[found.span()]) {
        let at = found.span.start + at;
        return Err(place.unsupported(at, "a carriage return without line feed breaks lines here"));
    }
    if let Some(at) = unread_text(source, tree, found.span()) {
        return Err(
            place.unsupported(at, "text stands behind the document, and no reader reads it")
        );
    }
    let mut overlay = overlay::Overlay::new(source.text(), tree, place);
    overlay.apply(patch)?;
    let expected = overlay.to_json(&overlay.root);
    overlay.settle();
    let mut habits = write::Habits::of(source, document);
    let attempt = |habits: &write::Habits| {
        let edits = plan::plan(&overlay, &found.comments, found.span(), habits, place)?;
        proven(source, found.span(), &found.comments, edits, &expected, place)
    };
    let outcome = attempt(&habits);
    if matches!(outcome, Err(EditError::Unsupported { .. })) {
        // A comment below could become text of a block scalar; quotes hold their own.
        habits.literals = false;
        return attempt(&habits).or(outcome);
    }
    outcome
}

/// Text on the lines of the document that is not part of it; behind `...` there may be anything.
fn unread_text(source: &Source, tree: &Tree, span: Span) -> Option<usize> {
    let root = tree.data(tree.root);
    let at = skip_blank(source.text(), root.end.max(root.outer) as usize);
    let unread = at < span.end && !source.text()[at..].starts_with("...");
    unread.then_some(at)
}

/// A carriage return that is a line break of its own, as on very old systems.
fn lone_return(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let lone = |&at: &usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    if text.contains('\r') { (0..bytes.len()).find(lone) } else { None }
}

/// The oracle: reads the edited document again, and accepts nothing but the patched data with
/// every comment.
fn proven(
    source: &Source,
    span: Span,
    comments: &[Span],
    edits: Vec<TextEdit>,
    expected: &Value,
    place: Place<'_>,
) -> Result<Edit, EditError> {
    let at = edits.first().map_or(span.start, |edit| edit.range.start);
    let local = edits.iter().map(|edit| TextEdit {
        range: edit.range.start - span.start..edit.range.end - span.start,
        text: edit.text.clone(),
    });
    let text = apply_edits(&source.text()[span.clone()], &local.collect::<Vec<_>>());
    if cut(&text).len() != 1 {
        return Err(place.unsupported(at, "the edit would split the document"));
    }
    let (parsed, kept) = read_part(&text, 0..text.len(), source.limits());
    let tree = match parsed {
        Ok(Some(tree)) => tree,
        Ok(None) => return Err(place.unsupported(at, "the edit would leave an empty document")),
        Err(error) => {
            let reason = format!("the edited text would not parse ({})", error.message);
            return Err(place.unsupported(at, reason));
        }
    };
    if !tree.root(&text).eq_json(expected) {
        return Err(place.unsupported(at, "the edited text would not be exactly the patched data"));
    }
    if let Some(lost) = lost_comment(source.text(), comments, &text, &kept) {
        return Err(place.unsupported(lost, "a comment would be lost"));
    }
    Ok(Edit { edits, text, tree })
}

/// Offset of the first comment that is gone, or that changed. A new one counts as a change of the
/// first comment too.
fn lost_comment(old: &str, before: &[Span], new: &str, after: &[Span]) -> Option<usize> {
    let mut want: Vec<(&str, usize)> =
        before.iter().map(|span| (old[span.clone()].trim_end(), span.start)).collect();
    let mut have: Vec<&str> = after.iter().map(|span| new[span.clone()].trim_end()).collect();
    want.sort_unstable();
    have.sort_unstable();
    let differs = want.iter().zip(&have).find(|((text, _), other)| text != *other);
    match differs {
        Some(((_, at), _)) => Some(*at),
        None if want.len() != have.len() => Some(want.first().map_or(0, |(_, at)| *at)),
        None => None,
    }
}
