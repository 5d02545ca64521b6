"""The models whose `config.json` is compared: a class of transformers and the fields that it is made
of, everything as small as statistics allow."""

SMALL = dict(
    vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
)
GROUPED = SMALL | dict(num_key_value_heads=2, max_position_embeddings=64)

GPT2 = dict(vocab_size=97, n_positions=32, n_embd=32, n_layer=2, n_head=4)
BERT = SMALL | dict(max_position_embeddings=40)
VIT = dict(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
)
T5 = dict(vocab_size=97, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)

CASES = [
    ("GPT2Model", GPT2),
    ("GPT2LMHeadModel", GPT2 | dict(n_inner=80, initializer_range=0.1)),
    ("GPT2LMHeadModel", GPT2 | dict(tie_word_embeddings=False, add_cross_attention=True, dtype="bfloat16")),
    ("GPT2DoubleHeadsModel", GPT2),
    ("GPT2ForSequenceClassification", GPT2 | dict(num_labels=5)),
    ("GPT2ForTokenClassification", GPT2),
    ("GPT2ForQuestionAnswering", GPT2),
    ("LlamaModel", SMALL),
    ("LlamaForCausalLM", GROUPED | dict(tie_word_embeddings=True, pad_token_id=3)),
    ("LlamaForCausalLM", GROUPED | dict(attention_bias=True, mlp_bias=True, head_dim=12, dtype="float16")),
    ("LlamaForSequenceClassification", GROUPED | dict(num_labels=3)),
    ("LlamaForTokenClassification", GROUPED),
    ("LlamaForQuestionAnswering", GROUPED),
    ("MistralForCausalLM", GROUPED),
    ("MistralForQuestionAnswering", GROUPED | dict(head_dim=16)),
    ("Qwen2ForCausalLM", GROUPED | dict(tie_word_embeddings=True)),
    ("Qwen2ForQuestionAnswering", GROUPED),
    ("Qwen3ForCausalLM", GROUPED | dict(head_dim=16)),
    ("Qwen3Model", GROUPED | dict(attention_bias=True)),
    ("GemmaForCausalLM", GROUPED | dict(head_dim=16)),
    ("GemmaForTokenClassification", GROUPED | dict(tie_word_embeddings=False, attention_bias=True)),
    ("Gemma2ForCausalLM", GROUPED | dict(head_dim=16)),
    ("Gemma2ForSequenceClassification", GROUPED),
    ("Gemma3ForCausalLM", GROUPED | dict(head_dim=16)),
    ("Gemma3TextModel", GROUPED | dict(attention_bias=True)),
    ("Phi3ForCausalLM", GROUPED | dict(pad_token_id=5)),
    ("Phi3Model", GROUPED | dict(pad_token_id=None)),
    ("OlmoForCausalLM", GROUPED),
    ("OlmoModel", SMALL | dict(attention_bias=True)),
    ("Olmo2ForCausalLM", GROUPED | dict(attention_bias=True)),
    ("Olmo2ForSequenceClassification", GROUPED),
    ("MixtralForCausalLM", GROUPED | dict(num_local_experts=3)),
    ("MixtralForSequenceClassification", GROUPED | dict(num_local_experts=2, head_dim=16)),
    ("BertModel", BERT),
    ("BertForPreTraining", BERT),
    ("BertForMaskedLM", BERT | dict(tie_word_embeddings=False)),
    ("BertLMHeadModel", BERT | dict(is_decoder=True, add_cross_attention=True, type_vocab_size=3)),
    ("BertForNextSentencePrediction", BERT),
    ("BertForSequenceClassification", BERT | dict(num_labels=4, dtype="bfloat16")),
    ("BertForMultipleChoice", BERT),
    ("BertForTokenClassification", BERT | dict(num_labels=7)),
    ("BertForQuestionAnswering", BERT | dict(pad_token_id=None)),
    ("RobertaModel", BERT),
    ("RobertaForMaskedLM", BERT),
    ("RobertaForCausalLM", BERT | dict(is_decoder=True, tie_word_embeddings=False)),
    ("RobertaForSequenceClassification", BERT | dict(num_labels=3)),
    ("RobertaForMultipleChoice", BERT),
    ("RobertaForTokenClassification", BERT),
    ("RobertaForQuestionAnswering", BERT),
    ("T5Model", T5),
    ("T5ForConditionalGeneration", T5 | dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    ("T5ForConditionalGeneration", T5 | dict(num_decoder_layers=1, initializer_factor=0.5)),
    ("T5EncoderModel", T5),
    ("T5ForSequenceClassification", T5 | dict(num_labels=3)),
    ("T5ForTokenClassification", T5),
    ("T5ForQuestionAnswering", T5),
    ("ViTModel", VIT),
    ("ViTForImageClassification", VIT | dict(num_labels=10, qkv_bias=False)),
    ("ViTForMaskedImageModeling", VIT | dict(encoder_stride=8, num_channels=2)),
]
