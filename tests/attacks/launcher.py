"""``launcher.py REPORT SECONDS COMMAND...``: runs a command and writes what it took, as JSON.

A process counts the memory of the one that started it as its own, so that one has to be small: this.
"""

import json
import os
import signal
import sys
import time

report, patience, *command = sys.argv[1:]
pid = os.posix_spawn(command[0], command, os.environ)
end = time.monotonic() + float(patience)
while True:
    done, status, usage = os.wait4(pid, os.WNOHANG)
    if done:
        break
    if time.monotonic() > end:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.005)
figures = {
    "status": os.waitstatus_to_exitcode(status),
    "seconds": usage.ru_utime + usage.ru_stime,
    "megabytes": usage.ru_maxrss / 1024,
}
with open(report, "w") as file:
    json.dump(figures, file)
