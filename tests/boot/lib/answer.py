# SPDX-License-Identifier: LGPL-2.1-or-later
"""Types answers at the console of a machine, whoever asks.

    answer.py SOCKET PATTERN=ANSWER[|ANSWER...]...

Connects to the socket, reads what the machine prints, and when a pattern appears, types the next one of
its answers, or the last one again. Ends when the machine closes the socket.
"""

import re
import socket
import sys
import time

rules = [(re.compile(pattern.encode()), answers.encode().split(b"|"))
         for pattern, answers in (word.rsplit("=", 1) for word in sys.argv[2:])]
machine = socket.socket(socket.AF_UNIX)
for _ in range(100):
    try:
        machine.connect(sys.argv[1])
        break
    except OSError:
        time.sleep(0.1)
seen = b""
while True:
    data = machine.recv(4096)
    if not data:
        break
    seen += data
    for pattern, answers in rules:
        match = pattern.search(seen)
        if match:
            # Who asks may first throw away what was typed too early.
            time.sleep(1)
            machine.sendall((answers.pop(0) if len(answers) > 1 else answers[0]) + b"\n")
            print(f"answered {match.group().decode()}", flush=True)
            seen = b""
    seen = seen[-4096:]
