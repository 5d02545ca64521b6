"""The graph of an ONNX model, read by Semilla and by the package `onnx`: the same nodes, attributes and tensors."""

import json
import os
import subprocess

import onnx
import pytest
from command import ROOT
from onnx import AttributeProto, numpy_helper

FIXTURES = ROOT / "crates/semilla-checkpoint/tests/fixtures/onnx"
# Built by `cargo build --release -p semilla-checkpoint --example graph`, unless another is named.
GRAPH = os.environ.get("SEMILLA_GRAPH", ROOT / "target/release/examples/graph")


def found(path):
    done = subprocess.run([GRAPH, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def attribute(proto):
    """The kind and the value of an attribute that is neither a graph nor a tensor."""
    if proto.ref_attr_name:
        return {"Parameter": proto.ref_attr_name}
    value = onnx.helper.get_attribute_value(proto) if proto.type != AttributeProto.INTS else list(proto.ints)
    match proto.type:
        case AttributeProto.INT:
            return {"Int": value}
        case AttributeProto.FLOAT:
            return {"Float": value}
        case AttributeProto.STRING:
            return {"Text": value.decode()}
        case AttributeProto.INTS:
            return {"Ints": value}
        case AttributeProto.FLOATS:
            return {"Floats": list(value)}
        case AttributeProto.STRINGS:
            return {"Texts": [text.decode() for text in value]}


def compare_body(graph, body, proto):
    """Compares a body with the message that it was read from; returns the bodies within it, with theirs."""
    nodes = [node for node in proto.node if node.op_type != "Constant"]
    assert [node["operator"] for node in body["nodes"]] == [node.op_type for node in nodes]
    nested = []
    for node, expected in zip(body["nodes"], nodes):
        assert (node["name"], node["domain"]) == (expected.name, expected.domain)
        assert node["inputs"] == list(expected.input)
        assert node["outputs"] == list(expected.output)
        assert [name for name, _ in node["attributes"]] == [a.name for a in expected.attribute]
        for (_, value), wanted in zip(node["attributes"], expected.attribute):
            if wanted.type == AttributeProto.GRAPH:
                nested.append((graph["bodies"][value["Body"]], wanted.g))
            elif wanted.type == AttributeProto.TENSOR:
                literal = value["Tensor"]
                assert bytes(literal["bytes"]) == numpy_helper.to_array(wanted.t).tobytes()
                assert literal["shape"] == list(wanted.t.dims)
            else:
                assert value == attribute(wanted)
        for entry in expected.metadata_props:
            assert len(entry.value) > 4096 or node["properties"][entry.key] == entry.value
    return nested


def initializers(proto):
    """Name, shape and values of initializers and constants, in no order; `None` for shapes of single values."""
    tensors = {tensor.name: tensor for tensor in getattr(proto, "initializer", [])}
    for node in proto.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    return tensors


@pytest.mark.parametrize("name", ["graph", "roles", "types", "branches"])
def test_everything_that_is_in_the_graph(name):
    model = onnx.load(FIXTURES / f"{name}.onnx")
    graph = found(FIXTURES / f"{name}.onnx")
    assert graph["opsets"] == {entry.domain: entry.version for entry in model.opset_import}
    left = [(graph["bodies"][0], model.graph)]
    for function, expected in zip(graph["functions"], model.functions, strict=True):
        assert (function["name"], function["domain"]) == (expected.name, expected.domain)
        left.append((graph["bodies"][function["body"]], expected))
    bodies = 0
    while left:
        body, proto = left.pop()
        left += compare_body(graph, body, proto)
        bodies += 1
        named = {tensor["name"]: tensor for tensor in body["initializers"]}
        for name, expected in initializers(proto).items():
            assert named[name]["shape"] == list(expected.dims)
            if literal := named[name]["literal"]:
                assert bytes(literal["bytes"]) == numpy_helper.to_array(expected).tobytes()
    assert bodies == len(graph["bodies"])
