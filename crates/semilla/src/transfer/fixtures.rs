//! Models, rules and dense values for the tests of this room.

use super::{Adapt, Alignment, Load, Terms, Transfer};
use crate::DType;
use crate::fill::Fill;
use crate::model::{Convention, Model};

pub(super) fn model(tensors: &[(&str, &[usize])], convention: Convention) -> Model {
    let tensor = |(name, shape): &(&str, &[usize])| (name.to_string(), shape.to_vec(), DType::F32);
    Model::infer(tensors.iter().map(tensor), convention)
}

pub(super) fn torch(tensors: &[(&str, &[usize])]) -> Model {
    model(tensors, Convention::Pytorch)
}

pub(super) fn globs(list: &[&str]) -> Vec<String> {
    list.iter().map(|glob| glob.to_string()).collect()
}

pub(super) fn owned(tensors: &[(String, Vec<usize>)]) -> Model {
    let list = tensors
        .iter()
        .map(|(name, shape)| (name.clone(), shape.clone(), DType::F32));
    Model::infer(list, Convention::Pytorch)
}

pub(super) fn adapt(glob: &str, op: &str) -> Adapt {
    let glob = glob.to_owned();
    let op = op.parse().unwrap();
    Adapt { glob, op }
}

pub(super) fn load(alignment: &Alignment, place: usize) -> Load {
    match &alignment.fates[place].given().unwrap().fill {
        Fill::Load(load) => load.clone(),
        fill => panic!("{fill:?}"),
    }
}

/// A shape, and its elements.
pub(super) type Dense = (Vec<usize>, Vec<f64>);

/// The elements that a fill makes of sources given by name: the plain meaning of a load, element by
/// element.
pub(super) fn made(fill: &Fill, shape: &[usize], sources: &dyn Fn(&str) -> Dense) -> Vec<f64> {
    let mut out = vec![f64::NAN; shape.iter().product()];
    if let Fill::Constant { value } = fill {
        out.fill(*value);
    }
    for (area, load) in fill.loads(shape) {
        assert_eq!(load.problem(area.size()), None);
        let (source_shape, values) = sources(&load.tensor);
        assert!(load.fits(&source_shape, area.size()));
        let seen = load.seen(&source_shape);
        let terms: Vec<Terms> = (0..shape.len())
            .map(|axis| load.terms(axis, 0..area.size()[axis]))
            .collect();
        for element in 0..area.len() as usize {
            let index = unravel(element, area.size());
            let mut sum = 0.0;
            let mut reached = true;
            let mut choice: Vec<(Vec<usize>, f64)> = vec![(vec![0; shape.len()], 1.0)];
            for axis in 0..shape.len() {
                reached &= !terms[axis].of(index[axis]).is_empty();
                choice = choice
                    .iter()
                    .flat_map(|(place, weight)| {
                        terms[axis]
                            .of(index[axis])
                            .iter()
                            .map(move |(from, factor)| {
                                let mut place = place.clone();
                                place[load.source_axis(axis)] = *from;
                                (place, weight * factor)
                            })
                    })
                    .collect();
            }
            for (place, weight) in choice {
                sum += weight * values[ravel(&place, seen)];
            }
            let target: Vec<usize> = index
                .iter()
                .zip(area.offset())
                .map(|(i, o)| i + o)
                .collect();
            if reached {
                out[ravel(&target, shape)] = sum;
            }
        }
    }
    out
}

pub(super) fn unravel(mut element: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = element % shape[axis];
        element /= shape[axis];
    }
    index
}

pub(super) fn ravel(index: &[usize], shape: &[usize]) -> usize {
    index
        .iter()
        .zip(shape)
        .fold(0, |at, (i, size)| at * size + i)
}

/// Element i of a tensor is i.
pub(super) fn counting(model: &Model) -> impl Fn(&str) -> Dense {
    let tensors = model.tensors.clone();
    move |name| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        let count = tensor.shape.iter().product::<usize>();
        (tensor.shape.clone(), (0..count).map(|i| i as f64).collect())
    }
}

/// One tensor made of one other by one operation.
pub(super) fn one(
    from: (&str, &[usize]),
    to: (&str, &[usize]),
    op: &str,
) -> Result<Vec<f64>, String> {
    let (source, target) = (torch(&[from]), torch(&[to]));
    let rules = Transfer {
        adapt: vec![adapt(to.0, op)],
        ..Transfer::default()
    };
    let alignment = rules
        .align(&target, &source, true)
        .map_err(|error| error.to_string())?;
    let given = alignment.fates[0].given().ok_or("nothing")?;
    Ok(made(&given.fill, to.1, &counting(&source)))
}
