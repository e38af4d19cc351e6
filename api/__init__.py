"""The edge of gridpilot: web application, dashboard, command line, jobs, demo, and the client SDK.

Import from the module that holds the thing, such as ``from api.client import GridPilot`` or
``from api.app import create_app``: nothing is imported here, so that the client costs no solver and no torch.
"""
