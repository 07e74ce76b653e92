"""Whether one version of a schema may follow another, told truthfully.

Owns levels, policies, the judgement of one reading (who wrote by which version, who reads by
which) and what changed in words. Pure: bounded in steps here; bounded in time and memory by
the process that `sealway.comparing` puts it into. Invariant: a no carries an instance that the
validators judged; a yes is never given while such an instance is known.
"""
