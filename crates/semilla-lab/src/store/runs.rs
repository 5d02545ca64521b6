//! The file and what it holds.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::line::{read, written};
use super::owner::Owner;
use crate::outcome::Outcome;
use crate::trial::Trial;

/// Outcomes by their trials' ids, on disk if they have a file.
///
/// A trial that is stored twice counts once.
pub struct Store {
    inner: Mutex<Inner>,
}

struct Inner {
    outcomes: BTreeMap<String, Outcome>,
    file: Option<Disk>,
}

struct Disk {
    path: PathBuf,
    file: File,
    /// The bytes of whole lines.
    length: u64,
}

/// A line: of a trial and an outcome, owned where they are read, borrowed where they are written.
#[derive(Serialize, Deserialize)]
struct Entry<T, O> {
    trial: T,
    outcome: O,
}

impl Store {
    /// A store without a file.
    pub fn in_memory() -> Self {
        Self::of(BTreeMap::new(), None)
    }

    /// Opens a store, or makes it; a last line that was not written to its end is cut off.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read or written, is in use, or is not of this problem.
    pub fn open(path: &Path, owner: &Owner) -> Result<Self, StoreError> {
        let opened = |error| StoreError::Open {
            path: path.to_owned(),
            error,
        };
        let is_special = path.metadata().is_ok_and(|found| !found.is_file());
        if is_special {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
            });
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(opened)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(opened(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(opened)?;
        let header = written(owner).map_err(opened)?;
        let is_new = !bytes.contains(&b'\n') && header.as_bytes().starts_with(&bytes);
        let (outcomes, length) = match is_new {
            true => (BTreeMap::new(), 0),
            false => replayed(path, owner, &bytes)?,
        };
        let mut disk = Disk {
            path: path.to_owned(),
            file,
            length,
        };
        disk.cut()?;
        if is_new {
            disk.append(&header)?;
        }
        Ok(Self::of(outcomes, Some(disk)))
    }

    fn of(outcomes: BTreeMap<String, Outcome>, file: Option<Disk>) -> Self {
        Self {
            inner: Mutex::new(Inner { outcomes, file }),
        }
    }

    /// The outcome of a trial, if it is stored.
    pub fn get(&self, id: &str) -> Option<Outcome> {
        self.inner().outcomes.get(id).cloned()
    }

    /// Stores an outcome; it is on disk once this is done.
    ///
    /// # Errors
    /// [`StoreError::Write`]: a full disk, for example. All that was stored before is kept.
    pub fn add(&self, trial: &Trial, outcome: &Outcome) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner.outcomes.contains_key(&outcome.trial) {
            return Ok(());
        }
        if let Some(disk) = &mut inner.file {
            let line = written(&Entry { trial, outcome }).map_err(|error| disk.failed(error))?;
            disk.append(&line)?;
        }
        inner
            .outcomes
            .insert(outcome.trial.clone(), outcome.clone());
        Ok(())
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Whoever panicked had not changed anything by halves: outcomes come after their lines.
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Disk {
    fn append(&mut self, line: &str) -> Result<(), StoreError> {
        let write = |file: &mut File| {
            file.write_all(line.as_bytes())?;
            file.sync_data()
        };
        if let Err(error) = write(&mut self.file) {
            // What is left of the line would be cut off when the store is opened next.
            let _ = self.cut();
            return Err(self.failed(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Cuts off all behind the last whole line, and goes there.
    fn cut(&mut self) -> Result<(), StoreError> {
        let end = SeekFrom::Start(self.length);
        let cut = self
            .file
            .set_len(self.length)
            .and_then(|()| self.file.seek(end));
        cut.map(drop).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: std::io::Error) -> StoreError {
        StoreError::Write {
            path: self.path.clone(),
            error,
        }
    }
}

/// The outcomes in a store's bytes, and how many bytes hold them.
fn replayed(
    path: &Path,
    owner: &Owner,
    bytes: &[u8],
) -> Result<(BTreeMap<String, Outcome>, u64), StoreError> {
    let mut outcomes = BTreeMap::new();
    let mut length = 0;
    for (number, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let is_last = length + line.len() == bytes.len();
        let content = line.strip_suffix(b"\n");
        if number == 0 {
            check(path, owner, content)?;
        } else {
            match content.and_then(read::<Entry<Trial, Outcome>>) {
                Some(Entry { trial, outcome }) if trial.id() == outcome.trial => {
                    outcomes.insert(outcome.trial.clone(), outcome);
                }
                // Torn by whoever was killed while it was written.
                _ if is_last => break,
                _ => {
                    return Err(StoreError::Damaged {
                        path: path.to_owned(),
                        line: number + 1,
                    });
                }
            }
        }
        length += line.len();
    }
    Ok((outcomes, length as u64))
}

fn check(path: &Path, owner: &Owner, header: Option<&[u8]>) -> Result<(), StoreError> {
    let foreign = || StoreError::Foreign {
        path: path.to_owned(),
    };
    let found: Owner = header.and_then(read).ok_or_else(foreign)?;
    if found == *owner {
        return Ok(());
    }
    let is_same_name = (&found.model, &found.data) == (&owner.model, &owner.data);
    Err(StoreError::Other {
        path: path.to_owned(),
        theirs: match is_same_name {
            _ if found.format != owner.format => "another version trained them".to_owned(),
            true => "the model or the data changed since".to_owned(),
            false => {
                let model = found.model.lines().next().unwrap_or_default().to_owned();
                format!("{model} on {}", found.data.source)
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use semilla_signal::Loss;

    use super::*;
    use crate::data::DataSpec;
    use crate::outcome::{End, Point};

    fn owner(model: &str) -> Owner {
        Owner {
            format: 1,
            model: model.to_owned(),
            data: DataSpec::of("digits"),
            loss: Loss::CrossEntropy,
            digest: "0".to_owned(),
        }
    }

    fn run(seed: u64) -> (Trial, Outcome) {
        let mut trial = Trial::from_json(
            r#"{"model": "m", "recipe": "auto", "data": {"source": "digits"},
                "optimizer": "sgd", "rate": 0.1, "steps": 3}"#,
        )
        .unwrap();
        trial.seeds.weights = seed;
        let outcome = Outcome {
            trial: trial.id(),
            end: End::Diverged { step: 2 },
            curve: vec![Point {
                step: 1,
                loss: 0.1 + 0.2,
            }],
            validations: Vec::new(),
            test: None,
            layers: Vec::new(),
        };
        (trial, outcome)
    }

    #[test]
    fn outcomes_come_back_and_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        let (first, second) = (run(0), run(1));
        {
            let store = Store::open(&path, &owner("m")).unwrap();
            store.add(&first.0, &first.1).unwrap();
            store.add(&first.0, &first.1).unwrap();
            store.add(&second.0, &second.1).unwrap();
            let busy = Store::open(&path, &owner("m"));
            assert!(matches!(busy, Err(StoreError::Busy { .. })));
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
        let store = Store::open(&path, &owner("m")).unwrap();
        assert_eq!(store.get(&first.1.trial), Some(first.1));
        assert_eq!(store.get("other"), None);
    }

    #[test]
    fn wherever_it_is_torn_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        let runs: Vec<_> = (0..2).map(run).collect();
        let fill = || {
            let store = Store::open(&path, &owner("m")).unwrap();
            runs.iter()
                .for_each(|(trial, outcome)| store.add(trial, outcome).unwrap());
        };
        fill();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            fill();
            assert_eq!(std::fs::read(&path).unwrap(), whole, "torn at {length}");
        }
    }

    #[test]
    fn what_is_not_its_own_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        let refused = |owner: &Owner| Store::open(&path, owner).err().unwrap();
        for text in ["hello", "hello\nworld\n", "{}\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(
                matches!(refused(&owner("m")), StoreError::Foreign { .. }),
                "{text}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::remove_file(&path).unwrap();
        let (trial, outcome) = run(0);
        Store::open(&path, &owner("m"))
            .unwrap()
            .add(&trial, &outcome)
            .unwrap();
        let other = refused(&owner("other")).to_string();
        assert!(other.contains("m on digits"), "{other}");
        let old = Owner {
            format: 9,
            ..owner("m")
        };
        assert!(refused(&old).to_string().contains("another version"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (header, entry) = text.split_once('\n').unwrap();
        let damaged = format!("{header}\n{}{entry}", entry.replace("0.1", "0.2"));
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(
            refused(&owner("m")),
            StoreError::Damaged { line: 2, .. }
        ));
        assert!(matches!(
            Store::open(folder.path(), &owner("m")),
            Err(StoreError::Foreign { .. })
        ));
    }
}
