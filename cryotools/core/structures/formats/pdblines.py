"""PDB text as a table of lines, to read and edit the columns of all atoms at once."""

from __future__ import annotations

import numpy as np

WIDTH = 80
_CASE_BIT = 0xDF  # clearing it makes a letter upper case, as the parser does to compare record names


class PdbLines:
    """The lines of PDB text.

    Attributes
    ----------
    text : uint8 (bytes + WIDTH,), padded with blanks; edited in place
    starts, ends : (m,), start of each line, and its end excluding the line break
    record : (m,), the first four letters of each line in capitals, as one number (`record_code`)
    atoms : (n,), indices of the ATOM and HETATM lines
    """

    def __init__(self, content: bytes) -> None:
        self._size = len(content)
        self.text = np.empty(self._size + WIDTH, dtype=np.uint8)
        self.text[: self._size] = np.frombuffer(content, np.uint8)
        self.text[self._size :] = ord(" ")
        breaks = np.flatnonzero(self.text[: self._size] == ord("\n"))
        self.starts = np.concatenate([[0], breaks + 1])
        self.ends = np.append(breaks, self._size)
        self.ends -= (self.ends > self.starts) & (self.text[self.ends - 1] == ord("\r"))
        letters = self.text[self.starts[:, None] + np.arange(4)]
        self.record = (letters & _CASE_BIT).view("<u4").ravel()
        self.atoms = np.flatnonzero((self.record == record_code("ATOM")) | (self.record == record_code("HETA")))

    def length(self, lines: np.ndarray) -> np.ndarray:
        """Number of characters in each of `lines`."""
        return self.ends[lines] - self.starts[lines]

    def columns(self, lines: np.ndarray) -> np.ndarray:
        """The first WIDTH characters (n, WIDTH) of `lines`; beyond the end of a line, those of the next line."""
        return np.lib.stride_tricks.sliding_window_view(self.text, WIDTH)[self.starts[lines]]

    def put(self, lines: np.ndarray, first: int, letters: bytes | np.ndarray) -> None:
        """Write `letters`, the same for all or one row (w,) each, into `lines` starting at column `first` (from 0)."""
        new = np.frombuffer(letters, np.uint8) if isinstance(letters, bytes) else letters
        self.text[self.starts[lines][:, None] + np.arange(first, first + new.shape[-1])] = new

    def words(self, line: int) -> list[str]:
        """The words of one line."""
        return bytes(self.text[self.starts[line] : self.ends[line]]).decode("latin-1").split()

    def part(self, first: int, end: int) -> bytes:
        """The text of lines `first` to `end` (exclusive), each with a line break."""
        stop = self.starts[end] if end < len(self.starts) else self._size
        content = self.text[self.starts[first] : stop].tobytes()
        return content if content.endswith(b"\n") or not content else content + b"\n"

    def whole(self) -> bytes:
        """All of the text."""
        return self.text[: self._size].tobytes()


def record_code(letters: str) -> int:
    """Four letters as a number, to compare with `PdbLines.record`; blanks count as absent."""
    return int.from_bytes(bytes(letter & _CASE_BIT for letter in letters.encode()), "little")
