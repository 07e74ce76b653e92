"""Apache Kafka as a `MessageBus`: between gateways and the departments' deliverers.

Owns topics, records and readers on a cluster. Refuses to own what a payload is: wiring hands in a
codec. Kafka carries, the database waits: losing all of Kafka loses nothing.
"""
