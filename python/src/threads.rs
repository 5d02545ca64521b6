//! The threads that values are made on.

use std::sync::{Arc, Mutex};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The pool of the process with this number: a forked child has none of its parent's threads.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// Runs work on all threads of this process; on the calling one alone where no threads can be had.
pub(crate) fn on_all<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

thread_local! {
    /// A pool that consists of the thread itself. It has no other, so a forked child goes on with it.
    static ALONE: Option<ThreadPool> = {
        let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread();
        pool.build().ok()
    };
}

/// Runs work on the calling thread, without waking any other.
pub(crate) fn on_this<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    ALONE.with(|alone| match alone {
        Some(pool) => pool.install(work),
        None => on_all(work),
    })
}

fn pool() -> Option<Arc<ThreadPool>> {
    let process = std::process::id();
    let mut held = POOL.lock().unwrap_or_else(|e| e.into_inner());
    if let Some((of, pool)) = &*held
        && *of == process
    {
        return Some(pool.clone());
    }
    let pool = Arc::new(ThreadPoolBuilder::new().build().ok()?);
    if let Some((_, parents)) = held.replace((process, pool.clone())) {
        // Dropped, it would wait for threads that are not here.
        std::mem::forget(parents);
    }
    Some(pool)
}
