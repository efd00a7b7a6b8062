//! Opens a database, finds out whose it is, and brings its schema up to date.

mod postgres;
mod sqlite;

use crate::location::Place;
use crate::store::Store;
use crate::{Error, Location};

/// Version of the schema after the last migration, on either database.
const LATEST: i64 = 2;

pub(crate) async fn connect(queue: &Location, create: bool) -> Result<Store, Error> {
    match &queue.0 {
        Place::Sqlite(path) => sqlite::connect(queue, path, create).await.map(Store::Sqlite),
        Place::Postgres(options) => {
            postgres::connect(queue, options, create).await.map(Store::Postgres)
        }
    }
}

fn newer(queue: &Location, found: i64) -> Error {
    Error::Newer { queue: queue.clone(), found, known: LATEST }
}
