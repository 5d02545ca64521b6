//! The stream's golden vectors: `golden/stream-v1.json` never changes while the version is 1.
//!
//! The file also holds what another language must reproduce from `docs/stream.md` alone.

use half::{bf16, f16};
use semilla::stream::{Key, Part, Stream, VERSION};
use semilla::{DType, Distribution, Element, F8E4M3, F8E5M2, Sampler};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Golden {
    version: u32,
    vectors: Vec<Vector>,
}

/// Some elements of one tensor: their bits in hexadecimal.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Vector {
    seed: u64,
    name: String,
    key: Key,
    part: u64,
    first: u64,
    dtype: DType,
    distribution: Distribution,
    words: Vec<String>,
    bits: Vec<String>,
}

const LEN: usize = 6;

fn bits<E: Element>(stream: Stream, distribution: &Distribution, first: u64) -> Vec<String> {
    let sampler = Sampler::new(distribution, E::DTYPE).unwrap();
    let mut out = [E::default(); LEN];
    stream.fill(&sampler, first, &mut out);
    let hex = |value: &E| {
        let bytes: Vec<String> = bytemuck::bytes_of(value)
            .iter()
            .rev()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        bytes.concat()
    };
    out.iter().map(hex).collect()
}

fn vector(seed: u64, name: &str, part: u64, first: u64, dtype: DType, of: Distribution) -> Vector {
    let key = Key::new(seed, name);
    let stream = Stream::from_key(key).part(Part(part));
    let bits = match dtype {
        DType::F64 => bits::<f64>(stream, &of, first),
        DType::F32 => bits::<f32>(stream, &of, first),
        DType::F16 => bits::<f16>(stream, &of, first),
        DType::BF16 => bits::<bf16>(stream, &of, first),
        DType::F8E4M3 => bits::<F8E4M3>(stream, &of, first),
        DType::F8E5M2 => bits::<F8E5M2>(stream, &of, first),
        other => unreachable!("{other} holds no random values"),
    };
    let words = (first..first + LEN as u64)
        .map(|i| format!("{:08x}", stream.word(i)))
        .collect();
    Vector {
        seed,
        name: name.to_owned(),
        key,
        part,
        first,
        dtype,
        distribution: of,
        words,
        bits,
    }
}

fn computed() -> Golden {
    let uniform = Distribution::Uniform {
        low: -0.05,
        high: 0.05,
    };
    let normal = Distribution::Normal {
        mean: 0.25,
        std: 0.02,
    };
    let cut = |std: f64, low: f64, high: f64| Distribution::TruncatedNormal {
        mean: 0.0,
        std,
        low,
        high,
    };
    let mut vectors = Vec::new();
    for of in [
        uniform,
        normal,
        cut(0.02, -0.04, 0.04),
        cut(1.0, -3.0, 3.0),
        cut(1.0, 2.5, 9.0),
    ] {
        for dtype in [DType::F32, DType::F64, DType::BF16, DType::F16] {
            vectors.push(vector(0, "layers.0.weight", 0, 0, dtype, of));
        }
        // Across words, blocks, and a change of the counter's upper word.
        vectors.push(vector(1, "layers.0.weight", 0, 13, DType::F32, of));
        vectors.push(vector(u64::MAX, "π", 1, 61, DType::F32, of));
        vectors.push(vector(42, "", u64::MAX, (1 << 34) - 3, DType::F32, of));
        vectors.push(vector(42, "x", 7, (1 << 33) - 3, DType::F64, of));
    }
    vectors.push(vector(0, "layers.0.weight", 0, 0, DType::F8E4M3, normal));
    vectors.push(vector(0, "layers.0.weight", 0, 0, DType::F8E5M2, normal));
    Golden {
        version: VERSION,
        vectors,
    }
}

#[test]
fn golden_vectors() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/stream-v1.json");
    let computed = computed();
    if std::env::var_os("SEMILLA_WRITE_GOLDEN").is_some() {
        std::fs::write(
            path,
            serde_json::to_string_pretty(&computed).unwrap() + "\n",
        )
        .unwrap();
    }
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (golden, computed) in golden.vectors.iter().zip(&computed.vectors) {
        assert_eq!(golden, computed);
    }
    assert_eq!(golden, computed);
}
