"""
Contract tests for adapters: every adapter, this project's and third-party ones, must pass them.

    class TestMyTransport(TransportContract):
        def build_transport(self, **options):
            return MyTransport(**options)
"""
