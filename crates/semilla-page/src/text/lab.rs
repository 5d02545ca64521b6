//! The words of the lab.

use semilla::number::{grouped, rough};

use super::{Lang, Text, figure, fold, number, spanish};

/// The start that theory speaks of: weights that meet, their spread, and the gain that makes.
pub fn step_weights(std: f64, fan_in: f64, variance: f64) -> Text {
    let (std, fan_in, variance) = (figure(std), grouped(fan_in as u64), figure(variance));
    Text::of(
        format!(
            "In a hidden layer {fan_in} weights of standard deviation {std} meet in each unit: \
             σ_w² = {fan_in} · {std}² = {variance}."
        ),
        format!(
            "En una capa oculta se reúnen en cada unidad {} pesos de desviación típica {}: \
             σ_w² = {} · {}² = {}.",
            spanish(&fan_in),
            spanish(&std),
            spanish(&fan_in),
            spanish(&std),
            spanish(&variance)
        ),
    )
}

/// What the activation lets through on the way forward.
pub fn step_forward(activation: &str, q: f64, square: f64, next: f64) -> Text {
    let [q, square, next] = [q, square, next].map(figure);
    Text::of(
        format!(
            "The signal arrives with E[x²] = q = {q}. Of that {activation} lets E[φ²] = {square} \
             through, so the next layer has σ_w² E[φ²] = {next}."
        ),
        format!(
            "La señal llega con E[x²] = q = {}. De eso {activation} deja pasar E[φ²] = {}, de modo \
             que la capa siguiente tiene σ_w² E[φ²] = {}.",
            spanish(&q),
            spanish(&square),
            spanish(&next)
        ),
    )
}

/// What the activation lets through on the way back.
pub fn step_back(activation: &str, slope: f64, chi1: f64) -> Text {
    let [slope, chi1] = [slope, chi1].map(figure);
    Text::of(
        format!(
            "On the way back it is the slopes of {activation} that count, E[φ′²] = {slope}: each \
             layer multiplies the squared gradient by χ₁ = σ_w² E[φ′²] = {chi1}."
        ),
        format!(
            "De vuelta cuentan las pendientes de {activation}, E[φ′²] = {}: cada capa multiplica el \
             gradiente al cuadrado por χ₁ = σ_w² E[φ′²] = {}.",
            spanish(&slope),
            spanish(&chi1)
        ),
    )
}

/// What the squared gradients do over the depth, by the logarithm of their change.
pub fn gradients(log: f64, depth: usize) -> Text {
    let factor = fold(log.abs().exp());
    let es = spanish(&factor);
    let layers = number::layers(depth as u64);
    let [layers_en, layers_es] = [Lang::En, Lang::Es].map(|lang| layers.in_lang(lang));
    if log.abs() < 1.5f64.ln() {
        return Text::of(
            format!("Over {layers_en} squared gradients keep their size."),
            format!("A lo largo de {layers_es} los gradientes al cuadrado conservan su tamaño."),
        );
    }
    match log < 0.0 {
        true => Text::of(
            format!("Over {layers_en} squared gradients will shrink {factor}\u{2011}fold."),
            format!(
                "A lo largo de {layers_es} los gradientes al cuadrado se reducirán {es} veces."
            ),
        ),
        false => Text::of(
            format!("Over {layers_en} squared gradients will grow {factor}\u{2011}fold."),
            format!(
                "A lo largo de {layers_es} los gradientes al cuadrado se multiplicarán por {es}."
            ),
        ),
    }
}

/// To what depth a network trains, about.
pub fn reach(depth: f64) -> Text {
    let depth = rough(depth.round().max(1.0));
    Text::of(
        format!("With these numbers a network trains to about {depth} layers (6 ξ)."),
        format!(
            "Con estos números una red aprende hasta unas {} capas (6 ξ).",
            spanish(&depth)
        ),
    )
}

/// Where the training is.
pub fn progress(step: u64, steps: u64) -> Text {
    let (step, steps) = (grouped(step), grouped(steps));
    Text::of(
        format!("Step {step} of {steps}"),
        format!("Paso {} de {}", spanish(&step), spanish(&steps)),
    )
}

words! {
    /// The title.
    TITLE: "semilla lab", "semilla lab";
    /// The first sentence.
    LEAD: "Choose a network and how it may start, press Train, and watch what happens in its layers.",
        "Elija una red y cómo puede empezar, pulse Entrenar y observe qué ocurre en sus capas.";
    /// Without scripts.
    SCRIPTS: "The lab needs JavaScript.", "El laboratorio necesita JavaScript.";

    /// A heading.
    STORIES: "The classical stories", "Las historias clásicas";
    /// A heading.
    SETTINGS: "Settings", "Ajustes";
    /// A group of the form.
    NETWORK: "Network", "Red";
    /// A group of the form.
    STARTS: "Initializations", "Inicializaciones";
    /// A group of the form.
    DATA: "Data", "Datos";
    /// A group of the form.
    TRAINING: "Training", "Entrenamiento";
    /// A field.
    SHAPE: "Architecture", "Arquitectura";
    /// A field.
    ACTIVATION: "Activation", "Activación";
    /// A field.
    DEPTH: "Hidden layers", "Capas ocultas";
    /// A field.
    WIDTH: "Units of each", "Unidades de cada una";
    /// A field.
    GAIN: "Your gain, σ_w", "Su ganancia, σ_w";
    /// A field.
    SOURCE: "Data", "Datos";
    /// A field.
    LABELS: "Labelled samples (0: all)", "Muestras etiquetadas (0: todas)";
    /// A field.
    OPTIMIZER: "Optimizer", "Optimizador";
    /// A field.
    RATE: "Learning rate", "Tasa de aprendizaje";
    /// A field.
    STEPS: "Steps", "Pasos";
    /// A field.
    BATCH: "Samples of a step", "Muestras por paso";
    /// A field.
    SEED: "Seed", "Semilla";
    /// A button.
    TRAIN: "Train", "Entrenar";
    /// A button.
    STOP: "Stop", "Parar";

    /// A heading.
    THEORY: "What theory says before the first step",
        "Qué dice la teoría antes del primer paso";
    /// For zeros.
    SYMMETRY: "All weights are the same, so all units of a layer are the same, and so are their \
               gradients: nothing will ever tell them apart.",
        "Todos los pesos son iguales, así que lo son todas las unidades de una capa y también sus \
         gradientes: nada las distinguirá nunca.";
    /// For weights that were trained.
    TRAINED: "Theory speaks of random weights. These were trained on five other classes; only their \
              last layer is new.",
        "La teoría habla de pesos aleatorios. Estos se entrenaron con otras cinco clases; solo su \
         última capa es nueva.";
    /// Where no step can be told.
    UNTOLD: "Theory says nothing of this start as a whole.",
        "La teoría no dice nada de este comienzo en conjunto.";

    /// A heading.
    LOSS: "The loss", "La pérdida";
    /// What it shows.
    LOSS_WHAT: "Training loss; ✕ where the training diverged",
        "Pérdida de entrenamiento; ✕ donde el entrenamiento diverge";
    /// A column.
    NOW: "now", "ahora";
    /// A column.
    AT_START: "start", "comienzo";
    /// A heading.
    LAYERS: "Layer by layer", "Capa por capa";
    /// What it shows.
    LAYERS_WHAT: "On the left before the first step, on the right now. All drawings share one axis, \
                  so too small is a needle and too large runs against the ends.",
        "A la izquierda, antes del primer paso; a la derecha, ahora. Todos los dibujos comparten el \
         eje: lo demasiado pequeño es una aguja y lo demasiado grande choca con los extremos.";
    /// A chart.
    SIGNAL: "Signals", "Señales";
    /// What it shows.
    SIGNAL_WHAT: "Standard deviation of the pre-activations",
        "Desviación típica de las preactivaciones";
    /// A chart.
    BACK: "Gradients", "Gradientes";
    /// What it shows.
    BACK_WHAT: "Size of the gradients, as a factor of that at the output: points now, lines as predicted for \
         the start",
        "Tamaño de los gradientes, respecto al de la salida: puntos, ahora; líneas, lo previsto para \
         el comienzo";
    /// A heading.
    OUTCOME: "What came of it", "Qué ha salido";
    /// A column.
    ACCURACY: "accuracy on unseen samples", "exactitud en muestras no vistas";
    /// A column.
    LAST_LOSS: "training loss", "pérdida de entrenamiento";
    /// A cell, before a step.
    DIVERGED: "diverged at step", "divergió en el paso";
    /// What one training is worth.
    ONE_SEED: "One training of each is a story, not evidence: another seed may tell another. The \
               command below compares them on many seeds, each at its own learning rate.",
        "Un entrenamiento de cada una es una historia, no una prueba: otra semilla puede contar \
         otra. La orden de abajo las compara con muchas semillas, cada una con su propia tasa.";

    /// A heading.
    EXPORT: "Take it along", "Llévesela";
    /// What it is.
    COMMAND: "The same, compared honestly", "Lo mismo, comparado con rigor";
    /// What it is.
    RECIPE: "as a recipe", "como receta";
    /// A message.
    LOST: "The lab does not answer: is the command still running?",
        "El laboratorio no responde: ¿sigue en marcha la orden?";
    /// A message.
    ELSEWHERE: "Stopped: another window trains now.", "Parado: ahora entrena otra ventana.";
}
