//! The numbers of a fill.

use semilla::{Distribution, Fill};

use crate::show::figures::number;

/// The concrete numbers of a fill, such as `N(0, 0.02)`.
pub(crate) fn fill(of: &Fill) -> String {
    match of {
        Fill::Constant { value } => number(*value),
        Fill::Draw(Distribution::Uniform { low, high }) if *low == -*high => {
            format!("U(±{})", number(*high))
        }
        Fill::Draw(Distribution::Uniform { low, high }) => {
            format!("U({}, {})", number(*low), number(*high))
        }
        Fill::Draw(Distribution::Normal { mean, std }) => {
            format!("N({}, {})", number(*mean), number(*std))
        }
        Fill::Draw(Distribution::TruncatedNormal {
            mean,
            std,
            low,
            high,
        }) => format!(
            "N({}, {}) in [{}, {}]",
            number(*mean),
            number(*std),
            number(*low),
            number(*high)
        ),
        Fill::Orthogonal { gain, rows } => format!("{} rows, gain {}", rows, number(*gain)),
        Fill::Blocks { sections, .. } => {
            let mut parts: Vec<String> =
                sections.iter().map(|section| fill(&section.fill)).collect();
            parts.dedup();
            format!("{} blocks: {}", sections.len(), parts.join(" | "))
        }
        Fill::Stacked { of } => format!("each: {}", fill(of)),
        Fill::Padded { row, of } => format!("{}, row {row} zero", fill(of)),
        Fill::Repeated { repeats, of, .. } => format!("{}, each {repeats} times", fill(of)),
        Fill::Keep => "as in the file".to_owned(),
        Fill::Load(_) => "from a checkpoint".to_owned(),
        Fill::Arange => "0, 1, 2, ...".to_owned(),
        Fill::Eye { gain } => format!("{} on the diagonal", number(*gain)),
        Fill::Sparse { std, zeros } => format!("N(0, {}), {zeros} zeros a column", number(*std)),
        Fill::DeltaOrthogonal { gain, .. } | Fill::LooksLinear { gain } => {
            format!("gain {}", number(*gain))
        }
        Fill::LogUniform { low, high, .. } => format!("log U({}, {})", number(*low), number(*high)),
        Fill::MambaDtBias { dt_min, dt_max, .. } => {
            format!("softplus⁻¹ of {}..{}", number(*dt_min), number(*dt_max))
        }
        Fill::Sinusoidal { base } | Fill::RotaryFrequencies { base } => {
            format!("base {}", number(*base))
        }
        Fill::Mimetic { alpha, beta, .. } => format!("α {}, β {}", number(*alpha), number(*beta)),
        Fill::Dirac { .. } | Fill::Hadamard { .. } | Fill::Bilinear { .. } | Fill::S4d { .. } => {
            String::new()
        }
    }
}
