"""How files of each format are read: by their content, in blocks where they may be large, and never by unpickling."""
