//! The queue for callers that are not asynchronous. Must not be used inside a runtime.

use crate::{Error, Location};
use tokio::runtime::{Builder, Runtime};

/// An open queue with a runtime of its own.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("queue.db");
/// let queue = queue::blocking::Queue::init(&path.as_path().into())?;
/// let counts = queue.run(async |queue| queue.counts().await)?;
/// assert!(counts.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    pub fn init(location: &Location) -> Result<Self, Error> {
        let runtime = runtime()?;
        let queue = runtime.block_on(crate::Queue::init(location))?;
        Ok(Self { queue, runtime })
    }

    /// See [`crate::Queue::open`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(location: &Location) -> Result<Self, Error> {
        let runtime = runtime()?;
        let queue = runtime.block_on(crate::Queue::open(location))?;
        Ok(Self { queue, runtime })
    }

    /// Waits for what is done with the queue.
    pub fn run<T>(&self, work: impl AsyncFnOnce(&crate::Queue) -> T) -> T {
        self.runtime.block_on(work(&self.queue))
    }
}

impl Drop for Queue {
    /// Waits until the database is closed, so that a file can be moved or removed at once.
    fn drop(&mut self) {
        self.runtime.block_on(self.queue.clone().close());
    }
}

fn runtime() -> Result<Runtime, Error> {
    // PostgreSQL needs sockets.
    Ok(Builder::new_current_thread().enable_all().build()?)
}
