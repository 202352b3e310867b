"""A run in small: wakes the stub teacher in a folder, says so, and waits to be killed."""

import json
import os
import sys
import time
from pathlib import Path

from nemoflow.inference.teachers import Teacher, wake

folder, command = Path(sys.argv[1]), tuple(sys.argv[2:])
teacher = Teacher(kind="process", model="stub", command=command, deadline_s=30)
woken = wake(teacher, folder, os.getpid(), lambda line: None, lambda: False)
sys.stdout.write(json.dumps({"adopted": woken.adopted, "endpoint": woken.endpoint.model_dump()}) + "\n")
sys.stdout.flush()
time.sleep(600)
