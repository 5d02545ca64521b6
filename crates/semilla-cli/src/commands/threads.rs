use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::failure::Failure;

/// The threads that `--threads` asks for; all cores if it is not given.
pub(crate) fn pool(threads: Option<u16>) -> Result<ThreadPool, Failure> {
    let builder = ThreadPoolBuilder::new().num_threads(threads.map_or(0, usize::from));
    builder
        .build()
        .map_err(|error| Failure::Threads(error.to_string()))
}
