//! The words of the page of `semilla check`.

use semilla_signal::Health;

use super::{Text, spanish};

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
    let count = semilla::number::grouped(samples as u64);
    Text::of(
        format!("{count} samples of noise"),
        format!("{} muestras de ruido", spanish(&count)),
    )
}

/// The batch, of a file.
pub fn samples_of(samples: usize, file: &str) -> Text {
    let count = semilla::number::grouped(samples as u64);
    Text::of(
        format!("{count} samples of {file}"),
        format!("{} muestras de {file}", spanish(&count)),
    )
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

words! {
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
