//! Language models as proposers, behind a wall.
