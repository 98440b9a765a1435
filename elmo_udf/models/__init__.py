"""Loads a model by its handle, and holds its weights and options in memory."""

from elmo_udf.models.form import Mix, Model, NetworkOptions
from elmo_udf.models.handles import load_model

__all__ = ["Mix", "Model", "NetworkOptions", "load_model"]
