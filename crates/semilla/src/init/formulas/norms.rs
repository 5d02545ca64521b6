//! Magnitudes of weight-normalized layers.

use crate::fill::Fill;
use crate::init::catalogue::WeightNorm;
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};
use crate::layout::Layout;
use crate::model::{Role, Tensor, directions_of};
use crate::stream::Key;

impl Formula for WeightNorm {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let own = place.tensor;
        let spatial = self.shape.len().checked_sub(2);
        let spatial =
            spatial.ok_or_else(|| place.needs("the shape of its directions (`shape`)"))?;
        // The one axis that is kept; of a vector any.
        let kept = own.shape.iter().position(|&size| size != 1).unwrap_or(0);
        let is_like = own.shape.len() == self.shape.len() || own.shape.is_empty();
        if !is_like || own.shape.get(kept) != self.shape.get(kept) {
            let needs = format!("one axis as in {:?}, the others of size 1", self.shape);
            return Err(place.needs(needs));
        }
        let name = self.directions.clone().or_else(|| directions_of(&own.name));
        let name = name.ok_or_else(|| place.needs("the name of its directions (`directions`)"))?;
        let directions = Tensor::new(name, self.shape.clone(), own.dtype)
            .with(Role::Conv, Layout::conv(spatial));
        let of = self.of.formula().at(&Place {
            name: self.of.name(),
            tensor: &directions,
            ..*place
        })?;
        Ok(Resolved::plain(Fill::Norms {
            axis: kept,
            of: Box::new(of.fill),
            shape: self.shape.clone(),
            key: Key::new(place.context.seed, &directions.name),
        }))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use crate::init;
    use crate::model::{Model, Tensor};
    use crate::{DType, Recipe};

    fn pair() -> [Tensor; 2] {
        let magnitudes = Tensor::new("conv.weight_g", [1, 1, 5], DType::F32);
        [magnitudes, Tensor::conv("conv.weight_v", [6, 2, 5])]
    }

    fn is_norm(magnitudes: &[f32], directions: &[f32]) {
        assert_eq!(magnitudes.len(), 5);
        for (at, magnitude) in magnitudes.iter().enumerate() {
            let column = directions.iter().skip(at).step_by(5);
            let squares: f64 = column.map(|value| f64::from(*value).powi(2)).sum();
            assert!(
                (f64::from(*magnitude) - squares.sqrt()).abs() < 1e-6,
                "{at}"
            );
        }
    }

    #[test]
    fn magnitudes_are_the_norms_of_the_directions() {
        let [magnitudes, directions] = pair();
        let of = init::kaiming_uniform().a(5f64.sqrt());
        let norm = init::weight_norm().shape([6usize, 2, 5]);
        is_norm(
            &norm.generate(&magnitudes, 3).unwrap(),
            &of.generate(&directions, 3).unwrap(),
        );
        for shape in [&[][..], &[6usize, 2, 4], &[6, 2]] {
            let wrong = init::weight_norm().shape(shape.iter().copied());
            assert!(wrong.generate::<f32>(&magnitudes, 3).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn a_new_seed_reaches_both() {
        let recipe = Recipe::from_toml(
            r#"name = "pair"
            [[rule]]
            match = "*_g"
            init = { weight_norm = { shape = [6, 2, 5], of = "normal" } }
            [[rule]]
            match = "*_v"
            init = "normal""#,
        )
        .unwrap();
        let model = Model {
            tensors: pair().to_vec(),
            ..Model::default()
        };
        let plan = recipe.plan(&model, 1).unwrap().with_seed(8);
        plan.check().unwrap();
        assert_eq!(plan, recipe.plan(&model, 8).unwrap());
        let bytes = |place: usize| plan.tensors[place].to_bytes().unwrap();
        let floats = |bytes: Vec<u8>| -> Vec<f32> {
            let each = bytes.as_chunks::<4>().0.iter();
            each.map(|bytes| f32::from_le_bytes(*bytes)).collect()
        };
        is_norm(&floats(bytes(0)), &floats(bytes(1)));
    }
}
