"""Groups of options that several jobs share. Each job combines them into its own dataclass, in its own package.

Flags, ``conf/*.toml`` and all defaults are made from these dataclasses.
"""

from elmo_udf.options.correction import CorrectionOptions
from elmo_udf.options.field import SECTIONS, OptionGroup, option, sections_of
from elmo_udf.options.inputs import (
    DocumentColumns,
    DocumentFormat,
    EmbeddingsInput,
    InputOptions,
    InputPath,
    TableFormat,
    paths_of,
)
from elmo_udf.options.job import JobOptions, TaskOptions
from elmo_udf.options.model import (
    DocumentModelOptions,
    LanguageOptions,
    LayerOptions,
    ModelOptions,
    PretrainedModel,
    TokenizerOptions,
)
from elmo_udf.options.outputs import OutputOptions, OutputPath, RejectsOptions, VectorEncoding, WriteMode

__all__ = [
    "SECTIONS",
    "CorrectionOptions",
    "DocumentColumns",
    "DocumentFormat",
    "DocumentModelOptions",
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
    "paths_of",
    "sections_of",
]
