"""One file per command: its options, one call into the library, its output.

Nothing here imports numpy or torch at module level, so that `--help` is instant and the number of threads can
still be set.
"""
