"""What all tests share: Keras runs on JAX, whichever test or helper imports it first."""

import os

os.environ["KERAS_BACKEND"] = "jax"
