//! Arrays of NumPy in pickles: every protocol and element type, other libraries' forms, and damage.
#![cfg(feature = "torch")]

mod common;

use common::{check, damage, fixture_refusal, refusal};
use semilla_checkpoint::{Format, sentences};

#[test]
fn every_protocol_holds_the_same_arrays() {
    for protocol in 2..=5 {
        let file = check(&format!("pickles/protocol{protocol}.pkl"));
        assert_eq!(
            (file.format(), file.format().convention()),
            (Format::Numpy, None)
        );
        assert!(file.remarks().is_empty(), "{:?}", sentences(file.remarks()));
    }
    check("pickles/python2.pkl");
}

#[test]
fn files_of_paddle() {
    check("pickles/paddle.pdparams");
    // Tensors are pairs of a name and an array here.
    check("pickles/wrapped.pdparams");
    // Large weights are in pieces.
    for protocol in [2, 3] {
        let file = check(&format!("pickles/cut{protocol}.pdparams"));
        assert_eq!(file.format(), Format::Numpy);
    }
}

#[test]
fn what_is_no_array_of_numbers_is_left_out() {
    let file = check("pickles/odd.pkl");
    let said = sentences(file.remarks());
    assert_eq!(
        said,
        [
            "left out \"turned\": its elements are big-endian",
            "left out \"objects\": it is an array of NumPy of the dtype \"O8\"",
            "left out \"phase\": it is an array of NumPy of the dtype \"c8\"",
            "left out \"masked\": it is a masked array of NumPy; save its filled() instead",
            "left out \"below\": it lies below a key that is neither a text nor an integer, so \
             that it has no name",
        ]
    );
}

#[test]
fn other_pickles_are_refused() {
    for (content, part) in [
        (&b"\x80\x02}q\0."[..], "no arrays of NumPy"),
        (b"\x80\x04K\x01.", "no dictionary of tensors"),
        (
            b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
            "ends too early",
        ),
        (b"\x80\x02X\xff\xff\xff\xffabc", "ends too early"),
        (
            b"\x80\x02}(X\x15\0\0\0UnpackBigParamInfor@@}(K\x01K\x02uu.",
            "list of weights in pieces",
        ),
    ] {
        let message = refusal(content);
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(fixture_refusal("command.pkl").contains("no arrays of NumPy"));
}

#[test]
fn damage_is_found_or_harmless() {
    damage("pickles/protocol2.pkl", 200);
    damage("pickles/cut2.pdparams", 200);
    damage("pickles/protocol4.pkl", 500);
    damage("pickles/protocol5.pkl", 300);
    damage("pickles/python2.pkl", 500);
    damage("pickles/wrapped.pdparams", 300);
}
