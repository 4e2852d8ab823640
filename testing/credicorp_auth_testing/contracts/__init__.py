"""
Contract tests for adapters: every built-in and third-party adapter must pass them.

    class TestMyTransport(TransportContract):
        def build_transport(self, **options):
            return MyTransport(**options)
"""
