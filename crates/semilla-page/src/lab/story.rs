//! The classical stories, each as settings and what to look at.

use semilla::activation::Activation;

use super::choice::Source;
use super::setup::Setup;
use super::start::Start;
use crate::text::Text;

/// A story of first weights, told by a network that is trained.
pub(super) struct Story {
    /// Its name in the page.
    pub(super) key: &'static str,
    pub(super) title: Text,
    /// What happens, why, and where to look.
    pub(super) told: Text,
    pub(super) setup: Setup,
}

/// All, from the simplest on.
pub(super) fn stories() -> [Story; 6] {
    let tanh = Setup::default;
    let relu = || Setup {
        activation: Activation::Relu,
        ..tanh()
    };
    [
        Story {
            key: "zeros",
            title: Text::new(
                "All zeros never break symmetry",
                "Con todo a cero nunca se rompe la simetría",
            ),
            told: Text::new(
                "From zeros, all units of a layer compute the same and get the same gradient, so they \
                 stay equal for ever. Here even that gradient is 0: only the last bias learns, and the \
                 loss stays near ln 10 ≈ 2.30, which is guessing. Any random start is enough to \
                 break the symmetry.",
                "Si todo empieza en cero, las unidades de una capa calculan lo mismo y reciben el mismo \
                 gradiente: serán iguales para siempre. Aquí hasta ese gradiente es 0; solo aprende el \
                 último sesgo, y la pérdida se queda cerca de ln 10 ≈ 2,30, que es adivinar. Basta \
                 un comienzo aleatorio para romper la simetría.",
            ),
            setup: Setup {
                depth: 3,
                starts: vec![Start::Zeros, Start::Xavier],
                rate: 0.05,
                ..tanh()
            },
        },
        Story {
            key: "small",
            title: Text::new("Too small vanishes", "Demasiado pequeña: se desvanece"),
            told: Text::new(
                "With a standard deviation of 0.01 every layer multiplies the signal by far less than \
                 1. After ten layers nothing of the image is left, and on the way back nothing of the \
                 gradient: the histograms become needles at 0.",
                "Con una desviación típica de 0,01 cada capa multiplica la señal por mucho menos de 1. \
                 Tras diez capas no queda nada de la imagen y, de vuelta, nada del gradiente: los \
                 histogramas se vuelven agujas en 0.",
            ),
            setup: Setup {
                starts: vec![Start::Small, Start::Xavier],
                ..tanh()
            },
        },
        Story {
            key: "large",
            title: Text::new("Too large explodes", "Demasiado grande: explota"),
            told: Text::new(
                "With a standard deviation of 1 the pre-activations are so large that tanh saturates. \
                 What little slope is left is multiplied by huge weights: gradients grow from layer to \
                 layer on the way back, and the steps throw the network about. Compare the gradients \
                 of the first layers.",
                "Con una desviación típica de 1 las preactivaciones son tan grandes que la tanh se \
                 satura. La poca pendiente que queda se multiplica por pesos enormes: de vuelta, los \
                 gradientes crecen de capa en capa y cada paso sacude la red. Compare los gradientes \
                 de las primeras capas.",
            ),
            setup: Setup {
                starts: vec![Start::Large, Start::Xavier],
                ..tanh()
            },
        },
        Story {
            key: "xavier",
            title: Text::new("Xavier for tanh", "Xavier para la tanh"),
            told: Text::new(
                "Until 2010 weights were drawn from ±1/√fan_in. Their gain is 1/√3, so signals and \
                 gradients shrink in every layer. Glorot and Bengio chose the variance \
                 2/(fan_in + fan_out), which keeps both near their size while tanh is near its \
                 straight part: the same network learns much sooner.",
                "Hasta 2010 los pesos se sorteaban en ±1/√fan_in. Su ganancia es 1/√3, de modo que las \
                 señales y los gradientes se encogen en cada capa. Glorot y Bengio eligieron la \
                 varianza 2/(fan_in + fan_out), que conserva ambos mientras la tanh está cerca de su \
                 tramo recto: la misma red aprende mucho antes.",
            ),
            setup: Setup {
                depth: 15,
                starts: vec![Start::Random, Start::Xavier],
                ..tanh()
            },
        },
        Story {
            key: "he",
            title: Text::new("He for ReLU", "He para la ReLU"),
            told: Text::new(
                "ReLU throws half of the signal away: E[φ²] = ½. Xavier does not make up for it, and \
                 over 30 layers the squared signal and the squared gradient halve in each of them: \
                 2⁻³⁰, a billionth. He’s variance 2/fan_in doubles what ReLU halves, and the network \
                 trains (He et al. 2015, figure 3).",
                "La ReLU tira la mitad de la señal: E[φ²] = ½. Xavier no lo compensa, y a lo largo de \
                 30 capas el cuadrado de la señal y el del gradiente se reducen a la mitad en cada \
                 una: 2⁻³⁰, una milmillonésima. La varianza 2/fan_in de He dobla lo que la ReLU \
                 parte en dos, y la red aprende (He et al. 2015, figura 3).",
            ),
            setup: Setup {
                depth: 30,
                starts: vec![Start::Xavier, Start::He],
                ..relu()
            },
        },
        Story {
            key: "pretrained",
            title: Text::new(
                "Pretrained helps with few labels",
                "Con pocas etiquetas ayuda la preentrenada",
            ),
            told: Text::new(
                "A network first learns five of the ten signals of MNIST-1D. Its hidden layers then \
                 start the one that must tell the other five apart from 25 labelled examples. He starts \
                 from nothing and learns the 25 by heart; the pretrained one brings what it knows of \
                 bumps and slopes. Look at the accuracy on signals that neither has seen: over many \
                 seeds it ends two or three points ahead, though not in each of them. Choose the \
                 handwritten digits instead, and it does not: a trunk helps where what it learned is \
                 hard to learn from few examples.",
                "Una red aprende primero cinco de las diez señales de MNIST-1D. Con sus capas ocultas \
                 empieza después la que ha de distinguir las otras cinco a partir de 25 ejemplos \
                 etiquetados. He empieza de la nada y se aprende los 25 de memoria; la preentrenada ya \
                 sabe de picos y pendientes. Mire la exactitud en señales que ninguna ha visto: con \
                 muchas semillas queda dos o tres puntos por delante, aunque no con todas. Con los \
                 dígitos manuscritos no ocurre: un tronco ayuda cuando lo que aprendió cuesta \
                 aprenderlo con pocos ejemplos.",
            ),
            setup: Setup {
                depth: 2,
                width: 128,
                source: Source::Mnist1d,
                starts: vec![Start::He, Start::Pretrained],
                labels: 25,
                batch: 25,
                steps: 200,
                ..relu()
            },
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_can_hold_every_story() {
        for story in stories() {
            let read = Setup::from_query(&story.setup.query(), None);
            assert_eq!(read.as_ref(), Ok(&story.setup), "{}", story.key);
        }
    }
}
