//! The names in pickles that weights are made of.

/// Whether weights, or what is usually saved beside them, are made by this. Nothing here runs what
/// a file says when it is called or named.
pub(super) fn makes_weights(module: &str, name: &str) -> bool {
    match module {
        "torch" => {
            DTYPES.contains(&name)
                || (name.ends_with("Storage") && is_word(name))
                || OF_TORCH.contains(&name)
        }
        "torch._utils" => name.starts_with("_rebuild_") && is_word(name),
        "torch._tensor" => name == "_rebuild_from_type_v2",
        "torch.nn.functional" => ACTIVATIONS.contains(&name),
        "torch._C._nn" => ["gelu", "softplus"].contains(&name),
        "torch.serialization" => name == "_get_layout",
        "torch.storage" => ["TypedStorage", "UntypedStorage"].contains(&name),
        "torch.nn.parameter" => ["Parameter", "Buffer", "UninitializedParameter"].contains(&name),
        "collections" => ["OrderedDict", "defaultdict", "Counter"].contains(&name),
        "builtins" | "__builtin__" => BUILTINS.contains(&name),
        "numpy" => ["dtype", "ndarray"].contains(&name),
        "numpy.core.multiarray" | "numpy._core.multiarray" => {
            ["scalar", "_reconstruct"].contains(&name)
        }
        "numpy.core.numeric" | "numpy._core.numeric" => name == "_frombuffer",
        "numpy.ma" | "numpy.ma.core" => ["MaskedArray", "_mareconstruct"].contains(&name),
        "ml_dtypes" => ["bfloat16", "float8_e4m3fn", "float8_e5m2"].contains(&name),
        "numpy.dtypes" => name.ends_with("DType") && is_word(name),
        "_codecs" => name == "encode",
        "argparse" => name == "Namespace",
        "torch.jit._pickle" => {
            (name.starts_with("build_") && is_word(name)) || name == "restore_type_tag"
        }
        "pathlib" => name.ends_with("Path") && is_word(name),
        "torch.distributed.checkpoint.filesystem" => name == "_StorageInfo",
        // Their classes; not the modules and functions that are named there too.
        _ => {
            DESCRIPTIONS.iter().any(|start| module.starts_with(start))
                && name
                    .trim_start_matches('_')
                    .starts_with(|c: char| c.is_ascii_uppercase())
                && is_word(name)
        }
    }
}

/// Modules whose classes say what a whole module is made of, or how a tensor is spread over
/// processes.
const DESCRIPTIONS: [&str; 6] = [
    "torch.nn.modules.",
    "__torch__",
    "torch.distributed.tensor",
    "torch.distributed.device_mesh",
    "torch.distributed._mesh_layout",
    "torch.distributed.checkpoint.metadata",
];

const OF_TORCH: [&str; 10] = [
    "Size",
    "Tensor",
    "device",
    "strided",
    "sparse_coo",
    "sparse_csr",
    "per_tensor_affine",
    "per_channel_affine",
    "contiguous_format",
    "channels_last",
];

/// Functions that a whole module may hold.
const ACTIVATIONS: [&str; 12] = [
    "relu",
    "relu6",
    "gelu",
    "silu",
    "tanh",
    "sigmoid",
    "leaky_relu",
    "elu",
    "selu",
    "mish",
    "softmax",
    "hardswish",
];

const BUILTINS: [&str; 11] = [
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "set",
    "tuple",
];

const DTYPES: [&str; 24] = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "double",
    "float",
    "half",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "int64",
    "int32",
    "int16",
    "int8",
    "long",
    "int",
    "uint64",
    "uint32",
    "uint16",
    "uint8",
    "bool",
    "complex64",
    "complex128",
];

/// Whether a name has no dots, by which protocol 4 reaches into what a module holds.
fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
