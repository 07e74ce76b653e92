"""Transparency-log formats: Merkle tree (RFC 6962), signed notes, checkpoints, proofs, leaves."""
