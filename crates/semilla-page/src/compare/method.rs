//! How it was compared: everything that someone needs who wants to do it again, or to doubt it.

use maud::{Markup, html};
use semilla_lab::{Pruned, Seeds};

use super::view::View;
use crate::text::{compare as text, figure};

/// The section.
pub(super) fn method(view: View<'_>) -> Markup {
    let comparison = view.comparison;
    let protocol = &comparison.protocol;
    let trial = &protocol.trial;
    let rates = &comparison.rates;
    html! {
        section {
            h2 { (text::METHOD) }
            dl.glossary {
                dt { (text::MODEL) }
                dd { code { (text::short(&trial.model)) } }
                dt { (text::DATA) }
                dd {
                    (comparison.data.name) ": "
                    (text::split(
                        comparison.data.training, comparison.data.validation, comparison.data.test,
                    ))
                }
                dt { (text::TRAININGS) }
                dd {
                    (text::training(
                        trial.optimizer.name(), trial.steps, trial.batch, trial.weight_decay,
                    ))
                }
                dt { (text::RATE_SEARCH) }
                dd {
                    (text::rates(
                        rates.len(),
                        protocol.rates.factor,
                        rates.first().copied().unwrap_or(protocol.rates.first),
                        rates.last().copied().unwrap_or(protocol.rates.first),
                    ))
                }
                dt { (text::STATISTICS) }
                dd {
                    (text::statistics(
                        protocol.level, protocol.power, &view.score(protocol.difference),
                    ))
                }
                @for (name, seeds) in [
                    (text::TUNING_SEEDS, &protocol.tuning),
                    (text::FINAL_SEEDS, &protocol.finals),
                    (text::CHECK_SEEDS, &protocol.check),
                ] {
                    @if !seeds.is_empty() {
                        dt { (name) }
                        dd { (listed(seeds)) " (" (text::SEED_PARTS) ")" }
                    }
                }
                @if let Some(found) = &comparison.self_check {
                    dt { (text::SELF_CHECK) }
                    dd {
                        (text::self_check(
                            &comparison.arms.get(protocol.reference).map_or(String::new(), |arm| arm.name.clone()),
                            found.false_differences,
                            protocol.level,
                            found.spread.map(|spread| view.score(spread)),
                        ))
                    }
                }
                dt { (text::PRUNED) }
                dd {
                    @if comparison.pruned.is_empty() { (text::NOTHING) }
                    @else { ul.plain { @for pruned in &comparison.pruned { li { (left_out(view, pruned)) } } } }
                }
                dt { (text::COST) }
                dd {
                    (text::cost(
                        comparison.cost.trials, comparison.cost.steps, comparison.cost.samples,
                    ))
                }
                dt { (text::VERSIONS) }
                dd { "semilla " (comparison.semilla) ", stream " (comparison.stream) }
                dt { (text::RECIPES) }
                dd {
                    @for (place, arm) in comparison.arms.iter().enumerate() {
                        @if is_short(&arm.recipe) {
                            p.recipe { (view.name(place)) ": " code { (arm.recipe) } }
                        } @else {
                            details {
                                summary { (view.name(place)) }
                                pre { code { (arm.recipe) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn is_short(recipe: &str) -> bool {
    !recipe.trim_end().contains('\n')
}

fn left_out(view: View<'_>, pruned: &Pruned) -> Markup {
    html! {
        (view.name(pruned.arm)) ", "
        @match pruned.rate.and_then(|rate| view.rate(rate)) {
            Some(rate) => { (text::RATE) " " span.n { (figure(rate)) } },
            None => (text::ALL_RATES),
        }
        ": " (text::why(&pruned.why))
    }
}

fn listed(seeds: &[Seeds]) -> String {
    seeds
        .iter()
        .map(written)
        .collect::<Vec<String>>()
        .join(", ")
}

/// Seeds of weights, order and split.
fn written(seeds: &Seeds) -> String {
    format!("{}/{}/{}", seeds.weights, seeds.order, seeds.split)
}
