"""greencloud allocate as a job of spark-submit: the cluster is what spark-submit says, all else are options of the verb.

    spark-submit --master spark://spark.example:7077 examples/spark/allocate_job.py --data /shared/data

Ends as the verb does: 0 done, 1 a window was refused or the run failed, 2 wrong options, 6 the store does not answer.
"""

from __future__ import annotations

import sys

from greencloud.cli import main

main(["allocate", "--engine", "spark", *sys.argv[1:]], prog_name="greencloud")
