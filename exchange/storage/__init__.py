"""Storage: the tables, their SQL, and the two engines behind one contract.

Owns every statement over Sealway's own tables. Refuses to decide anything: what to write is
decided by the ledger's pure functions and arrives here as rows.
"""
