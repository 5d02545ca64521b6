//! Files of Flax: every element type, chunks, and damage.
#![cfg(feature = "flax")]

mod common;

use common::{check, damage, load, names, refusal};
use semilla::model::Convention;
use semilla_checkpoint::{Format, sentences};

#[test]
fn arrays_under_their_paths() {
    let file = check("flax/state.msgpack");
    assert_eq!(
        (file.format(), file.format().convention()),
        (Format::Flax, Some(Convention::Jax))
    );
    assert!(names(&*file).contains(&"params/Dense_0/kernel"));
    let said = sentences(file.remarks());
    assert_eq!(
        said,
        ["left out \"phase\": its type \"complex64\" cannot be read"]
    );
}

#[test]
fn arrays_in_chunks_are_one() {
    check("flax/chunks.msgpack");
}

#[test]
fn what_is_no_file_of_flax_is_refused() {
    for (content, part) in [
        (&b"\x81\xa6params\x80"[..], "no arrays"),
        (b"\x81\xa6params", "ends too early"),
        (b"\x81\xa1a\xc1", "a byte that means nothing"),
        (b"\x81\xa1a\xc7\x05\x01\x93\x91\x01\xa0\x90", "has no bytes"),
        (
            b"\x81\xa1a\xc7\x0c\x01\x93\x91\x02\xa5uint8\xc4\x01\x07",
            "the bytes of its shape",
        ),
        (
            b"\x81\xa1a\xc7\x0f\x01\x93\x91\x01\xa5uint8\xc4\x01\x07",
            "two lengths",
        ),
    ] {
        let message = refusal(content);
        assert!(message.contains(part), "{part}: {message}");
    }
    let deep = [&b"\x81\xa1a"[..]; 200].concat();
    assert!(refusal(&deep).contains("nesting"));
    assert!(load(b"\x81\xa1a\xc7\x0c\x01\x93\x91\x01\xa5uint8\xc4\x01\x07").is_ok());
}

#[test]
fn damage_is_found_or_harmless() {
    damage("flax/state.msgpack", 500);
    damage("flax/chunks.msgpack", 300);
}
