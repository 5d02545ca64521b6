//! Builds without some of the formats: a file of a missing one is recognized, and the error names
//! the cargo feature that reads it. (With all formats nothing is missing, and nothing is tested.)

mod common;

use common::refusal;
use semilla_checkpoint::Format;

#[test]
fn a_missing_format_is_named_with_its_feature() {
    let torch = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    for (format, start) in [
        (Format::Torch, &torch[..]),
        (Format::Numpy, b"\x93NUMPY\x01\0"),
        (Format::Keras, b"\x89HDF\r\n\x1a\n"),
        (Format::Onnx, b"\x08\x08\x12\x07pytorch"),
        (Format::Gguf, b"GGUF\x03\0\0\0"),
        (Format::Flax, b"\x81\xa6params\x80"),
    ] {
        let message = refusal(start);
        let feature = format!("this build does not read {format}; build it with the cargo feature");
        assert_ne!(message.contains(&feature), format.is_read(), "{message}");
    }
    let zip = [Format::Torch, Format::Numpy, Format::Keras];
    if !zip.into_iter().any(Format::is_read) {
        let message = refusal(b"PK\x03\x04");
        let features = "feature `torch`, `numpy` or `keras`";
        assert!(message.contains(features), "{message}");
    }
}
