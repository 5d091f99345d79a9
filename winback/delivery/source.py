"""What is still to be sent, pulled one at a time; an error of its giver waits until what was begun is answered."""

from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


def always() -> bool:
    """Whether a message may begin, where nobody says otherwise."""
    return True


class Source(Generic[T]):
    """``over``: nothing is left; ``error``: what ended it early; ``pulled``: how many it gave."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)
        self.over, self.pulled = False, 0
        self.error: BaseException | None = None

    def pull(self) -> T | None:
        """The next item; None at the end."""
        try:
            item = next(self._items)
        except StopIteration:
            self.over = True
        except BaseException as error:
            self.over, self.error = True, error
        else:
            self.pulled += 1
            return item
        return None
