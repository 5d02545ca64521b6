//! A progress bar for people: on a terminal only, and only for what takes longer than a second.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semilla_lab::{Event, Purpose};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar of a length and a style, not shown yet.
fn hidden(length: u64, style: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
    bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
    bar
}

/// Shows a bar on a terminal once the work takes long.
fn show(bar: &ProgressBar, start: Instant) {
    if bar.is_hidden() && std::io::stderr().is_terminal() && start.elapsed() > PATIENCE {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
}

/// Counts bytes; safe to share among threads.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    done: AtomicU64,
}

impl Progress {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            bar: hidden(
                bytes,
                "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {msg}",
            ),
            start: Instant::now(),
            done: AtomicU64::new(0),
        }
    }

    pub(crate) fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        show(&self.bar, self.start);
        self.bar.set_position(done);
    }

    /// Counts bytes that are written. When all are, the wait is for the disk.
    pub(crate) fn add_written(&self, bytes: u64) {
        self.add(bytes);
        if Some(self.done.load(Ordering::Relaxed)) >= self.bar.length() {
            self.bar.set_message("syncing to disk");
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Counts steps that are not alike, and says what is being done.
pub(crate) struct Steps {
    bar: ProgressBar,
}

impl Steps {
    pub(crate) fn new(count: usize) -> Self {
        let bar = hidden(count as u64, "{bar:40} {pos}/{len} {msg} ({elapsed})");
        bar.enable_steady_tick(Duration::from_millis(100));
        let shown = bar.clone();
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            // Draws nothing where errors do not go to a terminal.
            if !shown.is_finished() {
                shown.set_draw_target(ProgressDrawTarget::stderr());
            }
        });
        Self { bar }
    }

    /// Says how many steps are done, and what the next one is.
    pub(crate) fn say(&self, done: usize, what: String) {
        self.bar.set_position(done as u64);
        self.bar.set_message(what);
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Trainings of a comparison, wave by wave.
pub(crate) struct Trainings {
    bar: ProgressBar,
    start: Instant,
}

impl Trainings {
    pub(crate) fn new() -> Self {
        Self {
            bar: hidden(0, "{bar:40} {percent} % {msg} ({elapsed}, {eta} left)"),
            start: Instant::now(),
        }
    }

    pub(crate) fn happens(&self, event: Event) {
        match event {
            Event::Begins {
                purpose,
                trials,
                steps,
            } => {
                let what = match purpose {
                    Purpose::Rung => "leaving out what falls behind",
                    Purpose::Tuning => "choosing learning rates",
                    Purpose::Final | Purpose::Check => "training with fresh seeds",
                };
                self.bar.inc_length(steps);
                self.bar.set_message(format!("{what}: {trials} trainings"));
            }
            Event::Steps(steps) => self.bar.inc(steps),
        }
        show(&self.bar, self.start);
    }
}

impl Drop for Trainings {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
