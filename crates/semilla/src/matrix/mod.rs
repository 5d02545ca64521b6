//! stub
use crate::stream::Stream;
pub(crate) fn orthogonal(_: Stream, rows: usize, cols: usize, gain: f32) -> Vec<f32> {
    vec![gain; rows * cols]
}
pub(crate) fn orthogonal_f64(_: Stream, rows: usize, cols: usize, gain: f64) -> Vec<f64> {
    vec![gain; rows * cols]
}
pub(crate) fn svd(_: &[f64], n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    (vec![0.0; n * n], vec![0.0; n], vec![0.0; n * n])
}
