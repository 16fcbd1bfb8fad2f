"""What theory promises of descent with momentum or without; each module registers its own."""

from __future__ import annotations
