"""Packaging of elmo-udf; tool settings are in pyproject.toml."""

import runpy
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"


class BuildWithJobs(build_py):  # type: ignore[misc]  # setuptools has no types
    """Copies the jobs into the package, where the command elmo-udf finds them. In a checkout they stay in jobs/."""

    def run(self) -> None:
        """Builds the package, then adds the jobs, unless the package is installed as a link to the checkout."""
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib) / "elmo_udf" / "jobs"
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted((HERE / "jobs").glob("*.py")):
                self.copy_file(str(path), str(folder / path.name))

    def get_source_files(self) -> list[str]:
        """Returns the files of a source distribution."""
        return [*super().get_source_files(), *(f"jobs/{path.name}" for path in sorted((HERE / "jobs").glob("*.py")))]


setup(
    name="elmo-udf",
    version=runpy.run_path(str(HERE / "elmo_udf" / "version.py"))["__version__"],
    description="ELMo vectors for large corpora on Spark, and exact cosine similarity between documents",
    long_description=README.read_text("utf-8") if README.is_file() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    cmdclass={"build_py": BuildWithJobs},
    entry_points={"console_scripts": ["elmo-udf = elmo_udf.command:main"]},
    packages=find_packages(include=["elmo_udf", "elmo_udf.*"]),
    package_data={
        "elmo_udf": [
            "py.typed",
            *(f"**/*.{kind}" for kind in ("csv", "hdf5", "json", "md", "npz", "png", "properties")),
        ]
    },
    python_requires=">=3.11,<3.14",
    install_requires=[
        "pyspark>=4.1,<5",
        # What pyspark calls its "sql" extra: pandas UDFs need all three.
        "numpy>=1.26,<3",
        "pandas>=2.2,<4",
        "pyarrow>=18",
        "tensorflow>=2.18,<3",
        "tensorflow-hub>=0.16.1,<1",
        "setuptools>=68,<81",  # tensorflow-hub 0.16 imports pkg_resources, which later ones lack
        "h5py>=3.11,<4",
        "sacremoses>=0.1.1",
        "sentencex>=1.0.30,<2",  # earlier ones end sentences elsewhere, which changes vectors
        "simplemma>=2.0,<3",
        "regex>=2024.4.16",
        "scipy>=1.11.1,<2",
        "scikit-learn>=1.5,<2",
        "matplotlib>=3.8,<4",
        "threadpoolctl>=3.2,<4",
        "tqdm>=4.60,<5",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.18,<3"],
        "hf": ["huggingface-hub>=1.0,<3"],
        "kaggle": ["kagglehub>=1.0,<2"],
        "package": ["venv-pack2>=0.9,<1"],
        "test": [
            "pytest>=9",
            "pytest-xdist>=3.6.1",
            "hypothesis>=6.100",
            "ruff>=0.8",
            "sphinx>=8.1",
            "mypy>=1.13",
            "pre-commit>=3.5",
            "duckdb>=1.1",
            "huggingface-hub>=1.0,<3",
            "kagglehub>=1.0,<2",
            "polars>=1.15",
        ],
    },
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
