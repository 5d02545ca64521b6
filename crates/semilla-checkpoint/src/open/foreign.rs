//! Formats that are not read: recognized, and answered with the command that converts them.

use std::path::Path;

use crate::error::Error;

/// A format that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign {
    /// With its article.
    name: &'static str,
    /// A command that makes a file that is read, with `FILE` for the path, or other advice.
    advice: &'static str,
}

const TFLITE: Foreign = Foreign {
    name: "a TensorFlow Lite model",
    advice: "python -m tf2onnx.convert --tflite FILE --output model.onnx",
};
const SAVED_MODEL: Foreign = Foreign {
    name: "a SavedModel of TensorFlow",
    advice: "python -m tf2onnx.convert --saved-model FILE --output model.onnx",
};
const FROZEN_GRAPH: Foreign = Foreign {
    name: "a graph of TensorFlow 1",
    advice: "python -m tf2onnx.convert --graphdef FILE --inputs INPUT:0 --outputs OUTPUT:0 \
             --output model.onnx",
};
const CORE_ML: Foreign = Foreign {
    name: "a Core ML model",
    advice: "python -c \"import coremltools as ct, numpy; numpy.savez('model.npz', **{n: w.val \
             for n, w in ct.optimize.coreml.get_weights_metadata(ct.models.MLModel('FILE'), \
             0).items()})\"",
};
const OLD_GGML: Foreign = Foreign {
    name: "a ggml model from before GGUF",
    advice: "python convert_llama_ggml_to_gguf.py --input FILE --output model.gguf (of llama.cpp)",
};
const MXNET: Foreign = Foreign {
    name: "an MXNet file",
    advice: "python -c \"import mxnet, numpy; numpy.savez('model.npz', **{n: a.asnumpy() \
             for n, a in mxnet.nd.load('FILE').items()})\"",
};
const OPEN_VINO: Foreign = Foreign {
    name: "an OpenVINO model",
    advice: "export the model that it was made from to ONNX; OpenVINO writes no other format",
};
const ONNX_RUNTIME: Foreign = Foreign {
    name: "a model of ONNX Runtime's own format",
    advice: "give the .onnx file that it was made from; nothing converts it back",
};
const EXECUTORCH: Foreign = Foreign {
    name: "a program of ExecuTorch",
    advice: "give the PyTorch model that it was exported from; nothing converts it back",
};
const TENSOR_RT: Foreign = Foreign {
    name: "an engine of TensorRT",
    advice: "give the .onnx file that it was built from; nothing converts it back",
};
const MATLAB: Foreign = Foreign {
    name: "a file of MATLAB",
    advice: "python -c \"import numpy, scipy.io; numpy.savez('model.npz', **{n: a for n, a in \
             scipy.io.loadmat('FILE').items() if n[0] != '_'})\"",
};
const CAFFE: Foreign = Foreign {
    name: "a Caffe model",
    advice: "python -c \"import caffe, numpy; numpy.savez('model.npz', **{f'{n}.{i}': b.data \
             for n, p in caffe.Net('deploy.prototxt', 'FILE', caffe.TEST).params.items() \
             for i, b in enumerate(p)})\"",
};
const DARKNET: Foreign = Foreign {
    name: "a Darknet model",
    advice: "python -c \"import cv2, numpy; net = cv2.dnn.readNetFromDarknet('model.cfg', 'FILE'); \
             numpy.savez('model.npz', **{f'{n}.{i}': b for n in net.getLayerNames() \
             for i, b in enumerate(net.getLayer(n).blobs)})\" (OpenCV 4)",
};
const PADDLE_INFERENCE: Foreign = Foreign {
    name: "an inference model of Paddle",
    advice: "paddle2onnx --model_dir . --model_filename inference.pdmodel \
             --params_filename inference.pdiparams --save_file model.onnx (beside the two files)",
};
pub(super) const TENSORFLOW_JS: Foreign = Foreign {
    name: "a TensorFlow.js model",
    advice: "tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras FILE \
             model.h5",
};
const TAR: Foreign = Foreign {
    name: "a tar archive",
    advice: "tar -xf FILE",
};
const EMPTY_ZIP: Foreign = Foreign {
    name: "an empty zip archive",
    advice: "fetch it again",
};
#[cfg_attr(
    not(any(feature = "torch", feature = "numpy", feature = "keras")),
    allow(dead_code)
)]
pub(super) const OTHER_ZIP: Foreign = Foreign {
    name: "a zip archive without weights of PyTorch, NumPy or Keras",
    advice: "unzip FILE",
};

impl Foreign {
    /// Tells by the name of a file, and its first bytes, where these alone say too little: most of
    /// these formats and ONNX are messages of Protocol Buffers.
    pub(super) fn of_name(path: &Path, start: &[u8]) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let ending = path.extension().and_then(|ending| ending.to_str());
        Some(match ending {
            _ if name == "saved_model.pb" => SAVED_MODEL,
            Some("mlmodel") => CORE_ML,
            Some("caffemodel") => CAFFE,
            Some("pdiparams" | "pdmodel") => PADDLE_INFERENCE,
            // The versions are small numbers of 4 bytes.
            Some("weights") if matches!(start, [0..=9, 0, 0, 0, 0..=9, 0, 0, 0, ..]) => DARKNET,
            // Its first field is a node; that of ONNX is a version.
            Some("pb") if start.first() == Some(&0x0a) => FROZEN_GRAPH,
            _ => return None,
        })
    }

    /// Tells by the names of the files and folders in a folder.
    pub(super) fn of_folder<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<Self> {
        let mut names = names.into_iter();
        names.find_map(|name| {
            Some(match name {
                "saved_model.pb" => SAVED_MODEL,
                "com.apple.CoreML" => CORE_ML,
                _ if name.ends_with(".mlpackage") => CORE_ML,
                _ => return None,
            })
        })
    }

    /// Tells by the first bytes of a file.
    pub(super) fn of_start(start: &[u8]) -> Option<Self> {
        Some(match start {
            [b'P', b'K', 5, 6, ..] => EMPTY_ZIP,
            [_, _, _, _, b'T', b'F', b'L', b'3', ..] => TFLITE,
            [_, _, _, _, b'O', b'R', b'T', b'M', ..] => ONNX_RUNTIME,
            [_, _, _, _, b'E', b'T', b'0'..=b'9', b'0'..=b'9', ..] => EXECUTORCH,
            [b'f' | b'p', b't', b'r', b't', ..] => TENSOR_RT,
            _ if start.starts_with(b"MATLAB 5.0 MAT-file") => MATLAB,
            // The magic numbers ggml, ggmf and ggjt as little-endian integers.
            [b'l' | b'f', b'm', b'g', b'g', ..] | [b't', b'j', b'g', b'g', ..] => OLD_GGML,
            [0x12, 1, 0, 0, 0, 0, 0, 0, ..] => MXNET,
            [b'<', ..] if start.windows(5).any(|window| window == b"<net ") => OPEN_VINO,
            _ if start.get(257..262) == Some(b"ustar") => TAR,
            _ => return None,
        })
    }

    /// Says what the path is, and what to do.
    pub(super) fn refused(self, path: &Path) -> Error {
        let shown = match self {
            SAVED_MODEL => match path.file_name() {
                Some(name) if name == "saved_model.pb" => {
                    let folder = path
                        .parent()
                        .filter(|folder| !folder.as_os_str().is_empty());
                    folder.unwrap_or(Path::new(".")).display().to_string()
                }
                _ => path.display().to_string(),
            },
            _ => path.display().to_string(),
        };
        Error::Unsupported {
            path: path.to_owned(),
            format: self.name,
            advice: self.advice.replace("FILE", &shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(foreign: Foreign, path: &str) -> String {
        foreign.refused(Path::new(path)).to_string()
    }

    #[test]
    fn each_is_answered_with_a_command() {
        let of_name = |path: &str| Foreign::of_name(Path::new(path), b"\x08\x01");
        for (path, expected, part) in [
            ("m/saved_model.pb", SAVED_MODEL, "--saved-model m --output"),
            ("m.mlmodel", CORE_ML, "MLModel('m.mlmodel')"),
            ("m.pdiparams", PADDLE_INFERENCE, "paddle2onnx"),
            ("m.caffemodel", CAFFE, "'m.caffemodel'"),
        ] {
            assert_eq!(of_name(path), Some(expected));
            assert!(
                said(expected, path).contains(part),
                "{}",
                said(expected, path)
            );
        }
        assert_eq!(of_name("model.onnx"), None);
        let darknet = Foreign::of_name(Path::new("yolov3.weights"), &[0, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(darknet, Some(DARKNET));
        assert_eq!(Foreign::of_start(b"<?xml version=\"1.0\"?><Error>"), None);
        for (start, expected) in [
            (&b"\x1c\0\0\0TFL3\x14\0"[..], TFLITE),
            (b"lmgg\x01\0\0\0", OLD_GGML),
            (b"tjgg\x03\0\0\0", OLD_GGML),
            (b"\x12\x01\0\0\0\0\0\0\0\0", MXNET),
            (b"\x20\0\0\0ORTM", ONNX_RUNTIME),
            (b"\x30\0\0\0ET12", EXECUTORCH),
            (b"ftrt\0", TENSOR_RT),
            (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", MATLAB),
            (
                b"<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">",
                OPEN_VINO,
            ),
        ] {
            assert_eq!(Foreign::of_start(start), Some(expected));
        }
        let tar = [&[b'a'; 257][..], b"ustar\x0000"].concat();
        assert_eq!(Foreign::of_start(&tar), Some(TAR));
        assert_eq!(Foreign::of_folder(["config.json"]), None);
    }
}
