"""The offline verifier: proves what a copied `data/` folder holds, trusting one pinned key.

Owns the proof and its report. Refuses to write into the folder, to call anything over a network
and to import the server: it needs the base install only. Invariant: whatever the database holds,
hostile bytes included, the outcome is a `Report`; each thing that is wrong is a `Finding`.
"""
