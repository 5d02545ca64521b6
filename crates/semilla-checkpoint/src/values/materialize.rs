//! A plan carried out: generated weights on their way to a file, in constant memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use semilla::{Fill, FillError, Line, Load, Plan, Prepared, Slice};

use crate::values::gather::Goal;
use crate::values::load::Origin;
use crate::values::share::Share;
use crate::{Checkpoint, CheckpointWriter, Error, Health, Malformed, Quoted, TensorInfo, Tensors};

/// Bytes that one thread generates and writes at a time: pieces of this size leave for the disk
/// while the next are made.
const CHUNK: usize = 1 << 20;

/// The tensors of a share's file: every tensor of which the share has a slice, with the slice's
/// shape.
///
/// # Errors
/// Names or shapes that no file can hold.
pub fn tensors_of(plan: &Plan, share: Share) -> Result<Tensors, Malformed> {
    let infos: Result<Vec<TensorInfo>, _> = slices(plan, share)
        .map(|(_, line, slice)| TensorInfo::new(&line.name, line.dtype, slice.size().to_vec()))
        .collect();
    Tensors::new(infos?)
}

fn slices(plan: &Plan, share: Share) -> impl Iterator<Item = (usize, &Line, Slice)> {
    let lines = plan.tensors.iter().enumerate();
    lines.filter_map(move |(position, line)| Some((position, line, share.slice(&line.shape)?)))
}

/// Generates every weight of a share and writes it, on all threads of the current rayon pool.
///
/// The writer must have been made for [`tensors_of`] the same plan and share. `progress` is called
/// with the number of bytes whenever some were written. When `stop` is set, the work ends early
/// with [`Error::Interrupted`]. Memory: a MiB per thread, and 64 MiB of a tensor at a time where an
/// initializer makes matrices or a load moves elements.
///
/// Returns the [`Health`] of the tensors that were loaded, by name, in the plan's order.
///
/// # Errors
/// A fill that cannot be prepared, a source that lacks what a line takes of it, or whatever the
/// writer says.
pub fn materialize(
    plan: &Plan,
    share: Share,
    sources: Sources<'_>,
    writer: &dyn CheckpointWriter,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Vec<(String, Health)>, Error> {
    let slices = slices(plan, share).map(|(position, _, slice)| (position, slice));
    let looks = Looks::AtLoaded;
    write_slices(plan, slices, sources, writer, looks, progress, stop)
}

/// Whether loaded values are looked at on their way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// For a [`Health`] of each tensor.
    AtLoaded,
    /// Not where that takes time: they were looked at before.
    Away,
}

/// As [`materialize`], for one slice each of some of the plan's lines: the writer's tensors, in
/// order. The slices must lie inside their tensors.
pub(crate) fn write_slices(
    plan: &Plan,
    slices: impl IntoIterator<Item = (usize, Slice)>,
    sources: Sources<'_>,
    writer: &dyn CheckpointWriter,
    looks: Looks,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Vec<(String, Health)>, Error> {
    let mut light = Vec::new();
    let mut heavy = Vec::new();
    for (tensor, (position, own)) in slices.into_iter().enumerate() {
        let line = &plan.tensors[position];
        line.check_fitted().map_err(|error| unfilled(line, error))?;
        for part in line.fill.parts(&line.shape, line.dtype) {
            let job = Job {
                tensor,
                position,
                line,
                part: part.intersection(&own),
                own: own.clone(),
            };
            if line.fill.is_matrix() || line.fill.moves_loads() {
                heavy.push(job);
            } else {
                light.push(job);
            }
        }
    }
    let sink = Sink {
        writer,
        sources,
        looks,
        progress,
        stop,
        health: Mutex::default(),
    };
    sink.run(&light)?;
    // A matrix at a time: all threads make it, then all threads write it.
    heavy.into_iter().try_for_each(|job| sink.run(&[job]))?;
    let health = sink.health.into_inner().unwrap_or_else(|e| e.into_inner());
    let names = health
        .into_iter()
        .map(|(position, health)| (plan.tensors[position].name.clone(), health));
    Ok(names.collect())
}

/// Where a plan's lines find values that are not generated.
#[derive(Clone, Copy, Default)]
pub struct Sources<'a> {
    /// The model's own file, for tensors that keep their values.
    pub own: Option<&'a dyn Checkpoint>,
    /// The plan's checkpoints, in its order.
    pub pretrained: &'a [Box<dyn Checkpoint>],
}

/// A part of a tensor that is made at once, and the slice of the tensor that the file holds; both
/// in the tensor's coordinates.
struct Job<'a> {
    tensor: usize,
    /// The line's position in the plan.
    position: usize,
    line: &'a Line,
    part: Slice,
    own: Slice,
}

impl Job<'_> {
    fn bytes(&self) -> u64 {
        self.part.len() * self.line.dtype.size() as u64
    }
}

/// The source of a job's bytes.
enum Bytes<'a> {
    Generated(Prepared),
    Copied(Origin<'a>),
    /// The part itself.
    Held(Vec<CacheLine>),
}

fn unfilled(line: &Line, error: impl Into<FillError>) -> Error {
    Error::Fill {
        tensor: line.name.clone(),
        cause: error.into(),
    }
}

struct Sink<'a> {
    writer: &'a dyn CheckpointWriter,
    sources: Sources<'a>,
    looks: Looks,
    progress: &'a (dyn Fn(u64) + Sync),
    stop: &'a AtomicBool,
    /// By the line's position in the plan.
    health: Mutex<BTreeMap<usize, Health>>,
}

impl<'a> Sink<'a> {
    /// Writes the jobs, chunk by chunk in file order, on as many workers as the pool has threads.
    fn run(&self, jobs: &[Job<'a>]) -> Result<(), Error> {
        let ready: Result<Vec<Bytes<'a>>, Error> =
            jobs.iter().map(|job| self.prepare(job)).collect();
        let ready = ready?;
        let mut ends = Vec::with_capacity(jobs.len());
        let mut chunks = 0usize;
        for job in jobs {
            chunks += usize::try_from(job.bytes().div_ceil(CHUNK as u64)).unwrap_or(usize::MAX);
            ends.push(chunks);
        }
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        rayon::scope(|scope| {
            for _ in 0..rayon::current_num_threads().min(chunks) {
                scope.spawn(|_| {
                    let mut buffer = vec![CacheLine::default(); CHUNK / size_of::<CacheLine>()];
                    let buffer: &mut [u8] = bytemuck::cast_slice_mut(&mut buffer);
                    loop {
                        let chunk = next.fetch_add(1, Ordering::Relaxed);
                        if chunk >= chunks {
                            return;
                        }
                        let index = ends.partition_point(|&end| end <= chunk);
                        let before = if index == 0 { 0 } else { ends[index - 1] };
                        let offset = (chunk - before) as u64 * CHUNK as u64;
                        if let Err(error) = self.chunk(&jobs[index], &ready[index], offset, buffer)
                        {
                            // The first failure is reported; the others stop at their next chunk.
                            next.store(chunks, Ordering::Relaxed);
                            failure
                                .lock()
                                .unwrap_or_else(|e| e.into_inner())
                                .get_or_insert(error);
                            return;
                        }
                    }
                });
            }
        });
        failure
            .into_inner()
            .unwrap_or_else(|e| e.into_inner())
            .map_or(Ok(()), Err)
    }

    fn prepare(&self, job: &Job<'a>) -> Result<Bytes<'a>, Error> {
        match &job.line.fill {
            Fill::Keep => self.kept(job.line).map(Bytes::Copied),
            Fill::Load(load) if load.is_plain() => self
                .loaded(job.line, &job.line.shape, load)
                .map(Bytes::Copied),
            fill if fill.moves_loads() => self.assembled(job).map(Bytes::Held),
            fill => self.generated(job, fill).map(Bytes::Generated),
        }
    }

    fn generated(&self, job: &Job<'_>, fill: &Fill) -> Result<Prepared, Error> {
        let line = job.line;
        fill.prepare_part(line.key, &line.shape, line.dtype, &job.part)
            .map_err(|error| unfilled(line, error))
    }

    fn kept(&self, line: &'a Line) -> Result<Origin<'a>, Error> {
        /// As the file has it.
        static PLAIN: Load = Load {
            source: 0,
            tensor: String::new(),
            view: Vec::new(),
            permute: Vec::new(),
            axes: Vec::new(),
            alike: None,
            rest: None,
        };
        let kept = self.sources.own.and_then(|source| {
            let tensor = source.tensors().index_of(&line.name)?;
            let info = &source.tensors()[tensor];
            let same = info.dtype() == line.dtype && info.shape() == line.shape;
            same.then_some(Origin {
                source,
                tensor,
                load: &PLAIN,
            })
        });
        kept.ok_or_else(|| Error::NothingToKeep {
            tensor: line.name.clone(),
        })
    }

    fn loaded(&self, line: &Line, shape: &[usize], load: &'a Load) -> Result<Origin<'a>, Error> {
        let found = self.sources.pretrained.get(load.source).and_then(|source| {
            let tensor = source.tensors().index_of(&load.tensor)?;
            let fits = load.fits(source.tensors()[tensor].shape(), shape);
            fits.then_some(Origin {
                source: &**source,
                tensor,
                load,
            })
        });
        found.ok_or_else(|| Error::NotInSource {
            tensor: line.name.clone(),
            wanted: Quoted::new(&load.tensor),
        })
    }

    /// A part of a tensor: what is drawn, and what is loaded over it.
    fn assembled(&self, job: &Job<'a>) -> Result<Vec<CacheLine>, Error> {
        let line = job.line;
        let mut held: Vec<CacheLine> = Vec::new();
        let bytes = job.bytes() as usize;
        held.resize_with(bytes.div_ceil(size_of::<CacheLine>()), CacheLine::default);
        let out = &mut bytemuck::cast_slice_mut(&mut held)[..bytes];
        if let Some(fill) = line.fill.drawn() {
            let size = line.dtype.size();
            let drawn = self.generated(job, &fill)?;
            out.par_chunks_mut(CHUNK)
                .enumerate()
                .try_for_each(|(index, chunk)| {
                    drawn.fill_bytes(&job.part, (index * CHUNK / size) as u64, chunk)
                })
                .map_err(|error| unfilled(line, error))?;
        }
        for (area, load) in line.loads() {
            let part = area.intersection(&job.part);
            if part.is_empty() {
                continue;
            }
            let goal = Goal {
                shape: area.size(),
                part: &part.seen_from(&area),
                place: &part.seen_from(&job.part),
                buffer: job.part.size(),
                dtype: line.dtype,
                key: line.key,
            };
            let health = self.loaded(line, area.size(), load)?.gather(goal, out)?;
            self.note(job, health);
        }
        Ok(held)
    }

    fn note(&self, job: &Job<'_>, health: Health) {
        let mut all = self.health.lock().unwrap_or_else(|e| e.into_inner());
        let entry = all.entry(job.position).or_default();
        *entry = entry.and(health);
    }

    fn chunk(
        &self,
        job: &Job<'_>,
        bytes: &Bytes<'_>,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), Error> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let len = (job.bytes() - offset).min(CHUNK as u64) as usize;
        let size = job.line.dtype.size() as u64;
        let (first, count) = (offset / size, len as u64 / size);
        let place = job.part.seen_from(&job.own);
        let mut runs = place.runs(job.own.size(), first, count).peekable();
        let in_place = runs.peek().filter(|(_, run)| *run == count);
        let in_place = in_place.and_then(|(start, _)| {
            let mut make = |into: &mut [u8]| self.make(job, bytes, offset, into);
            self.writer.make(job.tensor, start * size, len, &mut make)
        });
        match in_place {
            Some(made) => made?,
            None => {
                let buffer = &mut buffer[..len];
                self.make(job, bytes, offset, buffer)?;
                let mut at = 0;
                for (start, run) in runs {
                    let end = at + (run * size) as usize;
                    let piece = &buffer[at..end];
                    self.writer.write(job.tensor, start * size, piece)?;
                    at = end;
                }
            }
        }
        (self.progress)(len as u64);
        Ok(())
    }

    /// Makes bytes of a job's part from `offset` on.
    fn make(
        &self,
        job: &Job<'_>,
        bytes: &Bytes<'_>,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), Error> {
        let first = offset / job.line.dtype.size() as u64;
        match bytes {
            Bytes::Generated(prepared) => prepared
                .fill_bytes(&job.part, first, into)
                .map_err(|error| unfilled(job.line, error))?,
            Bytes::Copied(from) => {
                let (shape, dtype) = (&job.line.shape, job.line.dtype);
                if self.looks == Looks::Away && from.info().dtype() == dtype {
                    return from.read(&job.part, shape, first, into);
                }
                let health = from.copy(&job.part, shape, first, dtype, into)?;
                if job.line.fill != Fill::Keep {
                    self.note(job, health);
                }
            }
            Bytes::Held(part) => {
                let (part, start): (&[u8], usize) = (bytemuck::cast_slice(part), offset as usize);
                into.copy_from_slice(&part[start..start + into.len()]);
            }
        }
        Ok(())
    }
}

/// Keeps a byte buffer aligned to every element type and to vector stores.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct CacheLine([u8; 64]);

impl Default for CacheLine {
    fn default() -> Self {
        bytemuck::Zeroable::zeroed()
    }
}

const _: () = assert!(CHUNK.is_multiple_of(8));
