"""HTTP: the web server that predictions are asked through, and the client that moves its traffic."""
