"""The benchmark: what a request costs in CPU, latency and memory, beside a peer in the same run.

* __main__           the sequence: upstream, gateway, peer, report
* exchange           what is asked, and what the upstream answers, byte by byte
* messages_exchange  the same in Anthropic's dialect
* upstream           the local provider, a process of its own that costs far less than a gateway
* load, connection   the clients, a process of their own
* answers, latency   is an answer whole; percentiles
* cases              the loads that are put on
* cpu                CPU and memory of a tree of processes
* children           starts, awaits and ends processes; small HTTP calls
* gateway, proof     Meterhouse under load, and the proof that it did all its work
* litellm            LiteLLM Proxy under the same load
* measure            one case on one target
* machine            what it ran on, and how fast that was
* bars               the figures asked for
* report             the tables, and docs/performance.md
"""
