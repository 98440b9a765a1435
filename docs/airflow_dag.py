"""Every day: embed the articles of the day, list those that are alike, check the table. For Airflow 3; see schedule.md.

The logical date of a run is the day whose articles it reads, so that a day can be run again, or later.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

ELMO = "/opt/elmo"  # what scripts/package has built, on the machine where Airflow's tasks run
CORPUS = "hdfs:///corpus"


def job(name: str, *arguments: str) -> SparkSubmitOperator:
    """A job of elmo-udf; exit code 0 is success, everything else is tried again."""
    return SparkSubmitOperator(
        task_id=name,
        name=f"{name}-{{{{ ds }}}}",
        conn_id="spark_default",  # its host is yarn
        application=f"{ELMO}/jobs/{name}.py",
        properties_file=f"{ELMO}/conf/yarn.conf",
        archives=f"{ELMO}/environment.tar.gz#environment",
        application_args=list(arguments),
    )


with DAG(
    "elmo",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
):
    articles, vectors, rejects, alike = (
        f"{CORPUS}/{name}/day={{{{ ds }}}}" for name in ("articles", "vectors", "rejects", "alike")
    )
    embed = job("embed", "--input", articles, "--output", vectors, "--rejects", rejects, "--mode", "incremental")
    similarity = job(
        "similarity", "pairs", "--embeddings", vectors, "--output", alike, "--threshold", "0.95", "--mode", "overwrite"
    )
    validate = job("validate", "--embeddings", vectors, "--source", articles, "--rejects", rejects)
    embed >> similarity >> validate
