//! A plan carried out: generated weights on their way to a file, in constant memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use semilla::{Fill, FillError, Line, Load, Plan, Prepared, Slice};

use rayon::prelude::*;

use crate::gather::Goal;
use crate::load::Origin;

use crate::{Checkpoint, CheckpointWriter, Error, Health, Malformed, Quoted, TensorInfo, Tensors};

/// What one thread generates and writes at a time: pieces of this size leave for the disk while the next are made.
const CHUNK: usize = 1 << 20;

/// One rank's part of every tensor: the whole for rank 0 of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    rank: usize,
    world: usize,
}

/// There is no such rank.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a rank; write RANK/WORLD with RANK from 0 below WORLD, such as 0/4")]
pub struct InvalidRank(String);

impl Rank {
    /// The only rank: everything.
    pub const WHOLE: Rank = Rank { rank: 0, world: 1 };

    /// The part of a tensor: a chunk of its first axis, as `torch.chunk` and DTensor's `Shard(0)` cut.
    /// A scalar belongs to rank 0 alone.
    pub fn slice(self, shape: &[usize]) -> Option<Slice> {
        let slice = Slice::of_rank(shape, self.rank, self.world);
        let absent = if shape.is_empty() {
            self.rank > 0
        } else {
            slice.size()[0] == 0
        };
        // An empty tensor is still a tensor: rank 0 lists it.
        let empty_whole = shape.first() == Some(&0) && self.rank == 0;
        (!absent || empty_whole).then_some(slice)
    }
}

impl std::fmt::Display for Rank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.rank, self.world)
    }
}

impl std::str::FromStr for Rank {
    type Err = InvalidRank;

    fn from_str(text: &str) -> Result<Self, InvalidRank> {
        let parts = text.split_once('/');
        let numbers =
            parts.and_then(|(rank, world)| Some((rank.parse().ok()?, world.parse().ok()?)));
        match numbers {
            Some((rank, world)) if rank < world => Ok(Self { rank, world }),
            _ => Err(InvalidRank(text.to_owned())),
        }
    }
}

/// The tensors of a rank's file: every tensor of which the rank has a part, with the part's shape.
///
/// # Errors
/// Names or shapes that no file can hold.
pub fn tensors_of(plan: &Plan, rank: Rank) -> Result<Tensors, Malformed> {
    let infos: Result<Vec<TensorInfo>, _> = shards(plan, rank)
        .map(|(_, line, slice)| TensorInfo::new(&line.name, line.dtype, slice.size().to_vec()))
        .collect();
    Tensors::new(infos?)
}

fn shards(plan: &Plan, rank: Rank) -> impl Iterator<Item = (usize, &Line, Slice)> {
    let lines = plan.tensors.iter().enumerate();
    lines.filter_map(move |(place, line)| Some((place, line, rank.slice(&line.shape)?)))
}

/// Generates every weight of a rank and writes it, on all threads of the current rayon pool.
///
/// The writer must have been made for [`tensors_of`] the same plan and rank. `progress` is told of bytes as they are
/// written. When `stop` is set, the work ends early with [`Error::Interrupted`]. Memory: a MiB per thread, and
/// 64 MiB of a tensor at a time where an initializer makes matrices or a load moves elements.
///
/// Answers what was noticed about the tensors that were loaded, in the plan's order.
///
/// # Errors
/// A fill that cannot be prepared, a source that lacks what a line takes of it, or whatever the writer says.
pub fn materialize(
    plan: &Plan,
    rank: Rank,
    sources: Sources<'_>,
    writer: &dyn CheckpointWriter,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Vec<(String, Health)>, Error> {
    let mut light = Vec::new();
    let mut heavy = Vec::new();
    for (tensor, (place, line, shard)) in shards(plan, rank).enumerate() {
        for part in line.fill.parts(&line.shape, line.dtype) {
            let job = Job {
                tensor,
                place,
                line,
                part: part.intersection(&shard),
                shard: shard.clone(),
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
        .map(|(place, health)| (plan.tensors[place].name.clone(), health));
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

/// A part of a tensor to be written into the shard of it that the file holds; both in the tensor's own coordinates.
struct Job<'a> {
    tensor: usize,
    /// The line's place in the plan.
    place: usize,
    line: &'a Line,
    part: Slice,
    shard: Slice,
}

impl Job<'_> {
    fn bytes(&self) -> u64 {
        self.part.len() * self.line.dtype.size() as u64
    }
}

/// What a job's bytes come from.
enum Bytes<'a> {
    Generated(Prepared),
    Copied(Origin<'a>),
    /// The part itself.
    Held(Vec<Line64>),
}

fn unfilled(line: &Line, error: impl Into<FillError>) -> Error {
    Error::Fill {
        tensor: line.name.clone(),
        error: error.into(),
    }
}

struct Sink<'a> {
    writer: &'a dyn CheckpointWriter,
    sources: Sources<'a>,
    progress: &'a (dyn Fn(u64) + Sync),
    stop: &'a AtomicBool,
    /// By the line's place in the plan.
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
                    let mut buffer = vec![Line64::default(); CHUNK / size_of::<Line64>()];
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
                            // The first failure is told; the others stop at their next chunk.
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
    fn assembled(&self, job: &Job<'a>) -> Result<Vec<Line64>, Error> {
        let line = job.line;
        let mut held: Vec<Line64> = Vec::new();
        let bytes = job.bytes() as usize;
        held.resize_with(bytes.div_ceil(size_of::<Line64>()), Line64::default);
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
        let entry = all.entry(job.place).or_default();
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
        let buffer = &mut buffer[..len];
        let size = job.line.dtype.size() as u64;
        let (first, count) = (offset / size, len as u64 / size);
        match bytes {
            Bytes::Generated(prepared) => prepared
                .fill_bytes(&job.part, first, buffer)
                .map_err(|error| unfilled(job.line, error))?,
            Bytes::Copied(from) => {
                let (shape, dtype) = (&job.line.shape, job.line.dtype);
                let health = from.copy(&job.part, shape, first, dtype, buffer)?;
                if job.line.fill != Fill::Keep {
                    self.note(job, health);
                }
            }
            Bytes::Held(part) => {
                let (part, start): (&[u8], usize) = (bytemuck::cast_slice(part), offset as usize);
                buffer.copy_from_slice(&part[start..start + len]);
            }
        }
        let place = job.part.seen_from(&job.shard);
        let mut at = 0;
        for (start, run) in place.runs(job.shard.size(), first, count) {
            let end = at + (run * size) as usize;
            self.writer
                .write(job.tensor, start * size, &buffer[at..end])?;
            at = end;
        }
        (self.progress)(len as u64);
        Ok(())
    }
}

/// Keeps a byte buffer aligned to every element type and to vector stores.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line64([u8; 64]);

impl Default for Line64 {
    fn default() -> Self {
        bytemuck::Zeroable::zeroed()
    }
}

const _: () = assert!(CHUNK.is_multiple_of(8));
