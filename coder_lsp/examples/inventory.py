"""Keeps count of what lies in a warehouse, and says when to order again."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Item:
    """Something that is bought, stored and sold; prices are in cents."""

    name: str
    price: int
    quantity: int = 0
    reorder_level: int = 10

    def value(self) -> int:
        """Return what the stored quantity is worth."""
        return self.price * self.quantity

    def needs_reorder(self) -> bool:
        """Return whether the quantity has fallen below the level."""
        return self.quantity < self.reorder_level


@dataclass
class Inventory:
    """All items by name."""

    items: dict[str, Item] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """Add an item; a name that is taken already is an error."""
        if item.name in self.items:
            raise ValueError(f"There is an item named {item.name} already.")
        self.items[item.name] = item

    def remove(self, name: str, quantity: int) -> None:
        """Take some of an item out of the warehouse."""
        item = self.items[name]
        if quantity > item.quantity:
            raise ValueError(f"Only {item.quantity} of {name} are left.")
        item.quantity -= quantity

    def total_value(self) -> int:
        """Return what everything together is worth."""
        return sum(item.value() for item in self.items.values())

    def to_reorder(self) -> list[Item]:
        """Return the items that should be ordered again, by name."""
        low = [item for item in self.items.values() if item.needs_reorder()]
        return sorted(low, key=lambda item: item.name)


def report(items: Iterable[Item]) -> str:
    """Return one line for each item."""
    lines = []
    for item in items:
        price = f"{item.price / 100:.2f}"
        lines.append(f"{item.name:20} {item.quantity:6} {price:>10}")
    return "\n".join(lines)
