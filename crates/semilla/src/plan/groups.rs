//! Groups of tensors that an optimizer treats alike.

use super::{Disposition, Plan};
use crate::model::Role;
use crate::scheme::Optimizer;

/// Tensors with one factor on the learning rate.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerGroup<'a> {
    /// The factor on the learning rate.
    pub lr: f64,
    /// The factor on a weight decay that the optimizer multiplies by the learning rate (AdamW and
    /// SGD of PyTorch): with it the decay per step is the same for all tensors, as muP's authors
    /// have it.
    pub weight_decay: f64,
    /// The tensors' names, in the plan's order.
    pub tensors: Vec<&'a str>,
}

impl Plan {
    /// The tensors that are trained, grouped by the factor on their learning rate, in the order of
    /// their first. Buffers are left out, and so are tied tensors, which are trained as the ones
    /// that they are tied to.
    ///
    /// ```
    /// use semilla::scheme::Optimizer;
    /// use semilla::{Recipe, model::Spec};
    ///
    /// let model = Spec::parse("transformer:2x512:1000")?;
    /// let plan = Recipe::named("mup")?.plan(&model, 0)?; // base width 256
    /// let groups = plan.optimizer_groups(Optimizer::Adam);
    /// let factors: Vec<f64> = groups.iter().map(|group| group.lr).collect();
    /// assert_eq!(factors, [1.0, 0.5]); // vectors and tables, then hidden matrices
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn optimizer_groups(&self, optimizer: Optimizer) -> Vec<OptimizerGroup<'_>> {
        let mut groups: Vec<OptimizerGroup<'_>> = Vec::new();
        for line in &self.tensors {
            let is_tied = matches!(line.disposition, Disposition::Tied { .. });
            if is_tied || is_buffer(line.role) || !line.dtype.is_float() {
                continue;
            }
            let lr = line.lr.map_or(1.0, |rates| rates.of(optimizer));
            match groups.iter_mut().find(|group| group.lr == lr) {
                Some(group) => group.tensors.push(&line.name),
                None => groups.push(OptimizerGroup {
                    lr,
                    weight_decay: lr.recip(),
                    tensors: vec![&line.name],
                }),
            }
        }
        groups
    }
}

fn is_buffer(role: Role) -> bool {
    matches!(
        role,
        Role::RunningMean
            | Role::RunningVar
            | Role::Counter
            | Role::PositionIds
            | Role::RotaryFrequencies
            | Role::Sinusoids
    )
}
