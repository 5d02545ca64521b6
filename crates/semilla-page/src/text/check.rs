//! The words of the page of `semilla check`.

use semilla::number::rough;
use semilla_signal::theory::Reach;
use semilla_signal::{FirstStep, Health, LabelSource, StepFinding};

use super::{Lang, Text, chosen, figure, number, spanish};

/// What the window is called, for a model.
pub fn title(model: &str, passes: bool) -> Text {
    let (en, es) = if passes {
        ("passes", "apta")
    } else {
        ("fails", "no apta")
    };
    Text::of(
        format!("{en}: {model} · semilla check"),
        format!("{es}: {model} · semilla check"),
    )
}

/// How a layer does.
pub fn health(health: Health) -> Text {
    match health {
        Health::Good => Text::new("good", "bien"),
        Health::Watch => Text::new("watch", "atención"),
        Health::Bad => Text::new("bad", "mal"),
    }
}

/// The legend of the signs.
pub fn health_meaning(health: Health) -> Text {
    match health {
        Health::Good => Text::new("within limits", "dentro de los límites"),
        Health::Watch => Text::new("half way to a limit", "a medio camino de un límite"),
        Health::Bad => Text::new("past a limit", "fuera de los límites"),
    }
}

/// Seeds, named.
pub fn seeds(seeds: &[u64]) -> Text {
    match seeds {
        [one] => Text::of(one.to_string(), one.to_string()),
        [first, .., last] if seeds.windows(2).all(|two| two[0].wrapping_add(1) == two[1]) => {
            Text::of(format!("{first} to {last}"), format!("de {first} a {last}"))
        }
        many => {
            let said: Vec<String> = many.iter().map(u64::to_string).collect();
            Text::of(said.join(", "), said.join(", "))
        }
    }
}

/// The batch, of made-up data.
pub fn noise(samples: usize) -> Text {
    let count = number::samples(samples as u64);
    Text::of(
        format!("{} of noise", count.in_lang(Lang::En)),
        format!("{} de ruido", count.in_lang(Lang::Es)),
    )
}

/// The batch, of a file.
pub fn samples_of(samples: usize, file: &str) -> Text {
    let count = number::samples(samples as u64);
    Text::of(
        format!("{} of {file}", count.in_lang(Lang::En)),
        format!("{} de {file}", count.in_lang(Lang::Es)),
    )
}

/// The batch, of data that have no name.
pub fn samples(samples: usize) -> Text {
    number::samples(samples as u64)
}

/// Repeated blocks with so many layers each.
pub fn blocks(layers: usize) -> Text {
    match layers {
        1 => Text::new("equal layers", "capas iguales"),
        many => Text::of(
            format!("equal blocks of {many} layers"),
            format!("bloques iguales de {many} capas"),
        ),
    }
}

/// How intervals are made.
pub fn intervals(runs: usize) -> Text {
    match runs {
        1 => Text::new("One seed was measured.", "Se midió una semilla."),
        many => Text::of(
            format!(
                "Points are means over {many} seeds, lines through them go from the least to the \
                 greatest."
            ),
            format!(
                "Los puntos son medias de {many} semillas; las barras van de la menor a la mayor."
            ),
        ),
    }
}

/// How deep signals and gradients reach, by theory.
pub fn reach(reach: &Reach) -> Text {
    let said = |value: f64| {
        let said = rough(value);
        (spanish(&said), said)
    };
    let (forgets_en, forgets_es) =
        match (reach.correlation_slope, reach.correlation, reach.trainable) {
            (_, Some(scale), Some(depth)) => {
                let ((scale_es, scale), (depth_es, depth)) = (said(scale), said(depth));
                (
                    format!(
                        "By theory it forgets how alike samples were over ξ = {scale} layers; such \
                     networks trained to depth {depth} (6 ξ)."
                    ),
                    format!(
                        "Según la teoría, en ξ = {scale_es} capas olvida cuánto se parecían las \
                     muestras; redes así aprendieron hasta una profundidad de {depth_es} (6 ξ)."
                    ),
                )
            }
            (None, ..) => (String::new(), String::new()),
            _ => (
                "By theory samples become alike by no fixed factor per layer.".to_owned(),
                "Según la teoría, ningún factor fijo por capa iguala las muestras.".to_owned(),
            ),
        };
    let (gradients_en, gradients_es) = match reach.gradient {
        None => (
            "Gradients keep their size.".to_owned(),
            "Los gradientes conservan su tamaño.".to_owned(),
        ),
        Some(scale) => {
            let (scale_es, scale) = said(scale);
            let (verb_en, verb_es) = match reach.gradient_factor < 1.0 {
                true => ("shrink", "encogen"),
                false => ("grow", "crecen"),
            };
            (
                format!("Squared gradients {verb_en} e-fold over {scale} layers."),
                format!(
                    "Los gradientes al cuadrado {verb_es} por un factor e cada {scale_es} capas."
                ),
            )
        }
    };
    Text::of(
        format!("{forgets_en} {gradients_en}").trim(),
        format!("{forgets_es} {gradients_es}").trim(),
    )
}

/// The loss at the start.
pub fn first_loss(step: &FirstStep) -> Text {
    let [initial, expected, zeros] = [step.initial, step.expected, step.of_zeros].map(figure);
    let (labels_en, labels_es) = match step.labels {
        LabelSource::Data => ("the data’s labels", "las etiquetas de los datos"),
        LabelSource::NextTokens => ("the next tokens", "los tokens siguientes"),
        LabelSource::Random => ("random labels", "etiquetas al azar"),
    };
    Text::of(
        format!(
            "The loss ({}) starts at {initial} with {labels_en}. Without knowledge {expected} is \
             expected of outputs with this spread, and {zeros} of outputs of 0.",
            step.loss.name()
        ),
        format!(
            "La pérdida ({}) empieza en {} con {labels_es}. Sin saber nada se espera {} de salidas \
             con esta dispersión, y {} de salidas nulas.",
            step.loss.name(),
            spanish(&initial),
            spanish(&expected),
            spanish(&zeros)
        ),
    )
}

/// The loss after one step.
pub fn first_change(step: &FirstStep) -> Text {
    let (lr, after) = (chosen(step.lr), figure(step.after));
    let optimizer = step.optimizer.name();
    Text::of(
        format!("One step of {optimizer} at {lr} takes it to {after}."),
        format!(
            "Un paso de {optimizer} con {} la lleva a {}.",
            spanish(&lr),
            spanish(&after)
        ),
    )
}

/// What is worth a note of the first step.
pub fn step_finding(finding: &StepFinding) -> Text {
    match finding {
        StepFinding::Spread { costs, factor } => {
            let [costs, factor] = [*costs, *factor].map(figure);
            Text::of(
                format!(
                    "The spread of the logits alone costs {costs}; a last layer of {factor} times \
                     the scale would cost half a nat."
                ),
                format!(
                    "Solo la dispersión de los logits cuesta {}; con la última capa a una escala \
                     de {} costaría medio nat.",
                    spanish(&costs),
                    spanish(&factor)
                ),
            )
        }
        StepFinding::Large { layers, first } => {
            let verb = if *layers == 1 { "makes" } else { "make" };
            let count = number::layers(*layers as u64);
            let [en, es] = [Lang::En, Lang::Es].map(|lang| count.in_lang(lang));
            Text::of(
                format!(
                    "One step moves what {en} {verb} ({first} first) by more than its own size: the \
                     learning rate is too large for these weights."
                ),
                format!(
                    "Un paso cambia lo que en {es} se produce (primero en {first}) más que su propio \
                     tamaño: la tasa de aprendizaje es demasiado grande para estos pesos."
                ),
            )
        }
        StepFinding::Rises => Text::new(
            "The first step makes the loss larger: the learning rate is too large.",
            "El primer paso aumenta la pérdida: la tasa de aprendizaje es demasiado grande.",
        ),
    }
}

words! {
    /// A heading.
    FIRST_STEP: "The first step", "El primer paso";
    /// A heading.
    SINGULAR_VALUES: "Singular values", "Valores singulares";
    /// What they are of.
    SINGULAR_VALUES_WHAT: "Of the Jacobian along the main path, and of the tangent kernel, with the \
                           first seed’s weights. Those of each layer stand with its numbers.",
        "Del jacobiano a lo largo del camino principal y del núcleo tangente, con los pesos de la \
         primera semilla. Los de cada capa están con sus números.";
    /// A row.
    MEAN_SQUARE: "Jacobian: mean of s²", "jacobiano: media de s²";
    /// A row.
    SPREAD_OF_SQUARES: "Jacobian: variance of s² over its squared mean",
        "jacobiano: varianza de s² entre su media al cuadrado";
    /// A row.
    LARGEST: "Jacobian: largest s", "jacobiano: s mayor";
    /// A row.
    SMALLEST: "Jacobian: smallest s found", "jacobiano: s menor encontrada";
    /// A row.
    CONDITION: "tangent kernel: condition", "núcleo tangente: condición";
    /// A row.
    KERNEL_RANK: "tangent kernel: effective rank", "núcleo tangente: rango efectivo";
    /// A heading.
    MISTAKES: "Likely mistakes of the plan", "Errores probables del plan";
    /// A kind of mistake.
    WARNING: "Warning:", "Aviso:";
    /// A kind of mistake.
    NOTE: "Note:", "Nota:";
    /// More numbers of a layer.
    FURTHER: "First step and singular values", "Primer paso y valores singulares";
    /// A row.
    WEIGHT_CHANGE: "‖Δw‖/‖w‖ in the first step", "‖Δw‖/‖w‖ en el primer paso";
    /// A row.
    OUTPUT_CHANGE: "‖Δx‖/‖x‖ in the first step", "‖Δx‖/‖x‖ en el primer paso";
    /// A row.
    EFFECTIVE_RANK: "effective rank of what it makes", "rango efectivo de lo que produce";
    /// A row.
    SATURATED: "saturated part of its units", "parte saturada de sus unidades";
    /// A row.
    STABLE_RANK: "stable rank of its weight", "rango estable de su peso";
    /// A row.
    OVER_EDGE: "largest s of its weight over the edge of chance",
        "s mayor de su peso entre el borde del azar";

    /// The verdict's word.
    PASSES: "Passes", "Apta";
    /// The verdict's word.
    FAILS: "Fails", "No apta";
    /// Facts about the run.
    WEIGHTS: "Weights", "Pesos";
    /// Facts about the run.
    RECIPE: "recipe", "receta";
    /// Facts about the run.
    FROM_FILE: "from", "de";
    /// Facts about the run: the weights of a live module.
    AS_THEY_ARE: "as the module has them", "los que tiene el módulo";
    /// Facts about the run.
    SEEDS: "Seeds", "Semillas";
    /// Facts about the run.
    BATCH: "Batch", "Lote";
    /// Facts about the run.
    LAYERS_COUNT: "Layers", "Capas";
    /// Facts about the run.
    PATH: "Depth of the main path", "Profundidad del camino principal";

    /// A heading.
    REMEDY: "What to do", "Qué hacer";
    /// A heading.
    SIGNALS: "Signals over depth", "Las señales según la profundidad";
    /// A chart.
    FORWARD: "Forward", "Hacia delante";
    /// What it shows.
    FORWARD_WHAT: "Size of the pre-activations, layer by layer",
        "Tamaño de las preactivaciones, capa por capa";
    /// A chart.
    BACKWARD: "Backward", "Hacia atrás";
    /// What it shows.
    BACKWARD_WHAT: "Size of a sample’s gradient when it has come back to a layer",
        "Tamaño del gradiente de una muestra al llegar de vuelta a cada capa";
    /// An axis.
    LAYER_AXIS: "layer, from the input to the output", "capa, de la entrada a la salida";
    /// A legend.
    MEASURED_SQUARE: "E[x²] measured", "E[x²] medida";
    /// A legend.
    MEASURED_BETWEEN: "variance between samples, measured", "varianza entre muestras, medida";
    /// A legend.
    MEASURED_GRADIENT: "|g|² measured", "|g|² medida";
    /// A legend.
    ALONG_PATH: "main path", "camino principal";
    /// What the keys do.
    KEYS: "Point at a layer, or use the arrow keys. The table below has all numbers.",
        "Señale una capa o use las flechas. La tabla de abajo tiene todos los números.";

    /// A heading.
    NETWORK: "The network, layer by layer", "La red, capa por capa";
    /// What can be done there.
    NETWORK_WHAT: "Open a layer, in the drawing or in the table, to see its values, its gradients and \
                   why it starts as it does.",
        "Abra una capa, en el dibujo o en la tabla, para ver sus valores, sus gradientes y por qué \
         empieza así.";
    /// The name of the drawing.
    DRAWING: "Drawing of the network", "Dibujo de la red";
    /// The name of the table.
    TABLE: "Layers and their numbers", "Las capas y sus números";
    /// In the drawing.
    INPUT: "input", "entrada";
    /// In the drawing.
    OUTPUT: "output", "salida";
    /// In the drawing.
    ONLY_FIRST: "The first one is drawn; the table has all.",
        "Se dibuja el primero; la tabla los tiene todos.";
    /// A column.
    LAYER: "layer", "capa";
    /// A column.
    STATE: "state", "estado";
    /// A column.
    BETWEEN: "var between samples", "var. entre muestras";
    /// A column.
    COSINE: "cosine", "coseno";
    /// A column.
    DEAD: "dead", "muertas";
    /// A column.
    DISTRIBUTION: "distribution of x", "distribución de x";

    /// A histogram.
    PRE_ACTIVATIONS: "Pre-activations x", "Preactivaciones x";
    /// A histogram.
    GRADIENTS: "Gradients g", "Gradientes g";
    /// A row.
    MEAN: "mean E[x]", "media E[x]";
    /// A row.
    BETWEEN_UNITS: "variance between units", "varianza entre unidades";
    /// A row.
    AFTER_ACTIVATION: "E[x²] after activation", "E[x²] tras la activación";
    /// A row.
    COSINE_AFTER: "cosine after activation", "coseno tras la activación";
    /// A row.
    WEIGHT_GRADIENT: "mean square of weight gradients", "media cuadrática del gradiente de los pesos";
    /// Numbers of a layer.
    NUMBERS: "Numbers", "Números";
    /// A column.
    MEASURED: "measured", "medido";
    /// A column.
    PREDICTED: "predicted", "previsto";
    /// A row.
    SQUARE: "E[x²]", "E[x²]";
    /// A row.
    GRADIENT: "|g|²", "|g|²";
    /// A legend.
    PREDICTED_BAND: "predicted by theory, 95 % of networks in the band",
        "previsto por la teoría; en la franja, el 95 % de las redes";
    /// Before a list of places.
    THEORY_ENDS: "Theory ends at", "La teoría termina en";
    /// Before a list of assumptions.
    THEORY_ASSUMES: "Theory assumes:", "La teoría supone:";
    /// A word.
    G_Z: "z", "z";
    /// Its meaning.
    G_Z_IS: "How far the measured is from the predicted, in standard deviations of the mean over \
             the seeds.",
        "A cuánto está lo medido de lo previsto, en desviaciones típicas de la media de las \
         semillas.";
    /// The plan of a layer.
    STARTS: "How it starts", "Cómo empieza";
    /// The plan of a layer.
    STANDARD_DEVIATION: "standard deviation", "desviación típica";
    /// The plan of a layer.
    FANS: "fan_in, fan_out", "fan_in, fan_out";
    /// The plan of a layer.
    GAIN: "gain", "ganancia";
    /// What was found of a layer.
    FOUND: "What was found", "Lo encontrado";
    /// What histograms show.
    FIRST_SEED: "Histograms are of the first seed, without values far out.",
        "Los histogramas son de la primera semilla, sin los valores muy alejados.";

    /// A heading.
    GLOSSARY: "How to read this", "Cómo leer esto";
    /// A word.
    G_PATH: "main path", "camino principal";
    /// Its meaning.
    G_PATH_IS: "The values through which all signals go. The verdict compares its ends.",
        "Los valores por los que pasan todas las señales. El veredicto compara sus extremos.";
    /// A word.
    G_X: "x, E[x²]", "x, E[x²]";
    /// Its meaning.
    G_X_IS: "What a layer makes, before its activation; the mean of its square.",
        "Lo que produce una capa antes de su activación; la media de su cuadrado.";
    /// Its meaning.
    G_BETWEEN_IS: "How much samples differ: the part of E[x²] that carries information.",
        "Cuánto difieren las muestras: la parte de E[x²] que lleva información.";
    /// Its meaning.
    G_COSINE_IS: "How alike two samples are; 1 if they point the same way.",
        "Cuánto se parecen dos muestras; 1 si apuntan en la misma dirección.";
    /// A word.
    G_G: "g, |g|²", "g, |g|²";
    /// Its meaning.
    G_G_IS: "The gradient of x; its squared norm for one sample. The gradient at the output is \
             noise, so no labels are needed.",
        "El gradiente de x; su norma al cuadrado para una muestra. En la salida el gradiente es \
         ruido, así que no hacen falta etiquetas.";
    /// Its meaning.
    G_DEAD_IS: "Units that get no gradient from any sample.",
        "Unidades que no reciben gradiente de ninguna muestra.";
}
