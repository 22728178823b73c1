"""Everything on one machine: NATS, ClickHouse and the services under one supervisor. Nobody imports it but the CLI.

* up                 the sequence: what is checked, what is started, what is shown
* children           which processes there are, and what each is told
* supervisor         starts, watches, restarts and stops processes; knows nothing of what they are
* nats_server        the nats-server binary and its configuration
* data_directory     the lock, the master key and the access files
* ports, probe       free ports; is somebody answering there
"""
