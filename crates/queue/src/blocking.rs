//! The queue for callers that are not asynchronous. Must not be used inside a runtime.

use crate::{Enqueued, Error, Row, Weights};
use record::{QueueItem, QueueState};
use std::path::Path;
use tokio::runtime::{Builder, Runtime};

/// An open queue with a runtime of its own.
#[derive(Debug)]
pub struct Queue {
    queue: crate::Queue,
    runtime: Runtime,
}

impl Queue {
    /// See [`crate::Queue::init`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn init(path: &Path) -> Result<Self, Error> {
        let runtime = runtime()?;
        let queue = runtime.block_on(crate::Queue::init(path))?;
        Ok(Self { queue, runtime })
    }

    /// See [`crate::Queue::open`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let runtime = runtime()?;
        let queue = runtime.block_on(crate::Queue::open(path))?;
        Ok(Self { queue, runtime })
    }

    /// See [`crate::Queue::enqueue`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn enqueue(&self, items: &[QueueItem], now: f64) -> Result<Enqueued, Error> {
        self.runtime.block_on(self.queue.enqueue(items, now))
    }

    /// See [`crate::Queue::next`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn next(&self, weights: &Weights, now: f64) -> Result<Option<Row>, Error> {
        self.runtime.block_on(self.queue.next(weights, now))
    }

    /// See [`crate::Queue::list`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn list(&self, limit: usize) -> Result<Vec<Row>, Error> {
        self.runtime.block_on(self.queue.list(limit))
    }

    /// See [`crate::Queue::counts`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn counts(&self) -> Result<Vec<(QueueState, usize)>, Error> {
        self.runtime.block_on(self.queue.counts())
    }

    #[cfg(test)]
    pub(crate) fn run(&self, sql: &'static str) {
        self.runtime.block_on(sqlx::raw_sql(sql).execute(&self.queue.pool)).unwrap();
    }
}

impl Drop for Queue {
    /// Waits until the file is closed, so that it can be moved or removed at once.
    fn drop(&mut self) {
        self.runtime.block_on(self.queue.pool.close());
    }
}

fn runtime() -> Result<Runtime, Error> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}
