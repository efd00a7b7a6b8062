//! Judgements by means that this room does not have: schemas, expressions.

use crate::{Object, Set};
use manifest::Path;
use std::fmt::Debug;

/// Says what is wrong with an object.
pub trait Judgement: Debug + Send + Sync {
    /// Places, from the object's root, and what is wrong there.
    fn faults(&self, object: &Object<'_>, set: &Set<'_>) -> Vec<(Path, String)>;
}
