//! Tensors that kept their content and not their name.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};

use semilla::DType;

use super::change::Change;
use crate::ops::pieces::{Place, pieces};
use crate::ops::watch::Watch;
use crate::{Checkpoint, Error};

/// Tensors that have one name in A and a different one in B, by content; the rest is missing or
/// added.
pub(super) fn moved(
    a: &dyn Checkpoint,
    only_a: Vec<usize>,
    b: &dyn Checkpoint,
    only_b: Vec<usize>,
    watch: Watch<'_>,
) -> Result<Vec<Change>, Error> {
    let mut by_content: HashMap<_, Vec<usize>> = HashMap::new();
    if !only_a.is_empty() {
        for &index in only_b.iter().rev() {
            if let Some(content) = content((b, index), watch)? {
                by_content.entry(content).or_default().push(index);
            }
        }
    }
    let mut taken = HashSet::new();
    let mut changes = Vec::new();
    for index in only_a {
        let name = a.tensors()[index].name().to_owned();
        let found = match by_content.is_empty() {
            true => None,
            false => {
                content((a, index), watch)?.and_then(|content| by_content.get_mut(&content)?.pop())
            }
        };
        changes.push(match found {
            Some(other) => {
                taken.insert(other);
                Change::Renamed {
                    name,
                    to: b.tensors()[other].name().to_owned(),
                }
            }
            None => Change::Missing { name },
        });
    }
    let added = only_b.into_iter().filter(|index| !taken.contains(index));
    changes.extend(added.map(|index| Change::Added {
        name: b.tensors()[index].name().to_owned(),
    }));
    Ok(changes)
}

/// Tells a tensor by its content.
#[derive(PartialEq, Eq, Hash)]
struct Content {
    dtype: DType,
    shape: Vec<usize>,
    hashes: [u64; 2],
}

/// `None` where there are no values.
fn content((file, index): Place<'_>, watch: Watch<'_>) -> Result<Option<Content>, Error> {
    let info = &file.tensors()[index];
    let (mut first, mut second) = (DefaultHasher::new(), DefaultHasher::new());
    second.write_u8(1);
    let read = pieces((file, index), watch.stop, |_, bytes| {
        first.write(bytes);
        second.write(bytes);
        (watch.progress)(bytes.len() as u64);
        Ok::<(), Error>(())
    });
    match read {
        // A list of shapes has no content to go by.
        Err(Error::NoValues { .. }) => return Ok(None),
        read => read?,
    }
    Ok(Some(Content {
        dtype: info.dtype(),
        shape: info.shape().to_vec(),
        hashes: [first.finish(), second.finish()],
    }))
}
