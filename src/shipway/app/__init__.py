"""The only room that knows all rooms: it reads the project, picks adapters by name, and holds the use cases."""
