"""The local web app: a server that queues the library's tasks, and a page that shows them."""
