"""Run by the Python of an Airflow: parses the DAGs of a folder, and prints their tasks as of a day as JSON."""

import json
import sys

from airflow.dag_processing.dagbag import DagBag


def main(folder: str, day: str) -> None:
    bag = DagBag(folder)
    tasks = []
    for dag in bag.dags.values():
        for task in dag.topological_sort():
            rendered = task.render_template(
                {"name": task.name, "arguments": task.application_args, "application": task.application}, {"ds": day}
            )
            rendered |= {"properties_file": task.properties_file, "archives": task._archives}
            tasks.append(rendered | {"id": task.task_id, "after": sorted(task.upstream_task_ids)})
    errors = {str(path): str(error) for path, error in bag.import_errors.items()}
    print("FOUND " + json.dumps({"errors": errors, "dags": sorted(bag.dags), "tasks": tasks}))


if __name__ == "__main__":
    main(*sys.argv[1:])
