//! Kubernetes manifests as text.
//!
//! A [`Source`] is one file: its text, and the documents that the Kubernetes reader would cut it
//! into. Every document is read once into a tree whose nodes know their bytes, so the same parse
//! serves the rules (values), the reports (lines and columns) and the editor (splices).
//!
//! ```
//! use manifest::{Limits, Source};
//!
//! let source = Source::parse(b"kind: Pod\nspec:\n  hostNetwork: yes\n".to_vec(), &Limits::default())?;
//! let root = source.root(0).ok_or("no such document")?;
//! let flag = root.at(&["spec", "hostNetwork"]).ok_or("no such key")?;
//! assert_eq!(flag.as_bool(), Some(true));
//! assert_eq!(source.position(flag.span().start).line, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod edit;
mod inverse;
mod json;
mod list_map_keys;
mod path;
mod resolve;
mod source;
mod text;
mod tree;

pub use edit::{Edit, EditError, edit};
pub use inverse::inverse_patch;
pub use list_map_keys::list_map_keys;
pub use path::{Path, PathError, Segment};
pub use source::{Document, Limits, ParseError, Position, Source, SourceError, Span};
pub use text::{TextEdit, apply_edits, invert_edits};
pub use tree::{Entry, Kind, Node};
