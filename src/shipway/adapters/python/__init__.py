"""Any Python object that predicts, as its source and its state; loading it runs code, so a project has to allow it."""
