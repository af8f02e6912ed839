"""Benchmarks: each figure with its goal and with the ratio to a limit that was measured in the same run.

    make bench [ONLY=name] [BENCH_JSON=path]

They use a database of their own on the server they are given, and talk to nothing beyond loopback.
"""
