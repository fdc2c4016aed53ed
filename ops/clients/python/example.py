#!/usr/bin/env python3
"""Asks the service one question, streams the answer and rates it: example.py [ENDPOINT]"""
import sys
from parlance import Client

with Client(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5580") as client:
    answer = client.stream("Rewrite this sentence in the past tense: She walks to school.", temperature=0)
    for delta in answer:
        print(delta, end="", flush=True)
    print()
    client.rate(answer.answer.turn, 5, comment="just right")
