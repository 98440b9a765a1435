"""The options that several jobs have, in groups; a job's own dataclass is made of these and is in the job's part.

The dataclasses are the only source of flags, of conf/*.toml and of their defaults.
"""

from elmo_udf.options.correction import CorrectionOptions
from elmo_udf.options.field import OptionGroup, option, sections_of
from elmo_udf.options.inputs import (
    DocumentColumns,
    DocumentFormat,
    EmbeddingsInput,
    InputOptions,
    InputPath,
    TableFormat,
)
from elmo_udf.options.job import JobOptions, TaskOptions
from elmo_udf.options.model import (
    LanguageOptions,
    LayerOptions,
    ModelOptions,
    PretrainedModel,
    TokenizerOptions,
)
from elmo_udf.options.outputs import OutputOptions, OutputPath, RejectsOptions, VectorEncoding, WriteMode

__all__ = [
    "CorrectionOptions",
    "DocumentColumns",
    "DocumentFormat",
    "EmbeddingsInput",
    "InputOptions",
    "InputPath",
    "JobOptions",
    "LanguageOptions",
    "LayerOptions",
    "ModelOptions",
    "OptionGroup",
    "OutputOptions",
    "OutputPath",
    "PretrainedModel",
    "RejectsOptions",
    "TableFormat",
    "TaskOptions",
    "TokenizerOptions",
    "VectorEncoding",
    "WriteMode",
    "option",
    "sections_of",
]
