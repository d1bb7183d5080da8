"""The processes of the gateway's benchmark: floor, upstream, gateway, load."""
