//! A progress bar for people: on a terminal only, and only for what takes longer than a second.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semilla_lab::{Event, Purpose};

/// Counts bytes; safe to share among threads.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    done: AtomicU64,
}

/// Counts steps that are not alike, and says what is being done.
pub(crate) struct Steps {
    bar: ProgressBar,
}

impl Steps {
    pub(crate) fn new(count: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} ({elapsed})");
        bar.set_style(style.unwrap_or(ProgressStyle::default_bar()));
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

    /// Says what the next step is.
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// A step is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }
}

/// Trainings of a comparison, wave by wave.
pub(crate) struct Trainings {
    bar: ProgressBar,
    start: Instant,
}

impl Trainings {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = "{bar:40} {percent} % {msg} ({elapsed}, {eta} left)";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        Self {
            bar,
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

/// Shows a bar on a terminal once the work takes long.
fn show(bar: &ProgressBar, start: Instant) {
    if bar.is_hidden() && std::io::stderr().is_terminal() && start.elapsed() > PATIENCE {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    pub(crate) fn new(bytes: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
        let style = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {msg}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        Self {
            bar,
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
