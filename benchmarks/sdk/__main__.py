"""All figures of the SDK, one after the other.

python -m benchmarks.sdk
"""

from __future__ import annotations

from benchmarks.sdk import journal, leave, record, start


def main() -> None:
    """Measure and print."""
    for part in (start, record, leave, journal):
        print(f"\n== python -m {part.__name__}")
        part.main()


if __name__ == "__main__":
    main()
