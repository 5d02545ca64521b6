//! The words of the page of `semilla compare`.

use semilla::number::grouped;
use semilla_lab::statistics::differ_among;
use semilla_lab::{Caveat, Comparison, Measure, Why};

use super::number::{self, number_of};
use super::{Lang, Text, chosen, figure, fold, percent, spanish};

/// The name of an arm. Those that `semilla compare` gives have one in each language; recipes are
/// called what they are called.
pub fn arm(name: &str) -> Text {
    if let Some(recipe) = name.strip_suffix(" (recommended)") {
        return Text::of(name, format!("{recipe} (recomendada)"));
    }
    let es = match name {
        "zeros" => "ceros",
        "too small" => "demasiado pequeña",
        "too large" => "demasiado grande",
        "random" => "aleatoria",
        "orthogonal" => "ortogonal",
        "pretrained" => "preentrenada",
        _ => name,
    };
    Text::of(name, es)
}

/// The verdict in one sentence.
pub fn verdict(comparison: &Comparison) -> Text {
    Text::of(
        &comparison.verdict.sentence,
        in_spanish(comparison).unwrap_or_else(|| "Todavía no se puede decir nada.".to_owned()),
    )
}

fn in_spanish(comparison: &Comparison) -> Option<String> {
    let names = |places: &[usize]| {
        let names = places
            .iter()
            .filter_map(|&place| comparison.arms.get(place));
        listed(
            &names.map(|arm| quoted(&arm.name)).collect::<Vec<String>>(),
            "y",
        )
    };
    let verdict = &comparison.verdict;
    let (best, tied) = verdict.leaders.split_first()?;
    let best = names(&[*best]);
    let pairs = &comparison.pairs;
    if pairs.is_empty() {
        return Some(format!("{best} es la única que se ha entrenado."));
    }
    if pairs.iter().all(|pair| !pair.is_different) {
        let all = names(&verdict.leaders);
        return Some(format!(
            "No hay pruebas de que haya diferencia entre {all}."
        ));
    }
    let beaten = match verdict.beaten.is_empty() {
        true => format!("{best} queda en primer lugar"),
        false => format!(
            "{best} da mejores resultados que {}",
            names(&verdict.beaten)
        ),
    };
    if tied.is_empty() {
        return Some(format!("{beaten}."));
    }
    let apart = match differ_among(pairs, tied) {
        true => ", aunque entre estas sí las hay",
        false => "",
    };
    let tied = names(tied);
    Some(format!(
        "{beaten}; frente a {tied} no hay pruebas de que haya diferencia{apart}."
    ))
}

/// The name of an arm within a Spanish sentence.
fn quoted(name: &str) -> String {
    let es = arm(name).in_lang(Lang::Es).to_owned();
    match es == name {
        true => es,
        false => format!("«{es}»"),
    }
}

fn listed(names: &[String], and: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

/// What the window is called.
pub fn title(comparison: &Comparison) -> Text {
    let model = short(&comparison.protocol.trial.model);
    let data = &comparison.data.name;
    Text::of(
        format!("{model} on {data} · semilla compare"),
        format!("{model} con {data} · semilla compare"),
    )
}

/// A model by its line; one that is written as a text by the first of it.
pub(crate) fn short(model: &str) -> String {
    const MOST: usize = 60;
    let line = model.lines().next().unwrap_or_default();
    match line.chars().count() > MOST {
        true => line.chars().take(MOST).chain(['…']).collect(),
        false => line.to_owned(),
    }
}

/// What limits the verdict.
pub fn caveat(caveat: &Caveat, comparison: &Comparison) -> Text {
    let name = |place: usize| {
        let arm = comparison.arms.get(place);
        arm.map_or("", |arm| &*arm.name)
    };
    match caveat {
        Caveat::Incomplete => Text::new(
            "Not everything has been trained yet; the same command goes on where this stopped.",
            "Aún no se ha entrenado todo; la misma orden continúa donde esto se detuvo.",
        ),
        Caveat::FewSeeds { needed } => Text::of(
            format!(
                "With so few seeds not even the clearest difference can be shown: it takes {needed}."
            ),
            format!(
                "Con tan pocas semillas no se puede mostrar ni la diferencia más clara: hacen falta \
                 {needed}."
            ),
        ),
        Caveat::Edge { arm: place } => Text::of(
            format!(
                "{} is best at the edge of the learning rates that were tried.",
                name(*place)
            ),
            format!(
                "{} rinde mejor en el borde de las tasas de aprendizaje que se probaron.",
                quoted(name(*place))
            ),
        ),
        Caveat::SelfCheck => Text::new(
            "Compared with itself, a start was called different too often: read small differences \
             with care.",
            "Al compararse consigo misma, una inicialización salió distinta demasiadas veces: lea \
             con cautela las diferencias pequeñas.",
        ),
    }
}

/// Why an arm or a rate was left out.
pub fn why(why: &Why) -> Text {
    match why {
        Why::Hopeless { log_gradients } => {
            let factor = fold(log_gradients.abs().exp());
            let (en, es) = match *log_gradients < 0.0 {
                true => ("shrink", "encogen"),
                false => ("grow", "crecen"),
            };
            Text::of(
                format!("theory: squared gradients {en} {factor}\u{2011}fold on their way"),
                format!(
                    "teoría: los gradientes al cuadrado {es} {} veces por el camino",
                    spanish(&factor)
                ),
            )
        }
        Why::Behind { steps, p } => {
            let (steps, p) = (number::steps(*steps), figure(*p));
            Text::of(
                format!(
                    "behind the best rate after {} (p = {p})",
                    steps.in_lang(Lang::En)
                ),
                format!(
                    "por detrás de la mejor tasa tras {} (p = {})",
                    steps.in_lang(Lang::Es),
                    spanish(&p)
                ),
            )
        }
    }
}

/// What is compared.
pub fn measure(measure: Measure) -> Text {
    match measure {
        Measure::Accuracy => Text::new("test accuracy", "exactitud en prueba"),
        Measure::Loss => Text::new("test loss", "pérdida en prueba"),
    }
}

/// What rates are chosen by.
pub fn validation(measure: Measure) -> Text {
    match measure {
        Measure::Accuracy => Text::new("validation accuracy", "exactitud en validación"),
        Measure::Loss => Text::new("validation loss", "pérdida en validación"),
    }
}

/// A step of training.
pub fn step(step: u64) -> Text {
    let step = grouped(step);
    Text::of(format!("step {step}"), format!("paso {}", spanish(&step)))
}

/// The best learning rate.
pub fn best_rate(rate: f64) -> Text {
    let rate = chosen(rate);
    Text::of(
        format!("best at {rate}"),
        format!("mejor con {}", spanish(&rate)),
    )
}

/// What stands upwards in the plots of rates.
pub fn upwards(measure: Measure) -> Text {
    let name = validation(measure);
    Text::of(
        format!("Upwards: {}.", name.in_lang(Lang::En)),
        format!("En vertical: {}.", name.in_lang(Lang::Es)),
    )
}

/// The self-check in a sentence.
pub fn self_check(name: &str, false_differences: f64, level: f64, spread: Option<String>) -> Text {
    let (rate, level) = (percent(false_differences), percent(level));
    let (en, es) = match spread {
        Some(spread) => (
            format!(" 95 % of its runs differ from each other by no more than {spread}."),
            format!(
                " El 95 % de sus repeticiones difieren entre sí en no más de {}.",
                spanish(&spread)
            ),
        ),
        None => (String::new(), String::new()),
    };
    Text::of(
        format!(
            "{name} against itself, on other seeds, was called different in {rate} of the draws \
             (allowed: {level}).{en}"
        ),
        format!(
            "{} contra sí misma, con otras semillas, salió distinta en el {rate} de los sorteos \
             (se admite el {level}).{es}",
            quoted(name)
        ),
    )
}

/// Counted things: trainings, steps, samples.
pub fn cost(trials: u64, steps: u64, samples: u64) -> Text {
    let trials = number_of(
        trials,
        ["training", "trainings"],
        ["entrenamiento", "entrenamientos"],
    );
    let counts = [trials, number::steps(steps), number::samples(samples)];
    let [en, es] =
        [Lang::En, Lang::Es].map(|lang| counts.each_ref().map(|count| count.in_lang(lang)));
    Text::of(en.join(", "), es.join(", "))
}

/// A number of samples for training, validation and test.
pub fn split(training: usize, validation: usize, test: usize) -> Text {
    let samples = number::samples(training as u64);
    let [validation, test] = [validation, test].map(|count| grouped(count as u64));
    Text::of(
        format!(
            "{} to train on, {validation} to choose rates by, {test} to compare by",
            samples.in_lang(Lang::En)
        ),
        format!(
            "{} para entrenar, {} para elegir la tasa, {} para comparar",
            samples.in_lang(Lang::Es),
            spanish(&validation),
            spanish(&test)
        ),
    )
}

/// How the trainings are run.
pub fn training(optimizer: &str, steps: u64, batch: usize, decay: f64) -> Text {
    let (steps, batch) = (number::steps(steps), number::samples(batch as u64));
    let decay = chosen(decay);
    Text::of(
        format!(
            "{optimizer}, {} of {}, weight decay {decay}",
            steps.in_lang(Lang::En),
            batch.in_lang(Lang::En)
        ),
        format!(
            "{optimizer}, {} de {}, decaimiento de pesos {}",
            steps.in_lang(Lang::Es),
            batch.in_lang(Lang::Es),
            spanish(&decay)
        ),
    )
}

/// How rates were tried.
pub fn rates(tried: usize, factor: f64, first: f64, last: f64) -> Text {
    let [factor, first, last] = [factor, first, last].map(chosen);
    if tried == 1 {
        return Text::of(
            format!("the same rate for every start, {first}"),
            format!("la misma tasa para todas, {}", spanish(&first)),
        );
    }
    Text::of(
        format!(
            "the same {tried} rates for every start, {factor} times apart, from {first} to {last}; \
             the best by the median on the validation set"
        ),
        format!(
            "las mismas {tried} tasas para todas, separadas por un factor {}, de {} a {}; la mejor \
             según la mediana en validación",
            spanish(&factor),
            spanish(&first),
            spanish(&last)
        ),
    )
}

/// How differences were judged.
pub fn statistics(level: f64, power: f64, difference: &str) -> Text {
    let (level, power) = (chosen(level), percent(power));
    Text::of(
        format!(
            "Pairs share their seeds: the difference is taken seed by seed, its 95 % interval is a \
             BCa bootstrap, p comes from flipping signs and is adjusted for all pairs by Holm’s \
             method (level {level}). A training that diverges ranks last; then medians are \
             compared. Needed seeds are those that show a difference of {difference} with a power \
             of {power}."
        ),
        format!(
            "Cada pareja comparte semillas: la diferencia se toma semilla a semilla, su intervalo \
             del 95 % es un bootstrap BCa, p sale de invertir signos y se ajusta para todas las \
             parejas con el método de Holm (nivel {}). Un entrenamiento que diverge queda el \
             último; entonces se comparan medianas. Las semillas necesarias son las que muestran \
             una diferencia de {} con una potencia del {power}.",
            spanish(&level),
            spanish(difference)
        ),
    )
}

/// What the table of pairs shows.
pub fn pairs_what(pairs: usize) -> Text {
    let (en, es) = (
        "The difference between two initializations, seed by seed, with its 95 % interval.",
        "La diferencia entre dos inicializaciones, semilla a semilla, con su intervalo del 95 %.",
    );
    match pairs {
        0 | 1 => Text::new(en, es),
        _ => Text::of(
            format!(
                "{en} Each interval is that of its pair alone; among {pairs}, some exclude 0 by \
                 chance. So p decides, which is adjusted for all of them."
            ),
            format!(
                "{es} Cada intervalo vale para su pareja sola; entre {pairs}, alguno excluye el 0 \
                 por azar. Por eso decide p, que está ajustado para todas."
            ),
        ),
    }
}

/// What is concluded of a pair whose interval excludes 0 while its adjusted p is no evidence.
pub fn not_among(pairs: usize) -> Text {
    Text::of(
        format!("not enough, as one of {pairs} pairs"),
        format!("insuficiente, siendo una de {pairs} parejas"),
    )
}

words! {
    /// The verdict's word.
    EVIDENCE: "Evidence of a difference", "Hay pruebas de una diferencia";
    /// The verdict's word.
    NO_EVIDENCE: "No evidence of a difference", "No hay pruebas de una diferencia";

    /// Facts.
    MODEL: "Model", "Modelo";
    /// Facts.
    DATA: "Data", "Datos";
    /// Facts.
    STARTS: "Initializations", "Inicializaciones";
    /// Facts.
    SEEDS: "Seeds compared", "Semillas comparadas";
    /// Facts.
    TRAINED: "Trained", "Entrenado";

    /// A heading.
    RESULTS: "Results", "Resultados";
    /// What it shows.
    RESULTS_WHAT: "Each initialization at its own best learning rate, on seeds that were not used to \
                   choose it. Between those that share a letter there is no evidence of a \
                   difference.",
        "Cada inicialización con su mejor tasa de aprendizaje y con semillas que no sirvieron para \
         elegirla. Entre las que comparten letra no hay pruebas de diferencia.";
    /// A column.
    START: "initialization", "inicialización";
    /// A column.
    GROUP: "group", "grupo";
    /// A column.
    MEDIAN: "median", "mediana";
    /// A column.
    QUARTILES: "quartiles", "cuartiles";
    /// A column.
    BEST_RATE: "best rate", "mejor tasa";
    /// A column.
    BASIN: "basin, octaves", "cuenca, octavas";
    /// Its meaning.
    BASIN_IS: "How many times the rate can be doubled while the result stays about as good.",
        "Cuántas veces puede doblarse la tasa sin que el resultado empeore apenas.";
    /// A column.
    DIVERGED: "diverged", "divergieron";
    /// A column.
    TRAINING_LOSS: "training loss", "pérdida de entrenamiento";
    /// A column.
    TO_TARGET: "steps to target", "pasos hasta el objetivo";

    /// A heading.
    CURVES: "The loss over training", "La pérdida durante el entrenamiento";
    /// What it shows.
    CURVES_WHAT: "Training loss at the best rate: the median of the seeds, quartiles in the band, ✕ \
                  where most have diverged",
        "Pérdida de entrenamiento con la mejor tasa: mediana de las semillas, cuartiles en la \
         franja, ✕ donde la mayoría ha divergido";
    /// An axis.
    STEP_AXIS: "training step", "paso de entrenamiento";
    /// A column.
    STEP: "step", "paso";
    /// A chart.
    TRAINING_CURVE: "Training loss", "Pérdida de entrenamiento";
    /// A chart.
    VALIDATION_CURVE: "On the validation set", "En el conjunto de validación";
    /// What opens a table.
    CHART_NUMBERS: "The numbers of this chart", "Los números de esta gráfica";

    /// A heading.
    RATES: "Learning rates", "Tasas de aprendizaje";
    /// What it shows.
    RATES_WHAT: "Every initialization was tried at the same rates: a start that looks bad at one may \
                 be fine at another. The broad line is the basin around the best rate, ✕ a rate at \
                 which trainings diverged, thin lines are the others.",
        "Cada inicialización se probó con las mismas tasas: la que parece mala con una puede ir bien \
         con otra. El trazo ancho es la cuenca en torno a la mejor tasa; ✕, una tasa con la que \
         hubo divergencias; las líneas finas son las demás.";
    /// An axis.
    RATE_AXIS: "learning rate", "tasa de aprendizaje";
    /// A column.
    RATE: "rate", "tasa";

    /// A heading.
    PAIRS: "Pair by pair", "Pareja a pareja";
    /// A column.
    PAIR: "A − B", "A − B";
    /// A column.
    DIFFERENCE: "difference", "diferencia";
    /// A column.
    INTERVAL: "95 % interval", "intervalo del 95 %";
    /// A column.
    P: "p, adjusted", "p ajustado";
    /// A column.
    SUPERIORITY: "P(A better)", "P(A mejor)";
    /// A column.
    NEEDED: "seeds needed", "semillas necesarias";
    /// A column.
    CONCLUSION: "conclusion", "conclusión";
    /// A cell.
    DIFFERENT: "different", "distintas";
    /// A cell.
    UNTOLD: "no evidence", "sin pruebas";
    /// A word.
    TIES: "Groups", "Grupos";

    /// A heading.
    LAYERS: "What happens in the layers", "Qué ocurre en las capas";
    /// What it shows.
    LAYERS_WHAT: "The classical picture, from the first comparison seed: values that are too small \
                  become a needle at 0, those too large pile up at the ends, the right ones keep \
                  their width from layer to layer. All drawings share the axis of the best \
                  initialization.",
        "La imagen clásica, con la primera semilla de la comparación: los valores demasiado pequeños \
         se vuelven una aguja en 0, los demasiado grandes se amontonan en los extremos, los \
         adecuados conservan su anchura de capa en capa. Todos los dibujos comparten el eje de la \
         mejor inicialización.";
    /// A chart.
    ACTIVATIONS: "Pre-activations", "Preactivaciones";
    /// A chart.
    GRADIENTS: "Gradients", "Gradientes";
    /// A chart.
    ACTIVATION_SIZE: "Size of the pre-activations at the start",
        "Tamaño de las preactivaciones al comienzo";
    /// What it shows.
    ACTIVATION_SIZE_WHAT: "Standard deviation, layer by layer, before the first step",
        "Desviación típica, capa por capa, antes del primer paso";
    /// A chart.
    GRADIENT_SIZE: "Size of the gradients at the start", "Tamaño de los gradientes al comienzo";
    /// What it shows.
    GRADIENT_SIZE_WHAT: "Root mean square, layer by layer, before the first step",
        "Media cuadrática, capa por capa, antes del primer paso";

    /// A heading.
    THEORY: "Predicted and trained", "Lo previsto y lo entrenado";
    /// What it shows.
    THEORY_WHAT: "Across: by how many powers of ten theory expects squared gradients to change along \
                  the network, before anything is run. Upwards: the result. Starts that keep \
                  gradients level stand on the left.",
        "En horizontal: en cuántas potencias de diez espera la teoría que cambien los gradientes al \
         cuadrado a lo largo de la red, antes de ejecutar nada. En vertical: el resultado. A la \
         izquierda quedan las que mantienen los gradientes.";
    /// An axis.
    THEORY_AXIS: "powers of ten, predicted", "potencias de diez previstas";
    /// A column.
    PREDICTED_CHANGE: "squared gradients, predicted factor",
        "gradientes al cuadrado, factor previsto";

    /// A heading.
    METHOD: "How this was compared", "Cómo se comparó";
    /// A fact.
    TRAININGS: "Trainings", "Entrenamientos";
    /// A fact.
    RATE_SEARCH: "Learning rates", "Tasas";
    /// A fact.
    TUNING_SEEDS: "Seeds to choose rates", "Semillas para elegir la tasa";
    /// A fact.
    FINAL_SEEDS: "Seeds to compare", "Semillas para comparar";
    /// A fact.
    CHECK_SEEDS: "Seeds of the self-check", "Semillas de la autocomprobación";
    /// What the numbers of a seed are.
    SEED_PARTS: "weights/order/split", "pesos/orden/reparto";
    /// A fact.
    SELF_CHECK: "Self-check", "Autocomprobación";
    /// A fact.
    PRUNED: "Left out", "Descartado";
    /// A cell.
    NOTHING: "nothing", "nada";
    /// A cell.
    ALL_RATES: "all rates", "todas las tasas";
    /// A fact.
    COST: "Cost", "Coste";
    /// A fact.
    VERSIONS: "Versions", "Versiones";
    /// A fact.
    STATISTICS: "Statistics", "Estadística";
    /// A fact.
    RECIPES: "Recipes", "Recetas";
    /// A fact.
    TRUNK: "starts from a trained network", "parte de una red entrenada";

    /// A heading.
    EXPORT: "All numbers", "Todos los números";
    /// What it is.
    EXPORT_WHAT: "Made from this page, without asking anyone. The JSON is the comparison as \
                  semilla compare gives it, with the curves and layers that are shown here, to six \
                  digits; the run store has those of all trainings.",
        "Se crea a partir de esta página, sin pedir nada a nadie. El JSON es la comparación tal como \
         la da semilla compare, con las curvas y las capas que se muestran aquí, con seis cifras; el \
         almacén de ejecuciones tiene las de todos los entrenamientos.";
    /// A button.
    SAVE_JSON: "Save as JSON", "Guardar como JSON";
    /// A button.
    SAVE_RUNS: "Save every training as CSV", "Guardar todos los entrenamientos como CSV";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_thing_is_said_as_one() {
        let said = |text: Text| [Lang::En, Lang::Es].map(|lang| text.in_lang(lang).to_owned());
        assert_eq!(
            said(cost(1, 1, 1)),
            [
                "1 training, 1 step, 1 sample",
                "1 entrenamiento, 1 paso, 1 muestra"
            ]
        );
        assert_eq!(
            said(cost(2, 1200, 0)),
            [
                "2 trainings, 1,200 steps, 0 samples",
                "2 entrenamientos, 1\u{202f}200 pasos, 0 muestras"
            ]
        );
        assert_eq!(
            said(rates(1, 2.0, 0.1, 0.1)),
            [
                "the same rate for every start, 0.1",
                "la misma tasa para todas, 0,1"
            ]
        );
    }
}
