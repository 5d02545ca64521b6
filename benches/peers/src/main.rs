//! One peer as a worker process: `semilla-peers PEER THREADS` reads one job per line
//! (`KIND DTYPE ELEMENTS`) and answers each with one line: the seconds it took, or `null` where the
//! peer has no such operation. `worker.py` speaks the same protocol for the Python peers.

mod job;
mod peers;
mod semilla;

use std::error::Error;
use std::io::{BufRead, stdin};

use job::{Job, Peer};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, threads] = arguments.as_slice() else {
        return Err("usage: semilla-peers PEER THREADS".into());
    };
    let threads: usize = threads.parse()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;

    let mut peer = peer(name, threads).ok_or_else(|| format!("no peer is called {name:?}"))?;
    for line in stdin().lock().lines() {
        let job: Job = line?.parse()?;
        match peer.run(job) {
            Some(time) => println!("{}", time.as_secs_f64()),
            None => println!("null"),
        }
    }
    Ok(())
}

fn peer(name: &str, threads: usize) -> Option<Box<dyn Peer>> {
    Some(match name {
        "fill" => Box::new(peers::Fill::new(threads)),
        "rand StdRng" => Box::new(peers::RandDistr::<rand::rngs::StdRng>::new()),
        "rand SmallRng" => Box::new(peers::RandDistr::<rand::rngs::SmallRng>::new()),
        "candle" => Box::new(peers::Candle),
        "burn" => Box::new(peers::Burn::new()),
        "semilla" => Box::new(semilla::Semilla::new(threads)),
        _ => return None,
    })
}
