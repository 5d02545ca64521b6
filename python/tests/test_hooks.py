"""Semilla within transformers and Lightning."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import subprocess
import sys

import pytest
import torch
from torch import nn

import semilla.torch as st


def same(model, other):
    return all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))


class TestTransformers:
    @pytest.fixture(autouse=True)
    def library(self):
        self.transformers = pytest.importorskip("transformers")
        self.config = self.transformers.GPT2Config(
            n_layer=2, n_embd=16, n_head=2, vocab_size=31, n_positions=8, num_labels=3
        )

    @pytest.mark.parametrize("recipe", ["auto", "transformers"])
    def test_new_models_are_those_of_init_(self, recipe):
        import semilla.transformers

        kind = self.transformers.GPT2LMHeadModel
        theirs = self.transformers.PreTrainedModel.initialize_weights
        with semilla.transformers.init(recipe, seed=4):
            model = kind(self.config)
            again = self.transformers.AutoModelForCausalLM.from_config(self.config)
        assert self.transformers.PreTrainedModel.initialize_weights is theirs
        expected = kind(self.config)
        st.init_(expected, recipe, 4)
        assert same(model, expected) and same(again, expected)
        assert model.lm_head.weight is model.transformer.wte.weight
        assert not same(kind(self.config), expected)

    def test_of_a_loaded_model_only_what_is_missing(self, tmp_path):
        import semilla.transformers

        trunk = self.transformers.GPT2LMHeadModel(self.config)
        trunk.save_pretrained(tmp_path)
        kind = self.transformers.GPT2ForSequenceClassification
        with semilla.transformers.init("auto", seed=4):
            model = kind.from_pretrained(tmp_path, num_labels=3)
        expected = kind(self.config)
        st.init_(expected, "auto", 4)
        assert same(model.transformer, trunk.transformer)
        assert torch.equal(model.score.weight, expected.score.weight)

    def test_buffers_outside_of_the_state_stay_the_librarys(self, tmp_path):
        import semilla.transformers

        config = self.transformers.LlamaConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, vocab_size=31,
        )  # fmt: skip
        plain = self.transformers.LlamaForCausalLM(config)
        plain.save_pretrained(tmp_path)
        with semilla.transformers.init("auto"):
            loaded = self.transformers.LlamaForCausalLM.from_pretrained(tmp_path)
            made = self.transformers.LlamaForCausalLM(config)
        for model in (loaded, made):
            assert torch.equal(model.model.rotary_emb.inv_freq, plain.model.rotary_emb.inv_freq)
        assert same(loaded, plain)

    def test_what_a_model_computes_is_the_librarys(self):
        import semilla.transformers

        backbone = self.transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic",
            out_features=["stage2", "stage3", "stage4"],
        )  # fmt: skip
        config = self.transformers.DeformableDetrConfig(
            backbone_config=backbone, backbone=None, use_timm_backbone=False, use_pretrained_backbone=False,
            d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
            encoder_ffn_dim=32, decoder_ffn_dim=32, num_queries=5,
        )  # fmt: skip
        kind = self.transformers.DeformableDetrForObjectDetection
        plain = kind(config).state_dict()
        with semilla.transformers.init("auto"):
            made = kind(config).state_dict()
        offsets = [name for name in made if "sampling_offsets" in name]
        assert offsets and all(torch.equal(made[name], plain[name]) for name in offsets)
        assert not made["model.decoder.layers.1.encoder_attn.attention_weights.weight"].any()
        assert made["class_embed.0.bias"][0] == pytest.approx(-4.595, abs=1e-3)

    def test_errors_come_from_the_model_and_leave_the_library_alone(self):
        import semilla.transformers

        theirs = self.transformers.PreTrainedModel.initialize_weights
        with pytest.raises(ValueError, match="match no tensor"):
            with semilla.transformers.init("auto", rules={"no.such": "zeros"}):
                self.transformers.GPT2Model(self.config)
        assert self.transformers.PreTrainedModel.initialize_weights is theirs


class TestLightning:
    @pytest.fixture(autouse=True)
    def library(self):
        self.lightning = pytest.importorskip("pytorch_lightning")
        from semilla.lightning import Initialize

        self.callback = Initialize("auto", seed=3, rules={"body.2.bias": {"constant": {"value": 1.0}}})

    def module(self):
        class Module(self.lightning.LightningModule):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
                self.first = None

            def on_train_start(self):
                self.first = {name: value.clone() for name, value in self.state_dict().items()}

            def training_step(self, batch, _):
                return self.body(batch[0]).square().mean()

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=0.1)

        return Module()

    def fitted(self, module, folder, **given):
        data = torch.utils.data.TensorDataset(torch.ones(4, 4))
        trainer = self.lightning.Trainer(
            max_epochs=1, accelerator="cpu", logger=False, default_root_dir=folder,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[self.callback],
        )  # fmt: skip
        trainer.fit(module, torch.utils.data.DataLoader(data), **given)
        return trainer

    @pytest.mark.filterwarnings("ignore")
    def test_fitting_starts_from_the_plan_unless_it_goes_on(self, tmp_path):
        module = self.module()
        trainer = self.fitted(module, tmp_path)
        expected = self.module()
        st.init_(expected, "auto", 3, rules={"body.2.bias": {"constant": {"value": 1.0}}})
        for name, value in expected.state_dict().items():
            assert torch.equal(module.first[name], value), name
        assert self.callback.plan["body.2.bias"].values == "1"
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        self.callback.plan = None
        other = self.module()
        self.fitted(other, tmp_path, ckpt_path=tmp_path / "last.ckpt", weights_only=False)
        assert self.callback.plan is None


def test_neither_is_imported_by_the_package():
    code = (
        "import sys, semilla, semilla.torch; "
        "assert not {'transformers', 'lightning', 'pytorch_lightning'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
