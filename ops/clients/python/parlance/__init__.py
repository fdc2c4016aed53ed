"""Client of the Parlance chat service: see Client in parlance.client, and docs/producer.md."""

from .client import Answer, Client, Delta, ParlanceError, Stream, Timeout, Usage

__all__ = ["Answer", "Client", "Delta", "ParlanceError", "Stream", "Timeout", "Usage"]
