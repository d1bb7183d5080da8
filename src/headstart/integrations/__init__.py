"""What Headstart adds to the programs that call a model, and to their tests.

Nothing is imported here: a test run that has the pytest plugin installed pays for none of it.
"""
