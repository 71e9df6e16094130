# SPDX-License-Identifier: LGPL-2.1-or-later
"""Below the programs nothing prints, logs or ends the process: errors go up, in a diag."""

import re

import house

BELOW = ("src/util/", "src/disk/", "src/model/", "src/format/", "src/platform/")
# log.c is the log, options.c prints --help, verb-main.c is what the main programs have in common,
# and describe.c is one of them; progress.c is what they show meanwhile.
EXCEPT = ("src/util/log.c", "src/util/log.h", "src/util/options.c", "src/util/progress.c",
          "src/util/verb-main.c", "src/format/describe.c")

LOUD = re.compile(r"\b(v?f?printf|puts|fputs|putchar|perror|err|errx|warn|warnx|syslog|"
                  r"log_(?:full|error|warning|notice|info|debug|error_errno|diag|oom)|"
                  r"exit|_exit|abort|assert)\s*\(")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


faults = []
for name in house.tracked("*.c", "*.h"):
    if not name.startswith(BELOW) or name in EXCEPT:
        continue
    code = STRING.sub(blank, COMMENT.sub(blank, house.text(name)))
    for number, line in enumerate(code.splitlines(), 1):
        for match in LOUD.finditer(line):
            # A child between fork() and exec() can only end itself.
            if match.group(1) != "_exit":
                faults.append(f"{name}:{number}: {match.group(1)}()")
house.finish(faults, "quiet floors")
