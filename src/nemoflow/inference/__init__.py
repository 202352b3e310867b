"""Talking to models: the client, the ledger of what was sampled, and the life of a teacher."""
