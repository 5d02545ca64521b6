use proptest::prelude::*;

use super::{About, Network, NetworkError};
use crate::activation::Activation;
use crate::graph::{Wiring, order};
use crate::model::Role;

#[test]
fn every_built_in_network_is_built_and_in_order() {
    for name in Network::NAMES {
        let network = Network::named(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let graph = &network.graph;
        assert!(order(graph, &Wiring::of(graph), 0).is_ok(), "{name}");
        let taken = graph.main().initializers.iter();
        let mut taken: Vec<&str> = taken
            .filter_map(|tensor| tensor.tensor.as_deref())
            .collect();
        let floats = network.model.tensors.iter();
        let floats = floats.filter(|tensor| tensor.dtype.is_float());
        let mut listed: Vec<&str> = floats.map(|tensor| &*tensor.name).collect();
        taken.sort_unstable();
        listed.sort_unstable();
        assert_eq!(taken, listed, "{name}");
        let about = About::read(Network::toml(name).unwrap().0).unwrap();
        assert!(
            !about.about.is_empty() && !about.parameters.is_empty(),
            "{name}"
        );
        for size in about.sizes {
            let line = format!("{name}:size={size}");
            assert!(About::read(Network::toml(&line).unwrap().0).is_ok());
        }
    }
}

#[test]
fn every_tensor_of_a_built_in_network_has_a_role() {
    for name in Network::NAMES {
        let network = Network::named(name).unwrap();
        let tensors = network.model.tensors.iter();
        let unknown = tensors.filter(|tensor| tensor.role == Role::Unknown);
        let unknown: Vec<&str> = unknown.map(|tensor| &*tensor.name).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
    for line in [
        "mlp:784-256-10:tanh",
        "conv:3-32-64:10",
        "transformer:2x128:1000",
        "lstm:16-32:4",
    ] {
        let model = Network::named(line).unwrap().model;
        let heads = model
            .tensors
            .iter()
            .filter(|tensor| tensor.role == Role::Head);
        assert_eq!(heads.count(), 1, "{line}");
    }
}

#[test]
fn facts_follow_from_the_layers() {
    let model = |line: &str| Network::named(line).unwrap().model;
    let mlp = model("mlp:4-5-6:leaky_relu(0.2)");
    let leaky = Activation::LeakyRelu { slope: 0.2 };
    assert_eq!(mlp.tensors[0].activation, Some(leaky));
    assert_eq!(mlp.tensors[0].next.as_deref(), Some("layers.1.weight"));
    assert_eq!(mlp.tensors[2].activation, Some(Activation::Linear));
    let decoder = model("transformer:3x128:1000");
    assert_eq!((decoder.layers, decoder.width), (Some(3), Some(128)));
    let lstm = model("lstm:16-32:4");
    assert_eq!(lstm.tensors[0].blocks, [32; 4]);
    assert_eq!(lstm.tensors[2].bias_fan_in.unwrap().exact, 32.0);
    // The shares of grouped queries, keys and values are known.
    let text = "[inputs]\nx = \"numbers(6, 8)\"\n[network]\nlayers = [{ attention = 4, kv_heads = 2, \
                qkv = ['mixed: linear(16)'] }, 'back: linear(8)']";
    let grouped = Network::read(text, "").unwrap().model;
    let role = |name: &str| {
        let found = grouped.tensors.iter().find(|tensor| tensor.name == name);
        found.map(|tensor| (tensor.role, tensor.blocks.clone()))
    };
    assert_eq!(role("mixed.weight"), Some((Role::Qkv, vec![8, 4, 4])));
}

#[test]
fn gains_before_a_normalization_are_not_judged() {
    let model = Network::named("conv:3-8-16:10:relu").unwrap().model;
    let plan = crate::Recipe::named("auto")
        .unwrap()
        .plan(&model, 0)
        .unwrap();
    let judged = |line: &crate::Line| line.signal.is_some().then(|| line.name.clone());
    let judged: Vec<String> = plan.tensors.iter().filter_map(judged).collect();
    assert!(judged.is_empty(), "{judged:?}");
}

fn of(layers: &str) -> Result<Network, NetworkError> {
    let text = format!(
        "[parameters]\nwidth = 8\n[inputs]\nx = \"numbers(3, 8, 8)\"\n[blocks]\n\"twice(w, k=3)\" = \
         [\"a: conv(w, kernel=k) -> b: conv(w)\"]\n[network]\nlayers = [{layers}]\n"
    );
    Network::read(&text, "")
}

/// Names of tensors and their shapes.
fn tensors(layers: &str) -> Vec<String> {
    let tensors = of(layers)
        .unwrap_or_else(|error| panic!("{error}"))
        .model
        .tensors;
    let tensor = |tensor: &crate::Tensor| format!("{} {:?}", tensor.name, tensor.shape);
    tensors.iter().map(tensor).collect()
}

#[test]
fn layers_without_a_name_are_numbered_as_in_a_sequential() {
    assert_eq!(
        tensors("\"conv(4, bias=false) -> relu -> conv(2, kernel=1, bias=false)\""),
        ["0.weight [4, 3, 3, 3]", "2.weight [2, 4, 1, 1]"]
    );
    assert_eq!(
        tensors("{ repeat = 2, name = 'm', layers = ['conv(3, bias=false)'] }"),
        ["m.0.0.weight [3, 3, 3, 3]", "m.1.0.weight [3, 3, 3, 3]"]
    );
    assert_eq!(
        tensors("{ repeat = 2, layers = ['c{i + 1}: conv(width, bias=false)'] }"),
        ["c1.weight [8, 3, 3, 3]", "c2.weight [8, 8, 3, 3]"]
    );
}

#[test]
fn blocks_have_parameters_and_modules_if_they_are_named() {
    let found = tensors("'twice(2, k=1) -> deep.er: twice(4)'");
    let weights: Vec<&String> = found
        .iter()
        .filter(|name| name.contains("weight"))
        .collect();
    assert_eq!(
        weights,
        [
            "a.weight [2, 3, 1, 1]",
            "b.weight [2, 2, 3, 3]",
            "deep.er.a.weight [4, 2, 3, 3]",
            "deep.er.b.weight [4, 4, 3, 3]"
        ]
    );
}

#[test]
fn branches_join_and_values_are_kept() {
    let layers = "{ concat = [[], ['c: conv(5)']] }, 'keep(all)', { residual = ['d: conv(8)'], \
                  scale = 0.5 }, { multiply = [['take(all)'], []] }, \
                  'global_pool -> h: linear(x.features // 2)'";
    let network = of(layers).unwrap();
    let head = network
        .model
        .tensors
        .iter()
        .find(|tensor| tensor.name == "h.weight");
    let head = head.unwrap();
    assert_eq!((&*head.shape, head.role), (&[4, 8][..], Role::Head));
    assert_eq!(head.activation, Some(Activation::Linear));
}

#[test]
fn attention_and_recurrent_layers_have_pytorchs_tensors() {
    let sequence = |layers: &str| {
        let text = format!("[inputs]\nx = \"numbers(6, 8)\"\n[network]\nlayers = [{layers}]\n");
        let network = Network::read(&text, "").unwrap_or_else(|error| panic!("{error}"));
        let tensors = network.model.tensors.into_iter();
        tensors
            .map(|tensor| (tensor.name, tensor.shape))
            .collect::<Vec<_>>()
    };
    let gru = sequence("'g: gru(5, layers=2, bidirectional=true)'");
    assert_eq!(gru.len(), 16);
    assert!(gru.contains(&("g.weight_ih_l1_reverse".to_owned(), vec![15, 10])));
    let grouped = sequence(
        "{ attention = 4, kv_heads = 2, rotary = 100, causal = true, qkv = ['p: linear(16)'] }",
    );
    assert_eq!(grouped[0], ("p.weight".to_owned(), vec![16, 8]));
}

#[test]
fn mistakes_name_the_line_and_the_layer() {
    let message = |layers: &str| of(layers).unwrap_err().to_string();
    for (layers, parts) in [
        (
            "'cnov(3)'",
            &["line 8", "cnov", "did you mean \"conv\""][..],
        ),
        ("'c: conv(kernel=3)'", &["c: conv", "\"out\" is missing"]),
        ("'c: conv(4, kernle=3)'", &["did you mean \"kernel\""]),
        ("'c: conv(widht)'", &["did you mean \"width\""]),
        (
            "'c: conv(4, kernel=11, padding=0)'",
            &["spans 11", "3 × 8 × 8"],
        ),
        ("'c: conv(4, groups=2)'", &["2 groups"]),
        ("'c: conv(0)'", &["sizes are at least 1"]),
        ("'c: conv(2) -> c: conv(2)'", &["c.weight already"]),
        (
            "{ residual = ['conv(4)'] }",
            &["residual", "3 × 8 × 8", "4 × 8 × 8"],
        ),
        (
            "{ residual = ['conv(3)'], scael = 2 }",
            &["\"scael\"", "\"scale\""],
        ),
        ("{ layers = [], add = [[], []] }", &["one of layers"]),
        ("{ add = [[]] }", &["at least two"]),
        ("'take(nothing)'", &["no value was kept"]),
        ("'embedding(3, 4)'", &["looks up words"]),
        ("'twice'", &["\"w\" is missing"]),
        ("'twice(1, 2, 3)'", &["at most 2"]),
        ("'twice(1, w=2)'", &["\"w\" is given twice"]),
        ("{ concat = [[], []], axis = 1.5 }", &["no axis 1.5"]),
        ("3", &["expected a layer"]),
        ("'linear(3, layout=2)'", &["write a text"]),
        ("'leaky_relu(1, 2)'", &["leaky_relu"]),
        ("'times(1 / 0)'", &["give inf"]),
    ] {
        let message = message(layers);
        for part in parts {
            assert!(message.contains(part), "{layers}: {message}");
        }
    }
    for input in ["numbers(3, size=4)", "numbers(3) if deep"] {
        let text = format!("[inputs]\nx = \"{input}\"\n[network]\nlayers = []");
        let message = Network::read(&text, "").unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
    }
    let endless = "[inputs]\nx = \"numbers(3)\"\n[blocks]\n\"a\" = [\"b\"]\n\"b\" = [\"a\"]\n\
                   [network]\nlayers = [\"a\"]";
    let message = Network::read(endless, "").unwrap_err().to_string();
    assert!(message.contains("within each other"), "{message}");
    let doubled = (0..60).map(|i| format!("t{} = \"t{i} + t{i}\"\n", i + 1));
    let doubled: String = doubled.collect();
    let text = format!("[let]\nt0 = \"'ab'\"\n{doubled}[inputs]\nx = \"numbers(3)\"\n");
    let message = Network::read(&format!("{text}[network]\nlayers = []"), "");
    let message = message.unwrap_err().to_string();
    assert!(message.contains("at most 10000"), "{message}");
    let many = of("{ repeat = '10 ** 7', layers = ['relu'] }").unwrap_err();
    assert!(many.to_string().contains("layers: more than"), "{many}");
}

#[test]
fn mistakes_in_a_line_say_how_it_is_written() {
    let message = |line: &str| Network::named(line).unwrap_err().to_string();
    assert!(message("mpl:1-2").contains("did you mean \"mlp\""));
    assert!(message("mlp:784").contains("mlp:IN-HIDDEN"));
    assert!(message("mlp:0-5").contains("sizes are at least 1"));
    assert!(message("mlp:4-99999999999999999999").contains("no whole number"));
    assert!(message("transformer:9x100:10").contains("divisible by 64"));
    assert!(message("mlp:1-2-3:rely").contains("rely"));
    assert!(message("mlp:1-2:relu:none:4").contains("mlp:IN-HIDDEN"));
    assert!(message("resnet:detph=18").contains("did you mean \"depth\""));
    assert!(message("resnet:depth=19").contains("the depth is"));
    assert!(message("gpt2:size=tyni").contains("did you mean \"tiny\""));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_line_is_a_network_or_an_error(
        line in "(mlp|conv|transformer|lstm|x):[-0-9x:a-z()=é]{0,20}",
    ) {
        let _ = Network::named(&line);
    }

    #[test]
    fn any_layer_is_built_or_an_error(
        layer in "[a-z_]{0,2}:? ?(conv|linear|relu|keep|take|mean|select|reshape|slice)?\
                  [(]?[-+*/x0-9.,'=a-z ]{0,12}[)]?( -> tokens)?( if [a-z]{0,3})?",
    ) {
        let quoted = format!("{layer:?}");
        let _ = of(&quoted);
    }
}

/// ResNets of 2016: normalization, activation, convolution. Zeros in the last normalization would
/// give its convolution zeros, which get no gradients back through a ReLU.
#[test]
fn a_normalization_before_its_convolution_ends_no_branch() {
    let ends = |unit: &str| {
        let text = format!(
            "about = \"blocks\"\n[inputs]\nimage = \"numbers(1, 8, 8)\"\n[network]\nlayers = [\n\
             \"stem: conv(8)\",\n{{ repeat = \"2\", name = \"blocks\", layers = [\n\
             {{ residual = [\"{unit}\"] }},\n] }},\n]\n"
        );
        let network = Network::read(&text, "").unwrap();
        ["conv1", "conv2", "bn2"].map(|name| {
            let name = format!("blocks.1.{name}.weight");
            let mut all = network.model.tensors.iter();
            let tensor = all.find(|own| own.name == name).unwrap();
            (tensor.role, tensor.is_normalized)
        })
    };
    let before = ends(
        "bn1: batch_norm -> activation('relu') -> conv1: conv(8) -> bn2: batch_norm \
         -> activation('relu') -> conv2: conv(8)",
    );
    let (out, norm) = ((Role::ResidualOut, false), (Role::NormWeight, false));
    assert_eq!(before, [(Role::Conv, true), out, norm]);
    let after = ends(
        "conv1: conv(8) -> bn1: batch_norm -> activation('relu') -> conv2: conv(8) \
         -> bn2: batch_norm",
    );
    let (out, norm) = ((Role::ResidualOut, true), (Role::LastNormWeight, false));
    assert_eq!(after, [(Role::Conv, true), out, norm]);
}
