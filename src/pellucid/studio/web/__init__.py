"""The HTTP side: the server, its checks, the routes and the streams."""
